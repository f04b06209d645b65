"""A tighter rate limit, or a challenge, on one path."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from ..errors import UsageError
from ..evidence.canonical import iso
from . import _cloudflare as cf
from .base import COMMANDER, drafted, mark_for, refused
from .facts import Facts
from .models import Assumption, Behaviour, Blast, Change, Find, Plan, Verification, exact

PATHS = {
    "brute_force": "/api/auth/login",
    "credential_stuffing": "/api/auth/login",
    "scraping": "/api/pitches",
    "rate_limit_bypass": "/api/pitches/search",
    "injection_attack": "/api/pitches/search",
}
"""The path that an attack of this kind goes for where the evidence names none."""
PHASES = {"limit": "http_ratelimit", "challenge": "http_request_firewall_custom"}
SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-_.~%")


class Tighten:
    """One rule more in the zone's ruleset; the others are never touched."""

    name: ClassVar[str] = "tighten"
    steps: ClassVar[tuple[str, ...]] = ("security.tighten",)
    changes: ClassVar[str] = "who asks too often for a path is stopped, or everybody there is challenged"
    who: ClassVar[str] = COMMANDER
    verified: ClassVar[str] = "the rule is read back"
    undone: ClassVar[str] = "the rule is removed, and the ruleset with it where the plan made it and it is empty"
    arguments: ClassVar[Mapping[str, str]] = {
        "path": "the path",
        "mode": "limit or challenge",
        "requests": "requests that are allowed in the period, per data centre and address",
        "period": "seconds: 10 or 60",
        "hours": "how long; 24 by default",
        "ruleset": "id of the zone's ruleset for this phase, where there is one",
    }

    def plan(
        self,
        facts: Facts,
        *,
        path: str | None = None,
        mode: str = "limit",
        requests: int = 20,
        period: int = 60,
        hours: float = 24.0,
        ruleset: str | None = None,
        **given: Any,
    ) -> Plan:
        """
        Return the plan.

        Raises
        ------
        UsageError
            A path, mode, limit, period or length that cannot be.
        """
        arguments = {
            "path": path,
            "mode": mode,
            "requests": requests,
            "period": period,
            "hours": hours,
            "ruleset": ruleset,
            **given,
        }
        likely = facts.cause in PATHS
        wanted = path or PATHS.get(facts.cause or "")
        if mode not in PHASES:
            raise UsageError(f"mode {str(mode)[:40]!r}: expected limit or challenge. Nothing was planned.")
        if not 1 <= requests <= 100_000 or period not in (10, 60) or not 0 < hours <= 168:
            raise UsageError("expected requests 1 to 100000, period 10 or 60, hours to 168. Nothing was planned.")
        if wanted is not None and (not wanted.startswith("/") or not set(wanted) <= SAFE or len(wanted) > 300):
            raise UsageError(f"path {wanted[:60]!r}: expected a path such as /api/auth/login. Nothing was planned.")
        absent = f"; absent security headers: {', '.join(facts.missing_headers)}" if facts.missing_headers else ""
        common: dict[str, Any] = {
            "when": "when attackers come from too many addresses to block them one by one",
            "why": facts.summary if likely else "no attack on a path leads",
            "risk": "people and API clients behind one address may be challenged" + absent,
        }
        title = f"{'Tighter rate limit' if mode == 'limit' else 'Challenge'} for {wanted or 'the attacked path'}"
        lacking = cf.missing(facts, of_zone=True) or ("" if wanted else "no attack on a path leads; name the path")
        if lacking:
            return refused(self, facts, title, lacking, arguments, **common)
        mark = mark_for(self, facts, arguments)
        ends = facts.now + timedelta(hours=hours)
        rule: dict[str, Any] = {
            "description": f"{facts.incident} {mark} until {iso(ends)}",
            "expression": f'(http.request.uri.path eq "{wanted}")',
            "action": "block" if mode == "limit" else "managed_challenge",
        }
        if mode == "limit":
            rule["ratelimit"] = {
                "characteristics": ["cf.colo.id", "ip.src"],
                "period": period,
                "requests_per_period": requests,
                "mitigation_timeout": 600,
            }
        phase = PHASES[mode]
        entry = cf.zone(facts, "GET", f"rulesets/phases/{phase}/entrypoint")
        mine = (("description", f"~{mark}"),)
        there = Find(
            look=entry,
            items="result.rules",
            where=mine,
            missing_is_none=True,
            keeps=(("rule_id", "id"),),
        )
        if ruleset:
            request = cf.zone(facts, "POST", f"rulesets/{ruleset}/rules", rule)
            assumed = Assumption(
                words=f"the zone's ruleset for {phase} is {ruleset}",
                find=Find(look=entry, where=(("result.id", exact(ruleset)),), keeps=(("ruleset_id", "result.id"),)),
            )
        else:
            body = {
                "name": f"pitchey-ops {phase}",
                "description": f"made by {facts.incident} {mark}",
                "kind": "zone",
                "phase": phase,
                "rules": [rule],
            }
            request = cf.zone(facts, "POST", "rulesets", body)
            assumed = Assumption(
                words=f"the zone has no ruleset for {phase} yet",
                find=Find(look=entry, where=(("result.id", "*"),), absent=True, missing_is_none=True),
            )
        where_now = Find(look=entry, where=(("result.id", "*"),), keeps=(("ruleset_id", "result.id"),))
        undo = Change(
            id="remove",
            words="remove the rule",
            request=cf.zone(facts, "DELETE", "rulesets/${ruleset_id}/rules/${rule_id}"),
            find=Find(
                look=entry, items="result.rules", where=mine, absent=True, missing_is_none=True, keeps=there.keeps
            ),
            requires=where_now,
        )
        # a ruleset that we made goes as well, once no rule of anybody's is left in it
        ours = (("result.id", "*"), ("result.description", f"~{mark}"), ("result.rules.0.id", None))
        kept = (("ruleset_id", "result.id"),)
        dismantle = Change(
            id="ruleset",
            words="delete the ruleset that was made for it, unless it holds other rules by now",
            request=cf.zone(facts, "DELETE", "rulesets/${ruleset_id}"),
            find=Find(look=entry, where=ours, absent=True, missing_is_none=True, keeps=kept),
            requires=Find(look=entry, where=ours, missing_is_none=True, keeps=kept),
        )
        share = facts.share_of((wanted or "",))
        behaviour = None
        if mode == "limit" and facts.cause == "brute_force" and facts.baseline is not None:
            start, end = facts.baseline
            behaviour = Behaviour(
                metric="rate",
                statuses=(401, 401),
                routes=(wanted or "",),
                baseline_start=iso(start),
                baseline_end=iso(end),
            )
        words = f"at most {requests} requests in {period} s" if mode == "limit" else "a managed challenge"
        return drafted(
            self,
            facts,
            wanted or "",
            title,
            arguments,
            changes=(
                Change(
                    id="rule",
                    words=f"a rule for {wanted}: {words}, until {ends:%d %b %H:%M} UTC",
                    request=request,
                    find=there,
                    undo=(undo,) if ruleset else (undo, dismantle),
                ),
            ),
            assumptions=(assumed,),
            blast=(Blast(what="share of all requests that go to this path", figure=share, unit="share"),),
            warnings=("the limit is per data centre, not for the whole world",) if mode == "limit" else (),
            undo_words=f"remove {'the rule' if ruleset else 'the rule and the ruleset made for it'}; it ends "
            f"{ends:%d %b %H:%M} UTC by itself (`pitchey-ops actor`)",
            undoable=True,
            ends=iso(ends),
            verification=Verification(
                words=self.verified,
                state=(there,),
                behaviour=behaviour,
                settle_s=60.0 if behaviour else 0.0,
                window_s=300.0 if behaviour else 0.0,
            ),
            mitigates=True,
            **common,
        )
