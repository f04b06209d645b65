"""Case folders: anything may lie in them, nothing in them is trusted."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pitchey_ops.errors import AnswerTooLarge, UsageError
from pitchey_ops.frames import DEPLOYMENTS, LOGS, METRICS, SPANS
from pitchey_ops.sources.casefile import read_case

MS = 1_767_225_600_000
GOOD: dict[str, Any] = {
    "id": "1",
    "timestamp": MS,
    "message": "m",
    "service": "auth",
    "level": "ERROR",
    "statusCode": 401,
    "responseTime": 12.5,
    "tags": {"event": "login_failed", "user": "root"},
}


def write(folder: Path, name: str, *lines: Any, zipped: bool = False) -> None:
    data = b"".join((x if isinstance(x, bytes) else json.dumps(x).encode()) + b"\n" for x in lines)
    (folder / (name + (".gz" if zipped else ""))).write_bytes(gzip.compress(data) if zipped else data)


@pytest.mark.parametrize("zipped", [True, False])
def test_entries_become_rows_gzipped_or_not(tmp_path: Path, zipped: bool) -> None:
    """The same case in either form gives the same tables."""
    write(tmp_path, "logs.jsonl", GOOD, {**GOOD, "timestamp": MS - 5}, zipped=zipped)
    case = read_case(tmp_path)
    assert case.logs.schema == LOGS
    assert case.logs["at"].is_sorted()
    row = case.logs.row(1, named=True)
    assert (row["at"], row["level"], row["status"]) == (datetime(2026, 1, 1, tzinfo=UTC), "error", 401)
    assert (row["event"], row["account"], row["duration_ms"]) == ("login_failed", "root", 12.5)
    assert case.missing == ("metrics.jsonl", "response_time.jsonl")


def test_one_odd_entry_does_not_cost_its_neighbours(tmp_path: Path) -> None:
    """Trap 27: nothing is type-checked where these came from; what is odd is counted, never guessed."""
    odd = [
        b"not json",
        b"[1, 2]",
        b"null",
        b'{"message": "cut',
        {**GOOD, "timestamp": "2026-01-01T00:00:00Z"},
        {**GOOD, "timestamp": MS / 1000},
        {**GOOD, "timestamp": True},
        {**GOOD, "message": None},
        {"totalLogs": 5, "errorCount": 1},
        b'{"timestamp": NaN, "message": "x"}',
        b'{"timestamp": 1e999, "message": "x"}',
    ]
    write(tmp_path, "logs.jsonl", GOOD, *odd, {**GOOD, "message": {"a": 1}, "tags": ["x"], "statusCode": "200"}, GOOD)
    case = read_case(tmp_path)
    assert case.logs.height == 3
    assert case.rejected == {"logs.jsonl": len(odd)}
    assert json.loads(case.logs["message"][1]) == {"a": 1}
    assert case.logs["status"].to_list() == [401, None, 401]


def test_points_with_a_caller_are_spans_and_the_others_metrics(tmp_path: Path) -> None:
    """What a point is shows in its tags, not in the file that it lies in."""
    point = {"name": "response_time", "value": 5.0, "timestamp": MS, "unit": "ms"}
    span = {**point, "tags": {"service": "b", "caller": "a", "operation": "GET", "traceId": "t", "client_ms": 9}}
    write(tmp_path, "metrics.jsonl", {**point, "tags": {"service": "b", "endpoint": "/x"}}, span)
    write(tmp_path, "response_time.jsonl", span, {**span, "value": -1}, {**span, "value": "200"}, zipped=True)
    case = read_case(tmp_path)
    assert (case.metrics.schema, case.spans.schema) == (METRICS, SPANS)
    assert (case.metrics.height, case.spans.height) == (1, 2)
    assert case.spans.row(0, named=True)["client_ms"] == 9.0
    assert case.rejected == {"response_time.jsonl": 2}


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    """A few kilobytes must not fill the memory."""
    write(tmp_path, "logs.jsonl", b" " * 3_000_000, zipped=True)
    with pytest.raises(AnswerTooLarge, match="1,000,000"):
        read_case(tmp_path, max_bytes=1_000_000)


def test_a_file_cut_in_the_middle_is_read_as_far_as_it_goes_and_named(tmp_path: Path) -> None:
    """A truncated record is still evidence, but never a complete one."""
    whole = gzip.compress(b"".join(json.dumps({**GOOD, "id": str(i)}).encode() + b"\n" for i in range(50_000)))
    (tmp_path / "logs.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    case = read_case(tmp_path, max_bytes=10**9)
    assert len(case.problems) == 1
    assert case.problems[0].startswith("logs.jsonl")


def test_deployments_in_any_of_the_known_forms(tmp_path: Path) -> None:
    """Cloudflare, Sentry and people each name the same things differently."""
    forms = [
        {"created_on": "2026-01-01T00:00:05Z", "id": "v2", "author_email": "a@b", "script": "api"},
        {"at": MS, "version": "v1", "message": "first"},
        {"dateCreated": "2026-01-01T00:00:09", "release": 7, "annotations": {"workers/message": "fix"}},
        {"at": "yesterday"},
        "text",
    ]
    (tmp_path / "deployments.json").write_text(json.dumps({"deployments": forms}), "utf-8")
    case = read_case(tmp_path)
    assert case.deployments.schema == DEPLOYMENTS
    assert case.deployments["version"].to_list() == ["v1", "v2", "7"]
    assert case.deployments["message"].to_list() == ["first", None, "fix"]
    assert case.rejected == {"deployments.json": 2}


def test_a_folder_without_a_case_is_wrong_use(tmp_path: Path) -> None:
    """A mistyped path gets one message, not an empty incident."""
    with pytest.raises(UsageError, match="no case folder"):
        read_case(tmp_path)
    with pytest.raises(UsageError, match="No case folder"):
        read_case(tmp_path / "absent")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.dictionaries(
                st.sampled_from(["timestamp", "message", "level", "tags", "metadata", "service", "statusCode"]),
                st.recursive(
                    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8) | st.integers(),
                    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
                    max_leaves=4,
                ),
            ),
        ),
        max_size=6,
    )
)
def test_no_bytes_crash_the_reader(tmp_path_factory: pytest.TempPathFactory, lines: list[Any]) -> None:
    """Whatever lies in the file, good entries beside it are read."""
    folder = tmp_path_factory.mktemp("case")
    write(folder, "logs.jsonl", GOOD, *lines, GOOD)
    assert read_case(folder).logs.filter(message="m").height >= 2
