"""Answers that browsers may not read, and pages that became heavy."""

from .... import effects as fx
from ....builder import Builder, Crowd, Entry, Fault, Tracked
from ....causes.browser import PAGES
from ....platform import BROWSERS
from ....scenario import Told
from ....world import Behaviour
from ._parts import BROWSER, PAINT, at_hour, audited, homes, hourly_job, stranger, told, yellow_index

SENT = (
    "/api/auth/login",
    "/api/auth/refresh",
    "/api/auth/register",
    "/api/pitches/create",
    "/api/investor/interest",
    "/api/payments/checkout",
    "/api/upload/presign",
    "/api/upload/complete",
)
API = "https://pitchey-production.cavelltheleaddev.workers.dev"


def two_values(b: Builder) -> Told:
    """A rule at the edge adds a header that the API sends already: two values where one may stand, nothing is read."""
    at_hour(b, 15.3)
    hourly_job(b)
    audited(b, "two values", b.onset_ms, "cloudflare: response header rule 'cors for partners' enabled for /api/*")
    span = b.until_mended(b.onset_ms, ramp_s=30.0)
    both = "https://pitchey.pages.dev, *"
    fx.stumble(
        b,
        Fault(
            key="two values",
            hits=fx.of(PAGES, b.between("share", 0.86, 0.96)),
            span=span,
            status=0,
            entries=(
                Entry(
                    service="frontend",
                    component="browser",
                    delay_ms=400.0,
                    metadata='{{"browser":"{browser}"}}',
                    texts=(
                        f"Access to fetch at '{API}/api/pitches' from origin 'https://pitchey.pages.dev' has been "
                        "blocked by CORS policy: The 'Access-Control-Allow-Origin' header contains multiple values "
                        f"'{both}', but only one is allowed.",
                        "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource. "
                        "(Reason: Multiple CORS header ‘Access-Control-Allow-Origin’ not allowed).",
                    ),
                ),
            ),
            tracked=Tracked(
                type="TypeError",
                value="Failed to fetch (api)",
                culprit="load(src/lib/http)",
                project="pitchey-frontend",
            ),
        ),
    )
    fx.surge(b, span, 0.12, SENT)
    for path in ("/api/health", "/api/pitches", "/api/browse"):
        fx.answer(
            b,
            Behaviour(
                service="api",
                path=path,
                start_ms=span.start_ms,
                end_ms=span.end_ms,
                headers={"access-control-allow-origin": both},
            ),
        )
    return Told(services=("frontend", "api-gateway"), routes=PAGES, severity="P1")


def no_preflight(b: Builder) -> Told:
    """The gateway's list of methods lost OPTIONS: what is read still comes, what is sent is never sent at all."""
    at_hour(b, 19.4)
    audited(b, "methods", b.onset_ms, "gateway: allowed methods set to GET, POST, PUT, DELETE by ci@pitchey.example")
    span = b.until_mended(b.onset_ms)
    for path, per_min in (("/api/pitches/create", 3.0), ("/api/auth/login", 4.0), ("/api/payments/checkout", 3.0)):
        fx.crowd(
            b,
            Crowd(
                key=f"asked first {path}",
                route=path,
                method="OPTIONS",
                per_min=per_min,
                span=span,
                addresses=homes(b, "no preflight", 60),
                agents=tuple(agent for agent, _ in BROWSERS),
                outcomes={405: 1.0},
                logged=0.7,
                users=True,
                took_ms=6.0,
            ),
        )
    fx.stumble(
        b,
        Fault(
            key="no preflight",
            hits={"/login": 0.7, "/dashboard": b.between("share", 0.5, 0.65), "/pitches": 0.2},
            span=span,
            status=0,
            entries=(
                Entry(
                    service="frontend",
                    component="browser",
                    delay_ms=300.0,
                    metadata='{{"browser":"{browser}"}}',
                    texts=(
                        f"Access to fetch at '{API}/api/auth/login' from origin 'https://pitchey.pages.dev' has been "
                        "blocked by CORS policy: Response to preflight request doesn't pass access control check: It "
                        "does not have HTTP ok status.",
                        "Preflight response is not successful. Status code: 405",
                        "(Reason: CORS preflight response did not succeed). Status code: 405.",
                    ),
                ),
            ),
            tracked=Tracked(
                type="TypeError", value="Load failed", culprit="send(src/lib/http)", project="pitchey-frontend"
            ),
        ),
    )
    fx.surge(b, span, 0.06, SENT)
    return Told(services=("frontend", "api-gateway"), routes=("/login", "/dashboard", "/pitches"), severity="P1")


def consent_banner(b: Builder) -> Told:
    """The tag manager brings a new consent banner, late and on top: on phones everything jumps; nobody deployed."""
    at_hour(b, 13.6)
    yellow_index(b)
    audited(
        b, "container", b.onset_ms, "tag manager: container GTM-K7XQ version 61 published (consent banner, all pages)"
    )
    span = b.until_mended(b.onset_ms, ramp_s=400.0)
    fx.vitals(
        b,
        span,
        {"cls": (2.0, b.between("cls", 0.24, 0.34)), "lcp": (1.15, 200.0)},
        device=("mobile", "tablet"),
    )
    told(
        b,
        "consent banner",
        "frontend",
        "browser",
        0.8,
        span,
        "layout-shift 0.2{n} sources=div#cmp-banner,main page={page}",
        level="info",
    )
    return Told(services=("frontend",), routes=PAGES, severity="P3")


def session_replay(b: Builder) -> Told:
    """A release records what people do, on the same thread that has to answer them: each tap takes its time."""
    at_hour(b, 21.1)
    fx.deploy(b, "pitchey-frontend", b.onset_ms - 75_000, "session replay for ten percent, masks on")
    span = b.until_mended(b.onset_ms, ramp_s=500.0)
    fx.vitals(
        b,
        span,
        {"inp": (4.2, b.between("inp", 180, 260)), "fid": (5.0, 60.0)},
        url=("/pitches", "/dashboard"),
    )
    told(
        b,
        "session replay",
        "frontend",
        "browser",
        1.5,
        span,
        "long task {slow_ms} ms in rrweb-snapshot.serializeNodeWithId page={page}",
        level="warn",
    )
    return Told(services=("frontend",), routes=("/pitches", "/dashboard"), severity="P3")


SCENARIOS = (
    stranger(
        "via_two_values",
        "One header with two values",
        "cors_misconfigured",
        two_values,
        BROWSER,
        onset_min=(12, 22),
        beside=("unrelated_deployment",),
    ),
    stranger(
        "via_no_preflight",
        "OPTIONS is not among the methods",
        "cors_misconfigured",
        no_preflight,
        BROWSER,
        onset_min=(15, 28),
        beside=("harmless_production_deployment",),
    ),
    stranger(
        "via_consent_banner",
        "A banner that moves everything",
        "web_vitals_regression",
        consent_banner,
        PAINT,
        onset_min=(60, 95),
        beside=("noisy_neighbour",),
    ),
    stranger(
        "via_session_replay",
        "Taps that take their time",
        "web_vitals_regression",
        session_replay,
        PAINT,
        onset_min=(50, 80),
        beside=("busy_evening",),
    ),
)
