# ruff: noqa: E501  (a line of a log is read best on one line)
"""
What systems say when they fail, in words that nobody wrote down for us: each is put where its standard puts it.

The lines are those of drivers, servers, browsers and providers' libraries, in several languages; none of them was a
scenario's. A line that is only noise is put nowhere.
"""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from pitchey_ops import frames
from pitchey_ops.findings import issues, kinds
from pitchey_ops.findings._troubles import SIGNALS, SUBJECTS, TROUBLES, VAGUE, signals_of

Line = tuple[str, str, str, str]
"""Service, component, level and message."""
SAID: dict[str, tuple[Line, ...]] = {
    "db_refused": (
        (
            "pitch",
            "repo",
            "error",
            'psycopg2.OperationalError: could not connect to server: Connection refused Is the server running on host "10.0.0.5" and accepting TCP/IP connections on port 5432?',
        ),
        ("pitch", "repo", "error", "dial tcp 10.0.0.5:5432: connect: no route to host"),
        ("pitch", "repo", "error", "dial tcp 10.0.0.5:3306: i/o timeout"),
        ("pitch", "db", "error", "SQLSTATE[HY000] [2002] Connection refused"),
        ("pitch", "db", "error", "SQLSTATE[HY000]: General error: 2006 MySQL server has gone away"),
        (
            "pitch",
            "db",
            "error",
            "Error: Connection lost: The server closed the connection. code: PROTOCOL_CONNECTION_LOST",
        ),
        ("creator", "prisma", "error", "Can't reach database server at `db.internal`:`5432`"),
        ("creator", "prisma", "error", "PrismaClientKnownRequestError P1017"),
        ("browse", "pg", "error", "Error: connect ETIMEDOUT 10.0.0.8:5432"),
        ("browse", "pg", "error", "Connection terminated due to connection timeout"),
        ("database", "postgres", "fatal", "the database system is in recovery mode"),
        ("database", "postgres", "fatal", "the database system is not yet accepting connections"),
        ("database", "postgres", "fatal", "FEHLER:  kann INSERT nicht in einer Read-Only-Transaktion ausführen"),
        ("database", "postgres", "fatal", "FATAL:  el sistema de base de datos se está apagando"),
        ("database", "postgres", "fatal", "FATAL:  система баз данных останавливается"),
        ("database", "postgres", "fatal", "FATAL:  データベースシステムは停止処理中です"),
        (
            "database",
            "postgres",
            "panic",
            'PANIC:  could not write to file "pg_wal/xlogtemp.123": No space left on device',
        ),
        ("pitch", "db", "error", "MongoServerSelectionError: connect ECONNREFUSED 127.0.0.1:27017"),
        ("pitch", "db", "error", "MongoNotPrimaryError: not primary"),
        ("pitch", "d1", "error", "D1_ERROR: Network connection lost."),
        ("pitch", "neon", "error", "NeonDbError: Error connecting to database: fetch failed"),
        ("pitch", "hyperdrive", "error", "Hyperdrive: Server connection attempt failed: connection_refused"),
        ("pitch", "jdbc", "error", "org.postgresql.util.PSQLException: The connection attempt failed."),
        ("pitch", "jdbc", "error", "com.mysql.cj.jdbc.exceptions.CommunicationsException: Communications link failure"),
        ("pitch", "ecto", "error", "** (DBConnection.ConnectionError) tcp recv: closed"),
        ("pitch", "ora", "error", "ORA-03113: end-of-file on communication channel"),
        ("pitch", "repo", "error", 'could not translate host name "db.internal" to address: Name or service not known'),
        (
            "pitch",
            "repo",
            "error",
            '{"err":{"code":"57P01","message":"terminating connection due to administrator command"}}',
        ),
        (
            "api-gateway",
            "upstream",
            "error",
            '{"level":50,"err":{"type":"AggregateError","code":"ECONNREFUSED","port":5432}}',
        ),
        (
            "pitch",
            "repository",
            "error",
            'connection to server at "10.2.0.4", port 5432 failed: server closed the connection unexpectedly',
        ),
        ("pitch", "store", "error", "tokio_postgres: error connecting to server: Host is down (os error 112)"),
        ("creator", "dal", "error", "EHOSTUNREACH 10.4.0.7 pg"),
        ("pitch", "typeorm", "error", "QueryFailedError: Connection terminated unexpectedly"),
        ("database", "patroni", "error", "demoted self because failed to update leader lock in DCS"),
        ("database", "etcd", "error", "no leader in cluster pg-main, members follow nobody"),
        ("pitch", "hyperdrive", "error", "Failed to acquire a connection to the origin: origin is unreachable"),
        (
            "pitch",
            "planetscale",
            "error",
            "unavailable: primary is not serving, there is a reparent operation in progress (vttablet)",
        ),
        ("investor", "db", "error", "Verbindung zum Server auf Socket wurde unterbrochen (5432)"),
        ("investor", "db", "error", "la connexion au serveur de base de données a été perdue"),
        ("database", "cockroach", "error", "lost quorum on range 71; 2 of 3 nodes unavailable"),
        (
            "pitch",
            "rds",
            "error",
            "Communication with rds proxy failed: target DB instance is in state failing-over (mysql)",
        ),
    ),
    "db_pool_saturated": (
        ("pitch", "hikari", "error", "HikariPool-1 - Connection is not available, request timed out after 30000ms."),
        (
            "pitch",
            "sqlalchemy",
            "error",
            "sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30.00",
        ),
        (
            "pitch",
            "ar",
            "error",
            "ActiveRecord::ConnectionTimeoutError: could not obtain a connection from the pool within 5.000 seconds",
        ),
        ("pitch", "db", "error", "SQLSTATE[HY000] [1040] Too many connections"),
        ("pitch", "db", "error", "SequelizeConnectionAcquireTimeoutError: Operation timeout"),
        ("pitch", "db", "error", "FATAL: désolé, trop de clients sont déjà connectés"),
        ("database", "postgres", "fatal", "FATAL:  verbleibende Verbindungs-Slots sind für Superuser reserviert"),
        ("pitch", "ecto", "error", "connection not available and request was dropped from queue after 2345ms"),
        (
            "pitch",
            "prisma",
            "error",
            "Timed out fetching a new connection from the connection pool. (More info: http://pris.ly/d/connection-pool (Current connection pool timeout: 10, connection limit: 5))",
        ),
        ("database", "pgbouncer", "warn", "pooler error: no more connections allowed (max_client_conn)"),
        (
            "pitch",
            "mongo",
            "error",
            "MongoWaitQueueTimeoutError: Timed out while checking out a connection from connection pool",
        ),
        ("pitch", "pool", "error", "12 callers queued for a pg client, none released in 10 s"),
        ("pitch", "sequelize", "error", "SequelizeConnectionAcquireTimeoutError"),
        ("database", "supavisor", "error", "Max client connections reached (pool_size 20)"),
        ("database", "pgcat", "error", "all servers in the pool are checked out, client gave up"),
        ("database", "postgres", "fatal", "FATAL:  lo siento, ya tenemos demasiados clientes"),
    ),
    "db_locks": (
        (
            "pitch",
            "db",
            "error",
            "SQLSTATE[40001]: Serialization failure: 1213 Deadlock found when trying to get lock; try restarting transaction",
        ),
        ("pitch", "db", "error", "ER_LOCK_WAIT_TIMEOUT: Lock wait timeout exceeded; try restarting transaction"),
        ("database", "postgres", "error", "FEHLER:  Verklemmung (Deadlock) entdeckt"),
        ("database", "postgres", "error", "ERREUR:  interblocage (deadlock) détecté"),
        ("database", "postgres", "error", "ERROR:  se ha detectado un deadlock"),
        (
            "database",
            "postgres",
            "error",
            "process 123 still waiting for ShareLock on transaction 999 after 1000.123 ms",
        ),
        ("pitch", "sqlite", "error", "SqliteError: database is locked (SQLITE_BUSY)"),
        (
            "pitch",
            "prisma",
            "error",
            "P2034: Transaction failed due to a write conflict or a deadlock. Please retry your transaction",
        ),
        ("pitch", "repo", "error", "pq: canceling statement due to lock timeout"),
        (
            "database",
            "postgres",
            "warn",
            "Process 7712 waits for AccessExclusiveLock on relation 16412; blocked by process 811",
        ),
        ("creator", "sequelize", "error", "SequelizeDatabaseError: Deadlock found when trying to get lock"),
        ("pitch", "ora", "error", "ORA-00054: resource busy and acquire with NOWAIT specified or timeout expired"),
    ),
    "db_slow": (
        ("pitch", "pg", "error", "canceling statement due to statement timeout"),
        (
            "database",
            "postgres",
            "error",
            "ERREUR:  annulation de la requête à cause du délai écoulé pour l'exécution de l'instruction",
        ),
        (
            "database",
            "postgres",
            "error",
            "ERROR:  cancelando la sentencia debido a que se agotó el tiempo de espera de sentencias",
        ),
        ("database", "postgres", "error", "ОШИБКА:  выполнение оператора отменено из-за тайм-аута"),
        ("pitch", "repo", "warn", "slow sql 4312ms SELECT * FROM pitches p JOIN users u ON u.id=p.owner"),
        ("pitch", "orm", "warn", "Query execution exceeded 5000ms: select distinct"),
        ("pitch", "repo", "warn", '{"event":"query","db":"main","durationMs":7123,"rows":20}'),
        (
            "pitch",
            "mysql",
            "error",
            "ER_QUERY_TIMEOUT: Query execution was interrupted, maximum statement execution time exceeded",
        ),
        ("pitch", "mongo", "error", "MongoServerError: operation exceeded time limit"),
        ("pitch", "repo", "warn", "select from pitches needed 6.2 s"),
        (
            "database",
            "pg_stat",
            "warn",
            '{"query":"SELECT id FROM pitches WHERE tags @> $1","mean_exec_time":4312.5,"calls":90}',
        ),
        ("pitch", "orm", "error", "Prisma P2028 Transaction API error: Transaction already closed: timeout 5000 ms"),
        ("database", "autovacuum", "warn", "long-running transaction 4411 s old blocks vacuum on pitches"),
        ("pitch", "sql", "warn", "[slow] 5123ms update investors set last_seen = now()"),
        ("pitch", "repo", "error", "context deadline exceeded: exec query pitches.list (pgx)"),
        ("database", "replica", "warn", "replay lag 92 s on replica pg-c-2"),
    ),
    "schema_errors": (
        ("pitch", "pg", "error", 'relation "pitch_stats" does not exist'),
        ("pitch", "mysql", "error", "ER_BAD_FIELD_ERROR: Unknown column 'p.logline' in 'field list'"),
        ("pitch", "mysql", "error", "ER_NO_SUCH_TABLE: Table 'pitchey.views' doesn't exist"),
        ("pitch", "sqlite", "error", "SQLITE_ERROR: no such column: budget_max"),
        ("pitch", "d1", "error", "D1_ERROR: no such table: pitch_views: SQLITE_ERROR"),
        ("pitch", "ar", "error", 'PG::UndefinedTable: ERROR:  relation "x" does not exist'),
        ("database", "postgres", "error", "ERREUR:  la colonne « logline » n'existe pas"),
        ("database", "postgres", "error", "ERROR:  no existe la relación «pitches_v2»"),
        ("database", "postgres", "error", 'ОШИБКА:  столбец "logline" не существует'),
        ("pitch", "prisma", "error", "The column `pitches.logline` does not exist in the current database. P2022"),
        (
            "pitch",
            "prisma",
            "error",
            "Inconsistent column data: Conversion failed: expected float, found string (P2023)",
        ),
        (
            "pitch",
            "sqlx",
            "error",
            'error occurred while decoding column "budget": mismatched types; Rust type `f64` is not compatible with SQL type `NUMERIC`',
        ),
        (
            "pitch",
            "go",
            "error",
            'sql: Scan error on column index 3, name "budget": converting driver.Value type string to a int64',
        ),
        (
            "pitch",
            "jdbc",
            "error",
            'ERROR: column "state" is of type pitch_state but expression is of type character varying',
        ),
        ("pitch", "pg", "error", 'null value in column "owner_id" of relation "pitches" violates not-null constraint'),
        ("pitch", "pg", "error", 'invalid input value for enum pitch_state: "shelved"'),
        ("pitch", "pg", "error", "function similarity(text, unknown) does not exist"),
        ("pitch", "repo", "error", "sqlstate=42883"),
        ("pitch", "repo", "error", 'error: missing FROM-clause entry for table "p2" (42P01)'),
        ("investor", "typeorm", "error", 'EntityMetadataNotFoundError: column "risk_band" not found in Investor'),
        (
            "pitch",
            "sqlalchemy",
            "error",
            "sqlalchemy.exc.ProgrammingError: (psycopg.errors.UndefinedColumn) column pitches.slug does not exist",
        ),
        (
            "pitch",
            "migrate",
            "error",
            "migration 0093 is recorded as applied but its checksum differs (schema version 92)",
        ),
        ("database", "postgres", "error", "ERROR:  la columna «presupuesto» no existe"),
        ("pitch", "mysql", "error", "Data truncated for column 'state' at row 1 (1265)"),
        ("pitch", "repo", "error", '22P02 invalid input syntax for type uuid: "u00042"'),
    ),
    "credentials_rejected": (
        ("pitch", "pg", "error", 'password authentication failed for user "pitchey"'),
        (
            "pitch",
            "mysql",
            "error",
            "ER_ACCESS_DENIED_ERROR: Access denied for user 'app'@'10.0.0.4' (using password: YES)",
        ),
        ("database", "postgres", "fatal", "FATAL:  la autentificación password falló para el usuario «app»"),
        ("database", "postgres", "fatal", 'FATAL:  пользователь "app" не прошёл проверку подлинности (по паролю)'),
        ("database", "postgres", "error", "permission denied for table pitches"),
        ("database", "postgres", "error", "FEHLER:  keine Berechtigung für Tabelle pitches"),
        ("cache", "redis", "error", "WRONGPASS invalid username-password pair or user is disabled."),
        ("cache", "redis", "error", "NOAUTH Authentication required."),
        ("cache", "redis", "error", "NOPERM this user has no permissions to run the 'set' command"),
        (
            "upload",
            "s3",
            "error",
            "InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records.",
        ),
        ("upload", "s3", "error", "AccessDenied: Access Denied"),
        (
            "upload",
            "s3",
            "error",
            "SignatureDoesNotMatch: The request signature we calculated does not match the signature you provided.",
        ),
        ("upload", "r2", "error", "r2: getObject: Unauthorized (10002)"),
        ("email", "smtp", "error", "Invalid login: 535-5.7.8 Username and Password not accepted."),
        ("payments", "stripe", "error", "StripeAuthenticationError: Invalid API Key provided: sk_live_****"),
        ("payments", "stripe", "error", "Expired API Key provided: rk_live_****"),
        (
            "email",
            "sendgrid",
            "error",
            'sendgrid responded 401 {"errors":[{"message":"The provided authorization grant is invalid, expired, or revoked"}]}',
        ),
        ("notification", "fcm", "error", "fcm 401 UNAUTHENTICATED: Request had invalid authentication credentials."),
        ("notification", "apns", "error", "apns 403 ExpiredProviderToken"),
        ("auth", "oidc", "error", "invalid_client: Client authentication failed"),
        ("search", "algolia", "error", "Invalid Application-ID or API key (403)"),
        ("pitch", "grpc", "error", "rpc error: code = Unauthenticated desc = invalid API key for provider"),
        ("pitch", "pg", "error", "x509: certificate has expired or is not yet valid: db.internal:5432"),
        ("pitch", "pg", "error", "error: SSL error: certificate verify failed (postgres)"),
        ("pitch", "vault", "error", "vault: permission denied: token expired"),
        ("upload", "sts", "error", "ExpiredTokenException: The security token included in the request is expired"),
        (
            "pitch",
            "repo",
            "error",
            'pg: no PostgreSQL user name specified in startup packet; role "app" is not permitted to log in',
        ),
        (
            "upload",
            "minio",
            "error",
            "The Access Key Id you provided does not exist in our records. (InvalidAccessKeyId)",
        ),
        (
            "email",
            "ses",
            "error",
            "SES: 403 InvalidClientTokenId: The security token included in the request is invalid.",
        ),
        ("auth", "entra", "error", "AADSTS7000215: Invalid client secret provided."),
        ("notification", "apns", "error", "apns: InvalidProviderToken (403)"),
        ("cache", "redis", "error", "ERR invalid password"),
    ),
    "cache_errors": (
        ("browse", "redis", "error", "ReplyError: READONLY You can't write against a read only replica."),
        ("browse", "redis", "error", "CLUSTERDOWN The cluster is down"),
        (
            "browse",
            "redis",
            "error",
            "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
        ),
        (
            "browse",
            "redis",
            "error",
            "MaxRetriesPerRequestError: Reached the max retries per request limit (which is 20).",
        ),
        (
            "browse",
            "redis",
            "error",
            "redis.exceptions.ConnectionError: Error 111 connecting to 10.0.0.9:6379. Connection refused.",
        ),
        ("browse", "lookup", "error", "dial tcp 10.0.0.9:6379: connect: connection refused"),
        ("browse", "memcached", "error", "memcache: no servers configured or available"),
        ("browse", "kv", "error", "KV GET failed: 500 Internal Server Error"),
        ("browse", "kv", "error", "KV PUT failed: 429 Too Many Requests"),
        ("browse", "kv", "warn", "kv.get PITCHES took 3121ms"),
        ("browse", "cache", "warn", "cache stampede: 312 loaders for key trending"),
        ("browse", "jedis", "error", "JedisConnectionException: Could not get a resource from the pool"),
        (
            "browse",
            "upstash",
            "error",
            "UpstashError: ERR max daily request limit exceeded. Limit: 10000, Usage: 10000.",
        ),
        ("browse", "valkey", "error", "ETIMEDOUT valkey command GET browse:1"),
        ("cache", "redis", "error", "Error: Socket closed unexpectedly (redis 10.30.2.8)"),
        ("browse", "kv", "warn", '{"kv":"PITCH_CACHE","op":"get","elapsed_ms":4120}'),
        ("browse", "kv", "error", "KV list() exceeded the daily limit"),
        ("cache", "redis", "warn", "keyspace hit ratio 0.08 (was 0.93), evicted 51k keys/min"),
        ("browse", "cache-api", "error", "caches.default.put failed: internal error; reference = abc"),
    ),
    "storage_errors": (
        ("upload", "s3", "error", "SlowDown: Please reduce your request rate."),
        ("upload", "s3", "error", "InternalError: We encountered an internal error. Please try again."),
        ("upload", "s3", "error", "ServiceUnavailable: Reduce your request rate"),
        (
            "upload",
            "s3",
            "error",
            "RequestTimeout: Your socket connection to the server was not read from or written to within the timeout period.",
        ),
        ("upload", "s3", "error", "NoSuchBucket: The specified bucket does not exist"),
        ("upload", "r2", "error", "R2 put: internal error (10001)"),
        ("upload", "r2", "error", "put: We encountered an internal error. Please try again. (10001)"),
        (
            "upload",
            "media",
            "error",
            'botocore.exceptions.ConnectTimeoutError: Connect timeout on endpoint URL: "https://acct.r2.cloudflarestorage.com/media"',
        ),
        ("upload", "media", "error", "getaddrinfo ENOTFOUND acct.r2.cloudflarestorage.com"),
        ("upload", "media", "error", "InsufficientStorage: 507 bucket quota exceeded"),
        ("upload", "media", "error", "XMinioStorageFull"),
        ("upload", "media", "error", "storage: object media/12.mp4 checksum mismatch"),
        (
            "upload",
            "gcs",
            "error",
            "googleapi: Error 503: We encountered an internal error. Please try again., backendError (storage.objects.get)",
        ),
        ("upload", "uppy", "error", "part 7 of upload up_991 rejected: 503 from bucket media"),
        ("upload", "r2", "warn", "R2 head took 8.1 s for media/99/poster.webp"),
        ("upload", "gcs", "error", "503 backendError while writing object to gs://pitchey-media"),
        (
            "upload",
            "stream",
            "error",
            "The operation was aborted: body of GetObject ended after 1048576 of 7340032 bytes",
        ),
        ("upload", "azure", "error", "Azure Blob: ServerBusy, operations per second is over the account limit (503)"),
    ),
    "third_party_errors": (
        (
            "payments",
            "stripe",
            "error",
            "StripeAPIError: An error occurred with our connection to Stripe. Request was retried 2 times.",
        ),
        ("payments", "stripe", "error", "stripe: 503 Service Unavailable"),
        ("email", "resend", "error", "resend: ECONNRESET after 10000 ms"),
        ("email", "smtp", "error", "421 4.7.0 Temporary System Problem. Try again later (sendgrid)"),
        ("notification", "twilio", "error", "Twilio error 20429 Too Many Requests"),
        ("media", "mux", "error", "mux.com api answered 502"),
        ("auth", "auth0", "error", "auth0 userinfo timed out after 5000ms"),
        ("payments", "paypal", "error", "PayPal: INTERNAL_SERVICE_ERROR debug_id=abc"),
        ("api-gateway", "geo", "error", "maxmind lookup: upstream 504"),
        (
            "payments",
            "adyen",
            "error",
            "Adyen HttpClientException: 500 Internal error at https://checkout-live.adyen.com",
        ),
        ("search", "openai", "error", "OpenAI APIError: 529 overloaded_error"),
        (
            "pitch",
            "http",
            "error",
            "FetchError: request to https://api.tmdb.org/3/search failed, reason: connect ETIMEDOUT 104.16.1.1:443",
        ),
        ("pitch", "http", "error", "TLS handshake timeout: api.docusign.net"),
        ("payments", "checkout", "error", "stripe.paymentIntents.create -> 500 (req_abc), idempotency replay also 500"),
        ("messaging", "sms", "error", "vonage: throttled, status=1"),
        ("api-gateway", "geo", "error", "ipinfo.io answered 502 three times"),
        ("email", "mailer", "error", "smtp relay of mailgun closed the connection before DATA"),
        ("nda", "docusign", "error", "docusign envelope create: gateway timeout"),
        ("analytics", "segment", "error", "segment.io batch rejected 503, 400 events requeued"),
    ),
    "worker_limits": (
        ("pitch", "worker", "error", "Worker exceeded CPU time limit."),
        ("pitch", "worker", "error", "Worker exceeded memory limit."),
        ("pitch", "worker", "error", "Error: Too many subrequests."),
        ("pitch", "worker", "error", "The script will never generate a response."),
        (
            "pitch",
            "worker",
            "error",
            "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
        ),
        ("pitch", "runtime", "error", "Error: Exceeded CPU Limit (1102)"),
        ("pitch", "runtime", "error", "outcome=exceededCpu cpuMs=50"),
        ("creator", "runtime", "error", "This Worker made too many subrequests: 1000"),
    ),
    "token_signature_errors": (
        ("auth", "jwt", "error", "JWSSignatureVerificationFailed: signature verification failed"),
        ("auth", "jwt", "error", "JsonWebTokenError: invalid signature"),
        ("auth", "jwt", "error", "TokenExpiredError: jwt expired; NotBeforeError: jwt not active"),
        ("auth", "jwt", "error", "kid not found in JWKS: 2026-11"),
        ("auth", "jwt", "error", "jwt audience invalid. expected: https://api"),
        ("auth", "jose", "error", "ERR_JWKS_NO_MATCHING_KEY"),
        ("auth", "session", "error", "cookie could not be decrypted: key id 7 unknown"),
    ),
    "alerts_failing": (
        ("alerts", "pagerduty", "error", "pagerduty enqueue 400: Invalid routing key"),
        ("alerts", "slack", "error", "slack chat.postMessage: channel_not_found"),
        ("alerts", "slack", "error", "slack webhook answered 410 no_service"),
        ("alerts", "opsgenie", "warn", "OpsGenie 403 Forbidden: api key not authorised"),
        ("alerts", "smtp", "error", "alert mail to oncall@pitchey.example not sent: 554 5.7.1 relay access denied"),
        ("alerts", "sms", "error", "paging sms could not be delivered: carrier rejected"),
        ("alerts", "teams", "error", "Teams connector returned 413 for alert high-error-rate"),
        ("alerts", "router", "error", "no receiver for severity critical: integration pd-main disabled"),
        ("alerts", "slack", "warn", "slack answered not_in_channel for #incidents"),
    ),
    "log_flow_stopped": (
        ("logs", "ingest", "error", "ingest queue full, dropped 500 entries"),
        ("logs", "sink", "error", "write to log store failed: 429, 120 lines lost"),
    ),
    "cors_errors": (
        (
            "frontend",
            "browser",
            "error",
            "Access to fetch at 'https://api' from origin 'https://x' has been blocked by CORS policy",
        ),
        (
            "frontend",
            "browser",
            "error",
            "Blocage d’une requête multiorigine (Cross-Origin Request) : la politique « Same Origin » ne permet pas de consulter la ressource distante située sur https://api. Raison : l’en-tête CORS « Access-Control-Allow-Origin » est manquant.",
        ),
        (
            "frontend",
            "browser",
            "error",
            "Solicitud desde otro origen bloqueada: la política de mismo origen impide leer el recurso remoto en https://api (razón: falta la cabecera CORS 'Access-Control-Allow-Origin').",
        ),
        ("frontend", "browser", "error", "Origin https://app is not allowed by Access-Control-Allow-Origin."),
        (
            "frontend",
            "browser",
            "error",
            "クロスオリジン要求をブロックしました: 同一生成元ポリシーにより、https://api にあるリモートリソースの読み込みは拒否されます (理由: CORS ヘッダー ‘Access-Control-Allow-Origin’ が足りない)。",
        ),
        ("frontend", "browser", "error", "Fetch API cannot load https://api/x due to access control checks."),
        ("frontend", "browser", "error", "Response to preflight has invalid HTTP status code 403"),
    ),
    "chunk_errors": (
        ("frontend", "browser", "error", "ChunkLoadError: Loading chunk 412 failed."),
        ("frontend", "browser", "error", "Failed to fetch dynamically imported module: https://pitchey/assets/x.js"),
        (
            "frontend",
            "browser",
            "error",
            "Laden fehlgeschlagen für das <script> mit der Quelle „https://pitchey/assets/index.js“.",
        ),
        (
            "frontend",
            "browser",
            "error",
            "Échec du chargement pour l’élément <script> dont la source est « https://pitchey/assets/index.js ».",
        ),
        ("frontend", "browser", "error", "Falló la carga del <script> con origen “https://pitchey/assets/index.js”."),
        ("frontend", "browser", "error", "GET https://pitchey/assets/index.js net::ERR_CONNECTION_RESET"),
        (
            "frontend",
            "browser",
            "error",
            "Failed to load resource: the server responded with a status of 404 () index-abc.css",
        ),
        (
            "frontend",
            "browser",
            "error",
            "Refused to execute script from 'https://pitchey/a.js' because its MIME type ('text/html') is not executable",
        ),
        ("frontend", "browser", "error", "Failed to find a valid digest in the 'integrity' attribute for resource"),
        ("frontend", "browser", "error", "error loading dynamically imported module: https://pitchey/assets/x.js"),
        ("frontend", "browser", "error", "Unable to preload CSS for /assets/x.css"),
        ("frontend", "browser", "error", "SyntaxError: Unexpected token '<'"),
        (
            "frontend",
            "browser",
            "error",
            'downloadable font: download failed (font-family: "Inter") source: https://pitchey/f.woff2',
        ),
        (
            "frontend",
            "browser",
            "error",
            'Das Laden des Moduls von „https://pitchey/assets/x.js“ wurde auf Grund eines nicht freigegebenen MIME-Typs ("text/html") blockiert.',
        ),
        (
            "frontend",
            "browser",
            "error",
            "window.onerror: Script error loading https://cdn.pitchey.example/app.9f.js (status 403)",
        ),
        ("frontend", "browser", "warn", "net::ERR_HTTP2_SERVER_REFUSED_STREAM /assets/vendor-44.js"),
        ("frontend", "browser", "error", "NS_ERROR_CORRUPTED_CONTENT https://pitchey.pages.dev/assets/index-4f.js"),
        ("frontend", "browser", "error", "Loading CSS chunk 8 failed. (/assets/8.css)"),
        (
            "frontend",
            "browser",
            "error",
            "Caricamento non riuscito per lo <script> con sorgente “https://pitchey/a.js”.",
        ),
    ),
    "js_errors_new": (
        ("frontend", "browser", "error", "TypeError: Cannot read properties of undefined (reading 'map')"),
        ("frontend", "browser", "error", "ReferenceError: structuredClone is not defined"),
        ("frontend", "browser", "error", "Minified React error #418"),
        ("frontend", "browser", "error", "TypeError: undefined is not an object (evaluating 'e.pitch.id')"),
        ("frontend", "browser", "error", "Uncaught Error: Element type is invalid: expected a string"),
        ("frontend", "browser", "error", 'TypeError: can\'t access property "title", a is null'),
        (
            "frontend",
            "browser",
            "error",
            "Hydration failed because the initial UI does not match what was rendered on the server.",
        ),
        ("frontend", "browser", "error", "RangeError: Maximum call stack size exceeded"),
        (
            "frontend",
            "browser",
            "error",
            "Unhandled Promise Rejection: TypeError: null is not an object (evaluating 'r.budget.toFixed')",
        ),
    ),
    "code_exceptions_new": (
        ("pitch", "handler", "error", "TypeError: Cannot read properties of undefined (reading 'id')"),
        ("pitch", "handler", "error", "KeyError: 'budget'"),
        ("pitch", "handler", "error", "panic: runtime error: index out of range [3] with length 3"),
        ("pitch", "handler", "error", 'java.lang.NullPointerException: Cannot invoke "String.length()"'),
        ("pitch", "handler", "error", "AttributeError: 'NoneType' object has no attribute 'title'"),
        ("pitch", "handler", "error", "Error: Cannot find module './rates'"),
        ("pitch", "handler", "error", "undefined method `title' for nil:NilClass (NoMethodError)"),
        ("pitch", "handler", "error", "thread 'main' panicked at 'called `Option::unwrap()` on a `None` value'"),
        (
            "pitch",
            "handler",
            "error",
            "System.NullReferenceException: Object reference not set to an instance of an object.",
        ),
        ("pitch", "handler", "error", "json: cannot unmarshal string into Go struct field Pitch.budget of type int"),
        (
            "pitch",
            "handler",
            "error",
            "Fatal error: Uncaught ArgumentCountError: Too few arguments to function render()",
        ),
        ("pitch", "handler", "error", "AssertionError [ERR_ASSERTION]: rates.length > 0"),
        ("pitch", "handler", "error", "RangeError: Invalid time value"),
        ("pitch", "handler", "error", "UnhandledPromiseRejection: rates is not iterable"),
        ("pitch", "handler", "error", "zod: invalid response of own handler: expected object, received undefined"),
        ("pitch", "handler", "error", "ValueError: time data '2026-13-01' does not match format"),
        ("pitch", "handler", "error", "ImportError: cannot import name 'rates'"),
    ),
    "rate_bypass_seen": (
        ("api-gateway", "limits", "warn", "x-forwarded-for of 1.2.3.4 not from a trusted proxy, limit key spoofed"),
        ("api-gateway", "limits", "warn", "142 addresses share session s_81 within a minute"),
        ("api-gateway", "limits", "warn", "rate limit not applied to HEAD /api/pitches (312 a minute by 4.4.4.4)"),
        ("api-gateway", "limits", "warn", "limiter key empty for /API/pitches, request let through"),
    ),
    "auth_failing": (
        ("auth", "session", "error", "session store refused refresh for u00042"),
        ("auth", "oauth", "error", "oauth callback: state parameter missing"),
    ),
}

