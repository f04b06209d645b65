"""The score of a drill as text for people, and as the record that every report shows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..models.report import HypothesisScore
from .play import REHEARSED_AT, Played
from .score import Class, is_among_three, is_control, is_right, onset_error_s, reliability, score

RECORD = Path(__file__).resolve().parents[1] / "runbooks" / "rehearsal.json"
"""Package data: the last rehearsal that was recorded, read by whoever builds a report's page."""


def as_text(played: Sequence[Played], *, wrong: bool = True) -> str:
    """Return everything that a person tunes by: each wrong verdict with its weights, then the scores."""
    lines: list[str] = []
    if wrong:
        for one in played:
            if not is_right(one):
                lines += _wrong(one)
    for split in ("tune", "judge"):
        of = [one for one in played if one.split == split]
        if of:
            lines += [*_scores(split, of), "", *_by_cause(of), "", *_reliability(reliability(of)), ""]
    seconds = [sum(one.seconds.values()) for one in played]
    lines.append(f"{len(played)} verdicts, {sum(seconds):.0f} s of computing")
    return "\n".join(lines)


def _wrong(one: Played) -> list[str]:
    verdict, truth = one.verdict, one.truth
    beside = f", beside it {', '.join(one.beside)}" if one.beside else ""
    wanted = "left open" if truth.inconclusive_is_right else truth.cause
    error = onset_error_s(one)
    onset = "no onset" if verdict.onset is None else "onset" if error is None else f"onset {error:.0f} s off"
    lines = [
        f"{'MISSED' if not is_control(one) else 'CONTROL'}  {one.scenario} #{one.seed}  {one.runbook}"
        f"  wanted {wanted}{beside}",
        f"    said     {verdict.state}, {verdict.cause or 'no cause'} ({verdict.confidence:.2f}), {verdict.severity}"
        f", {onset}{'; unmet: ' + ', '.join(one.unmet) if one.unmet else ''}",
    ]
    shown = list(enumerate(one.scores[:3], start=1))
    if one.place is not None and one.place > 3:
        shown.append((one.place, one.scores[one.place - 1]))
    lines += [f"    {place:2d} {_weights(row)}" for place, row in shown]
    lines.append("    signals  " + " ".join(f"{name}={strength:.2f}" for name, strength in one.signals.items()))
    if one.not_checked:
        lines.append("    unseen   " + "; ".join(f"{rule} ({because})" for rule, because in one.not_checked)[:300])
    return [*lines, ""]


def _weights(row: HypothesisScore) -> str:
    parts = ", ".join(f"{finding} {decibans:+.1f}" for finding, decibans in row.parts[:6])
    return f"{row.id:26} {row.weight:+6.1f} dB {row.confidence:.2f}  {parts}"


COLUMNS = (
    ("cases", "cases"),
    ("correct", "cause first"),
    ("top3", "among three"),
    ("false_healthy", "false healthy"),
    ("inconclusive_right", "open, rightly"),
    ("onset_error_s_median", "onset off (s)"),
    ("controls", "controls"),
    ("controls_incident", "as incident"),
    ("controls_healthy", "as healthy"),
)


def _scores(split: str, played: Sequence[Played]) -> list[str]:
    counted = score(played)
    lines = [f"{split:14}" + "".join(f"{title:>15}" for _, title in COLUMNS)]
    for name, row in [*counted["by_runbook"].items(), ("all", counted)]:
        lines.append(f"{name:14}" + "".join(f"{_cell(row, key):>15}" for key, _ in COLUMNS))
    return lines


def _cell(row: dict[str, Any], key: str) -> str:
    value = row[key]
    whole = {"correct": "cases", "top3": "cases", "controls_incident": "controls", "controls_healthy": "controls"}
    if value is None:
        return "-"
    if key in whole and row[whole[key]]:
        return f"{value} ({value / row[whole[key]]:.0%})"
    return str(value)


def _by_cause(played: Sequence[Played]) -> list[str]:
    by: dict[str, list[Played]] = {}
    for one in played:
        by.setdefault(one.truth.cause, []).append(one)
    lines = [f"{'cause':28}{'verdicts':>9}{'right':>7}{'three':>7}   said instead"]
    for cause, found in sorted(by.items(), key=lambda item: (sum(map(is_right, item[1])) / len(item[1]), item[0])):
        said: dict[str, int] = {}
        for one in found:
            if not is_right(one):
                name = one.verdict.cause or f"{one.verdict.state}, {one.scores[0].id} leads"
                said[name] = said.get(name, 0) + 1
        instead = ", ".join(f"{name} {n}" for name, n in sorted(said.items(), key=lambda item: (-item[1], item[0])))
        right, three = sum(map(is_right, found)), sum(map(is_among_three, found))
        lines.append(f"{cause:28}{len(found):>9}{right:>7}{three:>7}   {instead}")
    return lines


def _reliability(classes: Iterable[Class]) -> list[str]:
    lines = ["confidence      verdicts   mean said   right   95 % interval"]
    for row in classes:
        bar = "#" * round(row.right * 20)
        lines.append(
            f"{row.above:.2f} to {row.to:.2f} {row.verdicts:>11} {row.confidence:>11.2f} {row.right:>7.2f}"
            f"   {row.low:.2f} to {row.high:.2f}  {bar}"
        )
    return lines


def as_json(played: Sequence[Played]) -> dict[str, Any]:
    """Return ``{"tune": S, "judge": S}``; a set of which nothing was played is counted as empty."""
    return {split: score(one for one in played if one.split == split) for split in ("tune", "judge")}


def record(played: Sequence[Played], *, on: date, path: Path = RECORD) -> None:
    """
    Write the scores with their date to *path*.

    ``runbooks`` holds what a report's page says about its own runbook: ``date``, ``correct`` (share, 0-1) and
    ``cases`` of the set that judges.
    """
    scores = as_json(played)
    judged = scores["judge"]["by_runbook"]
    content = {
        "date": on.isoformat(),
        "package_version": version("pitchey-ops"),
        "played_at": REHEARSED_AT.isoformat(),
        "runbooks": {
            name: {
                "date": on.isoformat(),
                "correct": round(row["correct"] / row["cases"], 4),
                "cases": row["cases"],
            }
            for name, row in judged.items()
            if row["cases"]
        },
        "reliability": [
            {"above": c.above, "to": c.to, "verdicts": c.verdicts, "right": round(c.right, 4)}
            for c in reliability(played)
        ],
        **scores,
    }
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)
