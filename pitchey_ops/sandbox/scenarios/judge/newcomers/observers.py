"""Those who watch, and those who should be told."""

from .... import effects as fx
from ....builder import MINUTE, Builder, Entry, Silence, Tracked, WorkerShift
from ....causes import watching
from ....scenario import Told
from ....world import Behaviour
from ._parts import WATCHERS, case, deprecated, hour_is, old_client, other_products, page_release, stale_customers


def no_triggers(b: Builder) -> Told:
    """A release of the monitoring lost its timetable: it answers who asks, and does nothing of its own accord."""
    hour_is(b, 4.4)
    other_products(b)
    lead = int(b.between("lead", 20, 70) * 1000)
    fx.deploy(b, "pitchey-monitoring", b.onset_ms - lead, "wrangler.jsonc: per-environment config")
    span = b.until_mended(b.onset_ms)
    for what in ("jobs", "metrics", "db_posts"):
        fx.silence(b, Silence(key=f"no triggers {what}", what=what, span=span))
    fx.worker(b, WorkerShift(script="pitchey-monitoring", span=span, traffic=0.18))
    fx.worker(b, WorkerShift(script="pitchey-apm", span=span, traffic=0.3))
    return Told(services=("monitoring", "scheduler", "apm"), severity="P3")


def not_in_form(b: Builder) -> Told:
    """The log service became strict: it takes no entry of those whose times are text, and six services send such."""
    hour_is(b, 16.6)
    deprecated(b)
    fx.deploy(b, "pitchey-logs", b.onset_ms - int(b.between("lead", 10, 40) * 1000), "validate entries with zod")
    span = b.until_mended(b.onset_ms)
    strict = ("auth", "browse", "creator", "investor", "payments", "pitch")
    fx.silence(b, Silence(key="not in form", what="unlogged", span=span, services=strict))
    refusals = Entry(
        service="logs",
        level="info",
        component="ingest",
        request=False,
        texts=(
            "POST /logs/batch 400 ZodError: [{{code: invalid_type, expected: number, received: string, "
            "path: [{n}, timestamp]}}] source=pitch dropped={n}",
            "POST /logs/batch 400 invalid_type timestamp source=auth dropped={n}",
            "POST /logs/batch 400 invalid_type timestamp source=payments dropped={small}",
            "POST /logs/batch 400 invalid_type timestamp source=browse dropped={n}",
        ),
    )
    fx.say(b, "not in form", refusals, 14.0, span)
    sender = Entry(
        service="api-gateway",
        level="warn",
        component="log-shipper",
        request=False,
        texts=("shipper: batch of {n} refused with 400, not retried; buffer dropped",),
    )
    fx.say(b, "shipper", sender, 4.0, span)
    fx.worker(b, WorkerShift(script="pitchey-logs", span=span, cpu=1.6))
    return Told(services=("logs",), severity="P3")


def left_the_company(b: Builder) -> Told:
    """The person whose account posted our alerts has left; the messenger takes nothing from it any more."""
    hour_is(b, 10.1)
    page_release(b)
    old_client(b)
    stale_customers(b)
    watching.quiet_before(b)
    span = b.until_mended(b.onset_ms)
    entry = Entry(
        service="alerts",
        level="info",
        component="dispatch",
        request=False,
        texts=(
            "alert-{hex} stored; channels ok=0 failed=1",
            "alert-{hex} slack -> ok=false error=account_inactive channel=C05INCIDENT",
        ),
        metadata='{{"channel":"slack","event":"dispatch"}}',
    )
    fx.say(b, "left", entry, 2.4, span)
    end = min(b.end_ms, span.end_ms)
    times = b.rng("left events").integers(b.onset_ms, end, int(2.2 * (end - b.onset_ms) / MINUTE))
    tracked = Tracked(
        type="Error",
        value="An API error occurred: account_inactive",
        culprit="platformErrorFromResult(@slack/web-api)",
    )
    fx.issue(b, "left", tracked, times.tolist(), users=0)
    fx.answer(
        b,
        Behaviour(
            service="slack",
            path="/api/chat.postMessage",
            start_ms=span.start_ms,
            end_ms=span.end_ms,
            body={"ok": False, "error": "account_inactive"},
        ),
    )
    fx.answer(
        b,
        Behaviour(
            service="alerts",
            path="/alerts/acknowledge",
            start_ms=span.start_ms,
            end_ms=span.end_ms,
            status=500,
            body={"error": "Slack notification failed"},
        ),
    )
    return Told(services=("alerts",), severity="P3")


SCENARIOS = (
    case(
        "no_triggers",
        "A timetable lost",
        "monitoring_stopped",
        no_triggers,
        WATCHERS,
        onset_min=(30, 38),
        fresh=True,
        beside=("crawler_visit",),
    ),
    case(
        "not_in_form",
        "Entries that are not in form",
        "monitoring_blind",
        not_in_form,
        WATCHERS,
        onset_min=(26, 40),
        beside=("unrelated_deployment",),
    ),
    case(
        "left_the_company",
        "Whose account it was",
        "alert_channel_broken",
        left_the_company,
        WATCHERS,
        onset_min=(32, 52),
        beside=("few_typists",),
    ),
)
