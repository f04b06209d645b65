"""The live channel: what it promises to the platform, to a run, and to the record."""

from __future__ import annotations

import asyncio
import gzip
import json
import multiprocessing
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import time
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from channels import Server, asked, channel, closed_port, question, serving, utc, whole
from hypothesis import given
from hypothesis import strategies as st

from pitchey_ops.clock import LoopClock
from pitchey_ops.drills.virtual import run_virtual
from pitchey_ops.errors import BadPayload, RecordError
from pitchey_ops.evidence.recorder import LINES, read_exchanges
from pitchey_ops.models.exchange import Exchange, Question
from pitchey_ops.models.window import Window
from pitchey_ops.settings import Settings
from pitchey_ops.sources import _http
from pitchey_ops.sources._answers import FileAnswers, MemoryAnswers
from pitchey_ops.sources._http import ATTEMPTS, RETRY_AFTER_MAX_S, SILENT_AFTER
from pitchey_ops.sources._slots import FileSlots
from pitchey_ops.sources.api import Api
from pitchey_ops.sources.reading import json_of

NOON = utc("2026-11-23T12:00:00")
HOST = "http://ours.example/"
Answering = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]


class Wire(httpx.AsyncBaseTransport):
    """Answers without sockets and keeps what was asked, with the loop's time."""

    def __init__(self, answer: Answering) -> None:
        self.answer = answer
        self.requests: list[httpx.Request] = []
        self.times: list[float] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.times.append(asyncio.get_running_loop().time())
        response = self.answer(request)
        return response if isinstance(response, httpx.Response) else await response


def wire(*responses: tuple[int, dict[str, str]]) -> Wire:
    """Return a wire that answers with the given statuses and headers in turn, the last one for ever."""
    left = list(responses)

    def answer(_: httpx.Request) -> httpx.Response:
        status, headers = left.pop(0) if len(left) > 1 else left[0]
        return httpx.Response(status, headers={"content-type": "application/json", **headers}, content=b"{}")

    return Wire(answer)


def virtually(
    folder: Path, transport: httpx.AsyncBaseTransport, *questions: Question, budget_s: float = 60.0, **others: Any
) -> tuple[list[Exchange], float]:
    """Ask under virtual time; return the exchanges and the virtual seconds that it took."""

    async def work() -> tuple[list[Exchange], float]:
        clock = LoopClock(NOON)
        began = asyncio.get_running_loop().time()
        settings = others.pop("settings", None) or Settings(api_url=HOST)
        live = channel(folder, settings, budget_s=budget_s, clock=clock, transport=transport, **others)
        found = list(await asyncio.gather(*(live.ask(one) for one in questions)))
        return found, asyncio.get_running_loop().time() - began

    return run_virtual(work())


def ask_one(folder: Path, url: str, settings: Settings | None = None, **changes: Any) -> Exchange:
    """Ask one question for real and return its exchange."""
    origin = "/".join(url.split("/")[:3])
    return asked(channel(folder, settings or Settings(api_url=origin)), question(url, **changes))[0]


# --- How long ---------------------------------------------------------------------------------------------


def test_an_answer_that_does_not_come_is_a_timeout(tmp_path: Path) -> None:
    """A host that takes the connection and is silent must not hold a run."""

    async def silent(head: bytes, writer: Any) -> None:
        await asyncio.sleep(60)

    with Server(silent) as server:
        found = ask_one(tmp_path, server.url + "/x", timeout_s=0.3)

    assert (found.outcome, found.status, found.body) == ("timeout", None, b"")
    assert 250 <= found.took_ms < 5000


