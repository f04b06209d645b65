"""Are requests of users failing, how many, on which routes, and how many people is that?"""

from __future__ import annotations

import math
from datetime import datetime

import polars as pl

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from ..models.report import Impact
from ._once import once
from ._requests import Requests, requests, spans, z_score
from .case import Case
from .refused import refusals

RULE = "users"
SIGNALS = ("users_failing", "users_not_failing", "users_refused")
Z_CLEAR = 5.0
"""z beyond which a rise is no chance: one in 3.5 million per comparison."""
EXCESS_MIN = 0.004
"""A rise of the failing share below this is background, however certain."""
CERTAIN = 0.7
"""Strength of a rise that is no chance, however small a part of all requests it is: one route of forty is 2 %."""
CHRONIC_FAILURES = 10
"""Failures on one route from which its share counts."""
TOLD_APART = 0.001
"""Difference of two shares from which whoever reads them sees it."""
CHRONIC_SHARE = 0.01
"""A failing share from here on is no background, however long it has been so."""
ROUTE_FAILURES = 4.0
ROUTE_BEFORE = 15.0
"""Requests of a route before, from which "fails more than before" is said of it."""
ROUTE_NATS = 8.5
"""Gain in log-likelihood from which a route broke: z of 4.1, one in 40,000, over some forty routes."""
ROUTE_SHARE = 0.1
"""A route counts as affected from this failing share."""


@once
def users(case: Case) -> RuleResult:
    """
    Compare the failing share of requests after the onset with before.

    And report who is turned away (`refused`): requests that are refused are none that succeed. Looks at Cloudflare's
    analytics, else at request-log entries. With neither in the window it is
    `NotChecked`. If the source was empty there is no row and so no all-clear; if it was late, the newest
    minutes are missing and the earlier ones decide; if it was cut, logs cover part of the window and
    "not failing" is only said from half of it on; if it lied, the two vantage points contradict each other
    (`contradictions`).
    """
    seen = requests(case)
    if seen is None:
        return NotChecked(rule=RULE, because=case.why_missing("cloudflare_api/traffic", "logs/service", "r2/archive"))
    before_start, before_end, after_start, after_end = spans(case)
    n_0, bad_0 = seen.total(before_start, before_end)
    n_1, bad_1 = seen.total(after_start, after_end)
    if n_1 <= 0:
        return NotChecked(rule=RULE, because=f"no requests were seen after {after_start:%H:%M} UTC ({seen.vantage})")
    share_0, share_1 = (bad_0 / n_0 if n_0 else None), bad_1 / n_1
    excess = share_1 - (share_0 or 0.0)
    failing = excess >= EXCESS_MIN and z_score(bad_1, n_1, bad_0, n_0) >= Z_CLEAR
    broken = _broken_route(seen, (before_start, before_end), (after_start, after_end))
    limit = case.settings.thresholds.error_share
    if n_0 == 0:
        failing = share_1 >= limit
    data = {
        "vantage": seen.vantage,
        "requests_after": n_1,
        "failing_after": bad_1,
        "failing_share_after": share_1,
        "failing_share_before": share_0,
        "after_start": after_start.isoformat(),
        "routes": [
            {
                "route": row["route"],
                "requests": row["requests"],
                "failing": row["failing"],
                "share": row["share"],
            }
            for row in seen.by_route(after_start, after_end).head(20).iter_rows(named=True)
        ],
    }
    refused = refusals(case, (before_start, before_end), (after_start, after_end))
    before = "before, nothing to compare with" if share_0 is None else f"{share_0:.1%} before"
    where = "at the edge" if seen.vantage == "edge" else "in the logs"
    if failing:
        strength = min(1.0, CERTAIN + (1 - CERTAIN) * excess / limit)
        return [
            Finding(
                id=f"{RULE}/failing",
                rule=RULE,
                claim=f"{share_1:.1%} of requests fail {where} since {after_start:%H:%M} UTC ({before})",
                severity=Severity.CRITICAL if share_1 >= limit else Severity.WARNING,
                at=after_start,
                evidence=seen.evidence,
                signals=(Signal(name="users_failing", strength=strength),),
                data=data,
            ),
            *refused,
        ]
    if broken is not None:
        route, share, was, n = broken
        return [
            Finding(
                id=f"{RULE}/failing",
                rule=RULE,
                claim=f"{share:.0%} of {n:,.0f} requests for {route} fail {where} since {after_start:%H:%M} UTC"
                f" ({was:.1%} before), {share_1:.1%} of all requests",
                severity=Severity.WARNING,
                at=after_start,
                evidence=seen.evidence,
                signals=(Signal(name="users_failing", strength=CERTAIN),),
                data={**data, "route": route, "route_share": share, "route_share_before": was},
            ),
            *refused,
        ]
    worst = _chronic(seen, after_start, after_end)
    if share_1 >= CHRONIC_SHARE or worst is not None:
        on = f", {worst[1]:.0%} on {worst[0]}" if worst is not None else ""
        return [
            Finding(
                id=f"{RULE}/failing-all-along",
                rule=RULE,
                claim=f"{share_1:.1%} of requests fail {where}{on}, as much as before: it began before what was seen",
                severity=Severity.CRITICAL if share_1 >= limit else Severity.WARNING,
                evidence=seen.evidence,
                signals=(
                    Signal(
                        name="users_failing", strength=min(1.0, max(0.5 if worst is not None else 0.3, share_1 / limit))
                    ),
                ),
                data=data,
            ),
            *refused,
        ]
    covered = _covered_minutes(seen, case)
    more = "not clearly more" if share_0 is not None and share_1 >= share_0 + TOLD_APART else "no more"
    return [
        Finding(
            id=f"{RULE}/not-failing",
            rule=RULE,
            claim=f"{share_1:.1%} of requests fail {where} ({before}): {more} than before",
            severity=Severity.INFO,
            evidence=seen.evidence,
            # whoever is turned away was not served, however politely
            signals=(Signal(name="users_not_failing", strength=covered),) if covered >= 0.5 and not refused else (),
            data={**data, "covered_share": covered},
        ),
        *refused,
    ]


