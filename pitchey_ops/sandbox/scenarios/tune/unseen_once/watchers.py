"""Those who should be watching."""

from .... import effects as fx
from ....builder import MINUTE, Builder, Entry, Silence, Tracked, WorkerShift
from ....causes import watching
from ....scenario import Told
from ._parts import WATCHERS, at_hour, bounces, clumsy_partner, doorknobs, elsewhere, frontend_deployed, judged

BLIND, STOPPED, CHANNEL = "monitoring_blind", "monitoring_stopped", "alert_channel_broken"


def writes_refused(b: Builder) -> Told:
    """The stores of logs and figures take nothing any more."""
    at_hour(b, 23.4)
    doorknobs(b)
    return watching.blind(
        b,
        texts=(
            "ingest: KV put() limit exceeded for the day, entry {hex} not stored",
            "ingest answered 201 for {n} entries, 0 readable afterwards",
        ),
        error_text="KV list() limit exceeded for the day.",
    )


def figures_only(b: Builder) -> Told:
    """Only the figures are lost: the APM service throws, and its callers hear 201 or nothing."""
    at_hour(b, 15.4)
    span = b.until_mended(b.onset_ms)
    for what in ("metrics", "db_posts", "vitals"):
        fx.silence(b, Silence(key=f"figures {what}", what=what, span=span))
    fx.worker(b, WorkerShift(script="pitchey-apm", span=span, outcome="scriptThrewException", share=0.9))
    entry = Entry(
        service="monitoring",
        component="ingest",
        request=False,
        texts=(
            "apm ingest failed: TypeError: Cannot read properties of undefined (reading 'put') at env.APM_METRICS",
            "no new point of response_time for {n} min, dashboards show old figures",
        ),
    )
    fx.say(b, "figures", entry, 5.0, span)
    rng = b.rng("figures events")
    end = min(b.end_ms, span.end_ms)
    times = rng.integers(b.onset_ms, end, int(4 * (end - b.onset_ms) / MINUTE))
    tracked = Tracked(type="TypeError", value="env.APM_METRICS is undefined", culprit="store(src/apm/ingest)")
    fx.issue(b, "figures", tracked, times.tolist(), users=0)
    return Told(services=("apm",), severity="P3")


def silent_logs(b: Builder) -> Told:
    """The log store drops everything since its own release; users notice nothing."""
    at_hour(b, 10.2)
    clumsy_partner(b)
    fx.deploy(b, "pitchey-logs", b.onset_ms - 40_000, "logs: batch writes")
    return watching.blind(
        b,
        texts=("log pipeline: queue consumer failed {small} times, batch of {n} entries discarded",),
        error_text="",
        metrics=False,
    )


def too_much(b: Builder) -> Told:
    """The monitoring's jobs are ended by the runtime before they are done."""
    at_hour(b, 20.1)
    return watching.stopped(b, scripts=("pitchey-monitoring", "pitchey-alerts"), outcome="exceededResources")


def unscheduled(b: Builder) -> Told:
    """A release of the monitoring forgot its timetable, before dawn."""
    at_hour(b, 5.4)
    bounces(b)
    return watching.stopped(
        b, scripts=("pitchey-monitoring", "pitchey-apm"), outcome="", message="move triggers to another file"
    )


def pages(b: Builder) -> Told:
    """The pager's service takes our events and drops them: the integration was disabled."""
    at_hour(b, 12.8)
    elsewhere(b)
    watching.quiet_before(b)
    return watching.alert_channel(
        b,
        channel="pagerduty",
        texts=(
            "pagerduty: 404 integration is disabled, alert-{hex} paged nobody",
            "escalation of alert-{hex} impossible: events API answered 404",
        ),
        tracked=Tracked(
            type="PageError", value="404 integration is disabled", culprit="page(src/alerts/channels/pagerduty)"
        ),
        per_min=1.2,
    )


def archived(b: Builder) -> Told:
    """Somebody tidied up and archived the channel."""
    at_hour(b, 16.8)
    frontend_deployed(b)
    watching.quiet_before(b)
    return watching.alert_channel(
        b,
        channel="slack",
        texts=(
            "slack: channel_is_archived, alert alert-{hex} was not posted",
            "posting to #incidents failed with is_archived, {n} alerts undelivered",
        ),
        tracked=Tracked(type="SlackError", value="channel_is_archived", culprit="post(src/alerts/channels/slack)"),
        per_min=2.0,
    )


def receiver(b: Builder) -> Told:
    """The receiver of our webhooks is gone."""
    at_hour(b, 1.8)
    watching.quiet_before(b)
    return watching.alert_channel(
        b,
        channel="webhook",
        texts=(
            "webhook delivery of alert-{hex} failed: connect ECONNREFUSED 203.0.113.40:443",
            "alert alert-{hex}: no channel delivered after {small} attempts",
        ),
        tracked=Tracked(
            type="DeliveryError",
            value="connect ECONNREFUSED 203.0.113.40:443",
            culprit="post(src/alerts/channels/webhook)",
        ),
        per_min=1.6,
    )


SCENARIOS = (
    judged(
        "blind_writes",
        "Stores take nothing",
        BLIND,
        writes_refused,
        WATCHERS,
        onset_min=(28, 44),
        beside=("crawler_visit",),
    ),
    judged(
        "blind_figures",
        "Only the figures are lost",
        BLIND,
        figures_only,
        WATCHERS,
        onset_min=(30, 50),
        beside=("noisy_neighbour",),
    ),
    judged(
        "blind_release",
        "Log store drops everything since its release",
        BLIND,
        silent_logs,
        WATCHERS,
        onset_min=(26, 40),
        beside=("slow_sidekick",),
    ),
    judged(
        "stopped_too_much",
        "Jobs ended by the runtime",
        STOPPED,
        too_much,
        WATCHERS,
        onset_min=(30, 48),
        beside=("busy_evening",),
    ),
    judged(
        "stopped_unscheduled",
        "Timetable forgotten",
        STOPPED,
        unscheduled,
        WATCHERS,
        onset_min=(40, 55),
        beside=("few_typists", "logs_lost"),
    ),
    judged(
        "channel_pages",
        "Pages reach nobody",
        CHANNEL,
        pages,
        WATCHERS,
        onset_min=(30, 50),
        beside=("unrelated_deployment",),
    ),
    judged(
        "channel_archived",
        "The channel was archived",
        CHANNEL,
        archived,
        WATCHERS,
        onset_min=(26, 42),
        beside=("crawler_visit", "clock_skew"),
    ),
    judged(
        "channel_receiver",
        "The receiver is gone",
        CHANNEL,
        receiver,
        WATCHERS,
        onset_min=(34, 54),
        beside=("slow_sidekick",),
    ),
)
