"""Everything that a runbook asks, in at most three rounds, live or from a record; or a recorded case."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from ..errors import RecordError
from ..evidence.recorder import Recorder
from ..frames import DEPLOYMENTS, LOGS, METRICS, SPANS, UTC_MS, Frames, empty
from ..models.exchange import Exchange
from ..models.observation import AnyObservation, Coverage, Observed, Unavailable
from ..models.window import Window
from ..settings import Settings
from ..sources._http import LiveChannel
from ..sources.casefile import read_case
from ..sources.catalogue import ROUNDS, Context, Probe, Sources, probes_for
from ..sources.channel import Channel, ListeningChannel
from ..sources.tables import build
from .channels import run_async
from .redacting import redactor_for

CASE_TABLES: dict[str, dict[str, pl.DataType | type[pl.DataType]]] = {
    "logs": LOGS,
    "metrics": METRICS,
    "spans": SPANS,
    "deployments": DEPLOYMENTS,
}
REDACTED_COLUMNS = ("message", "url", "user_agent", "stack", "operation", "route", "account", "author")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What came back: observations by id, tables, and the moment of the last question."""

    observations: Mapping[str, AnyObservation]
    frames: Frames
    now: datetime


async def ask_all(channel: Channel, settings: Settings, window: Window, *runbooks: str) -> dict[str, AnyObservation]:
    """
    Ask every probe of *runbooks*, each round at once, and return all observations by id.

    See `ask_probes`.
    """
    wanted = {probe.name: probe for runbook in runbooks for probe in probes_for(runbook)}
    return await ask_probes(channel, settings, window, wanted.values())


async def ask_probes(
    channel: Channel, settings: Settings, window: Window, probes: Iterable[Probe]
) -> dict[str, AnyObservation]:
    """
    Ask *probes*, each round at once, and return all observations by id.

    What a later round asks follows from answers of probes that are `Probe.followed` alone, so a replay asks the same;
    it waits for no others. A probe that
    raises is a bug of ours, not an answer: it is told as such and costs only its own observations.
    """
    context = Context(sources=Sources(channel, settings, window), settings=settings, window=window)
    every = list(probes)
    begun: dict[Probe, asyncio.Future[list[AnyObservation]]] = {}

    async def ended(probes: Iterable[Probe]) -> dict[str, AnyObservation]:
        """Return what is known when *probes* have ended, too."""
        these = list(probes)
        results = await asyncio.gather(*(begun[probe] for probe in these), return_exceptions=True)
        return _with_results(context.earlier, these, results, window)

    try:
        for number in ROUNDS:
            now = [probe for probe in every if probe.round == number]
            begun.update({probe: asyncio.ensure_future(probe.ask(context)) for probe in now})
            context = replace(context, earlier=await ended(probe for probe in now if probe.followed))
        context = replace(context, earlier=await ended(p for p in begun if not p.followed and not p.listens))
        if isinstance(channel, ListeningChannel):
            channel.hurry()
        return await ended(probe for probe in begun if probe.listens)
    finally:
        for future in begun.values():
            future.cancel()


def _with_results(
    earlier: Mapping[str, AnyObservation],
    probes: Sequence[Probe],
    results: Sequence[list[AnyObservation] | BaseException],
    window: Window,
) -> dict[str, AnyObservation]:
    """Return *earlier* with what *probes* brought, by id; what is no fault of a probe's own is raised."""
    found = dict(earlier)
    for probe, result in zip(probes, results, strict=True):
        if isinstance(result, RecordError) or (isinstance(result, BaseException) and not isinstance(result, Exception)):
            raise result
        observations = [_fault(probe, result, window)] if isinstance(result, Exception) else result
        found.update({observation.id: observation for observation in observations})
    return dict(sorted(found.items()))


def _fault(probe: Probe, exc: Exception, window: Window) -> AnyObservation:
    return Unavailable(
        id=f"{probe.source}/{probe.name.partition('.')[2]}/fault",
        source=probe.source,
        at=window.end,
        reason="bad_payload",
        detail=f"an answer was not understood ({type(exc).__name__}); what this probe asks was not checked",
    )


def ask_live(
    channel: LiveChannel,
    settings: Settings,
    window: Window,
    runbook: str,
    *,
    meanwhile: Callable[[], object] | None = None,
) -> Asked:
    """Ask for real and build the tables; *meanwhile* as `run_async`."""

    async def body() -> dict[str, AnyObservation]:
        try:
            return await ask_all(channel, settings, window, runbook)
        finally:
            await channel.close()

    return gathered(run_async(body, meanwhile=meanwhile), window)


def ask_recorded(channel: Channel, settings: Settings, window: Window, runbook: str) -> Asked:
    """Answer from a record; the same code as `ask_live` but for the channel."""
    return gathered(run_async(lambda: ask_all(channel, settings, window, runbook)), window)


