"""
What the main Worker does at this moment: its live tail (contract third-party A5, runbook step outage.tail).

A tail shows what happens while one looks and nothing before: seconds, so it is a sample of now, not of the
window. On a busy Worker Cloudflare itself drops events and says so; shares then hold, counts do not.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from ..errors import BadPayload
from ..models.exchange import Exchange, Question
from ..models.observation import Coverage, Observation
from ._tail import AROUND_S, EVENTS, is_notice
from .reading import (
    Reading,
    asked,
    count,
    excerpt,
    json_of,
    mapping,
    moment_ms,
    number,
    objects,
    observation_id,
    observe,
)
from .source import Source

_KINDS = 40
"""Different outcomes, and exceptions, that are kept; a hostile tail could bring a new one with every event."""
_TEXT = 300
_OUTCOME = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class TailSeen:
    """
    What a watch of the live tail showed.

    Attributes
    ----------
    events
        Invocations, sampling notices not among them.
    outcomes
        Invocations by outcome: ``ok``, ``exception``, ``exceededCpu``, ``exceededMemory``, ``canceled``, ...
    exceptions
        (``name: message``, how many), most frequent first.
    sampled
        The tail said that events were dropped: shares hold, counts are too low.
    watched_s
        Seconds of watching.
    scheduled
        Invocations by the clock (cron triggers and alarms) among the events.
    failed
        Invocations that ended ``ok`` and answered with a 5xx: the Worker caught its own failure, its users met it.
    """

    events: int
    outcomes: Mapping[str, int] = field(default_factory=dict)
    exceptions: tuple[tuple[str, int], ...] = ()
    sampled: bool = False
    watched_s: float = 0.0
    scheduled: int = 0
    failed: int = 0


class LiveTail(Source):
    """Watches the main Worker; ``not_configured`` without Cloudflare's address or account."""

    name = "cloudflare_api"

    async def tail(self, script: str | None = None) -> Observation[TailSeen]:
        """
        Watch up to 100 events of *script* (default: the production API's), or until the time is over.

        The time is the setting ``tail_seconds``, a tenth of the run's budget where that is less, so that a quiet
        Worker never makes a run slow. One run watches at a time and others take what it has seen, since each tail
        takes one of the ten places that a Worker has for viewers.
        """
        name = script or self.settings.worker_script
        key = observation_id(self.name, "tail", name)
        base, account = self.settings.url(self.name), self.settings.cloudflare_account
        if base is None:
            return self.missing(key, f"{self.name}_url")
        if account is None:
            return self.missing(key, "cloudflare_account")
        question = Question(
            key=key,
            source=self.name,
            kind="tail",
            method="POST",
            url=f"{base}accounts/{quote(account, safe='')}/workers/scripts/{quote(name, safe='')}/tails",
            headers={"content-type": "application/json"},
            body=b'{"filters":[]}',
            timeout_s=self.settings.tail_seconds + AROUND_S,
            retry=False,
            share_for_s=self.settings.share_answers_s,
        )
        return await observe(self.channel, question, read_tail)


def read_tail(exchange: Exchange) -> Reading[TailSeen]:
    """
    Count what the tail brought.

    Raises
    ------
    BadPayload
        The record of the watch is damaged.
    """
    value = json_of(exchange, "object")
    watched_s, ended = number(value.get("watched_s")), value.get("ended")
    if watched_s is None or not 0 <= watched_s < 3600 or not isinstance(value.get("events"), list):
        raise BadPayload(f"{asked(exchange)}: no record of a watch. Nothing was read.")
    outcomes: Counter[str] = Counter()
    exceptions: Counter[str] = Counter()
    times: list[datetime] = []
    scheduled = failed = 0
    sampled = False
    for event in objects(value["events"]):
        if is_notice(event):
            sampled = True
            continue
        outcome = event.get("outcome")
        _add(outcomes, excerpt(outcome, _OUTCOME) if isinstance(outcome, str) and outcome.strip() else "unknown")
        scheduled += "scheduledTime" in mapping(event.get("event"))
        answered = number(mapping(mapping(event.get("event")).get("response")).get("status"))
        failed += outcome == "ok" and answered is not None and answered >= 500
        for exception in objects(event.get("exceptions")):
            _add(exceptions, _exception(exception))
        at = moment_ms(event.get("eventTimestamp"))
        if at is not None:
            times.append(at)
    events = sum(outcomes.values())
    return Reading(
        value=TailSeen(
            events=events,
            outcomes=dict(sorted(outcomes.items())),
            exceptions=tuple(sorted(exceptions.items(), key=lambda item: (-item[1], item[0]))),
            sampled=sampled,
            watched_s=watched_s,
            scheduled=scheduled,
            failed=failed,
        ),
        status="observed" if events else "no_data",
        coverage=Coverage(
            asked_start=exchange.at,
            asked_end=exchange.at + timedelta(seconds=watched_s),
            seen_start=min(times, default=None),
            seen_end=max(times, default=None),
            count=events,
            cut=sampled,
            rejected=count(value.get("rejected")) or 0,
        ),
        detail=_detail(value, str(ended), events, watched_s, sampled),
    )


def _add(counter: Counter[str], word: str) -> None:
    counter[word if word in counter or len(counter) < _KINDS else "others"] += 1


def _exception(exception: Mapping[str, Any]) -> str:
    name, message = (
        excerpt(part if isinstance(part, str) else json.dumps(part, ensure_ascii=False, sort_keys=True), _TEXT)
        for part in (exception.get("name"), exception.get("message"))
    )
    return f"{name}: {message}"


def _detail(value: Mapping[str, Any], ended: str, events: int, watched_s: float, sampled: bool) -> str:
    limit_s = number(value.get("limit_s"))
    words = {
        "enough": f"stopped after {events} events in {watched_s:.1f} s",
        "time": f"{events} events in {watched_s:.1f} s; the watch is at most {limit_s or watched_s:.0f} s long"
        " (tail_seconds, or a tenth of the run's budget)",
        "closed": f"the far side ended the tail after {watched_s:.1f} s",
        "lost": f"the tail broke after {watched_s:.1f} s ({excerpt(str(value.get('detail', '')), 120)})",
    }.get(ended, "how the watch ended is unknown")
    if not events:
        words += "; a quiet Worker looks like this, and so does one whose requests never reach it"
    if sampled:
        words += "; Cloudflare dropped events: shares hold, counts are too low"
    if value.get("deleted") is not True:
        until = value.get("expires_at")
        when = f" at {excerpt(until, 40)}" if isinstance(until, str) else " within hours"
        words += f"; the tail could not be deleted and ends by itself{when}"
    return words


__all__ = ["EVENTS", "LiveTail", "TailSeen", "read_tail"]
