"""
Whether an archive is what it was: every edit, deletion, insertion, reordering and (with an anchor) cut-off tail.

The chain of the ledger ties everything together: run manifests by digest, through them every file of a run, and every
line of an incident's journal, notes and timeline. Signatures say who made a manifest. An anchor, a head of the ledger
that was printed outside (in Slack, PagerDuty), ties the ledger to a moment.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ..errors import RecordError
from . import ids, manifest
from .archive import LINE_FILES, STAGING
from .canonical import canonical, digest, read
from .exported import NOTE, Export, faults, read_export
from .ledger import NAME as LEDGER
from .ledger import START, Head
from .pruning import KIND as PRUNED
from .pruning import runs_of
from .signing import opened, read_keys

ProblemKind = Literal["edited", "deleted", "inserted", "reordered", "cut", "unfinished", "signature"]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something that is not as it was: where (a path in the archive), what kind, and what exactly."""

    where: str
    kind: ProblemKind
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.kind}: {self.what}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked, what is wrong, what this does not prove, and what the ledger says was let go (``pruned``)."""

    problems: tuple[Problem, ...]
    runs: int
    bytes: int
    head: Head
    not_proven: tuple[str, ...] = field(default=())
    pruned: tuple[str, ...] = field(default=())

    @property
    def holds(self) -> bool:
        """Whether nothing was found; read ``not_proven`` with it."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class _Line:
    place: int  # counted from 1, as an editor shows it
    entry: Mapping[str, Any]
    sound: bool


def verify(
    root: Path,
    *,
    run: str | None = None,
    anchor: str | Head | None = None,
    trusted: Collection[str] = (),
    accept_export: bool = False,
) -> Verification:
    """
    Check the archive under *root*, or one *run* of it with the ledger.

    Parameters
    ----------
    anchor
        A head of the ledger printed earlier: shows whether lines were cut off the end since, or all were written anew.
    trusted
        Key ids known from outside the archive; others then count as problems.
    accept_export
        Take what ``export.json`` says was left out for left out, not for deleted. Only where somebody named the
        folder: in an archive in use such a file would hide deletions, and is itself a problem.

    Raises
    ------
    RecordError
        When there is no archive, or no such run in it or its ledger.
    UsageError
        When *run* is no run id or *anchor* no head.
    """
    if not root.is_dir():
        raise RecordError(f"{root}: there is no archive")
    wanted = Head.parse(anchor) if isinstance(anchor, str) else anchor
    lines, problems = _chain(root / LEDGER, LEDGER)
    if (root / LEDGER).is_symlink():
        problems.append(Problem(LEDGER, "edited", "a link stands where the file was"))
    head = _head(lines)
    if wanted is not None:
        problems += _anchored(lines, wanted)
    keys, key_faults = read_keys(root)
    problems += [Problem(fault.partition(":")[0], "edited", fault.partition(": ")[2]) for fault in key_faults]
    export, found = _export(root, head, accept=accept_export)
    problems += found
    entered, doubled = _entered(lines)
    problems += doubled
    left_out = sorted(name for name in entered if export is not None and not export.covers(name))
    entered = {name: entry for name, entry in entered.items() if export is None or export.covers(name)}
    present = {f"{p.parent.name}/{p.name}": p for p in _run_folders(root)}
    gone, found = _pruned(lines, entered, present)
    problems += found
    entered = {name: entry for name, entry in entered.items() if name not in gone or name in present}
    if run is not None:
        name = ids.run_id(run)
        entered = {k: v for k, v in entered.items() if k.endswith(f"/{name}")}
        present = {k: v for k, v in present.items() if k.endswith(f"/{name}")}
        if any(one.endswith(f"/{name}") for one in gone) and not present:
            raise RecordError(
                f"{run} was pruned, as the ledger says: {gone[next(o for o in gone if o.endswith(name))]}"
            )
        if not entered and not present:
            raise RecordError(f"{run} stands neither in {root} nor in its ledger")
    signers: set[str | None] = set()
    size = 0
    with ThreadPoolExecutor(max_workers=4) as pool:
        names = sorted(entered.keys() & present.keys())
        for found, signer, count in pool.map(lambda n: _run(root, present[n], n, entered[n], keys), names):
            problems += found
            size += count
            signers.add(signer)
    problems += _missing(root, entered, present)
    problems += [
        Problem(name, "inserted", "the run stands in the archive but not in the ledger")
        for name in sorted(present.keys() - entered.keys())
    ]
    if run is None:
        problems += _incident_files(root, lines, export)
    for signer in sorted(s for s in signers if s is not None):
        if trusted and signer not in trusted:
            problems.append(Problem(f"keys/{signer}.pem", "signature", "signed by a key that is not among the trusted"))
    unproven = _not_proven(wanted, trusted, signers, run)
    if gone:
        unproven = ("what was in the pruned runs, and that they were let go by right: the ledger says who and when",
                    *unproven)  # fmt: skip
    if export is not None:
        unproven = (*_of_export(export, left_out), *unproven)
    away = tuple(sorted(f"{name}: {words}" for name, words in gone.items()))
    return Verification(tuple(sorted(set(problems))), len(present), size, head, unproven, away)


