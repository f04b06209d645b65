"""
How well onsets are timed, and how often one is seen where nothing happened.

Five parts: simulated incidents at one-minute data; simulated fault-free weeks of fifty series with a daily
rhythm, looked at every 90 minutes; recorded injected faults (Nezha), where a symptom may not show at all; the same
with the times of their requests dealt out by lot, where there is nothing to find; labelled series of real machines
and roads (NAB), whose windows are wide and disputed.
"""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from pitchey_ops.benchmarks.suspects import SYSTEMS, LabelledCase, alert_time, labelled_cases
from pitchey_ops.findings._changepoint import ChangePoint, Kind, TooFewPoints, change_point
from pitchey_ops.findings._onset_series import Series
from pitchey_ops.findings._request_change import RequestChange, change_before
from pitchey_ops.findings._sparse import sparse_change
from pitchey_ops.findings.onset import Onset, combine, overall, symptom_onsets
from pitchey_ops.findings.scan import scan
from pitchey_ops.frames import METRICS, Frames, empty

Floats = npt.NDArray[np.float64]

MINUTE_MS = 60_000.0
SERIES, LOOK_MINUTES, STRIDE_MINUTES = 50, 180, 90


def simulated(cases: int = 600, seed: int = 1) -> dict[str, Any]:
    """
    Time known onsets in simulated minutes: counts, shares and levels; steps, ramps, and spikes that end.

    A third of the steps follow an earlier fault that ended. Data end 2 to 20 minutes after the onset.
    """
    rng = np.random.default_rng(seed)
    errors: dict[str, list[float]] = {}
    covered: dict[str, list[bool]] = {}
    asked: dict[str, int] = {}
    for number in range(cases):
        kind: Kind = ("count", "share", "level")[number % 3]
        shape = ("step", "step", "step", "ramp", "spike")[number % 5]
        after = int(rng.integers(15, 31)) if shape == "ramp" else int(rng.integers(2, 21))
        minutes = int(rng.integers(60, 150))
        onset = minutes - after - float(rng.random())
        grid = np.arange(minutes)
        part = np.clip(grid + 1 - onset, 0.0, 1.0)  # share of each minute that lies after the onset
        if shape == "ramp":
            part = np.clip((grid + 0.5 - onset) / 15.0, 0.0, 1.0)
        if shape == "spike" and after > 8:
            part = part * (grid < onset + 5)
        if shape == "step" and rng.random() < 1 / 3:
            part = part + ((grid > onset - 40) & (grid < onset - 30))
        size = float(rng.uniform(2.0, 8.0))
        of = None
        if kind == "count":
            base = float(rng.choice([0.3, 2.0, 10.0]))
            values = rng.poisson(base + part * (5.0 + base * size)).astype(np.float64)
        elif kind == "share":
            requests = rng.poisson(float(rng.choice([40, 200, 2000])), minutes)
            values = rng.binomial(requests, np.clip(0.005 + part * 0.05 * size, 0, 1)).astype(np.float64)
            of = requests.astype(np.float64)
        else:
            values = 200.0 * rng.lognormal(0.0, 0.12, minutes) * (1.0 + part * (size - 1.0))
        found = change_point(grid * MINUTE_MS, values, kind=kind, of=of, bin_ms=MINUTE_MS)
        asked[shape] = asked.get(shape, 0) + 1
        if found is not None:
            errors.setdefault(shape, []).append(abs(found.at_ms / MINUTE_MS - onset) * 60.0)
            covered.setdefault(shape, []).append(found.low_ms <= onset * MINUTE_MS <= found.high_ms)
    everything = [e for per_shape in errors.values() for e in per_shape]
    return {
        "cases": cases,
        "found_share": round(len(everything) / cases, 3),
        "error_s_median": round(float(np.median(everything)), 1),
        "covered_share": round(float(np.mean([c for per_shape in covered.values() for c in per_shape])), 3),
        "by_shape": {
            shape: {
                "found_share": round(len(errors.get(shape, [])) / asked[shape], 3),
                "error_s_median": round(float(np.median(errors.get(shape, [np.nan]))), 1),
                "covered_share": round(float(np.mean(covered.get(shape, [np.nan]))), 3),
            }
            for shape in sorted(asked)
        },
    }


