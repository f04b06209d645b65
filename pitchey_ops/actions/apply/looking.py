"""What a plan needs to know from the world before it is made; reading only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from .. import _cloudflare as cf
from .. import _database as db
from .. import _pagerduty as pd
from .. import _slack
from ..clear_state import listing
from ..end_backend import process
from ..facts import Deployed, Facts, OnCallPerson
from ..models import Request
from ..redeploy import worker
from ..tighten import PHASES
from .client import place_of
from .errors import CannotLook, NotSent
from .hands import Hands

Arguments = dict[str, Any]


def look(name: str, facts: Facts, given: Mapping[str, Any], hands: Hands) -> tuple[Facts, Arguments, list[str]]:
    """
    Return the facts and arguments of the action *name*, filled in from the world as it is, and what could not be seen.

    Everything is read; what cannot be read is left as it was, and said.
    """
    arguments, unseen = dict(given), list[str]()
    facts = facts.at(hands.clock.now())
    for reader in _READERS.get(name, ()):
        try:
            facts, arguments = reader(facts, arguments, hands)
        except (CannotLook, NotSent) as exc:
            unseen.append(hands.clean(str(exc)))
    return facts, arguments, unseen


def who_is_on_call(hands: Hands) -> tuple[OnCallPerson, ...]:
    """
    Return who is on call now, by level (1 is paged first).

    Raises
    ------
    CannotLook
        PagerDuty could not be asked.
    """
    policies = tuple(("escalation_policy_ids[]", one) for one in hands.settings.pagerduty_escalation_policies)
    query = (*policies, ("include[]", "users"), ("earliest", "true"), ("limit", "100"))
    asked = Request(service="pagerduty", method="GET", path="oncalls", query=query, headers=pd.ACCEPT)
    try:
        rows = place_of(hands.client.read(asked).value, "oncalls")
    except NotSent as exc:
        raise CannotLook(str(exc)) from exc
    if not isinstance(rows, list):
        raise CannotLook("PagerDuty answered without a list of who is on call")
    found = {
        OnCallPerson(
            level=int(row["escalation_level"]),
            name=str(place_of(row, "user.summary") or place_of(row, "user.name") or "?"),
            email=str(place_of(row, "user.email") or ""),
        )
        for row in rows
        if isinstance(row, Mapping) and isinstance(row.get("escalation_level"), int)
    }
    return tuple(sorted(found, key=lambda one: (one.level, one.name)))


def _oncall(facts: Facts, given: Arguments, hands: Hands) -> tuple[Facts, Arguments]:
    return replace(facts, oncall=who_is_on_call(hands)), given


def _deployments(facts: Facts, given: Arguments, hands: Hands) -> tuple[Facts, Arguments]:
    failing = [str(row["service"]) for row in facts.rule("monitoring") if row.get("service")]
    script = str(given.get("script") or "")
    if not script and given.get("monitoring"):
        script = failing[0] if failing else ""
    if given.get("monitoring"):
        script = worker(script)
    script = script or facts.settings.worker_script
    rows = place_of(hands.client.read(cf.deployments(facts, script)).value, "result.deployments")
    if not isinstance(rows, list):
        raise CannotLook("Cloudflare answered without deployments")
    found = []
    for row in rows:
        version, at = place_of(row, "versions.0.version_id"), place_of(row, "created_on")
        if isinstance(version, str) and isinstance(at, str):
            moment = _moment(at)
            if moment is None:
                raise CannotLook("Cloudflare answered with a time of a deployment that cannot be read")
            found.append(
                Deployed(
                    script=script,
                    version=version,
                    at=moment,
                    author=str(place_of(row, "author_email") or ""),
                    message=str(place_of(row, "annotations.workers/message") or ""),
                )
            )
    found.sort(key=lambda one: one.at)
    others = tuple(one for one in facts.deployments if one.script != script)
    return replace(facts, deployments=(*others, *found)), given


def _moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if at.tzinfo is None else at


def _redeployed(facts: Facts, given: Arguments, hands: Hands) -> tuple[Facts, Arguments]:
    facts, _ = _deployments(facts, {**given, "monitoring": True}, hands)
    return facts, given


def _level(facts: Facts, given: Arguments, hands: Hands) -> tuple[Facts, Arguments]:
    value = place_of(hands.client.read(cf.zone(facts, "GET", "settings/security_level")).value, "result.value")
    return replace(facts, current_level=str(value)), given


def _kept_level(facts: Facts, given: Arguments, hands: Hands) -> tuple[Facts, Arguments]:
    if given.get("level"):
        return facts, given
    for incident in reversed(hands.journal.incidents()):
        for record in reversed(hands.journal.records(incident)):
            plan = record.plan
            ours = plan is not None and plan.environment == facts.environment and plan.action == "under-attack-on"
            if ours and record.kept.get("old_level"):
                return facts, {**given, "level": record.kept["old_level"]}
    return facts, given


def _thread(facts: Facts, given: Arguments, hands: Hands) -> tuple[Facts, Arguments]:
    """Find the incident's first message, so that ours stands in its thread."""
    channel = facts.settings.slack_channel
    if not channel or not facts.incident or facts.thread:
        return facts, given
    rows = place_of(
        hands.client.read(_slack.said(channel, since_s=int(facts.now.timestamp()) - 7 * 86_400)).value, "messages"
    )
    for row in reversed(rows if isinstance(rows, list) else []):
        payload = place_of(row, "metadata.event_payload")
        ours = isinstance(payload, Mapping) and facts.incident in str(payload)
        if ours or facts.incident in str(place_of(row, "text")):
            return replace(facts, thread=str(place_of(row, "thread_ts") or place_of(row, "ts"))), given
    return facts, given