def impact(case: Case) -> Impact:
    """
    Return who is hurt since the onset: what is unknown stays None.

    ``users_affected`` counts the distinct users in failed request-log entries that were seen: a lower
    bound where the logs are cut.
    """
    seen = requests(case)
    if seen is None:
        return Impact()
    _, _, after_start, after_end = spans(case)
    n, bad = seen.total(after_start, after_end)
    if n <= 0:
        return Impact()
    routes = seen.by_route(after_start, after_end).filter((pl.col("share") >= ROUTE_SHARE) & (pl.col("failing") >= 3))
    failed = case.bad_requests.filter(pl.col("failed") & (pl.col("at") >= after_start))
    people = failed.get_column("user_id").drop_nulls().n_unique() if failed.height else None
    services = (
        failed.group_by("service").len().filter(pl.col("len") >= 3).sort(["len", "service"], descending=[True, False])
    )
    return Impact(
        requests_failing_share=bad / n,
        users_affected=people or None,
        routes=tuple(routes.get_column("route").head(12).to_list()),
        services=tuple(services.get_column("service").head(12).to_list()),
    )


def failing_all_along(case: Case) -> bool:
    """Whether requests fail as much as before and more than any background: it began before what was seen."""
    if case.onset is not None:
        return False
    told = users(case)
    return isinstance(told, list) and any(finding.id == f"{RULE}/failing-all-along" for finding in told)


def served_as_before(case: Case) -> bool:
    """Whether requests of users were seen, and seen to succeed as before."""
    told = users(case)
    if not isinstance(told, list):
        return False
    names = {signal.name for finding in told for signal in finding.signals}
    return "users_not_failing" in names and not names & {"users_failing", "users_refused"}


def _broken_route(
    seen: Requests, before: tuple[datetime, datetime], after: tuple[datetime, datetime]
) -> tuple[str, float, float, float] | None:
    """
    Return the route (its failing share, that before, its requests) that broke most clearly, None when none did.

    A route that few use may fail for everybody who needs it and move no total: buying, registering, uploading. The
    gain in log-likelihood of two shares over one (G test) is asked to be as rare as for the total, over forty routes.
    """
    earlier = {row["route"]: row for row in seen.by_route(*before).iter_rows(named=True)}
    best: tuple[float, str, float, float, float] | None = None
    for row in seen.by_route(*after).iter_rows(named=True):
        k, n = float(row["failing"]), float(row["requests"])
        old = earlier.get(row["route"], {"failing": 0.0, "requests": 0.0})
        k_0, n_0 = float(old["failing"]), float(old["requests"])
        if k < ROUTE_FAILURES or n <= 0 or k / n < ROUTE_SHARE or n_0 < ROUTE_BEFORE:
            continue
        share, was = k / n, k_0 / n_0
        gain = _nats(k, n) + _nats(k_0, n_0) - _nats(k + k_0, n + n_0)
        if share > was and gain >= ROUTE_NATS and (best is None or gain > best[0]):
            best = (gain, str(row["route"]), share, was, n)
    return None if best is None else best[1:]


def _nats(k: float, n: float) -> float:
    """Return the log-likelihood of *k* of *n* at its own share."""
    return sum(part * math.log(part / n) for part in (k, n - k) if part > 0)


def _chronic(seen: Requests, start: datetime, end: datetime) -> tuple[str, float] | None:
    """Return the route (and its share) that fails worst, if one fails like nothing does in the background."""
    bad = seen.by_route(start, end).filter((pl.col("share") >= ROUTE_SHARE) & (pl.col("failing") >= CHRONIC_FAILURES))
    row = bad.sort(["share", "route"], descending=[True, False]).row(0, named=True) if bad.height else None
    return None if row is None else (str(row["route"]), float(row["share"]))


def _covered_minutes(seen: Requests, case: Case) -> float:
    """Return the share of the window's last half hour that has requests, 0-1."""
    start = max(case.window.start, case.window.end - (case.window.duration / 2))
    minutes = max(1.0, (case.window.end - start).total_seconds() / 60.0)
    have = seen.minutes.filter(pl.col("at").is_between(start, case.window.end)).get_column("at").n_unique()
    return min(1.0, have / minutes)
