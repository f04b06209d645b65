"""What does Sentry list that is new or spiking since the onset?"""

from __future__ import annotations

import re
from datetime import timedelta

import polars as pl

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from ._troubles import signals_of
from .case import Case
from .kinds import BROWSERS, KINDS, SCRIPT_ERRORS, VAGUE_SHARE

RULE = "issues"
SIGNALS = tuple(dict.fromkeys(kind.signal for kind in KINDS))
WEAK = 0.6
"""Sentry counts what its client sends: one issue weighs less than counted log entries."""
MANY_USERS = 0.2
"""What is added to that for an issue that `USERS` people or more met: no single machine sends so."""
USERS = 40
FEW = 3
ALONE = 0.5
"""What an issue of few events and people is worth where nearly all that is new is this: its routes are seldom asked."""


def issues(case: Case) -> RuleResult:
    """
    Report issues first seen since shortly before the onset, and what kind of error they are.

    Without an onset, those of the window. `NotChecked` when Sentry was not read. Sentry drops events over
    quota and lags by a minute or two, so an empty list is no all-clear and gives no signal.
    """
    if case.one("sentry/issues") is None:
        return NotChecked(rule=RULE, because=case.why_missing("sentry/issues"))
    since = case.onset.at - timedelta(minutes=5) if case.onset is not None else case.window.start
    new = case.frames.issues.filter(pl.col("first_seen") >= since).sort(["count", "id"], descending=[True, False])
    browsers = set(case.settings.sentry_frontend_projects)
    found = []
    everything = max(1, int(new.get_column("count").fill_null(0).sum()))
    for number, row in enumerate(new.head(10).iter_rows(named=True)):
        text = f"{row['title'] or ''} {row['culprit'] or ''}"[:600]
        frontend = row["project"] in browsers
        signal = _kind(text, frontend)
        events = row["count"] or 0
        strength = _strength(events, row["users"] or 0)
        if events >= FEW and (row["users"] or 0) >= FEW:
            strength = max(strength, ALONE * events / everything)
        if signal == BROWSERS and not re.search(SCRIPT_ERRORS, text):
            strength *= VAGUE_SHARE
        found.append(
            Finding(
                id=f"{RULE}/{number + 1}",
                rule=RULE,
                claim=f"New in Sentry: {events} events, {row['users'] or 0} users, “{row['title']}” ({row['project']})",
                severity=Severity.WARNING if events >= 10 else Severity.INFO,
                at=row["first_seen"],
                evidence=(row["observation"],) if row["observation"] else (),
                signals=(Signal(name=signal, strength=strength),) if signal else (),
                data={"title": row["title"], "events": events, "users": row["users"], "permalink": row["permalink"]},
            )
        )
    return found


def _strength(events: int, users: int) -> float:
    return WEAK * min(1.0, events / 20) + MANY_USERS * min(1.0, users / USERS)


def _kind(text: str, frontend: bool) -> str | None:
    series = pl.Series([text])
    for kind in KINDS:
        if kind.frontend is not None and kind.frontend != frontend:
            continue
        if pl.select(kind.found_in(pl.lit(text))).item():
            return kind.signal
    return None if frontend else signals_of(series).get_column("signal")[0]
