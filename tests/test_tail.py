"""The live tail: what it counts, that it ends and is deleted, and that nothing in it can do anything."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from source_worlds import reason_of, run, settings, value_of
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from tiny_worlds import MINUTE, NOW, world
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from pitchey_ops.clock import SystemClock
from pitchey_ops.errors import ConfigError, SourceError
from pitchey_ops.evidence.redact import Redactor
from pitchey_ops.evidence.replay import ReplayChannel
from pitchey_ops.findings.case import Case
from pitchey_ops.findings.tail import tail as tail_rule
from pitchey_ops.frames import Frames
from pitchey_ops.models.exchange import Exchange
from pitchey_ops.models.finding import NotChecked
from pitchey_ops.models.observation import AnyObservation, Observed, Unavailable
from pitchey_ops.models.window import Window
from pitchey_ops.panels.steps import step_panel
from pitchey_ops.panels.view import View
from pitchey_ops.runbooks.analyse import analyse
from pitchey_ops.runbooks.catalogue import runbook
from pitchey_ops.sandbox.app import create_app
from pitchey_ops.sandbox.clock import SetClock
from pitchey_ops.sandbox.serve import Running
from pitchey_ops.sandbox.world import Deployment
from pitchey_ops.settings import Settings, load
from pitchey_ops.sources import _tail
from pitchey_ops.sources._answers import MemoryAnswers
from pitchey_ops.sources._budget import Budget
from pitchey_ops.sources._http import LiveChannel
from pitchey_ops.sources._slots import MemorySlots
from pitchey_ops.sources.tail import LiveTail, TailSeen, read_tail
from pitchey_ops.testing import NOON, answering

SCRIPT = "pitchey-production"
KEY = f"cloudflare_api/tail/{SCRIPT}"
SECRET = "s3cr3t-of-the-account-9f8e7d"


class Kept:
    """Keeps what a channel records."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []

    def exchange(self, exchange: Exchange) -> None:
        """Keep it."""
        self.exchanges.append(exchange)


def asking(
    url: str, *, budget_s: float = 60.0, transport: Any = None, kept: Kept | None = None, **changes: Any
) -> tuple[LiveChannel, Settings]:
    """Return a live channel to *url*, which has *budget_s* from now on."""
    given = settings(origin=url, cloudflare_account="sandbox-account", cloudflare_api_token=SECRET, **changes)
    clock = SystemClock()
    channel = LiveChannel(
        given,
        budget=Budget(clock.now(), budget_s, clock),
        clock=clock,
        redactor=Redactor(given.secrets()),
        recorder=kept or Kept(),
        slots=MemorySlots(),
        answers=MemoryAnswers(),
        transport=transport,
    )
    return channel, given


def watched(url: str, **more: Any) -> AnyObservation:
    """Watch the tail at *url* once."""

    async def work() -> AnyObservation:
        channel, given = asking(url, **more)
        now = datetime.now(UTC)
        try:
            return await LiveTail(channel, given, Window(start=now - timedelta(hours=1), end=now)).tail()
        finally:
            await channel.close()

    return run(work())


def played(*outcomes: tuple[str, int]) -> Running:
    """Start a sandbox whose main Worker ends its invocations so, every minute."""
    rows = [
        {"at": NOW - NOW % MINUTE + k * MINUTE, "script": SCRIPT, "status": status, "requests": n}
        for k in range(-4, 10)
        for status, n in outcomes
    ]
    release = Deployment(at_ms=NOW - 90 * MINUTE, script=SCRIPT, version_id="v", number=1, author="a@b.c", message="m")
    edge = [{"at": NOW - NOW % MINUTE, "route": "/api/pitches", "status": 200, "requests": 9}]
    return Running(world(workers=rows, deployments=(release,), edge=edge))


def at_the_api(url: str) -> dict[str, Any]:
    """Return what the sandbox's Cloudflare API was asked, and the tails that are left."""
    seen = httpx.get(f"{url}/_sandbox/seen").json()["cloudflare_api"]
    left = httpx.get(f"{url}/_cf_api/client/v4/accounts/sandbox-account/workers/scripts/{SCRIPT}/tails").json()
    return {"methods": seen["methods"], "left": left["result"]}


