"""Under Attack mode off: back to an ordinary level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..errors import UsageError
from . import _cloudflare as cf
from .base import COMMANDER, drafted, refused
from .facts import Facts
from .models import Assumption, Blast, Change, Plan, Verification
from .under_attack_on import MODE

LEVELS = ("off", "essentially_off", "low", "medium", "high")


class UnderAttackOff:
    """One change of the zone's security level, to the one that was kept."""

    name: ClassVar[str] = "under-attack-off"
    steps: ClassVar[tuple[str, ...]] = ("outage.under-attack", "security.under-attack")
    changes: ClassVar[str] = "visitors are no longer challenged"
    who: ClassVar[str] = COMMANDER
    verified: ClassVar[str] = "the level is read back"
    undone: ClassVar[str] = "Under Attack mode is switched on again"
    arguments: ClassVar[Mapping[str, str]] = {"level": "the level to go back to; medium if none was kept"}

    def plan(self, facts: Facts, *, level: str | None = None, **given: Any) -> Plan:
        """Return the plan of switching it off."""
        wanted = level or "medium"
        arguments = {"level": level, **given}
        if wanted not in LEVELS:
            raise UsageError(f"level {wanted[:40]!r}: expected one of {', '.join(LEVELS)}. Nothing was planned.")
        title = f"Under Attack mode off, back to {wanted}"
        lacking = cf.missing(facts, of_zone=True)
        if lacking:
            return refused(self, facts, title, lacking, arguments)
        off, on = cf.level_is(facts, wanted), cf.level_is(facts, MODE)
        undo = Change(id="on", words="switch it on again", request=cf.set_level(facts, MODE), find=on, requires=off)
        return drafted(
            self,
            facts,
            facts.settings.cloudflare_zone or "",
            title,
            arguments,
            changes=(
                Change(
                    id="off",
                    words=f"PATCH …/settings/security_level to {wanted}",
                    request=cf.set_level(facts, wanted),
                    find=off,
                    repeatable=True,
                    undo=(undo,),
                ),
            ),
            assumptions=(Assumption(words="the zone is in Under Attack mode", find=on),),
            blast=(Blast(what="visitors that are no longer challenged", figure=1.0, unit="share"),),
            when="when the flood is over",
            why="API clients and webhooks work again",
            risk="a flood that goes on gets through",
            undo_words=self.undone,
            undoable=True,
            verification=Verification(words=self.verified, state=(off,)),
        )
