"""Many small reads by the short way: the same answers, limits and record as one by one."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from channels import Server, channel, question
from hypothesis import given, settings
from hypothesis import strategies as st

from pitchey_ops.evidence.recorder import read_exchanges, read_salts
from pitchey_ops.evidence.redact import Redactor
from pitchey_ops.models.exchange import Exchange, Question
from pitchey_ops.models.window import Window
from pitchey_ops.runbooks.asking import ask_probes
from pitchey_ops.settings import Settings, load
from pitchey_ops.sources._http import LiveChannel
from pitchey_ops.sources._wire import read_head
from pitchey_ops.sources.catalogue import probes_for
from pitchey_ops.testing import FakeChannel, answering, failing

pytestmark = pytest.mark.slow
SECRET = "s3cr3t-value-of-ours"
HALF = b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"


class Keeping(Server):
    """Answers many requests a connection, as *reply* says for each path; keeps count of what is under way."""

    def __init__(self, reply: Callable[[str], bytes]) -> None:
        super().__init__(lambda head, writer: asyncio.sleep(0))
        self.reply = reply
        self.connections = self.open = self.most_open = 0

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                self.open += 1
                self.most_open = max(self.most_open, self.open)
                await asyncio.sleep(0.001)
                self.open -= 1
                answer = self.reply(head.split(b" ")[1].decode())
                if not answer:
                    return
                writer.write(answer)
                if answer == HALF:
                    return
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


def plain(body: bytes, **headers: str) -> bytes:
    """Return a plain answer that keeps its connection."""
    named = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode() + body


def entry(path: str) -> bytes:
    """Return the object at *path*."""
    return json.dumps({"id": path, "message": "hello"}).encode()


def questions(server: Server, count: int = 40) -> list[Question]:
    """Return *count* reads of objects."""
    return [question(f"{server.url}/b/{n}.json", f"r2/object/{n}", retry=True) for n in range(count)]


def many(live: LiveChannel, asked: list[Question]) -> list[Exchange]:
    """Put all of *asked* by the short way."""

    async def work() -> list[Exchange]:
        try:
            return await live.ask_many(asked)
        finally:
            await live.close()

    return asyncio.run(work())


def test_answers_come_in_order_and_stand_in_the_record(tmp_path: Path) -> None:
    """Whoever asked gets his own answer, and a replay gets the very same."""
    with Keeping(lambda path: plain(entry(path), etag='"1"')) as server:
        asked = questions(server)
        found = many(channel(tmp_path, Settings(r2_url=server.url)), asked)
        kept, salts = read_exchanges(tmp_path), read_salts(tmp_path)
    assert [one.key for one in found] == [one.key for one in asked]
    assert [one.body for one in found] == [entry(f"/b/{n}.json") for n in range(40)]
    assert {one.key: one for one in kept} == {one.key: one for one in found}
    assert len(set(salts.values())) == 40
    assert len(server.heads) == 40, "each was asked once"


def test_both_ways_tell_the_same(tmp_path: Path) -> None:
    """What was seen must not depend on how many were asked at once."""
    with Keeping(lambda path: plain(entry(path), etag='"1"', x_note=" padded ")) as server:
        found = many(channel(tmp_path / "a", Settings(r2_url=server.url)), questions(server))
        careful = channel(tmp_path / "b", Settings(r2_url=server.url))

        async def work() -> list[Exchange]:
            try:
                return [await careful.ask(one) for one in questions(server)]
            finally:
                await careful.close()

        slow = asyncio.run(work())

    def told(one: Exchange) -> dict[str, object]:
        row = one.to_json()
        for name in ("at", "took_ms", "attempts"):
            row.pop(name)
        return row

    assert [told(one) for one in found] == [told(one) for one in slow]


def test_never_more_than_four_at_a_time(tmp_path: Path) -> None:
    """A platform in trouble must not be hurt by who looks at it."""
    with Keeping(lambda path: plain(entry(path))) as server:
        many(channel(tmp_path, Settings(r2_url=server.url)), questions(server, 200))
        assert server.most_open <= 4
        assert server.connections <= 4


def test_secrets_are_taken_out_of_bodies_and_headers(tmp_path: Path) -> None:
    """The short way is no way around redaction."""
    body = json.dumps({"message": "login", "password": "hunter22", "note": f"key {SECRET}"}).encode()

    def reply(path: str) -> bytes:
        number = int(path.split("/")[-1].split(".")[0])
        if number % 3 == 0:
            return plain(body)
        return plain(entry(path), **({"x_api_key": "abcdef123456"} if number % 3 == 1 else {"x_note": SECRET}))

    with Keeping(reply) as server:
        given_settings = Settings(r2_url=server.url, sentry_token=SECRET)
        found = many(channel(tmp_path, given_settings), questions(server))
    record = (tmp_path / "evidence.jsonl").read_text()
    for secret in ("hunter22", SECRET, "abcdef123456"):
        assert secret not in record
        assert not [one for one in found if secret in json.dumps(one.to_json())]
    assert all(json.loads(one.body) for one in found)


ODD = {
    "a failure": b"HTTP/1.1 500 Oh\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}",
    "no such key": b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n",
    "chunks": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-type: text/plain\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "packed": plain(gzip.compress(b'{"a":1}'), content_encoding="gzip"),
    "elsewhere": b"HTTP/1.1 302 Go\r\nlocation: http://203.0.113.9/\r\ncontent-length: 0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\n{}",
    "nothing": b"",
    "half": HALF,
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_not_plain_is_left_to_the_careful_way(name: str, tmp_path: Path) -> None:
    """One odd answer costs its neighbours nothing, and it is told as it always was."""

    def reply(path: str) -> bytes:
        return ODD[name] if path.endswith("/7.json") else plain(entry(path))

    with Keeping(reply) as server:
        asked = [question(one.url, one.key, timeout_s=30.0) for one in questions(server)]
        found = many(channel(tmp_path / "a", Settings(r2_url=server.url)), asked)
        careful = channel(tmp_path / "b", Settings(r2_url=server.url))

        async def work() -> Exchange:
            try:
                return await careful.ask(asked[7])
            finally:
                await careful.close()

        alone = asyncio.run(work())
    odd = found.pop(7)
    assert [one.body for one in found] == [entry(f"/b/{n}.json") for n in range(40) if n != 7]
    assert (odd.outcome, odd.status, odd.body) == (alone.outcome, alone.status, alone.body)


def test_another_host_is_never_asked(tmp_path: Path) -> None:
    """An address that came out of an answer is fetched only where it is ours."""
    with Keeping(lambda path: plain(entry(path))) as server:
        found = many(channel(tmp_path, Settings(r2_url="http://127.0.0.1:9/")), questions(server))
        assert {one.outcome for one in found} == {"not_allowed"}
        assert not server.heads


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx y: 1\r\n",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n",
        b"HTTP/1.1 200 OK\r\n folded: 1\r\n",
        b"HTTP/1.1 200 OK\r\nx-note: \xff\r\n",
        b"HTTP/1.1 204 None\r\n",
        b"",
    ],
)
def test_a_head_that_could_be_read_in_two_ways_is_not_plain(head: bytes) -> None:
    """Where two readers could differ about an answer, the careful one reads it."""
    assert read_head(head) is None


PIECES = st.sampled_from(
    [
        b'{"message":"hello"}', b'{"password":"hunter22"}', b'{"a":"Bearer abcdefghijkl0123456789"}', b"token=",
        b'{"note":"' + SECRET.encode() + b'"}', b"-----BEGIN RSA PRIVATE KEY-----", b"4111 1111 1111", b" 1111", b"{}",
        b"aGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8=", b"\x00", b"\n", b"[redacted:", b"token]", b"\\u0070assword",
        b"https://u:pw12345678@h.example/", b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefgh", b"sk_live_", b"12345678",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(PIECES | st.binary(max_size=12), max_size=4).map(b"".join), min_size=1, max_size=12))
def test_what_is_called_harmless_is_left_as_it_is(texts: list[bytes]) -> None:
    """A secret that only shows when an answer is looked at by itself would stand in the record for ever."""
    redactor = Redactor([SECRET])
    for text, harmless in zip(texts, redactor.harmless(texts), strict=True):
        if harmless and text[:2] != b"\x1f\x8b":
            assert redactor.body(text) == text


@pytest.mark.parametrize("held", ["cloudflare_api/tail/", "api/health/", "apm/metrics/", "sentry/issues/"])
def test_no_round_waits_for_what_it_does_not_follow_from(held: str) -> None:
    """Watching takes seconds, a dead API its time-out: what the log holds is read meanwhile."""
    later = asyncio.Event()
    heard: list[str] = []

    class Slow(FakeChannel):
        async def ask(self, asked: Question) -> Exchange:
            if asked.key.startswith(held):
                await asyncio.wait_for(later.wait(), 60)
            if asked.source == "frontend" and not asked.key.startswith("frontend/page/"):
                later.set()
            answer = await super().ask(asked)
            heard.append(asked.key)
            return answer

        def hurry(self) -> None:
            heard.append("hurry")

    page = answering(text='<script src="/assets/app.js"></script>', content_type="text/html")
    live = Slow({"frontend/page/root": page}, otherwise=failing("unreachable", "refused"))
    end = datetime(2026, 11, 23, 12, tzinfo=UTC)
    window = Window(start=end - timedelta(hours=1), end=end)
    found = asyncio.run(ask_probes(live, load("sandbox"), window, probes_for("outage")))
    assert later.is_set()
    assert [key for key in found if key.startswith(held)]
    assert list(found) == sorted(found)
    # a live tail is told to come to its end when nothing else is waited for, and not before
    assert {key for key in heard[heard.index("hurry") + 1 :] if not key.startswith("cloudflare_api/tail/")} == set()
