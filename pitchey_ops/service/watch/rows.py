"""From what a probe brought to the few words of a row: pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from ...models.observation import AnyObservation, Coverage, Observed, Unavailable
from ...sources.api import FAILING, ProbeResult
from ...sources.cloudflare_status import CloudflareStatus
from ...sources.monitoring import PlatformHealth
from ...sources.security import SecurityCounts

State = Literal["ok", "failing", "missing", "empty", "blind", "unseen"]
LOOK = "watch/look"
"""The probe that says whether a look could see anything at all."""
Last = tuple[datetime, str, int | None]
"""Minute, state and count of the newest row of a flow."""
SILENT = ("timeout", "unreachable")
"""Reasons that may be our own network's: a failure of the far side only where others did answer."""
LONGEST_DETAIL = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One answer of one look, see `tables.rows`.

    Attributes
    ----------
    silent
        Nothing came at all; `settled` decides what that means.
    """

    probe: str
    state: State
    took_ms: float | None = None
    value: float | None = None
    count: int | None = None
    newest: datetime | None = None
    detail: str = ""
    silent: bool = False


REPORT = "platform/report"
"""What the platform says of its API, where ``platform/health`` is whether it says anything."""


def rows_for(probe: str, seen: AnyObservation, now: datetime) -> list[Row]:
    """Return the rows of an observation: mostly one, none where its source is not configured."""
    row = row_of(probe, seen, now)
    if row is None:
        return []
    if isinstance(seen, Observed) and isinstance(seen.value, PlatformHealth):
        return [row, _report(seen.value)]
    return [row]


def row_of(probe: str, seen: AnyObservation, now: datetime) -> Row | None:
    """Return the row of an observation; None where its source is not configured."""
    if isinstance(seen, Unavailable):
        return _without_answer(probe, seen)
    took = round(seen.took_ms, 1)
    value = seen.value
    if isinstance(value, ProbeResult):
        state: State = "failing" if value.kind in FAILING else "ok"
        state = "missing" if value.kind == "route_missing" else state
        words = value.kind + (f" {value.code}" if value.code else "")
        silent = bool(value.samples) and all(sample.kind in SILENT for sample in value.samples)
        return Row(probe=probe, state=state, took_ms=round(value.median_ms, 1), detail=_words(words), silent=silent)
    if isinstance(value, PlatformHealth):  # that it answers; what it says is a row of its own
        return Row(probe=probe, state="ok", took_ms=took, detail=_words(value.state))
    if isinstance(value, CloudflareStatus):
        state = "failing" if value.impaired else "ok"
        return Row(probe=probe, state=state, took_ms=took, detail=_words(", ".join(value.impaired)))
    if isinstance(value, SecurityCounts):
        return Row(probe=probe, state="ok", took_ms=took, value=value.total, detail="")
    if isinstance(value, EdgeShare):
        return _edge(probe, value, took)
    if probe.startswith("flow/"):
        return _flow(probe, seen, now, took)
    return Row(probe=probe, state="ok", took_ms=took)


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeShare:
    """Requests (an estimate) of the last whole minutes and how many of them failed, 0-1; None without any."""

    requests: float
    failing_share: float | None
    limit: float


def settled(rows: Iterable[Row]) -> list[Row]:
    """
    Return the rows of one look with what silence means, and the row `LOOK` about the look itself.

    Where not one question was answered, the fault may be our own network: then nothing was seen. Else what gave no
    answer did fail.
    """
    given = sorted(rows, key=lambda row: row.probe)
    answered = sum(not row.silent and row.state != "unseen" for row in given)
    found = []
    for row in given:
        if row.silent:
            state: State = "failing" if answered else "unseen"
            if row.probe.startswith("flow/"):  # a silent monitor's figures say nothing about what they count
                state = "unseen"
            row = replace(row, state=state)
        found.append(row)
    seen = Row(
        probe=LOOK,
        state="ok" if answered else "unseen",
        count=answered,
        detail="" if answered else "no host at all gave an answer; the fault may be our own network",
    )
    return [*found, seen]


def _without_answer(probe: str, seen: Unavailable) -> Row | None:
    if seen.reason == "not_configured":
        return None
    took = round(seen.took_ms, 1) or None
    words = _words(seen.reason + (f" {seen.http_status}" if seen.http_status else ""))
    if seen.reason in SILENT:
        return Row(probe=probe, state="failing", took_ms=took, detail=words, silent=True)
    if seen.reason in ("not_asked", "not_allowed"):
        return Row(probe=probe, state="unseen", detail=words)
    if seen.reason == "blind":
        return Row(probe=probe, state="blind", took_ms=took, detail=words)
    ours = probe.startswith(("flow/", "edge/", "cloudflare/", "security/"))
    if seen.reason in ("refused", "rate_limited") or ours:
        # our token, our pace, or a reporter's own fault: what it would have reported is not known
        return Row(probe=probe, state="unseen", took_ms=took, detail=words)
    return Row(probe=probe, state="failing", took_ms=took, detail=words)


def _report(value: PlatformHealth) -> Row:
    """Of its checks only the API's counts: the database's is degraded wherever that route is missing (trap 17)."""
    check = value.check("API Health")
    if check is None or check.state == "unknown":
        return Row(probe=REPORT, state="unseen", detail="no word of the API in it")
    state: State = "failing" if check.state in ("degraded", "down") else "ok"
    return Row(probe=REPORT, state=state, detail=_words(f"API Health {check.state}"))


def _edge(probe: str, value: EdgeShare, took: float) -> Row:
    if value.failing_share is None:
        return Row(probe=probe, state="empty", took_ms=took, count=0)
    state: State = "failing" if value.failing_share >= value.limit else "ok"
    share = round(value.failing_share, 5)
    return Row(probe=probe, state=state, took_ms=took, value=share, count=round(value.requests))


def _flow(probe: str, seen: Observed[Any], now: datetime, took: float) -> Row:
    coverage: Coverage = seen.coverage
    count = int(getattr(seen.value, "keys_read", 0) or getattr(seen.value, "points_read", 0))
    if seen.status == "blind" or coverage.cut:
        return Row(probe=probe, state="blind", took_ms=took, count=count, detail="the store's cut hides the newest")
    if coverage.seen_end is None:
        return Row(probe=probe, state="empty", took_ms=took, count=count)
    lag_s = round(max(0.0, (now - coverage.seen_end).total_seconds()), 1)
    return Row(probe=probe, state="ok", took_ms=took, value=lag_s, count=count, newest=coverage.seen_end)


def _words(text: str) -> str:
    """Return *text*, a part of which may be a stranger's, as a few printable ASCII characters."""
    plain = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in text[:400])
    return plain[:LONGEST_DETAIL]


def states(rows: Iterable[Row]) -> Mapping[str, State]:
    """Return the state of each probe."""
    return {row.probe: row.state for row in rows}