def fault_free_series(rng: np.random.Generator, days: int = 8) -> Iterator[tuple[Kind, Floats, Floats | None]]:
    """Yield fifty series of minutes with a daily rhythm: error lines, response times, failure shares, gauges."""
    minutes = days * 1440
    hour = np.arange(minutes) / 60.0
    for number in range(SERIES):
        peak, depth = rng.uniform(12, 20), rng.uniform(0.3, 0.8)
        rhythm = 1.0 + depth * np.cos((hour - peak) / 24 * 2 * np.pi)
        drift = np.exp(_remembering(rng, minutes, 0.9, 0.08))
        if number < 20:
            yield "count", rng.poisson(float(rng.choice([0.05, 0.5, 3.0, 15.0])) * rhythm * drift).astype(float), None
        elif number < 35:
            spread = float(rng.uniform(0.05, 0.25))
            busy = 1.0 + 0.3 * depth * (rhythm - 1.0)
            yield "level", 200.0 * busy * np.exp(_remembering(rng, minutes, 0.5, spread)), None
        elif number < 45:
            requests = rng.poisson(float(rng.choice([20, 200, 2000])) * rhythm * drift)
            failed = rng.binomial(requests, float(rng.choice([0.001, 0.01, 0.03])))
            yield "share", failed.astype(float), requests.astype(float)
        else:
            yield "level", 20.0 * rhythm * np.exp(_remembering(rng, minutes, 0.7, 0.1)), None


def _remembering(rng: np.random.Generator, count: int, memory: float, spread: float) -> Floats:
    """Return noise of an autoregression of order one with the given standard deviation."""
    shocks = rng.normal(0.0, spread * (1.0 - memory**2) ** 0.5, count)
    out = np.empty(count)
    last = 0.0
    for i in range(count):
        last = memory * last + shocks[i]
        out[i] = last
    return out


def fault_free(weeks: int = 10, seed: int = 2, jobs: int | None = None) -> dict[str, Any]:
    """
    Count onsets in fault-free weeks, looked at every 90 minutes with the last three hours of minutes.

    Once without any expectation, once with the day before as expectation. Looks that find the same onset again
    (within ten minutes) count once. Each week has a seed of its own, and each of *jobs* processes (one a core by
    default) takes the next week.
    """
    places = min(weeks, jobs or os.cpu_count() or 1)
    seeds = [(seed, week) for week in range(weeks)]
    if places == 1:
        counted = [_week(one) for one in seeds]
    else:
        with ProcessPoolExecutor(places, mp_context=multiprocessing.get_context("spawn")) as pool:
            counted = list(pool.map(_week, seeds))
    ways = ("alone", "with_yesterday")
    false = {way: sum(week[way] for week in counted) for way in ways}
    worst = {way: max(week[way] for week in counted) for way in ways}
    return {"weeks": weeks, "series": SERIES, "false_onsets": false, "most_in_a_week": worst}


def _week(seed: tuple[int, int]) -> dict[str, int]:
    """Return how many onsets are seen in one fault-free week, without and with the day before."""
    rng = np.random.default_rng(seed)
    seen: dict[str, set[tuple[int, int]]] = {"alone": set(), "with_yesterday": set()}
    for number, (kind, values, of) in enumerate(fault_free_series(rng)):
        usual = _smooth(values if of is None else values / np.maximum(of, 1.0))
        for end in range(1440 + LOOK_MINUTES, values.size + 1, STRIDE_MINUTES):
            part = slice(end - LOOK_MINUTES, end)
            at = np.arange(part.start, part.stop, dtype=np.float64) * MINUTE_MS
            before = usual[part.start - 1440 : part.stop - 1440]
            asked = None if of is None else of[part]
            for way, expected in (("alone", None), ("with_yesterday", before)):
                found = change_point(at, values[part], kind=kind, of=asked, expected=expected, bin_ms=MINUTE_MS)
                if found is None and kind != "level":
                    # as `findings.onset` searches on where the first way finds nothing
                    sparse = Series(
                        symptom="",
                        kind=kind,
                        at_ms=at,
                        values=values[part],
                        of=asked,
                        expected=expected,
                        bin_ms=MINUTE_MS,
                    )
                    found = sparse_change(sparse)
                if found is not None:
                    seen[way].add((number, round(found.at_ms / MINUTE_MS / 10)))
    return {way: len(onsets) for way, onsets in seen.items()}