# ── chains ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _chain(path: Path, where: str) -> tuple[list[_Line], list[Problem]]:
    """Return the lines of a chained file and where the chain breaks."""
    problems: list[Problem] = []
    lines: list[_Line] = []
    raw = path.read_bytes() if path.is_file() else b""
    pieces = raw.split(b"\n")
    if pieces[-1]:
        problems.append(Problem(where, "cut", f"the last line ({len(pieces)}) has no end"))
    for place, piece in enumerate(pieces[:-1], start=1):
        entry = _entry(piece)
        if entry is None:
            problems.append(Problem(where, "edited", f"line {place} is not what was written: no line of ours"))
            continue
        try:
            own = digest(canonical({k: v for k, v in entry.items() if k != "hash"}))
            sound = own == entry["hash"] and canonical(entry) == piece
        except (TypeError, ValueError, RecursionError):
            sound = False
        if not sound:
            problems.append(Problem(where, "edited", f"line {place} (number {entry['n']}) is not what was written"))
        lines.append(_Line(place, entry, sound))
    problems += _sequence(lines, where)
    return lines, problems


def _entry(piece: bytes) -> dict[str, Any] | None:
    try:
        entry = read(piece)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or type(entry.get("n")) is not int:
        return None
    return entry if isinstance(entry.get("hash"), str) and isinstance(entry.get("prev"), str) else None


def _sequence(lines: list[_Line], where: str) -> list[Problem]:
    problems: list[Problem] = []
    numbers = [line.entry["n"] for line in lines]
    seen: set[int] = set()
    for line in lines:
        if line.entry["n"] in seen:
            problems.append(Problem(where, "inserted", f"line {line.place}: number {line.entry['n']} is there twice"))
        seen.add(line.entry["n"])
    top = max(numbers, default=0)
    gaps = sorted(set(range(1, min(top, len(numbers) + 100_000) + 1)) - seen)
    if gaps:
        which = ", ".join(map(str, gaps[:20])) + (" …" if len(gaps) > 20 else "")
        problems.append(Problem(where, "deleted", f"{len(gaps)} line(s) are gone: number {which}"))
    for before, after in pairwise(lines):
        if after.entry["n"] < before.entry["n"]:
            problems.append(
                Problem(
                    where,
                    "reordered",
                    f"line {after.place} (number {after.entry['n']}) stands after number {before.entry['n']}",
                )
            )
    by_number = {line.entry["n"]: line for line in lines}
    for line in lines:
        earlier = by_number.get(line.entry["n"] - 1)
        expected = START if line.entry["n"] == 1 else earlier.entry["hash"] if earlier else None
        if expected is not None and line.entry["prev"] != expected and line.sound:
            what = (
                f"line {line.place} (number {line.entry['n']}) does not follow the line before it: one of them is new"
            )
            problems.append(Problem(where, "edited", what))
    return problems


def _head(lines: list[_Line]) -> Head:
    last = lines[-1].entry if lines else None
    return Head(last["n"], last["hash"]) if last else Head(0, START)


def _anchored(lines: list[_Line], anchor: Head) -> list[Problem]:
    if anchor.position == 0:
        return []
    at = [line for line in lines if line.entry["n"] == anchor.position]
    top = max((line.entry["n"] for line in lines), default=0)
    if top < anchor.position:
        what = f"it ends at number {top}, but the anchor says that there were {anchor.position}: the tail is gone"
        return [Problem(LEDGER, "cut", what)]
    if not any(line.entry["hash"] == anchor.hash for line in at):
        what = (
            f"number {anchor.position} is not the line that the anchor names: it or lines before it were written anew"
        )
        return [Problem(LEDGER, "edited", what)]
    return []


# ── runs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _run_folders(root: Path) -> Iterator[Path]:
    for incident in sorted(p for p in root.iterdir() if p.name.startswith("INC-") and p.is_dir()):
        yield from sorted(p for p in incident.iterdir() if p.name.startswith("RUN-") and not p.is_file())


def _entered(lines: list[_Line]) -> tuple[dict[str, Mapping[str, Any]], list[Problem]]:
    entered: dict[str, Mapping[str, Any]] = {}
    problems = []
    runs: set[str] = set()
    for line in lines:
        if line.entry.get("kind") != "run":
            continue
        run = str(line.entry.get("run"))
        if run in runs:
            problems.append(Problem(LEDGER, "inserted", f"line {line.place}: {run[:40]} was archived before"))
            continue
        runs.add(run)
        entered[f"{line.entry.get('incident')}/{run}"] = line.entry
    return entered, problems


