"""Files of the frontend that do not reach the browser, or not whole."""

from .... import effects as fx
from ....builder import MINUTE, Builder, Crowd, Entry, Fault, Silence, Span, Tracked
from ....causes.browser import API_FROM_PAGES, PAGES
from ....platform import BROWSERS
from ....scenario import Told
from ....world import Behaviour
from ..unseen_once._parts import BROWSER, at_hour, extensions, homes
from ._parts import hourly_job, said_in, stranger, usual_guessers

CAUSE = "frontend_assets"
SITE = "https://pitchey.pages.dev"
MAIN, STYLE = "/assets/index-4f9c2a1b.js", "/assets/index-b27d90ee.css"
ASSETS = (MAIN, STYLE, "/assets/browse-1c7be205.js")


def _missing(b: Builder, key: str, path: str, per_min: float, span: Span, agents: tuple[str, ...]) -> None:
    """Let people's browsers ask for a file that is not there any more."""
    fx.crowd(
        b,
        Crowd(
            key=key,
            route=path,
            per_min=per_min,
            span=span,
            addresses=homes(b, key, 300),
            agents=agents,
            outcomes={404: 1.0},
            logged=0.0,
            users=True,
            service="frontend",
        ),
    )


def old_tabs(b: Builder) -> Told:
    """A release took the old files away; tabs that were open since the morning ask for them and get 404."""
    at_hour(b, 15.4)
    extensions(b)
    old = "/assets/browse-77aa01ce.js"
    fx.deploy(b, "pitchey-frontend", b.onset_ms - int(b.between("lead", 15, 60) * 1000), "release 2026.48.1")
    entries = (
        said_in("Chrome 142", 0.5, f"Failed to fetch dynamically imported module: {SITE}{old}"),
        said_in("Firefox 144", 0.12, f"error loading dynamically imported module: {SITE}{old}"),
        said_in("Safari 19", 0.38, "Importing a module script failed."),
    )
    tracked = Tracked(
        type="TypeError",
        value=f"error loading dynamically imported module: {SITE}{old}",
        culprit="lazy(src/router)",
        project="pitchey-frontend",
        share=0.8,
    )
    share = b.between("share", 0.24, 0.32)
    for key, until, heard in (
        ("old tabs", None, tracked),
        ("old tabs at first", b.onset_ms + 11 * MINUTE, None),  # many reload the page after that
    ):
        span = b.until_mended(b.onset_ms, until)
        _missing(b, key, old, 24.0 * share, span, tuple(agent for agent, _ in BROWSERS))
        hits = {"/pitches": share, "/dashboard": share * 0.8}
        fx.stumble(b, Fault(key=key, hits=hits, span=span, status=0, entries=entries, tracked=heard))
    fx.surge(b, b.until_mended(b.onset_ms), 0.8, API_FROM_PAGES)
    return Told(services=("frontend",), routes=("/pitches", "/dashboard"), severity="P2")


def other_host(b: Builder) -> Told:
    """The certificate of the files' own host ran out: pages come, files are never asked for, nobody can report."""
    at_hour(b, 21.6)
    usual_guessers(b)
    span = b.until_mended(b.onset_ms, ramp_s=90.0)
    fx.surge(b, span, b.between("files", 0.08, 0.15), ASSETS)
    fx.surge(b, span, 0.2, API_FROM_PAGES)
    fx.surge(b, span, 0.15, ("/api/auth/login", "/api/pitches/create", "/api/payments/checkout", "/ws"))
    fx.silence(b, Silence(key="other host vitals", what="vitals", span=span, share=0.88))
    fx.silence(b, Silence(key="other host views", what="unlogged", span=span, share=0.7, services=("frontend",)))
    inline = Entry(
        service="frontend",
        component="inline",
        request=False,
        texts=(
            "script load error net::ERR_CERT_DATE_INVALID https://static.pitchey.example/assets/index-4f9c2a1b.js",
            "stylesheet load error href=https://static.pitchey.example/assets/index-b27d90ee.css",
        ),
    )
    fx.say(b, "other host", inline, 16.0, span)
    return Told(services=("frontend",), routes=(*ASSETS, *PAGES), severity="P1")


