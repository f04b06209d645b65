"""Files of the frontend that do not come, and builds that do not run."""

from .... import effects as fx
from ....builder import Builder, Crowd, Entry, Fault, Tracked
from ....causes.browser import API_FROM_PAGES, PAGES
from ....platform import BROWSERS
from ....scenario import Told
from ....world import Behaviour
from ._parts import BROWSER, at_hour, audited, homes, phone_in_tunnel, ratings_feed, said_in, stranger

CSS = "/assets/index-b27d90ee.css"
CHUNK = "/assets/browse-1c7be205.js"
BARE = "<!doctype html><html><body><div id=root></div></body></html>"


def forbidden_style(b: Builder) -> Told:
    """A new rule of the bucket forbids one kind of file: pages come and work, without any style."""
    at_hour(b, 12.1)
    ratings_feed(b)
    audited(
        b, "policy", b.onset_ms, "bucket pitchey-static: policy replaced (deny s3:GetObject on *.css unless signed)"
    )
    span = b.until_mended(b.onset_ms, ramp_s=180.0)
    share = b.between("share", 0.7, 0.85)
    fx.fail(
        b,
        Fault(
            key="forbidden style",
            hits={CSS: share},
            span=span,
            status=403,
            page="text",
            body="<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
            outcome="none",
            took_ms=31.0,
        ),
    )
    fx.stumble(
        b,
        Fault(
            key="unstyled",
            hits=fx.of(PAGES, share * 0.8),
            span=span,
            status=0,
            entries=(
                Entry(
                    service="frontend",
                    component="browser",
                    delay_ms=600.0,
                    metadata='{{"browser":"{browser}"}}',
                    texts=(
                        f"Error: Unable to preload CSS for {CSS}",
                        f"Failed to load resource: the server responded with a status of 403 () {CSS}",
                    ),
                ),
            ),
            tracked=Tracked(
                type="Error",
                value=f"Unable to preload CSS for {CSS}",
                culprit="vite:preloadError",
                project="pitchey-frontend",
            ),
        ),
    )
    fx.vitals(b, span, {"cls": (1.0, 0.22)})
    return Told(services=("frontend",), routes=(CSS, *PAGES), severity="P3")


def page_for_script(b: Builder) -> Told:
    """After a release the old pieces are gone, and instead of 404 the host sends its page: who had it open is stuck."""
    at_hour(b, 18.2)
    fx.deploy(b, "pitchey-frontend", b.onset_ms - 40_000, "browse: smaller cards")
    span = b.until_mended(b.onset_ms, ramp_s=60.0)
    fx.stumble(
        b,
        Fault(
            key="page for script",
            hits={"/pitches": b.between("share", 0.5, 0.65), "/": 0.2},
            span=span,
            status=0,
            entries=(
                Entry(
                    service="frontend",
                    component="browser",
                    delay_ms=700.0,
                    metadata='{{"browser":"{browser}"}}',
                    texts=(
                        "Failed to load module script: Expected a JavaScript-or-Wasm module script but the server "
                        'responded with a MIME type of "text/html". Strict MIME type checking is enforced.',
                        f"TypeError: Failed to fetch dynamically imported module: https://pitchey.pages.dev{CHUNK}",
                        f"Loading module from “https://pitchey.pages.dev{CHUNK}” was blocked because of a disallowed "
                        "MIME type (“text/html”).",
                    ),
                ),
            ),
            tracked=Tracked(
                type="TypeError",
                value=f"Failed to fetch dynamically imported module: {CHUNK}",
                culprit="lazy(src/router)",
                project="pitchey-frontend",
            ),
        ),
    )
    fx.answer(
        b,
        Behaviour(
            service="frontend",
            path=CHUNK,
            start_ms=span.start_ms,
            end_ms=span.end_ms,
            kind="text",
            body=BARE,
            headers={"content-type": "text/html; charset=utf-8"},
        ),
    )
    fx.surge(b, span, 0.55, ("/api/browse", "/api/browse/genres", "/api/pitches"))
    return Told(services=("frontend",), routes=(CHUNK, "/pitches", "/"), severity="P2")


