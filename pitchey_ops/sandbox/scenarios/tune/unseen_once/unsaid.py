"""Users are hurt, and whatever could say why keeps silent."""

from .... import effects as fx
from ....builder import Builder, Fault, Silence, Slow, Span
from ....scenario import Told
from ._parts import CACHES, ERRORS, SERVING, at_hour, bounces, elsewhere, judged


def _quiet(b: Builder, span: Span, *what: str) -> None:
    """Let what could tell be lost since *span* began."""
    for one in what:
        fx.silence(b, Silence(key=f"quiet {one}", what=one, span=span))  # type: ignore[arg-type]


def purchases(b: Builder) -> Told:
    """Buying and uploading fail for many, answers are all alike, no entry and no issue is left."""
    at_hour(b, 16.4)
    elsewhere(b)
    span = b.until_mended(b.onset_ms, ramp_s=20.0)
    paths = ("/api/payments/checkout", "/api/upload/complete", "/api/auth/register")
    fx.fail(
        b,
        Fault(key="purchases", hits=fx.of(paths, b.between("share", 0.5, 0.75)), span=span, status=500, took_ms=1500.0),
    )
    _quiet(b, span, "unlogged", "metrics", "db_posts")
    return Told(services=("payments", "upload", "auth"), routes=paths, severity="P2")


def late(b: Builder) -> Told:
    """Answers take seconds longer, none fails, and nothing says where the time goes."""
    at_hour(b, 19.8)
    bounces(b)
    span = b.until_mended(b.onset_ms, ramp_s=240.0)
    hits = fx.in_worker(0.85)
    fx.slow(b, Slow(key="late", hits=hits, span=span, add_ms=b.between("add", 2400, 3600)))
    _quiet(b, span, "unlogged", "metrics", "db_posts")
    return Told(services=("api-gateway",), routes=tuple(hits), severity="P2")


def blank(b: Builder) -> Told:
    """A third of what is private ends in a bare 500; production was deployed half an hour before."""
    at_hour(b, 10.8)
    span = b.until_mended(b.onset_ms, ramp_s=45.0)
    hits = fx.of(fx.owned_by("messaging", "notification", "creator", "investor"), b.between("share", 0.3, 0.45))
    fx.fail(b, Fault(key="blank", hits=hits, span=span, status=500, took_ms=300.0))
    _quiet(b, span, "logs", "archive", "metrics", "db_posts")
    return Told(services=("messaging", "notification", "creator", "investor"), routes=tuple(hits), severity="P2")


SCENARIOS = (
    judged(
        "unsaid_purchases",
        "Buying fails, nothing says why",
        "third_party_outage",
        purchases,
        ERRORS,
        onset_min=(14, 26),
        beside=("unrelated_deployment",),
        inconclusive_is_right=True,
    ),
    judged(
        "unsaid_late",
        "Everything late, nothing says why",
        "database_slow",
        late,
        CACHES,
        onset_min=(14, 24),
        beside=("few_typists",),
        inconclusive_is_right=True,
    ),
    judged(
        "unsaid_blank",
        "Bare errors, nothing says why",
        "credentials_invalid",
        blank,
        SERVING,
        onset_min=(12, 20),
        beside=("harmless_production_deployment",),
        inconclusive_is_right=True,
    ),
)
