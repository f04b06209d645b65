"""Browsers may not read the API's answers any more."""

from ...builder import Builder, Tracked
from ...causes import browser
from ...scenario import Scenario, Told


def steps(b: Builder) -> Told:
    """Allow the wrong origin: a header rule at the edge, no deployment."""
    return browser.cors(
        b,
        share=b.between("share", 0.7, 0.95),
        quieter=0.25,
        texts=(
            "Access to fetch at 'https://pitchey-production.cavelltheleaddev.workers.dev/api/pitches' from origin "
            "'https://pitchey.pages.dev' has been blocked by CORS policy: "
            "the 'Access-Control-Allow-Origin' header does not match",
        ),
        tracked=Tracked(
            type="TypeError",
            value="Failed to fetch (CORS)",
            culprit="request(src/lib/http)",
            project="pitchey-frontend",
            share=0.8,
        ),
    )


RUNBOOKS = ("triage", "frontend")
SCENARIOS = (
    Scenario(
        name="cors_misconfigured",
        title="CORS headers wrong",
        cause="cors_misconfigured",
        steps=steps,
        runbooks=RUNBOOKS,
    ),
    Scenario(
        name="cors_misconfigured_deployment",
        title="CORS headers wrong, an unrelated deployment minutes before",
        cause="cors_misconfigured",
        steps=steps,
        runbooks=RUNBOOKS,
        beside=("unrelated_deployment",),
    ),
)
