"""Nobody is hurt, and nobody is watching."""

from __future__ import annotations

from collections.abc import Sequence

from ... import effects as fx
from ...builder import HOUR, MINUTE, Builder, Span, WorkerShift
from ...scenario import Told
from ...world import Behaviour
from ._parts import (
    KEEPERS,
    Lost,
    api_issue,
    door_rattling,
    index_backlog,
    judged,
    local_hour,
    lost,
    loud_analytics,
    morning_blip,
    old_clients,
    other_peoples_scripts,
    pages_shipped,
    spoken,
    warp_trouble,
)

BLIND, STOPPED, CHANNEL = "monitoring_blind", "monitoring_stopped", "alert_channel_broken"
FIGURES: tuple[Lost, ...] = ("metrics", "db_posts", "vitals")


def _answers(b: Builder, span: Span, service: str, paths: Sequence[str], **how: object) -> None:
    """Let *service* answer *paths* as *how* says."""
    for path in paths:
        fx.answer(
            b,
            Behaviour(service=service, path=path, start_ms=span.start_ms, end_ms=span.end_ms, **how),  # type: ignore[arg-type]
        )


def nothing_arrives(b: Builder) -> Told:
    """Not a single entry arrives any more, neither in the store nor in the archive, while people come as ever."""
    local_hour(b, 19.4)
    morning_blip(b)
    span = b.until_mended(b.onset_ms)
    lost(b, "nothing arrives", span, "unlogged")
    fx.worker(b, WorkerShift(script="pitchey-logs", span=span, traffic=0.03))
    return Told(services=("logs",), severity="P2")


def loudest_three(b: Builder) -> Told:
    """A filter meant for debug output drops everything of three services since its release."""
    local_hour(b, 11.6)
    old_clients(b)
    fx.deploy(b, "pitchey-logs", b.onset_ms - int(b.between("lead", 20, 70) * 1000), "drop noisy sources before ingest")
    span = b.until_mended(b.onset_ms)
    lost(b, "loudest", span, "logs", "archive", services=("api-gateway", "pitch", "browse", "auth"))
    note = spoken(
        "monitoring",
        "ingest",
        "ingest filter discarded {waiting} of {waiting} entries of pitch in the last minute",
        "ingest filter discarded {waiting} of {waiting} entries of api-gateway in the last minute",
        level="warn",
    )
    fx.say(b, "loudest", note, 3.0, span)
    return Told(services=("logs",), severity="P3")


def full_base(b: Builder) -> Told:
    """The figures' database has reached its size; each new point is refused, readers see the old ones."""
    local_hour(b, 7.6)
    index_backlog(b)
    span = b.until_mended(b.onset_ms)
    lost(b, "full base", span, *FIGURES)
    lost(b, "full base", span, "logs", share=0.97)
    entry = spoken(
        "monitoring",
        "ingest",
        "D1_ERROR: Exceeded maximum DB size: SQLITE_FULL while storing {n} points",
        "D1_ERROR: Exceeded maximum DB size: SQLITE_FULL while storing {n} entries",
    )
    fx.say(b, "full base", entry, 7.0, span)
    for script in ("pitchey-logs", "pitchey-apm"):
        fx.worker(b, WorkerShift(script=script, span=span, outcome="scriptThrewException", share=0.8))
    _answers(
        b,
        span,
        "logs",
        ("/logs/query", "/logs/search", "/logs/stats"),
        share=0.45,
        status=500,
        kind="text",
        body="D1_ERROR: Exceeded maximum DB size: SQLITE_FULL",
    )
    times = b.rng("full base").integers(b.onset_ms, min(b.end_ms, span.end_ms), 500).tolist()
    fx.issue(
        b, "full base", api_issue("Error: D1_ERROR: Exceeded maximum DB size", "insert(src/apm/store)"), times, users=0
    )
    return Told(services=("logs", "apm"), severity="P3")


