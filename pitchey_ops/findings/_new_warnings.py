"""
Does somebody warn, lastingly and in numbers, of what nobody warned of before?

What fails in good order is often only warned of, in words that no kind of error knows. It names no cause; but where it
is new and goes on, nothing is called healthy.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from ..models.finding import Finding, Severity
from ..models.observation import Observed
from ._grouping import group_messages
from .case import Case, observation_ids

COUNT_MIN = 12
MINUTES_MIN = 4
"""Distinct minutes with such an entry: one burst is one event."""
SHARE_MIN = 0.1
"""Part of all that the service said since the first of them: less is nobody's trouble."""
KNOWN_MIN = 50
"""Entries of the service from before, from which a wording is new there."""
RECENT = timedelta(hours=6)
"""What began within so many hours before the window is new, too: nobody looked at it yet."""
PAUSE_MIN = timedelta(minutes=5)
PAUSES = 5.0
"""It is over when the newest entry is so many of its usual gaps old, and five minutes."""
OTHERS_OWN = (
    r"(?i)\bbounc\w*|\bmailbox|grey-?list|\b[45]\.[12]\.\d{1,2}\b|unsubscrib|\bunregistered\b"
    r"|subscription (?:gone|expired)|\bcards? (?:was |were )?declined|insufficient.funds|do.not.honou?r|\bdeprecat"
    r"|\bDEP\d{4}\b|managed rule|blocked request|\b(?:wrong|invalid|incorrect) (?:password|credentials)"
)
"""What a recipient's mailbox, phone or card says, what a firewall did, and what a library says of its age: affairs of
others (RFC 3463 numbers addresses X.1 and mailboxes X.2), of which campaigns and releases bring more."""
SHOWN = 5


def _whole(case: Case, service: str | None) -> bool:
    """Whether the store showed all that *service* said in the days that it keeps: then the first is the first."""
    told = case.observations.get(f"logs/service/{service}")
    return isinstance(told, Observed) and told.status == "observed" and not told.coverage.cut


def new_warnings(case: Case, warned: pl.DataFrame, logs: pl.DataFrame) -> list[Finding]:
    """
    Return one finding about warnings that are new in the window, or shortly before it, and go on; none without any.

    *warned* holds warnings that no kind of error claimed, also from before the window; *logs* all entries. If the
    source lied or was late the newest are missing and it may look over; where it was cut, or a service was not seen
    before, nothing is new there; one that was empty warns of nothing.
    """
    inside = pl.col("at") >= case.window.start - RECENT
    warned = warned.filter(~pl.col("message").str.slice(0, 500).str.contains(OTHERS_OWN).fill_null(value=False))
    if warned.filter(inside).height < COUNT_MIN:
        return []
    told = warned.with_columns(pattern=group_messages(warned.get_column("message")).pattern_ids)
    counts = (
        told.group_by("service", "pattern")
        .agg(
            (~inside).sum().alias("before"),
            inside.sum().alias("count"),
            pl.col("at").filter(inside).min().alias("first"),
            pl.col("at").filter(inside).max().alias("last"),
            pl.col("at").filter(inside).dt.truncate("1m").n_unique().alias("minutes"),
            pl.col("message").filter(inside).first().alias("example"),
        )
        .filter((pl.col("before") == 0) & (pl.col("count") >= COUNT_MIN) & (pl.col("minutes") >= MINUTES_MIN))
        .sort(["count", "service", "pattern"], descending=[True, False, False], nulls_last=True)
    )
    found = []
    for row in counts.iter_rows(named=True):
        first, last = row["first"], row["last"]
        mine = logs.filter(pl.col("service") == row["service"])
        earlier = mine.filter(~inside).height
        since = mine.filter(pl.col("at") >= first).height
        gap = (last - first) / max(1, row["count"] - 1)
        goes_on = case.now - last <= max(PAUSE_MIN, PAUSES * gap)
        if (earlier >= KNOWN_MIN or _whole(case, row["service"])) and row["count"] >= SHARE_MIN * since and goes_on:
            found.append(row)
    if not found:
        return []
    top = found[0]
    began: datetime = min(row["first"] for row in found[:SHOWN])
    more = f", and {len(found) - 1} more wordings" if len(found) > 1 else ""
    patterns = [row["pattern"] for row in found]
    return [
        Finding(
            id="kinds/warnings-new",
            rule="kinds",
            claim=f"{top['count']} warnings of {top['service']} since {began:%H:%M} UTC say what it never said before"
            f" and go on: “{top['example'][:160]}”{more}",
            severity=Severity.WARNING,
            at=began,
            service=top["service"],
            evidence=observation_ids(told.filter(inside & pl.col("pattern").is_in(patterns))),
            data={
                "wordings": [
                    {"service": row["service"], "count": row["count"], "example": row["example"][:300]}
                    for row in found[:SHOWN]
                ]
            },
        )
    ]