# what is said on any day, and is nobody's trouble
NOISE: tuple[Line, ...] = (
    ("api-gateway", "limits", "warn", "client 62.1.1.1 throttled (bucket app, 20 per minute)"),
    ("api-gateway", "router", "warn", "client closed request before the answer, 640 ms"),
    ("payments", "stripe", "warn", "card declined intent=pi_1 code=insufficient_funds"),
    ("email", "sender", "warn", "soft bounce from post.example: mailbox full"),
    ("security", "waf", "warn", "blocked request from 109.70.5.95: managed rule 942100"),
    ("auth", "login", "warn", "login failed for dana: invalid credentials"),
    ("notification", "push", "warn", "push subscription gone for u01053"),
    ("pitch", "http", "warn", "POST /api/pitches/create 422 9ms"),
    ("search-index", "elastic", "warn", "reindex postponed, 12 shards relocating"),
    ("creator", "runtime", "warn", "(node:7) [DEP0169] DeprecationWarning: `url.parse()` behavior is not standardized"),
    ("pitch", "media", "warn", "thumbnail missing for pitch 56781, using the placeholder"),
    ("upload", "http", "warn", "POST /api/upload/complete 413 8ms"),
    ("email", "sender", "warn", "deferred by mail.example: greylisted, trying again"),
    ("websocket", "rooms", "warn", "room screening constructed again, 29 sockets to be restored"),
    ("pitch", "import", "warn", "import nff-2026-11: 4 titles known, kept as they were"),
    ("security", "waf", "warn", "challenge solved by 81.2.3.4"),
    ("payments", "stripe", "warn", "card_declined: expired_card for pi_1"),
)