def _no_jobs(
    b: Builder,
    span: Span,
    scripts: Sequence[str],
    *,
    traffic: float,
    outcome: str,
    figures: bool,
    status: int,
    code: int,
) -> Told:
    """Let scheduled work leave no trace; *figures*: new figures stop, too; *status*: what the monitoring answers."""
    lost(b, "no jobs", span, "jobs")
    if figures:
        lost(b, "no jobs", span, *FIGURES)
    for script in scripts:
        fx.worker(
            b, WorkerShift(script=script, span=span, traffic=traffic, outcome=outcome, share=0.85 if outcome else 0.0)
        )
    if status != 200:
        _answers(b, span, "monitoring", ("",), status=status, kind="cloudflare_html", body=code)
    return Told(services=("monitoring", "scheduler"), severity="P3")


def out_of_turns(b: Builder) -> Told:
    """The account may have so many timetables and no more; a new project took the place of ours."""
    local_hour(b, 16.0)
    warp_trouble(b)
    span = b.until_mended(b.onset_ms)
    return _no_jobs(
        b, span, ("pitchey-monitoring", "pitchey-apm"), traffic=0.12, outcome="", figures=True, status=200, code=0
    )


def stuck_alarm(b: Builder) -> Told:
    """The object that starts the jobs hangs in its alarm; figures go on coming in, sweeps and rollups do not."""
    local_hour(b, 22.9)
    door_rattling(b)
    other_peoples_scripts(b)
    span = b.until_mended(b.onset_ms)
    told = _no_jobs(
        b,
        span,
        ("pitchey-monitoring",),
        traffic=0.25,
        outcome="exceededResources",
        figures=False,
        status=500,
        code=1101,
    )
    hint = spoken(
        "monitoring",
        "alarm",
        "alarm() of SchedulerObject retried {small} times, last: exceeded CPU in 30 s",
        level="error",
    )
    fx.say(b, "stuck alarm", hint, 0.7, span)
    return told


def wrong_account(b: Builder) -> Told:
    """The monitoring was deployed to the other account and switched off in ours; its address answers with a page."""
    local_hour(b, 14.3)
    loud_analytics(b)
    lead = int(b.between("lead", 30, 120) * 1000)
    fx.deploy(b, "pitchey-monitoring", b.onset_ms - lead, "consolidate accounts: move monitoring")
    span = b.until_mended(b.onset_ms)
    return _no_jobs(b, span, ("pitchey-monitoring",), traffic=0.0, outcome="", figures=True, status=530, code=1016)


def _undelivered(
    b: Builder, channel: str, texts: tuple[str, ...], title: str, culprit: str, per_min: float, before: str
) -> Told:
    """Let alerts be raised and reach nobody on *channel*; *before* is what a delivery used to say."""
    well = spoken("alerts", "delivery", before, level="info")
    fx.say(b, "undelivered before", well, 0.06, Span(b.onset_ms - 30 * HOUR, b.onset_ms))
    span = b.until_mended(b.onset_ms)
    metadata = '{{"channel":"' + channel + '","event":"delivery_failed"}}'
    fx.say(b, "undelivered", spoken("alerts", "delivery", *texts, metadata=metadata), per_min, span)
    end = min(b.end_ms, span.end_ms)
    count = int(per_min * (end - b.onset_ms) / MINUTE)
    times = b.rng("undelivered").integers(b.onset_ms, end, count).tolist()
    fx.issue(b, "undelivered", api_issue(title, culprit), times, users=0)
    if channel == "slack":
        _answers(b, span, "alerts", ("/alerts/acknowledge",), status=500, kind="text", body="Internal alert error")
    return Told(services=("alerts",), severity="P3")


