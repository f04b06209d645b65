"""
How often the faulty service is named, on recorded injected faults (Nezha: TrainTicket, OnlineBoutique).

The ranking is told an alert time only, 30-120 s after the fault, drawn anew for every seed and case. It is
scored twice: with all that the case's files hold (a few minutes past the alert, as when the runbook is read
then), and cut off at the alert, the very first moment a run can look.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from pitchey_ops.findings.suspects import rank_suspects
from pitchey_ops.frames import Frames
from pitchey_ops.models.window import Window
from pitchey_ops.sources.casefile import read_case

SYSTEMS = ("nezha_trainticket", "nezha_onlineboutique")
SEEDS = (1, 2, 3, 4, 5)
ALERT_AFTER_S = (30.0, 120.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledCase:
    """A recorded incident with its truth."""

    name: str
    onset: datetime
    service: str
    fault: str
    frames: Frames


def labelled_cases(folder: Path) -> Iterator[LabelledCase]:
    """Yield the cases in *folder* that are there, in the order of its ``labels.json``."""
    labels = json.loads((folder / "labels.json").read_text("utf-8"))
    for label in labels["cases"]:
        if not (folder / label["case"]).is_dir():
            continue
        tables = read_case(folder / label["case"])
        start, end = (datetime.fromtimestamp(ms / 1000, UTC) for ms in label["window_ms"])
        yield LabelledCase(
            name=label["case"],
            onset=datetime.fromtimestamp(label["onset_ms"] / 1000, UTC),
            service=label["fault_service"],
            fault=label["fault_type"],
            frames=Frames(
                window=Window(start=start, end=end),
                logs=tables.logs,
                metrics=tables.metrics,
                spans=tables.spans,
            ),
        )


def alert_time(case: LabelledCase, seed: int) -> datetime:
    """Return when the alert fires, the same for the same case and seed."""
    drawn = random.Random(f"{seed}/{case.name}").uniform(*ALERT_AFTER_S)  # noqa: S311 - a draw, no secret
    return case.onset + timedelta(seconds=round(drawn))


def renamed(frames: Frames, seed: int) -> tuple[Frames, dict[str, str]]:
    """Return *frames* with all service names permuted, in log text as well, and the mapping."""
    columns = [
        frames.logs["service"],
        frames.metrics["service"],
        frames.spans["service"],
        frames.spans["caller"],
    ]
    names = sorted(pl.concat(columns).drop_nulls().unique().to_list())
    shuffled = list(names)
    random.Random(seed).shuffle(shuffled)  # noqa: S311
    new = dict(zip(names, shuffled, strict=True))

    def swap(frame: pl.DataFrame, *keys: str) -> pl.DataFrame:
        return frame.with_columns(pl.col(key).replace(new) for key in keys)

    logs = swap(frames.logs, "service").with_columns(
        pl.col("message").str.replace_many(list(new), list(new.values()), leftmost=True)
    )
    return (
        replace(
            frames,
            logs=logs,
            metrics=swap(frames.metrics, "service"),
            spans=swap(frames.spans, "service", "caller"),
        ),
        new,
    )


def place(case: LabelledCase, *, alert_at: datetime, until: datetime | None) -> int | None:
    """Return the faulty service's place (1 is first), None when it is not suspected at all."""
    names = [suspect.service for suspect in rank_suspects(case.frames, alert_at=alert_at, until=until)]
    return names.index(case.service) + 1 if case.service in names else None


def score(cases: Sequence[LabelledCase], *, seeds: Sequence[int] = SEEDS, cut: bool) -> dict[str, Any]:
    """Return ``cases``, and by seed ``first`` and ``among_three``; *cut* hides what came after the alert."""
    first, among_three, slowest = [], [], 0.0
    by_fault: dict[str, list[int]] = {}
    for seed in seeds:
        places = []
        for case in cases:
            alert_at = alert_time(case, seed)
            began = time.perf_counter()
            got = place(case, alert_at=alert_at, until=alert_at if cut else None)
            slowest = max(slowest, time.perf_counter() - began)
            places.append(got or 999)
            by_fault.setdefault(case.fault, []).append(got or 999)
        first.append(sum(p == 1 for p in places))
        among_three.append(sum(p <= 3 for p in places))
    return {
        "cases": len(cases),
        "first": first,
        "among_three": among_three,
        "first_share_by_fault": {
            fault: round(sum(p == 1 for p in places) / len(places), 3) for fault, places in sorted(by_fault.items())
        },
        "slowest_s": round(slowest, 3),
    }


def run(datasets: Path) -> dict[str, Any]:
    """Return scores by system, for both ways of looking; systems that are not there are left out."""
    result: dict[str, Any] = {}
    for system in SYSTEMS:
        if (datasets / system / "labels.json").is_file():
            cases = list(labelled_cases(datasets / system))
            result[system] = {
                "whole_case": score(cases, cut=False),
                "cut_at_alert": score(cases, cut=True),
            }
    return result


def table(result: Mapping[str, Any]) -> str:
    """Return the scores as text."""
    lines = [f"{'system':22}{'looked at':14}{'cases':>6}  {'first, by seed':22}{'among three, by seed':24}slowest"]
    for system, ways in result.items():
        for way, s in ways.items():
            first, three = (" ".join(map(str, s[key])) for key in ("first", "among_three"))
            lines.append(f"{system:22}{way:14}{s['cases']:>6}  {first:22}{three:24}{s['slowest_s']:.2f} s")
            lines.append(
                " " * 22 + "first by fault: " + ", ".join(f"{k} {v:.2f}" for k, v in s["first_share_by_fault"].items())
            )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(run(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/datasets"))))
