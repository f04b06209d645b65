"""The monitoring, when it sees nothing or does nothing."""

from .... import effects as fx
from ....builder import Builder, Entry, Silence, Span, WorkerShift
from ....scenario import Told
from ....world import Behaviour
from ._parts import WATCHERS, at_hour, deprecations, ratings_feed, retired_check, stranger, told


def no_new_figures(b: Builder, key: str, span: Span) -> None:
    """Let all figures be lost: the APM service's, the database's, the browsers'."""
    for what in ("metrics", "db_posts", "vitals"):
        fx.silence(b, Silence(key=f"{key} {what}", what=what, span=span))


def flood_stage(b: Builder) -> Told:
    """The log's index reached the disk's last mark and takes no more writes; what is older can still be read."""
    at_hour(b, 11.4)
    ratings_feed(b)
    span = b.until_mended(b.onset_ms)
    fx.silence(b, Silence(key="flood stage", what="logs", span=span))
    words = (
        "index [logs-production-000214] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, "
        "index has read-only-allow-delete block];"
    )
    told(
        b,
        "flood stage",
        "logs",
        "ingest",
        6.0,
        span,
        f"cluster_block_exception {words}",
        "bulk of {waiting} documents: {waiting} failed with 429, dropped after 3 tries",
    )
    fx.worker(b, WorkerShift(script="pitchey-logs", span=span, outcome="scriptThrewException", share=0.3))
    return Told(services=("logs",), severity="P3")


def put_limit(b: Builder) -> Told:
    """The day's allowance of writes to the stores is spent: logs and figures are taken with 201 and kept nowhere."""
    at_hour(b, 21.3)
    retired_check(b)
    span = b.until_mended(b.onset_ms)
    fx.silence(b, Silence(key="put limit logs", what="logs", span=span))
    no_new_figures(b, "put limit", span)
    entry = Entry(
        service="monitoring",
        component="ingest",
        request=False,
        texts=(
            "Error: KV put() limit exceeded for the day. (namespace pitchey-logs, key logs:{hex})",
            "Error: KV put() limit exceeded for the day. (namespace pitchey-apm, key metric:{hex})",
        ),
    )
    fx.say(b, "put limit", entry, 8.0, span)
    for script in ("pitchey-logs", "pitchey-apm"):
        fx.worker(b, WorkerShift(script=script, span=span, outcome="scriptThrewException", share=0.45))
    return Told(services=("logs", "apm"), severity="P3")


def no_triggers(b: Builder) -> Told:
    """A deployment of the monitoring left its time table out: it answers when it is asked, nothing runs by itself."""
    at_hour(b, 13.1)
    deprecations(b)
    fx.deploy(b, "pitchey-monitoring", b.onset_ms - 30_000, "wrangler.toml to wrangler.jsonc, no changes meant")
    span = b.until_mended(b.onset_ms)
    fx.silence(b, Silence(key="no triggers", what="jobs", span=span))
    no_new_figures(b, "no triggers", span)
    fx.worker(b, WorkerShift(script="pitchey-monitoring", span=span, traffic=0.12))
    fx.worker(b, WorkerShift(script="pitchey-apm", span=span, traffic=0.3))
    fx.worker(b, WorkerShift(script="pitchey-alerts", span=span, traffic=0.1))
    return Told(services=("monitoring", "scheduler"), severity="P3")


def held_lease(b: Builder) -> Told:
    """A scheduler that died still holds the lead: the one that is left waits for ever, and says so, if seldom."""
    at_hour(b, 5.7)
    span = b.until_mended(b.onset_ms)
    fx.silence(b, Silence(key="held lease", what="jobs", span=span))
    no_new_figures(b, "held lease", span)
    told(
        b,
        "held lease",
        "scheduler",
        "leader",
        0.6,
        span,
        "leaderelection.go:332] error retrieving resource lock ops/scheduler: context deadline exceeded",
        "failed to acquire lease ops/scheduler: held by scheduler-5d9c-x2k (gone), standing by; {small} jobs overdue",
        level="W",
    )
    fx.worker(b, WorkerShift(script="pitchey-monitoring", span=span, traffic=0.15))
    fx.answer(
        b,
        Behaviour(
            service="monitoring",
            path="/monitoring/dashboard",
            start_ms=span.start_ms,
            end_ms=span.end_ms,
            status=500,
            kind="text",
            body="Internal monitoring error",
        ),
    )
    return Told(services=("monitoring", "scheduler"), severity="P3")


SCENARIOS = (
    stranger(
        "via_flood_stage",
        "The log's index takes no writes",
        "monitoring_blind",
        flood_stage,
        WATCHERS,
        onset_min=(30, 55),
        beside=("slow_sidekick",),
    ),
    stranger(
        "via_put_limit",
        "The day's writes are spent",
        "monitoring_blind",
        put_limit,
        WATCHERS,
        onset_min=(25, 45),
        beside=("crawler_visit",),
    ),
    stranger(
        "via_no_triggers",
        "The monitoring's time table is gone",
        "monitoring_stopped",
        no_triggers,
        WATCHERS,
        onset_min=(30, 60),
        beside=("few_typists",),
    ),
    stranger(
        "via_held_lease",
        "A scheduler that waits for a dead one",
        "monitoring_stopped",
        held_lease,
        WATCHERS,
        onset_min=(40, 80),
        beside=("clock_skew",),
    ),
)
