"""Days on which our own people work at consoles and copies, beside the platform, and nothing is wrong."""

from ....builder import HOUR, MINUTE, Builder, Span
from ....scenario import Told
from ._parts import at_hour, audited, calm, deprecations, hourly_job, onward, told, usual_guessers


def analyst_sql(b: Builder) -> Told:
    """An analyst types SQL by hand, and most of it is wrong: her console says so, no program of ours asks any of it."""
    at_hour(b, 11.2)
    usual_guessers(b)
    told(
        b,
        "analyst",
        "database",
        "postgres",
        1.8,
        Span(b.onset_ms, b.now_ms + 20 * MINUTE),
        'user=ines_ro app=DBeaver 25.2 - SQLEditor ERROR:  relation "pitch_view" does not exist at character 15',
        "user=ines_ro app=DBeaver 25.2 - SQLEditor ERROR:  column p.genre_name does not exist at character {n}",
        'user=ines_ro app=DBeaver 25.2 - SQLEditor ERROR:  syntax error at or near "form" at character {n}',
        "user=ines_ro app=DBeaver 25.2 - SQLEditor ERROR:  permission denied for table users",
        "user=ines_ro app=DBeaver 25.2 - SQLEditor ERROR:  canceling statement due to user request",
    )
    return Told()


def rehearsed_migration(b: Builder) -> Told:
    """The next change of the schema is tried on a copy of last night, and fails there twice, as rehearsals may."""
    at_hour(b, 15.3)
    deprecations(b)
    audited(b, "copy", b.onset_ms - 9 * MINUTE, "pitchey_rehearsal restored from the snapshot of 03:00 (miro)")
    told(
        b,
        "rehearsed",
        "migrations",
        "rehearsal",
        4.0,
        onward(b),
        '[pitchey_rehearsal] 0142_split_names.sql: ERROR: column "given_name" of relation "users" already exists',
        '[pitchey_rehearsal] 0142_split_names.sql: ERROR: null value in column "family_name" of relation "users" '
        "violates not-null constraint",
        "[pitchey_rehearsal] migration 0142 rolled back, copy is at 0141 again",
        "[pitchey_rehearsal] dry run only: production stays at 0141 (no lock taken)",
    )
    return Told()


def staging_logs(b: Builder) -> Told:
    """The staging copy of the API is broken all day and logs into the same store; production is not touched."""
    at_hour(b, 14.1)
    span = Span(b.onset_ms - 4 * HOUR, b.now_ms + 5 * HOUR)
    told(
        b,
        "staging",
        "staging-api",
        "server",
        11.0,
        span,
        "[staging] Unhandled error: connect ECONNREFUSED 10.60.2.9:5432 (pitchey-staging-db)",
        "[staging] TypeError: Cannot read properties of undefined (reading 'rows') at listPitches "
        "(src/pitch/list.ts:{line}:11) release=pitchey-api@2.0.0-rc.3",
        "[staging] GET /api/pitches 500 {ms}ms",
    )
    told(
        b,
        "staging tests",
        "staging-api",
        "e2e",
        1.0,
        span,
        "[staging] playwright: {small} of 84 tests failed (expect(locator).toBeVisible, timeout 5000ms)",
        level="warn",
    )
    return Told()


def report_retries(b: Builder) -> Told:
    """The weekly report asks too much of the reading copy, is cut off, tries again, and is ready well before Monday."""
    at_hour(b, 5.4)
    hourly_job(b)
    told(
        b,
        "report",
        "reports",
        "weekly",
        2.5,
        onward(b),
        "weekly-slate: attempt {small} of 10 failed: canceling statement due to conflict with recovery "
        "(analytics-ro), next in 300 s",
        "weekly-slate: sheet {small} of 9 done in {slow_ms} ms",
        "weekly-slate: SSL SYSCALL error: EOF detected, connection to analytics-ro opened again",
        level="warn",
    )
    return Told()


SCENARIOS = (
    calm("day_analyst_sql", "An analyst's wrong SQL", analyst_sql, onset_min=(20, 40), beside=("crawler_visit",)),
    calm("day_rehearsed_migration", "A migration tried on a copy", rehearsed_migration, onset_min=(15, 30)),
    calm("day_staging_logs", "Staging logs beside production", staging_logs, beside=("unrelated_deployment",)),
    calm("day_report_retries", "A report that tries again", report_retries, onset_min=(25, 50)),
)
