"""All actions: one line each. A new one is a new file and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from ..errors import UsageError
from .action_items import ActionItems
from .alert_acknowledge import AlertAcknowledge
from .alert_resolve import AlertResolve
from .base import Action
from .block import Block
from .cancel_query import CancelQuery
from .clear_state import ClearState
from .end_backend import EndBackend
from .end_to_end import EndToEnd
from .facts import Facts
from .models import Plan
from .pagerduty_acknowledge import PagerDutyAcknowledge
from .pagerduty_change import PagerDutyChange
from .pagerduty_incident import PagerDutyIncident
from .pagerduty_note import PagerDutyNote
from .pagerduty_page import PagerDutyPage
from .pagerduty_resolve import PagerDutyResolve
from .purge import Purge
from .redeploy import Redeploy
from .rollback import Rollback
from .slack_acknowledge import SlackAcknowledge
from .slack_resolution import SlackResolution
from .slack_status import SlackStatus
from .statuspage_create import StatuspageCreate
from .statuspage_update import StatuspageUpdate
from .test_alert import TestAlert
from .tighten import Tighten
from .unblock import Unblock
from .under_attack_off import UnderAttackOff
from .under_attack_on import UnderAttackOn
from .warm_cache import WarmCache

LISTS = {"addresses": ",", "keys": ",", "items": ";", "routes": ",", "paths": ",", "components": ","}
"""Arguments that take several texts, and what parts them."""
WHOLE = frozenset({"requests", "period"})
NUMBERS = frozenset({"hours"})
YES_NO = frozenset({"email", "critical"})

_ALL: tuple[Action, ...] = (
    SlackAcknowledge(),
    AlertAcknowledge(),
    PagerDutyAcknowledge(),
    SlackStatus(),
    PagerDutyPage(),
    PagerDutyIncident(),
    Rollback(),
    UnderAttackOn(),
    UnderAttackOff(),
    WarmCache(),
    Block(),
    Unblock(),
    Tighten(),
    EndBackend(),
    CancelQuery(),
    TestAlert(),
    Redeploy(),
    ClearState(),
    Purge(),
    EndToEnd(),
    AlertResolve(),
    PagerDutyResolve(),
    SlackResolution(),
    StatuspageCreate(),
    StatuspageUpdate(),
    PagerDutyNote(),
    PagerDutyChange(),
    ActionItems(),
)


@cache
def catalogue() -> Mapping[str, Action]:
    """Return every action by its name, in the order in which an incident needs them."""
    return MappingProxyType({action.name: action for action in _ALL})


def action(name: str) -> Action:
    """
    Return the action *name*.

    Raises
    ------
    UsageError
        There is none.
    """
    found = catalogue().get(name)
    if found is None:
        known = ", ".join(catalogue())
        raise UsageError(f"no action {name[:60]!r}: expected one of {known}. Nothing was planned.")
    return found


def plan(name: str, facts: Facts, /, **given: Any) -> Plan:
    """
    Return what the action *name* would do. Nothing is sent, nothing is asked.

    Raises
    ------
    UsageError
        There is no such action, or an argument that it does not take.
    """
    found = action(name)
    unknown = sorted(set(given) - set(found.arguments))
    if unknown:
        takes = ", ".join(found.arguments) or "no arguments"
        raise UsageError(f"{name}: unknown argument {unknown[0][:40]!r}; it takes {takes}. Nothing was planned.")
    return found.plan(facts, **{key: fitted(key, value) for key, value in given.items()})


def fitted(name: str, value: Any) -> Any:
    """
    Return an argument that came as text as what it is: several texts by commas (items by semicolons), numbers, yes/no.

    Raises
    ------
    UsageError
        It does not fit.
    """
    if not isinstance(value, str):
        return value
    try:
        if name in LISTS:
            return [part.strip() for part in value.split(LISTS[name]) if part.strip()]
        if name in WHOLE:
            return int(value)
        if name in NUMBERS:
            return float(value)
        if name in YES_NO:
            return {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}[value.lower()]
    except (ValueError, KeyError):
        raise UsageError(f"{name}: {value[:40]!r} does not fit. Nothing was planned.") from None
    return value


def for_step(step: str) -> Action | None:
    """Return the action that a runbook's step stands for, None where there is none."""
    serving = sorted((one for one in _ALL if step in one.steps), key=lambda one: one.steps[0] != step)
    return serving[0] if serving else None
