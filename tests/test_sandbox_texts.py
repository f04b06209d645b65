"""What the sandbox writes by columns, once, or the short way is what it would write row by row, anew, the long way."""

from __future__ import annotations

import json
import math
import re
import socket
from typing import Any

import polars as pl
import pytest
from tiny_worlds import NOW, entry, frame, point, world

from pitchey_ops.sandbox import js, store
from pitchey_ops.sandbox import world as w
from pitchey_ops.sandbox.clock import http_date, iso
from pitchey_ops.sandbox.names import SERVICES, locate
from pitchey_ops.sandbox.serve import Running

NUMBERS = [None, 0.0, -0.0, 5.0, 1e16, 1e21, 1e-7, 0.1, 123_456.789, math.nan, math.inf, -math.inf, 2.0**53, 3.5]
JSONS = [None, "", "{}", '{"a":1.0,"b":[1e5,NaN]}', '{"b":"\\ud800x"}', '{"a":1,"a":2}', '{"e":"\u00e9"}']
RAW: list[Any] = [{"message": "\ud800 \u00e9"}, {"timestamp": "x"}, {"timestamp": None}, "text", 7, [1], {"value": "5"}]


def _entries() -> list[dict[str, Any]]:
    rows = [
        entry(
            NOW - n,
            message="".join(map(chr, range(n * 8, n * 8 + 8))) + "\u00e9\u2028",
            responseTime=NUMBERS[n % len(NUMBERS)],
            statusCode=[None, 200][n % 2],
            metadata=JSONS[n % len(JSONS)],
            tags=[None, "[]", '["a",1.50]'][n % 3],
            errorStack=[None, 'a\n"b"\\\t'][n % 2],
        )
        for n in range(90)
    ]
    return [*rows, *(entry(NOW - 200 - n, raw=json.dumps(raw)) for n, raw in enumerate(RAW))]


def test_entries_by_columns_are_entries_one_by_one():
    """Whatever an entry holds: odd numbers, every control character, half a character, JSON of its own."""
    table = frame(w.LOGS, _entries())
    fresh = [store.entry_of(row) for row in table.iter_rows(named=True)]
    made = store.entry_rows(table)
    assert [row.text.encode() for row in made] == [js.stringify(one) for one in fresh]
    assert [row.fields.get("message") for row in made] == [one.get("message") for one in fresh]
    stamps = [js.number_or_nan(one.get("timestamp", js.absent())) for one in fresh]
    assert str([row.stamp for row in made]) == str(stamps)


def test_points_by_columns_are_points_one_by_one():
    """Values that are none, units that are missing, tags with escapes, points that were sent otherwise."""
    rows = [
        point(NOW - n, value, tags=JSONS[n % len(JSONS)], unit=[None, "ms"][n % 2])
        for n, value in enumerate(NUMBERS * 3)
    ]
    table = frame(w.METRICS, [*rows, *(point(NOW - 99 - n, 1.0, raw=json.dumps(raw)) for n, raw in enumerate(RAW))])
    fresh = [store._point(row) for row in table.iter_rows(named=True)]
    made = store.point_rows(table)
    assert [row.text.encode() for row in made] == [js.stringify(one) for one in fresh]
    assert str([row.value for row in made]) == str([one.get("value") for one in fresh])


def test_kept_rows_are_those_that_would_be_made_anew():
    """What was kept from an earlier question, and what was forgotten since, reads alike."""
    table = frame(w.LOGS, _entries())
    kept = store._Kept(table, store.entry_rows, most=20)
    for places in ([3, 4, 5], list(range(2, 40)), [5, 41], [90, 91, 3], []):
        anew = store.entry_rows(table[places]) if places else []
        assert [row.text for row in kept.at(places)] == [row.text for row in anew]


def test_times_are_those_of_the_calendar():
    """Minutes are remembered, seconds put to them: also before the epoch and at the turn of days and years."""
    for ms in (
        0,
        -1,
        -60_001,
        NOW,
        NOW + 59_999,
        951_782_399_999,
        951_782_400_000,
        1_798_761_599_999,
        253_402_300_799_999,
    ):
        text = pl.Series([ms]).cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").item()
        assert iso(ms) == text
        http = pl.Series([ms]).cast(pl.Datetime("ms")).dt.strftime("%a, %d %b %Y %H:%M:%S GMT").item()
        assert http_date(ms) == http


@pytest.mark.parametrize("service", SERVICES)
def test_a_path_finds_its_service_by_its_first_part_only(service: str):
    """A longer first part is another path."""
    assert locate(f"/_host/{service}/x") == (service, "/x")
    for first in ("/logs", "/_r2"):
        name = first.strip("/_")
        assert [locate(first)[0], locate(f"{first}/a")[0], locate(f"{first}x/a")[0]] == [name, name, "frontend"]


def test_the_short_way_answers_as_the_long_way():
    """Lists and objects of the archive, byte for byte but for the number of the request; refusals as well."""
    host = "/_r2/pitchey-logs"
    targets = [f"{host}?list-type=2{more}" for more in ("", "&delimiter=/", "&max-keys=0", "&max-keys=2&prefix=logs/")]
    targets += [
        f"{host}?list-type=1",
        f"{host}/nope",
        f"{host}/nope?list-type=2",
        "/_r2/",
        f"{host}?list-type=2&max-keys=x",
    ]
    with (
        Running(world(logs=_entries()), speed=0.0) as running,
        socket.create_connection(("127.0.0.1", running.port)) as line,
    ):
        keys = re.findall(r"<Key>([^<]*)</Key>", _asked(line, f"{host}?list-type=2&encoding-type=url"))
        assert len(keys) > 80
        for target in [*targets, *(f"{host}/{key}" for key in keys[::7])]:
            short, long = _asked(line, target), _asked(line, target, "connection: keep-alive\r\n")
            assert re.sub("cf-ray: .*", "", short) == re.sub("cf-ray: .*", "", long)


def _asked(line: socket.socket, target: str, more: str = "") -> str:
    line.sendall(f"GET {target} HTTP/1.1\r\nhost: 127.0.0.1\r\n{more}\r\n".encode())
    got = b""
    while (length := re.search(rb"content-length: (\d+)\r\n(?:.*\r\n)*\r\n", got)) is None or len(got) < (
        length.end() + int(length.group(1))
    ):
        part = line.recv(65_536)
        assert part, "the line was cut"
        got += part
    return got.decode()