def revoked(b: Builder) -> Told:
    """The bot that speaks for us was removed from the workspace together with the colleague who had installed it."""
    local_hour(b, 17.3)
    index_backlog(b)
    return _undelivered(
        b,
        "slack",
        (
            "chat.postMessage answered ok=false error=token_revoked for alert-{hex}",
            "alert-{hex}: nobody told, slack says account_inactive",
        ),
        "SlackApiError: An API error occurred: token_revoked",
        "postMessage(src/alerts/slack)",
        b.between("rate", 1.4, 2.6),
        "alert-{hex} posted to #incidents, ts {id}.{id2}",
    )


def over_quota(b: Builder) -> Told:
    """The pager takes a hundred events a minute of one key, and somebody's loop sends two hundred: ours are dropped."""
    local_hour(b, 4.1)
    pages_shipped(b)
    return _undelivered(
        b,
        "pagerduty",
        (
            "events v2 enqueue: 429 Too Many Requests, page for alert-{hex} dropped after {small} retries",
            "pager: rate limit of the integration key exhausted, alert-{hex} woke nobody",
        ),
        "PagerDutyHttpError: 429 Too Many Requests",
        "enqueue(src/alerts/pager)",
        b.between("rate", 1.8, 3.0),
        "alert-{hex} accepted by the pager, dedup_key {hex}",
    )


def handshake(b: Builder) -> Told:
    """The house where our webhooks go has a new certificate that our side does not believe."""
    local_hour(b, 9.7)
    morning_blip(b)
    old_clients(b)
    return _undelivered(
        b,
        "webhook",
        (
            "POST https://hooks.pitchey.example/incidents failed: unable to verify the first certificate",
            "webhook for alert-{hex} not delivered (UNABLE_TO_VERIFY_LEAF_SIGNATURE), giving up",
        ),
        "Error: unable to verify the first certificate",
        "TLSSocket.onConnectSecure(node:_tls_wrap)",
        b.between("rate", 1.2, 2.0),
        "webhook for alert-{hex} answered 204",
    )


SCENARIOS = (
    judged(
        "dark_nothing_arrives",
        "No entry arrives any more",
        BLIND,
        nothing_arrives,
        KEEPERS,
        onset_min=(26, 40),
        beside=("unrelated_deployment",),
    ),
    judged(
        "dark_loudest",
        "A filter drops the loudest services",
        BLIND,
        loudest_three,
        KEEPERS,
        onset_min=(30, 46),
        beside=("few_typists",),
    ),
    judged(
        "dark_full_base",
        "The figures' database is full",
        BLIND,
        full_base,
        KEEPERS,
        onset_min=(28, 42),
        beside=("clock_skew", "logs_lost"),
        seeds=3,
    ),
    judged(
        "idle_out_of_turns",
        "No timetable left for our jobs",
        STOPPED,
        out_of_turns,
        KEEPERS,
        onset_min=(32, 50),
        beside=("crawler_visit",),
    ),
    judged(
        "idle_stuck_alarm",
        "Jobs hang, figures go on",
        STOPPED,
        stuck_alarm,
        KEEPERS,
        onset_min=(36, 54),
        beside=("slow_sidekick",),
        seeds=3,
    ),
    judged(
        "idle_wrong_account",
        "Monitoring moved to another account",
        STOPPED,
        wrong_account,
        KEEPERS,
        onset_min=(28, 44),
        beside=("harmless_production_deployment", "unrelated_deployment"),
    ),
    judged(
        "mute_revoked",
        "Our voice in the workspace was revoked",
        CHANNEL,
        revoked,
        KEEPERS,
        onset_min=(28, 44),
        beside=("few_typists", "harmless_production_deployment"),
        seeds=3,
    ),
    judged(
        "mute_over_quota",
        "The pager drops our events",
        CHANNEL,
        over_quota,
        KEEPERS,
        onset_min=(32, 50),
        beside=("logs_lost",),
    ),
    judged(
        "mute_handshake",
        "Webhooks fail the handshake",
        CHANNEL,
        handshake,
        KEEPERS,
        onset_min=(36, 54),
        beside=("logs_unseen",),
    ),
)
