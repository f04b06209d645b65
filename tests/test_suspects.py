"""Suspects: each kind of fault is found by the witness that sees it, whatever the services are called."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pitchey_ops.benchmarks.suspects import alert_time, labelled_cases, renamed, score
from pitchey_ops.findings.suspects import rank_suspects, suspects
from pitchey_ops.frames import LOGS, METRICS, SPANS, Frames, empty
from pitchey_ops.models.finding import NotChecked
from pitchey_ops.models.window import Window

SHARED = Path(__file__).parents[1].parent / "shared" / "datasets"
T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
ONSET_S = 300
ALERT = T0 + timedelta(seconds=ONSET_S + 75)


def frames(fault: str | None, *, seed: int = 1, services: tuple[str, ...] = ("web", "cart", "stock")) -> Frames:
    """Play ten minutes of web → cart → stock, one request a second; *fault* hits cart from `ONSET_S` on."""
    rng = np.random.default_rng(seed)
    web, cart, stock = services
    logs, spans = [], []
    for i in range(600):
        bad, at, trace = fault is not None and i >= ONSET_S, T0 + timedelta(seconds=i), f"t{i}"
        own = {name: float(rng.lognormal(2.0, 0.3)) for name in services}
        gap = {name: float(rng.lognormal(1.0, 0.4)) for name in services}
        if bad and fault == "slow":
            own[cart] *= 20
        if bad and fault == "delay":
            gap[cart] += 500
            gap[stock] += 500  # its calls leave through the same slow interface
        skips = bad and fault == "return"
        stock_ms = 0.0 if skips else own[stock]
        cart_ms = own[cart] + (0.0 if skips else stock_ms + gap[stock])
        web_ms = own[web] + cart_ms + gap[cart]
        spans.append((at, web, None, "GET /", trace, web_ms, None))
        spans.append((at, cart, web, "get", trace, cart_ms, cart_ms + gap[cart]))
        logs.append((at, web, "info", f"request {i} began", trace))
        logs.append((at, cart, "info", f"reading cart {i}", trace))
        if not skips:
            spans.append((at, stock, cart, "count", trace, stock_ms, stock_ms + gap[stock]))
            logs.append((at, stock, "info", f"counted {i}", trace))
            logs.append((at, cart, "info", f"cart {i} has {i % 5} items", trace))
        if bad and fault == "exception":
            logs.append((at, cart, "error", f"IllegalState in cart {i}", trace))
            logs.append((at, web, "error", f"answer 500 for {i}", trace))
    points = [
        (
            T0 + timedelta(seconds=60 * m),
            "cpu_usage",
            98.0 if fault == "cpu" and m > 5 and s == cart else 5.0 + m % 3,
            s,
        )
        for m in range(-10, 11)
        for s in services
    ]

    def frame(rows: list[tuple[object, ...]], columns: list[str], schema: object) -> pl.DataFrame:
        types = {name: schema[name] for name in columns}  # type: ignore[index]
        table = pl.DataFrame(rows, schema=types, orient="row").with_columns(observation=pl.lit("case/x/all"))
        missing = [pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in table.columns]  # type: ignore[attr-defined]
        return table.with_columns(missing).select(list(schema))  # type: ignore[call-overload]

    return Frames(
        window=Window(start=T0, end=T0 + timedelta(seconds=660)),
        logs=frame(logs, ["at", "service", "level", "message", "trace_id"], LOGS),
        spans=frame(spans, ["at", "service", "caller", "operation", "trace_id", "duration_ms", "client_ms"], SPANS),
        metrics=frame(points, ["at", "name", "value", "service"], METRICS),
    )


@pytest.mark.parametrize(
    ("fault", "witness"),
    [
        ("exception", "behaviour"),
        ("return", "behaviour"),
        ("slow", "own_time"),
        ("delay", "network"),
        ("cpu", "saturation"),
    ],
)
def test_each_kind_of_fault_is_found_by_the_witness_that_sees_it(fault: str, witness: str) -> None:
    """One signal for all faults misses most of them: the reason for having five."""
    ranked = rank_suspects(frames(fault), alert_at=ALERT)
    assert ranked[0].service == "cart"
    assert next(iter(ranked[0].parts)) == witness
    assert any(char.isdigit() for char in ranked[0].because[0])


@pytest.mark.parametrize("fault", ["exception", "return", "slow", "delay", "cpu"])
@pytest.mark.parametrize("services", [("z", "m", "a"), ("a", "z", "m"), ("m", "a", "z")])
def test_names_decide_nothing(fault: str, services: tuple[str, ...]) -> None:
    """A ranking that leans on the alphabet looks right on one platform and is wrong on the next."""
    plain = rank_suspects(frames(fault), alert_at=ALERT)
    other = rank_suspects(frames(fault, services=services), alert_at=ALERT)
    new = dict(zip(("web", "cart", "stock"), services, strict=True))
    assert [(new[s.service], s.weight) for s in plain] == [(s.service, s.weight) for s in other]


@pytest.mark.parametrize("seed", range(5))
def test_nobody_is_strongly_suspected_when_nothing_happened(seed: int) -> None:
    """A responder sent after an innocent service loses the time that counts most."""
    assert all(s.weight < 3.0 for s in rank_suspects(frames(None, seed=seed), alert_at=ALERT))


def test_the_order_of_rows_changes_nothing() -> None:
    """Answers arrive in any order; the report must be the same to the byte."""
    one = frames("exception")
    other = Frames(window=one.window, logs=one.logs.reverse(), spans=one.spans.reverse(), metrics=one.metrics.reverse())
    assert [(s.service, s.weight, s.parts) for s in rank_suspects(one, alert_at=ALERT)] == [
        (s.service, s.weight, s.parts) for s in rank_suspects(other, alert_at=ALERT)
    ]


def test_an_error_that_stops_is_no_fault() -> None:
    """An earlier incident that ends in the window must not make its service the suspect of this one."""
    played = frames("slow")
    past = [
        {
            "at": T0 + timedelta(seconds=i),
            "service": "stock",
            "level": "error",
            "message": "stale",
            "trace_id": f"t{i}",
        }
        for i in range(280)
    ]
    old = pl.DataFrame(past, schema_overrides={"at": LOGS["at"]})
    logs = pl.concat([played.logs, old], how="diagonal_relaxed")
    ranked = rank_suspects(
        Frames(window=played.window, logs=logs, spans=played.spans, metrics=played.metrics), alert_at=ALERT
    )
    assert ranked[0].service == "cart"


def test_logs_without_traces_still_name_the_service() -> None:
    """The platform's own entries rarely carry a trace id."""
    played = frames("exception")
    logs = played.logs.with_columns(trace_id=pl.lit(None, pl.String))
    quiet = logs.filter((pl.col("service") != "web") | (pl.col("level") != "error"))
    ranked = rank_suspects(Frames(window=played.window, logs=quiet), alert_at=ALERT)
    assert ranked[0].service == "cart"


