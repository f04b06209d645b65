"""Code and tables that no longer fit, and releases that were wrong."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Tracked
from ....scenario import Told
from ._parts import (
    SERVING,
    WRITES,
    at_hour,
    hourly_job,
    phone_in_tunnel,
    ratings_feed,
    stranger,
    told,
    unlisted_deployments,
)


def no_default(b: Builder) -> Told:
    """A migration adds a column that must not be empty, and the code that runs fills it nowhere: writing fails."""
    at_hour(b, 10.6)
    phone_in_tunnel(b)
    fx.deploy(
        b, "pitchey-migrations", b.onset_ms - 25_000, "20261129_tenant_id: add tenant_id NOT NULL to pitches, ndas"
    )
    span = b.until_mended(b.onset_ms)
    hits = {"/api/pitches/create": b.between("share", 0.94, 0.99), "/api/investor/interest": 0.5}
    words = "Field 'tenant_id' doesn't have a default value"
    fx.fail(
        b,
        Fault(
            key="no default",
            hits=hits,
            span=span,
            status=500,
            took_ms=52.0,
            body={"success": False, "message": "Could not save"},
            entries=(
                Entry(
                    component="doctrine",
                    level="CRITICAL",
                    texts=(
                        f"SQLSTATE[HY000]: General error: 1364 {words} ({{route}})",
                        f"NotNullConstraintViolationException in {{method}} {{route}}: 1364 {words}",
                    ),
                ),
            ),
            tracked=Tracked(
                type="Doctrine\\DBAL\\Exception\\NotNullConstraintViolationException",
                value=words,
                culprit="ExceptionConverter::convert",
            ),
        ),
    )
    fx.database(b, span, errorRate=(1.0, 0.02))
    return Told(services=("database", "pitch", "investor"), routes=tuple(hits), severity="P2")


def unknown_value(b: Builder) -> Told:
    """Code writes and asks for a state that the table's list of states has not: the migration was left out."""
    at_hour(b, 17.0)
    hourly_job(b)
    fx.deploy(b, fx.PRODUCTION, b.onset_ms - 70_000, "creators may ask for a review")
    span = b.until_mended(b.onset_ms, ramp_s=120.0)
    hits = {"/api/creator/pitches": b.between("share", 0.4, 0.55), "/api/creator/dashboard": 0.3}
    words = 'invalid input value for enum pitch_state: "in_review"'
    fx.fail(
        b,
        Fault(
            key="unknown value",
            hits=hits,
            span=span,
            status=500,
            took_ms=41.0,
            entries=(
                Entry(
                    service="database",
                    level="ERROR",
                    component="postgres",
                    request=False,
                    share=0.8,
                    texts=(f"ERROR:  {words} at character 184", "STATEMENT:  SELECT … WHERE state = ANY ($2)"),
                ),
                Entry(
                    component="sqlx",
                    texts=(f"error returned from database: {words} {{route}}", "22P02 in {method} {route}"),
                ),
            ),
            tracked=Tracked(type="sqlx::Error::Database", value=words, culprit="pitchey::creator::list"),
        ),
    )
    told(
        b,
        "migrations behind",
        "database",
        "migrate",
        0.3,
        span,
        "schema version 141, code expects 142 (0142_pitch_state_in_review pending)",
        level="warn",
    )
    fx.database(b, span, errorRate=(1.0, 0.012))
    return Told(services=("database", "creator"), routes=tuple(hits), severity="P2")


def nil_pointer(b: Builder) -> Told:
    """A release goes out in steps of its share of requests; whoever gets it and has no avatar meets a panic."""
    at_hour(b, 14.8)
    ratings_feed(b)
    one = fx.deploy(b, fx.PRODUCTION, b.onset_ms - 20_000, "avatars in notifications and messages (gradual 5-25-100)")
    name = fx.release_name(one)
    span = b.until_mended(b.onset_ms, ramp_s=1500.0)
    hits = {"/api/notifications": b.between("share", 0.4, 0.5), "/api/messages": 0.35}
    words = "runtime error: invalid memory address or nil pointer dereference"
    fx.fail(
        b,
        Fault(
            key="nil pointer",
            hits=hits,
            span=span,
            status=500,
            took_ms=27.0,
            release=name,
            entries=(
                Entry(
                    component="recover",
                    level="PANIC",
                    texts=(
                        f"http: panic serving {{ip}}: {words}",
                        "[signal SIGSEGV: segmentation violation code=0x1 addr=0x18 pc=0x7{hex}] {route}",
                    ),
                    stack="goroutine 8817 [running]:\nmain.(*Notification).Avatar(0x0)\n\t/app/notify/avatar.go:41",
                ),
            ),
            tracked=Tracked(type="runtime.Error", value=words, culprit="main.(*Notification).Avatar"),
        ),
    )
    return Told(services=("notification", "messaging"), routes=tuple(hits), severity="P2")


def too_strict(b: Builder) -> Told:
    """A release checks forms more strictly than the forms are: what people send is called wrong, with 422."""
    at_hour(b, 20.7)
    unlisted_deployments(b)
    one = fx.deploy(b, fx.PRODUCTION, b.onset_ms - 45_000, "validate bodies with zod schemas")
    name = fx.release_name(one)
    span = b.until_mended(b.onset_ms)
    hits = {
        "/api/pitches/create": b.between("share", 0.72, 0.86),
        "/api/investor/interest": 0.6,
        "/api/upload/complete": 0.45,
    }
    fx.fail(
        b,
        Fault(
            key="too strict",
            hits=hits,
            span=span,
            status=422,
            took_ms=11.0,
            release=name,
            body={"success": False, "message": "Invalid input: expected number, received string"},
            entries=(
                Entry(
                    component="zod",
                    level="warn",
                    metadata='{{"release":"' + name + '"}}',
                    texts=(
                        'ZodError: [{{"code":"invalid_type","expected":"number","received":"string","path":["budget"],'
                        '"message":"Invalid input: expected number, received string"}}] {route}',
                        "422 {method} {route}: 1 issue at body.budget (schema since " + name + ")",
                    ),
                ),
            ),
            tracked=Tracked(
                type="ZodError",
                value="Invalid input: expected number, received string",
                culprit="parseBody(src/gateway/validate)",
                share=0.8,
            ),
        ),
    )
    fx.surge(b, span, 1.6, ("/api/pitches/create", "/api/investor/interest"))
    told(
        b,
        "too strict browser",
        "frontend",
        "browser",
        2.0,
        span,
        "form not sent: 422 Invalid input: expected number, received string (budget), try {small}",
        level="warn",
    )
    return Told(services=("pitch", "investor", "upload"), routes=tuple(hits), severity="P2")


SCENARIOS = (
    stranger(
        "via_no_default",
        "A new column without a default",
        "schema_drift",
        no_default,
        WRITES,
        onset_min=(14, 26),
        beside=("few_typists",),
    ),
    stranger(
        "via_unknown_value",
        "A state that the table does not know",
        "schema_drift",
        unknown_value,
        WRITES,
        onset_min=(18, 30),
        beside=("logs_lost",),
    ),
    stranger(
        "via_nil_pointer",
        "A release that panics, in steps",
        "bad_deployment",
        nil_pointer,
        SERVING,
        onset_min=(30, 42),
        beside=("slow_sidekick",),
    ),
    stranger(
        "via_too_strict",
        "A release too strict with its forms",
        "bad_deployment",
        too_strict,
        SERVING,
        onset_min=(16, 28),
        beside=("noisy_neighbour",),
    ),
)
