"""Score `findings.attacks` on recorded logs with known attackers. Reads files; judges nothing itself."""

from __future__ import annotations

import gzip
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import polars as pl

from .. import frames
from ..findings.attacks import attackers


def _opened(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", errors="replace")
    return path.open(encoding="utf-8", errors="replace")


def read_entries(path: Path) -> pl.DataFrame:
    """
    Read JSON lines of log entries (gzipped or not) into a `frames.LOGS` frame; unusable lines are left out.

    Both places where an event may stand are read: ``tags`` and ``metadata`` (the first wins).
    """
    rows: list[dict[str, Any]] = []
    with _opened(path) as lines:
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if (
                not isinstance(entry, dict)
                or isinstance(entry.get("timestamp"), bool)
                or not isinstance(entry.get("timestamp"), int | float)
            ):
                continue
            more: dict[str, Any] = {}
            for place in ("metadata", "tags"):
                if isinstance(entry.get(place), dict):
                    more |= entry[place]
            row = {
                "at": int(entry["timestamp"]),
                "service": entry.get("service"),
                "level": entry.get("level"),
                "message": entry.get("message"),
                "id": entry.get("id"),
                "component": entry.get("component"),
                "user_id": entry.get("userId"),
                "ip": entry.get("ipAddress"),
                "user_agent": entry.get("userAgent"),
                "url": entry.get("url"),
                "method": entry.get("method"),
                "event": more.get("event"),
                "account": more.get("user"),
            }
            row = {key: None if value is None else value if key == "at" else str(value) for key, value in row.items()}
            status = entry.get("statusCode")
            row["status"] = status if isinstance(status, int) and 0 <= status <= 999 else None
            rows.append(row)
    schema = {name: pl.Int64 if name == "at" else dtype for name, dtype in frames.LOGS.items()}
    return (
        pl.DataFrame(rows, schema=schema)
        .with_columns(pl.col("at").cast(frames.UTC_MS, strict=False), pl.col("level").str.to_lowercase())
        .sort("at", maintain_order=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackScore:
    """Right and wrong names on one log; lists are sorted."""

    log: str
    entries: int
    attackers: int
    found: int
    missed: tuple[str, ...] = ()
    wrongly_accused: tuple[str, ...] = ()
    quiet: int = 0
    quiet_suspicious: int = 0
    quiet_accused: tuple[str, ...] = ()
    suspicious: int = 0
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def recall(self) -> float | None:
        """Share of the labelled attackers that are accused; None without any."""
        return self.found / self.attackers if self.attackers else None


def score_log(name: str, logs: pl.DataFrame, labels: dict[str, Any]) -> AttackScore:
    """Compare the verdicts on *logs* with *labels* (``attackers``, ``benign``, ``low_volume_probes``; all optional)."""
    judged = attackers(logs)
    accused = set(judged.filter(pl.col("verdict") == "accused")["address"])
    suspicious = set(judged.filter(pl.col("verdict") == "suspicious")["address"])
    guilty, benign, quiet = (set(labels.get(key, ())) for key in ("attackers", "benign", "low_volume_probes"))
    wrong = accused & benign if (guilty or quiet) else accused
    return AttackScore(
        log=name,
        entries=logs.height,
        attackers=len(guilty),
        found=len(accused & guilty),
        missed=tuple(sorted(guilty - accused)),
        wrongly_accused=tuple(sorted(wrong)),
        quiet=len(quiet),
        quiet_suspicious=len(quiet & suspicious),
        quiet_accused=tuple(sorted(quiet & accused)),
        suspicious=len(suspicious),
    )


def score(datasets: Path) -> list[AttackScore]:
    """
    Score every log of ``auth_*`` and ``access_*`` folders under *datasets* that has labels.

    An access log without labelled attackers counts every accused address as wrong.
    """
    scores = []
    for folder in sorted([*datasets.glob("auth_*"), *datasets.glob("access_*")]):
        labels_file = folder / "labels.json"
        if not labels_file.is_file():
            continue
        labels = json.loads(labels_file.read_text(encoding="utf-8"))
        for path in sorted([*folder.glob("*.jsonl.gz"), *folder.glob("*.jsonl")]):
            name = path.name.split(".", 1)[0]
            scores.append(score_log(name, read_entries(path), labels.get(name, {})))
    return scores


def main() -> None:
    """Print one line for each log of the folder named on the command line."""
    for told in score(Path(sys.argv[1])):
        print(
            f"{told.log}: {told.found} of {told.attackers} attackers accused, {len(told.wrongly_accused)} wrongly, "
            f"{told.quiet_suspicious} of {told.quiet} quiet ones suspicious, {told.entries} entries"
        )


if __name__ == "__main__":
    main()
