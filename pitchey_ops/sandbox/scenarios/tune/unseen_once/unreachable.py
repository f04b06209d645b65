"""Nobody answers at the database's address."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Tracked
from ....causes import database
from ....scenario import Told
from ._parts import DATA, at_hour, doorknobs, elsewhere, frontend_deployed, judged, no_figures

CAUSE = "database_down"


def quota(b: Builder) -> Told:
    """The provider switched the compute off in the small hours."""
    at_hour(b, 3.2)
    return database.database_down(
        b,
        share=b.between("share", 0.93, 0.99),
        took_ms=240.0,
        db_texts=(
            "NeonDbError: Your project has exceeded the compute time quota. Upgrade your plan to increase limits.",
            "NeonDbError: The endpoint has been disabled. Enable it using Neon API and retry.",
        ),
        caller_texts=("cannot serve {route}: Error connecting to database: endpoint has been disabled",),
        tracked=Tracked(type="NeonDbError", value="The endpoint has been disabled.", culprit="neon(src/db/serverless)"),
    )


def crashing(b: Builder) -> Told:
    """The server crashes on some statement, recovers, and crashes again."""
    at_hour(b, 16.0)
    return database.database_down(
        b,
        share=b.between("share", 0.85, 0.95),
        ramp_s=0.0,
        every_s=300.0,
        on_s=b.between("on", 70, 120),
        took_ms=90.0,
        db_texts=(
            "FATAL: the database system is in recovery mode (SQLSTATE 57P03)",
            "WARNING: terminating connection because of crash of another server process",
            "server process (PID {id}) was terminated by signal 11: Segmentation fault",
        ),
        caller_texts=("57P03 while serving {method} {route}",),
        tracked=Tracked(
            type="error",
            value="the database system is in recovery mode",
            culprit="Parser.parseErrorMessage(node_modules/pg-protocol)",
        ),
    )


def replica(b: Builder) -> Told:
    """The read replica is gone; what asks the primary goes on."""
    elsewhere(b)
    paths = ("/api/pitches/search", "/api/browse", "/api/pitches/trending")
    span = b.until_mended(b.onset_ms, ramp_s=10.0)
    hits = {"/api/pitches/search": b.between("share", 0.88, 0.97), "/api/browse": 0.45, "/api/pitches/trending": 0.27}
    fx.fail(
        b,
        Fault(
            key="replica",
            hits=hits,
            span=span,
            status=503,
            took_ms=1900.0,
            body={"success": False, "error": "read replica unavailable"},
            entries=(
                Entry(
                    service="database",
                    component="replica",
                    request=False,
                    texts=(
                        "could not connect to server: No route to host (ep-calm-dust-ro:5432)",
                        "SSL SYSCALL error: EOF detected (ep-calm-dust-ro)",
                    ),
                ),
                Entry(texts=("read replica unreachable, no answer for {route}",), component="handler", share=0.8),
            ),
            tracked=Tracked(
                type="OperationalError",
                value="could not connect to server: No route to host",
                culprit="read(src/db/replica)",
            ),
        ),
    )
    fx.database(b, span, errorRate=(1.0, 0.35), queryCount=(0.6, 0.0))
    return Told(services=("database", "pitch", "browse"), routes=paths, severity="P1")


def names(b: Builder) -> Told:
    """The database's name resolves no more; those who remember the address still get through for a while."""
    at_hour(b, 21.5)
    frontend_deployed(b)
    no_figures(b)
    doorknobs(b)
    return database.database_down(
        b,
        share=b.between("share", 0.75, 0.9),
        ramp_s=480.0,
        status=503,
        took_ms=3000.0,
        db_texts=("Error: getaddrinfo EAI_AGAIN ep-silent-moon-a1.eu-central-1.aws.neon.tech",),
        caller_texts=("no database for {route}: getaddrinfo EAI_AGAIN", "fetch failed (EAI_AGAIN) in {method} {route}"),
        tracked=Tracked(type="Error", value="getaddrinfo EAI_AGAIN", culprit="GetAddrInfoReqWrap.onlookup(node:dns)"),
    )


SCENARIOS = (
    judged("db_quota", "Compute switched off by the provider", CAUSE, quota, DATA, beside=("unrelated_deployment",)),
    judged(
        "db_crashing",
        "Database crashes again and again",
        CAUSE,
        crashing,
        DATA,
        onset_min=(14, 22),
        beside=("noisy_neighbour", "clock_skew"),
    ),
    judged("db_replica", "Read replica gone", CAUSE, replica, DATA, beside=("crawler_visit",)),
    judged(
        "db_names", "Database's name resolves no more", CAUSE, names, DATA, onset_min=(14, 20), beside=("logs_unseen",)
    ),
)