def put(lines: tuple[Line, ...]) -> list[str | None]:
    """Return the signal that each line gives: by a kind's wording, else by subject and trouble."""
    rows = [
        {"at": datetime(2026, 11, 23, tzinfo=UTC), "service": s, "component": c, "level": level, "message": message}
        for s, c, level, message in lines
    ]
    logs = pl.DataFrame([{name: row.get(name) for name in frames.LOGS} for row in rows], schema=frames.LOGS)
    texts = kinds._texts(logs)
    assert texts.height == len(lines)
    found: list[str | None] = [None] * len(lines)
    claimed = pl.Series([False] * len(lines))
    fits = kinds._fits(texts)
    for kind in kinds.KINDS:
        mine = fits(kind) & ~claimed
        claimed = claimed | mine
        for place in mine.arg_true():
            found[place] = kind.signal
    told = signals_of(texts.get_column("text"))
    for place, (signal, trouble, _) in enumerate(told.iter_rows()):
        vague = trouble == VAGUE and not texts["hard"][place]
        if found[place] is None and not texts["frontend"][place] and not vague:
            found[place] = signal
    return found


@pytest.mark.parametrize("signal", sorted(SAID))
def test_words_that_follow_a_standard_are_put_where_it_says(signal: str) -> None:
    """Nobody can list all wordings; errnos, SQLSTATEs, ports, drivers and grammar are few."""
    lines = SAID[signal]
    told = put(lines)
    wrong = [(got, line[3]) for got, line in zip(told, lines, strict=True) if got != signal]
    assert wrong == []