# ── against the sandbox ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_hundred_events_are_counted_and_the_tail_is_deleted() -> None:
    """Outcomes and exceptions as they were sent, in one exchange; nothing is left at the API."""
    kept = Kept()
    with played(("success", 70), ("scriptThrewException", 20), ("exceededResources", 10)) as platform:
        seen = watched(platform.url, kept=kept)
        after = at_the_api(platform.url)
    value: TailSeen = value_of(seen)
    sent = json.loads(kept.exchanges[0].body)
    assert (len(kept.exchanges), sent["ended"], sent["deleted"]) == (1, "enough", True)
    assert value.events == 100 == sum(value.outcomes.values())
    assert set(value.outcomes) == {"ok", "exception", "exceededCpu"}
    assert value.outcomes["exception"] == sum(e["outcome"] == "exception" for e in sent["events"])
    assert sum(n for _, n in value.exceptions) == value.outcomes["exception"] + value.outcomes["exceededCpu"]
    assert after == {"methods": {"DELETE": 1, "POST": 1}, "left": []}


def test_half_of_a_hundred_are_enough_once_nothing_else_is_waited_for() -> None:
    """A sample's second half must not be what a responder waits for; it is still a sample, and says how large."""
    kept = Kept()
    with played(("success", 70), ("scriptThrewException", 30)) as platform:

        async def work() -> AnyObservation:
            channel, given = asking(platform.url, kept=kept)
            channel.hurry()
            try:
                return await LiveTail(channel, given, Window(start=NOON - timedelta(hours=1), end=NOON)).tail()
            finally:
                await channel.close()

        seen = run(work())
        after = at_the_api(platform.url)
    value: TailSeen = value_of(seen)
    sent = json.loads(kept.exchanges[0].body)
    assert (sent["ended"], sent["deleted"], after["left"]) == ("enough", True, [])
    assert value.events == _tail.EVENTS_LEAST == 50
    assert sum(value.outcomes.values()) == 50


def test_a_quiet_worker_is_no_data_within_a_tenth_of_the_budget() -> None:
    """Nobody waits 30 s for nothing, and nothing is not called good."""
    kept = Kept()
    with played() as platform:
        seen = watched(platform.url, budget_s=25.0, kept=kept)
        after = at_the_api(platform.url)
    sent = json.loads(kept.exchanges[0].body)
    assert (sent["ended"], sent["limit_s"]) == ("time", 2.5)
    assert isinstance(seen, Observed)
    assert (seen.status, seen.value.events) == ("no_data", 0)
    assert "quiet Worker" in seen.detail
    assert "a tenth of the run's budget" in seen.detail
    assert seen.took_ms < (2.5 + _tail.AROUND_S) * 1000
    assert after["left"] == []


def test_two_runs_share_one_tail() -> None:
    """A Worker has ten places for viewers; a storm of runs takes one."""
    kept = Kept()
    with played(("success", 50)) as platform:

        async def work() -> list[AnyObservation]:
            channel, given = asking(platform.url, kept=kept)
            source = LiveTail(channel, given, Window(start=NOON - timedelta(hours=1), end=NOON))
            both = await asyncio.gather(source.tail(), source.tail())
            await channel.close()
            return list(both)

        one, two = run(work())
        after = at_the_api(platform.url)
    assert value_of(one) == value_of(two)
    assert after["methods"] == {"DELETE": 1, "POST": 1}
    assert sorted(exchange.shared for exchange in kept.exchanges) == [False, True]


def test_a_busy_tail_says_that_it_is_sampled() -> None:
    """Counts are too low then; shares hold."""
    with played(("success", 900_000)) as platform:
        seen = watched(platform.url)
    assert value_of(seen).sampled
    assert isinstance(seen, Observed)
    assert seen.coverage.cut
    assert "too low" in seen.detail


