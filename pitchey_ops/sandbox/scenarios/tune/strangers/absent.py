"""A database that is not there, for all or for some."""

from .... import effects as fx
from ....builder import MINUTE, Builder, Entry, Fault, Silence, Tracked
from ....causes._who import felt, owners, writes
from ....scenario import Told
from ..unseen_once._parts import DATA, at_hour
from ._parts import deprecations, hourly_job, stranger, usual_guessers, yellow_index

CAUSE = "database_down"


def only_codes(b: Builder) -> Told:
    """The database is away for hours; it ships no log of its own, and those who ask it write codes only."""
    at_hour(b, 17.4)
    deprecations(b)
    span = b.until_mended(b.onset_ms, ramp_s=8.0)
    share = b.between("share", 0.93, 0.98)
    hits = fx.needing("database", share)
    fx.fail(
        b,
        Fault(
            key="only codes",
            hits=hits,
            span=span,
            status=503,
            took_ms=1050.0,
            body={"success": False, "code": "E_CONN"},
            entries=(
                Entry(
                    level="ERROR",
                    component="dal",
                    share=0.8,
                    texts=("E_CONN 08006 {route} {ms}ms", "E_CONN 08001 {route} try=3/3", "dal: rc=-2 sqlstate=08006"),
                ),
            ),
            tracked=Tracked(type="E_CONN", value="08006", culprit="acquire(src/dal/link)"),
        ),
    )
    fx.database(b, span, errorRate=share, activeConnections=0.0, queryCount=(1 - share, 0.0))
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P1")


def no_primary(b: Builder) -> Told:
    """The first server is lost and the second is not promoted: all can read, nobody can write."""
    at_hour(b, 15.2)
    yellow_index(b)
    span = b.until_mended(b.onset_ms, ramp_s=12.0)
    share = b.between("share", 0.9, 0.97)
    hits = {path: share for path in writes() if path not in ("/api/analytics/track", "/api/upload/presign")}
    fx.fail(
        b,
        Fault(
            key="no primary",
            hits=hits,
            span=span,
            status=500,
            took_ms=140.0,
            body={"success": False, "message": "Could not save"},
            entries=(
                Entry(
                    component="repo",
                    texts=(
                        "error: cannot execute INSERT in a read-only transaction code=25006 ({method} {route})",
                        "error: cannot execute UPDATE in a read-only transaction code=25006 ({method} {route})",
                    ),
                ),
            ),
            tracked=Tracked(
                type="error",
                value="cannot execute INSERT in a read-only transaction",
                culprit="Parser.parseErrorMessage(node_modules/pg-protocol)",
            ),
        ),
    )
    patroni = Entry(
        service="database",
        level="WARN",
        component="patroni",
        request=False,
        texts=(
            "no action. I am (pg-b-1), a secondary, and following a leader (pg-b-0)",
            "Request failed to pg-b-0: GET http://10.4.1.10:8008/patroni (Connection timed out)",
            "replication slot pg_b_1: could not receive data from WAL stream: connection timed out",
        ),
    )
    fx.say(b, "patroni", patroni, 5.0, span)
    fx.database(b, span, errorRate=(1.0, 0.16), queryCount=(0.84, 0.0))
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P1")


def arret(b: Builder) -> Told:
    """Somebody stopped the server for nine or ten minutes; it is back, and its words were French."""
    at_hour(b, 10.6)
    usual_guessers(b)
    end = b.now_ms - int(b.between("since", 8, 11) * MINUTE)
    span = b.until_mended(b.onset_ms, end, ramp_s=4.0)
    share = b.between("share", 0.91, 0.97)
    hits = fx.needing("database", share)
    fx.fail(
        b,
        Fault(
            key="arret",
            hits=hits,
            span=span,
            status=500,
            took_ms=210.0,
            entries=(
                Entry(
                    service="database",
                    level="FATAL",
                    component="postgres",
                    request=False,
                    share=0.7,
                    texts=(
                        "FATAL:  le système de bases de données s'arrête",
                        "FATAL:  arrêt des connexions suite à la demande de l'administrateur",
                    ),
                ),
                Entry(
                    component="prisma",
                    share=0.8,
                    texts=(
                        "P1001: Can't reach database server at `pg-par-1.internal:5432` ({route})",
                        "P1017: Server has closed the connection. ({method} {route})",
                    ),
                ),
            ),
            tracked=Tracked(
                type="PrismaClientInitializationError",
                value="P1001: Can't reach database server at `pg-par-1.internal:5432`",
                culprit="handleRequestError(@prisma/client)",
            ),
        ),
    )
    fx.database(b, span, errorRate=share, activeConnections=0.0, queryCount=(1 - share, 0.0))
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P2")


def one_region(b: Builder) -> Told:
    """One region has lost its line to the database; from elsewhere all is well, and the figures are not posted."""
    at_hour(b, 4.4)
    hourly_job(b)
    span = b.until_mended(b.onset_ms, ramp_s=30.0)
    share = b.between("share", 0.26, 0.36)
    hits = fx.needing("database", share)
    fx.fail(
        b,
        Fault(
            key="one region",
            hits=hits,
            span=span,
            status=500,
            took_ms=3050.0,
            entries=(
                Entry(
                    service="api-gateway",
                    component="upstream",
                    share=0.5,
                    texts=(
                        "OSError: [Errno 113] Connect call failed ('10.4.0.7', 5432) pop=sin1 {route}",
                        "asyncpg.exceptions.ConnectionDoesNotExistError: connection was closed in the middle of "
                        "operation pop=sin1",
                    ),
                ),
            ),
            tracked=Tracked(
                type="OSError",
                value="[Errno 113] Connect call failed ('10.4.0.7', 5432)",
                culprit="connect(asyncpg.connect_utils)",
                share=0.8,
            ),
        ),
    )
    fx.silence(b, Silence(key="one region", what="db_posts", span=span))
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P2")


SCENARIOS = (
    stranger(
        "odd_only_codes",
        "Database away for hours, codes only",
        CAUSE,
        only_codes,
        DATA,
        onset_min=(125, 150),
        beside=("clock_skew",),
    ),
    stranger(
        "odd_no_primary",
        "All can read, nobody can write",
        CAUSE,
        no_primary,
        DATA,
        onset_min=(14, 24),
        beside=("unrelated_deployment",),
    ),
    stranger("odd_arret", "Stopped, and back again", CAUSE, arret, DATA, onset_min=(19, 22)),
    stranger(
        "odd_one_region",
        "One region without a database",
        CAUSE,
        one_region,
        DATA,
        onset_min=(17, 28),
        beside=("crawler_visit",),
    ),
)
