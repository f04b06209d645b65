"""What the actions have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from ..errors import UsageError
from ..evidence.canonical import iso
from .facts import Facts
from .models import Behaviour, Plan, mark_of


class Action(Protocol):
    """
    One thing that a person may do.

    Attributes
    ----------
    name
        As typed: ``pitchey-ops action plan NAME``.
    steps
        Steps of the runbooks that it serves; the first is its own.
    changes, who, verified, undone
        In a few words, for the catalogue.
    arguments
        Names that `plan` takes, with what they mean.
    """

    name: ClassVar[str]
    steps: ClassVar[tuple[str, ...]]
    changes: ClassVar[str]
    who: ClassVar[str]
    verified: ClassVar[str]
    undone: ClassVar[str]
    arguments: ClassVar[Mapping[str, str]]

    def plan(self, facts: Facts, **given: Any) -> Plan:
        """Return what it would do; nothing is sent."""
        ...


RESPONDER = "the responder"
COMMANDER = "the incident commander, or whom they ask"


def drafted(action: Action, facts: Facts, target: str, title: str, given: Mapping[str, Any], **more: Any) -> Plan:
    """Return a plan of *action* with everything filled in that follows from the facts."""
    arguments = {name: value for name, value in sorted(given.items()) if value is not None}
    step = str(more.pop("step", "") or (action.steps[0] if action.steps else ""))
    return Plan(
        action=action.name,
        step=step,
        title=title,
        target=target,
        environment=facts.environment,
        incident=facts.incident,
        severity=facts.severity,
        planned_at=facts.now,
        who=action.who,
        arguments=arguments,
        mark=mark_for(action, facts, given),
        **more,
    )


def refused(action: Action, facts: Facts, title: str, why_not: str, given: Mapping[str, Any], **more: Any) -> Plan:
    """Return a plan that cannot be applied, with the reason."""
    more.setdefault("target", "")
    target = str(more.pop("target"))
    return drafted(action, facts, target, title, given, possible=False, why_not=why_not, **more)


def mark_for(action: Action, facts: Facts, given: Mapping[str, Any]) -> str:
    """Return the mark that every change of this plan carries."""
    arguments = {name: value for name, value in sorted(given.items()) if value is not None}
    return mark_of(action.name, facts.incident, facts.now, arguments)


def well_again(facts: Facts, **more: Any) -> Behaviour:
    """Return that the failing requests of the incident's routes must be as few as before it."""
    before = facts.baseline
    values: dict[str, Any] = {
        "routes": facts.routes,
        "during": facts.failing_share,
        "baseline_start": None if before is None else iso(before[0]),
        "baseline_end": None if before is None else iso(before[1]),
        **more,
    }
    return Behaviour(**values)


def one_line(text: str, limit: int) -> str:
    """Return *text* without control characters and places for values, in one line, cut at *limit* characters."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split()).replace("${", "$ {")
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def wanted(name: str, value: Any, what: str, *, limit: int = 2000) -> str:
    """
    Return *value* as text that may stand in a request.

    Raises
    ------
    UsageError
        It is missing or too long.
    """
    text = "" if value is None else str(value).strip()
    if not text or len(text) > limit:
        raise UsageError(f"{name}: expected {what} of 1 to {limit} characters. Nothing was planned.")
    return text
