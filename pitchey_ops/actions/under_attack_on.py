"""Under Attack mode on, with the old level kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from . import _cloudflare as cf
from .base import COMMANDER, drafted, refused, well_again
from .facts import Facts
from .models import Assumption, Blast, Change, Find, Plan, Verification

MODE = "under_attack"


class UnderAttackOn:
    """One change of the zone's security level; the level before it is kept for going back."""

    name: ClassVar[str] = "under-attack-on"
    steps: ClassVar[tuple[str, ...]] = ("outage.under-attack", "security.under-attack")
    changes: ClassVar[str] = "every visitor of the zone is challenged"
    who: ClassVar[str] = COMMANDER
    verified: ClassVar[str] = "the level is read back, and the failing share is back at that before the incident"
    undone: ClassVar[str] = "the old level is set again"
    arguments: ClassVar[Mapping[str, str]] = {}

    def plan(self, facts: Facts, **given: Any) -> Plan:
        """Return the plan of switching it on."""
        likely = facts.cause == "traffic_flood"
        common: dict[str, Any] = {
            "when": "when a flood of requests comes from many addresses",
            "why": facts.summary if likely else "no flood was found",
            "risk": "every visitor is challenged; API clients and webhooks fail",
            "warnings": (
                "programs that are no browsers cannot pass the challenge: API clients, payment webhooks, monitors",
                "it has no end of its own: switch it off when the flood is over",
            ),
        }
        title = "Under Attack mode for the zone"
        lacking = cf.missing(facts, of_zone=True)
        if lacking:
            return refused(self, facts, title, lacking, given, **common)
        on = cf.level_is(facts, MODE)
        keeps = (("old_level", "result.value"),)
        before = Find(look=on.look, where=(("result.value", f"!{MODE}"),), keeps=keeps)
        undo = Change(
            id="off",
            words="set the old level again",
            request=cf.set_level(facts, "${old_level}"),
            find=Find(look=on.look, where=(("result.value", "${old_level}"),)),
            requires=on,
        )
        return drafted(
            self,
            facts,
            facts.settings.cloudflare_zone or "",
            title,
            given,
            changes=(
                Change(
                    id="on",
                    words="PATCH …/settings/security_level to under_attack",
                    request=cf.set_level(facts, MODE),
                    find=on,
                    repeatable=True,
                    undo=(undo,),
                ),
            ),
            assumptions=(Assumption(words="the zone is not in Under Attack mode yet", find=before),),
            blast=(Blast(what="visitors of the zone that are challenged", figure=1.0, unit="share"),),
            undo_words="the old level is set again"
            + (f" ({facts.current_level})" if facts.current_level else ", as it is read just before"),
            undoable=True,
            verification=Verification(
                words=self.verified,
                state=(on,),
                behaviour=well_again(facts),
                settle_s=60.0,
                window_s=300.0,
            ),
            mitigates=True,
            **common,
        )
