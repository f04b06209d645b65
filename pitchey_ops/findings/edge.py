"""Where on the way do requests fail: at the edge itself, before our Worker is reached, or behind it?"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import polars as pl

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from ._requests import FAILED_FROM, spans, z_score
from .case import Case, observation_ids

RULE = "edge"
SIGNALS = ("edge_network_page", "edge_fails_alike", "edge_fails_by_route", "fails_before_worker")
NETWORK_PAGES = (520, 530)
"""Statuses (from, to) that only Cloudflare itself gives: https://developers.cloudflare.com/support/troubleshooting/"""
API = r"^/(?:api|graphql|v\d+|ws|trpc|rpc)(?:/|$)"
"""Routes that the Worker answers; all others are pages and files, which it does not."""
Z_CLEAR = 4.0
EXCESS_MIN = 0.01
REQUESTS_MIN = 40
"""Requests of a kind of routes since the onset from which its failing share is compared."""
ALIKE = 3.0
"""Failing shares of pages and API within this factor are "alike"."""
TURNED_AWAY = (403, 429)
"""What the edge's rules refuse never was to reach the Worker."""
LOST_MIN = 0.4
"""Part of the failing requests that must be missing among the Worker's invocations."""


def edge(case: Case) -> RuleResult:
    """
    Compare how pages and files fail with how the API fails, and what arrives at the Worker with what was asked.

    Pages and files are not answered by the Worker: a cause behind it cannot touch them, one before it touches all
    alike. Neither hangs on any wording or on the status page, which is late. `NotChecked` without Cloudflare's
    analytics. If these were late, their last two minutes are left out; if they were cut or sampled, shares still
    hold; an empty answer is not checked; if they lied about statuses, the Worker's own count stands beside them.
    """
    if case.frames.edge.is_empty():
        return NotChecked(rule=RULE, because=case.why_missing("cloudflare_api/traffic"))
    before_start, before_end, after_start, after_end = spans(case)
    table = case.frames.edge.filter(pl.col("requests") > 0)
    after = table.filter(pl.col("at").is_between(after_start, after_end, closed="left"))
    if after.is_empty():
        return NotChecked(rule=RULE, because=case.why_missing("cloudflare_api/traffic"))
    before = table.filter(pl.col("at").is_between(before_start, before_end, closed="left"))
    return [*_pages(before, after, after_start), *_alike(before, after, after_start), *_lost(case, before, after)]


def _sum(frame: pl.DataFrame, keep: pl.Expr | None = None) -> float:
    return float((frame if keep is None else frame.filter(keep)).get_column("requests").sum())


def _pages(before: pl.DataFrame, after: pl.DataFrame, at: datetime) -> list[Finding]:
    own = pl.col("status").is_between(*NETWORK_PAGES)
    bad_0, n_0, bad_1, n_1 = _sum(before, own), _sum(before), _sum(after, own), _sum(after)
    excess = bad_1 / n_1 - (bad_0 / n_0 if n_0 else 0.0)
    if excess < EXCESS_MIN / 2 or z_score(bad_1, n_1, bad_0, n_0) < Z_CLEAR:
        return []
    top = after.filter(own).group_by("status").agg(pl.col("requests").sum()).sort("requests", descending=True)
    return [
        Finding(
            id=f"{RULE}/network-pages",
            rule=RULE,
            claim=f"{bad_1 / n_1:.1%} of requests are answered with Cloudflare's own error status"
            f" {top['status'][0]} ({bad_0 / n_0 if n_0 else 0:.1%} before)",
            severity=Severity.CRITICAL if excess >= 0.05 else Severity.WARNING,
            at=at,
            evidence=observation_ids(after),
            signals=(Signal(name="edge_network_page", strength=min(1.0, 0.6 + 4 * excess)),),
            data={"share": bad_1 / n_1, "statuses": top.head(5).to_dicts()},
        )
    ]