def test_what_is_said_on_any_day_is_put_nowhere() -> None:
    """A full mailbox, a declined card, a mistyped password: words of trouble, and nobody's."""
    assert [(got, line[3]) for got, line in zip(put(NOISE), NOISE, strict=True) if got] == []


@pytest.mark.parametrize(
    ("message", "signal"),
    [
        ("the pool of volunteers is exhausted by 5 o'clock", None),
        ("select a plan from the list and set it as your default", None),
        ("room 5432 is full", None),
        ("user wrote: connection refused by my agent", None),
    ],
)
def test_prose_is_no_subject_of_ours(message: str, signal: str | None) -> None:
    """Pitches are about anything; a line about people names neither driver nor store."""
    line = (("messaging", "chat", "warn", message),)
    assert put(line) == [signal]


@pytest.mark.parametrize(
    "message",
    [
        "Servlet.service() for servlet [dispatcherServlet] in context with path [] threw exception [Request processing"
        " failed; nested exception is java.lang.IllegalStateException: No instances available for ts-food-service]",
        "RuntimeError: connection refused by 10.2.0.7",
        "[getAllFood][Get the Get Food Request Failed!][foodStoresListResult is null][tripId: D1345]",
        "ValidationException: upstream unavailable",
    ],
)
def test_what_became_of_somebody_else_is_no_fault_of_this_code(message: str) -> None:
    """An exception that hands on that a neighbour was away once made every network fault a bad deployment."""
    assert put((("pitch", "handler", "error", message),)) != ["code_exceptions_new"]