def test_a_run_that_is_stopped_deletes_its_tail() -> None:
    """A watch that is cancelled in its middle leaves nothing behind."""
    with played() as platform:

        async def work() -> None:
            channel, given = asking(platform.url)
            source = LiveTail(channel, given, Window(start=NOON - timedelta(hours=1), end=NOON))
            task = asyncio.ensure_future(source.tail())
            while at_the_api_has_none(await asyncio.to_thread(httpx.get, f"{platform.url}/_sandbox/seen")):
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await channel.close()

        run(work())
        assert at_the_api(platform.url) == {"methods": {"DELETE": 1, "POST": 1}, "left": []}


def at_the_api_has_none(answer: httpx.Response) -> bool:
    """Return whether no tail was asked for yet."""
    return "cloudflare_api" not in answer.json()


@pytest.mark.parametrize("kind", ["5xx", "html", "truncated", "wrong_types", "refused"])
def test_a_broken_api_is_unavailable(kind: str) -> None:
    """Whatever the API answers in place of a tail, it is a reason, never "no exceptions"."""
    with played(("success", 50)) as platform:
        httpx.post(f"{platform.url}/_sandbox/breaks", json={"cloudflare_api": kind})
        seen = watched(platform.url)
    assert isinstance(seen, Unavailable)
    assert seen.status == "unavailable"


def test_in_process_there_is_no_tail_and_nobody_waits_for_it() -> None:
    """Drills ask handlers, not sockets: unavailable at once, and nothing is created."""
    app = create_app(world(), clock=SetClock(NOW))
    kept = Kept()
    seen = watched("http://sandbox.invalid", transport=httpx.ASGITransport(app), kept=kept)
    assert reason_of(seen) == "not_asked"
    assert "no live tail in this transport" in seen.detail
    assert kept.exchanges[0].took_ms == 0


def test_without_an_account_it_is_not_configured() -> None:
    """Nothing to ask is not a failure."""
    given = settings(cloudflare_account=None)
    channel, _ = asking("http://127.0.0.1:9")
    seen = run(LiveTail(channel, given, Window(start=NOON - timedelta(hours=1), end=NOON)).tail())
    assert seen.status == "not_configured"


def test_no_time_left_is_said() -> None:
    """A run at the end of its time for asking does not begin to watch."""
    with played(("success", 50)) as platform:
        seen = watched(platform.url, budget_s=6.0)
        assert "cloudflare_api" not in httpx.get(f"{platform.url}/_sandbox/seen").json()
    assert reason_of(seen) == "not_asked"


def test_a_replay_of_the_record_sees_the_same() -> None:
    """The watch is one exchange: through the record and back it gives the same observation."""
    kept = Kept()
    with played(("success", 30), ("scriptThrewException", 30)) as platform:
        seen = watched(platform.url, kept=kept)
    stored = Exchange.from_json(json.loads(json.dumps(kept.exchanges[0].to_json())))
    given = settings(origin=platform.url, cloudflare_account="sandbox-account")
    again = run(LiveTail(ReplayChannel([stored]), given, Window(start=NOON - timedelta(hours=1), end=NOON)).tail())
    assert again == seen


@pytest.mark.parametrize("subprotocols", [None, ["other"]])
def test_the_sandbox_refuses_without_the_sub_protocol(subprotocols: Any) -> None:
    """As Cloudflare does, so that a client without it is found out here."""
    with played(("success", 50)) as platform:
        made = httpx.post(
            f"{platform.url}/_cf_api/client/v4/accounts/sandbox-account/workers/scripts/{SCRIPT}/tails", json={}
        ).json()["result"]

        async def work() -> None:
            async with connect(made["url"], subprotocols=subprotocols, proxy=None):
                pass

        with pytest.raises(InvalidStatus):
            run(work())


# ── against whoever ──────────────────────────────────────────────────────────────────────────────────────────────

Talk = Callable[[WebSocket], Awaitable[None]]


