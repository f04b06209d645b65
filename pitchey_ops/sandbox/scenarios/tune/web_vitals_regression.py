"""Pages load late since a frontend release."""

from ...builder import Builder
from ...causes import browser
from ...scenario import Scenario, Told


def steps(b: Builder) -> Told:
    """Delay the largest paint everywhere, most on mobile."""
    return browser.vitals_regression(
        b,
        factors={"lcp": (b.between("lcp", 1.9, 2.6), 400.0), "fcp": (1.4, 100.0)},
        message="hero video on every page",
        where={},
    )


RUNBOOKS = ("triage", "frontend", "performance")
SCENARIOS = (
    Scenario(
        name="web_vitals_regression",
        title="Pages load late since a release",
        cause="web_vitals_regression",
        steps=steps,
        runbooks=RUNBOOKS,
        onset_min=(40, 70),
        fresh=True,  # in steady state the APM service shows no recent point to anybody
    ),
    Scenario(
        name="web_vitals_regression_busy",
        title="Pages load late since a release, busy evening",
        cause="web_vitals_regression",
        steps=steps,
        runbooks=RUNBOOKS,
        onset_min=(40, 70),
        fresh=True,  # in steady state the APM service shows no recent point to anybody
        beside=("busy_evening",),
    ),
)
