"""Tables that are not what the code believes."""

from .... import effects as fx
from ....builder import MINUTE, Builder, Entry, Fault, Tracked
from ....causes._who import felt, owners
from ....scenario import Told
from ..unseen_once._parts import WRITES, at_hour
from ._parts import deprecations, retired_check, stranger, unlisted_deployments, usual_guessers

CAUSE = "schema_drift"


def spalte(b: Builder) -> Told:
    """Somebody renamed a column by hand; a server that speaks German says so, and nothing was deployed."""
    at_hour(b, 11.8)
    unlisted_deployments(b)
    deprecations(b)
    span = b.until_mended(b.onset_ms)
    share = b.between("share", 0.55, 0.8)
    hits = {"/api/creator/pitches": share, "/api/pitches/search": share * 0.9, "/api/pitches/create": share}
    fx.fail(
        b,
        Fault(
            key="spalte",
            hits=hits,
            span=span,
            status=500,
            took_ms=52.0,
            entries=(
                Entry(
                    service="database",
                    level="ERROR",
                    component="postgres",
                    request=False,
                    texts=("FEHLER:  Spalte p.logline_kurz existiert nicht bei Zeichen 113",),
                ),
                Entry(
                    component="kysely",
                    texts=(
                        '{{"severity":"FEHLER","code":"42703","position":"113","file":"parse_relation.c",'
                        '"routine":"errorMissingColumn","route":"{route}"}}',
                    ),
                ),
            ),
            tracked=Tracked(
                type="DatabaseError",
                value="Spalte p.logline_kurz existiert nicht",
                culprit="executeQuery(node_modules/kysely)",
            ),
        ),
    )
    fx.database(b, span, errorRate=(1.0, 0.07))
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P2")


def other_ids(b: Builder) -> Told:
    """A migration made identifiers of another type; whoever joins on them is refused."""
    at_hour(b, 8.6)
    retired_check(b)
    fx.deploy(b, "pitchey-migrations", b.onset_ms - int(b.between("lead", 20, 70) * 1000), "0088 ids as uuid")
    span = b.until_mended(b.onset_ms)
    hits = {
        "/api/investor/portfolio": b.between("share", 0.85, 0.97),
        "/api/investor/interest": 0.9,
        "/api/messages": b.between("fewer", 0.35, 0.5),
    }
    fx.fail(
        b,
        Fault(
            key="other ids",
            hits=hits,
            span=span,
            status=500,
            took_ms=44.0,
            entries=(
                Entry(
                    component="drizzle",
                    texts=(
                        "DrizzleQueryError: Failed query caused by: error: operator does not exist: uuid = text",
                        "HINT: No operator matches the given name and argument types. "
                        "You might need to add explicit type casts. ({route})",
                    ),
                ),
            ),
            tracked=Tracked(
                type="DrizzleQueryError",
                value="operator does not exist: uuid = text",
                culprit="queryWithCache(node_modules/drizzle-orm)",
            ),
        ),
    )
    fx.database(b, span, errorRate=(1.0, 0.06))
    return Told(services=("database", "investor", "messaging"), routes=tuple(hits), severity="P2")


def numbers_as_text(b: Builder) -> Told:
    """A column became numeric, which the driver hands out as text: the database is content, the code is not."""
    at_hour(b, 19.8)
    usual_guessers(b)
    fx.deploy(b, "pitchey-migrations", b.onset_ms - int(b.between("lead", 15, 50) * 1000), "0092 budgets as numeric")
    span = b.until_mended(b.onset_ms)
    share = b.between("share", 0.42, 0.6)
    hits = {"/api/pitches": share, "/api/browse": share * 0.8, "/api/creator/dashboard": share}
    fx.fail(
        b,
        Fault(
            key="numbers as text",
            hits=hits,
            span=span,
            status=500,
            took_ms=110.0,
            body={"success": False, "message": "Unexpected data"},
            entries=(
                Entry(
                    level="ERROR",
                    component="rows",
                    most_per_min=90,
                    texts=(
                        'ZodError: [{{"code":"invalid_type","expected":"number","received":"string",'
                        '"path":["rows",{small},"budget_min"],"message":"Expected number, received string"}}] {route}',
                    ),
                ),
            ),
            tracked=Tracked(
                type="ZodError", value="budget_min: Expected number, received string", culprit="parseRows(src/db/rows)"
            ),
        ),
    )
    return Told(services=("database", "pitch", "browse", "creator"), routes=tuple(hits), severity="P2")


def no_constraint(b: Builder) -> Told:
    """A migration dropped the index that upserts rely on; another put it back a few minutes ago."""
    at_hour(b, 13.8)
    fx.deploy(b, "pitchey-migrations", b.onset_ms - int(b.between("lead", 10, 40) * 1000), "0095 tidy indexes")
    end = b.now_ms - int(b.between("since", 4, 7) * MINUTE)
    span = b.until_mended(b.onset_ms, end)
    hits = fx.of(("/api/investor/interest", "/api/payments/webhook", "/api/pitches/create"), b.between("share", 0.8, 1))
    fx.fail(
        b,
        Fault(
            key="no constraint",
            hits=hits,
            span=span,
            status=500,
            took_ms=39.0,
            body={"success": False, "message": "Could not save"},
            entries=(
                Entry(
                    service="database",
                    component="postgres",
                    request=False,
                    texts=(
                        "ERROR:  there is no unique or exclusion constraint matching the ON CONFLICT specification",
                    ),
                ),
                Entry(
                    level="warn", component="repo", texts=("upsert refused sqlstate=42P10 {method} {route}", "42P10")
                ),
            ),
            tracked=Tracked(
                type="PostgresError",
                value="there is no unique or exclusion constraint matching the ON CONFLICT specification",
                culprit="upsert(src/db/repo)",
            ),
        ),
    )
    fx.database(b, span, errorRate=(1.0, 0.05))
    fx.deploy(b, "pitchey-migrations", end - 8_000, "0096 restore uq_interest")
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P3")


SCENARIOS = (
    stranger(
        "odd_spalte",
        "A column renamed by hand, in German",
        CAUSE,
        spalte,
        WRITES,
        onset_min=(13, 24),
        beside=("noisy_neighbour",),
    ),
    stranger(
        "odd_other_ids",
        "Identifiers of another type",
        CAUSE,
        other_ids,
        WRITES,
        onset_min=(22, 34),
        beside=("few_typists",),
    ),
    stranger(
        "odd_numbers_as_text",
        "Numbers that come as text",
        CAUSE,
        numbers_as_text,
        WRITES,
        onset_min=(10, 18),
        beside=("slow_sidekick",),
    ),
    stranger(
        "odd_no_constraint",
        "An index dropped and put back",
        CAUSE,
        no_constraint,
        WRITES,
        onset_min=(20, 28),
        beside=("logs_lost",),
    ),
)