class Far:
    """An API of our own on a real port, whose socket does as *talk* says."""

    def __init__(self, talk: Talk, *, address: str | None = None, made: Any = None, delete_status: int = 200) -> None:
        self.deleted: list[str] = []
        self.opened = 0
        self.authorized: list[bool] = []

        async def make(request: Request) -> Response:
            if made is not None:
                return made if isinstance(made, Response) else JSONResponse(made)
            url = address if address is not None else f"ws://{request.url.netloc}/socket"
            result = {"id": "abc123", "url": url, "expires_at": "2026-11-23T18:00:00Z"}
            return JSONResponse({"success": True, "errors": [], "messages": [], "result": result})

        async def delete(request: Request) -> Response:
            self.deleted.append(request.path_params["name"])
            return JSONResponse({"success": delete_status < 300}, status_code=delete_status)

        async def socket(opened: WebSocket) -> None:
            self.opened += 1
            self.authorized.append("authorization" in opened.headers)
            with suppress(WebSocketDisconnect, RuntimeError, OSError):
                await talk(opened)

        base = "/_cf_api/client/v4/accounts/{account}/workers/scripts/{script}/tails"
        self.app = Starlette(
            routes=[
                Route(base, make, methods=["POST"]),
                Route(base + "/{name:path}", delete, methods=["DELETE"]),
                WebSocketRoute("/{path:path}", socket),
            ]
        )


