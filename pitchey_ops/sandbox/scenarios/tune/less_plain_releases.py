"""Deployments that break something less plainly: a canary, a slow burn, a lost binding, one long ago."""

from ...builder import Builder, Tracked
from ...causes import release
from ...scenario import Scenario, Told

RUNBOOKS = ("triage", "outage", "error_rate")


def canary(b: Builder) -> Told:
    """A tenth of the browsing requests, from the first minute."""
    return release.release(
        b,
        service="browse",
        share=b.between("share", 0.09, 0.14),
        lead_s=b.between("lead", 40, 100),
        ramp_s=10.0,
        texts=(
            "RangeError: Invalid array length in facet counts ({route})",
            "RangeError: page size out of bounds, got -1",
        ),
        tracked=Tracked(type="RangeError", value="Invalid array length", culprit="count(src/browse/facets)"),
        stack="RangeError: Invalid array length\n    at count (src/browse/facets.ts:31:9)",
        message="facets: faster counting",
        severity="P3",
    )


def slow_burn(b: Builder) -> Told:
    """Errors that grow for a quarter of an hour after a quiet release."""
    return release.release(
        b,
        service="creator",
        share=b.between("share", 0.4, 0.6),
        lead_s=b.between("lead", 240, 420),
        ramp_s=900.0,
        texts=("Error: too many open handles while assembling {route}", "Error: handle table full for {user}"),
        tracked=Tracked(type="Error", value="too many open handles", culprit="open(src/creator/media)"),
        stack="Error: too many open handles\n    at open (src/creator/media.ts:12:3)",
        message="creator: reuse media handles",
    )


def binding(b: Builder) -> Told:
    """A binding was left out of the upload: what needs it throws at once, uncaught."""
    return release.release(
        b,
        service="auth",
        share=b.between("share", 0.7, 0.9),
        lead_s=b.between("lead", 5, 25),
        ramp_s=0.0,
        uncaught=True,
        paths=("/api/auth/refresh", "/api/auth/verify"),
        texts=("TypeError: Cannot read properties of undefined (reading 'get') at env.SESSIONS",),
        tracked=Tracked(type="TypeError", value="env.SESSIONS is undefined", culprit="session(src/auth/store)"),
        stack="TypeError: Cannot read properties of undefined (reading 'get')\n    at session (src/auth/store.ts:9:30)",
        message="wrangler config cleanup",
        severity="P1",
    )


def long_ago(b: Builder) -> Told:
    """Broken for an hour and a half when somebody looks."""
    return release.release(
        b,
        service="investor",
        share=b.between("share", 0.35, 0.55),
        lead_s=b.between("lead", 30, 90),
        texts=("SyntaxError: Unexpected token in JSON while reading the portfolio of {user}",),
        tracked=Tracked(type="SyntaxError", value="Unexpected token in JSON", culprit="parse(src/investor/feed)"),
        stack="SyntaxError: Unexpected token in JSON\n    at parse (src/investor/feed.ts:77:5)",
        message="investor: new feed format",
    )


SCENARIOS = (
    Scenario(
        name="release_canary_skewed",
        title="A canary breaks a tenth of browsing, a clock is wrong",
        cause="bad_deployment",
        steps=canary,
        split="tune",
        runbooks=RUNBOOKS,
        beside=("clock_skew",),
    ),
    Scenario(
        name="release_slow_burn",
        title="Errors grow slowly after a release",
        cause="bad_deployment",
        steps=slow_burn,
        split="tune",
        runbooks=RUNBOOKS,
        onset_min=(18, 24),
    ),
    Scenario(
        name="release_lost_binding",
        title="A binding was lost, another script was deployed too",
        cause="bad_deployment",
        steps=binding,
        split="tune",
        runbooks=RUNBOOKS,
        beside=("unrelated_deployment",),
    ),
    Scenario(
        name="release_long_ago",
        title="Broken since an hour and a half",
        cause="bad_deployment",
        steps=long_ago,
        split="tune",
        runbooks=RUNBOOKS,
        onset_min=(80, 100),
    ),
)
