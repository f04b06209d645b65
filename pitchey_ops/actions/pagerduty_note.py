"""Put a note on the PagerDuty incident."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from . import _pagerduty as pd
from .base import RESPONDER, drafted, mark_for, one_line, refused, wanted
from .facts import Facts
from .models import Change, Find, Plan, Verification


class PagerDutyNote:
    """One note with its mark, so that a repeat finds it."""

    name: ClassVar[str] = "pagerduty-note"
    steps: ClassVar[tuple[str, ...]] = ("post.communicate",)
    changes: ClassVar[str] = "a note on the PagerDuty incident"
    who: ClassVar[str] = RESPONDER
    verified: ClassVar[str] = "the note is there"
    undone: ClassVar[str] = "cannot be undone; notes stay"
    arguments: ClassVar[Mapping[str, str]] = {"note": "the text"}

    def plan(self, facts: Facts, *, note: str | None = None, **given: Any) -> Plan:
        """Return the plan of the note."""
        title = "Put a note on the PagerDuty incident"
        arguments = {"note": note, **given}
        if not facts.incident:
            return refused(self, facts, title, "no incident is named", arguments)
        text = one_line(wanted("note", note, "a text"), 2000)
        mark = mark_for(self, facts, arguments)
        look = pd.rest(facts, "GET", "incidents/${pagerduty_id}/notes")
        there = Find(look=look, items="notes", where=(("content", f"~{mark}"),))
        request = pd.rest(facts, "POST", "incidents/${pagerduty_id}/notes", {"note": {"content": f"{text} [{mark}]"}})
        return drafted(
            self,
            facts,
            facts.incident,
            title,
            arguments,
            changes=(Change(id="note", words=f"a note: “{one_line(text, 120)}”", request=request, find=there),),
            assumptions=(pd.is_open(facts),),
            when="whenever the responders should read it there",
            why="the incident's own timeline is kept in PagerDuty",
            risk="none",
            undo_words="cannot be undone; notes stay",
            verification=Verification(words="the note is there", state=(there,)),
        )
