"""In the browser, less plainly."""

from ... import effects as fx
from ...builder import Builder, Tracked
from ...causes import browser
from ...scenario import Scenario, Told

RUNBOOKS = ("triage", "frontend")


def one_browser(b: Builder) -> Told:
    """A release that only some browsers cannot run."""
    return browser.build_fault(
        b,
        share=b.between("share", 0.22, 0.32),
        lead_s=b.between("lead", 60, 200),
        quieter=0.85,
        message="player rewrite",
        texts=("SyntaxError: Invalid regular expression: invalid group specifier name (Safari {small})",),
        stack="SyntaxError: Invalid regular expression: invalid group specifier name",
        pages=("/", "/pitches"),
        tracked=Tracked(
            type="SyntaxError",
            value="Invalid regular expression: invalid group specifier name",
            culprit="(src/player)",
            project="pitchey-frontend",
            share=0.8,
        ),
        severity="P3",
    )


def forbidden_style(b: Builder) -> Told:
    """The style sheet is refused since a rule at the edge changed; nothing was deployed."""
    return browser.assets_missing(
        b,
        share=b.between("share", 0.6, 0.9),
        path="/assets/index-b27d90ee.css",
        live="/assets/index-b27d90ee.css",
        status=403,
        texts=(
            "Failed to load resource: /assets/index-b27d90ee.css (403)",
            "Unable to preload CSS for /assets/index-b27d90ee.css",
        ),
        tracked=Tracked(
            type="Error",
            value="Unable to preload CSS",
            culprit="preload(src/main)",
            project="pitchey-frontend",
            share=0.8,
        ),
    )


def strict_api(b: Builder) -> Told:
    """A deployment of production allows the wrong origin."""
    return browser.cors(
        b,
        share=b.between("share", 0.6, 0.85),
        quieter=0.35,
        script=fx.PRODUCTION,
        message="tighten headers",
        lead_s=b.between("lead", 10, 60),
        texts=(
            "Cross-Origin Request Blocked: the Same Origin Policy disallows reading the remote resource at /api/browse",
            "Fetch API cannot load /api/auth/refresh due to access control checks (preflight)",
        ),
        tracked=Tracked(
            type="TypeError",
            value="Load failed (preflight)",
            culprit="request(src/lib/http)",
            project="pitchey-frontend",
            share=0.8,
        ),
    )


def jumpy(b: Builder) -> Told:
    """A banner without a size pushes the page down on phones."""
    return browser.vitals_regression(
        b, factors={"cls": (2.0, b.between("cls", 0.16, 0.26))}, message="partner banner", where={"device": ("mobile",)}
    )


def sluggish(b: Builder) -> Told:
    """A script of somebody else blocks the main thread; nothing was deployed."""
    return browser.vitals_regression(b, factors={"inp": (3.2, 120.0), "fid": (4.0, 20.0)}, message="", where={})


SCENARIOS = (
    Scenario(
        name="build_one_browser",
        title="A release that some browsers cannot run, another deployment beside",
        cause="frontend_build",
        steps=one_browser,
        split="tune",
        runbooks=RUNBOOKS,
        beside=("unrelated_deployment",),
    ),
    Scenario(
        name="assets_forbidden",
        title="The style sheet is refused while a crawler visits",
        cause="frontend_assets",
        steps=forbidden_style,
        split="tune",
        runbooks=RUNBOOKS,
        beside=("crawler_visit",),
    ),
    Scenario(
        name="cors_strict_api",
        title="A deployment allows the wrong origin",
        cause="cors_misconfigured",
        steps=strict_api,
        split="tune",
        runbooks=RUNBOOKS,
    ),
    Scenario(
        name="vitals_jumpy",
        title="Pages jump on phones, another service complains",
        cause="web_vitals_regression",
        steps=jumpy,
        split="tune",
        runbooks=(*RUNBOOKS, "performance"),
        onset_min=(45, 80),
        fresh=True,  # in steady state the APM service shows no recent point to anybody
        beside=("noisy_neighbour",),
    ),
    Scenario(
        name="vitals_sluggish",
        title="Pages answer late to touches",
        cause="web_vitals_regression",
        steps=sluggish,
        split="tune",
        runbooks=(*RUNBOOKS, "performance"),
        onset_min=(45, 80),
        fresh=True,  # in steady state the APM service shows no recent point to anybody
    ),
)
