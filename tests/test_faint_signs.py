"""
Signs that are easily lost: a route that few ask for, slow answers without an error, a prefix full of addresses.

Each is seen, and a harmless look-alike beside each is not.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hand_cases import BROWSER, END, START, Row, case

from pitchey_ops.findings import kinds, latency, probes
from pitchey_ops.findings.attacks import attackers
from pitchey_ops.findings.onset import overall, symptoms
from pitchey_ops.models.observation import Observed
from pitchey_ops.sources.api import ProbeResult, Sample

BEGAN = END - timedelta(minutes=22)
ROUTES = {"/api/pitches": 95.0, "/api/browse": 80.0, "/api/pitches/trending": 60.0, "/api/analytics/track": 25.0}


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


def test_answers_that_take_longer_since_then_tell_the_time_without_one_error() -> None:
    """APM is blind in ordinary operation; the requests in the logs are all that shows a slow database."""
    late = case(dated=True, logs=day(lambda url, at: 700.0 if at >= BEGAN and url != "/api/analytics/track" else 0.0))
    onset = overall(late)
    assert onset is not None
    assert onset.symptoms == ("slow_answers:all",)
    assert abs((onset.at - BEGAN).total_seconds()) <= onset.uncertainty_s <= 150


@pytest.mark.parametrize("seed", range(12))
def test_answers_as_ever_tell_no_time(seed: int) -> None:
    """An answer in fifty that takes long all day is how it is, not since when."""
    dice = random.Random(1000 + seed)
    found = symptoms(
        case(dated=True, logs=day(lambda url, at: 900.0 if dice.random() < 0.02 else 0.0, seed=seed)).frames
    )
    assert "slow_answers:all" in found.judged
    assert found.onsets == ()


def test_a_recording_without_an_earlier_hour_has_no_usual_to_compare_with() -> None:
    """What is usual would be taken from the fault itself."""
    rows = [
        row for row in day(lambda url, at: 700.0 if at >= BEGAN else 0.0) if row["at"] >= START + timedelta(minutes=5)
    ]
    assert not [name for name in symptoms(case(dated=True, logs=rows).frames).judged if name.startswith("slow_answers")]


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
    found = latency.latency(case(dated=True, logs=seldom(before_ms, after_ms)))
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
    found = attackers(case(dated=True, logs=day(lambda url, at: 0.0) + rows).frames.logs)
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
    found = kinds.kinds(case(dated=True, logs=day(lambda url, at: 0.0) + rows))
    assert isinstance(found, list)
    names = {one.name for finding in found for one in finding.signals}
    assert signal in names
    assert not names & ({"storage_errors", "third_party_errors"} - {signal})


def test_one_of_three_requests_that_fails_is_told_by_how_it_failed() -> None:
    """What most of them did is the opposite of what is said: one of three failed, and the word was ok."""
    samples = (
        Sample(kind="ok", status=200, took_ms=40.0),
        Sample(kind="server_error", status=500, took_ms=30.0),
        Sample(kind="ok", status=200, took_ms=41.0),
    )
    result = ProbeResult(route="/api/pitches", samples=samples, failing_share=1 / 3, kind="ok")
    one = Observed(id="api/pitches/samples", source="api", at=END, value=result)
    found = probes.probes(case(observations={one.id: one}))
    assert isinstance(found, list)
    (told,) = [finding.claim for finding in found if "of our own requests failed" in finding.claim]
    assert told == "/api/pitches: 1 of 3 of our own requests failed (server error)"
