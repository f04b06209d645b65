"""What people do next: the response clock, prepared steps, planned actions. Nothing here was sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from ...diagnosis.severity import PROMISES_MINUTES
from ...models.report import SeverityLevel
from ..base import Column, Panel, Table, no_data
from ..words import clock, count, name, span_words

PROMISES: Final[dict[SeverityLevel, tuple[timedelta | None, str]]] = {
    level: (None, "by the next business day")
    if minutes is None
    else (timedelta(minutes=minutes), f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min")
    for level, minutes in PROMISES_MINUTES.items()
}
"""The written runbook's response times, with their words."""


def due(severity: SeverityLevel, since: datetime) -> datetime:
    """
    Return when somebody must have responded (UTC).

    P4: the end of the next day from Monday to Friday, in UTC; holidays are not known here.
    """
    promise, _ = PROMISES[severity]
    since = since.astimezone(UTC)
    if promise is not None:
        return since + promise
    day = since + timedelta(days=1)
    while day.weekday() >= 5:
        day += timedelta(days=1)
    return day.replace(hour=23, minute=59, second=59, microsecond=0)


def due_words(severity: SeverityLevel, since: datetime) -> str:
    """Return `due` as ``15:05 UTC``, with the day where it is another; for P4 the day alone."""
    at = due(severity, since)
    if PROMISES[severity][0] is None:
        return f"{at:%A, %d %b %Y}"
    return f"{at:%H:%M} UTC" if at.date() == since.astimezone(UTC).date() else f"{at:%d %b %H:%M} UTC"


def severity_clock(
    severity: SeverityLevel,
    *,
    since: datetime | None,
    at: datetime,
    acknowledged: datetime | None = None,
    why: str = "",
) -> Panel:
    """
    Return the response clock as it stood at *at*: static, so it says the moment that it speaks of.

    Parameters
    ----------
    since
        The first alert; None: nobody was alerted, so no time that is left can be told here.
    """
    question = "How long does the response clock still run?"
    promise = PROMISES[severity][1]
    reason = f" {severity} because {why.rstrip('.')}." if why else ""
    if since is None:
        return Panel(
            id="severity-clock",
            question=question,
            title=f"{severity}: no alert was sent; the clock runs from the incident's declaration",
            sentence=f"The promise for {severity} is a response {_within(severity)}.{reason}",
        )
    end = due(severity, since)
    left = (end - at.astimezone(UTC)).total_seconds()
    if acknowledged is not None:
        took = (acknowledged - since).total_seconds()
        kept = acknowledged <= end
        title = f"{severity}: answered after {span_words(took)}, promise of {promise} {'kept' if kept else 'missed'}"
    elif left >= 0:
        title = f"{severity}: respond by {due_words(severity, since)}; {span_words(left)} left at {clock(at)}"
    else:
        title = f"{severity}: OVERDUE by {span_words(-left)} at {clock(at)}; due was {due_words(severity, since)}"
    return Panel(
        id="severity-clock",
        question=question,
        title=title,
        sentence=f"The first alert came at {clock(since)}; the promise is a response {_within(severity)}.{reason}",
    )


def _within(severity: SeverityLevel) -> str:
    return PROMISES[severity][1] if PROMISES[severity][0] is None else f"within {PROMISES[severity][1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonStep:
    """A person's step, prepared: what to do, where, and whether it is recorded as done."""

    step: str
    what: str
    how: str = ""
    link: str = ""
    done_by: str = ""


def checklist(
    steps: Sequence[PersonStep], *, why_empty: str = "This runbook has no step that only a person can do"
) -> Panel:
    """Return what only people can do; addresses are text to copy, never links."""
    question = "What is left for people to do?"
    if not steps:
        return no_data("checklist", question, why_empty, what="person steps")
    open_ = [one for one in steps if not one.done_by]
    return Panel(
        id="checklist",
        question=question,
        title=f"{len(open_)} of {count(len(steps), 'step')} open; next: {name(open_[0].what, 80)}"
        if open_
        else f"All {count(len(steps), 'step')} recorded as done",
        sentence="☐ open, ☑ recorded as done.",
        table=Table(
            columns=(
                Column(name="done"),
                Column(name="step"),
                Column(name="what"),
                Column(name="how"),
                Column(name="address to open"),
                Column(name="by", telemetry=True),
            ),
            rows=tuple(
                ("☑" if one.done_by else "☐", one.step, one.what, one.how, one.link, one.done_by or None)
                for one in steps
            ),
            caption="Steps for people.",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCard:
    """
    A planned action. Nothing was sent.

    Attributes
    ----------
    step
        Id of the step, e.g. ``outage.rollback``.
    would
        What would be sent, exactly, in one line.
    when
        On which finding one does this; what must be true first.
    undo
        How it is undone, or that it cannot be.
    command
        What a person types to go on.
    status
        ``planned``, or ``not possible`` with the reason in *why*.
    """

    step: str
    title: str
    would: str
    when: str
    why: str
    risk: str
    undo: str
    command: str = ""
    status: Literal["planned", "not possible"] = "planned"


def planned_actions(cards: Sequence[ActionCard], *, why_empty: str = "No action follows from what was found") -> Panel:
    """Return the planned actions, in the order in which one would take them."""
    question = "What would the runbook do next?"
    if not cards:
        return no_data("planned-actions", question, why_empty, what="planned actions")
    ready = [card for card in cards if card.status == "planned"]
    title = f"{count(len(ready), 'action')} planned, nothing was sent"
    if ready:
        title += f"; first: {name(ready[0].title, 70)}"
    return Panel(
        id="planned-actions",
        question=question,
        title=title,
        sentence="Nothing was sent. Each action needs a person's word: its command asks for the target's name.",
        table=Table(
            columns=(
                Column(name="step"),
                Column(name="action"),
                Column(name="would send", telemetry=True),
                Column(name="when"),
                Column(name="why", telemetry=True),
                Column(name="risk"),
                Column(name="undone by"),
                Column(name="to go on"),
            ),
            rows=tuple(
                (
                    card.step,
                    card.title if card.status == "planned" else f"{card.title} (not possible)",
                    card.would,
                    card.when,
                    card.why,
                    card.risk,
                    card.undo,
                    card.command or None,
                )
                for card in cards
            ),
            caption="Planned actions; nothing was sent.",
        ),
    )
