"""The sandbox on a real port: in the foreground for people, in a thread for tests and drills."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType

import uvicorn
from starlette.applications import Starlette

from .app import create_app
from .clock import LoopClock
from .lane import LaneProtocol
from .state import Options, State
from .world import World

_STARTED_WITHIN_S = 30.0


class _Server(uvicorn.Server):
    """Starts the clock, and says when it listens."""

    def __init__(self, config: uvicorn.Config, clock: LoopClock, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._clock = clock
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._clock.start()
        await super().startup(sockets)
        self._listening()


def _bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one."""
    # named as TCP, because asyncio sends at once (TCP_NODELAY) only on sockets that say so
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(128)
    except OSError:
        bound.close()
        raise
    return bound


def _config(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=LaneProtocol,
        ws="websockets-sansio",
        loop="asyncio",
        lifespan="off",
        proxy_headers=False,
        log_level=logging.WARNING,
        access_log=False,
        date_header=False,  # the sandbox has its own time
        server_header=False,
        timeout_graceful_shutdown=1,
    )


class Running:
    """
    A sandbox in a thread of this process; a context manager that stops it at the end.

    Attributes
    ----------
    port
        The port that was bound.
    url
        The origin, without a slash at its end.
    clock
        Its clock; ``advance`` jumps.
    state
        What people changed in it, for tests.
    """

    def __init__(
        self,
        world: World,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        speed: float = 1.0,
        breaks: Iterable[str] | Mapping[str, str | None] = (),
        fresh: bool = False,
        options: Options | None = None,
    ) -> None:
        self.clock = LoopClock(world.now_ms, speed=speed)
        app = create_app(world, clock=self.clock, breaks=breaks, fresh=fresh, options=options)
        self.state: State = app.state.sandbox
        self._socket = _bind(host, port)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
        self._ready = threading.Event()
        self._server = _Server(_config(app), self.clock, self._ready.set)
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self._thread.start()
        if not self._ready.wait(_STARTED_WITHIN_S):
            self.stop()
            raise RuntimeError(f"the sandbox did not listen within {_STARTED_WITHIN_S:.0f} s")

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def stop(self) -> None:
        """Stop it, and wait until its port is free."""
        self._server.should_exit = True
        self._thread.join(_STARTED_WITHIN_S)
        self._socket.close()

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def serve(
    world: World,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    speed: float = 1.0,
    breaks: Iterable[str] | Mapping[str, str | None] = (),
    fresh: bool = False,
    options: Options | None = None,
    on_listening: Callable[[str], None] = print,
) -> int:
    """
    Serve *world* until an interrupt, and return the port.

    Parameters
    ----------
    speed
        Seconds of the sandbox per real second.
    on_listening
        Gets the origin's URL once connections are taken; prints it by default.

    Raises
    ------
    OSError
        When the port cannot be bound.
    ValueError
        For an unknown service or kind in *breaks*.
    """
    clock = LoopClock(world.now_ms, speed=speed)
    app = create_app(world, clock=clock, breaks=breaks, fresh=fresh, options=options)
    app.state.sandbox.logs.warm()
    app.state.sandbox.archive.warm()
    gc.freeze()  # the world stays: the collector of cycles need not look through it again and again
    bound = _bind(host, port)
    number: int = bound.getsockname()[1]
    url = f"http://{f'[{host}]' if ':' in host else host}:{number}"
    server = _Server(_config(app), clock, lambda: on_listening(url))
    try:
        asyncio.run(server.serve(sockets=[bound]))
    except KeyboardInterrupt:
        pass
    finally:
        bound.close()
    return number
