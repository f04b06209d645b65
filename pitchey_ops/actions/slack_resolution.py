"""Say that it is over, and what was done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from . import _slack
from .base import RESPONDER, drafted, mark_for, one_line, refused, wanted
from .facts import Facts
from .models import Plan, Verification
from .wording import moment


class SlackResolution:
    """One message: resolved, by what."""

    name: ClassVar[str] = "slack-resolution"
    steps: ClassVar[tuple[str, ...]] = ("post.communicate",)
    changes: ClassVar[str] = "one message in the incident's thread"
    who: ClassVar[str] = RESPONDER
    verified: ClassVar[str] = "the message is in the channel"
    undone: ClassVar[str] = "the message is deleted"
    arguments: ClassVar[Mapping[str, str]] = {"resolution": "what was done"}

    def plan(self, facts: Facts, *, resolution: str | None = None, **given: Any) -> Plan:
        """Return the plan of the message."""
        done = one_line(wanted("resolution", resolution, "what was done"), 1000)
        title = "Say in the incident's thread that it is over"
        if lacking := _slack.missing(facts):
            return refused(self, facts, title, lacking, {"resolution": resolution, **given})
        mark = mark_for(self, facts, {"resolution": resolution, **given})
        lines = [f"Resolved: {facts.incident or 'the incident'} ({facts.severity})", done]
        if facts.onset is not None:
            lines.append(f"It began {moment(facts.onset)}.")
        change = _slack.message(facts, mark, lines, kind="resolution")
        return drafted(
            self,
            facts,
            facts.settings.slack_channel,
            title,
            {"resolution": resolution, **given},
            changes=(change,),
            when="when the watch ended without recurrence",
            why="people stop waiting, and read what was done",
            risk="said too early it must be taken back",
            undo_words="delete the message, or send a correction",
            undoable=True,
            verification=Verification(words="the message is in the channel", state=_slack.seen(change)),
        )
