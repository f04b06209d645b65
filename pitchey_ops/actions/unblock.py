"""Remove a block before its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ..errors import UsageError
from . import _cloudflare as cf
from .base import RESPONDER, drafted, mark_for, one_line, refused
from .facts import Facts
from .guards import MOST_ADDRESSES, target_of
from .models import Assumption, Change, Find, Plan, Verification


class Unblock:
    """The access rule of each address is found by its value and removed, whoever made it."""

    name: ClassVar[str] = "unblock"
    steps: ClassVar[tuple[str, ...]] = ("security.block-ips",)
    changes: ClassVar[str] = "addresses that get answers again"
    who: ClassVar[str] = RESPONDER
    verified: ClassVar[str] = "no such rule is left"
    undone: ClassVar[str] = "the rule is made again, with its old note"
    arguments: ClassVar[Mapping[str, str]] = {"addresses": "addresses or networks as they are blocked"}

    def plan(self, facts: Facts, *, addresses: Sequence[str] | str = (), **given: Any) -> Plan:
        """Return the plan of the removals."""
        asked = [addresses] if isinstance(addresses, str) else [str(one) for one in addresses]
        named = list(dict.fromkeys(target_of(text)[1] for text in asked))
        arguments = {"addresses": named or None, **given}
        title = f"Unblock {len(named)} address{'' if len(named) == 1 else 'es'}"
        if not 1 <= len(named) <= MOST_ADDRESSES:
            raise UsageError(f"addresses: expected 1 to {MOST_ADDRESSES}. Nothing was planned.")
        lacking = cf.missing(facts, of_zone=True)
        if lacking:
            return refused(self, facts, title, lacking, arguments)
        mark = mark_for(self, facts, arguments)
        changes, assumptions = [], []
        for text in named:
            kind, value, why = target_of(text)
            if why:
                raise UsageError(f"{one_line(text, 60)} {why}. Nothing was planned.")
            there = cf.rule_at(facts, value, "block")
            keeps = (*there.keeps, (f"notes_{value}", "notes"))
            assumptions.append(
                Assumption(
                    words=f"{value} is blocked by a rule",
                    find=Find(look=there.look, items=there.items, where=there.where, keeps=keeps),
                )
            )
            body = {
                "mode": "block",
                "configuration": {"target": kind, "value": value},
                "notes": f"${{notes_{value}}}",
            }
            removal = cf.rule_removed(facts, value, "block", "")
            again = Change(
                id=f"block {value}",
                words=f"block {value} again",
                request=cf.zone(facts, "POST", "firewall/access_rules/rules", body),
                find=there,
                duplicate=(10009,),
            )
            changes.append(
                Change(
                    id=removal.id,
                    words=removal.words,
                    request=removal.request,
                    find=removal.find,
                    undo=(again,),
                )
            )
        return drafted(
            self,
            facts,
            named[0] if len(named) == 1 else f"{len(named)} addresses",
            title,
            arguments,
            changes=tuple(changes),
            assumptions=tuple(assumptions),
            when="when somebody was blocked who should not be",
            why=f"asked for ({mark})",
            risk="the address may go on with what it did",
            undo_words=self.undone,
            undoable=True,
            verification=Verification(
                words=self.verified, state=tuple(change.find for change in changes if change.find is not None)
            ),
        )