def gathered(observations: Mapping[str, AnyObservation], window: Window) -> Asked:
    """Return *observations* with their tables; the present is when the last of them was asked."""
    now = max((observation.at for observation in observations.values()), default=window.end)
    return Asked(observations=observations, frames=build(observations, window), now=max(now, window.end))


def record_case(folder: Path, settings: Settings, recorder: Recorder) -> None:
    """Read a recorded incident, redact it, and record its tables as if they were answers."""
    tables = read_case(folder)
    redactor = redactor_for(settings)
    for name, schema in CASE_TABLES.items():
        frame: pl.DataFrame = getattr(tables, name)
        columns = [column for column in REDACTED_COLUMNS if column in schema]
        frame = redactor.frame(frame, columns) if not frame.is_empty() else frame
        body = frame.with_columns(pl.col("at").dt.epoch("ms")).write_ndjson().encode()
        missing = name in ("logs", "metrics") and f"{name}.jsonl" in tables.missing
        problems = [text for text in tables.problems if text.startswith(name)]
        recorder.exchange(
            Exchange(
                key=f"case/{name}/all",
                source="case",
                kind="file",
                method="GET",
                url=f"case:{folder.name}/{name}",
                at=_last(tables.logs, tables.metrics, tables.spans),
                took_ms=0.0,
                outcome="answered",
                detail="; ".join(["the file is not there"] * missing + problems),
                headers={"x-rejected": str(sum(n for f, n in tables.rejected.items() if f.startswith(name)))},
                body=body,
            )
        )


def _last(*frames: pl.DataFrame) -> datetime:
    """Return the newest time of all *frames*; a case's own present."""
    times = [frame.get_column("at").max() for frame in frames if not frame.is_empty()]
    newest = max((t for t in times if isinstance(t, datetime)), default=datetime(1970, 1, 1, tzinfo=UTC))
    return newest + timedelta(milliseconds=1)


def is_case(exchange: Exchange) -> bool:
    """Whether *exchange* holds a table of a recorded case."""
    return exchange.kind == "file" and exchange.source == "case"


def case_window(exchanges: Sequence[Exchange]) -> Window:
    """Return the span that a recorded case covers."""
    frames = [_case_table(e) for e in exchanges if is_case(e) and "/deployments/" not in e.key]
    starts = [frame.get_column("at").min() for frame in frames if not frame.is_empty()]
    start = min((t for t in starts if isinstance(t, datetime)), default=datetime(1970, 1, 1, tzinfo=UTC))
    end = max(exchange.at for exchange in exchanges if is_case(exchange))
    return Window(start=min(start, end - timedelta(seconds=1)), end=end)


def ask_case(exchanges: Sequence[Exchange], window: Window) -> Asked:
    """Build observations and tables of a recorded case: full coverage of what was recorded."""
    observations: dict[str, AnyObservation] = {}
    tables: dict[str, pl.DataFrame] = {}
    for exchange in exchanges:
        if not is_case(exchange):
            continue
        name = exchange.key.split("/")[1]
        frame = _case_table(exchange)
        tables[name] = frame
        inside = frame.filter(pl.col("at").is_between(window.start, window.end))
        times = (frame.get_column("at").min(), frame.get_column("at").max())
        seen_start, seen_end = (t if isinstance(t, datetime) else None for t in times)
        observations[exchange.key] = Observed(
            id=exchange.key,
            source="case",
            at=exchange.at,
            value=None,
            status="observed" if not frame.is_empty() else "no_data",
            detail=exchange.detail,
            coverage=Coverage(
                asked_start=window.start,
                asked_end=window.end,
                seen_start=seen_start,
                seen_end=seen_end,
                count=inside.height,
                share=1.0 if not frame.is_empty() else None,
                rejected=int(exchange.headers.get("x-rejected", "0")),
            ),
        )
    frames = Frames(
        window=window,
        logs=tables.get("logs", empty(LOGS)),
        metrics=tables.get("metrics", empty(METRICS)),
        spans=tables.get("spans", empty(SPANS)),
        deployments=tables.get("deployments", empty(DEPLOYMENTS)),
    )
    now = max(exchange.at for exchange in exchanges if is_case(exchange))
    return Asked(observations=dict(sorted(observations.items())), frames=frames, now=max(now, window.end))


def _case_table(exchange: Exchange) -> pl.DataFrame:
    name = exchange.key.split("/")[1]
    schema = CASE_TABLES[name]
    if not exchange.body.strip():
        return empty(schema)
    read_as = {column: pl.Int64 if kind == UTC_MS else kind for column, kind in schema.items()}
    frame = pl.read_ndjson(exchange.body, schema=read_as)
    times = [column for column, kind in schema.items() if kind == UTC_MS]
    return frame.with_columns(
        *(pl.from_epoch(pl.col(column), "ms").dt.replace_time_zone("UTC").alias(column) for column in times),
        observation=pl.lit(exchange.key),
    ).sort("at", maintain_order=True)
