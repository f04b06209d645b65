"""Findings measured on labelled data, part by part, with the mark that each figure is held to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from . import attacks, onset, patterns, suspects

RENAMED_SEED = 1
"""How the names of services are permuted for the second look at suspects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure. ``reached`` is None where there is no mark, or where nothing could be measured."""

    part: str
    figure: str
    value: str
    mark: str = ""
    reached: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        return asdict(self)


def measure(datasets: Path) -> list[Row]:
    """
    Return the figures of every part; a part whose data are not there says so in its place.

    Parameters
    ----------
    datasets
        Folder with ``loghub_2k``, ``nezha_*``, ``nab``, ``auth_*`` and ``access_*``, each as far as it is there.
    """
    return [row for part in (_patterns, _onset, _suspects, _attacks) for row in part(datasets)]


def _absent(part: str, why: str) -> Row:
    return Row(part=part, figure="NOT MEASURED", value=why)


def _patterns(datasets: Path) -> Iterator[Row]:
    folder = datasets / "loghub_2k"
    if not (folder / "labels.json").is_file():
        yield _absent("patterns", f"{folder} is not there")
    else:
        accuracy: dict[str, float] = patterns.loghub(folder)
        for name, value in accuracy.items():
            yield Row(part="patterns", figure=f"grouping accuracy, {name}", value=f"{value:.4f}")
        mean = fmean(accuracy.values())
        yield Row(
            part="patterns",
            figure="grouping accuracy, mean",
            value=f"{mean:.4f}",
            mark="at least 0.97",
            reached=mean >= 0.97,
        )
    speed = patterns.speed()
    yield Row(
        part="patterns",
        figure=f"time for {speed.lines:,} entries against bare Polars",
        value=f"{speed.ratio:.2f} ({speed.ours_s:.2f} s)",
        mark="at most 2",
        reached=speed.ratio <= 2,
    )
    yield Row(
        part="patterns",
        figure="memory",
        value=f"{speed.peak_mb:,.0f} MB",
        mark="under 2,000 MB",
        reached=speed.peak_mb < 2000,
    )


def _onset(datasets: Path) -> Iterator[Row]:
    result: Mapping[str, Mapping[str, Any]] = onset.run(datasets)
    for name in ("simulated", "fault_free", *suspects.SYSTEMS, "nab"):
        if name not in result:
            yield _absent("onset", f"{datasets / name} is not there")
            continue
        for figure, value in _flat(result[name]):
            mark, reached = "", None
            if (name, figure) == ("simulated", "error_s_median"):
                mark, reached = "at most 60", value <= 60
            elif (name, figure) == ("simulated", "covered_share"):
                mark, reached = "at least 0.8", value >= 0.8
            elif name == "fault_free" and figure.startswith("false_onsets"):
                mark, reached = "at most 1 a week", value <= result[name]["weeks"]
            yield Row(part="onset", figure=f"{name}: {figure}", value=str(value), mark=mark, reached=reached)


def _flat(figures: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield every number of *figures*, those one level down under both names."""
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}, {key}", n) for key, n in value.items() if isinstance(n, int | float))
        elif isinstance(value, int | float):
            yield name, value


def _suspects(datasets: Path) -> Iterator[Row]:
    for system in suspects.SYSTEMS:
        folder = datasets / system
        if not (folder / "labels.json").is_file():
            yield _absent("suspects", f"{folder} is not there")
            continue
        cases = list(suspects.labelled_cases(folder))
        swapped = []
        for case in cases:
            frames, names = suspects.renamed(case.frames, RENAMED_SEED)
            swapped.append(replace(case, frames=frames, service=names.get(case.service, case.service)))
        marks = {"first": 9, "among_three": 13} if system == "nezha_trainticket" else {}
        for way, of, cut in (
            ("told the alert time", cases, False),
            ("cut off at the alert", cases, True),
            ("names of services permuted", swapped, False),
        ):
            scored = suspects.score(of, cut=cut)
            for figure in ("first", "among_three"):
                worst, mark = min(scored[figure]), marks.get(figure)
                share = f"at least {mark} of 17" if mark is not None and len(of) == 17 else ""
                yield Row(
                    part="suspects",
                    figure=f"{system}, {way}: {figure.replace('_', ' ')}",
                    value=f"{worst} of {len(of)} (worst of {len(scored[figure])} alert times)",
                    mark=share if not cut else "",
                    reached=worst >= mark if share and mark is not None and not cut else None,
                )


def _attacks(datasets: Path) -> Iterator[Row]:
    told = attacks.score(datasets)
    if not told:
        yield _absent("attacks", f"no labelled auth_* or access_* folder in {datasets}")
    for log in told:
        if log.attackers:
            yield Row(
                part="attacks",
                figure=f"{log.log}: attackers accused",
                value=f"{log.found} of {log.attackers}",
                mark="at least 11 of 12",
                reached=log.found * 12 >= log.attackers * 11,
            )
        yield Row(
            part="attacks",
            figure=f"{log.log}: wrongly accused",
            value=str(len(log.wrongly_accused)),
            mark="none",
            reached=not log.wrongly_accused,
        )
        if log.quiet:
            yield Row(
                part="attacks",
                figure=f"{log.log}: low and slow ones listed as suspicious",
                value=f"{log.quiet_suspicious} of {log.quiet}",
            )
            yield Row(
                part="attacks",
                figure=f"{log.log}: low and slow ones accused",
                value=str(len(log.quiet_accused)),
                mark="none",
                reached=not log.quiet_accused,
            )


def as_table(rows: Sequence[Row]) -> str:
    """Return *rows* as text, one line each; a missed mark is in capitals."""
    width = max(len(row.figure) for row in rows)
    lines = [f"{'part':10}{'figure':{width + 2}}{'value':34}{'mark':18}"]
    for row in rows:
        word = "" if row.reached is None else "reached" if row.reached else "MISSED"
        lines.append(f"{row.part:10}{row.figure:{width + 2}}{row.value:34}{row.mark:18}{word}".rstrip())
    return "\n".join(lines)
