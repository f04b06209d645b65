"""The monitoring in trouble, less plainly."""

from ...builder import Builder, Tracked
from ...causes import watching
from ...scenario import Scenario, Told

RUNBOOKS = ("triage", "monitoring")


def only_logs(b: Builder) -> Told:
    """The log store alone stands still, without a word; figures go on."""
    return watching.blind(b, texts=(), error_text="", metrics=False)


def crons_gone(b: Builder) -> Told:
    """The schedules were deleted: nothing throws, nothing runs."""
    return watching.stopped(b, scripts=("pitchey-monitoring",), outcome="")


def pager(b: Builder) -> Told:
    """PagerDuty refuses our key."""
    watching.quiet_before(b)
    return watching.alert_channel(
        b,
        channel="pagerduty",
        texts=("events.pagerduty.com answered 400: invalid routing key", "page for alert-{hex} was not accepted (400)"),
        tracked=Tracked(type="PagerDutyError", value="invalid routing key", culprit="enqueue(src/alerts/pagerduty)"),
        per_min=1.5,
    )


SCENARIOS = (
    Scenario(
        name="log_store_still",
        title="The log store stands still in silence on a busy evening",
        cause="monitoring_blind",
        steps=only_logs,
        split="tune",
        runbooks=RUNBOOKS,
        onset_min=(25, 45),
        beside=("busy_evening",),
    ),
    Scenario(
        name="crons_gone",
        title="Schedules deleted, a clock is wrong",
        cause="monitoring_stopped",
        steps=crons_gone,
        split="tune",
        runbooks=RUNBOOKS,
        onset_min=(25, 45),
        beside=("clock_skew",),
    ),
    Scenario(
        name="pager_refuses",
        title="PagerDuty refuses our key, another service complains",
        cause="alert_channel_broken",
        steps=pager,
        split="tune",
        runbooks=RUNBOOKS,
        onset_min=(25, 45),
        beside=("noisy_neighbour",),
    ),
)