def test_what_a_visitors_own_extension_throws_is_nobodys_trouble() -> None:
    """It throws on every site that its owner opens; where a file of ours stands in the stack, it may hide our fault."""
    rows = [
        {"at": datetime(2026, 11, 23, tzinfo=UTC), "service": "frontend", "level": "error", "message": message}
        for message in (
            "TypeError: o is null at chrome-extension://gkdmlpno/content.js:1:9",
            "ResizeObserver loop completed with undelivered notifications.",
            "TypeError: o is null at /assets/index-4f9c2a1b.js:1:9",
            "TypeError: o is null at /assets/index-4f9c2a1b.js:1:9 at chrome-extension://gkdmlpno/wrap.js:4:1",
        )
    ]
    logs = pl.DataFrame([{name: row.get(name) for name in frames.LOGS} for row in rows], schema=frames.LOGS)

    assert kinds._texts(logs).height == 2
    assert kinds._texts(logs.with_columns(service=pl.lit("pitch"))).height == 4


def test_a_cache_that_does_not_have_it_yet_is_not_failing() -> None:
    """A miss is what a cache says on any day, and all day after a release."""
    assert put((("cache", "kv", "warn", "cache miss key=v9:browse:1f (warming, expected)"),)) == [None]
    assert put((("cache", "kv", "warn", "kv get failed key=v9:browse:1f: timed out"),)) == ["cache_errors"]