def _pruned(
    lines: list[_Line], entered: Mapping[str, Mapping[str, Any]], present: Collection[str]
) -> tuple[dict[str, str], list[Problem]]:
    """Return the runs that a later line of the ledger lets go, with what it says, and what is wrong with that."""
    gone: dict[str, str] = {}
    problems = []
    for line in lines:
        if line.entry.get("kind") != PRUNED or not line.sound:
            continue
        words = f"{line.entry.get('rule')}, by {line.entry.get('by')}, at {line.entry.get('at')}"
        for run in sorted(runs_of(line.entry)):
            name = f"{line.entry.get('incident')}/{run}"
            if name not in entered or entered[name]["n"] > line.entry["n"]:
                problems.append(Problem(LEDGER, "edited", f"line {line.place}: prunes {name}, which it never took in"))
            elif name in present:
                problems.append(Problem(name, "unfinished", "the ledger says that it was pruned: prune again"))
            else:
                gone[name] = words[:300]
    return gone, problems


def _run(
    root: Path, folder: Path, where: str, entry: Mapping[str, Any], keys: Mapping[str, Ed25519PublicKey]
) -> tuple[list[Problem], str | None, int]:
    """Return what is wrong with one run, who signed it, and how many bytes were read."""
    path = folder / manifest.NAME
    if folder.is_symlink() or path.is_symlink():
        return [Problem(where, "edited", "a link stands where the run's folder was")], None, 0
    if not path.is_file():
        return [Problem(f"{where}/{manifest.NAME}", "deleted", "the manifest is gone")], None, 0
    data = path.read_bytes()
    problems: list[Problem] = []
    if digest(data) != entry.get("manifest"):
        problems.append(Problem(f"{where}/{manifest.NAME}", "edited", "it is not the one that the ledger names"))
    try:
        body = read(data)
        files = {str(name): (str(f["sha256"]), int(f["size"])) for name, f in body["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return [*problems, Problem(f"{where}/{manifest.NAME}", "edited", "it cannot be read")], None, len(data)
    if f"{body.get('incident_id')}/{body.get('run_id')}" != where:
        problems.append(Problem(f"{where}/{manifest.NAME}", "edited", "it belongs to another run"))
    size = len(data)
    there: set[str] = set()
    for found in sorted(folder.rglob("*")):
        name = found.relative_to(folder).as_posix()
        if found.is_dir() and not found.is_symlink():
            continue
        if name == manifest.NAME:
            continue
        there.add(name)
        if name not in files:
            problems.append(Problem(f"{where}/{name}", "inserted", "the manifest does not know it"))
        elif found.is_symlink() or not found.is_file():
            problems.append(Problem(f"{where}/{name}", "edited", "it is no file any more"))
        else:
            try:
                actual = manifest.file_digest(found)
            except OSError as exc:
                problems.append(Problem(f"{where}/{name}", "edited", f"it cannot be read: {exc.strerror}"))
                continue
            size += actual[1]
            if actual != files[name]:
                what = "its content is not what was archived" + (
                    f" ({files[name][1]} bytes then, {actual[1]} now)" if actual[1] != files[name][1] else ""
                )
                problems.append(Problem(f"{where}/{name}", "edited", what))
    problems += [Problem(f"{where}/{n}", "deleted", "the file is gone") for n in sorted(files.keys() - there)]
    signer, fault = _signed(body, entry, keys)
    if fault:
        problems.append(Problem(f"{where}/{manifest.NAME}", "signature", fault))
    return problems, signer, size


def _signed(
    body: Mapping[str, Any], entry: Mapping[str, Any], keys: Mapping[str, Ed25519PublicKey]
) -> tuple[str | None, str]:
    envelope = body.get("signature")
    if envelope is None:
        return None, "it was signed, and is not any more" if entry.get("keyid") else ""
    try:
        payload, keyid = opened(envelope, keys)
    except RecordError as exc:
        return None, str(exc)
    if payload != manifest.statement(manifest.unsigned_part(body)):
        return keyid, "what was signed is not what the manifest says"
    return keyid, ""


def _missing(root: Path, entered: Mapping[str, Mapping[str, Any]], present: Mapping[str, Path]) -> Iterator[Problem]:
    elsewhere = {path.name: name for name, path in present.items()}
    for name in sorted(entered.keys() - present.keys()):
        run = name.rpartition("/")[2]
        staged = root / STAGING / run / manifest.NAME if ids.is_run_id(run) else None
        if run in elsewhere:
            yield Problem(name, "deleted", f"the run's folder was moved to {elsewhere[run]}")
        elif staged and staged.is_file() and digest(staged.read_bytes()) == entered[name].get("manifest"):
            yield Problem(name, "unfinished", f"entered in the ledger, still in {STAGING}: commit it again")
        else:
            yield Problem(name, "deleted", "the ledger names the run, its folder is gone")


# ── an incident's own files ──────────────────────────────────────────────────────────────────────────────────────


def _incident_files(root: Path, lines: list[_Line], export: Export | None) -> list[Problem]:
    entered: dict[str, dict[int, str]] = {}
    problems: list[Problem] = []
    for line in lines:
        if line.entry.get("kind") == PRUNED and line.sound and isinstance(line.entry.get("files"), list):
            incident = str(line.entry.get("incident"))
            if not any((root / incident / run).exists() for run in runs_of(line.entry)):  # else it is unfinished
                for file in line.entry["files"]:
                    entered.pop(f"{incident}/{file}", None)
        if line.entry.get("kind") == "line":
            name = f"{line.entry.get('incident')}/{line.entry.get('file')}"
            if export is not None and not export.covers(name):
                continue
            number = line.entry.get("line")
            if type(number) is int:
                entered.setdefault(name, {})[number] = str(line.entry.get("line_hash"))
            elif line.sound:  # one that is not sound is named already
                problems.append(Problem(LEDGER, "inserted", f"line {line.place}: names no line of {name[:80]}"))
    known = {f"{name}.jsonl" for name in LINE_FILES}
    present: set[str] = set()
    for place in sorted(p for p in root.iterdir() if p.name.startswith("INC-")):
        if place.is_symlink():
            problems.append(Problem(place.name, "edited", "a link stands where the incident's folder was"))
        elif not (place.is_dir() and ids.is_incident_id(place.name)):
            problems.append(Problem(place.name, "inserted", "nothing of ours has this name"))
        for path in sorted(place.iterdir()) if place.is_dir() else []:
            name = f"{place.name}/{path.name}"
            if path.name in known:
                present.add(name)
                if path.is_symlink():
                    problems.append(Problem(name, "edited", "a link stands where the file was"))
            elif not path.name.startswith("RUN-") or path.is_file():
                problems.append(Problem(name, "inserted", "nothing of ours has this name"))
    for name in sorted(present | entered.keys()):
        in_ledger = entered.get(name, {})
        if name not in present:
            problems.append(Problem(name, "deleted", f"the file is gone; it had {len(in_ledger)} line(s)"))
            continue
        own, found = _chain(root / name, name)
        problems += found
        at = {line.entry["n"]: line.entry["hash"] for line in own}
        for number, expected in sorted(in_ledger.items()):
            if number not in at:
                kind: ProblemKind = "cut" if number > max(at, default=0) else "deleted"
                problems.append(Problem(name, kind, f"number {number} is gone; the ledger names it"))
            elif at[number] != expected:
                problems.append(Problem(name, "edited", f"number {number} is not the one that the ledger names"))
        for number in sorted(at.keys() - in_ledger.keys()):
            problems.append(Problem(name, "inserted", f"number {number} is not in the ledger"))
    return problems


def _export(root: Path, head: Head, *, accept: bool) -> tuple[Export | None, list[Problem]]:
    said = read_export(root)
    if said is None:
        return None, []
    if not accept:
        return None, [Problem(NOTE, "inserted", "an archive in use is no export; what it says is not believed")]
    if isinstance(said, str):
        return None, [Problem(NOTE, "edited", said)]
    return said, [Problem(where, "edited", what) for where, what in faults(root, said, str(head))]


def _of_export(export: Export, left_out: Collection[str]) -> Iterator[str]:
    incidents = {name.partition("/")[0] for name in left_out}
    yield (
        f"anything about other incidents: this is an export of {export.incident} alone; {len(left_out)} runs of "
        f"{len(incidents)} others, which the ledger names, are not part of it"
    )
    yield (
        "that export.json and index.html are as they were made: they are no evidence; the runs, the lines and the "
        "ledger are"
    )


def _not_proven(
    anchor: Head | None, trusted: Collection[str], signers: Collection[str | None], run: str | None
) -> tuple[str, ...]:
    out = ["that what was recorded was true: only that it is what was recorded (without its secrets)"]
    if anchor is None:
        out.append("that nothing was cut off the end, or written anew as a whole: that needs --anchor with a head "
                   "printed outside, for instance in the incident's Slack or PagerDuty message")  # fmt: skip
    else:
        out.append(f"anything about lines that were added and removed again after number {anchor.position}")
    if None in signers:
        out.append("who made the runs that are unsigned")
    if any(signers) and not trusted:
        out.append("that the keys in keys/ are yours: compare their ids with those that you know, or pass them")
    if run is not None:
        out.append("anything about other runs, journals, notes and timelines")
    return tuple(out)
