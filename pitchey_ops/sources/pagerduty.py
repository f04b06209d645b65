"""PagerDuty: who is on call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..errors import BadPayload
from ..models.exchange import Exchange
from ..models.observation import Coverage, Observation
from .reading import Reading, asked, count, json_of, mapping, moment_iso, objects, text_of
from .source import Source

SHARE_FOR_S = 60.0
ACCEPT = "application/vnd.pagerduty+json;version=2"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCall:
    """
    One person on call.

    Attributes
    ----------
    level
        Escalation level; 1 is paged first, and several people may share one.
    until
        End of the shift (UTC); None for a permanent one.
    """

    level: int
    person: str
    person_id: str | None
    email: str | None
    schedule: str | None
    policy: str | None
    since: datetime | None
    until: datetime | None


class PagerDuty(Source):
    """Read of the on-call list."""

    name = "pagerduty"

    async def oncalls(self) -> Observation[tuple[OnCall, ...]]:
        """Read who is on call now, by level, of the configured escalation policies (all when none is set)."""
        policies = [("escalation_policy_ids[]", policy) for policy in self.settings.pagerduty_escalation_policies]
        return await self.read(
            "oncalls",
            "all",
            "/oncalls",
            read_oncalls,
            [*policies, ("include[]", "users"), ("earliest", "true"), ("limit", "100")],
            headers={"accept": ACCEPT},
            share_for_s=SHARE_FOR_S,
        )


def read_oncalls(exchange: Exchange) -> Reading[tuple[OnCall, ...]]:
    """
    Read the on-call list, by level, policy and person.

    Raises
    ------
    BadPayload
        No list ``oncalls`` in it.
    """
    value = json_of(exchange, "object")
    items = value.get("oncalls")
    if not isinstance(items, list):
        raise BadPayload(f"{asked(exchange)}: no list 'oncalls' in it. Nothing was read.")
    found = [
        OnCall(
            level=level,
            person=person,
            person_id=text_of(user.get("id")),
            email=text_of(user.get("email")),
            schedule=text_of(mapping(item.get("schedule")).get("summary")),
            policy=text_of(mapping(item.get("escalation_policy")).get("summary")),
            since=moment_iso(item.get("start")),
            until=moment_iso(item.get("end")),
        )
        for item in objects(items)
        if (level := count(item.get("escalation_level"))) is not None
        and (person := text_of((user := mapping(item.get("user"))).get("summary") or user.get("name")))
    ]
    order = sorted(set(found), key=lambda one: (one.level, one.policy or "", one.person, one.schedule or ""))
    return Reading(
        value=tuple(order),
        status="observed" if order else "no_data",
        coverage=Coverage(count=len(order), cut=value.get("more") is True, rejected=len(items) - len(found)),
    )
