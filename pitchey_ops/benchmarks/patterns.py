"""
How well log lines are grouped, and how fast.

``python -m pitchey_ops.benchmarks.patterns [LOGHUB_FOLDER]`` prints both. Grouping accuracy (GA) is that of the
log-parsing literature: the share of lines whose group, as a set of lines, is exactly that of their true template
(Zhu et al., ICSE-SEIP 2019; corrected templates of Khan et al., ICSE 2022). It punishes a group that is too wide
as hard as one that is too narrow.

Speed is a ratio, measured in one go on one file: our reading of a case folder and `findings.patterns` against
what a bare Polars query needs to read the same file, mask it by one regular expression and count the groups.
The two sides take turns and the fastest turn of each counts, so that a busy machine hurts both alike.
"""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pitchey_ops.benchmarks.runs import Figure
from pitchey_ops.findings.patterns import group_messages, patterns
from pitchey_ops.sources.casefile import read_case

BARE_MASK = r"0x[0-9A-Fa-f]+|[0-9a-f]{8}-[0-9a-f-]{27}|\d+(?:\.\d+)*"
"""The yardstick's one expression: hexadecimal numbers, UUIDs, numbers and dotted numbers."""

SERVICES = ("api", "auth", "cache", "database", "email", "frontend", "payments", "pitch", "upload", "websocket")


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """
    One measurement of speed.

    Attributes
    ----------
    ours_s, bare_s
        Fastest turn of each side, reading included.
    ratio
        ``ours_s / bare_s``.
    low, high
        Smallest and largest ratio of one turn.
    peak_mb
        Largest resident memory of a process that does our side once, in 10^6 bytes.
    """

    lines: int
    ours_s: float
    bare_s: float
    ratio: float
    low: float
    high: float
    peak_mb: float


def grouping_accuracy(predicted: Sequence[Hashable], true: Sequence[Hashable]) -> float:
    """
    Return the share of lines whose predicted group is exactly their true group.

    Raises
    ------
    ValueError
        The sequences differ in length or are empty.
    """
    if len(predicted) != len(true) or not true:
        raise ValueError("grouping accuracy needs one prediction for each of at least one line")
    groups: dict[Hashable, set[int]] = defaultdict(set)
    truth: dict[Hashable, set[int]] = defaultdict(set)
    for line, (group, label) in enumerate(zip(predicted, true, strict=True)):
        groups[group].add(line)
        truth[label].add(line)
    right = sum(len(lines) for lines in groups.values() if truth[true[min(lines)]] == lines)
    return right / len(true)


def loghub(folder: Path, *, labels: str = "template_id_corrected") -> dict[str, float]:
    """
    Return the grouping accuracy of each set in *folder* (``labels.json`` and ``SET.logs.jsonl[.gz]``).

    Every set is grouped with the same configuration; there is no other.
    """
    truth = json.loads((folder / "labels.json").read_text("utf-8"))
    return {
        name: grouping_accuracy(group_messages(_messages(folder, name)).pattern_ids.to_list(), truth[name][labels])
        for name in sorted(truth)
    }


def _messages(folder: Path, name: str) -> pl.Series:
    packed = folder / f"{name}.logs.jsonl.gz"
    text = gzip.decompress(packed.read_bytes()) if packed.exists() else (folder / f"{name}.logs.jsonl").read_bytes()
    return pl.Series("message", [json.loads(line)["message"] for line in text.splitlines() if line.strip()])


def write_case(folder: Path, lines: int = 1_000_000, seed: int = 7) -> Path:
    """Write ``logs.jsonl`` with *lines* invented entries of the platform to *folder* and return its path."""
    rng = random.Random(seed)  # noqa: S311 - invented data, nothing secret
    path = folder / "logs.jsonl"
    at = 1_795_421_233_423
    with path.open("w", encoding="utf-8") as out:
        for number in range(lines):
            at += rng.randrange(50)
            entry: dict[str, object] = {
                "id": f"{at}-{rng.getrandbits(36):09x}",
                "level": rng.choice(("info",) * 8 + ("warn", "error")),
                "message": _message(rng),
                "timestamp": at,
                "service": rng.choice(SERVICES),
                "environment": "production",
                "metadata": {},
                "tags": [],
            }
            if number % 3 == 0:
                entry |= {
                    "traceId": f"{rng.getrandbits(128):032x}",
                    "url": f"/api/pitches/{rng.randrange(10_000)}",
                    "method": "GET",
                    "statusCode": 200,
                    "responseTime": rng.randrange(900),
                    "userId": f"u{rng.randrange(5_000)}",
                }
            out.write(json.dumps(entry) + "\n")
    return path


