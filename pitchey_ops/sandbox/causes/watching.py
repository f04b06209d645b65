"""What goes wrong with the monitoring itself, while users are well."""

from __future__ import annotations

from .. import effects as fx
from ..builder import MINUTE, Builder, Entry, Silence, Span, Tracked, WorkerShift
from ..scenario import Told
from ..world import Behaviour


def blind(b: Builder, *, texts: tuple[str, ...], error_text: str, metrics: bool = True, severity: str = "P3") -> Told:
    """What is sent is not stored: the services run, and their stores stand still; the archive goes on."""
    span = b.until_mended(b.onset_ms)
    fx.silence(b, Silence(key="blind logs", what="logs", span=span))
    if metrics:
        for what in ("metrics", "db_posts", "vitals"):
            fx.silence(b, Silence(key=f"blind {what}", what=what, span=span))
    if error_text:
        for path in ("/logs/query", "/logs/search", "/logs/stats"):
            fx.answer(
                b,
                Behaviour(
                    service="logs",
                    path=path,
                    start_ms=span.start_ms,
                    end_ms=span.end_ms,
                    share=0.6,
                    status=500,
                    kind="text",
                    body=error_text,
                ),
            )
    if texts:
        fx.say(b, "blind", Entry(service="monitoring", component="ingest", texts=texts, request=False), 6.0, span)
    fx.worker(b, WorkerShift(script="pitchey-logs", span=span, outcome="scriptThrewException", share=0.5))
    if metrics:
        fx.worker(b, WorkerShift(script="pitchey-apm", span=span, outcome="scriptThrewException", share=0.4))
    return Told(services=("logs", "apm") if metrics else ("logs",), severity=severity)


def stopped(
    b: Builder, *, scripts: tuple[str, ...], outcome: str, message: str = "", jobs: bool = True, severity: str = "P3"
) -> Told:
    """The monitoring's own jobs no longer run: no traces of them anywhere, and no new figures."""
    if message:
        fx.deploy(b, scripts[0], b.onset_ms - 2 * MINUTE, message)
    span = b.until_mended(b.onset_ms)
    if jobs:
        fx.silence(b, Silence(key="jobs", what="jobs", span=span))
    for what in ("metrics", "db_posts", "vitals"):
        fx.silence(b, Silence(key=f"stopped {what}", what=what, span=span))
    for script in scripts:
        fx.worker(b, WorkerShift(script=script, span=span, traffic=0.1, outcome=outcome, share=0.9 if outcome else 0.0))
    fx.answer(
        b,
        Behaviour(
            service="monitoring",
            path="",
            start_ms=span.start_ms,
            end_ms=span.end_ms,
            status=500,
            kind="cloudflare_html" if outcome else "text",
            body=1101 if outcome else "Internal monitoring error",
        ),
    )
    return Told(services=("monitoring", "scheduler"), severity=severity)


def alert_channel(b: Builder, *, texts: tuple[str, ...], tracked: Tracked, channel: str, per_min: float = 2.5) -> Told:
    """Alerts are raised and stored and reach nobody: the receiver refuses them."""
    span = b.until_mended(b.onset_ms)
    metadata = '{{"channel":"' + channel + '","event":"delivery_failed"}}'
    fx.say(
        b,
        "channel",
        Entry(service="alerts", component="delivery", texts=texts, metadata=metadata, request=False),
        per_min,
        span,
    )
    rng = b.rng("channel events")
    count = int(per_min * (b.end_ms - b.onset_ms) / MINUTE)
    fx.issue(b, "channel", tracked, rng.integers(b.onset_ms, b.end_ms, count).tolist(), users=0)
    status = {"slack": (500, "Internal alert error"), "pagerduty": (200, None)}.get(channel, (200, None))
    if status[0] != 200:
        fx.answer(
            b,
            Behaviour(
                service="alerts",
                path="/alerts/acknowledge",
                start_ms=span.start_ms,
                end_ms=span.end_ms,
                status=status[0],
                kind="text",
                body=status[1],
            ),
        )
    return Told(services=("alerts",), severity="P3")


def quiet_before(b: Builder) -> None:
    """A single test alert went out well an hour before, and arrived."""
    entry = Entry(
        service="alerts",
        level="info",
        component="delivery",
        texts=("alert alert-{hex} delivered to slack",),
        request=False,
    )
    fx.say(b, "delivered", entry, 0.05, Span(b.start_ms, b.onset_ms))
