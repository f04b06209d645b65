"""
One world on one loopback origin: routing, behaviours, breaks, and the count of what was asked.

The platform's services lie at the root under their own prefixes, third parties under ``/_cf_status``,
``/_cf_api``, ``/_sentry``, ``/_pagerduty``, ``/_slack``, ``/_statuspage``, ``/_r2``, everything else is the
frontend. ``/_host/{service}/…`` answers strictly as that host would. ``/_sandbox/…`` steers and watches
the sandbox; no route gives away the world's `Truth`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from .behaviours import behaviour_for, is_default
from .breaks import SLOW_S, Breaks, HangUp, distort, edge_page, endless
from .clock import Clock, http_date, iso
from .mending import Mending
from .names import SERVICES, locate
from .seen import Seen
from .services._base import Service, WorkerFault, fault, json_answer, ray, text_answer
from .services.alerts import Alerts
from .services.api import Api, missing
from .services.apm import Apm
from .services.frontend import Frontend
from .services.infra import Infra
from .services.logs import Logs
from .services.monitoring import Monitoring
from .services.r2 import R2
from .services.security import Security
from .state import Options, State
from .store import ApmStore, ArchiveStore, LogStore
from .thirdparty.cloudflare_api import CloudflareApi
from .thirdparty.cloudflare_status import CloudflareStatus
from .thirdparty.pagerduty import PagerDuty
from .thirdparty.sentry import Sentry
from .thirdparty.slack import Slack
from .thirdparty.statuspage import Statuspage
from .world import Behaviour, World
from .writes import METHODS


def create_app(
    world: World,
    *,
    clock: Clock,
    breaks: Iterable[str] | Mapping[str, str | None] = (),
    fresh: bool = False,
    options: Options | None = None,
) -> Starlette:
    """
    Return the whole platform that plays *world*.

    Parameters
    ----------
    clock
        Says what time it is in the sandbox (`clock.SetClock`, `clock.LoopClock`).
    breaks
        ``SERVICE=KIND`` texts, or a mapping; changeable later by ``POST /_sandbox/breaks``.
    fresh
        A young store: logs and APM hold only what arrived in the last two hours before the start.
    options
        Moods of the platform.

    Raises
    ------
    ValueError
        For an unknown service or kind in *breaks*.
    """
    state = State(
        world=world,
        clock=clock,
        breaks=Breaks(breaks),
        options=options or Options(),
        logs=LogStore(world, fresh=fresh or world.fresh),
        apm=ApmStore(world, fresh=fresh or world.fresh),
        archive=ArchiveStore(world),
    )
    dispatcher = _Dispatcher(state)
    app = Starlette(routes=[Mount("/", app=dispatcher)])
    app.state.sandbox = state  # for whoever plays it in process; no route shows it
    app.state.quick = dispatcher.quick
    return app


def _services(state: State) -> dict[str, Service]:
    api = Api(state)
    slack = Slack(state)
    pagerduty = PagerDuty(state)
    infra = Infra(state)
    known: list[Service] = [
        api,
        Logs(state),
        Apm(state),
        infra,
        Monitoring(state, api, infra),
        Security(state),
        Alerts(state, slack, pagerduty),
        Frontend(state),
        CloudflareStatus(state),
        CloudflareApi(state),
        Sentry(state),
        pagerduty,
        slack,
        Statuspage(state),
        R2(state),
    ]
    services = {service.name: service for service in known}
    assert set(services) == set(SERVICES), "a service without a name in names.py"
    return services


class _Dispatcher:
    """Finds the service, counts the request, applies break and behaviour, and answers."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._services = _services(state)
        self._seen = Seen()
        self._mending = Mending(state)
        self._mending_lock = asyncio.Lock()
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._socket(WebSocket(scope, receive, send))
            return
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        path: str = scope["path"]
        if path == "/_sandbox" or path.startswith("/_sandbox/"):
            await (await self._admin(request, path))(scope, receive, send)
            return
        service, inner = locate(path)
        with self._seen.request(service, request.method, inner):
            try:
                response = await self._answer(request, service, inner)
            except ClientDisconnect:
                return
            await response(scope, receive, send)

    def quick(self, target: str) -> bytes | None:
        """Return the whole answer to a plain read of the archive (see `lane`), None where it is none of those."""
        path, _, query = target.partition("?")
        if "#" in target:
            return None
        service, inner = locate(unquote(path))
        state, now_ms = self._state, self._state.now_ms
        if service != "r2" or state.breaks.of(service) is not None:
            return None
        if behaviour_for(state.world, service, inner, now_ms) is not None:
            return None
        store = self._services[service]
        assert isinstance(store, R2)
        found = store.listed(inner, query) if query else store.object(inner, now_ms)
        if found is None:
            return None
        headers, body = found
        headers["date"] = http_date(now_ms)
        headers["server"] = "cloudflare"
        headers["cf-ray"] = ray(state.world.seed, next(self._numbers))
        lines = "\r\n".join([f"{name}: {value}" for name, value in headers.items()])
        self._seen.passed(service, "GET", inner)
        return f"HTTP/1.1 200 OK\r\n{lines}\r\n\r\n".encode("latin-1") + body

    async def _socket(self, socket: WebSocket) -> None:
        """Serve the one kind of WebSocket that there is, a Worker's live tail; refuse all others."""
        service, inner = locate(socket.scope["path"])
        cloudflare = self._services["cloudflare_api"]
        if service != cloudflare.name or self._state.breaks.of(service) is not None:
            await socket.close()
            return
        assert isinstance(cloudflare, CloudflareApi)
        await cloudflare.tails.serve(socket, inner)

    async def _answer(self, request: Request, name: str, path: str) -> Response:
        cf_ray = ray(self._state.world.seed, next(self._numbers))
        write = self._state.writes.take(name, request.method, path)
        if (write is not None and write.endswith("_before")) or write == "429":
            return await self._write_fault(request, str(write), cf_ray)
        kind = self._state.breaks.of(name)
        if kind == "refused":
            return HangUp()
        if kind == "endless":
            return endless()
        if kind == "slow" and not await _wait(request, SLOW_S):
            raise ClientDisconnect
        response = await self._play(request, name, path, cf_ray)
        if name == "cloudflare_api" and request.method in METHODS and self._mending.due():
            await self._mended()
        if write is not None:
            return await self._write_fault(request, write, cf_ray)
        if kind in ("5xx", "html", "truncated", "wrong_types"):
            response = distort(response, kind, cf_ray)
        headers = response.headers
        headers.setdefault("date", http_date(self._state.now_ms))
        headers.setdefault("server", "cloudflare")
        headers.setdefault("cf-ray", cf_ray)
        return response

    async def _write_fault(self, request: Request, kind: str, cf_ray: str) -> Response:
        """Let a change end as it was ordered; whether it was made was settled before."""
        if kind == "429":
            return json_answer({"error": {"message": "Rate Limit Exceeded", "code": 2020}}, 429, {"retry-after": "1"})
        if kind.startswith("5xx"):
            return edge_page(503, 1105, cf_ray)
        if kind.startswith("timeout"):
            await _wait(request, SLOW_S)
            raise ClientDisconnect
        return HangUp()

    async def _mended(self) -> None:
        """Let the world go on as what people changed makes it; drawing it takes a moment of a thread."""
        async with self._mending_lock:
            await asyncio.to_thread(self._mending.changed)

    async def _play(self, request: Request, name: str, path: str, cf_ray: str) -> Response:
        """Return what the world lets the service answer."""
        service = self._services[name]
        behaviour = behaviour_for(self._state.world, name, path, self._state.now_ms)
        if behaviour is not None and behaviour.latency_ms:
            await asyncio.sleep(behaviour.latency_ms / 1000.0)
        if behaviour is None or is_default(behaviour):
            try:
                response = await service.answer(request, path)
            except WorkerFault:
                response = fault()
        else:
            service.failed(path)
            response = behave(behaviour, path, cf_ray)
        if behaviour is not None:
            for header, value in behaviour.headers.items():
                if value:
                    response.headers[header] = value
                elif header in response.headers:
                    del response.headers[header]
        return response

    async def _admin(self, request: Request, path: str) -> Response:
        match path.removeprefix("/_sandbox"):
            case "/clock" if request.method == "POST":
                try:
                    sent = json.loads(await request.body())
                    self._state.clock.advance(_forward(sent))
                except ValueError as error:
                    return json_answer({"error": str(error)}, 400)
                return json_answer({"now_ms": self._state.now_ms})
            case "/clock":
                now = self._state.now_ms
                return json_answer({"now_ms": now, "now": iso(now)})
            case "/breaks" if request.method == "POST":
                try:
                    wanted = json.loads(await request.body())
                    if not isinstance(wanted, dict):
                        raise ValueError('a JSON object is due: {"SERVICE": "KIND" or null}')
                    self._state.breaks.change(wanted)
                except ValueError as error:
                    return json_answer({"error": str(error)}, 400)
                return json_answer(self._state.breaks.as_dict())
            case "/breaks":
                return json_answer(self._state.breaks.as_dict())
            case "/writes" if request.method == "POST":
                try:
                    sent = json.loads(await request.body())
                    if isinstance(sent, dict) and isinstance(sent.get("secrets_changed"), list):
                        self._state.secrets_changed = tuple(map(str, sent["secrets_changed"]))
                    else:
                        self._state.writes.change(sent)
                except ValueError as error:
                    return json_answer({"error": str(error)}, 400)
                return json_answer({"secrets_changed": self._state.secrets_changed, **self._state.writes.waiting})
            case "/seen" if request.method in ("DELETE", "POST"):
                self._seen.forget()
                return json_answer({})
            case "/seen":
                return json_answer(self._seen.as_dict())
        return text_answer("clock, breaks, writes, seen", 404)


