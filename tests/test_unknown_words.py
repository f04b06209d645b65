"""
Worlds in which every word of every warning and error is unknown: the letters are others, the structure is as it was.

Nobody can have fitted anything to such words. A cause need not be named there; an all-clear must not be given.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from pitchey_ops import frames
from pitchey_ops.drills.play import Evidence, Played, analysed, evidence

PLAIN = "abcdefghijklmnopqrstuvwxyz"
OTHER = "bcdfghjklmnpqrstvwxzaeiouy"
LETTERS = str.maketrans(PLAIN + PLAIN.upper(), OTHER + OTHER.upper())
SMALL = 20_000
TROUBLE = (
    "odd_strict_forms",
    "odd_one_place",
    "odd_counted_up",
    "odd_late_bytes",
    "odd_big_studio",
    "odd_undecodable",
    "dark_loudest",
    "unsaid_late",
)
FINE = ("odd_fine_grumbling", "odd_fine_bulk_import")


def unknown(found: Evidence) -> Evidence:
    """Return the evidence with other letters in what services warn of, and in what the tracker lists."""
    asked = found.answers.asked
    warned = pl.col("level").is_in(["error", "fatal", "critical", "warn", "warning"])
    own = warned & ~(pl.col("status").is_not_null() & pl.col("url").is_not_null())

    def other(name: str) -> pl.Expr:
        return pl.col(name).map_elements(lambda text: text.translate(LETTERS), return_dtype=pl.String)

    logs = asked.frames.logs.with_columns(
        pl.when(own).then(other(name)).otherwise(name).alias(name) for name in ("message", "component", "stack")
    )
    issues = asked.frames.issues
    if issues.height:
        issues = issues.with_columns(other("title"), other("culprit"))
    told: frames.Frames = replace(asked.frames, logs=logs, issues=issues)
    return replace(found, answers=replace(found.answers, asked=replace(asked, frames=told)))


def played(scenario: str) -> Played:
    """Return what the first runbook says of a world with unknown words."""
    return analysed(unknown(evidence(scenario, seed=0, runbooks=["triage"], entries=SMALL)), ["triage"])[0]


@pytest.mark.slow
@pytest.mark.parametrize("scenario", TROUBLE)
def test_no_trouble_is_called_healthy_for_want_of_words(scenario: str) -> None:
    """What is new, refused, slow, deserted or asked in a new way needs no vocabulary."""
    assert played(scenario).verdict.state != "healthy"


@pytest.mark.slow
@pytest.mark.parametrize("scenario", FINE)
def test_usual_complaints_in_unknown_words_are_no_trouble(scenario: str) -> None:
    """The same grumbling as every week stays what it is, whatever its language."""
    assert played(scenario).verdict.state == "healthy"
