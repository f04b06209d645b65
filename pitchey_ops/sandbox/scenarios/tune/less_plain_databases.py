"""The database in trouble, in other words and beside other things."""

from ... import effects as fx
from ...builder import MINUTE, Builder, Tracked
from ...causes import attack, database
from ...distractors import logs_unseen
from ...scenario import Scenario, Told

RUNBOOKS = ("triage", "outage", "error_rate", "database")
POOL_DB = (
    "Timed out fetching a new connection from the connection pool (timeout: 10, limit: 20)",
    "sorry, too many clients already",
)
POOL_CALLERS = ("P2024 while serving {route}: no connection within 10 s",)
POOL_TRACKED = Tracked(
    type="PrismaClientKnownRequestError",
    value="P2024 Timed out fetching a new connection",
    culprit="request(src/db/client)",
)


def leak(b: Builder) -> Told:
    """Connections leak away over ten minutes."""
    return database.pool_exhausted(
        b,
        share=b.between("share", 0.5, 0.75),
        ramp_s=600.0,
        db_texts=POOL_DB,
        caller_texts=POOL_CALLERS,
        tracked=POOL_TRACKED,
        status=500,
        wait_ms=8000.0,
    )


def pool_unseen(b: Builder) -> Told:
    """The pool is empty and the log store keeps nothing."""
    told = database.pool_exhausted(
        b,
        share=b.between("share", 0.45, 0.6),
        ramp_s=60.0,
        db_texts=POOL_DB,
        caller_texts=POOL_CALLERS,
        tracked=POOL_TRACKED,
    )
    logs_unseen(b)
    return told


def failover(b: Builder) -> Told:
    """The connection comes and goes every three minutes."""
    return database.database_down(
        b,
        share=b.between("share", 0.85, 0.97),
        every_s=180.0,
        on_s=100.0,
        ramp_s=0.0,
        db_texts=("Hyperdrive: failed to reach the origin database", "the database system is starting up"),
        caller_texts=("origin database unreachable ({method} {route})",),
        tracked=Tracked(
            type="HyperdriveError", value="failed to reach the origin database", culprit="connect(src/db/hyperdrive)"
        ),
    )


def down_and_guessed(b: Builder) -> Told:
    """The database is gone while somebody guesses passwords at leisure, as every day."""
    told = database.database_down(
        b,
        share=b.between("share", 0.9, 0.98),
        db_texts=("getaddrinfo ENOTFOUND db.pitchey.internal",),
        caller_texts=("no route to the database for {route}",),
        status=503,
        tracked=Tracked(type="Error", value="getaddrinfo ENOTFOUND db.pitchey.internal", culprit="lookup(src/db/pool)"),
    )
    attack.logins(
        b,
        key="idle guesser",
        addresses=fx.strangers(b, "idle", 1),
        agents=("curl/8.9.1",),
        accounts=["root", "test"],
        per_min=2.5,
    )
    return told


def recovered(b: Builder) -> Told:
    """Down for some minutes, back three minutes before somebody looks."""
    return database.database_down(
        b,
        share=b.between("share", 0.9, 0.97),
        end_ms=b.now_ms - 3 * MINUTE,
        db_texts=("server closed the connection unexpectedly", "connection to server was lost"),
        caller_texts=("lost the database while serving {route}",),
        tracked=Tracked(
            type="ConnectionError", value="server closed the connection unexpectedly", culprit="read(src/db/pool)"
        ),
    )


def bloat(b: Builder) -> Told:
    """A bloated table: reads crawl."""
    return database.slow(
        b,
        factor=b.between("factor", 5, 9),
        add_ms=b.between("add", 1200, 2400),
        timeouts=b.between("timeouts", 0.02, 0.05),
        slow_texts=("duration: {long_ms} ms statement: SELECT p.* FROM {table} p ORDER BY created_at",),
        timeout_texts=("query read timeout after 8000 ms ({table})",),
        ramp_s=420.0,
        tracked=Tracked(type="QueryReadTimeout", value="query read timeout", culprit="run(src/db/client)"),
    )


def blocked(b: Builder) -> Told:
    """A forgotten transaction holds the row that all writers need."""
    return database.locked(
        b,
        share=b.between("share", 0.5, 0.8),
        deadlocks=0.4,
        wait_ms=9000.0,
        ramp_s=20.0,
        lock_texts=(
            "could not obtain lock on row in relation {table}",
            "process {id} still waiting for ShareLock after {long_ms} ms",
        ),
        caller_texts=("write to {table} gave up after {long_ms} ms waiting",),
        tracked=Tracked(
            type="DatabaseError", value="could not obtain lock on row in relation", culprit="commit(src/db/client)"
        ),
    )


def code_first(b: Builder) -> Told:
    """The code went out before its migration."""
    return database.drifted(
        b,
        paths=("/api/investor/portfolio", "/api/investor/interest"),
        share=b.between("share", 0.9, 1.0),
        script=fx.PRODUCTION,
        message="investor scores (needs migration 0043)",
        lead_s=b.between("lead", 5, 30),
        db_texts=('relation "investor_scores" does not exist',),
        caller_texts=('error: relation "investor_scores" does not exist at character {n} ({route})',),
        tracked=Tracked(
            type="DatabaseError", value='relation "investor_scores" does not exist', culprit="run(src/db/client)"
        ),
    )


SCENARIOS = (
    Scenario(
        name="pool_leak",
        title="Connections leak away, analytics slow",
        cause="database_pool_exhausted",
        steps=leak,
        split="tune",
        runbooks=RUNBOOKS,
        onset_min=(14, 20),
        beside=("slow_sidekick",),
    ),
    Scenario(
        name="pool_unseen",
        title="Pool empty, log store blind",
        cause="database_pool_exhausted",
        steps=pool_unseen,
        split="tune",
        runbooks=RUNBOOKS,
    ),
    Scenario(
        name="database_flapping",
        title="Database comes and goes, 3 % of the log lost",
        cause="database_down",
        steps=failover,
        split="tune",
        runbooks=RUNBOOKS,
        beside=("logs_lost",),
    ),
    Scenario(
        name="database_down_and_guessed",
        title="Database gone while somebody guesses passwords",
        cause="database_down",
        steps=down_and_guessed,
        split="tune",
        runbooks=RUNBOOKS,
    ),
    Scenario(
        name="database_down_recovered",
        title="Database was down and is back",
        cause="database_down",
        steps=recovered,
        split="tune",
        runbooks=RUNBOOKS,
        onset_min=(11, 18),
    ),
    Scenario(
        name="database_bloat",
        title="Reads crawl, production was deployed half an hour before",
        cause="database_slow",
        steps=bloat,
        split="tune",
        runbooks=("triage", "performance", "database"),
        onset_min=(14, 20),
        beside=("harmless_production_deployment",),
    ),
    Scenario(
        name="database_blocked",
        title="A forgotten transaction blocks writers, a clock is wrong",
        cause="database_locked",
        steps=blocked,
        split="tune",
        runbooks=("triage", "error_rate", "database"),
        beside=("clock_skew",),
    ),
    Scenario(
        name="schema_code_first",
        title="Code before its migration, another service complains",
        cause="schema_drift",
        steps=code_first,
        split="tune",
        runbooks=("triage", "error_rate", "database"),
        beside=("noisy_neighbour",),
    ),
)
