"""Pages that were built wrong, and files that pages ask for in vain."""

from .... import effects as fx
from ....builder import Builder, Crowd, Entry, Fault, Silence, Tracked
from ....causes.browser import API_FROM_PAGES, PAGES
from ....platform import BROWSERS
from ....scenario import Told
from ....world import Behaviour, Release
from ._parts import BROWSER, case, earlier_release, hour_is, old_client, people, stale_customers, strict_policy

BUILD, ASSETS = "frontend_build", "frontend_assets"
FROM_FORMS = (
    "/api/auth/login",
    "/api/auth/register",
    "/api/auth/refresh",
    "/api/auth/verify",
    "/api/pitches/create",
    "/api/creator/pitches",
    "/api/investor/interest",
    "/api/messages",
    "/api/payments/checkout",
    "/api/upload/presign",
    "/api/upload/complete",
)
LAZY = "/assets/browse-1c7be205.js"


def wrong_base(b: Builder) -> Told:
    """The page was built with a developer's address: it asks every visitor's own computer for its data."""
    hour_is(b, 10.8)
    old_client(b)
    deployment = fx.deploy(
        b, "pitchey-frontend", b.onset_ms - int(b.between("lead", 20, 60) * 1000), "ci: cache node_modules"
    )
    span = b.until_mended(b.onset_ms, ramp_s=240.0)
    share = b.between("share", 0.82, 0.93)
    metadata = '{{"release":"' + fx.release_name(deployment) + '","browser":"{browser}","online":true}}'
    fx.stumble(
        b,
        Fault(
            key="wrong base",
            hits=fx.of(PAGES, share),
            span=span,
            status=0,
            entries=(
                Entry(
                    service="frontend",
                    component="browser",
                    delay_ms=500.0,
                    metadata=metadata,
                    texts=(
                        "GET http://localhost:8787/api/pitches net::ERR_CONNECTION_REFUSED",
                        "Fetch API cannot load http://localhost:8787/api/browse. Not allowed to request resource",
                        "AxiosError: Network Error baseURL=http://localhost:8787 url=/api/notifications",
                    ),
                ),
            ),
            tracked=Tracked(
                type="AxiosError",
                value="Network Error",
                culprit="XMLHttpRequest.handleError(axios/lib/adapters/xhr)",
                project="pitchey-frontend",
                share=0.8,
            ),
        ),
    )
    fx.surge(b, span, 1 - share, (*API_FROM_PAGES, *FROM_FORMS))
    return Told(services=("frontend",), routes=PAGES, severity="P1")


def too_early(b: Builder) -> Told:
    """Two parts of the page need each other first; the release is known to the error tracker alone."""
    hour_is(b, 13.8)
    strict_policy(b)
    earlier_release(b)
    lead = int(b.between("lead", 60, 150) * 1000)
    b.releases.append(Release(at_ms=b.onset_ms - lead, version="pitchey-frontend@1.412.0", project="pitchey-frontend"))
    span = b.until_mended(b.onset_ms, ramp_s=300.0)
    share = b.between("share", 0.58, 0.74)
    pages = ("/dashboard", "/pitches")
    fx.stumble(
        b,
        Fault(
            key="too early",
            hits=fx.of(pages, share),
            span=span,
            status=0,
            tracked=Tracked(
                type="ReferenceError",
                value="Cannot access 'Xe' before initialization",
                culprit="assets/vendor-8d01e7c3",
                project="pitchey-frontend",
                share=0.95,
            ),
        ),
    )
    fx.stumble(
        b,
        Fault(
            key="too early in Firefox",
            hits=fx.of(pages, share * 0.08),
            span=span,
            status=0,
            tracked=Tracked(
                type="ReferenceError",
                value="can't access lexical declaration 'Xe' before initialization",
                culprit="assets/vendor-8d01e7c3",
                project="pitchey-frontend",
                share=0.95,
            ),
        ),
    )
    fx.surge(b, span, 1 - share * 0.85, ("/api/creator/dashboard", "/api/investor/portfolio", "/api/notifications"))
    fx.surge(b, span, 1 - share * 0.6, ("/api/pitches", "/api/browse", "/api/browse/genres", "/api/pitches/trending"))
    fx.silence(b, Silence(key="too early", what="vitals", span=span, share=share * 0.6))
    return Told(services=("frontend",), routes=pages, severity="P2")


