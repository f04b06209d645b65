"""Which error patterns are there, and which of them are new or rising since the onset?"""

from __future__ import annotations

import polars as pl

from ..models.finding import Finding, NotChecked, RuleResult, Severity
from ._settled import settled, silenced
from .case import Case, observation_ids
from .users import served_as_before

RULE = "patterns"
SHOWN = 12


def top_patterns(case: Case) -> RuleResult:
    """
    Report error patterns, new and rising ones first, with counts and first and last seen.

    `NotChecked` when no entry of the window was seen: an answer that was empty, or cut before the window,
    looks like that. When entries come late their patterns are missing, never wrong. What a pattern means
    is weighed in `findings.kinds`; here it is only counted.
    """
    if case.frames.logs.filter(pl.col("at") >= case.window.start).is_empty():
        return NotChecked(rule=RULE, because=case.why_missing("logs/service", "r2/archive"))
    found = []
    shown = case.error_changes.head(SHOWN)
    text = pl.col("example").fill_null("")
    well = settled(text) | silenced(text) if served_as_before(case) else pl.repeat(False, pl.len())
    calm = shown.select(well.alias("calm")).get_column("calm")
    for number, (row, quiet) in enumerate(zip(shown.iter_rows(named=True), calm, strict=True)):
        often = "once" if row["count"] == 1 else f"{row['count']} times"
        loud = row["is_new"] and row["count_after"] >= 10 and not quiet
        news = "new" if row["is_new"] else "rising" if row["is_rising"] else "as before"
        found.append(
            Finding(
                id=f"{RULE}/{row['pattern_id']}",
                rule=RULE,
                claim=f"{often} (of {row['service']}; {news}): “{row['template'][:200]}”",
                severity=Severity.WARNING if loud else Severity.INFO,
                at=row["first_at"],
                service=row["service"],
                evidence=observation_ids(case.errors.filter(pl.col("pattern_id") == row["pattern_id"])),
                data={
                    "place": number + 1,
                    "template": row["template"][:1000],
                    "example": row["example"],
                    "count": row["count"],
                    "count_before": row["count_before"],
                    "count_after": row["count_after"],
                    "first_at": row["first_at"].isoformat(),
                    "last_at": row["last_at"].isoformat(),
                    "is_new": bool(row["is_new"]),
                    "is_rising": bool(row["is_rising"]),
                    "services": list(row["services"])[:8],
                },
            )
        )
    return found