def test_nothing_seen_is_not_nothing_wrong() -> None:
    """An empty list says that somebody looked; with no data nobody did."""
    nothing = Frames(window=Window(start=T0, end=ALERT))
    assert isinstance(suspects(nothing, []), NotChecked)
    assert rank_suspects(nothing, alert_at=ALERT) == []


def test_hostile_text_and_lone_columns_do_no_harm() -> None:
    """Log text is data from the internet: megabytes, control characters, template syntax, empty names."""
    texts = ["\x00" * 1000, "\u202e{{7*7}}${jndi:ldap://x}", "9" * 2_000_000, "", "%s%n" * 1000]
    rows = [
        {
            "at": ALERT - timedelta(seconds=i * 7),
            "service": "",
            "level": "ERROR\x1b[2J",
            "message": texts[i % 5],
        }
        for i in range(40)
    ]
    logs = pl.DataFrame(rows, schema_overrides={"at": LOGS["at"]})
    full = pl.concat([empty(LOGS), logs], how="diagonal_relaxed")
    rank_suspects(Frames(window=Window(start=T0, end=ALERT), logs=full), alert_at=ALERT)


def trainticket() -> Path:
    folder = SHARED / "nezha_trainticket"
    if not folder.is_dir():
        pytest.skip("../shared/datasets/nezha_trainticket absent")
    return folder


@pytest.mark.shared
def test_the_faulty_service_of_recorded_incidents_is_named() -> None:
    """The promise: first in at least 9 of the 17, among three in at least 13, told the alert time only."""
    result = score(list(labelled_cases(trainticket())), seeds=(1, 2, 3), cut=False)
    assert result["cases"] == 17
    assert min(result["first"]) >= 9
    assert min(result["among_three"]) >= 13


@pytest.mark.shared
def test_the_verdict_on_recorded_incidents_survives_new_names() -> None:
    """Recorded services have telling names; the ranking may not read them."""
    for case in list(labelled_cases(trainticket()))[::4]:
        alert_at = alert_time(case, 1)
        other, new = renamed(case.frames, seed=7)
        plain = [(new[s.service], s.weight) for s in rank_suspects(case.frames, alert_at=alert_at)]
        assert plain == [(s.service, s.weight) for s in rank_suspects(other, alert_at=alert_at)]