def undefined_host(b: Builder) -> Told:
    """The build was made without its settings: the browsers ask for /undefined/api and get the page back, with 200."""
    at_hour(b, 9.8)
    phone_in_tunnel(b)
    one = fx.deploy(b, "pitchey-frontend", b.onset_ms - 35_000, "build on the new runner")
    span = b.until_mended(b.onset_ms, ramp_s=200.0)
    words = "Unexpected token '<', \"<!doctype \"... is not valid JSON"
    fx.stumble(
        b,
        Fault(
            key="undefined host",
            hits=fx.of(PAGES, b.between("share", 0.82, 0.94)),
            span=span,
            status=0,
            entries=(
                Entry(
                    service="frontend",
                    component="browser",
                    delay_ms=500.0,
                    metadata='{{"release":"' + fx.release_name(one) + '","browser":"{browser}"}}',
                    texts=(f"SyntaxError: {words}", "SyntaxError: JSON.parse: unexpected character at line 1 column 1"),
                    stack="SyntaxError\n    at json (/undefined/api/pitches)\n    at load (index-9b1e.js:1:20417)",
                ),
            ),
            tracked=Tracked(
                type="SyntaxError", value=words, culprit="load(src/lib/http)", project="pitchey-frontend", share=0.7
            ),
        ),
    )
    for path, per_min in (("/undefined/api/pitches", 22.0), ("/undefined/api/browse", 16.0)):
        fx.crowd(
            b,
            Crowd(
                key=f"asked for {path}",
                route=path,
                per_min=per_min,
                span=span,
                addresses=homes(b, "undefined host", 60),
                agents=tuple(agent for agent, _ in BROWSERS),
                logged=0.3,
                service="frontend",
                users=True,
                took_ms=18.0,
            ),
        )
    fx.surge(b, span, 0.2, (*API_FROM_PAGES, "/api/auth/login", "/api/auth/refresh", "/api/auth/verify"))
    return Told(services=("frontend",), routes=PAGES, severity="P1")


def lookbehind(b: Builder) -> Told:
    """A release has an expression that older iPhones cannot read: there, and only there, all pages stay white."""
    at_hour(b, 20.1)
    one = fx.deploy(b, "pitchey-frontend", b.onset_ms - 90_000, "links in comments become clickable")
    span = b.until_mended(b.onset_ms, ramp_s=240.0)
    words = "Invalid regular expression: invalid group specifier name"
    entry = said_in(
        "Mobile Safari 16.3",
        1.0,
        f"SyntaxError: {words}",
        "SyntaxError: Invalid regular expression: invalid group specifier name (assets/index-7e02.js:1:88213)",
    )
    fx.stumble(
        b,
        Fault(
            key="lookbehind",
            hits=fx.of(PAGES, b.between("share", 0.14, 0.2)),
            span=span,
            status=0,
            release=fx.release_name(one),
            entries=(entry,),
            tracked=Tracked(
                type="SyntaxError",
                value=words,
                culprit="global code(assets/index)",
                project="pitchey-frontend",
                share=0.9,
            ),
        ),
    )
    fx.surge(b, span, 0.86, API_FROM_PAGES)
    return Told(services=("frontend",), routes=PAGES, severity="P3")


SCENARIOS = (
    stranger(
        "via_forbidden_style",
        "Pages without style",
        "frontend_assets",
        forbidden_style,
        BROWSER,
        onset_min=(18, 32),
        beside=("clock_skew",),
    ),
    stranger(
        "via_page_for_script",
        "A page where a script should be",
        "frontend_assets",
        page_for_script,
        BROWSER,
        onset_min=(14, 26),
        beside=("crawler_visit",),
    ),
    stranger(
        "via_undefined_host",
        "A build without its settings",
        "frontend_build",
        undefined_host,
        BROWSER,
        onset_min=(10, 18),
        beside=("unrelated_deployment",),
    ),
    stranger(
        "via_lookbehind",
        "White pages on older iPhones",
        "frontend_build",
        lookbehind,
        BROWSER,
        onset_min=(28, 44),
        beside=("noisy_neighbour",),
    ),
)