def _smooth(values: Floats, width: int = 15) -> Floats:
    kernel = np.ones(width)
    total = np.convolve(values, kernel, "same")
    return np.asarray(total / np.convolve(np.ones(values.size), kernel, "same"), dtype=np.float64)


def recorded(folder: Path) -> dict[str, Any]:
    """
    Time the onsets of recorded faults, and look for onsets before them where no other fault was injected.

    The end of the data is moved (2-7 min after the onset, or the alert's time), so that the onset's place in
    the window tells nothing. Requests are asked twice: before an alert, and over all of the recording without one.
    """
    errors, covered, quiet, quiet_false, cases = [], [], 0, 0, 0
    by_requests: list[tuple[float, bool]] = []
    no_alert: list[tuple[float, bool]] = []
    for case in labelled_cases(folder):
        cases += 1
        alert_at = alert_time(case, 1)
        found = overall(_Alerted(case.frames, alert_at))
        look = scan(case.frames)
        by_requests += _off(change_before(case.frames, alert_at), case)
        no_alert += _off(None if look is None else look.onset, case)
        if found is not None and abs((found.at - case.onset).total_seconds()) < 300:
            off = (found.at - case.onset).total_seconds()
            errors.append(abs(off))
            covered.append(abs(off) <= found.uncertainty_s + 5.0)
        if not _earlier_faults(folder, case):
            quiet += 1
            before = case.onset - timedelta(seconds=60)
            calm = _cut(case, before)
            quiet_false += combine(symptom_onsets(calm)) is not None
    return {
        "cases": cases,
        "found": len(errors),
        "error_s_median": round(float(np.median(errors)), 1) if errors else None,
        "covered_share": round(float(np.mean(covered)), 3) if covered else None,
        **_timed("requests", by_requests),
        **_timed("no_alert", no_alert),
        "quiet_stretches": quiet,
        "quiet_with_onset": quiet_false,
    }


def _off(timed: Onset | RequestChange | None, case: LabelledCase) -> list[tuple[float, bool]]:
    """Return how far *timed* is off (s) and whether its interval holds the truth; nothing where there is none."""
    if timed is None:
        return []
    off = abs((timed.at - case.onset).total_seconds())
    return [(off, off <= timed.uncertainty_s)]


def _timed(name: str, off: list[tuple[float, bool]]) -> dict[str, Any]:
    return {
        f"found_by_{name}": len(off),
        f"{name}_error_s_median": round(float(np.median([error for error, _ in off])), 1) if off else None,
        f"{name}_covered_share": round(float(np.mean([held for _, held in off])), 3) if off else None,
    }


def reshuffled(folder: Path, *, seeds: Sequence[int] = (0, 1, 2, 3)) -> dict[str, int]:
    """
    Count onsets where none can be: all requests of a recording get one another's starting times by lot.

    What belongs to a request stays together, and nothing remains of any time but chance. Metrics, which have no
    requests, are left out.
    """
    asked = false = 0
    for case in labelled_cases(folder):
        for seed in seeds:
            look = scan(_dealt_out(case.frames, seed))
            asked += look is not None
            false += look is not None and look.onset is not None
    return {"recordings": asked, "with_onset": false}