def _message(rng: random.Random) -> str:
    name = rng.choice(("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy"))
    a, b = rng.randrange(10_000), rng.getrandbits(48)
    kinds = (
        f"query timeout after {a} ms on {rng.choice(('pitches', 'users', 'orders'))}",
        f"user {name}{a} logged in from 10.{a % 250}.{b % 250}.7:{1024 + a}",
        f"GET /api/pitches/{a} 200 in {a / 7:.2f} ms",
        f"request {b:08x}-{a:04x}-4000-8000-{b:012x} failed: TypeError: Cannot read properties of undefined",
        f"payment {b:024x} declined for {name}.{a}@example.com amount={a / 100}",
        f"cache miss key=session:{b:x} ttl={a}",
        f"upload finished file=/srv/data/{b:x}/{a}.mp4 size={b} bytes",
        f"websocket closed code=1006 after {a} ms, room {a % 500}",
        "health check ok",
        f"connection pool exhausted: {a % 20} of 20 in use, waited {a}ms",
    )
    return rng.choice(kinds)


def ours(folder: Path) -> pl.DataFrame:
    """Read the case in *folder* and return its patterns."""
    return patterns(read_case(folder).logs)


def bare(folder: Path) -> pl.DataFrame:
    """Return the yardstick's groups: Polars reads, masks by one expression and counts, nothing else."""
    return (
        pl.scan_ndjson(folder / "logs.jsonl")
        .select(pl.col("message").str.replace_all(BARE_MASK, "<*>"))
        .group_by("message")
        .len()
        .collect()
    )


def speed(lines: int = 1_000_000, turns: int = 3) -> Speed:
    """Measure both sides on *lines* invented entries in a temporary folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_case(folder, lines)
        program = (
            "import sys, pathlib, resource; from pitchey_ops.benchmarks.patterns import ours; "
            "ours(pathlib.Path(sys.argv[1])); "
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        child = subprocess.run(  # noqa: S603 - our own interpreter on our own program
            [sys.executable, "-c", program, name], check=True, capture_output=True, text=True
        )
        took = [(_seconds(ours, folder), _seconds(bare, folder)) for _ in range(turns)]
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes there, kibibytes elsewhere
    return Speed(
        lines=lines,
        ours_s=min(mine for mine, _ in took),
        bare_s=min(theirs for _, theirs in took),
        ratio=min(mine for mine, _ in took) / min(theirs for _, theirs in took),
        low=min(mine / theirs for mine, theirs in took),
        high=max(mine / theirs for mine, theirs in took),
        peak_mb=int(child.stdout) * unit / 1e6,
    )


def figures(lines: int = 1_000_000) -> list[Figure]:
    """Return `speed` as lines of the table of all figures."""
    found = speed(lines)
    what = f"{lines:,} entries, file to patterns"
    return [
        Figure(
            name=f"{what} / bare Polars",
            value=found.ratio,
            unit="x",
            low=found.low,
            high=found.high,
            rounds=3,
            wanted="at most 2",
        ),
        Figure(
            name=f"{what}: largest memory",
            value=found.peak_mb,
            unit="MB",
            low=found.peak_mb,
            high=found.peak_mb,
            rounds=1,
            wanted="under 2,000",
        ),
    ]


def _seconds(work: Callable[[Path], object], folder: Path) -> float:
    start = time.perf_counter()
    work(folder)
    return time.perf_counter() - start


def main(arguments: Sequence[str]) -> None:
    """Print accuracy, if a folder with labelled sets is given, and speed."""
    if arguments:
        accuracy = loghub(Path(arguments[0]))
        for name, value in accuracy.items():
            print(f"grouping accuracy  {name:12s} {value:.4f}")
        print(f"grouping accuracy  {'mean':12s} {sum(accuracy.values()) / len(accuracy):.4f}   (mark: at least 0.97)")
    measured = speed()
    print(
        f"{measured.lines:,} entries, file to patterns: {measured.ours_s:.2f} s; bare Polars {measured.bare_s:.2f} s; "
        f"ratio {measured.ratio:.2f} (mark: at most 2); peak {measured.peak_mb:,.0f} MB (mark: under 2,000)"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
