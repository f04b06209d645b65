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
    Purge(),
    Block(),
    Unblock(),
    Tighten(),
    EndBackend(),
    CancelQuery(),
    TestAlert(),
    Redeploy(),
    ClearState(),
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


def plan(name: str, facts: Facts, **given: Any) -> Plan:
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
    return found.plan(facts, **given)


def for_step(step: str) -> Action | None:
    """Return the action that a runbook's step stands for, None where there is none."""
    serving = sorted((one for one in _ALL if step in one.steps), key=lambda one: one.steps[0] != step)
    return serving[0] if serving else None
