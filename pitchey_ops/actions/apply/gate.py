"""What must be so before anything is sent: a person, an unexpired plan, the right environment, a bounded rate."""

from __future__ import annotations

import os
import sys
from datetime import timedelta

from ...errors import UsageError
from ...evidence import ids
from ..guards import why_not_blocked
from ..models import Plan
from .credentials import lacking
from .errors import ActionRefused
from .hands import Hands
from .journal import Record

RUN_VARIABLE = "PITCHEY_OPS_RUN"
"""Set in every process that an alert, a schedule or `pitchey-ops run` started."""
RATE_SPAN = timedelta(minutes=10)
NAME_LIMIT = 100


def never_headless() -> None:
    """
    Refuse in a headless run, whatever was passed.

    Raises
    ------
    ActionRefused
        This process runs a runbook by itself.
    """
    main = sys.modules.get("__main__")
    module = getattr(getattr(main, "__spec__", None), "name", "") or ""
    if os.environ.get(RUN_VARIABLE) or module.startswith("pitchey_ops.runbooks."):
        raise ActionRefused(
            "this is a headless run: it plans and shows actions, and never carries one out. Nothing was sent. "
            "Apply the plan from the command line or from an interactive notebook."
        )


def name_of(label: str, value: str | None) -> str:
    """
    Return a person's name.

    Raises
    ------
    ActionRefused
        There is none.
    """
    text = " ".join((value or "").split())
    if not text or len(text) > NAME_LIMIT or not text.isprintable():
        raise ActionRefused(f"{label}: expected a person's name. Nothing was sent.")
    return text


def confirmed(plan: Plan, confirm: str | None) -> None:
    """
    Refuse unless the person typed what the plan asks for.

    Raises
    ------
    ActionRefused
        They did not.
    """
    if not plan.target:
        raise ActionRefused(f"{plan.action}: what it would change has no name to confirm. Nothing was sent.")
    if not confirm or confirm.strip() != plan.confirmation:
        repeated = " (in production with the environment before it)" if plan.environment == "production" else ""
        raise ActionRefused(
            f"the confirmation does not match: type {plan.confirmation!r}, the target's name{repeated}. "
            f"This is {plan.environment}. Nothing was sent."
        )


def may_begin(plan: Plan, record: Record, hands: Hands, *, who: str, second: str | None) -> None:
    """
    Refuse what a person may not begin now; a plan that was begun already is only finished.

    Raises
    ------
    ActionRefused
        Saying which guard, and that nothing was sent.
    """
    if hands.settings.environment != plan.environment:
        raise ActionRefused(
            f"the plan is for {plan.environment}, this process is set to {hands.settings.environment}. "
            "Nothing was sent."
        )
    if not plan.possible:
        raise ActionRefused(f"{plan.action} is not possible: {plan.why_not}. Nothing was sent.")
    try:
        ids.incident_id(plan.incident)
    except UsageError:
        raise ActionRefused(
            "an action belongs to an incident: name one, or open one with `pitchey-ops declare`. Nothing was sent."
        ) from None
    missing = lacking({change.request.service for change in plan.changes}, hands.settings, hands.known)
    if missing:
        raise ActionRefused(f"{', '.join(missing)} not set: what may only read cannot act. Nothing was sent.")
    for change in plan.changes:
        never_ours(plan, change.request.body, hands)
    _at_home(plan, hands)
    if record.begun is not None:
        return
    now = hands.clock.now()
    if now > plan.expires_at or now < plan.planned_at - timedelta(minutes=5):
        raise ActionRefused(
            f"the plan is of {plan.planned_at:%H:%M:%S} UTC and expired at {plan.expires_at:%H:%M:%S}; it is "
            f"{now:%d %b %H:%M:%S} now. Plan it again. Nothing was sent."
        )
    begun = hands.journal.begun_since(now - RATE_SPAN)
    if begun >= hands.settings.actions_per_10_min:
        raise ActionRefused(
            f"{begun} actions were begun in the last ten minutes, {hands.settings.actions_per_10_min} are allowed: "
            "see what they did first. Nothing was sent."
        )
    if plan.severity in hands.settings.second_person:
        agreed = {str(entry.get("by") or "") for entry in record.entries if entry.get("event") == "approved"}
        if not {_same(name) for name in (*agreed, second or "")} - {_same(who), ""}:
            raise ActionRefused(
                f"{plan.severity} needs a second person's confirmation here: somebody else than {who} must approve "
                "it (`pitchey-ops action approve`). Nothing was sent."
            )


def _same(name: str) -> str:
    """Return *name* such that two ways to write it are one person."""
    return " ".join(name.split()).casefold()


def _at_home(plan: Plan, hands: Hands) -> None:
    """Refuse what would change another account, zone or page than those of this process's settings."""
    settings = hands.settings
    homes = {
        "cloudflare_api": (f"accounts/{settings.cloudflare_account}/", f"zones/{settings.cloudflare_zone}/"),
        "statuspage": (f"v1/pages/{settings.statuspage_page}/",),
    }
    for change in plan.changes:
        known = homes.get(change.request.service)
        if known is not None and not change.request.path.startswith(known):
            place = "/".join(change.request.path.split("/")[:3])[:80]
            raise ActionRefused(
                f"the plan is for {change.request.service}:{place}, which is not what this process is set to "
                "(cloudflare_account, cloudflare_zone, statuspage_page). Plan it again. Nothing was sent."
            )


def never_ours(plan: Plan, body: object, hands: Hands) -> None:
    """
    Look once more at whom a request would block: a file can be written by anybody, and an undo may block again.

    Raises
    ------
    ActionRefused
        It is an address that nobody may block.
    """
    if not isinstance(body, dict) or body.get("mode") not in (
        "block",
        "challenge",
        "js_challenge",
        "managed_challenge",
    ):
        return
    from ipaddress import ip_network

    configuration = body.get("configuration")
    value = str(configuration.get("value")) if isinstance(configuration, dict) else ""
    protected = [ip_network(text, strict=False) for text in hands.settings.own_networks]
    why = why_not_blocked(value, protected)
    if why:
        raise ActionRefused(f"{plan.action}: {value[:60]} must not be blocked: {why}. Nothing was sent.")
