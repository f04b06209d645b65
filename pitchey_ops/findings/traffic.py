"""Is there more traffic than usual, or less, and does it come from few?"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from ._requests import LATE, requests
from .case import Case, observation_ids

RULE = "traffic"
SIGNALS = ("traffic_surge", "traffic_from_few", "traffic_normal", "rate_limited_users")
SURGE = 2.0
"""Requests per minute against before, from which traffic counts as a surge."""
FLOOD = 3.5
"""From here on more traffic is a symptom by itself; below, a newsletter brings as many."""
NORMAL = 1.5
RATE_LIMITED_SHARE = 0.02
FEW_SHARE = 0.5
"""Share of the requests after the onset that the ten busiest addresses send, from which they are "few"."""


def traffic(case: Case) -> RuleResult:
    """
    Compare requests per minute after the onset with before, at the edge or in the logs.

    Medians over minutes, so that a short gap or spike decides nothing. `NotChecked` without any minutes
    before or after. If the edge was late, its last two minutes are left out; if logs are cut, both spans
    are; a source that lies low shows a drop, which is no signal of anything here.
    """
    seen = requests(case)
    if seen is None:
        return NotChecked(rule=RULE, because=case.why_missing("cloudflare_api/traffic", "logs/service"))
    since = case.since
    per_minute = seen.minutes.group_by("at").agg(pl.col("requests").sum()).sort("at")
    before = per_minute.filter(pl.col("at").is_between(since - timedelta(hours=2), since - timedelta(minutes=5)))
    after = per_minute.filter(pl.col("at").is_between(since, case.now - LATE))
    if before.height < 5 or after.height < 2:
        return NotChecked(rule=RULE, because="too few minutes with requests before or after the onset to compare")
    rate_0 = float(before.get_column("requests").median() or 0.0)  # type: ignore[arg-type]
    rate_1 = float(after.get_column("requests").quantile(0.75) or 0.0)
    ratio = rate_1 / max(rate_0, 1.0)
    data = {"requests_per_minute_before": rate_0, "requests_per_minute_after": rate_1, "ratio": ratio}
    found: list[Finding] = []
    if ratio >= SURGE:
        found.append(
            Finding(
                id=f"{RULE}/surge",
                rule=RULE,
                claim=f"{ratio:.1f} times as many requests as before ({rate_1:,.0f} a minute, {rate_0:,.0f} before)",
                severity=Severity.WARNING if ratio >= FLOOD else Severity.INFO,
                at=since,
                evidence=seen.evidence,
                signals=(Signal(name="traffic_surge", strength=min(1.0, 0.5 + (ratio - SURGE) / 4.0)),),
                data=data,
            )
        )
        found += _few(case)
    elif ratio <= NORMAL:
        found.append(
            Finding(
                id=f"{RULE}/normal",
                rule=RULE,
                claim=f"As many requests as before ({rate_1:,.0f} a minute, {rate_0:,.0f} before)",
                severity=Severity.INFO,
                evidence=seen.evidence,
                signals=(Signal(name="traffic_normal"),),
                data=data,
            )
        )
    return found + _limited(case)


def _few(case: Case) -> list[Finding]:
    logs = case.frames.logs.filter((pl.col("at") >= case.since) & pl.col("ip").is_not_null())
    if logs.height < 100:
        return []
    by_address = logs.group_by("ip").len().sort(["len", "ip"], descending=[True, False])
    share = float(by_address.head(10).get_column("len").sum()) / logs.height
    if share < FEW_SHARE:
        return []
    return [
        Finding(
            id=f"{RULE}/few",
            rule=RULE,
            claim=f"Ten addresses send {share:.0%} of the requests that were logged since then",
            severity=Severity.WARNING,
            evidence=observation_ids(logs),
            signals=(Signal(name="traffic_from_few", strength=min(1.0, share)),),
            data={"addresses": by_address.head(10).get_column("ip").to_list(), "share": share},
        )
    ]


def _limited(case: Case) -> list[Finding]:
    edge = case.frames.edge.filter(pl.col("at") >= case.since)
    total = float(edge.get_column("requests").sum())
    turned_away = float(edge.filter(pl.col("status") == 429).get_column("requests").sum())
    if not total or turned_away / total < RATE_LIMITED_SHARE:
        return []
    return [
        Finding(
            id=f"{RULE}/limited",
            rule=RULE,
            claim=f"{turned_away / total:.1%} of requests are turned away with 429",
            severity=Severity.WARNING,
            evidence=observation_ids(edge),
            signals=(Signal(name="rate_limited_users", strength=min(1.0, turned_away / total / 0.1)),),
            data={"share": turned_away / total},
        )
    ]