def test_a_connection_that_is_never_made_is_a_timeout(tmp_path: Path) -> None:
    """A host behind a black hole drops packets; the connect time-out is its own and short."""

    class Hole(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            allowed = request.extensions["timeout"]["connect"]
            await asyncio.sleep(allowed)
            raise httpx.ConnectTimeout("", request=request)

    settings = Settings(api_url=HOST, connect_timeout_s=3)
    (found,), took_s = virtually(tmp_path, Hole(), question(HOST + "x", timeout_s=10), settings=settings)

    assert (found.outcome, round(took_s)) == ("timeout", 3)


@pytest.mark.parametrize("end", ["trickle", "flood"])
def test_a_body_without_an_end_ends_at_the_timeout_or_the_limit(tmp_path: Path, end: str) -> None:
    """Each chunk in time would keep a time-out per read alive for ever: the time-out is over the whole answer."""

    async def endless(head: bytes, writer: Any) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n[")
        while True:
            writer.write(b"1," if end == "trickle" else b"1," * 30_000)
            await writer.drain()
            await asyncio.sleep(0.02 if end == "trickle" else 0)

    with Server(endless) as server:
        began = time.monotonic()
        found = ask_one(tmp_path, server.url + "/x", timeout_s=0.5 if end == "trickle" else 30.0, max_bytes=300_000)

    assert found.outcome == ("timeout" if end == "trickle" else "too_large")
    assert found.body == b""
    assert time.monotonic() - began < 25


def test_a_reset_in_the_middle_of_a_body_is_no_answer(tmp_path: Path) -> None:
    """Half an answer would read as fewer errors than there are."""

    async def reset(head: bytes, writer: Any) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n[1,2")
        await writer.drain()
        writer.transport.abort()

    with Server(reset) as server:
        found = ask_one(tmp_path, server.url + "/x")

    assert (found.outcome, found.status, found.body) == ("unreachable", None, b"")


def test_a_refused_connection_says_so(tmp_path: Path) -> None:
    """What stands in a report must tell a refusal from silence."""
    with closed_port() as port:
        found = ask_one(tmp_path, f"http://127.0.0.1:{port}/x")

    assert (found.outcome, found.detail) == ("unreachable", "connection refused")


def test_no_half_of_a_secret_is_told_where_words_are_cut(tmp_path: Path) -> None:
    """What a server sent instead of a header is quoted by the client's error, and only a whole secret is known."""
    secret = "ghp_" + "Ab1" * 12
    for before in range(200, 300, 5):
        line = "x" * before + " " + secret
        with serving(f"HTTP/1.1 200 OK\r\n{line}\r\n\r\n".encode()) as server:
            found = ask_one(tmp_path / str(before), server.url + "/x")
        assert (found.outcome, secret[:6] in found.detail) == ("unreachable", False)


def test_the_budget_ends_the_asking(tmp_path: Path) -> None:
    """60 % of the budget is for asking; what comes later is not asked and says so, and nothing runs over."""

    async def slow(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(4)
        return httpx.Response(200, json={})

    transport = Wire(slow)
    many = [question(f"{HOST}{n}", f"api/q/{n}", timeout_s=10) for n in range(20)]
    found, took_s = virtually(tmp_path, transport, *many, budget_s=10.0)
    outcomes = [one.outcome for one in found]

    assert (outcomes.count("answered"), outcomes.count("timeout"), outcomes.count("not_asked")) == (4, 4, 12)
    assert took_s == pytest.approx(6.0)
    assert len(transport.requests) == 8


def test_waiting_for_a_slot_of_ours_is_no_timeout_of_theirs(tmp_path: Path) -> None:
    """ "The API does not answer" is a P1; that our own other questions kept us waiting is not."""

    async def slow(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(4)
        return httpx.Response(200, json={})

    many = [question(f"{HOST}{n}", f"api/q/{n}", timeout_s=5) for n in range(16)]
    found, took_s = virtually(tmp_path, Wire(slow), *many)

    assert {one.outcome for one in found} == {"answered"}
    assert {round(one.took_ms) for one in found} == {4000}
    assert took_s == pytest.approx(16.0)


# --- How often --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", sorted(_http.PASSING_STATUSES))
def test_reads_are_asked_again_after_what_may_pass(tmp_path: Path, status: int) -> None:
    """A passing 503 must not blind a run; every try stands in the record, and the pauses grow."""
    transport = wire((status, {}), (status, {}), (200, {}))
    (found,), took_s = virtually(tmp_path, transport, question(HOST + "x", retry=True))

    assert (found.outcome, found.status, [a.status for a in found.attempts]) == (
        "answered",
        200,
        [status, status, 200],
    )
    first, second = transport.times[1] - transport.times[0], transport.times[2] - transport.times[1]
    assert 0.2 <= first <= 0.4 <= second <= 0.6
    assert took_s < 2


@pytest.mark.parametrize("status", [200, 301, 400, 401, 404, 500, 501])
def test_what_asking_again_cannot_cure_is_asked_once(tmp_path: Path, status: int) -> None:
    """A 500 is the platform's own answer; asking again would only add load."""
    transport = wire((status, {}))
    (found,), _ = virtually(tmp_path, transport, question(HOST + "x", retry=True))

    assert (found.status, len(transport.requests)) == (status, 1)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_own_probes_and_posts_are_asked_once(tmp_path: Path, method: Any) -> None:
    """A failing probe is the evidence; asking until it passes would hide a partial failure."""
    transport = wire((503, {"retry-after": "1"}))
    (found,), took_s = virtually(tmp_path, transport, question(HOST + "x", method=method, body=b"{}"))

    assert (found.status, len(transport.requests), took_s) == (503, 1, 0)


def test_reads_are_given_up_after_three_tries(tmp_path: Path) -> None:
    """Retries end, and the last answer is the one that counts."""
    transport = wire((503, {}))
    (found,), _ = virtually(tmp_path, transport, question(HOST + "x", retry=True))

    assert (found.status, len(found.attempts), len(transport.requests)) == (503, ATTEMPTS, ATTEMPTS)


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured(tmp_path: Path, form: str) -> None:
    """The platform says when it can be asked again: not before."""
    value = "5" if form == "seconds" else format_datetime(NOON + timedelta(seconds=5), usegmt=True)
    transport = wire((429, {"retry-after": value}), (200, {}))
    (found,), took_s = virtually(tmp_path, transport, question(HOST + "x", retry=True))

    assert (found.status, len(transport.requests), took_s) == (200, 2, pytest.approx(5.0, abs=0.01))


@pytest.mark.parametrize(
    "value", [str(RETRY_AFTER_MAX_S + 1), "86400", "inf", "1e309", "Fri, 31 Dec 9999 23:59:59 GMT"]
)
def test_a_pause_that_is_too_long_ends_the_asking(tmp_path: Path, value: str) -> None:
    """Asking before the pause is over would break the platform's rule, waiting would break the run's."""
    transport = wire((429, {"retry-after": value}), (200, {}))
    (found,), took_s = virtually(tmp_path, transport, question(HOST + "x", retry=True))

    assert (found.status, len(transport.requests), took_s) == (429, 1, 0)


def test_retries_stay_inside_the_budget(tmp_path: Path) -> None:
    """A pause that the budget does not hold is not begun."""
    transport = wire((503, {"retry-after": "8"}))
    (found,), took_s = virtually(tmp_path, transport, question(HOST + "x", retry=True), budget_s=10.0)

    assert (found.status, len(transport.requests), took_s) == (503, 1, 0)


@given(value=st.one_of(st.text(max_size=40), st.floats().map(str), st.integers().map(str), st.datetimes().map(str)))
def test_no_retry_after_breaks_anything(value: str) -> None:
    """The header is a stranger's: whatever it holds is a pause or nothing."""
    found = _http._retry_after_s({"retry-after": value}, NOON)

    assert found is None or found >= 0


def test_a_silent_source_is_left_alone_but_own_probes_go_on(tmp_path: Path) -> None:
    """Forty questions to a dead host would eat the time of the others; the probes' silence is the evidence."""

    def dead(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("down", request=request)

    transport = Wire(dead)

    async def work() -> list[Exchange]:
        live = channel(tmp_path, Settings(api_url=HOST), clock=LoopClock(NOON), transport=transport)
        keyed = [question(f"{HOST}{n}", f"api/q/{n}", retry=n < 8) for n in range(10)]
        return [await live.ask(one) for one in keyed]

    found = run_virtual(work())
    outcomes = [one.outcome for one in found]

    assert outcomes == ["unreachable"] * SILENT_AFTER + ["not_asked"] * 4 + ["unreachable"] * 2
    assert len(transport.requests) == SILENT_AFTER * ATTEMPTS + 2


def test_an_odd_answer_is_no_silence(tmp_path: Path) -> None:
    """A source whose answers are too large or cannot be unpacked is there: the next question may go well."""

    def odd(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-encoding": "br"}, stream=httpx.ByteStream(b"x"))

    keyed = [question(f"{HOST}{n}", f"api/q/{n}", retry=True) for n in range(SILENT_AFTER + 3)]

    async def work() -> list[Exchange]:
        live = channel(tmp_path, Settings(api_url=HOST), clock=LoopClock(NOON), transport=Wire(odd))
        return [await live.ask(one) for one in keyed]

    assert {one.outcome for one in run_virtual(work())} == {"bad_payload"}


# --- Connections that are refused -------------------------------------------------------------------------


def refusing(request: httpx.Request, cause: OSError | None = None) -> httpx.ConnectError:
    """Return what httpx raises where nobody listens."""
    error = httpx.ConnectError("All connection attempts failed", request=request)
    error.__cause__ = cause or ConnectionRefusedError(111, "Connection refused")
    return error


def crowd(many: int, host: str = HOST, **changes: Any) -> list[Question]:
    """Return so many questions to one host."""
    return [question(f"{host}{n}", f"api/{httpx.URL(host).host}/{n}", retry=True, **changes) for n in range(many)]


@pytest.mark.parametrize(
    ("cause", "detail"),
    [
        (ConnectionRefusedError(111, "no"), "connection refused"),
        (socket.gaierror(-2, "no"), "the host name was not found"),
    ],
)
def test_one_question_tries_a_refusing_host_again_for_all(tmp_path: Path, cause: OSError, detail: str) -> None:
    """Sixty questions that knock three times each tell no more than one does; each tells what it tried itself."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise refusing(request, cause)

    transport = Wire(answer)
    found, took_s = virtually(tmp_path, transport, *crowd(60))

    assert {(one.outcome, one.detail, one.status, one.body) for one in found} == {("unreachable", detail, None, b"")}
    assert sorted(len(one.attempts) for one in found) == [1] * 59 + [ATTEMPTS]
    assert {(a.outcome, a.detail) for one in found for a in one.attempts} == {("unreachable", detail)}
    assert len(transport.requests) == 60 + ATTEMPTS - 1
    assert took_s < 1.2


def test_a_closed_port_is_knocked_at_once_by_each_and_again_by_one(tmp_path: Path) -> None:
    """As above, with the real client at a real port where nobody listens."""

    class Counting(httpx.AsyncHTTPTransport):
        asked = 0

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            Counting.asked += 1
            return await super().handle_async_request(request)

    with closed_port() as port:
        url = f"http://127.0.0.1:{port}/"
        live = channel(tmp_path, Settings(api_url=url), transport=Counting())
        found = asked(live, *crowd(20, url))

    assert {(one.outcome, one.detail) for one in found} == {("unreachable", "connection refused")}
    assert Counting.asked == sum(len(one.attempts) for one in found) == 20 + ATTEMPTS - 1


@pytest.mark.parametrize("back_with", [200, 503])
def test_a_host_that_comes_back_answers_all(tmp_path: Path, back_with: int) -> None:
    """Who waited goes on as soon as the one that tries for all has a connection, whatever is said over it."""

    def answer(request: httpx.Request) -> httpx.Response:
        if len(transport.requests) <= 20:
            raise refusing(request)
        status = back_with if len(transport.requests) == 21 else 200
        return httpx.Response(status, json={})

    transport = Wire(answer)
    found, took_s = virtually(tmp_path, transport, *crowd(20))

    assert [(one.outcome, one.status) for one in found] == [("answered", 200)] * 20
    assert {tuple(a.outcome for a in one.attempts)[:2] for one in found} == {("unreachable", "answered")}
    assert len(transport.requests) == 40 + (back_with != 200)
    assert took_s < 1.2


@pytest.mark.parametrize("hanging", ["the one that tries for all", "another"])
def test_a_time_out_stops_no_other_question(tmp_path: Path, hanging: str) -> None:
    """A connection that is taken and stays silent is no refusal: each question finds out for itself."""

    async def answer(request: httpx.Request) -> httpx.Response:
        number = len(transport.requests)
        if number <= 8:
            raise refusing(request)
        if number == (9 if hanging.startswith("the one") else 12):
            await asyncio.sleep(60)
        return httpx.Response(200, json={})

    transport = Wire(answer)
    found, took_s = virtually(tmp_path, transport, *crowd(8, timeout_s=20.0))

    assert sorted(one.outcome for one in found) == ["answered"] * 7 + ["timeout"]
    assert took_s == pytest.approx(20.5, abs=0.5)
    if hanging.startswith("the one"):  # the others did not wait for its whole time
        assert max(transport.times) < 5


def test_other_faults_are_tried_again_by_each(tmp_path: Path) -> None:
    """A reset is no refusal: it may have hit one answer of many."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("reset", request=request)

    transport = Wire(answer)
    found, _ = virtually(tmp_path, transport, *crowd(6))

    assert [len(one.attempts) for one in found] == [ATTEMPTS] * 6
    assert len(transport.requests) == 6 * ATTEMPTS


def test_a_refusing_host_says_nothing_about_another(tmp_path: Path) -> None:
    """Each origin has a question of its own that tries again; questions without retry stay as they are."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "well.example":
            return httpx.Response(200, json={})
        raise refusing(request)

    transport = Wire(answer)
    settings = Settings(api_url=HOST, logs_url="http://down.example/", apm_url="http://well.example/")
    samples = [question(f"{HOST}s{n}", f"api/sample/{n}", retry=False, sample=n + 1) for n in range(3)]
    hosts = [HOST, "http://down.example/", "http://well.example/"]
    found, _ = virtually(
        tmp_path, transport, *samples, *(one for host in hosts for one in crowd(5, host)), settings=settings
    )

    assert [one.outcome for one in found] == ["unreachable"] * 13 + ["answered"] * 5
    assert [len(one.attempts) for one in found[:3]] == [1] * 3
    assert [sorted(len(one.attempts) for one in found[at : at + 5]) for at in (3, 8)] == [[1] * 4 + [ATTEMPTS]] * 2


def test_who_waits_is_not_left_waiting(tmp_path: Path) -> None:
    """The question that tries for all may be called off: the next one takes its place."""

    def answer(request: httpx.Request) -> httpx.Response:
        if len(transport.requests) <= 5:
            raise refusing(request)
        return httpx.Response(200, json={})

    transport = Wire(answer)

    async def work() -> list[Exchange | BaseException]:
        live = channel(tmp_path, Settings(api_url=HOST), clock=LoopClock(NOON), transport=transport)
        tasks = [asyncio.ensure_future(live.ask(one)) for one in crowd(5)]
        await asyncio.sleep(0.1)
        tasks[0].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, *others = run_virtual(work())

    assert isinstance(first, asyncio.CancelledError)
    assert [one.outcome for one in others if isinstance(one, Exchange)] == ["answered"] * 4


def test_a_crowd_ends_with_the_time_for_asking(tmp_path: Path) -> None:
    """Who waits for another question waits no longer than it may ask itself, and says what it found."""

    async def answer(request: httpx.Request) -> httpx.Response:
        if len(transport.requests) > 4:
            await asyncio.sleep(60)
        raise refusing(request)

    transport = Wire(answer)
    found, took_s = virtually(tmp_path, transport, *crowd(4), budget_s=5.0)

    assert sorted(one.outcome for one in found) == ["timeout", *["unreachable"] * 3]
    assert took_s <= 3.01


# --- How much ---------------------------------------------------------------------------------------------


def test_a_gzip_bomb_is_too_large(tmp_path: Path) -> None:
    """The limit counts what comes out: 200 kB that become 200 MB must not."""
    body = gzip.compress(bytes(200 * 1024 * 1024), compresslevel=9)
    with serving(whole(body, content_encoding="gzip")) as server:
        found = ask_one(tmp_path, server.url + "/x", timeout_s=20.0)

    assert (found.outcome, found.body) == ("too_large", b"")
    assert "32 MB after decompression" in found.detail


@pytest.mark.parametrize("packing", ["gzip, gzip", "gzip,gzip,gzip", "br", "gzip, br", "zstd", "compress"])
def test_only_what_was_asked_for_is_unpacked(tmp_path: Path, packing: str) -> None:
    """Packed twice, a few kilobytes can grow a millionfold before any limit counts them."""
    body = b"{}"
    for _ in range(packing.count("gzip")):
        body = gzip.compress(body)
    with serving(whole(body, content_encoding=packing)) as server:
        found = ask_one(tmp_path, server.url + "/x")

    assert (found.outcome, found.body) == ("bad_payload", b"")


@pytest.mark.parametrize("packing", ["gzip", "deflate", "identity", ""])
def test_what_was_asked_for_is_unpacked(tmp_path: Path, packing: str) -> None:
    """Most answers come packed."""
    body = b'{"a": 1}'
    packed = {"gzip": gzip.compress, "deflate": zlib.compress}.get(packing, bytes)(body)
    with serving(whole(packed, content_encoding=packing)) as server:
        found = ask_one(tmp_path, server.url + "/x")

    assert (found.outcome, found.body) == ("answered", body)


def test_what_cannot_be_unpacked_is_a_bad_payload(tmp_path: Path) -> None:
    """An answer came, so the host is there; it is no answer that can be read, either."""
    with serving(whole(b"not gzip at all", content_encoding="gzip")) as server:
        found = ask_one(tmp_path, server.url + "/x")

    assert (found.outcome, found.body) == ("bad_payload", b"")


@pytest.mark.parametrize(
    ("kind", "body"), [("text/html", b"{}"), ("application/json", b"<html>{}</html>"), ("application/json", b"")]
)
def test_json_is_read_only_where_type_and_first_byte_say_so(tmp_path: Path, kind: str, body: bytes) -> None:
    """An error page with status 200 is no answer of the service."""
    with serving(whole(body, content_type=kind)) as server:
        found = ask_one(tmp_path, server.url + "/x")

    with pytest.raises(BadPayload):
        json_of(found, "any")


# --- Who may be asked -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://other.example/",
        "https://ours.example/",
        "http://ours.example:8080/",
        "http://ours.example.evil.example/",
        "http://evil.example/ours.example",
        "http://ours.example@evil.example/",
        "http://ours.example:80@evil.example/",
        "http://ours.example\\@evil.example/",
        "http://ours.example%2f@evil.example/",
        "http://ours.example#@evil.example/",
        "http://user:pw@ours.example/",
        "http://ours.examp\u217ce/",
        "http://ours\u3002example.evil/",
        "http://\u043eurs.example/",
        "http://xn--urs-5cd.example/",
        "http://ours.example\t.evil.example/",
        "http://ours.example\n.evil.example/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://[::1",
        "http://ours.example:99999/",
        "http://ours.example:x/",
        "file:///etc/passwd",
        "ftp://ours.example/",
        "//ours.example/",
        "ours.example",
        "",
        "http://",
        "http://\ud800/",
    ],
)
def test_nothing_but_the_configured_hosts_is_ever_asked(tmp_path: Path, url: str) -> None:
    """An address can come out of an answer: a stranger's text must not make us talk to a stranger."""
    transport = wire((200, {}))
    (found,), _ = virtually(tmp_path, transport, question(url, retry=True))
    hosts = {(request.url.scheme, request.url.host, request.url.port) for request in transport.requests}

    assert hosts <= {("http", "ours.example", None)}
    assert found.outcome == "not_allowed" or not found.url.startswith("http://ours.example.")
    assert not any("authorization" in request.headers for request in transport.requests)


def test_each_configured_host_may_be_asked(tmp_path: Path) -> None:
    """The list must let through what is meant: other case, default ports, names in Unicode."""
    settings = Settings(
        api_url="http://Ours.Example:80", logs_url="https://b\u00fccher.example", apm_url="http://[::1]:9"
    )
    urls = ["http://ours.example/x", "HTTP://OURS.EXAMPLE:80/x", "https://xn--bcher-kva.example/", "http://[::1]:9/"]
    found, _ = virtually(
        tmp_path, wire((200, {})), *(question(u, f"api/q/{n}") for n, u in enumerate(urls)), settings=settings
    )

    assert [one.outcome for one in found] == ["answered"] * 4


def test_a_redirect_on_the_same_host_is_followed(tmp_path: Path) -> None:
    """A missing slash is not an incident."""
    moved = whole(b"", status="308 Permanent Redirect", location="/there")
    with serving(moved, whole(b'{"a": 1}')) as server:
        found = ask_one(tmp_path, server.url + "/here")

    assert (found.status, found.body, len(server.heads)) == (200, b'{"a": 1}', 2)


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{other}/x",
        "//127.0.0.1:{other}/x",
        "http://localhost:{port}/x",
        "https://127.0.0.1:{port}/x",
        "http://user:pw@127.0.0.1:{port}/x",
        "http://127.0.0.1:{port}@localhost:{other}/x",
        "http://[::1",
        "http://127.0.0.1:x/",
        "http://exa\x7fmple/",
        "file:///etc/passwd",
    ],
)
def test_a_redirect_elsewhere_is_never_followed(tmp_path: Path, location: str) -> None:
    """Whoever can make the platform answer with a redirect must not get our questions or tokens."""
    target = ""

    async def moved(head: bytes, writer: Any) -> None:
        writer.write(whole(b"", status="302 Found", location=target))
        await writer.drain()

    with serving(whole()) as other, Server(moved) as server:
        target = location.format(port=server.port, other=other.port)
        settings = Settings(api_url=server.url, api_token="t0ken-of-the-api")
        found = ask_one(tmp_path, server.url + "/x", settings=settings)

    assert other.heads == []
    assert (found.outcome, found.status, len(server.heads)) == ("answered", 302, 1)
    assert found.headers["location"].replace("pw@", "") != ""


def test_redirects_in_a_circle_end(tmp_path: Path) -> None:
    """A loop at the far side must not become ours."""
    with serving(whole(b"", status="302 Found", location="/again")) as server:
        found = ask_one(tmp_path, server.url + "/x")

    assert (found.status, len(server.heads)) == (302, _http.REDIRECTS + 1)


def test_a_post_is_never_redirected(tmp_path: Path) -> None:
    """A body goes where it was meant to go, or nowhere."""
    with serving(whole(b"", status="307 Temporary Redirect", location="/there"), whole()) as server:
        found = ask_one(tmp_path, server.url + "/x", method="POST", body=b"{}")

    assert (found.status, len(server.heads)) == (307, 1)


def test_proxies_of_the_environment_are_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would see every token, and sits between us and what users see."""
    with serving(whole(b'{"by": "proxy"}')) as proxy, serving(whole(b'{"by": "host"}')) as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        found = ask_one(tmp_path, server.url + "/x")

    assert (found.body, proxy.heads) == (b'{"by": "host"}', [])


# --- Tokens -----------------------------------------------------------------------------------------------

TOKEN = "tok-7f3a9c1e5b2d8064-of-logs"


def test_a_token_goes_to_its_own_host_only_and_into_nothing_that_is_kept(tmp_path: Path) -> None:
    """A token that reaches another host, a record or a message is lost."""
    with serving(whole(json.dumps({"echo": TOKEN}).encode(), x_echo=TOKEN)) as logs, serving(whole()) as api:
        settings = Settings(api_url=api.url, logs_url=logs.url, logs_token=TOKEN)
        found = asked(
            channel(tmp_path, settings),
            question(logs.url + "/logs/query", "logs/query/1"),
            question(api.url + "/x", "logs/query/2"),
            question(api.url + "/x", "api/test/1"),
        )

    assert [f"Bearer {TOKEN}".encode() in head for head in logs.heads] == [True]
    assert not any(TOKEN.encode() in head for head in api.heads)
    assert TOKEN not in repr(found)
    assert TOKEN.encode() not in (tmp_path / LINES).read_bytes()


@pytest.mark.parametrize("how", ["refused", "garbage", "timeout"])
def test_a_token_stands_in_no_error(tmp_path: Path, how: str) -> None:
    """Error messages are copied into chats."""

    async def bad(head: bytes, writer: Any) -> None:
        if how == "timeout":
            await asyncio.sleep(30)
        writer.write(b"HTTP/1.1 " + TOKEN.encode() + b"\r\n\r\n")
        await writer.drain()

    with Server(bad) as server, closed_port() as port:
        url = f"http://127.0.0.1:{port}" if how == "refused" else server.url
        settings = Settings(logs_url=url, logs_token=TOKEN)
        (found,) = asked(channel(tmp_path, settings), question(url + "/x", "logs/query/1", timeout_s=0.5))

    assert not found.answered
    assert TOKEN not in repr(found)
    assert TOKEN.encode() not in (tmp_path / LINES).read_bytes()


def test_no_session_is_kept_between_questions(tmp_path: Path) -> None:
    """A cookie would bind all samples to one instance of the platform, healthy or not."""
    with serving(whole(set_cookie="instance=7; Path=/")) as server:
        live = channel(tmp_path, Settings(api_url=server.url))

        async def work() -> None:
            for n in range(2):
                await live.ask(question(server.url + "/x", f"api/q/{n}"))
            await live.close()

        asyncio.run(work())

    assert len(server.heads) == 2
    assert not any(b"cookie" in head.lower() for head in server.heads)


# --- How many at once -------------------------------------------------------------------------------------


def _crowd(folder: str, url: str, name: str, begin: Any) -> None:
    """Ask eight questions at once from a process of its own."""
    begin.wait(20)
    slots = FileSlots(Path(folder) / "slots")
    keyed = [question(f"{url}/{name}/{n}", f"api/{name}/{n}", timeout_s=20) for n in range(8)]
    found = asked(channel(Path(folder) / name, Settings(api_url=url), slots=slots), *keyed)
    os._exit(0 if all(one.answered for one in found) else 1)


@pytest.mark.slow
def test_a_host_sees_at_most_four_of_our_requests_from_all_processes(tmp_path: Path) -> None:
    """Ten runs in a storm must not become an attack."""
    under_way, most = 0, 0

    async def count(head: bytes, writer: Any) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.1)
        under_way -= 1
        writer.write(whole())
        await writer.drain()

    context = multiprocessing.get_context("spawn")
    begin = context.Event()
    with Server(count) as server:
        crowd = [context.Process(target=_crowd, args=(str(tmp_path), server.url, name, begin)) for name in "ab"]
        for process in crowd:
            process.start()
        begin.set()
        for process in crowd:
            process.join(60)

    assert [process.exitcode for process in crowd] == [0, 0]
    assert len(server.heads) == 16
    assert most == 4


def test_slots_come_free_when_their_process_dies(tmp_path: Path) -> None:
    """A killed run must not block the host for those that come after it."""
    code = """
        import asyncio, sys, time
        from pathlib import Path
        from pitchey_ops.sources._slots import FileSlots
        async def work():
            slots = FileSlots(Path(sys.argv[1]), 1)
            async with slots.hold("h"):
                print("held", flush=True)
                time.sleep(60)
        asyncio.run(work())
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"

        async def wait(within_s: float) -> bool:
            try:
                async with asyncio.timeout(within_s), FileSlots(tmp_path, 1).hold("h"):
                    return True
            except TimeoutError:
                return False

        before = asyncio.run(wait(0.3))
        holder.kill()
        holder.wait()
        after = asyncio.run(wait(5))

    assert (before, after) == (False, True)


def test_slots_that_cannot_be_shared_still_hold_in_this_process(tmp_path: Path) -> None:
    """A full or read-only disk of ours is no fault of the platform: the run asks, four at a time."""
    (tmp_path / "file").write_text("")
    slots = FileSlots(tmp_path / "file" / "slots")
    most = 0

    async def work() -> None:
        inside = 0

        async def one() -> None:
            nonlocal inside, most
            async with slots.hold("h"):
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0.01)
                inside -= 1

        await asyncio.gather(*(one() for _ in range(9)))

    asyncio.run(work())
    slots.close()

    assert most == 4


# --- What is shared ---------------------------------------------------------------------------------------


def sharing(
    folder: Path, transport: Wire, answers: Any, *steps: tuple[float, Question], **changes: Any
) -> list[Exchange]:
    """Put each question at its time (seconds) through a channel of its own, as so many runs would."""

    async def work() -> list[Exchange]:
        clock = LoopClock(NOON)
        clock.now()
        found = []
        for number, (at_s, one) in enumerate(steps):
            await asyncio.sleep(at_s - asyncio.get_running_loop().time())
            settings = Settings(**{"api_url": HOST, "infra_url": HOST, **changes.get(str(number), {})})
            live = channel(folder / str(number), settings, clock=clock, answers=answers, transport=transport)
            found.append(await live.ask(one))
        return found

    return run_virtual(work())


@pytest.mark.parametrize("store", ["memory", "file"])
def test_answers_are_shared_between_runs_for_fifteen_seconds(tmp_path: Path, store: str) -> None:
    """A storm of runs asks the platform once; after that the answer is too old."""
    answers = MemoryAnswers() if store == "memory" else FileAnswers(tmp_path / "shared")
    transport = wire((200, {}))
    one = question(HOST + "x", share_for_s=15.0)
    found = sharing(tmp_path, transport, answers, (0, one), (14.9, replace(one, key="api/other/key")), (15.2, one))

    assert [e.shared for e in found] == [False, True, False]
    assert len(transport.requests) == 2
    assert (found[1].key, found[1].at) == ("api/other/key", found[0].at)
    assert [e.shared for n in range(3) for e in read_exchanges(tmp_path / str(n))] == [False, True, False]


def test_failures_of_reads_are_not_shared(tmp_path: Path) -> None:
    """One run's bad moment must not become every run's."""
    transport = wire((500, {}), (200, {}))
    one = question(HOST + "x", share_for_s=15.0, retry=True)
    found = sharing(tmp_path, transport, MemoryAnswers(), (0, one), (1, one))

    assert [(e.status, e.shared) for e in found] == [(500, False), (200, False)]


def test_own_samples_are_shared_one_by_one_with_their_failures(tmp_path: Path) -> None:
    """A second run gets the same three samples: no sample counts for another, none that failed is asked away."""
    transport = wire((200, {}), (503, {}), (200, {}))
    answers = MemoryAnswers()

    async def work() -> list[Any]:
        clock = LoopClock(NOON)
        clock.now()
        seen = []
        for number in range(2):
            settings = Settings(api_url=HOST)
            live = channel(tmp_path / str(number), settings, clock=clock, answers=answers, transport=transport)
            api = Api(live, settings, Window(start=NOON - timedelta(hours=1), end=NOON))
            seen.append(await api.pitches())
        return seen

    first, second = run_virtual(work())

    assert len(transport.requests) == 3
    assert [s.kind for s in first.value.samples] == ["ok", "server_error", "ok"]
    assert second.value.samples == first.value.samples


def test_only_the_same_question_shares_an_answer(tmp_path: Path) -> None:
    """Another body, method, sample, database or redaction is another question."""
    transport = wire((200, {}))
    one = question(HOST + "x", share_for_s=15.0)
    others = [
        replace(one, url=HOST + "y"),
        replace(one, method="POST"),
        replace(one, method="POST", body=b"1"),
        replace(one, sample=1),
        one,
        one,
    ]
    stricter = {"redact_emails": "hash"}, {"database_url": "postgresql://elsewhere/db"}
    found = sharing(
        tmp_path,
        transport,
        MemoryAnswers(),
        (0, one),
        *((1, o) for o in others),
        **{"5": stricter[0], "6": stricter[1]},
    )

    assert [e.shared for e in found] == [False] * 7


EVERY = 300.0


@pytest.mark.parametrize("store", ["memory", "file"])
def test_a_minimum_interval_is_kept(tmp_path: Path, store: str) -> None:
    """Reads with side effects (contract traps 15, 18, 20, 22) are asked once in five minutes, failing or not."""
    answers = MemoryAnswers() if store == "memory" else FileAnswers(tmp_path / "shared")
    transport = wire((500, {}), (200, {}))
    one = question(HOST + "r2", "infra/r2/1", share_for_s=EVERY, minimum_interval=True)
    found = sharing(tmp_path, transport, answers, (0, one), (1, one), (EVERY - 1, one), (EVERY + 1, one))

    assert [(e.status, e.shared) for e in found] == [(500, False), (500, True), (500, True), (200, False)]
    assert len(transport.requests) == 2


def test_what_has_a_minimum_interval_is_never_asked_by_two_at_once(tmp_path: Path) -> None:
    """Two runs that start together are the common case."""

    async def slow(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.2)
        return httpx.Response(200, json={})

    transport = Wire(slow)

    async def work() -> list[Exchange]:
        one = question(HOST + "r2", "infra/r2/1", share_for_s=EVERY, minimum_interval=True)
        runs = [
            channel(
                tmp_path / str(n), Settings(infra_url=HOST), answers=FileAnswers(tmp_path / "s"), transport=transport
            )
            for n in range(6)
        ]

        async def while_it_is_asked() -> Exchange:
            while not transport.requests:
                await asyncio.sleep(0.01)
            return await runs[5].ask(one)

        return list(await asyncio.gather(*(live.ask(one) for live in runs[:5]), while_it_is_asked()))

    found = asyncio.run(work())

    assert len(transport.requests) == 1
    assert [e.outcome for e in found] == ["answered"] * 6
    assert sorted(e.shared for e in found) == [False, True, True, True, True, True]


def test_a_run_that_waited_still_keeps_what_it_asked(tmp_path: Path) -> None:
    """The wait for another run must not cut off the question: it was asked, so its interval has begun."""

    async def slow(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(4)
        return httpx.Response(200, json={})

    transport, answers = Wire(slow), MemoryAnswers()
    one = question(HOST + "r2", "infra/r2/1", share_for_s=EVERY, minimum_interval=True, timeout_s=5.0)

    async def work() -> list[Exchange]:
        clock = LoopClock(NOON)
        live = [
            channel(tmp_path / str(n), Settings(infra_url=HOST), clock=clock, answers=answers, transport=transport)
            for n in range(2)
        ]
        pooled = live[0]._as_shared(one)

        async def other() -> None:
            async with answers.alone(pooled):
                await asyncio.sleep(3)

        holder = asyncio.create_task(other())
        await asyncio.sleep(0)
        first = await live[0].ask(one)
        await holder
        return [first, await live[1].ask(one)]

    found = run_virtual(work())

    assert [(e.outcome, e.shared) for e in found] == [("answered", False), ("answered", True)]
    assert len(transport.requests) == 1


def test_a_run_that_dies_while_asking_has_begun_the_interval(tmp_path: Path) -> None:
    """Crashing runs that start again would ask each time; the far side had its side effect all the same."""

    def die(request: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    one = question(HOST + "r2", "infra/r2/1", share_for_s=EVERY, minimum_interval=True)
    settings = Settings(infra_url=HOST)
    live = channel(tmp_path / "a", settings, answers=FileAnswers(tmp_path / "s"), transport=Wire(die))
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(live.ask(one))
    transport = wire((200, {}))
    again = channel(tmp_path / "b", settings, answers=FileAnswers(tmp_path / "s"), transport=transport)
    found = asyncio.run(again.ask(one))

    assert (found.outcome, transport.requests) == ("not_asked", [])


def test_a_question_that_was_not_asked_begins_no_interval(tmp_path: Path) -> None:
    """A run without time left must not silence the next five minutes."""
    transport, answers = wire((200, {})), MemoryAnswers()
    one = question(HOST + "r2", "infra/r2/1", share_for_s=EVERY, minimum_interval=True)
    first, _ = virtually(
        tmp_path / "a",
        transport,
        one,
        settings=Settings(infra_url=HOST),
        answers=answers,
        started=NOON - timedelta(hours=1),
    )
    second, _ = virtually(tmp_path / "b", transport, one, settings=Settings(infra_url=HOST), answers=answers)

    assert [first[0].outcome, second[0].outcome] == ["not_asked", "answered"]


@pytest.mark.parametrize("damage", ["folder is a file", "no database", "row of another version"])
def test_without_a_shared_store_nothing_with_a_minimum_interval_is_asked(tmp_path: Path, damage: str) -> None:
    """Whether five minutes have passed cannot be told then; everything else is asked as ever."""
    shared = tmp_path / "shared"
    one = question(HOST + "r2", "infra/r2/1", share_for_s=EVERY, minimum_interval=True)
    plain = question(HOST + "x", "infra/x/1", share_for_s=15.0)
    settings = Settings(infra_url=HOST)
    transport = wire((200, {}))
    if damage == "folder is a file":
        shared.write_text("")
    elif damage == "no database":
        shared.mkdir()
        (shared / "answers-2.sqlite3").write_bytes(b"this is no database at all" * 100)
    else:
        channel_ = channel(tmp_path / "0", settings, answers=FileAnswers(shared), transport=transport)
        asyncio.run(channel_.ask(one))
        with sqlite3.connect(shared / "answers-2.sqlite3") as db:
            db.execute("update answers set row = '{\"key\": 1}'")
        transport.requests.clear()
    found, _ = virtually(tmp_path / "1", transport, one, plain, settings=settings, answers=FileAnswers(shared))

    assert [e.outcome for e in found] == ["not_asked", "answered"]
    assert [request.url.path for request in transport.requests] == ["/x"]


# --- The record -------------------------------------------------------------------------------------------


def test_everything_is_recorded_as_it_happens(tmp_path: Path) -> None:
    """A run that is killed leaves what it had seen until then, and no half line that breaks reading."""
    code = """
        import asyncio, sys
        from pathlib import Path
        from channels import channel, question
        from pitchey_ops.settings import Settings
        async def work():
            live = channel(Path(sys.argv[1]), Settings(api_url=sys.argv[2]))
            for number in range(1000):
                await live.ask(question(f"{sys.argv[2]}/{number}", f"api/q/{number}"))
                print(number, flush=True)
        asyncio.run(work())
    """

    async def slow(head: bytes, writer: Any) -> None:
        await asyncio.sleep(0.01)
        writer.write(whole(b'{"path": "%s"}' % head.split()[1]))
        await writer.drain()

    with Server(slow) as server:
        command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path), server.url]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as child:
            assert child.stdout is not None
            last = -1
            while last < 5:
                last = int(child.stdout.readline())
            child.send_signal(signal.SIGKILL)
            rest = child.stdout.read().split()
            last = int(rest[-1]) if rest else last
    found = read_exchanges(tmp_path)

    assert len(found) >= last + 1
    assert [json.loads(e.body)["path"] for e in found] == [f"/{n}" for n in range(len(found))]


def test_a_cut_last_line_is_passed_over(tmp_path: Path) -> None:
    """A full disk or a power cut can cut a line; what stands before it is whole."""
    asked(channel(tmp_path, Settings(api_url=HOST), transport=wire((200, {}))), question(HOST + "x"))
    whole_lines = (tmp_path / LINES).read_bytes()
    (tmp_path / LINES).write_bytes(whole_lines + whole_lines[:-20])

    assert [e.key for e in read_exchanges(tmp_path)] == ["api/test/1"]


def test_two_answers_under_one_key_are_refused(tmp_path: Path) -> None:
    """A replay looks answers up by key: a second one under it would be lost in silence."""
    transport = wire((200, {}))
    live = channel(tmp_path, Settings(api_url=HOST), transport=transport)

    async def twice() -> None:
        await live.ask(question(HOST + "x"))
        await live.ask(question(HOST + "y"))

    with pytest.raises(RecordError, match="recorded twice"):
        asyncio.run(twice())


def test_a_disk_that_takes_nothing_is_an_error_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be recorded must not be analysed: the record would not hold it."""
    live = channel(tmp_path, Settings(api_url=HOST), transport=wire((200, {})))

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pitchey_ops.evidence.recorder.os.write", full)
    with pytest.raises(RecordError, match="No space left"):
        asyncio.run(live.ask(question(HOST + "x")))


def test_the_recorder_is_the_only_one_that_writes(tmp_path: Path) -> None:
    """Nothing is kept before it is redacted; an address with a key in it is kept without."""
    settings = Settings(api_url=HOST, api_token="t0ken-of-the-api-77")
    one = question(HOST + "x?token=t0ken-of-the-api-77", headers={"x-api-key": "k-123456789"})
    asked(channel(tmp_path, settings, transport=wire((200, {}))), one)
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

    assert b"t0ken-of-the-api-77" not in kept
    assert b"k-123456789" not in kept


def test_the_moment_of_an_answer_is_utc(tmp_path: Path) -> None:
    """Times without an offset would be read in the reader's own zone."""
    found = asked(channel(tmp_path, Settings(api_url=HOST), transport=wire((200, {}))), question(HOST + "x"))[0]

    assert found.at.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - found.at) < timedelta(minutes=5)