def _alike(before: pl.DataFrame, after: pl.DataFrame, at: datetime) -> list[Finding]:
    api = pl.col("route").str.contains(API).fill_null(value=False)
    failed = pl.col("status") >= FAILED_FROM
    shares, clear, asked = [], [], []
    for mine in (~api, api):
        n_1, bad_1 = _sum(after, mine), _sum(after, mine & failed)
        n_0, bad_0 = _sum(before, mine), _sum(before, mine & failed)
        shares.append(max(0.0, bad_1 / n_1 - (bad_0 / n_0 if n_0 else 0.0)) if n_1 else 0.0)
        clear.append(z_score(bad_1, n_1, bad_0, n_0) >= Z_CLEAR)
        asked.append(n_1)
    if min(asked) < REQUESTS_MIN or max(shares) < EXCESS_MIN:
        return []
    data = {"pages_and_files": shares[0], "api": shares[1]}
    words = f"{shares[0]:.1%} of pages and files and {shares[1]:.1%} of API requests fail more than before"
    routes = after.filter(failed).get_column("route").n_unique()
    if all(clear) and max(shares) <= ALIKE * min(shares):
        return [
            Finding(
                id=f"{RULE}/alike",
                rule=RULE,
                claim=f"{words}: alike, though the Worker does not answer pages, so it fails before the Worker",
                severity=Severity.WARNING,
                at=at,
                evidence=observation_ids(after),
                signals=(Signal(name="edge_fails_alike", strength=1.0 if min(shares) >= 0.03 else 0.8),),
                data={**data, "routes": routes},
            )
        ]
    if clear[1] and shares[1] > 2 * ALIKE * shares[0]:
        return [
            Finding(
                id=f"{RULE}/by-route",
                rule=RULE,
                claim=f"{words}: the edge itself serves what it serves alone",
                severity=Severity.INFO,
                evidence=observation_ids(after),
                signals=(Signal(name="edge_fails_by_route", strength=min(1.0, 0.5 + 5 * shares[1])),),
                data=data,
            )
        ]
    return []


def _lost(case: Case, before: pl.DataFrame, after: pl.DataFrame) -> list[Finding]:
    """Fewer invocations for as many requests: what failed never reached the Worker."""
    api = pl.col("route").str.contains(API).fill_null(value=False)
    start, end = after.get_column("at").min(), after.get_column("at").max()
    first, last = before.get_column("at").min(), before.get_column("at").max()
    if not (isinstance(start, datetime) and isinstance(end, datetime)):
        return []
    if not (isinstance(first, datetime) and isinstance(last, datetime)):
        return []
    mine = case.frames.workers.filter(pl.col("script") == case.settings.worker_script)
    minute = timedelta(minutes=1)
    ran_1 = _sum(mine.filter(pl.col("at").is_between(start, end + minute, closed="left")))
    ran_0 = _sum(mine.filter(pl.col("at").is_between(first, last + minute, closed="left")))
    passed = api & ~pl.col("status").is_in(TURNED_AWAY)
    asked_0, asked_1 = _sum(before, passed), _sum(after, passed)
    bad_1 = _sum(after, api & (pl.col("status") >= FAILED_FROM))
    if ran_0 < 200 or ran_1 < 20 or asked_0 <= 0 or asked_1 < REQUESTS_MIN or bad_1 < EXCESS_MIN * asked_1:
        return []
    expected = ran_0 / asked_0 * asked_1
    missing = expected - ran_1
    doubt = math.sqrt(expected + expected**2 * (1 / asked_0 + 1 / asked_1))
    if missing < LOST_MIN * bad_1 * ran_0 / asked_0 or missing < Z_CLEAR * doubt:
        return []
    return [
        Finding(
            id=f"{RULE}/lost",
            rule=RULE,
            claim=f"The Worker was called {ran_1:,.0f} times where the requests at the edge let expect {expected:,.0f}:"
            " what fails does not reach it",
            severity=Severity.WARNING,
            at=start,
            evidence=tuple(sorted({*observation_ids(after), *observation_ids(mine)}))[:12],
            signals=(Signal(name="fails_before_worker", strength=min(1.0, 0.5 + missing / expected)),),
            data={"expected": expected, "invocations": ran_1},
        )
    ]
