"""A drill for a person: a scenario that they do not know, and at the end the truth beside what everybody said."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..diagnosis.hypotheses import BY_ID
from ..panels.base import Cell, Column, Panel, Table
from ..sandbox.scenarios import catalogue
from ..sandbox.world import Truth

OPEN = "not settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """What is played; only the process that plays it knows."""

    scenario: str
    seed: int


def pick(seed: int | None = None) -> Hidden:
    """
    Return a scenario drawn at random, with a cause or without one.

    Only of those that rules may be fitted to: a drill shows its truth, and what was shown judges no more.
    """
    names = sorted(name for name, one in catalogue().items() if one.split == "tune")
    name = secrets.choice(names) if seed is None else names[seed % len(names)]
    return Hidden(scenario=name, seed=secrets.randbelow(max(1, catalogue()[name].seeds)) if seed is None else 0)


def truth_panel(
    truth: Truth,
    hidden: Hidden,
    *,
    responder: Mapping[str, Any],
    session: Mapping[str, Any] | None,
    headless: Mapping[str, Any] | None,
) -> Panel:
    """
    Return the truth beside what the responder, the session's run and the headless run said.

    Parameters
    ----------
    responder
        ``cause`` (hypothesis id or None), ``onset`` (as typed), ``action``.
    session, headless
        ``state``, ``cause``, ``onset`` of a verdict; None where there was no such run.
    """
    onset = None if truth.onset_ms is None else datetime.fromtimestamp(truth.onset_ms / 1000, UTC)
    near = datetime.now(UTC) if onset is None else onset
    rows: list[tuple[Cell, ...]] = [
        ("the truth", _title(truth.cause), _time(onset), "", truth.note or catalogue()[hidden.scenario].title),
        _said("you", responder, truth, onset, str(responder.get("action") or ""), near),
    ]
    for who, verdict in (("this session's run", session), ("the headless run", headless)):
        if verdict is not None:
            rows.append(_said(who, verdict, truth, onset, str(verdict.get("state", "")), near))
    right = right_cause(responder.get("cause"), truth)
    return Panel(
        id="truth",
        question="What was it?",
        title=f"It was: {_title(truth.cause)}. " + ("You had it." if right else "You had something else."),
        sentence=f"Scenario {hidden.scenario}, variant {hidden.seed}; "
        f"hurt: {', '.join(truth.services) or 'no service'}.",
        table=Table(
            columns=(
                Column(name="who"),
                Column(name="cause"),
                Column(name="began", unit="UTC"),
                Column(name="right?"),
                Column(name="said, or did", telemetry=True),
            ),
            rows=tuple(rows),
        ),
        notes=("Nothing that a run may see settles this one: not settled is right.",)
        if truth.inconclusive_is_right
        else (),
    )


def right_cause(cause: object, truth: Truth) -> bool:
    """Return whether *cause* is the right answer; None is right where nothing can settle it."""
    if truth.inconclusive_is_right:
        return cause is None
    return cause == truth.cause


def _said(
    who: str, said: Mapping[str, Any], truth: Truth, onset: datetime | None, more: str, near: datetime
) -> tuple[Cell, ...]:
    told = _typed(said.get("onset"), near)
    verdict = "yes" if right_cause(said.get("cause"), truth) else "no"
    if onset is not None and told is not None:
        verdict += f", onset off by {abs((told - onset).total_seconds()):,.0f} s"
    return (who, _title(said.get("cause")), _time(told), verdict, more or None)


def _title(cause: object) -> str:
    found = BY_ID.get(str(cause)) if cause else None
    return OPEN if found is None else found.title


def _time(at: datetime | None) -> Cell:
    return at


def _typed(text: object, near: datetime) -> datetime | None:
    """Return a time as a person types it: ``15:17`` (of the day of *near*) or ISO 8601; None for anything else."""
    if not isinstance(text, str) or not text.strip():
        return None
    words = text.strip()
    try:
        if len(words) <= 8 and "-" not in words:
            clock = datetime.strptime(words[:5], "%H:%M").replace(tzinfo=UTC)
            return near.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0)
        at = datetime.fromisoformat(words)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
