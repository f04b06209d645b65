"""Answers that get slow for some and not for most, and services that get slow together: both are felt and told."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from hand_cases import BROWSER, END, Row, case

from pitchey_ops.findings import latency
from pitchey_ops.findings._compare import shift
from pitchey_ops.models.finding import Finding, Severity

BEGAN = END - timedelta(minutes=25)
OWNERS = {
    "/api/browse": "browse",
    "/api/creator/dashboard": "creator",
    "/api/investor/portfolio": "investor",
    "/api/messages": "messaging",
    "/pitches": "frontend",
}
"""Route -> the service that logs it."""


def day(late_ms: dict[str, float], *, share: float, seed: int = 1, began: datetime = BEGAN) -> list[Row]:
    """Return three hours of requests; since *began*, *share* of those of each route in *late_ms* are so much later."""
    dice = random.Random(seed)
    rows: list[Row] = []
    for second in range(0, 3 * 3600, 6):
        at = END - timedelta(seconds=3 * 3600 - second)
        url, service = dice.choice(list(OWNERS.items()))
        took_ms = 90.0 * dice.lognormvariate(0.0, 0.3)
        if at >= began and url in late_ms and dice.random() < share:
            took_ms += late_ms[url]
        rows.append(
            {
                "at": at,
                "service": service,
                "level": "info",
                "message": f"GET {url} 200",
                "ip": "203.0.113.7",
                "url": url,
                "method": "GET",
                "status": 200,
                "user_agent": BROWSER,
                "duration_ms": took_ms,
                "observation": f"r2/archive/{service}",
            }
        )
    return rows


def said(rows: list[Row]) -> dict[str, Finding]:
    """Return what the rule finds, by id."""
    found = latency.latency(case(dated=True, logs=rows))
    assert isinstance(found, list)
    return {one.id: one for one in found}


def signals(found: dict[str, Finding]) -> set[str]:
    """Return the names of all signals in *found*."""
    return {signal.name for one in found.values() for signal in one.signals}


API = ("/api/browse", "/api/creator/dashboard", "/api/investor/portfolio", "/api/messages")


def test_a_quarter_of_the_answers_that_take_ten_times_as_long_are_slow_answers() -> None:
    """Whoever is served from a cache is served as before, and hides in the middle what all others wait for."""
    found = said(day(dict.fromkeys(API, 1200.0), share=0.3))
    assert "latency/high" in found
    assert "latency_high" in signals(found)
    assert found["latency/high"].data["far_share"] >= latency.FAR_SHARE


def test_a_few_late_answers_are_as_ever() -> None:
    """Some requests are always late, before as after, and others have bad luck."""
    for seed in range(6):
        assert "latency/high" not in said(day(dict.fromkeys(API, 1200.0), share=0.03, seed=seed))
        assert "latency/high" not in said(
            day(dict.fromkeys(API, 1200.0), share=0.2, seed=seed, began=datetime.min.replace(tzinfo=END.tzinfo))
        )


def test_far_above_counts_by_what_each_group_took_before() -> None:
    """A route that always takes a second is not far above its usual at a second and a quarter."""
    at = [END - timedelta(seconds=600 - second) for second in range(600)]
    values = [1000.0 if second % 2 else 50.0 for second in range(300)]
    values += [1250.0 if second % 2 else 50.0 for second in range(300)]
    points = pl.DataFrame({"at": at, "value": values, "group": ["slow" if n % 2 else "quick" for n in range(600)]})
    moved = shift(points, (at[0], at[300]), (at[300], END))
    assert moved.slower_share == 0.5
    assert (moved.far_share, moved.far_z) == (0.0, 0.0)


def test_services_that_get_slow_at_once_are_told_as_such() -> None:
    """What they share is slow, most likely the database; pages that need none of it are as before."""
    found = said(day(dict.fromkeys(API, 1400.0), share=0.5))
    assert "slow_across_services" in signals(found)
    assert found["latency/high"].data["slow_together"] == ["browse", "creator", "investor", "messaging"]


def test_one_slow_service_or_all_of_them_say_nothing_of_what_is_shared() -> None:
    """One is slow by itself; where all are, the Worker or the network may be it."""
    for routes in (("/api/browse", "/api/messages"), tuple(OWNERS)):
        found = said(day(dict.fromkeys(routes, 1400.0), share=0.9))
        assert "latency_high" in signals(found)
        assert "slow_across_services" not in signals(found)


def test_one_route_that_has_been_slow_since_nobody_knows_is_held_against_last_week() -> None:
    """Where nothing dates it, before and after are alike, and a week of quick answers is the only witness."""

    def of(hours_ago: float, url: str, took_ms: float, **more: Any) -> Row:
        return {
            **day({}, share=0.0)[0],
            "at": END - timedelta(hours=hours_ago),
            "url": url,
            "duration_ms": took_ms,
            **more,
        }

    week = [of(24 + n / 10, "/api/media/thumbnail", 50.0 + n % 7) for n in range(300)]
    week += [of(24 + n / 10, "/api/browse", 90.0 + n % 9) for n in range(300)]
    lately = [of(n / 60, "/api/browse", 90.0 + n % 9) for n in range(1, 150)]
    slow = [of(n / 12, "/api/media/thumbnail", 1800.0 + n) for n in range(1, 30)]
    quick = [{**row, "duration_ms": 52.0} for row in slow]
    (told,) = (one for one in said_undated(week + lately + slow) if one.id == "latency/last-week")
    assert told.severity is Severity.WARNING
    assert "/api/media/thumbnail" in told.claim
    assert not [one for one in said_undated(week + lately + quick) if one.id == "latency/last-week"]


def said_undated(rows: list[Row]) -> list[Finding]:
    """Return what the rule finds where no onset is known."""
    found = latency.latency(case(logs=rows))
    assert isinstance(found, list)
    return found
