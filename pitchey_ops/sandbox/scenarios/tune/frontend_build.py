"""A frontend release throws in the browser."""

from ...builder import Builder, Tracked
from ...causes import browser
from ...scenario import Scenario, Told


def steps(b: Builder) -> Told:
    """Throw on most page views, from the release on."""
    return browser.build_fault(
        b,
        share=b.between("share", 0.5, 0.85),
        lead_s=b.between("lead", 20, 120),
        quieter=0.55,
        message="react router upgrade",
        texts=(
            "Uncaught TypeError: Cannot read properties of undefined (reading 'role') at App.render",
            "Uncaught Error: Minified React error #{line}; page left blank",
        ),
        stack="TypeError: Cannot read properties of undefined (reading 'role')\n"
        "    at App.render (assets/index-4f9c2a1b.js:1:88231)",
        tracked=Tracked(
            type="TypeError",
            value="Cannot read properties of undefined (reading 'role')",
            culprit="App.render(src/App)",
            project="pitchey-frontend",
            share=0.8,
        ),
    )


RUNBOOKS = ("triage", "frontend")
SCENARIOS = (
    Scenario(
        name="frontend_build", title="Frontend release throws", cause="frontend_build", steps=steps, runbooks=RUNBOOKS
    ),
    Scenario(
        name="frontend_build_crawler",
        title="Frontend release throws while a crawler visits",
        cause="frontend_build",
        steps=steps,
        runbooks=RUNBOOKS,
        beside=("crawler_visit",),
    ),
)
