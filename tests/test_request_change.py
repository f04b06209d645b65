"""When single requests began to differ: each kind of fault is timed, and what neighbours share tells no time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import comb, log
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pitchey_ops.benchmarks.suspects import labelled_cases, renamed
from pitchey_ops.findings import _suspect_visits as by_visit
from pitchey_ops.findings._request_change import RequestChange, change_before, change_within
from pitchey_ops.findings.scan import scan
from pitchey_ops.frames import LOGS, SPANS, Frames, empty
from pitchey_ops.models.window import Window

SHARED = Path(__file__).parents[1].parent / "shared" / "datasets"
T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
LENGTH_S = 180


def frames(logs: list[tuple[float, str, str, str]], spans: list[tuple[float, str, str | None, float, float]]) -> Frames:
    """Play requests: logs are (s, service, level, message), spans (s, service, caller, served ms, waited ms)."""

    def at(second: float) -> datetime:
        return T0 + timedelta(seconds=second)

    lines = [
        {"at": at(s), "service": who, "level": level, "message": text, "trace_id": f"t{s}"}
        for s, who, level, text in logs
    ]
    calls = [
        {"at": at(s), "service": who, "caller": by, "operation": "get", "trace_id": f"t{s}", "duration_ms": took,
         "client_ms": took if by is None else waited}
        for s, who, by, took, waited in spans
    ]  # fmt: skip

    def table(rows: list[dict[str, object]], schema: dict[str, pl.DataType]) -> pl.DataFrame:
        if not rows:
            return empty(schema)
        types = {name: schema[name] for name in rows[0]}
        found = pl.DataFrame(rows, schema=types).with_columns(observation=pl.lit("case/x/all"))
        return pl.concat([empty(schema), found], how="diagonal_relaxed").sort("at")

    return Frames(window=Window(start=T0, end=at(LENGTH_S)), logs=table(lines, LOGS), spans=table(calls, SPANS))


def played(errors: dict[str, list[int]], *, gap_from: float = 1e9, every: int = 6) -> Frames:
    """
    Play a request every *every* seconds through web, cart and stock.

    *errors* are the requests (by number) with which a service logs an error; calls to cart wait two seconds longer
    from *gap_from* (s) on, calls from it do not.
    """
    logs, spans = [], []
    for i in range(LENGTH_S // every):
        s = float(i * every)
        slow = 2000.0 if s >= gap_from else 0.0
        spans += [
            (s, "web", None, 60.0 + slow, 0.0),
            (s, "cart", "web", 40.0, 43.0 + slow),
            (s, "stock", "cart", 20.0, 22.0),
        ]
        for service in ("web", "cart", "stock"):
            logs.append((s, service, "info", f"{service} begins"))
            if i in errors.get(service, []):
                word = "cannot reach its neighbour" if len(errors) > 1 else f"of {service} alone"
                logs.append((s, service, "error", f"failure {word}"))
    return frames(logs, spans)


def found_in(play: Frames) -> RequestChange | None:
    return change_within(play, (T0, T0 + timedelta(seconds=LENGTH_S)))


def test_an_error_that_was_never_there_tells_the_time_though_few_requests_show_it() -> None:
    """Five of the last seven requests fail in a new way: as a share it is little, by lot it hardly ever happens."""
    change = found_in(played({"cart": [23, 24, 26, 28, 29]}))
    assert change is not None
    assert change.service == "cart"
    assert abs((change.at - T0).total_seconds() - 23 * 6) <= change.uncertainty_s
    assert change.observations == ("case/x/all",)


def test_errors_over_all_the_time_tell_no_time() -> None:
    """Standing errors are how a service is, however many there are: when they began was not seen."""
    assert found_in(played({"cart": [0, 4, 9, 13, 17, 22, 26]})) is None
    assert found_in(played({"cart": list(range(30))})) is None


def test_what_several_services_write_alike_tells_no_time() -> None:
    """A shared framework complains for all who cannot reach a neighbour; that comes and goes all day."""
    late = [15, 16, 17, 18, 20, 21, 23, 24, 27, 29]
    assert found_in(played({"cart": late})) is not None
    assert found_in(played({"cart": late, "web": late})) is None


def test_calls_to_a_service_may_be_slow_while_its_own_are_not() -> None:
    """A delay on the way in hits every caller and no callee: in sum with its quick own calls it would be half."""
    change = found_in(played({}, gap_from=100.0, every=9))
    assert change is not None
    assert abs((change.at - T0).total_seconds() - 100) <= min(change.uncertainty_s, 60)


def test_the_interval_reaches_no_further_than_what_was_searched() -> None:
    """Where nothing was looked at nothing can be doubted."""
    play = played({"cart": [23, 24, 26, 28, 29]})
    change = change_before(play, T0 + timedelta(seconds=170))
    assert change is not None
    assert change.uncertainty_s <= 180


def test_nothing_seen_or_too_little_is_no_change() -> None:
    """An empty store and a few seconds of it hold no onset, and nothing breaks."""
    assert scan(frames([], [])) is None
    few = frames([(0.0, "web", "info", "x"), (8.0, "web", "error", "y")], [])
    look = scan(few)
    assert look is not None
    assert look.onset is None


@pytest.mark.parametrize(("n", "f", "k"), [(16, 10, 5), (10, 5, 5), (40, 3, 6)])
def test_the_chance_of_a_late_first_is_that_of_drawing_lots(n: int, f: int, k: int) -> None:
    """C(n-f, k) / C(n, k): exact, so that a handful of requests may be judged."""
    before, before_of = np.array([[0.0, 0.0, float(k)]]), np.array([[f / 2, float(f), float(n)]])
    after, after_of = k - before, n - before_of
    features = pl.DataFrame({"kind": ["error"]})
    log_bf = by_visit.log_bayes_factor(before, before_of, after, after_of)
    tested = by_visit.Tested(
        features=features, log_bf=log_bf, before=before, before_of=before_of, after=after, after_of=after_of
    )
    assert by_visit.log_chance_of_first(tested)[0] == pytest.approx(log(comb(n - f, k) / comb(n, k)))


@pytest.mark.shared
def test_the_time_of_recorded_faults_survives_new_names() -> None:
    """Recorded services have telling names; the time may not hang on them."""
    folder = SHARED / "nezha_trainticket"
    if not folder.is_dir():
        pytest.skip("../shared/datasets/nezha_trainticket absent")
    for case in list(labelled_cases(folder))[::3]:
        other, new = renamed(case.frames, seed=7)
        one, two = scan(case.frames), scan(other)
        assert one is not None
        assert two is not None
        assert (one.at, one.half_s) == (two.at, two.half_s)
        if one.onset is None:
            assert two.onset is None
            continue
        assert two.onset is not None
        assert one.onset.service is None  # the incident's, whoever told it
        assert [f"requests:{new[name.partition(':')[2]]}" for name in one.onset.symptoms] == list(two.onset.symptoms)
