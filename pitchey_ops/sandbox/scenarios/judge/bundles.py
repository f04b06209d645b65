"""What the browser was given to run, and what it was not given."""

from ... import effects as fx
from ...builder import Builder, Crowd, Fault, Span
from ...causes.browser import API_FROM_PAGES, PAGES
from ...scenario import Told
from ...world import Behaviour
from ._parts import (
    AGENTS,
    BROWSING,
    door_rattling,
    dwellings,
    helpers_shipped,
    idle_guesser,
    in_browsers,
    index_backlog,
    judged,
    local_hour,
    loud_analytics,
    morning_blip,
    old_clients,
    other_peoples_scripts,
    shipped,
    untracked,
    warp_trouble,
    web_issue,
)

BUILD, ASSETS = "frontend_build", "frontend_assets"
FRONTEND = "pitchey-frontend"
STYLE, MAIN = "/assets/index-b27d90ee.css", "/assets/index-4f9c2a1b.js"


def render_loop(b: Builder) -> Told:
    """The catalogue draws itself without end since the release, and asks the API for the same list all the time."""
    local_hour(b, 20.0)
    old_clients(b)
    shipped(b, FRONTEND, "catalogue: remember filters", 25, 100)
    span = b.until_mended(b.onset_ms, ramp_s=150.0)
    in_browsers(
        b,
        "render loop",
        span,
        {"/pitches": b.between("share", 0.55, 0.75)},
        (
            "Error: Maximum update depth exceeded. This can happen when a component repeatedly calls setState inside "
            "componentWillUpdate or componentDidUpdate. ({browser})",
            "RangeError: Maximum call stack size exceeded. at useFilters (assets/index-4f9c2a1b.js:9:2210)",
        ),
        stack="Error: Maximum update depth exceeded.\n    at useFilters (assets/index-4f9c2a1b.js:9:2210)",
        tracked=web_issue("Error: Maximum update depth exceeded.", "useFilters(src/catalogue/filters)"),
    )
    fx.surge(b, span, 1.5, ("/api/browse",))
    fx.surge(b, span, 0.7, ("/api/investor/interest", "/api/pitches/search"))
    return Told(services=("frontend",), routes=("/pitches",), severity="P2")


def bare_module(b: Builder) -> Told:
    """A package was left out of the bundle: nothing starts, in any browser, on any page."""
    local_hour(b, 10.2)
    warp_trouble(b)
    shipped(b, FRONTEND, "design system 3, externalised", 15, 60)
    span = b.until_mended(b.onset_ms, ramp_s=240.0)
    in_browsers(
        b,
        "bare module",
        span,
        fx.of(PAGES, b.between("share", 0.86, 0.98)),
        (
            'TypeError: Failed to resolve module specifier "@pitchey/ui". Relative references must start with either '
            '"/", "./", or "../".',
            'TypeError: Module specifier, \'@pitchey/ui\' does not start with "/", "./", or "../".',
            "TypeError: The specifier “@pitchey/ui” was a bare specifier, but was not remapped to anything.",
        ),
        tracked=web_issue('TypeError: Failed to resolve module specifier "@pitchey/ui"', "(src/main)"),
    )
    fx.surge(b, span, 0.18, API_FROM_PAGES)
    return Told(services=("frontend",), routes=PAGES, severity="P1")


def two_languages(b: Builder) -> Told:
    """The dashboard of those whose titles are translated stays empty since the release of half an hour before."""
    local_hour(b, 15.5)
    index_backlog(b)
    morning_blip(b)
    shipped(b, FRONTEND, "titles in two languages", 1500, 2100)
    span = b.until_mended(b.onset_ms, ramp_s=600.0)
    in_browsers(
        b,
        "two languages",
        span,
        {"/dashboard": b.between("share", 0.36, 0.52)},
        (
            "Error: Objects are not valid as a React child (found: object with keys {{de, en}}). "
            "If you meant to render a collection of children, use an array instead.",
        ),
        stack="Error: Objects are not valid as a React child\n    at Ti (assets/index-4f9c2a1b.js:38:20141)",
        tracked=web_issue("Error: Objects are not valid as a React child", "Title(src/dashboard/title)"),
    )
    fx.surge(b, span, 0.8, ("/api/creator/pitches", "/api/investor/interest"))
    return Told(services=("frontend",), routes=("/dashboard",), severity="P3")


