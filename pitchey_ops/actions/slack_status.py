"""A status update with the verdict's facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from . import _slack
from .base import RESPONDER, drafted, mark_for, one_line, refused
from .facts import Facts
from .models import Plan, Verification
from .wording import facts_lines


class SlackStatus:
    """One message: what is known now."""

    name: ClassVar[str] = "slack-status"
    steps: ClassVar[tuple[str, ...]] = ("initial.slack-update", "post.communicate")
    changes: ClassVar[str] = "one message in the incident's thread"
    who: ClassVar[str] = RESPONDER
    verified: ClassVar[str] = "the message is in the channel"
    undone: ClassVar[str] = "the message is deleted"
    arguments: ClassVar[Mapping[str, str]] = {"note": "a sentence of yours"}

    def plan(self, facts: Facts, *, note: str | None = None, **given: Any) -> Plan:
        """Return the plan of the message."""
        title = "Status update in the incident's thread"
        if lacking := _slack.missing(facts):
            return refused(self, facts, title, lacking, {"note": note, **given})
        mark = mark_for(self, facts, {"note": note, **given})
        head = f"Status of {facts.incident or 'the incident'} ({facts.severity})"
        lines = [head, *facts_lines(facts), one_line(note or "", 500)]
        change = _slack.message(facts, mark, lines, kind="status")
        return drafted(
            self,
            facts,
            facts.settings.slack_channel,
            title,
            {"note": note, **given},
            changes=(change,),
            when="when the verdict is known, and whenever it changes",
            why="everybody reads the same facts",
            risk="none",
            undo_words="delete the message, or send a correction",
            undoable=True,
            verification=Verification(words="the message is in the channel", state=_slack.seen(change)),
        )