def _dealt_out(frames: Frames, seed: int) -> Frames:
    both = pl.concat([table.select("trace_id", "at") for table in (frames.logs, frames.spans)]).drop_nulls("trace_id")
    begun = both.group_by("trace_id").agg(pl.col("at").min()).sort("trace_id")
    order = np.random.default_rng(seed).permutation(begun.height)
    moved = begun.select("trace_id", by=begun["at"].gather(order) - begun["at"])

    def again(table: pl.DataFrame) -> pl.DataFrame:
        later = pl.col("at") + pl.col("by").fill_null(timedelta())
        return table.join(moved, on="trace_id", how="left").with_columns(at=later).drop("by").sort("at")

    return replace(frames, logs=again(frames.logs), spans=again(frames.spans), metrics=empty(METRICS))


@dataclass(frozen=True, slots=True)
class _Alerted:
    """What `overall` needs of a case."""

    frames: Frames
    alert_at: datetime | None


def _earlier_faults(folder: Path, case: LabelledCase) -> bool:
    labels = json.loads((folder / "labels.json").read_text("utf-8"))["cases"]
    return any(label["case"] == case.name and label["other_injections_in_window"] for label in labels)


def _cut(case: LabelledCase, end: Any) -> Any:
    keep = pl.col("at") < end
    frames = case.frames
    return replace(
        frames, logs=frames.logs.filter(keep), metrics=frames.metrics.filter(keep), spans=frames.spans.filter(keep)
    )


def labelled_series(folder: Path) -> dict[str, Any]:
    """
    Time NAB's labelled onsets: a day and a half before to three hours after each, in both directions.

    A hit is an interval that meets the labelled window; a false one is an onset in a stretch of that length
    without any window in it.
    """
    labels = json.loads((folder / "labels.json").read_text("utf-8"))
    asked = hits = found_count = looks = false = 0
    for name, label in sorted(labels.items()):
        path = folder / f"{name}.jsonl.gz"
        if not path.is_file():
            continue
        points = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
        at = np.array([p["timestamp"] for p in points], dtype=np.float64)
        values = np.array([p["value"] for p in points], dtype=np.float64)
        windows = label["windows_ms"]
        for onset, (low, high) in zip(label["anomaly_onsets_ms"], windows, strict=False):
            inside = (at >= low - 36 * 3.6e6) & (at <= min(max(onset, low) + 3 * 3.6e6, high))
            found = _either_way(at[inside], values[inside])
            asked += 1
            found_count += found is not None
            hits += found is not None and found.low_ms <= high and found.high_ms >= low
        day = 24 * 3.6e6
        for start in np.arange(at.min(), at.max() - day, day):
            if any(low < start + day and high > start for low, high in windows):
                continue
            inside = (at >= start) & (at < start + day)
            looks += 1
            false += _either_way(at[inside], values[inside]) is not None
    return {"onsets": asked, "found": found_count, "hits": hits, "quiet_days": looks, "quiet_days_with_onset": false}


def _either_way(at: Floats, values: Floats) -> ChangePoint | None:
    found: list[ChangePoint] = []
    for direction in ("up", "down"):
        try:
            one = change_point(at, values, kind="level", direction=direction)
        except TooFewPoints:
            continue
        if one is not None:
            found.append(one)
    return max(found, key=lambda change: change.nats, default=None)


def run(datasets: Path, *, weeks: int = 10) -> dict[str, Any]:
    """Return all figures; recorded data that are not there are left out."""
    result: dict[str, Any] = {"simulated": simulated(), "fault_free": fault_free(weeks)}
    for system in SYSTEMS:
        if (datasets / system / "labels.json").is_file():
            folder = datasets / system
            result[system] = {**recorded(folder), "reshuffled": reshuffled(folder)}
    if (datasets / "nab" / "labels.json").is_file():
        result["nab"] = labelled_series(datasets / "nab")
    return result


def table(result: Mapping[str, Any]) -> str:
    """Return the figures as text."""
    lines = []
    for part, figures in result.items():
        lines.append(part)
        lines += [f"    {key:24}{value}" for key, value in figures.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(run(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/datasets"))))
