"""Frontend releases that throw, and files that a page cannot use."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Tracked
from ....causes import browser
from ....scenario import Told
from ....world import Behaviour
from ._parts import BROWSER, at_hour, doorknobs, elsewhere, extensions, judged

BUILD, ASSETS = "frontend_build", "frontend_assets"
CHUNK = "/assets/browse-1c7be205.js"
MAIN = "/assets/index-4f9c2a1b.js"


def _tracked(kind: str, value: str, culprit: str, share: float = 0.8) -> Tracked:
    return Tracked(type=kind, value=value, culprit=culprit, project="pitchey-frontend", share=share)


def hydration(b: Builder) -> Told:
    """Signed-in pages cannot wake up since the release."""
    at_hour(b, 17.5)
    extensions(b)
    return browser.build_fault(
        b,
        share=b.between("share", 0.32, 0.5),
        lead_s=b.between("lead", 30, 150),
        quieter=0.65,
        message="profile menu rewrite",
        texts=(
            "Error: Hydration failed because the initial UI does not match what was rendered on the server.",
            "Uncaught Error: Rendered fewer hooks than expected. This may be caused by an accidental early return",
        ),
        stack="Error: Rendered fewer hooks than expected.\n    at Vt (assets/index-4f9c2a1b.js:40:57790)",
        pages=("/dashboard", "/login"),
        tracked=_tracked("Error", "Rendered fewer hooks than expected.", "ProfileMenu(src/components/menu)"),
    )


def no_process(b: Builder) -> Told:
    """A variable of the build is missing; caches let the release out a quarter of an hour later."""
    at_hour(b, 23.2)
    return browser.build_fault(
        b,
        share=b.between("share", 0.8, 0.95),
        lead_s=b.between("lead", 700, 1000),
        quieter=0.3,
        message="vite 7",
        texts=(
            "Uncaught ReferenceError: process is not defined",
            "ReferenceError: Can't find variable: process",
        ),
        stack="ReferenceError: process is not defined\n    at assets/index-4f9c2a1b.js:1:402",
        tracked=_tracked("ReferenceError", "process is not defined", "(src/main)"),
        severity="P1",
    )


def sleeper(b: Builder) -> Told:
    """What was released three hours before wakes with the hour at which a banner opens."""
    at_hour(b, 12.0)
    elsewhere(b)
    return browser.build_fault(
        b,
        share=b.between("share", 0.5, 0.7),
        lead_s=b.between("lead", 9600, 11_400),
        quieter=0.6,
        message="premiere countdown",
        texts=("RangeError: Invalid time value at Countdown.format ({browser})",),
        stack="RangeError: Invalid time value\n    at Countdown.format (assets/index-4f9c2a1b.js:12:9017)",
        pages=("/", "/pitches"),
        tracked=_tracked("RangeError", "Invalid time value", "Countdown.format(src/home/countdown)"),
    )


def page_for_script(b: Builder) -> Told:
    """A lazy script is gone, and the host answers the page in its place, with 200."""
    at_hour(b, 15.8)
    doorknobs(b)
    fx.deploy(b, "pitchey-frontend", b.onset_ms - int(b.between("lead", 20, 80) * 1000), "split the browse page")
    span = b.until_mended(b.onset_ms, ramp_s=30.0)
    share = b.between("share", 0.55, 0.8)
    fx.answer(
        b,
        Behaviour(
            service="frontend",
            path=CHUNK,
            start_ms=span.start_ms,
            end_ms=span.end_ms,
            share=share,
            status=200,
            kind="text",
            body='<!doctype html><html lang="en"><title>Pitchey</title><div id="root"></div></html>',
            headers={"content-type": "text/html; charset=utf-8"},
        ),
    )
    texts = (
        "Failed to load module script: Expected a JavaScript module script but the server responded with a MIME type "
        'of "text/html". Strict MIME type checking is enforced for module scripts per HTML spec.',
        "TypeError: 'text/html' is not a valid JavaScript MIME type. (/assets/browse-1c7be205.js)",
    )
    _felt(
        b,
        "page for script",
        {"/": share * 0.6, "/pitches": share},
        texts,
        _tracked("TypeError", "'text/html' is not a valid JavaScript MIME type.", "import(src/routes)"),
    )
    fx.surge(b, span, 0.6, browser.API_FROM_PAGES)
    return Told(services=("frontend",), routes=(CHUNK, "/pitches", "/"), severity="P2")


def _felt(b: Builder, key: str, hits: dict[str, float], texts: tuple[str, ...], tracked: Tracked) -> None:
    """Let pages that answer 200 complain in the browser."""
    entry = Entry(
        service="frontend",
        component="browser",
        texts=texts,
        delay_ms=800.0,
        metadata='{{"browser":"{browser}"}}',
    )
    span = b.until_mended(b.onset_ms, ramp_s=40.0)
    fx.stumble(b, Fault(key=key, hits=hits, span=span, status=0, entries=(entry,), tracked=tracked))


def digest(b: Builder) -> Told:
    """The main script is not the one that the page's checksum names; browsers refuse it. Nothing was deployed."""
    at_hour(b, 7.5)
    share = b.between("share", 0.6, 0.85)
    texts = (
        "Failed to find a valid digest in the 'integrity' attribute for resource "
        "'https://pitchey.pages.dev/assets/index-4f9c2a1b.js' with computed SHA-384 integrity. "
        "The resource has been blocked.",
        "Cannot load script https://pitchey.pages.dev/assets/index-4f9c2a1b.js. Failed integrity metadata check.",
    )
    _felt(
        b,
        "digest",
        fx.of(browser.PAGES, share),
        texts,
        _tracked("SecurityError", "Failed integrity metadata check (index-4f9c2a1b.js)", "window.onerror"),
    )
    span = b.until_mended(b.onset_ms, ramp_s=40.0)
    fx.surge(b, span, 1 - 0.6 * share, browser.API_FROM_PAGES)
    return Told(services=("frontend",), routes=(MAIN, *browser.PAGES), severity="P1")


