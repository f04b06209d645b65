"""Tables and code that do not agree."""

from .... import effects as fx
from ....builder import Builder, Tracked
from ....causes import database
from ....scenario import Told
from ._parts import WRITES, at_hour, clumsy_partner, frontend_deployed, judged

CAUSE = "schema_drift"


def enum(b: Builder) -> Told:
    """The code writes a value that the type does not know yet."""
    at_hour(b, 14.0)
    return database.drifted(
        b,
        paths=("/api/creator/pitches", "/api/pitches/create", "/api/creator/dashboard"),
        share=b.between("share", 0.35, 0.55),
        script=fx.PRODUCTION,
        message="creators can archive a pitch",
        lead_s=b.between("lead", 20, 120),
        db_texts=('ERROR: 22P02: invalid input value for enum pitch_status: "archived"',),
        caller_texts=('PostgresError: invalid input value for enum pitch_status: "archived" ({method} {route})',),
        tracked=Tracked(
            type="PostgresError",
            value='invalid input value for enum pitch_status: "archived"',
            culprit="execute(src/db/drizzle)",
        ),
    )


def plans(b: Builder) -> Told:
    """A table was widened by hand under prepared statements."""
    at_hour(b, 19.0)
    frontend_deployed(b)
    return database.drifted(
        b,
        paths=("/api/auth/refresh", "/api/notifications", "/api/messages", "/api/creator/dashboard"),
        share=b.between("share", 0.3, 0.45),
        script="pitchey-migrations",
        message="0057_users_widen",
        lead_s=b.between("lead", 10, 60),
        db_texts=(
            "ERROR: 0A000: cached plan must not change result type",
            'ERROR: 42703: column "users.avatar_key" does not exist',
        ),
        caller_texts=(
            "P2022: The column `users.avatar_key` does not exist in the current database. ({route})",
            "cached plan must not change result type ({method} {route})",
        ),
        tracked=Tracked(
            type="PrismaClientKnownRequestError",
            value="P2022 The column `users.avatar_key` does not exist in the current database.",
            culprit="findUnique(src/auth/users)",
        ),
    )


def not_null(b: Builder) -> Told:
    """A migration of half an hour ago made a column obligatory; only those who write notice."""
    clumsy_partner(b)
    return database.drifted(
        b,
        paths=("/api/pitches/create", "/api/upload/complete", "/api/investor/interest"),
        share=b.between("share", 0.8, 1.0),
        script="pitchey-migrations",
        message="0061 slugs",
        lead_s=b.between("lead", 1300, 2000),
        db_texts=('ERROR: 23502: null value in column "slug" of relation "pitches" violates not-null constraint',),
        caller_texts=('insert failed: null value in column "slug" of relation "pitches" violates not-null constraint',),
        tracked=Tracked(
            type="PostgresError",
            value='null value in column "slug" violates not-null',
            culprit="insert(src/db/drizzle)",
        ),
    )


SCENARIOS = (
    judged(
        "drift_enum",
        "A value that the type does not know",
        CAUSE,
        enum,
        WRITES,
        onset_min=(14, 22),
        beside=("slow_sidekick",),
    ),
    judged(
        "drift_plans",
        "Table widened under prepared statements",
        CAUSE,
        plans,
        WRITES,
        onset_min=(12, 20),
        beside=("crawler_visit",),
    ),
    judged(
        "drift_not_null",
        "A column became obligatory",
        CAUSE,
        not_null,
        WRITES,
        onset_min=(20, 30),
        beside=("logs_lost",),
    ),
)