def old_chunks(b: Builder) -> Told:
    """Tabs that were open before the release ask for files of yesterday, which are deleted."""
    local_hour(b, 13.1)
    door_rattling(b)
    shipped(b, FRONTEND, "clean old builds from the bucket", 20, 70)
    span = b.until_mended(b.onset_ms, ramp_s=90.0)
    share = b.between("share", 0.22, 0.36)
    for name in ("dashboard-0a3b9f77", "player-77d0c1aa"):
        fx.crowd(
            b,
            Crowd(
                key=f"old chunk {name}",
                route=f"/assets/{name}.js",
                per_min=share * 9,
                span=span,
                addresses=dwellings(b, "old chunks", 400),
                agents=AGENTS,
                outcomes={404: 1.0},
                logged=0.0,
                users=True,
                service="frontend",
            ),
        )
        fx.answer(
            b,
            Behaviour(
                service="frontend",
                path=f"/assets/{name}.js",
                start_ms=span.start_ms,
                end_ms=span.end_ms,
                status=404,
                kind="text",
                body="Not Found",
            ),
        )
    in_browsers(
        b,
        "old chunks",
        span,
        {"/dashboard": share, "/pitches": share * 0.7, "/": share * 0.4},
        (
            "TypeError: Failed to fetch dynamically imported module: https://pitchey.pages.dev/assets/dashboard-0a3b9f77.js",
            "ChunkLoadError: /assets/player-77d0c1aa.js answered 404 ({browser})",
        ),
        tracked=web_issue("TypeError: Failed to fetch dynamically imported module", "lazy(src/routes/lazy)"),
    )
    fx.surge(b, span, 0.85, API_FROM_PAGES)
    return Told(services=("frontend",), routes=("/dashboard", "/pitches"), severity="P2")


def plain_pages(b: Builder) -> Told:
    """In some cities the style sheet answers as a page of text: naked pages. Nothing was released."""
    local_hour(b, 18.3)
    loud_analytics(b)
    helpers_shipped(b)
    span = b.until_mended(b.onset_ms, ramp_s=20.0)
    share = b.between("share", 0.38, 0.56)
    fx.fail(
        b,
        Fault(
            key="plain pages",
            hits={STYLE: share},
            span=span,
            status=404,
            page="text",
            body="404 page not found",
            outcome="none",
            took_ms=15.0,
        ),
    )
    in_browsers(
        b,
        "plain pages felt",
        span,
        fx.of(PAGES, share * 0.85),
        (
            "Refused to apply style from 'https://pitchey.pages.dev/assets/index-b27d90ee.css' because its MIME type "
            "('text/html') is not a supported stylesheet MIME type, and strict MIME checking is enabled.",
            "The stylesheet https://pitchey.pages.dev/assets/index-b27d90ee.css was not loaded because its MIME type, "
            "“text/html”, is not “text/css”.",
        ),
        tracked=web_issue("Error: stylesheet index-b27d90ee.css was not loaded", "styles(src/boot)"),
    )
    fx.surge(b, span, 0.75, API_FROM_PAGES)
    return Told(services=("frontend",), routes=(STYLE, *PAGES), severity="P2")


def torn_script(b: Builder) -> Told:
    """A cache keeps half of the main script and hands it out with 200 as if it were whole."""
    local_hour(b, 22.1)
    other_peoples_scripts(b)
    idle_guesser(b)
    span = b.until_mended(b.onset_ms)
    share = b.between("share", 0.5, 0.7)
    fx.answer(
        b,
        Behaviour(
            service="frontend",
            path=MAIN,
            start_ms=span.start_ms,
            end_ms=span.end_ms,
            share=share,
            status=200,
            kind="text",
            body="import{r as e,j as t}from'./vendor-8d01e7c3.js';const n=e.createContext(null);function o({chil",
            headers={"content-type": "application/javascript"},
        ),
    )
    in_browsers(
        b,
        "torn script",
        span,
        fx.of(PAGES, share),
        (
            "Uncaught SyntaxError: Unexpected end of input (at index-4f9c2a1b.js:1:88231)",
            "GET https://pitchey.pages.dev/assets/index-4f9c2a1b.js net::ERR_CONTENT_LENGTH_MISMATCH 200 (OK)",
            "SyntaxError: Unexpected end of script in https://pitchey.pages.dev/assets/index-4f9c2a1b.js",
        ),
        tracked=web_issue("SyntaxError: Unexpected end of input (index-4f9c2a1b.js)", "window.onerror"),
    )
    fx.surge(b, Span(span.start_ms, span.end_ms), 1 - 0.55 * share, API_FROM_PAGES)
    return Told(services=("frontend",), routes=(MAIN, *PAGES), severity="P1")


SCENARIOS = (
    judged(
        "bundle_render_loop",
        "The catalogue draws itself without end",
        BUILD,
        render_loop,
        BROWSING,
        onset_min=(14, 24),
        beside=("busy_evening",),
    ),
    judged(
        "bundle_bare_module",
        "A package left out of the bundle",
        BUILD,
        bare_module,
        BROWSING,
        onset_min=(8, 14),
        beside=("few_typists", "slow_sidekick"),
        seeds=3,
    ),
    judged(
        "bundle_two_languages",
        "Translated titles empty the dashboard",
        BUILD,
        two_languages,
        BROWSING,
        onset_min=(28, 40),
        beside=("logs_unseen",),
    ),
    judged(
        "bundle_old_chunks",
        "Open tabs ask for deleted files",
        ASSETS,
        old_chunks,
        BROWSING,
        onset_min=(16, 26),
        beside=("few_typists",),
    ),
    judged(
        "bundle_plain_pages",
        "Pages without style in some cities",
        ASSETS,
        untracked(plain_pages),
        BROWSING,
        onset_min=(12, 20),
        beside=("logs_lost",),
        seeds=3,
    ),
    judged(
        "bundle_torn_script",
        "Half a script with status 200",
        ASSETS,
        torn_script,
        BROWSING,
        onset_min=(10, 18),
        beside=("logs_unseen",),
    ),
)