def _keys(facts: Facts, given: Arguments, hands: Hands) -> tuple[Facts, Arguments]:
    prefixes = facts.settings.kv_prefixes
    prefix = str(given.get("prefix") or (prefixes[0] if prefixes else ""))
    if given.get("keys") is not None or not prefix:
        return facts, given
    rows = place_of(hands.client.read(listing(facts, prefix)).value, "result")
    if not isinstance(rows, list):
        raise CannotLook("Cloudflare answered without keys")
    keys = [str(row["name"]) for row in rows if isinstance(row, Mapping) and row.get("name")]
    return facts, {**given, "prefix": prefix, "keys": keys}


def _ruleset(facts: Facts, given: Arguments, hands: Hands) -> tuple[Facts, Arguments]:
    phase = PHASES.get(str(given.get("mode") or "limit"), "")
    if given.get("ruleset") or not phase:
        return facts, given
    asked = cf.zone(facts, "GET", f"rulesets/phases/{phase}/entrypoint")
    from ..models import Find

    there, kept = hands.client.look(
        Find(look=asked, where=(("result.id", "*"),), missing_is_none=True, keeps=(("id", "result.id"),)), {}
    )
    return facts, {**given, "ruleset": kept["id"]} if there else given


def _backend(facts: Facts, given: Arguments, hands: Hands) -> tuple[Facts, Arguments]:
    pid = given.get("pid") or db.suspect(facts)[0]
    if pid is None:
        return facts, given
    rows = place_of(hands.client.read(db.sql(db.ALIVE, pid=process(pid))).value, "rows")
    if not rows:
        return facts, {**given, "pid": pid}
    name = "query_start" if given.get("cancel") else "backend_start"
    return facts, {**given, "pid": pid, name: given.get(name) or rows[0][name]}


def _statement(facts: Facts, given: Arguments, hands: Hands) -> tuple[Facts, Arguments]:
    facts, filled = _backend(facts, {**given, "cancel": True}, hands)
    return facts, {name: value for name, value in filled.items() if name != "cancel"}


_Reader = Callable[[Facts, Arguments, Hands], tuple[Facts, Arguments]]
_READERS: Mapping[str, tuple[_Reader, ...]] = {
    "rollback": (_deployments,),
    "redeploy": (_redeployed,),
    "under-attack-on": (_level,),
    "under-attack-off": (_kept_level,),
    "pagerduty-page": (_oncall,),
    "pagerduty-incident": (_oncall,),
    "slack-acknowledge": (_thread,),
    "slack-status": (_thread,),
    "slack-resolution": (_thread,),
    "tickets": (_thread,),
    "clear-state": (_keys,),
    "tighten": (_ruleset,),
    "end-backend": (_backend,),
    "cancel-query": (_statement,),
}
