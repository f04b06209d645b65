"""The monitoring's scheduled jobs no longer run."""

from ...builder import Builder
from ...causes import watching
from ...scenario import Scenario, Told


def steps(b: Builder) -> Told:
    """Let the monitoring Worker throw at every run since its own deployment."""
    return watching.stopped(
        b,
        scripts=("pitchey-monitoring", "pitchey-apm"),
        outcome="scriptThrewException",
        message="monitoring: new cron table",
    )


RUNBOOKS = ("triage", "monitoring")
SCENARIOS = (
    Scenario(
        name="monitoring_stopped",
        title="Monitoring jobs stopped",
        cause="monitoring_stopped",
        steps=steps,
        runbooks=RUNBOOKS,
        onset_min=(25, 45),
    ),
    Scenario(
        name="monitoring_stopped_noisy",
        title="Monitoring jobs stopped, another service complains",
        cause="monitoring_stopped",
        steps=steps,
        runbooks=RUNBOOKS,
        onset_min=(25, 45),
        beside=("noisy_neighbour",),
    ),
)
