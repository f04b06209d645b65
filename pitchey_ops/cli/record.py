"""The record: whether it is as it was, finding incidents again, notes, labels, exports, postmortems."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from .running import Json

if TYPE_CHECKING:
    from ..evidence.archive import Archive
    from ..evidence.index import Row, Similar
    from ..settings import Settings

NOTE_LIMIT = 20_000
"""Characters of one note."""


def add_to(app: typer.Typer) -> None:
    """Add this module's commands to *app*."""
    app.command(epilog="Example: pitchey-ops verify --all --anchor 12:9f3c...")(verify)
    app.command(epilog='Example: pitchey-ops incidents --search "genres.map" --cause bad_deployment')(incidents)
    app.command(epilog='Example: pitchey-ops note INC-20261123-081500-ab2c "Rolled back at 08:21"')(note)
    app.command(
        epilog="Example: pitchey-ops label RUN-20261123-081500-ab2c --cause bad_deployment --onset 2026-11-23T08:12Z"
    )(label)
    app.command(epilog="Example: pitchey-ops export INC-20261123-081500-ab2c --to incident.zip")(export)
    app.command(epilog="Example: pitchey-ops postmortem INC-20261123-081500-ab2c --out review")(postmortem)


def verify(
    run: Annotated[str | None, typer.Argument(help="Id of one archived run.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Check the whole archive (the default without a run).")] = False,
    anchor: Annotated[str | None, typer.Option(help="A head printed earlier: shows a cut-off tail.")] = None,
    archive: Annotated[Path | None, typer.Option(help="Another archive than the configured one.")] = None,
    head: Annotated[bool, typer.Option("--head", help="Print the ledger's head only, to be kept elsewhere.")] = False,
    as_json: Json = False,
) -> int:
    """Check that nothing archived was edited, dropped, inserted or reordered; exit 3 when something was."""
    from ..evidence.ledger import FileLedger
    from ..evidence.verify import verify as check
    from ..settings import load

    if run is not None and all_:
        raise UsageError("name one run or --all, not both. Nothing was checked.")
    root = archive if archive is not None else load().archive_root()
    if head:
        sys.stdout.write(f"{FileLedger(root).head()}\n")
        return 0
    found = check(root, run=run, anchor=anchor, accept_export=archive is not None)
    if as_json:
        out = {
            "good": not found.problems,
            "runs": found.runs,
            "bytes": found.bytes,
            "head": str(found.head),
            "problems": [{"where": p.where, "kind": p.kind, "what": p.what} for p in found.problems],
            "not_proven": list(found.not_proven),
            "pruned": list(found.pruned),
        }
        sys.stdout.write(json.dumps(out) + "\n")
    else:
        from ..panels.safe import terminal

        lines = [f"{p.kind.upper()}  {p.where}: {p.what}" for p in found.problems]
        lines.append(f"{found.runs} runs, {found.bytes / 2**20:.1f} MB, {len(found.problems)} problems")
        lines.append(f"head        {found.head}")
        if found.pruned:
            lines.append(f"pruned      {len(found.pruned)} runs, as the ledger says; the last: {found.pruned[-1]}")
        lines += [f"not proven  {text}" for text in found.not_proven]
        sys.stdout.write("\n".join(terminal(line) for line in lines) + "\n")
    return 3 if found.problems else 0