@pytest.mark.parametrize(
    ("title", "frontend", "signal"),
    [
        ("OSError: [Errno 113] Connect call failed ('10.4.0.7', 5432)", False, "db_refused"),
        ("ResourceError: net::ERR_CONTENT_DECODING_FAILED /assets/index-4f9c2a1b.js", True, "chunk_errors"),
        ("glorp of the third kind", False, None),
        ("[Errno 113] in a browser's own words, port 5432", True, "js_errors_new"),
    ],
)
def test_titles_of_the_tracker_are_put_as_lines_are(title: str, frontend: bool, signal: str | None) -> None:
    """What services keep silent about may stand in the tracker alone; a browser has no port of a database."""
    assert issues._kinds([title], [frontend]) == [signal]


def test_every_pair_of_subject_and_trouble_is_a_known_one() -> None:
    """A misspelt trouble in the table would be evidence that nobody hears."""
    assert set(SIGNALS) == {place.name for place in SUBJECTS}
    assert {name for row in SIGNALS.values() for name in row} <= {place.name for place in TROUBLES}
    known = {kind.signal for kind in kinds.KINDS}
    assert {signal for row in SIGNALS.values() for signal in row.values()} <= known


def test_no_text_gives_no_signal() -> None:
    """An empty log says nothing, and a line without words neither."""
    assert signals_of(pl.Series([], dtype=pl.String)).is_empty()
    assert signals_of(pl.Series([None, "", "{}"], dtype=pl.String)).get_column("signal").to_list() == [None] * 3
