"""The list of what is to be prevented, alerted on and written down, given to the people who do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ..errors import UsageError
from . import _slack
from .base import RESPONDER, drafted, mark_for, one_line, refused
from .facts import Facts
from .models import Plan, Verification

MOST = 20


class ActionItems:
    """One message with a checklist; `pitchey-ops postmortem` writes the same as issues for GitHub and as CSV."""

    name: ClassVar[str] = "tickets"
    steps: ClassVar[tuple[str, ...]] = ("post.action-items",)
    changes: ClassVar[str] = "one message with a checklist in the incident's thread"
    who: ClassVar[str] = RESPONDER
    verified: ClassVar[str] = "the message is in the channel"
    undone: ClassVar[str] = "the message is deleted"
    arguments: ClassVar[Mapping[str, str]] = {"items": "what is to be done, a text each"}

    def plan(self, facts: Facts, *, items: Sequence[str] | str = (), **given: Any) -> Plan:
        """Return the plan of the message."""
        wanted = [items] if isinstance(items, str) else list(items)
        wanted = [one_line(str(item), 300) for item in wanted if str(item).strip()]
        if not wanted or len(wanted) > MOST:
            raise UsageError(f"items: expected 1 to {MOST} texts. Nothing was planned.")
        title = f"Hand over {len(wanted)} action items"
        if lacking := _slack.missing(facts):
            return refused(self, facts, title, lacking, {"items": wanted, **given})
        mark = mark_for(self, facts, {"items": wanted, **given})
        lines = [f"To do after {facts.incident or 'the incident'}:", *(f"☐ {item}" for item in wanted)]
        change = _slack.message(facts, mark, lines, kind="tickets")
        return drafted(
            self,
            facts,
            facts.settings.slack_channel,
            title,
            {"items": wanted, **given},
            changes=(change,),
            when="when the postmortem's draft is agreed",
            why="what nobody owns is not done",
            risk="none; nobody is assigned by this: `pitchey-ops postmortem INC --out DIR` writes issues.json (GitHub) "
            "and action-items.csv to be imported where tickets are kept",
            undo_words="delete the message",
            undoable=True,
            verification=Verification(words="the message is in the channel", state=_slack.seen(change)),
        )