def no_referrer(b: Builder) -> Told:
    """A new rule against other people's sites refuses our script to every browser that says not where it comes from."""
    hour_is(b, 19.1)
    stale_customers(b)
    span = b.until_mended(b.onset_ms, ramp_s=45.0)
    share = b.between("share", 0.36, 0.48)
    agents = (BROWSERS[4][0], BROWSERS[1][0], BROWSERS[3][0])
    fx.surge(b, span, 1 - share, (LAZY,))
    fx.crowd(
        b,
        Crowd(
            key="no referrer",
            route=LAZY,
            per_min=26.0 * share,
            span=span,
            addresses=people(b, "no referrer", 900),
            agents=agents,
            blocked=1.0,
            rule="custom-hotlink-protection",
            users=True,
        ),
    )
    fx.answer(
        b,
        Behaviour(
            service="frontend",
            path=LAZY,
            start_ms=span.start_ms,
            end_ms=span.end_ms,
            share=share,
            status=403,
            kind="cloudflare_html",
            body=1020,
        ),
    )
    fx.stumble(
        b,
        Fault(
            key="no referrer felt",
            hits={"/pitches": share * 0.9, "/": share * 0.5},
            span=span,
            status=0,
            entries=(
                Entry(
                    service="frontend",
                    component="browser",
                    level="error",
                    delay_ms=700.0,
                    texts=(
                        f"TypeError: error loading dynamically imported module: https://pitchey.pages.dev{LAZY}",
                        f"Failed to load resource: the server responded with a status of 403 () {LAZY} (Safari 19)",
                        "Importing a module script failed. (Safari 19)",
                    ),
                ),
            ),
            tracked=Tracked(
                type="TypeError",
                value="error loading dynamically imported module",
                culprit="lazy(src/routes)",
                project="pitchey-frontend",
                share=0.7,
            ),
        ),
    )
    fx.surge(b, span, 1 - share * 0.5, API_FROM_PAGES)
    return Told(services=("frontend",), routes=(LAZY, "/pitches", "/"), severity="P2")


def yesterday_s_page(b: Builder) -> Told:
    """A cache rule keeps handing out yesterday's page, whose scripts went with today's release."""
    hour_is(b, 8.7)
    old_client(b)
    fx.deploy(b, "pitchey-frontend", b.onset_ms - int(b.between("lead", 90, 200) * 1000), "onboarding: step 2")
    span = b.until_mended(b.onset_ms, ramp_s=200.0)
    share = b.between("share", 0.4, 0.55)
    gone = ("/assets/index-91c0d2e7.js", "/assets/dashboard-7be0cc41.js")
    for path, per_min in zip(gone, (22.0, 12.0), strict=True):
        fx.crowd(
            b,
            Crowd(
                key=f"gone {path}",
                route=path,
                per_min=per_min * share,
                span=span,
                addresses=people(b, path, 400),
                agents=tuple(agent for agent, _ in BROWSERS),
                outcomes={404: 1.0},
                logged=0.0,
                users=True,
            ),
        )
        fx.answer(
            b,
            Behaviour(
                service="frontend",
                path=path,
                start_ms=span.start_ms,
                end_ms=span.end_ms,
                status=404,
                kind="text",
                body="Not Found",
            ),
        )
    fx.surge(b, span, 1 - share, ("/assets/index-4f9c2a1b.js", "/assets/index-b27d90ee.css", LAZY))
    fx.stumble(
        b,
        Fault(
            key="gone felt",
            hits={"/": share, "/pitches": share * 0.9, "/dashboard": share * 0.8, "/login": share * 0.7},
            span=span,
            status=0,
            entries=(
                Entry(
                    service="frontend",
                    component="browser",
                    level="error",
                    delay_ms=300.0,
                    texts=(
                        "GET https://pitchey.pages.dev/assets/index-91c0d2e7.js net::ERR_ABORTED 404 (Not Found)",
                        "vite:preloadError Failed to fetch dynamically imported module: "
                        "https://pitchey.pages.dev/assets/dashboard-7be0cc41.js",
                        "html cf-cache-status=HIT age={id} build=7be0cc41 current=1c7be205",
                    ),
                ),
            ),
            tracked=Tracked(
                type="TypeError",
                value="Failed to fetch dynamically imported module: /assets/dashboard-7be0cc41.js",
                culprit="__vitePreload(vite/preload-helper)",
                project="pitchey-frontend",
                share=0.75,
            ),
        ),
    )
    fx.surge(b, span, 1 - share * 0.8, (*API_FROM_PAGES, *FROM_FORMS))
    return Told(services=("frontend",), routes=(*gone, *PAGES), severity="P1")


SCENARIOS = (
    case("wrong_base", "A page with a developer's address", BUILD, wrong_base, BROWSER, onset_min=(12, 19)),
    case("too_early", "Parts that need each other first", BUILD, too_early, BROWSER, onset_min=(18, 27)),
    case("no_referrer", "A rule that refuses our own script", ASSETS, no_referrer, BROWSER, onset_min=(20, 30)),
    case("yesterday_s_page", "Yesterday's page", ASSETS, yesterday_s_page, BROWSER, onset_min=(11, 17)),
)
