"""Block addresses at the edge, with a reason and an end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from ..errors import UsageError
from ..evidence.canonical import iso
from . import _cloudflare as cf
from .base import COMMANDER, drafted, mark_for, one_line, refused
from .facts import Facts
from .guards import HOURS_MOST, MOST_ADDRESSES, target_of, why_not_blocked
from .models import Behaviour, Blast, Change, Plan, Verification

LOGIN_PATHS = {"brute_force": "/api/auth/login"}


class Block:
    """One access rule for each address; every one ends, carried out by the actor process."""

    name: ClassVar[str] = "block"
    steps: ClassVar[tuple[str, ...]] = ("security.block-ips",)
    changes: ClassVar[str] = "addresses that get no answer any more"
    who: ClassVar[str] = COMMANDER
    verified: ClassVar[str] = "every rule is read back"
    undone: ClassVar[str] = "our rules are found again by address and mark, and removed"
    arguments: ClassVar[Mapping[str, str]] = {
        "addresses": "addresses, or /24 and /64 networks; the accused ones by default",
        "hours": "how long; each block's own by default, 24 at most 168",
        "reason": "why",
    }

    def plan(
        self,
        facts: Facts,
        *,
        addresses: Sequence[str] | str = (),
        hours: float | None = None,
        reason: str | None = None,
        **given: Any,
    ) -> Plan:
        """
        Return the plan; own, Cloudflare's, monitors' and private addresses are refused.

        Raises
        ------
        UsageError
            *hours* is out of bounds.
        """
        named = [addresses] if isinstance(addresses, str) else [str(one) for one in addresses]
        arguments = {"addresses": named or None, "hours": hours, "reason": reason, **given}
        known = {str(row.get("target")): row for row in facts.blocks}
        wanted = list(dict.fromkeys(named or known))
        lasting = float(
            hours if hours is not None else max((_hours(known[t]) for t in wanted if t in known), default=24)
        )
        if not 0 < lasting <= HOURS_MOST:
            raise UsageError(f"hours {lasting:g}: expected more than 0, at most {HOURS_MOST}. Nothing was planned.")
        judged = [(text, why_not_blocked(text, facts.protected)) for text in wanted]
        refused_ = [f"{one_line(text, 60)} is refused: {why}" for text, why in judged if why]
        taken = list(dict.fromkeys(target_of(text)[:2] for text, why in judged if not why))
        left = taken[MOST_ADDRESSES:]
        taken = taken[:MOST_ADDRESSES]
        warnings = [*refused_[:20]]
        if left:
            warnings.append(
                f"{len(left)} more are left out: at most {MOST_ADDRESSES} rules a plan (tighten, Under Attack)"
            )
        cost = sum(int(known[value].get("ok_requests") or 0) for _, value in taken if value in known)
        names = ", ".join(value for _, value in taken[:6]) + (f" and {len(taken) - 6} more" if len(taken) > 6 else "")
        title = f"Block {len(taken)} address{'' if len(taken) == 1 else 'es'} at Cloudflare"
        common: dict[str, Any] = {
            "when": "when an address is accused, and what it would cost is acceptable",
            "why": (reason or facts.summary) if taken else "nobody is accused",
            "risk": f"{cost} successful requests of this window came from them"
            + (f"; {len(refused_)} addresses are refused" if refused_ else ""),
            "warnings": tuple(warnings),
        }
        lacking = cf.missing(facts, of_zone=True) or ("" if taken else "; ".join(refused_[:5]) or "nobody is accused")
        if lacking:
            return refused(self, facts, title, lacking, arguments, **common)
        mark = mark_for(self, facts, arguments)
        ends = facts.now + timedelta(hours=lasting)
        changes = []
        for kind, value in taken:
            why = one_line(reason or str(known.get(value, {}).get("reason") or "accused"), 200)
            notes = f"{facts.incident} {mark} until {iso(ends)}: {why}"[:480]
            body = {"mode": "block", "configuration": {"target": kind, "value": value}, "notes": notes}
            changes.append(
                Change(
                    id=f"block {value}",
                    words=f"block {value} until {ends:%d %b %H:%M} UTC: {one_line(why, 80)}",
                    request=cf.zone(facts, "POST", "firewall/access_rules/rules", body),
                    find=cf.rule_at(facts, value, "block"),
                    ours="notes",
                    keeps=((f"rule_{value}", "result.id"),),
                    duplicate=(10009,),
                    undo=(cf.rule_removed(facts, value, "block", mark),),
                )
            )
        path = LOGIN_PATHS.get(facts.cause or "")
        behaviour = None
        if path and facts.baseline is not None:
            start, end = facts.baseline
            behaviour = Behaviour(
                metric="rate", statuses=(401, 401), routes=(path,), baseline_start=iso(start), baseline_end=iso(end)
            )
        return drafted(
            self,
            facts,
            taken[0][1] if len(taken) == 1 else f"{len(taken)} addresses",
            title,
            arguments,
            changes=tuple(changes),
            blast=(
                Blast(what=f"addresses blocked ({names})", figure=float(len(taken))),
                Blast(
                    what="successful requests of this window that came from them",
                    figure=float(cost) if all(value in known for _, value in taken) else None,
                ),
            ),
            undo_words=f"each rule ends {ends:%d %b %H:%M} UTC by itself (`pitchey-ops actor`); undo is earlier",
            undoable=True,
            ends=iso(ends),
            verification=Verification(
                words="every rule is read back" + ("; failed logins are as few as before" if behaviour else ""),
                state=tuple(change.find for change in changes if change.find is not None),
                behaviour=behaviour,
                settle_s=60.0 if behaviour else 0.0,
                window_s=300.0 if behaviour else 0.0,
            ),
            mitigates=True,
            **common,
        )


def _hours(row: Mapping[str, Any]) -> float:
    value = row.get("hours")
    return float(value) if isinstance(value, int | float) and value > 0 else 24.0
