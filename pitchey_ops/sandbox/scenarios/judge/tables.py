"""The tables are not what the code believes."""

from ... import effects as fx
from ...builder import Builder, Entry, Fault, Span
from ...scenario import Told
from ._parts import (
    SAVING,
    api_issue,
    idle_guesser,
    judged,
    left,
    local_hour,
    morning_blip,
    no_figures,
    other_peoples_scripts,
    pages_shipped,
    query_refused,
    shipped,
    spoken,
)

CAUSE = "schema_drift"
MIGRATIONS = "pitchey-migrations"


def _told_by(
    b: Builder, key: str, hits: dict[str, float], entries: tuple[Entry, ...], title: str, culprit: str, **more: str
) -> None:
    """Let statements on *hits* fail at once and always, as *entries* say."""
    span = b.until_mended(b.onset_ms, ramp_s=b.between(f"{key} ramp", 0, 40))
    fx.fail(
        b,
        Fault(
            key=key,
            hits=hits,
            span=span,
            status=500,
            took_ms=b.between(f"{key} took", 24, 60),
            entries=entries,
            tracked=api_issue(title, culprit),
            **more,  # type: ignore[arg-type]
        ),
    )
    fx.database(b, span, errorRate=(1.0, b.between(f"{key} rate", 0.04, 0.1)))


def other_type(b: Builder) -> Told:
    """A migration turned a number into text; comparing them is an error now."""
    local_hour(b, 16.1)
    other_peoples_scripts(b)
    fx.deploy(
        b, MIGRATIONS, b.onset_ms - int(b.between("lead", 15, 50) * 1000), "0078_external_payment_ids", source="ci"
    )
    paths = ("/api/payments/checkout", "/api/payments/webhook", "/api/investor/interest", "/api/investor/portfolio")
    _told_by(
        b,
        "other type",
        fx.of(paths, b.between("share", 0.75, 0.95)),
        (
            left(
                "ERROR: 42883: operator does not exist: text = integer",
                "HINT: No operator matches the given name and argument types. You might need to add type casts.",
                service="database",
                component="postgres",
                request=False,
            ),
            left("PostgresError 42883 in {method} {route}: where investments.payment_id = $1"),
        ),
        "PostgresError: operator does not exist: text = integer",
        "byPayment(src/investor/ledger)",
    )
    return Told(services=("database", "payments", "investor"), routes=paths, severity="P1")


def restored(b: Builder) -> Told:
    """Somebody restored last week's copy of the database; a function made since is not in it. Nothing was deployed."""
    local_hour(b, 6.8)
    idle_guesser(b)
    note = spoken(
        "database", "console", "restore of branch main to 2026-11-16T02:00Z finished, {n} relations", level="info"
    )
    fx.say(b, "restored", note, 1.0, Span(b.onset_ms - 60_000, b.onset_ms))
    hits = {"/api/pitches/trending": 0.29, "/api/browse": b.between("share", 0.4, 0.5), "/api/browse/genres": 0.1}
    _told_by(
        b,
        "restored",
        hits,
        (
            left(
                "ERROR: function public.rank_pitches(integer, text) does not exist at character 15 (42883)",
                'ERROR: relation "genre_totals" does not exist at character 21',
                service="database",
                component="postgres.js",
                request=False,
            ),
            left("ranking unavailable for {route}: undefined_function 42883", share=0.8),
        ),
        "PostgresError: function public.rank_pitches(integer, text) does not exist",
        "ranked(src/pitch/trending)",
    )
    return Told(services=("database", "pitch", "browse"), routes=tuple(hits), severity="P2")


def too_early(b: Builder) -> Told:
    """The code that notes who read a message where went out; the column did not."""
    local_hour(b, 22.4)
    pages_shipped(b)
    morning_blip(b)
    release = shipped(b, fx.PRODUCTION, "messages: reactions, region of readers", 20, 80)
    paths = ("/api/messages",)
    _told_by(
        b,
        "too early",
        fx.of(paths, b.between("share", 0.8, 0.95)),
        (
            left(
                'column "region" of relation "message_reads" does not exist (42703), INSERT refused',
                service="database",
                component="drizzle",
                request=False,
            ),
            left(
                "DrizzleQueryError: Failed query: insert into message_reads (message_id, region) values ($1, $2)",
                "P2021 The table `public.message_reactions` does not exist in the current database. ({route})",
            ),
        ),
        "DrizzleQueryError: Failed query: insert into message_reads (message_id, region)",
        "markRead(src/messaging/store)",
        release=release,
    )
    return Told(services=("database", "messaging"), routes=paths, severity="P2")


def dropped(b: Builder) -> Told:
    """A column that nobody seemed to need was dropped an hour before; a page that is built hourly misses it now."""
    local_hour(b, 10.0)
    query_refused(b)
    no_figures(b)
    fx.deploy(
        b, MIGRATIONS, b.onset_ms - int(b.between("lead", 2700, 3500) * 1000), "0081 drop legacy columns", source="ci"
    )
    paths = ("/api/creator/dashboard", "/api/creator/pitches")
    _told_by(
        b,
        "dropped",
        fx.of(paths, b.between("share", 0.5, 0.7)),
        (
            left(
                "error: column pitches.legacy_slug does not exist - perhaps you meant to reference pitches.slug",
                service="database",
                component="pg",
                request=False,
            ),
            left("undefined_column while {method} {route} was built for {user}"),
        ),
        "error: column pitches.legacy_slug does not exist",
        "overview(src/creator/overview)",
    )
    return Told(services=("database", "creator"), routes=paths, severity="P2")


SCENARIOS = (
    judged(
        "tables_other_type",
        "A number became text",
        CAUSE,
        other_type,
        SAVING,
        onset_min=(10, 16),
        beside=("few_typists",),
    ),
    judged(
        "tables_restored",
        "Last week's copy restored",
        CAUSE,
        restored,
        SAVING,
        onset_min=(26, 40),
        beside=("clock_skew",),
    ),
    judged("tables_too_early", "Code before its column", CAUSE, too_early, SAVING, onset_min=(14, 24)),
    judged(
        "tables_dropped",
        "A column dropped an hour before",
        CAUSE,
        dropped,
        SAVING,
        onset_min=(16, 26),
        beside=("unrelated_deployment", "logs_unseen"),
        seeds=1,
    ),
)
