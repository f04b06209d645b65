"""What browsers refuse, and what they show late."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Tracked
from ....causes.browser import PAGES
from ....scenario import Told
from ....world import Behaviour
from ._parts import BROWSER, PAINT, case, deprecated, hour_is, old_client, other_products
from .pages import FROM_FORMS

API = "https://pitchey-production.cavelltheleaddev.workers.dev"


def named_twice(b: Builder) -> Told:
    """A rule at the edge adds a header that the API sends already; browsers take two names for none."""
    hour_is(b, 16.3)
    deprecated(b)
    other_products(b)
    twice = "https://pitchey.pages.dev, https://pitchey.pages.dev"
    span = b.until_mended(b.onset_ms, ramp_s=40.0)
    share = b.between("share", 0.78, 0.92)
    blocked = (
        "has been blocked by CORS policy: The 'Access-Control-Allow-Origin' header contains multiple values "
        f"'{twice}', but only one is allowed."
    )
    fx.stumble(
        b,
        Fault(
            key="named twice",
            hits=fx.of(PAGES, share),
            span=span,
            status=0,
            entries=(
                Entry(
                    service="frontend",
                    component="browser",
                    delay_ms=420.0,
                    metadata='{{"browser":"{browser}","route":"{page}"}}',
                    texts=(
                        f"Access to fetch at '{API}/api/pitches' from origin 'https://pitchey.pages.dev' {blocked}",
                        f"Access-Control-Allow-Origin cannot contain more than one origin. {API}/api/auth/verify",
                        "Quellübergreifende (Cross-Origin) Anfrage blockiert: Die Gleiche-Quelle-Regel verbietet das "
                        f"Lesen der externen Ressource auf {API}/api/browse. (Grund: Mehrere CORS-Header "
                        "'Access-Control-Allow-Origin' nicht erlaubt).",
                    ),
                ),
            ),
            tracked=Tracked(
                type="TypeError",
                value="Failed to fetch (pitchey-production.cavelltheleaddev.workers.dev)",
                culprit="client(src/api/client)",
                project="pitchey-frontend",
                share=0.8,
            ),
        ),
    )
    fx.surge(b, span, 1 - share * 0.9, tuple(p for p in FROM_FORMS if p != "/api/auth/verify"))
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
                headers={"access-control-allow-origin": twice},
            ),
        )
    return Told(services=("frontend", "api-gateway"), routes=PAGES, severity="P1")


def moving_picture(b: Builder) -> Told:
    """The front page greets phones with a film of eleven megabytes."""
    hour_is(b, 17.9)
    old_client(b)
    fx.deploy(b, "pitchey-frontend", b.onset_ms - int(b.between("lead", 40, 120) * 1000), "hero: looping showreel")
    span = b.until_mended(b.onset_ms, ramp_s=240.0)
    fx.vitals(
        b,
        span,
        {
            "lcp": (2.1, b.between("lcp", 2200, 3200)),
            "inp": (1.9, 110.0),
            "fid": (2.4, 30.0),
            "fcp": (1.15, 80.0),
        },
        url=("/",),
        device=("mobile", "tablet"),
    )
    fx.vitals(b, span, {"lcp": (1.25, 250.0)}, url=("/",), device=("desktop",))
    late = Entry(
        service="frontend",
        level="info",
        component="rum",
        request=False,
        texts=(
            "[Violation] 'requestAnimationFrame' handler took {ms}ms",
            "largest-contentful-paint element=video.hero__reel size=11{small}.4MB connection=4g",
        ),
    )
    fx.say(b, "late", late, 2.0, span)
    return Told(services=("frontend",), routes=("/",), severity="P3")


SCENARIOS = (
    case(
        "named_twice",
        "One name too many",
        "cors_misconfigured",
        named_twice,
        BROWSER,
        onset_min=(13, 20),
        beside=("logs_lost",),
    ),
    case(
        "moving_picture",
        "A film on the front page",
        "web_vitals_regression",
        moving_picture,
        PAINT,
        onset_min=(25, 34),
        fresh=True,
        beside=("crawler_visit",),
    ),
)
