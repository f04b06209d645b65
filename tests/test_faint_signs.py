"""
Signs that are easily lost: a route that few ask for, slow answers without an error, a prefix full of addresses.

Each is seen, and a harmless look-alike beside each is not.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from pitchey_ops import frames
from pitchey_ops.findings import kinds, latency
from pitchey_ops.findings.attacks import attackers
from pitchey_ops.findings.case import Case
from pitchey_ops.findings.onset import overall, symptoms
from pitchey_ops.models.window import Window
from pitchey_ops.settings import load

END = datetime(2026, 11, 23, 12, tzinfo=UTC)
START = END - timedelta(hours=1)
BEGAN = END - timedelta(minutes=22)
ROUTES = {"/api/pitches": 95.0, "/api/browse": 80.0, "/api/pitches/trending": 60.0, "/api/analytics/track": 25.0}
BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
Row = dict[str, Any]


def request(at: datetime, url: str, took_ms: float, **more: Any) -> Row:
    """Return one logged request."""
    row = {
        "at": at, "service": "pitch", "level": "info", "message": f"GET {url} 200", "ip": "203.0.113.7", "url": url,
        "method": "GET", "status": 200, "user_agent": BROWSER, "duration_ms": took_ms,
        "observation": "r2/archive/pitch",
    }  # fmt: skip
    return {**row, **more}


def day(slower: Callable[[str, datetime], float], *, per_min: int = 10, seed: int = 1) -> list[Row]:
    """Return three hours of requests; *slower* tells by how many milliseconds one is late."""
    dice = random.Random(seed)
    found = []
    for second in range(0, 3 * 3600, 60 // per_min):
        at = END - timedelta(seconds=3 * 3600 - second)
        url, usual_ms = dice.choice(list(ROUTES.items()))
        found.append(request(at, url, usual_ms * dice.lognormvariate(0.0, 0.35) + slower(url, at)))
    return found


def case(rows: list[Row], alert_at: datetime | None = None) -> Case:
    """Return a case that saw *rows* in its logs and nothing else."""
    logs = pl.DataFrame([{name: row.get(name) for name in frames.LOGS} for row in rows], schema=frames.LOGS)
    window = Window(start=START, end=END)
    whole = frames.Frames(window=window, logs=logs.sort("at", maintain_order=True))
    return Case(window=window, now=END, frames=whole, observations={}, settings=load("sandbox"), alert_at=alert_at)


def test_answers_that_take_longer_since_then_tell_the_time_without_one_error() -> None:
    """APM is blind in ordinary operation; the requests in the logs are all that shows a slow database."""
    late = case(day(lambda url, at: 700.0 if at >= BEGAN and url != "/api/analytics/track" else 0.0))
    onset = overall(late)
    assert onset is not None
    assert onset.symptoms == ("slow_answers:all",)
    assert abs((onset.at - BEGAN).total_seconds()) <= onset.uncertainty_s <= 150


@pytest.mark.parametrize("seed", range(12))
def test_answers_as_ever_tell_no_time(seed: int) -> None:
    """An answer in fifty that takes long all day is how it is, not since when."""
    dice = random.Random(1000 + seed)
    found = symptoms(case(day(lambda url, at: 900.0 if dice.random() < 0.02 else 0.0, seed=seed)).frames)
    assert "slow_answers:all" in found.judged
    assert found.onsets == ()


def test_a_recording_without_an_earlier_hour_has_no_usual_to_compare_with() -> None:
    """What is usual would be taken from the fault itself."""
    rows = [
        row for row in day(lambda url, at: 700.0 if at >= BEGAN else 0.0) if row["at"] >= START + timedelta(minutes=5)
    ]
    assert not [name for name in symptoms(case(rows).frames).judged if name.startswith("slow_answers")]


def seldom(before_ms: list[float], after_ms: list[float]) -> list[Row]:
    """Return an ordinary day and a few requests of one route, before and after."""
    rows = day(lambda url, at: 0.0)
    url = "/api/messages"
    rows += [request(END - timedelta(minutes=40 + 9 * i), url, ms) for i, ms in enumerate(before_ms)]
    return rows + [request(END - timedelta(minutes=3 + 2 * i), url, ms) for i, ms in enumerate(after_ms)]


@pytest.mark.parametrize(
    ("before_ms", "after_ms", "told"),
    [
        pytest.param([70, 75, 80, 90, 85, 77, 81], [2400, 3000, 2900, 2200], True, id="all of them"),
        pytest.param([70, 75, 80, 90, 85, 77, 81], [75, 80, 2900, 90], False, id="one of them"),
        pytest.param([70, 75, 80, 90, 85, 77, 81], [240, 260, 300, 290], False, id="a quarter of a second"),
        pytest.param([70, 2500, 80, 3900, 85, 77, 3100], [2400, 3000, 2900, 2200], False, id="as it was now and then"),
        pytest.param([70, 75, 80], [2400, 3000, 2900], False, id="too few before"),
    ],
)
def test_a_route_that_few_ask_for_and_nobody_can_use_is_not_as_before(
    before_ms: list[float], after_ms: list[float], *, told: bool
) -> None:
    """Ranks of four requests prove nothing, and so the whole was called normal while an inbox took three seconds."""
    found = latency.latency(case(seldom(before_ms, after_ms)))
    assert isinstance(found, list)
    signals = {signal.name for finding in found for signal in finding.signals}
    assert ("latency_normal" not in signals) == told
    routes = [finding.data["route"] for finding in found if finding.id == "latency/one-route"]
    assert routes == (["/api/messages"] if told else [])


def prefix(addresses: list[str], agent: str, url: Callable[[int], str], **more: Any) -> list[Row]:
    """Return four requests a minute of each second address of *addresses*, one after another."""
    return [
        request(END - timedelta(seconds=600 - 4 * i), url(i), 90.0, ip=address, user_agent=agent, **more)
        for i, address in enumerate(addresses)
    ]


MANY = [f"2a0e:b107:740:{i:x}::{i * 37:x}" for i in range(1, 150)]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        pytest.param(prefix(MANY, "node-fetch/3.3", lambda i: f"/api/pitches?page={i}"), True, id="one program"),
        pytest.param(prefix(MANY, "OurApp/3.1", lambda i: "/api/pitches?page=1"), False, id="an app that polls"),
        pytest.param(
            [
                {**row, "user_id": f"u{i}"}
                for i, row in enumerate(prefix(MANY, BROWSER, lambda i: f"/api/pitches?p={i}"))
            ],
            False,
            id="people who are signed in",
        ),
        pytest.param(
            prefix(
                [f"2a0e:{i:x}:740:1::1" for i in range(1, 150)], "node-fetch/3.3", lambda i: f"/api/pitches?page={i}"
            ),
            False,
            id="addresses of many customers",
        ),
        pytest.param(
            prefix(MANY[:20] * 7, "node-fetch/3.3", lambda i: f"/api/pitches?page={i}"), False, id="twenty addresses"
        ),
    ],
)
def test_one_program_on_ever_new_addresses_of_one_prefix_passes_for_many(rows: list[Row], *, told: bool) -> None:
    """A limit that counts addresses counts one each; a house, an app and a carrier look different."""
    found = attackers(case(day(lambda url, at: 0.0) + rows).frames.logs)
    assert found.filter(pl.col("bypass").str.contains("IPv6 prefix")).height == (len(MANY) if told else 0)


@pytest.mark.parametrize(
    ("text", "signal"),
    [
        ('googleapi: Get "https://storage.internal/media/4f2a": read: connection reset by peer', "storage_errors"),
        ("put https://minio.cluster.local:9000/films/1: status 503", "storage_errors"),
        ("GET https://objects.example.net/films/77 failed: timeout", "storage_errors"),
        ("POST https://api.stripe.com/v1/charges failed: connection reset by peer", "third_party_errors"),
    ],
)
def test_an_address_of_a_store_that_fails_is_the_store_and_no_provider(text: str, signal: str) -> None:
    """Both are asked over https, and the words of a broken connection are the same."""
    rows = [
        {"at": END - timedelta(minutes=i), "service": "upload", "level": "error", "message": text, "observation": "o"}
        for i in range(30)
    ]
    found = kinds.kinds(case(day(lambda url, at: 0.0) + rows))
    assert isinstance(found, list)
    names = {one.name for finding in found for one in finding.signals}
    assert signal in names
    assert not names & ({"storage_errors", "third_party_errors"} - {signal})