def behave(behaviour: Behaviour, path: str, cf_ray: str) -> Response:
    """Return the answer of a behaviour that is not the default one."""
    if behaviour.status == 0:
        return HangUp()
    match behaviour.kind:
        case "cloudflare_html":
            code = behaviour.body if isinstance(behaviour.body, int) else 1101
            return edge_page(behaviour.status if behaviour.status >= 400 else 500, code, cf_ray)
        case "missing":
            status, body = missing(path)
            return json_answer(body, status)
        case "text":
            return text_answer(
                "Internal Server Error" if behaviour.body is None else str(behaviour.body), behaviour.status
            )
    body_: Any = behaviour.body
    if body_ is None:
        body_ = {"success": False, "message": "Internal server error"}
    return json_answer(body_, behaviour.status)


def _forward(sent: Any) -> int:
    """Return ``advance_ms`` of a request to move the clock."""
    ms = sent.get("advance_ms") if isinstance(sent, dict) else None
    if not isinstance(ms, int) or isinstance(ms, bool) or not 0 <= ms <= 30 * 86_400_000:
        raise ValueError('{"advance_ms": 0 to 30 days} is due')
    return ms


async def _wait(request: Request, seconds: float) -> bool:
    """Wait, and return whether the client is still there afterwards."""
    await request.body()

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    watch = asyncio.ensure_future(gone())
    try:
        done, _ = await asyncio.wait({watch}, timeout=seconds)
        return not done
    finally:
        watch.cancel()
