"""Alerts are raised and reach nobody."""

from ...builder import Builder, Tracked
from ...causes import watching
from ...scenario import Scenario, Told


def steps(b: Builder) -> Told:
    """Let Slack refuse our webhook."""
    watching.quiet_before(b)
    return watching.alert_channel(
        b,
        channel="slack",
        texts=(
            "delivery to slack failed: 404 no_service, alert alert-{hex} not delivered",
            "slack webhook answered 404: no_service",
        ),
        tracked=Tracked(
            type="DeliveryError", value="slack webhook answered 404: no_service", culprit="send(src/alerts/slack)"
        ),
    )


RUNBOOKS = ("triage", "monitoring")
SCENARIOS = (
    Scenario(
        name="alert_channel_broken",
        title="Slack refuses our alerts",
        cause="alert_channel_broken",
        steps=steps,
        runbooks=RUNBOOKS,
        onset_min=(25, 45),
    ),
    Scenario(
        name="alert_channel_broken_busy",
        title="Slack refuses our alerts on a busy evening",
        cause="alert_channel_broken",
        steps=steps,
        runbooks=RUNBOOKS,
        onset_min=(25, 45),
        beside=("busy_evening",),
    ),
)