def incidents(
    search: Annotated[str | None, typer.Option(help="Words that a run or a note holds, each from its start.")] = None,
    similar: Annotated[str | None, typer.Option(help="Only incidents like this one, most similar first.")] = None,
    cause: Annotated[str | None, typer.Option(help="Cause that a run named.")] = None,
    service: Annotated[str | None, typer.Option(help="Service that was hurt, suspect or in error.")] = None,
    since: Annotated[str | None, typer.Option(help="Opened at this time or later (ISO 8601, UTC).")] = None,
    until: Annotated[str | None, typer.Option(help="Opened at this time or earlier (ISO 8601, UTC).")] = None,
    limit: Annotated[int, typer.Option(help="Incidents that are listed at most.")] = 1000,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build the index anew from the archive first.")] = False,
    as_json: Json = False,
) -> int:
    """List, search and compare the archived incidents, newest first."""
    from ..evidence import ids
    from ..evidence.index import Index, Query
    from ..settings import load

    if similar is not None and (search or cause or service or since or until):
        raise UsageError("--similar stands alone: it asks for likeness, not for words. Nothing was searched.")
    if not 1 <= limit <= 100_000:
        raise UsageError("--limit takes 1 to 100000. Nothing was searched.")
    query = Query(
        text=search or "",
        cause=cause,
        service=service,
        since=_moment("--since", since),
        until=_moment("--until", until),
    )
    root = load().archive_root()
    if not root.is_dir():
        _told([], ["no incident is archived"], as_json)
        return 0
    with Index(root) as index:
        index.rebuild() if rebuild else index.update()
        if similar is not None:
            rows = index.like_incident(ids.incident_id(similar), limit=min(limit, 50))
            _told([one.to_json() for one in rows], _like_lines(similar, rows), as_json)
            return 0
        found = index.find(query, limit=limit + 1)
    shown = found[:limit]
    lines = [_line(row) for row in shown]
    lines += [f"and more: --limit {limit} was reached"] if len(found) > limit else []
    _told([row.to_json() for row in shown], lines or [_none_of(query, root)], as_json)
    return 0


def _line(row: Row) -> str:
    state = row.state or ("unreadable" if row.unreadable else "no run")
    return f"{row.incident}  {row.runs} run(s)  {row.severity or '?'}  {state:12}  {row.summary}"


def _like_lines(incident: str, rows: Iterable[Similar]) -> list[str]:
    lines = []
    for one in rows:
        lines.append(f"{one.incident}  {one.score:.2f}  {one.why}")
        lines += [f"    what ended it: {words}" for words in one.resolved_by]
    return lines or [f"no archived incident shares enough with {incident} to be called similar"]


def _none_of(query: object, root: Path) -> str:
    from ..evidence.index import Query

    return "no incident is archived" if query == Query() else f"no archived incident fits (in {root})"


def note(
    incident: Annotated[str, typer.Argument(help="Id of the incident.")],
    text: Annotated[str | None, typer.Argument(help="What you saw, thought or did.")] = None,
    file: Annotated[Path | None, typer.Option(help="A plain text file instead: each paragraph is a note.")] = None,
    slack: Annotated[bool, typer.Option("--slack", help="Take up what people wrote in its Slack thread.")] = False,
    by: Annotated[str | None, typer.Option(help="Whose words; the logged-in user by default.")] = None,
    as_json: Json = False,
) -> int:
    """Write a person's words into an incident's record; secrets are taken out of them first."""
    from ..runbooks.lifecycle import archive_of
    from ..runbooks.redacting import redactor_for
    from ..settings import load

    if (text is not None) + (file is not None) + slack != 1:
        raise UsageError("give the text, --file or --slack, one of them. Nothing was written.")
    settings = load()
    archive = archive_of(settings)
    _known(archive.root, incident)
    if slack:
        return _from_slack(settings, archive, incident, as_json)
    redactor = redactor_for(settings)
    # before it is taken apart: a key may hold an empty line
    parts = [redactor.text(text or "")] if file is None else redactor.text(_text_of(file)).split("\n\n")
    parts = [part.strip() for part in parts if part.strip()]
    if not parts or any(len(part) > NOTE_LIMIT for part in parts):
        raise UsageError(f"a note has 1 to {NOTE_LIMIT:,} characters. Nothing was written.")
    at = datetime.now(UTC)
    for part in parts:
        entry = {"event": "note", "text": part, "by": (by or _user())[:100]}
        head = archive.append(incident, "notes", entry, at)
    row = {"incident": incident, "notes": len(parts), "line": head.position}
    _told(row, [f"{len(parts)} note(s) written to {incident}"], as_json)
    return 0


def _from_slack(settings: Settings, archive: Archive, incident: str, as_json: bool) -> int:
    from ..service.slack_notes import take_up_if_any

    done = take_up_if_any(settings, archive, incident)
    words = f"{done.notes} new note(s) from Slack written to {incident}"
    if done.status != "taken":
        words = f"nothing was taken from Slack ({done.status.replace('_', ' ')}): {done.detail}"
    row = {"incident": incident, "notes": done.notes, "status": done.status, "detail": done.detail}
    _told(row, [words], as_json)
    return 1 if done.status == "unavailable" else 0


