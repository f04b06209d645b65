"""
The postmortem as files for people: Markdown, GitHub issues as JSON, action items as CSV.

Fields are those of the SRE book's and PagerDuty's templates; what the record does not tell is left open, marked
``_to be filled in_``. Everything that strangers or people wrote is escaped for the format and fenced in Markdown;
mentions (``@name``) do not mention anybody; no cell of the CSV is a formula.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import RecordError
from ..panels.safe import CLOSE, FENCE_NOTE, OPEN, csv_cell, markdown, markdown_fenced, split_quoted, visible
from ..panels.words import percent, span_words
from ..postmortem.response import Event
from ..postmortem.story import Claim, Item, Story, measure_words

OPEN_FIELD = "_to be filled in_"
KINDS = {"prevent": "prevent", "detect": "detect", "mitigate": "mitigate", "process": "process"}
NAMES = ("postmortem.md", "issues.json", "action-items.csv")
TITLE_LIMIT = 200
"""GitHub takes 256 characters in a title."""
COLUMNS = ("id", "kind", "action item", "why", "rests on", "priority", "owner", "due", "status", "incident")


def write(draft: Story, folder: Path) -> list[Path]:
    """
    Write the draft's three files into *folder* and return their paths; files of the same names are not written over.

    Raises
    ------
    RecordError
        One of them exists already, or the disk does not take them.
    """
    contents = {NAMES[0]: as_markdown(draft), NAMES[1]: issues_json(draft), NAMES[2]: as_csv(draft)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = [name for name in contents if (folder / name).exists() or (folder / name).is_symlink()]
        if there:
            raise RecordError(f"{folder}: {', '.join(there)} exist already. Nothing was written.")
        for name, text in contents.items():
            with (folder / name).open("x", encoding="utf-8", newline="") as file:
                file.write(text)
    except OSError as exc:
        raise RecordError(f"{folder}: cannot be written: {exc.strerror}") from exc
    return [folder / name for name in contents]


def as_markdown(draft: Story) -> str:
    """Return the draft as Markdown (CommonMark with GitHub's tables); equal drafts give equal text."""
    told = draft.response
    day = told.detected or told.onset
    parts = [
        f"# Postmortem {draft.incident}: {_data(draft.title)}",
        _table(
            ("Field", ""),
            [
                ("Incident", draft.incident),
                ("Date", OPEN_FIELD if day is None else f"{day:%Y-%m-%d}"),
                ("Severity", draft.severity),
                ("Status", "Draft"),
                ("Owner", OPEN_FIELD),
                ("Authors", OPEN_FIELD),
                ("Review meeting", _meeting(draft)),
                ("Recording", OPEN_FIELD),
            ],
        ),
        f"> {FENCE_NOTE}",
        "## Summary",
        f"{_data(draft.summary)}",
        "## Impact",
        _impact(draft),
        "## What happened",
        _bullets([draft.trigger] if draft.trigger is not None else [], none="What triggered it is not on record."),
        "## Contributing factors",
        "_The cause that the surest run named, and the findings that speak for it. People complete it._",
        _bullets(draft.contributing, none="No run named one."),
        "## Detection",
        _bullets([draft.detection], none=""),
        "## Resolution",
        _bullets(draft.resolution, none="What ended it is not on record."),
        f"**Recurrence:** {_data(draft.watch.words)}.",
        "## Times of the response",
        _table(
            ("Time", "Measured", "Rests on"), [(m.of, _data(measure_words(m)), _refs(m.refs)) for m in told.measures]
        ),
        "## How did it go?",
        "### What helped",
        _bullets(draft.helped, none="Nothing that the record tells."),
        "### What hindered",
        _bullets(draft.hindered, none="Nothing that the record tells."),
        "### Where luck came in",
        _bullets(draft.lucky, none="Nothing that the record tells."),
        "## Action items",
        "_Proposed from findings; people choose, and give them owners and dates._",
        _table(
            ("Action item", "Type", "Why", "Rests on", "Owner", "Bug"),
            [
                (_data(i.title), KINDS[i.kind], _claim(i.why), _refs(i.refs), OPEN_FIELD, OPEN_FIELD)
                for i in draft.items
            ],
        )
        if draft.items
        else "None was proposed.",
        "## Responders",
        _list([f"{OPEN}{_data(who)}{CLOSE}" for who in draft.responders]) or OPEN_FIELD,
        "## Timeline",
        _table(("Time (UTC)", "Event", "What", "On record"), [_event_row(event) for event in told.events]),
        "## What people wrote",
        _notes(draft),
        "## Messaging",
        _table(("To", "Message"), [("Internal", _data(draft.summary)), ("External", OPEN_FIELD)]),
        "## Not known",
        _list([_data(words) for words in draft.unknown]) or "Nothing that the template asks for.",
        "## Supporting information",
        _table(
            ("Run", "Runbook", "Looked at (UTC)", "State"),
            [(run.run, _data(run.runbook), _stamp(run.at), _data(run.state)) for run in draft.record.runs],
        ),
        f"Replay any of them: `pitchey-ops replay {draft.incident}`. Check them: `pitchey-ops verify`.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def issues(draft: Story) -> list[dict[str, Any]]:
    """Return one draft of a GitHub issue (``title``, ``body``, ``labels``) for each action item, in their order."""
    return [
        {
            "title": visible(f"[{draft.incident}] {item.title}", TITLE_LIMIT, lines=False).replace("@", "＠"),
            "body": _issue_body(draft, item),
            "labels": ["postmortem", KINDS[item.kind], f"severity-{draft.severity.lower()}"],
        }
        for item in draft.items
    ]


def issues_json(draft: Story) -> str:
    """Return `issues` as JSON."""
    return json.dumps(issues(draft), ensure_ascii=False, indent=1) + "\n"


def as_csv(draft: Story) -> str:
    """Return the action items as CSV (RFC 4180), every cell safe in a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for item in draft.items:
        row = (item.id, item.kind, item.title, item.why, " ".join(item.refs), draft.severity, "", "", "proposed",
               draft.incident)  # fmt: skip
        writer.writerow([csv_cell(cell) for cell in row])
    return out.getvalue()


def _issue_body(draft: Story, item: Item) -> str:
    return "\n\n".join(
        (
            f"From the postmortem of {draft.incident} ({draft.severity}), type: {KINDS[item.kind]}.",
            f"**Why:** {_claim(item.why)}",
            f"**Rests on:** {_refs(item.refs)}",
            f"> {FENCE_NOTE}",
        )
    )


def _meeting(draft: Story) -> str:
    if draft.review_by is None:
        return OPEN_FIELD
    days = "3 calendar days" if draft.severity == "P1" else "5 business days"
    return f"due by {draft.review_by:%Y-%m-%d} ({days})"


def _impact(draft: Story) -> str:
    impact = draft.impact
    unknown = f"not known; {OPEN_FIELD}"
    rows = [
        ("Time in this severity", unknown if impact.seconds is None else f"at most {span_words(impact.seconds)}"),
        ("Requests failing at worst", unknown if impact.failing_share is None else percent(impact.failing_share)),
        ("Users affected", unknown if impact.users is None else f"at least {impact.users:,}"),
        ("Routes", _names(impact.routes) or unknown),
        ("Services", _names(impact.services) or unknown),
        ("Support tickets", OPEN_FIELD),
        ("Rests on", _refs(impact.refs)),
    ]
    return _table(("Impact", ""), rows)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"{OPEN}{_data(name)}{CLOSE}" for name in names)


def _notes(draft: Story) -> str:
    if not draft.record.notes:
        return f'Nobody has written a note: `pitchey-ops note {draft.incident} "..."`.'
    return "\n\n".join(
        f"{_stamp(line.at)} UTC, {OPEN}{_data(line.who or 'unnamed')}{CLOSE} ({line.ref}):\n\n"
        f"{markdown_fenced(line.words, 20_000)}"
        for line in draft.record.notes
    )


def _event_row(event: Event) -> tuple[str, ...]:
    who = f", {OPEN}{_data(event.who)}{CLOSE}" if event.who else ""
    quoted = event.kind in ("alert", "declared", "note", "action", "other", "mitigated", "resolved", "acknowledged")
    what = f"{OPEN}{_data(event.what[:400])}{CLOSE}" if quoted and event.what else _claim(event.what)
    return (_stamp(event.at), event.kind + who, what, _refs((event.ref,)))


def _bullets(claims: Iterable[Claim], *, none: str) -> str:
    return _list([f"{_claim(one.text)}{f' ({_refs(one.refs)})' if one.refs else ''}" for one in claims]) or none


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _claim(text: str) -> str:
    """Return a claim with what it quotes inside the fence."""
    before, quoted, after = split_quoted(text)
    inside = f"{OPEN}{_data(quoted)}{CLOSE}" if quoted else ""
    return f"{_data(before)}{inside}{_data(after)}"


def _data(text: str) -> str:
    """Return *text* for a line of Markdown: nothing in it is syntax, and nobody is mentioned by it."""
    return markdown(text.replace("@", "＠"), 4_000)


def _refs(refs: Iterable[str]) -> str:
    """Return citations as code: ids of ours, and of findings."""
    return ", ".join(f"`{visible(ref, 160, lines=False).replace('`', 'ˋ').replace('|', '¦')}`" for ref in refs)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