def half_host(b: Builder) -> Told:
    """The static host answers 503 for the main script every third time."""
    at_hour(b, 20.4)
    return browser.assets_missing(
        b,
        share=b.between("share", 0.28, 0.4),
        path=MAIN,
        live=MAIN,
        status=503,
        texts=(
            "Importing a module script failed. ({browser})",
            "error loading dynamically imported module: https://pitchey.pages.dev/assets/index-4f9c2a1b.js",
            "Failed to load resource: the server responded with a status of 503 () /assets/index-4f9c2a1b.js",
        ),
        tracked=_tracked("TypeError", "Importing a module script failed.", "window.onerror"),
    )


SCENARIOS = (
    judged(
        "build_hydration",
        "Signed-in pages cannot wake up",
        BUILD,
        hydration,
        BROWSER,
        onset_min=(12, 20),
        beside=("harmless_production_deployment",),
    ),
    judged(
        "build_no_process",
        "A variable of the build is missing",
        BUILD,
        no_process,
        BROWSER,
        beside=("noisy_neighbour", "clock_skew"),
    ),
    judged(
        "build_sleeper",
        "Released hours ago, wakes now",
        BUILD,
        sleeper,
        BROWSER,
        onset_min=(14, 24),
        beside=("logs_lost",),
    ),
    judged(
        "asset_page",
        "A page in place of a script",
        ASSETS,
        page_for_script,
        BROWSER,
        onset_min=(14, 22),
        beside=("unrelated_deployment",),
    ),
    judged(
        "asset_digest",
        "A script with the wrong checksum",
        ASSETS,
        digest,
        BROWSER,
        onset_min=(10, 18),
        beside=("harmless_production_deployment", "slow_sidekick"),
    ),
    judged(
        "asset_half",
        "The main script fails every third time",
        ASSETS,
        half_host,
        BROWSER,
        beside=("busy_evening", "clock_skew"),
    ),
)