@contextmanager
def serving(far: Far) -> Iterator[str]:
    """Serve *far* on a free port."""
    config = uvicorn.Config(far.app, port=0, ws="websockets-sansio", log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join(10)


def says(*messages: str | bytes, then: str = "wait") -> Talk:
    """Return a socket that accepts, sends *messages*, and then waits or closes."""

    async def talk(socket: WebSocket) -> None:
        await socket.accept(subprotocol="trace-v1")
        assert json.loads(await socket.receive_text()) == {"debug": False}
        for message in messages:
            await (socket.send_text(message) if isinstance(message, str) else socket.send_bytes(message))
        if then == "close":
            await socket.close()
        else:
            await socket.receive()

    return talk


def event(outcome: Any = "ok", **more: Any) -> str:
    """Return an invocation as Cloudflare sends it."""
    request = {"url": "https://x.example/api/a", "method": "GET", "headers": {}}
    row = {"outcome": outcome, "exceptions": [], "logs": [], "eventTimestamp": NOW, "event": {"request": request}}
    return json.dumps(row | more)


def heard(far: Far, **more: Any) -> tuple[AnyObservation, Exchange]:
    """Watch *far* for at most 1 s and return what was seen and recorded."""
    kept = Kept()
    with serving(far) as url:
        seen = watched(url, kept=kept, tail_seconds=more.pop("tail_seconds", 1.0), **more)
    return seen, kept.exchanges[0]


BOMB = "[" * 200_000
HOSTILE = (
    BOMB,
    '{"outcome":' + '{"a":' * 60 + "1" + "}" * 61,
    "null",
    "[]",
    '"ok"',
    "",
    "{",
    '{"outcome": NaN}',
    '{"eventTimestamp": 1e999}',
    b"\xff\xfe\x00not json",
)


def test_hostile_messages_are_counted_and_nothing_more() -> None:
    """Bombs, halves, other shapes: each is one rejected message between two good ones."""
    messages = [message for bad in HOSTILE for message in (event(), bad)]
    seen, _ = heard(Far(says(*messages, then="close")))
    assert isinstance(seen, Observed)
    assert (seen.value.events, seen.coverage.rejected) == (len(HOSTILE), len(HOSTILE))


def test_odd_events_are_read_as_far_as_they_go() -> None:
    """Exceptions whose message is no text, outcomes that are none, and text that would steer a terminal."""
    odd = [
        event("exception", exceptions=[{"name": "Error", "message": {"code": [1, None]}}]),
        event("exception", exceptions=[{"name": 7, "message": None}, "no object"]),
        event("exception", exceptions="none"),
        event(["ok"]),
        event(None),
        event("\u202e\x1b[31mok\ud800" + "x" * 10_000),
        event(event={"cron": "* * * * *", "scheduledTime": NOW}),
        event(event=None, eventTimestamp="yesterday"),
        event(event={"request": {"url": 5, "headers": {"cookie": ["a"], "n": 1}}}),
        event(event={"type": "overload", "message": "sampling"}),
    ]
    seen, _ = heard(Far(says(*odd, then="close")))
    value = value_of(seen)
    assert value.events == 9
    assert value.scheduled == 1
    assert value.sampled
    assert ('Error: {"code": [1, null]}', 1) in value.exceptions
    assert value.outcomes["unknown"] == 2
    assert all(len(word) <= 60 and word.isprintable() for word in value.outcomes)


def test_new_outcomes_without_end_do_not_grow_without_end() -> None:
    """A hundred different outcomes and exceptions become forty and the rest."""
    messages = [event(f"o{n}", exceptions=[{"name": "E", "message": str(n)}]) for n in range(100)]
    value = value_of(heard(Far(says(*messages)))[0])
    assert value.events == 100
    assert len(value.outcomes) <= 41
    assert len(value.exceptions) <= 41
    assert value.outcomes["others"] == 60


def test_a_message_larger_than_any_event_ends_the_watch() -> None:
    """What came before counts; the giant is never held."""
    seen, exchange = heard(Far(says(event(), event("exception"), "x" * 3_000_000)))
    assert value_of(seen).outcomes == {"exception": 1, "ok": 1}
    assert json.loads(exchange.body)["ended"] == "lost"
    assert len(exchange.body) < 10_000


def test_secrets_in_addresses_headers_logs_and_exceptions_are_not_kept() -> None:
    """A tail carries what users sent; the record holds the shape and not the secret."""
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
    request = {
        "url": f"https://x.example/api/a?access_token={token}&page=2",
        "method": "GET",
        "headers": {
            "Authorization": f"Bearer {token}",
            "Cookie": "session=abcdef0123456789",
            "X-Api-Key": "k-12345678",
        },
    }
    sent = event(
        "exception",
        event={"request": request},
        logs=[{"message": ["calling", {"password": "hunter2-hunter2"}], "level": "log"}],
        exceptions=[{"name": "Error", "message": f"bad key {SECRET}"}],
    )
    seen, exchange = heard(Far(says(sent, then="close")))
    whole = json.dumps(exchange.to_json()) + repr(seen)
    for secret in (token, SECRET, "abcdef0123456789", "k-12345678", "hunter2-hunter2"):
        assert secret not in whole
    kept = json.loads(exchange.body)["events"][0]["event"]["request"]
    assert set(kept["headers"]) == {"Authorization", "Cookie", "X-Api-Key"}
    assert "page=2" in kept["url"]
    assert value_of(seen).events == 1


def test_the_socket_gets_no_token() -> None:
    """Its address is a secret of its own; the API's token is for the API."""
    far = Far(says(event(), then="close"))
    heard(far)
    assert far.authorized == [False]


def test_a_server_that_never_speaks_is_a_quiet_worker() -> None:
    """Nothing within the time: no data, deleted."""
    far = Far(says())
    seen, _ = heard(far, tail_seconds=0.3)
    assert (seen.status, far.deleted) == ("no_data", ["abc123"])


def test_a_socket_that_never_opens_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The handshake has its own time, and the tail is deleted all the same."""

    async def never(socket: WebSocket) -> None:
        await asyncio.sleep(30)

    monkeypatch.setattr(_tail, "OPEN_S", 0.3)
    far = Far(never)
    seen, _ = heard(far)
    assert (reason_of(seen), far.deleted) == ("timeout", ["abc123"])


@pytest.mark.parametrize("chosen", [None, "chat"])
def test_another_sub_protocol_is_no_tail(chosen: str | None) -> None:
    """What does not speak trace-v1 is not listened to."""

    async def other(socket: WebSocket) -> None:
        await socket.accept(subprotocol=chosen)
        await socket.send_text(event())
        await socket.receive()

    far = Far(other)
    seen, _ = heard(far)
    assert (reason_of(seen), far.deleted) == ("bad_payload", ["abc123"])


def test_a_socket_that_breaks_before_any_event_is_unavailable() -> None:
    """A broken tail is not a quiet Worker."""

    async def breaks(socket: WebSocket) -> None:
        await socket.accept(subprotocol="trace-v1")
        await socket.close(code=1011)

    far = Far(breaks)
    seen, _ = heard(far)
    assert (reason_of(seen), far.deleted) == ("unreachable", ["abc123"])


def test_a_redirect_of_the_socket_is_not_followed() -> None:
    """The address that was checked is the one that is opened."""

    async def elsewhere(socket: WebSocket) -> None:
        await socket.send_denial_response(RedirectResponse(f"ws://{socket.url.netloc}/other"))

    far = Far(elsewhere)
    seen, _ = heard(far)
    assert (reason_of(seen), far.opened, far.deleted) == ("failed", 1, ["abc123"])


@pytest.mark.parametrize(
    "address",
    [
        "wss://evil.example/x",
        "wss://tail.developers.workers.dev.evil.example/x",
        "wss://evil.workers.dev/x",
        "wss://tail.developers.workers.dev:8443/x",
        "ws://tail.developers.workers.dev/x",
        "wss://user:word@tail.developers.workers.dev/x",
        "ws://127.0.0.1:1/x",
        "http://127.0.0.1/x",
        "ws://[::1",
        "ws://127.0.0.1:99999/",
        "ws://127.0.0.1 :80/\r\nhost: x",
        "file:///etc/passwd",
        "",
    ],
)
def test_only_listed_hosts_are_opened(address: str) -> None:
    """The address comes out of an answer: whoever can forge that must not steer us anywhere."""
    far = Far(says(event()), address=address)
    seen, _ = heard(far)
    assert (reason_of(seen), far.opened, far.deleted) == ("not_allowed", 0, ["abc123"])


def test_cloudflares_own_tail_host_is_open_by_default() -> None:
    """The one that its API names, and with the API on https no plain socket."""
    channel, given = asking("https://api.example")
    question = type("Asked", (), {"url": f"{given.url('cloudflare_api')}accounts/a/workers/scripts/s/tails"})()
    assert channel._tail_refusal(question, "wss://tail.developers.workers.dev/0123abcd") is None
    assert channel._tail_refusal(question, "wss://api.example/socket") is None
    assert channel._tail_refusal(question, "ws://api.example/socket") is not None


@pytest.mark.parametrize(
    "host", ["*.workers.dev", "Tail.example.com", "a.example:443", "https://a.example", "localhost"]
)
def test_a_pattern_of_hosts_is_refused(host: str) -> None:
    """Anybody can have a name below workers.dev."""
    with pytest.raises(ConfigError, match="cloudflare_tail_hosts"):
        load("sandbox", overrides={"cloudflare_tail_hosts": (host,)})


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (JSONResponse({"success": False, "errors": [{"code": 10000, "message": "no"}]}, 403), "refused"),
        (JSONResponse({}, 429), "rate_limited"),
        (Response("oops", 500), "failed"),
        (RedirectResponse("/elsewhere"), "failed"),
        ({"success": False, "errors": [{"code": 10007, "message": "no such Worker"}], "result": None}, "failed"),
        (Response("<html>", media_type="text/html"), "bad_payload"),
        ({"success": True, "result": None}, "bad_payload"),
        ({"success": True, "result": {"id": "../../x", "url": "ws://x/y"}}, "bad_payload"),
        ({"success": True, "result": {"id": 7, "url": "ws://x/y"}}, "bad_payload"),
        (Response("[" * 60_000), "bad_payload"),
        (Response("x" * 1_000_000), "too_large"),
    ],
)
def test_no_tail_is_a_reason(made: Any, reason: str) -> None:
    """Each way of not making a tail has its word, and nothing is opened or deleted."""
    far = Far(says(event()), made=made)
    seen, _ = heard(far)
    assert (reason_of(seen), far.opened, far.deleted) == (reason, 0, [])


def test_a_tail_that_cannot_be_deleted_is_told() -> None:
    """It ends by itself; the observation says when."""
    seen, _ = heard(Far(says(event(), then="close"), delete_status=500))
    assert isinstance(seen, Observed)
    assert "could not be deleted and ends by itself at 2026-11-23T18:00:00Z" in seen.detail


# ── what it means ────────────────────────────────────────────────────────────────────────────────────────────────

JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
EVENT = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("outcome", "exceptions", "event", "eventTimestamp", "logs"), JSON)
)


@given(st.fixed_dictionaries({"events": st.lists(EVENT, max_size=6) | JSON, "watched_s": JSON, "rejected": JSON}))
def test_whatever_the_record_holds_it_is_read_or_refused(value: Mapping[str, Any]) -> None:
    """No record of a watch can raise anything but a source's error."""
    exchange = replace(answering(value), key=KEY, source="cloudflare_api", kind="tail", method="POST")
    try:
        reading = read_tail(exchange)
    except SourceError:
        return
    assert reading.value.events == sum(reading.value.outcomes.values())
    assert (reading.status == "no_data") is (reading.value.events == 0)


def case_of(*observations: AnyObservation) -> Case:
    """Return a case with nothing but *observations*."""
    window = Window(start=NOON - timedelta(hours=1), end=NOON)
    return Case(
        window=window,
        now=NOON,
        frames=Frames(window=window),
        observations={one.id: one for one in observations},
        settings=settings(),
    )


def showing(**outcomes: int) -> Observed[TailSeen]:
    """Return the observation of a tail with *outcomes*."""
    value = TailSeen(events=sum(outcomes.values()), outcomes=outcomes, watched_s=2.0)
    return Observed(id=KEY, source="cloudflare_api", at=NOON, value=value)


@pytest.mark.parametrize(
    ("outcomes", "signals"),
    [
        ({"ok": 100}, set()),
        ({"ok": 99, "exception": 1}, set()),
        ({"ok": 90, "exception": 10}, {"worker_exceptions"}),
        ({"ok": 60, "exceededCpu": 30, "exceededMemory": 10}, {"worker_limits"}),
        ({"ok": 50, "exception": 25, "exceededCpu": 25}, {"worker_exceptions", "worker_limits"}),
        ({"canceled": 100}, set()),
        ({"exception": 1}, {"worker_exceptions"}),
    ],
)
def test_outcomes_speak_softly(outcomes: dict[str, int], signals: set[str]) -> None:
    """A clear share speaks, at half strength at most; good outcomes of a moment speak for nothing."""
    found = tail_rule(case_of(showing(**outcomes)))
    assert isinstance(found, list)
    spoken = {signal.name: signal.strength for finding in found for signal in finding.signals}
    assert set(spoken) == signals
    assert all(0 < strength <= 0.5 for strength in spoken.values())
    assert all(finding.evidence == (KEY,) for finding in found)


def test_nothing_seen_is_not_checked() -> None:
    """Not asked, unavailable and quiet are each not checked, never good."""
    gone = Unavailable(id=KEY, source="cloudflare_api", at=NOON, reason="timeout", detail="slow")
    for case, words in ((case_of(), "not asked"), (case_of(gone), "timeout"), (case_of(showing()), "no event")):
        result = tail_rule(case)
        assert isinstance(result, NotChecked)
        assert words in result.because


@pytest.mark.parametrize(
    ("observation", "title", "note"),
    [
        (showing(ok=90, exception=10), "10 % of 100 events end badly, most with exception", "stopped after"),
        (showing(ok=98, canceled=2), "None of 100 events of the live tail ended badly", "stopped after"),
        (showing(), None, "The live tail was not seen (no event came"),
        (
            Unavailable(id=KEY, source="cloudflare_api", at=NOON, reason="not_configured", detail="no account"),
            None,
            "The live tail was not seen (cloudflare_api/tail: not configured)",
        ),
    ],
)
def test_the_panel_shows_the_tail_or_says_that_it_was_not_seen(
    observation: AnyObservation, title: str | None, note: str
) -> None:
    """The step shows events where there are any, and the analytics, called so, where there are none."""
    if isinstance(observation, Observed):
        observation = replace(observation, detail="stopped after 100 events in 2.0 s")
    case = case_of(observation)
    book = runbook("outage")
    view = View(
        context=SimpleNamespace(alerts=()),
        runbook=book,
        settings=case.settings,
        case=case,
        analysis=analyse(case, book),
        parameters={},
    )
    panel = step_panel(view, "outage.tail")
    assert panel.id == "outage-tail"
    assert any(note in one for one in panel.notes)
    if title is not None:
        assert panel.title == title
        assert panel.png
