"""Say in the incident's thread that somebody looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from . import _slack
from .base import RESPONDER, drafted, mark_for, one_line, refused
from .facts import Facts
from .models import Plan, Verification


class SlackAcknowledge:
    """One message: who has taken the incident."""

    name: ClassVar[str] = "slack-acknowledge"
    steps: ClassVar[tuple[str, ...]] = ("initial.ack-slack",)
    changes: ClassVar[str] = "one message in the incident's thread"
    who: ClassVar[str] = RESPONDER
    verified: ClassVar[str] = "the message is in the channel"
    undone: ClassVar[str] = "the message is deleted"
    arguments: ClassVar[Mapping[str, str]] = {"note": "a short note of yours"}

    def plan(self, facts: Facts, *, note: str | None = None, **given: Any) -> Plan:
        """Return the plan of the message."""
        title = "Say in the incident's thread that somebody looks"
        if lacking := _slack.missing(facts):
            return refused(self, facts, title, lacking, {"note": note, **given})
        mark = mark_for(self, facts, {"note": note, **given})
        first = f"Investigating {facts.incident or 'this'} ({facts.severity})"
        change = _slack.message(facts, mark, [first, one_line(note or "", 500)], kind="acknowledge")
        return drafted(
            self,
            facts,
            facts.settings.slack_channel,
            title,
            {"note": note, **given},
            changes=(change,),
            when="at once, by whoever takes it",
            why="it stops others from starting over",
            risk="none",
            undo_words="delete the message",
            undoable=True,
            verification=Verification(words="the message is in the channel", state=_slack.seen(change)),
        )
