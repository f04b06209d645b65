"""``action plan|apply|approve|check|undo|journal|list|oncall`` and ``actor``: a person acts, and says why."""

from __future__ import annotations

import getpass
import json
import math
import re
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from .running import EnvironmentOption, Json

if TYPE_CHECKING:
    from ..actions import Facts, Plan
    from ..actions.apply import Applied, Checked, Hands

SHOWN = 16
"""Characters of a digest that a person copies."""
BODY_LINE = 1000
"""Characters of a request's body in one line; all of it is shown, for it is what a person says yes to."""
_PLAIN = re.compile(r"[\w./:@%+=, -]+", re.ASCII)
TOLD_EVERY_S = 60.0
"""How often a wait is told where nobody sees a line change."""

action = typer.Typer(
    help="Plan, carry out, watch and take back what changes something. Only a person does that.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

PlanName = Annotated[str, typer.Argument(help="The digest that `action plan` printed, its beginning, or a file.")]
Who = Annotated[str | None, typer.Option(help="Who acts; your login name by default. It stands in the record.")]
Hurry = Annotated[bool, typer.Option("--hurry", help="Sandbox only: move its clock on instead of waiting.")]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands to *app*."""
    action.command(name="list", epilog="Example: pitchey-ops action list")(list_)
    action.command(epilog="Example: pitchey-ops action plan rollback --incident INC-20261123-081500-ab2c")(plan)
    action.command(
        epilog='Example: pitchey-ops action apply 3f9a1c27 --confirm pitchey-production --why "errors of v231" --check'
    )(apply)
    action.command(epilog="Example: pitchey-ops action approve 3f9a1c27 --confirm pitchey-production --who miro")(
        approve
    )
    action.command(epilog="Example: pitchey-ops action check 3f9a1c27 --window 120")(check)
    action.command(epilog='Example: pitchey-ops action undo 3f9a1c27 --why "it was not the release"')(undo)
    action.command(epilog="Example: pitchey-ops action journal INC-20261123-081500-ab2c")(journal)
    action.command(epilog="Example: pitchey-ops action oncall")(oncall)
    app.add_typer(action, name="action")
    app.command(epilog="Example: pitchey-ops actor --environment production")(actor)


def list_(as_json: Json = False) -> int:
    """List every action: what it changes, who may, how it is verified and undone, and what it takes."""
    from ..actions import catalogue

    rows = [
        {
            "name": one.name,
            "steps": list(one.steps),
            "changes": one.changes,
            "who": one.who,
            "verified": one.verified,
            "undone": one.undone,
            "arguments": dict(one.arguments),
        }
        for one in catalogue().values()
    ]
    if as_json:
        sys.stdout.write(json.dumps(rows) + "\n")
        return 0
    for row in rows:
        _out(str(row["name"]))
        for label in ("changes", "who", "verified", "undone"):
            _out(f"  {label:9} {row[label]}")
        for name, what in one_mapping(row["arguments"]).items():
            _out(f"  {name + '=':9} {what}")
    return 0


def plan(
    name: Annotated[str, typer.Argument(help="rollback, block, slack-status, ... (`action list`)")],
    arguments: Annotated[list[str] | None, typer.Argument(help="NAME=VALUE; several values by commas.")] = None,
    incident: Annotated[str | None, typer.Option(help="The incident; the newest of the archive by default.")] = None,
    run: Annotated[str | None, typer.Option(help="The run whose findings count; the incident's newest.")] = None,
    environment: EnvironmentOption = None,
    out: Annotated[Path | None, typer.Option(help="Also write the plan to this file.")] = None,
    as_json: Json = False,
) -> int:
    """Show exactly what an action would do. It reads; nothing is sent that changes anything."""
    from ..actions import action as known
    from ..actions import plan as planned
    from ..actions.apply import hands, look

    takes = known(name).arguments
    given = _arguments(arguments or [], takes)
    with hands(environment) as all_:
        facts = facts_of(all_, incident, run)
        facts, given, unseen = look(name, facts, given, all_)
        made = planned(name, facts, **given)
        place = all_.journal.store(made)
        if out is not None:
            try:
                out.write_text(json.dumps(made.to_json(), indent=1), encoding="utf-8")
            except OSError as exc:
                raise UsageError(f"{out}: cannot be written ({exc.strerror}). Nothing was sent.") from exc
    if as_json:
        sys.stdout.write(json.dumps({**made.to_json(), "file": str(place), "unseen": unseen}) + "\n")
    else:
        show(made)
        for text in unseen:
            _out(f"not seen    {text}")
    return 0 if made.possible else 1


def apply(
    name: PlanName,
    why: Annotated[str, typer.Option(help="Why; it stands in the record.")],
    confirm: Annotated[str | None, typer.Option(help="The target's name, as the plan shows it.")] = None,
    who: Who = None,
    second: Annotated[str | None, typer.Option(help="A second person beside you who confirms.")] = None,
    check_: Annotated[bool, typer.Option("--check", help="Watch afterwards whether it worked.")] = False,
    environment: EnvironmentOption = None,
    hurry: Hurry = False,
    as_json: Json = False,
) -> int:
    """Carry a plan out, once. The world is looked at again first; what changed meanwhile is refused."""
    from ..actions.apply import apply as carried
    from ..actions.apply import check as watched
    from ..actions.apply import hands

    with hands(environment, hurry=hurry) as all_:
        made = all_.journal.find(name)
        confirm = confirm if confirm is not None else _asked(made)
        tell = _silent if as_json else _out
        done = carried(made, confirm=confirm, who=who or person(), why=why, second=second, hands=all_, progress=tell)
        seen = None
        if check_ and done.state != "not_done":
            try:
                seen = watched(done, hands=all_, progress=_silent if as_json else _waiting())
            except BaseException:  # a watch that breaks off, or is broken off, must not hide what was done
                _ended(done, None, as_json)
                raise
    _ended(done, seen, as_json)
    if done.state != "applied":
        return 1
    return 0 if seen is None or seen.result == "VERIFIED" else 3


def approve(
    name: PlanName,
    confirm: Annotated[str | None, typer.Option(help="The target's name, as the plan shows it.")] = None,
    who: Who = None,
    environment: EnvironmentOption = None,
) -> int:
    """Confirm a plan as the second person, where the settings ask for one."""
    from ..actions.apply import approve as agreed
    from ..actions.apply import hands

    with hands(environment) as all_:
        made = all_.journal.find(name)
        agreed(made, confirm=confirm if confirm is not None else _asked(made), who=who or person(), hands=all_)
    _out(f"approved    {made.action} of {made.target} ({made.environment}) by {who or person()}")
    return 0


def check(
    name: PlanName,
    window: Annotated[float | None, typer.Option(help="Seconds to watch; the plan's own by default.")] = None,
    environment: EnvironmentOption = None,
    hurry: Hurry = False,
    as_json: Json = False,
) -> int:
    """Say whether it worked: VERIFIED, FAILED or UNVERIFIED; exit 3 unless it is VERIFIED."""
    from ..actions.apply import check as watched
    from ..actions.apply import hands

    if window is not None and not 0 <= window <= 7200:
        raise UsageError("--window takes 0 to 7200 seconds. Nothing was checked.")
    with hands(environment, hurry=hurry) as all_:
        done = _carried(all_, name)
        seen = watched(done, hands=all_, window_s=window, progress=_silent if as_json else _waiting())
    _ended(None, seen, as_json)
    return 0 if seen.result == "VERIFIED" else 3


def undo(
    name: PlanName,
    why: Annotated[str, typer.Option(help="Why; it stands in the record.")],
    confirm: Annotated[str | None, typer.Option(help="The target's name; needed in production.")] = None,
    who: Who = None,
    environment: EnvironmentOption = None,
    as_json: Json = False,
) -> int:
    """Take back what a plan changed; what somebody else made or changed since is left alone."""
    from ..actions.apply import hands
    from ..actions.apply import undo as taken_back

    with hands(environment) as all_:
        done = _carried(all_, name)
        tell = _silent if as_json else _out
        back = taken_back(done, who=who or person(), why=why, confirm=confirm, hands=all_, progress=tell)
    _ended(back, None, as_json)
    return 0 if back.state == "undone" else 1


def journal(
    incident: Annotated[str | None, typer.Argument(help="The incident; all by default.")] = None,
    as_json: Json = False,
) -> int:
    """Print what was done: when, by whom, why, and what became of it."""
    from ..actions.apply.journal import Journal
    from ..evidence import ids
    from ..evidence.archive import Archive
    from ..settings import load

    kept = Journal(Archive(load().archive_root()))
    wanted = [ids.incident_id(incident)] if incident else kept.incidents()
    any_ = False
    for name in wanted:
        for at, entry in kept.lines(name):
            any_ = True
            if as_json:
                shown = {key: value for key, value in entry.items() if key != "plan"}
                sys.stdout.write(json.dumps({"at": at.isoformat(), "incident": name, **shown}) + "\n")
            else:
                _out(_line(name, at.strftime("%Y-%m-%d %H:%M:%S"), entry))
    if not any_ and not as_json:
        _out("nothing was done")
    return 0


def oncall(environment: EnvironmentOption = None, as_json: Json = False) -> int:
    """Say who is on call now, by level: level 1 is paged first."""
    from ..actions.apply import hands, who_is_on_call

    with hands(environment) as all_:
        found = who_is_on_call(all_)
    if as_json:
        sys.stdout.write(json.dumps([{"level": o.level, "name": o.name, "email": o.email} for o in found]) + "\n")
        return 0
    for one in found:
        _out(f"level {one.level}  {one.name}  {one.email}".rstrip())
    if not found:
        _out("nobody is on call, as far as PagerDuty says")
    return 0


def actor(
    environment: EnvironmentOption = None,
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
) -> int:
    """Carry out the ends that people set: what is over is taken back, also after a restart."""
    from ..actions.apply import Actor, hands

    stopped = threading.Event()
    with hands(environment) as all_:
        one = Actor(all_, _out)
        if once:
            one.once()
            return 1 if one.failed else 0
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        _out(f"actor: {all_.settings.environment}, archive {all_.archive.root}")
        one.run(stopped.is_set)
    _out("actor: stopped")
    return 0


def person() -> str:
    """Return the login name of who types."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def facts_of(hands: Hands, incident: str | None, run: str | None) -> Facts:
    """
    Return the facts of an incident's archived run: the named one, or the newest that found an incident, or the newest.

    An incident without a run has few facts, and plans say what is missing.

    Raises
    ------
    UsageError
        There is no such incident or run.
    """
    from ..actions import Facts, facts_from_report
    from ..evidence import ids

    root = hands.archive.root
    now = hands.clock.now()
    if run is not None:
        folder = hands.archive.find(ids.run_id(run))
        if folder is None:
            raise UsageError(f"{run}: not in the archive {root}. Nothing was planned.")
        _of_this_world(folder, hands)
        return facts_from_report(_report(folder), hands.settings, now)
    if incident is None:
        known = sorted(p.name for p in root.iterdir() if ids.is_incident_id(p.name)) if root.is_dir() else []
        if not known:
            raise UsageError("the archive holds no incident: name one with --incident. Nothing was planned.")
        incident = known[-1]
    folder = root / ids.incident_id(incident)
    runs = sorted(p for p in folder.iterdir() if ids.is_run_id(p.name)) if folder.is_dir() else []
    reports = [(path, report) for path in runs if (report := _report(path))]
    found = [row for row in reports if one_mapping(row[1].get("verdict")).get("state") == "incident"] or reports
    if found:
        _of_this_world(found[-1][0], hands)
        return facts_from_report(found[-1][1], hands.settings, now)
    severity = "P3"
    for line in _lines(folder / "timeline.jsonl"):
        severity = str(one_mapping(line.get("entry")).get("severity") or severity)
    return Facts(
        environment=hands.settings.environment,
        settings=hands.settings,
        now=now,
        incident=incident,
        severity=severity if severity in ("P1", "P2", "P3", "P4") else "P3",
    )


def _of_this_world(run: Path, hands: Hands) -> None:
    """Refuse to plan on what was seen in another environment, or read from a recorded incident."""
    from ..errors import RecordError
    from ..evidence.har import read_events

    own = hands.settings.environment
    seen = one_mapping(one_mapping(_report(run).get("run")).get("parameters")).get("environment") or own
    if seen != own:
        raise UsageError(
            f"{run.name} looked at {str(seen)[:40]}, and this would act on {own}: its findings are not about {own}. "
            f"Say --environment {str(seen)[:40]}, or run a runbook there first. Nothing was planned."
        )
    try:
        events = read_events((run / "evidence.har.gz").read_bytes())
    except (OSError, RecordError):
        return
    if any(event.get("record") == "run" and event.get("case") for event in events):
        raise UsageError(
            f"{run.name} was read from a recorded incident, not from {own}: there is nothing to act on. "
            "Nothing was planned."
        )


def show(made: Plan) -> None:
    """Print a plan as a person reads it before they say yes."""
    environment = made.environment.upper() if made.environment == "production" else made.environment
    _out(f"{made.title}")
    _out(f"environment {environment}")
    _out(f"target      {made.target}")
    if made.incident:
        _out(f"incident    {made.incident}")
    if not made.possible:
        _out(f"NOT POSSIBLE: {made.why_not}")
    for label, text in (("when", made.when), ("why", made.why), ("risk", made.risk)):
        if text:
            _out(f"{label:11} {text}")
    for number, change in enumerate(made.changes):
        _out(f"{'would send' if number == 0 else '':11} {change.words}")
        if number < 5:
            _out(f"{'':11}   {change.request.words()}")
            if change.request.body is not None:
                body = json.dumps(change.request.body, ensure_ascii=False)
                for start in range(0, len(body), BODY_LINE):
                    _out(f"{'':11}   {body[start : start + BODY_LINE]}")
    if len(made.changes) > 5:
        _out(f"{'':11} the requests of 5 of {len(made.changes)} are shown; `--json` has all of them")
    if made.mitigates and made.possible:
        _out(f"{'':11} then a change event to PagerDuty, where a routing key is set")
    for number, one in enumerate(made.blast):
        _out(f"{'reaches' if number == 0 else '':11} {one.text()}")
    for number, assumption in enumerate(made.assumptions[:10]):
        _out(f"{'assumes' if number == 0 else '':11} {assumption.words}")
    for number, text in enumerate(made.warnings):
        _out(f"{'beware' if number == 0 else '':11} {text}")
    _out(f"undo        {made.undo_words}")
    verification = made.verification
    watched = f"; watched for {verification.window_s / 60:g} min" if verification.window_s else ""
    _out(f"verified    {verification.words}{watched}")
    _out(f"may do it   {made.who}")
    _out(f"expires     {made.expires_at:%H:%M:%S} UTC, 15 minutes after it was planned")
    _out(f"digest      {made.digest}")
    if made.possible:
        _out("Nothing was sent. To carry it out:")
        typed = _typed(made.confirmation)
        _out(f'  pitchey-ops action apply {made.digest[:SHOWN]} --confirm {typed} --why "..." --check')


def one_mapping(value: Any) -> Mapping[str, Any]:
    """Return *value* where it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def _arguments(items: list[str], takes: Mapping[str, str]) -> dict[str, Any]:
    from ..actions.catalogue import fitted

    given: dict[str, Any] = {}
    for item in items:
        name, equals, text = item.partition("=")
        if not equals or name not in takes:
            known = ", ".join(takes) or "no arguments"
            raise UsageError(f"{item[:60]!r}: expected NAME=VALUE with one of {known}. Nothing was planned.")
        given[name] = fitted(name, text)
    return given


def _typed(text: str) -> str:
    """Return *text* as a shell takes it for one word: names of strangers stand in commands that people copy."""
    return f'"{text}"' if _PLAIN.fullmatch(text) else shlex.quote(text)


def _asked(made: Plan) -> str:
    """Show the plan and let the person type the target's name; without a terminal there is nobody to ask."""
    from ..panels.safe import terminal

    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(
            f"--confirm is missing, and nobody can be asked here: type --confirm {_typed(made.confirmation)}. "
            "Nothing was sent."
        )
    show(made)
    sys.stdout.write(terminal(f"Type {made.confirmation} to confirm ({made.environment}):", 4000) + " ")
    sys.stdout.flush()
    return sys.stdin.readline().strip()


def _carried(hands: Hands, name: str) -> Applied:
    from ..actions.apply import again

    made = hands.journal.find(name)
    record = hands.journal.of(made.digest, made.incident)
    if record.begun is None:
        raise UsageError("this plan was never carried out. Nothing was done.")
    return again(record, hands)


def _report(folder: Path) -> dict[str, Any]:
    try:
        value = json.loads((folder / "report.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _lines(path: Path) -> list[Mapping[str, Any]]:
    try:
        pieces = path.read_bytes().split(b"\n")
    except OSError:
        return []
    found = []
    for piece in pieces:
        try:
            found.append(one_mapping(json.loads(piece)))
        except ValueError:
            continue
    return found


def _line(incident: str, at: str, entry: Mapping[str, Any]) -> str:
    event = str(entry.get("result") or entry.get("event") or "")
    undoing = "undo " if entry.get("undo") is True else ""
    parts = [f"{at} UTC  {incident}  {undoing}{event:12} {entry.get('action')} of {entry.get('target')}"]
    if entry.get("change"):
        parts.append(f"{entry['change']} {entry.get('state') or ''}".strip())
    if entry.get("by"):
        parts.append(f"by {entry['by']}")
    for name in ("why", "detail"):
        if entry.get(name) and entry.get("event") != "change":
            parts.append(f"{name}: {entry[name]}")
    if entry.get("event") == "change" and entry.get("detail"):
        parts.append(str(entry["detail"]))
    return "  ".join(parts)


def _ended(done: Applied | None, seen: Checked | None, as_json: bool) -> None:
    if as_json:
        out: dict[str, Any] = {}
        if done is not None:
            out.update(
                digest=done.digest,
                state=done.state,
                repeated=done.repeated,
                who=done.who,
                why=done.why,
                at=done.at.isoformat(),
                outcomes=[{"id": o.id, "state": o.state, "detail": o.detail} for o in done.outcomes],
                notes=list(done.notes),
            )
        if seen is not None:
            out["check"] = {
                "result": seen.result,
                "because": seen.because,
                "figures": dict(seen.figures),
                "delays_s": list(seen.delays_s),
                "undo": seen.undo,
            }
        sys.stdout.write(json.dumps(out) + "\n")
        return
    if done is not None:
        _out(f"{done.state.replace('_', ' ').upper():11} {done.words()}")
        for note in done.notes:
            _out(f"            {note}")
    if seen is not None:
        _out(f"{seen.result:11} {seen.because}")
        if seen.undo:
            _out("            it can be taken back: pitchey-ops action undo …")


def _waiting() -> Callable[[str], None]:
    """Return what tells that one waits: in place in a terminal, a line a minute where the output is kept."""
    if sys.stdout.isatty():

        def in_place(text: str) -> None:
            sys.stdout.write(f"\r  {text:60}" + ("\n" if text.endswith(" 0 s left") else ""))
            sys.stdout.flush()

        return in_place
    last_s = -math.inf

    def in_lines(text: str) -> None:
        nonlocal last_s
        if time.monotonic() - last_s >= TOLD_EVERY_S:
            last_s = time.monotonic()
            _out(f"  {text}")

    return in_lines


def _silent(_: str) -> None:
    """Say nothing."""


def _out(text: str) -> None:
    from ..panels.safe import terminal

    sys.stdout.write(terminal(text, 4000) + "\n")
    sys.stdout.flush()
