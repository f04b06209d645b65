"""Other origins, and pages that come late."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Tracked
from ....causes import browser
from ....scenario import Told
from ....world import Behaviour
from ._parts import BROWSER, PAINT, at_hour, bounces, doorknobs, extensions, frontend_deployed, judged

CORS, VITALS = "cors_misconfigured", "web_vitals_regression"
API = "https://pitchey-production.cavelltheleaddev.workers.dev"
WRITES = (
    "/api/auth/login",
    "/api/auth/refresh",
    "/api/pitches/create",
    "/api/investor/interest",
    "/api/payments/checkout",
    "/api/upload/presign",
    "/api/upload/complete",
)


def _unread(
    b: Builder,
    *,
    share: float,
    texts: tuple[str, ...],
    value: str,
    headers: dict[str, str],
    quieter: float,
    ramp_s: float = 0.0,
) -> Told:
    """Browsers may not read what the API answers; *headers* are what it sends now (empty: leaves out)."""
    span = b.until_mended(b.onset_ms, ramp_s=ramp_s)
    entry = Entry(
        service="frontend", component="browser", texts=texts, delay_ms=350.0, metadata='{{"browser":"{browser}"}}'
    )
    tracked = Tracked(type="TypeError", value=value, culprit="send(src/lib/api)", project="pitchey-frontend", share=0.7)
    hits = fx.of(browser.PAGES, share)
    fx.stumble(b, Fault(key="unread", hits=hits, span=span, status=0, entries=(entry,), tracked=tracked))
    fx.surge(b, span, quieter, WRITES)
    for path in ("/api/health", "/api/pitches", "/api/auth/verify"):
        refused = path == "/api/auth/verify"
        fx.answer(
            b,
            Behaviour(
                service="api",
                path=path,
                start_ms=span.start_ms,
                end_ms=span.end_ms,
                status=401 if refused else 200,
                body={"success": False, "message": "Invalid or expired token"} if refused else None,
                headers=headers,
            ),
        )
    return Told(services=("frontend", "api-gateway"), routes=browser.PAGES, severity="P1")


def preflight(b: Builder) -> Told:
    """The frontend sends a header that the API does not allow."""
    at_hour(b, 14.2)
    fx.deploy(b, "pitchey-frontend", b.onset_ms - int(b.between("lead", 20, 90) * 1000), "send the client's version")
    return _unread(
        b,
        share=b.between("share", 0.7, 0.92),
        texts=(
            f"Access to fetch at '{API}/api/creator/dashboard' from origin 'https://pitchey.pages.dev' has been "
            "blocked by CORS policy: Request header field x-client-version is not allowed by "
            "Access-Control-Allow-Headers in preflight response.",
        ),
        value="Failed to fetch (x-client-version is not allowed by Access-Control-Allow-Headers)",
        headers={"access-control-allow-headers": "Content-Type, Authorization"},
        quieter=0.2,
    )


def no_header(b: Builder) -> Told:
    """A rule at the edge drops the header for about half of the people; an administrator mistypes."""
    at_hour(b, 9.8)
    extensions(b)
    return _unread(
        b,
        share=b.between("share", 0.42, 0.62),
        texts=(
            f"Access to XMLHttpRequest at '{API}/api/notifications' from origin 'https://pitchey.pages.dev' has been "
            "blocked by CORS policy: No 'Access-Control-Allow-Origin' header is present on the requested resource.",
            "Origin https://pitchey.pages.dev is not allowed by Access-Control-Allow-Origin. Status code: 200",
        ),
        value="Load failed (No 'Access-Control-Allow-Origin' header is present on the requested resource)",
        headers={"access-control-allow-origin": ""},
        quieter=0.5,
        ramp_s=120.0,
    )


def credentials(b: Builder) -> Told:
    """A star where a name must stand: requests with cookies are refused."""
    at_hour(b, 19.2)
    doorknobs(b)
    frontend_deployed(b)
    return _unread(
        b,
        share=b.between("share", 0.6, 0.8),
        texts=(
            "Cross-Origin Request Blocked: (Reason: Credential is not supported if the CORS header "
            "'Access-Control-Allow-Origin' is '*').",
            f"Access to fetch at '{API}/api/auth/refresh' has been blocked by CORS policy: The value of the "
            "'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' when the request's "
            "credentials mode is 'include'.",
        ),
        value="NetworkError (Credential is not supported if the CORS header is '*')",
        headers={"access-control-allow-origin": "*", "access-control-allow-credentials": ""},
        quieter=0.3,
    )


def fonts(b: Builder) -> Told:
    """The host of our typefaces answers late: text stays invisible for seconds. Nothing of ours changed."""
    at_hour(b, 13.0)
    return browser.vitals_regression(
        b,
        factors={
            "fcp": (1.8, b.between("fcp", 1500, 2100)),
            "lcp": (1.7, b.between("lcp", 2000, 2800)),
            "cls": (1.8, 0.05),
        },
        message="",
        where={},
    )


def adverts(b: Builder) -> Told:
    """The catalogue jumps about and paints late since advertisements came with a release."""
    at_hour(b, 18.0)
    bounces(b)
    return browser.vitals_regression(
        b,
        factors={"cls": (2.5, b.between("cls", 0.24, 0.34)), "lcp": (1.9, b.between("lcp", 900, 1500))},
        message="sponsor tiles in the catalogue",
        where={"url": ("/pitches", "/")},
        lead_s=b.between("lead", 60, 240),
    )


def chat(b: Builder) -> Told:
    """A chat bubble of somebody else keeps computers busy; phones do not show it. Nothing of ours changed."""
    at_hour(b, 10.6)
    return browser.vitals_regression(
        b,
        factors={
            "fid": (9.0, b.between("fid", 240, 360)),
            "inp": (4.0, b.between("inp", 300, 450)),
            "lcp": (1.5, 900.0),
        },
        message="",
        where={"device": ("desktop",)},
    )


SCENARIOS = (
    judged(
        "cors_preflight",
        "A header that is not allowed",
        CORS,
        preflight,
        BROWSER,
        beside=("harmless_production_deployment",),
    ),
    judged(
        "cors_no_header",
        "The header is gone for half of the people",
        CORS,
        no_header,
        BROWSER,
        onset_min=(14, 24),
        beside=("few_typists", "noisy_neighbour"),
    ),
    judged(
        "cors_credentials",
        "A star where a name must stand",
        CORS,
        credentials,
        BROWSER,
        onset_min=(10, 18),
        beside=("crawler_visit", "clock_skew"),
    ),
    judged(
        "paint_fonts",
        "Typefaces come late",
        VITALS,
        fonts,
        PAINT,
        onset_min=(24, 34),
        fresh=True,
        beside=("harmless_production_deployment",),
    ),
    judged(
        "paint_adverts",
        "The catalogue jumps and paints late",
        VITALS,
        adverts,
        PAINT,
        onset_min=(24, 36),
        fresh=True,
        beside=("unrelated_deployment",),
    ),
    judged(
        "paint_chat",
        "Somebody else's script keeps computers busy",
        VITALS,
        chat,
        PAINT,
        onset_min=(22, 32),
        fresh=True,
        beside=("logs_lost",),
    ),
)
