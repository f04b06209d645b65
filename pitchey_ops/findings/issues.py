"""What does Sentry list that is new or spiking since the onset?"""

from __future__ import annotations

import re
from datetime import timedelta

import polars as pl

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from ._levels import HARD, WARNED
from ._settled import MISSING_TEXT, harmless, settled
from ._troubles import signals_of
from .case import Case
from .kinds import BROWSERS, KINDS, SCRIPT_ERRORS, VAGUE_SHARE, told_by
from .users import served_as_before

RULE = "issues"
SIGNALS = tuple(dict.fromkeys(kind.signal for kind in KINDS))
WEAK = 0.6
"""Sentry counts what its client sends: one issue weighs less than counted log entries."""
MANY_USERS = 0.2
"""What is added to that for an issue that `USERS` people or more met: no single machine sends so."""
USERS = 40
MOST = 10
"""Issues that are told of one by one, by events."""
FEW = 3
TITLE_MIN = 12
"""Letters of a title from which it is one of its own."""
LINES_MIN = 5
SETTLED_SHARE = 0.9
"""Lines of our own log with an issue's title, and the part that says what was done instead: so it is of the issue."""
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
    told = new.head(MOST)
    texts = [f"{title or ''} {culprit or ''}"[:600] for title, culprit in told.select("title", "culprit").iter_rows()]
    signals = _kinds(texts, [project in browsers for project in told.get_column("project")])
    calm = _settled(case, told)
    for number, (row, text, signal) in enumerate(zip(told.iter_rows(named=True), texts, signals, strict=True)):
        well = calm[number]
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
                severity=Severity.WARNING if events >= 10 and not well else Severity.INFO,
                at=row["first_seen"],
                evidence=(row["observation"],) if row["observation"] else (),
                signals=(Signal(name=signal, strength=strength),) if signal and not well else (),
                data={"title": row["title"], "events": events, "users": row["users"], "permalink": row["permalink"]},
            )
        )
    return found


def _settled(case: Case, told: pl.DataFrame) -> list[bool]:
    """
    Return for each issue whether it is none, while users are served as before: by its title, or by our own log.

    A tracker cuts off what a line says behind its error; where our log has the same error and nearly each of its lines
    says what was done instead, the issue is told of as well.
    """
    if told.is_empty() or not served_as_before(case):
        return [False] * told.height
    title = pl.col("title").fill_null("")
    by_title = (
        told.select((harmless(title) | title.str.contains(MISSING_TEXT)).alias("calm")).get_column("calm").to_list()
    )
    logs = case.frames.logs.filter(pl.col("level").is_in([*HARD, *WARNED]) & (pl.col("at") >= case.window.start))
    lines = logs.select(pl.col("message").str.slice(0, 2_000).fill_null("").alias("text"))
    lines = lines.with_columns(well=settled(pl.col("text")))
    found = []
    for one, harmless_ in zip(told.get_column("title"), by_title, strict=True):
        mine = (
            lines.filter(pl.col("text").str.contains(one, literal=True))
            if len(one or "") >= TITLE_MIN
            else lines.clear()
        )
        share = float(mine.get_column("well").sum()) / mine.height if mine.height else 0.0
        found.append(bool(harmless_) or (mine.height >= LINES_MIN and share >= SETTLED_SHARE))
    return found


def _strength(events: int, users: int) -> float:
    return WEAK * min(1.0, events / 20) + MANY_USERS * min(1.0, users / USERS)


def _kinds(texts: list[str], frontend: list[bool]) -> list[str | None]:
    """Return the kind of error that each of *texts* tells of: the first that fits."""
    text, browser = pl.Series(texts, dtype=pl.String), pl.Series(frontend, dtype=pl.Boolean)
    told, left = told_by(text), pl.repeat(True, len(texts), dtype=pl.Boolean, eager=True)
    by_words: list[str | None] = [None] * len(texts)
    for kind in KINDS:
        fits = left & told(kind)
        if kind.frontend is not None:
            fits = fits & (browser == kind.frontend)
        for place in fits.arg_true():
            by_words[place] = kind.signal
        left = left & ~fits
    by_trouble = signals_of(text).get_column("signal")
    found = zip(by_words, by_trouble, frontend, strict=True)
    return [words or (None if in_browser else trouble) for words, trouble, in_browser in found]