def label(
    run: Annotated[str, typer.Argument(help="Id of an archived run.")],
    cause: Annotated[str, typer.Option(help="What it was: a hypothesis id, none where nothing was wrong.")],
    onset: Annotated[str | None, typer.Option(help="When it began (ISO 8601, UTC).")] = None,
    service: Annotated[list[str] | None, typer.Option(help="Where the fault lay; can be given more than once.")] = None,
    by: Annotated[str | None, typer.Option(help="Who says so; the logged-in user by default.")] = None,
    as_json: Json = False,
) -> int:
    """Write down what a run was really about, which makes it a case of `drill archive`."""
    from ..runbooks.labels import label as write
    from ..runbooks.lifecycle import archive_of
    from ..settings import load

    made = write(
        archive_of(load()),
        run,
        cause=cause,
        onset=_moment("--onset", onset),
        services=tuple(service or ()),
        by=by or _user(),
        at=datetime.now(UTC),
    )
    onset_text = None if made.onset is None else made.onset.isoformat()
    row = {"run": made.run, "cause": made.cause, "onset": onset_text, "services": list(made.services)}
    _told(row, [f"{made.run}: {made.cause}, onset {onset_text or 'not settled'}"], as_json)
    return 0


def export(
    incident: Annotated[str, typer.Argument(help="Id of the incident.")],
    to: Annotated[Path, typer.Option(help="The zip to be written; it must not exist yet.")],
    as_json: Json = False,
) -> int:
    """
    Write one incident as a zip that a stranger can verify and open with a browser.

    Exits with 3 when the archive is not as it was: the zip is written all the same, and says so when verified.
    """
    from ..evidence.export import export as write
    from ..evidence.verify import verify as check
    from ..reports.contents import contents_page
    from ..settings import load

    root = load().archive_root()
    made = write(root, incident, to, page=contents_page)
    problems = [one for one in check(root).problems if one.where.startswith((incident, "ledger", "keys"))]
    row = {"zip": str(made.path), "runs": made.runs, "files": made.files, "bytes": made.bytes}
    lines = [
        f"{made.path}: {made.runs} runs, {made.files} files, {made.bytes / 2**20:.1f} MB",
        f"sha256      {made.sha256}",
        f"head        {made.head}",
        "to check    unzip it, and there: python -m pitchey_ops verify --archive .",
        *(f"NOT AS IT WAS  {one}" for one in problems),
    ]
    _told({**row, "sha256": made.sha256, "head": str(made.head), "problems": len(problems)}, lines, as_json)
    return 3 if problems else 0


def postmortem(
    incident: Annotated[str, typer.Argument(help="Id of the incident.")],
    out: Annotated[Path, typer.Option(help="Folder for the draft and the tickets.")],
    as_json: Json = False,
) -> int:
    """Draft the postmortem of an incident from its record: Markdown, GitHub issues as JSON, action items as CSV."""
    from ..panels.safe import terminal
    from ..reports.postmortem import write
    from ..runbooks.gathering import story_of
    from ..runbooks.lifecycle import archive_of
    from ..service.slack_notes import take_up_if_any
    from ..settings import load

    settings = load()
    archive = archive_of(settings)
    _known(archive.root, incident)
    taken = take_up_if_any(settings, archive, incident)
    if taken.status == "unavailable":
        sys.stderr.write(f"pitchey-ops: the Slack thread is not part of it: {terminal(taken.detail)}\n")
    paths = write(story_of(archive.root, incident, settings), out)
    _told({"files": [str(path) for path in paths]}, [str(path) for path in paths], as_json)
    return 0


def _known(root: Path, incident: str) -> None:
    from ..evidence import ids

    if not (root / ids.incident_id(incident)).is_dir():
        raise UsageError(f"{incident}: not in the archive {root}. Nothing was written.")


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig").replace("\r\n", "\n")
    except (OSError, ValueError) as exc:
        raise UsageError(f"{str(file)[:200]}: cannot be read as UTF-8 text ({exc}). Nothing was written.") from exc


def _moment(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option} {text[:40]!r} is no ISO 8601 time such as 2026-11-23T08:00Z. Nothing was done."
        ) from None


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def _told(value: object, lines: Iterable[str], as_json: bool) -> None:
    """Print *value* for a program, or *lines* for a person."""
    from ..panels.safe import terminal

    sys.stdout.write((json.dumps(value) if as_json else "\n".join(map(terminal, lines))) + "\n")