def undecodable(b: Builder) -> Told:
    """A rule at the edge labels plain files as packed: 200 everywhere, and no browser can unpack them."""
    at_hour(b, 9.6)
    hourly_job(b)
    span = b.until_mended(b.onset_ms, ramp_s=120.0)
    share = b.between("share", 0.5, 0.7)
    entries = (
        said_in("Chrome 142", 0.55, f"GET {SITE}{MAIN} net::ERR_CONTENT_DECODING_FAILED 200 (OK)", level="warn"),
        said_in("Safari 19", 0.35, "Failed to load resource: cannot decode raw data (index-4f9c2a1b.js)", level="warn"),
        said_in("Firefox 144", 0.1, f"NS_ERROR_INVALID_CONTENT_ENCODING {SITE}{STYLE}", level="warn"),
    )
    fx.stumble(
        b,
        Fault(
            key="undecodable",
            hits=fx.of(PAGES, share),
            span=span,
            status=0,
            entries=entries,
            tracked=Tracked(
                type="ResourceError",
                value=f"net::ERR_CONTENT_DECODING_FAILED {MAIN}",
                culprit="window.onerror",
                project="pitchey-frontend",
                share=0.5,
                level="warning",
            ),
        ),
    )
    for path in (MAIN, STYLE):
        fx.answer(
            b,
            Behaviour(
                service="frontend",
                path=path,
                start_ms=span.start_ms,
                end_ms=span.end_ms,
                share=share,
                headers={"content-encoding": "br"},
            ),
        )
    fx.surge(b, span, 1 - 0.75 * share, API_FROM_PAGES)
    fx.silence(b, Silence(key="undecodable", what="vitals", span=span, share=share))
    return Told(services=("frontend",), routes=(MAIN, STYLE, *PAGES), severity="P1")


def old_phones(b: Builder) -> Told:
    """The script for older phones is not there, and has not been for an hour and a half; others notice nothing."""
    at_hour(b, 18.6)
    fx.deploy(b, "pitchey-frontend", b.onset_ms - int(b.between("lead", 60, 200) * 1000), "drop a polyfill")
    span = b.until_mended(b.onset_ms, ramp_s=300.0)
    share = b.between("share", 0.17, 0.24)
    path = "/assets/index-legacy-91be03aa.js"
    phones = (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 15_8 like Mac OS X) AppleWebKit/605.1.15 Version/15.6 Mobile/15E148",
        "Mozilla/5.0 (Linux; Android 8.0.0; SM-G930F) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/61.0 Mobile",
    )
    _missing(b, "old phones", path, 33.0 * share, span, phones)
    entries = (
        said_in("Mobile Safari 15", 0.6, "SyntaxError: Unexpected token '<'", "System.import: (SystemJS Error#3)"),
        said_in("Chrome Mobile 61", 0.4, f"Loading chunk legacy failed. (missing: {SITE}{path})"),
    )
    fx.stumble(
        b,
        Fault(
            key="old phones",
            hits=fx.of(PAGES, share),
            span=span,
            status=0,
            entries=entries,
            tracked=Tracked(
                type="Error",
                value=f"SystemJS Error#3 Error loading {path}",
                culprit="script.onerror(system)",
                project="pitchey-frontend",
                share=0.7,
            ),
        ),
    )
    fx.surge(b, span, 1 - share * 0.6, API_FROM_PAGES)
    return Told(services=("frontend",), routes=PAGES, severity="P3")


SCENARIOS = (
    stranger(
        "odd_old_tabs",
        "Open tabs ask for old files",
        CAUSE,
        old_tabs,
        BROWSER,
        onset_min=(14, 26),
        beside=("harmless_production_deployment",),
    ),
    stranger(
        "odd_other_host",
        "Files that are never asked for",
        CAUSE,
        other_host,
        BROWSER,
        onset_min=(12, 20),
        beside=("unrelated_deployment",),
    ),
    stranger(
        "odd_undecodable",
        "Files that no browser can unpack",
        CAUSE,
        undecodable,
        BROWSER,
        onset_min=(15, 27),
        beside=("slow_sidekick",),
    ),
    stranger(
        "odd_old_phones",
        "Older phones without a script",
        CAUSE,
        old_phones,
        BROWSER,
        onset_min=(85, 105),
        beside=("crawler_visit",),
    ),
)
