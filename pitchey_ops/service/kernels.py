"""
Kernels that are started before their run is known, with everything imported: a run begins at once.

One kernel carries out one run and is then killed with all that it started, so nothing of a run is there in the next.
Kernels are ordinary processes that the pool's own thread starts (Linux kills them when that thread ends, and it ends
with the process), or has forked by a process that has all imports done, where that is possible; they get the same
limits, and the same variables without keys, as a kernel started for its run. All of a pool belong to one environment
and one state of the settings; when that changes they are thrown away.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty
from typing import Any

from ..evidence.canonical import canonical
from ..runbooks.given import VARIABLE
from ..runbooks.starting import LOG, end_kernel, kernel_environment, kill, socket_folder, start_kernel
from ..settings import Settings
from .forking import POSSIBLE, NoNursery, Nursery, provisioner_of

log = logging.getLogger("pitchey_ops.kernels")
READY_WITHIN_S = 60.0
TOLD_WITHIN_S = 10.0
FORK_TRIES = 3
"""Nurseries in a row that fail before kernels are started the long way."""
NURSERY_WITHIN_S = 15.0
"""A call waits so long for a nursery that is coming up."""
REST_S = 5.0
"""Pause after a kernel could not be started: the cause will not be gone in a moment."""


class PooledKernel:
    """A kernel that waits for its run."""

    def __init__(self, memory_limit_mb: int, nursery: Nursery | None = None) -> None:
        self._sockets = socket_folder()
        self.log = self._sockets / LOG
        self.manager: Any = None
        self._client: Any = None
        self._lock = threading.Lock()
        self._ended = False
        forked = None if nursery is None else partial(provisioner_of, nursery, self.log)
        try:
            self.manager = start_kernel(
                self._sockets,
                kernel_environment(memory_limit_mb),
                cwd=self._sockets,
                log=self.log,
                provisioner=forked,
            )
            self._ask("pass", READY_WITHIN_S)
        except BaseException:
            self._remove()
            raise

    @property
    def pid(self) -> int | None:
        """The kernel's process."""
        return getattr(getattr(self.manager, "provisioner", None), "pid", None)

    def alive(self) -> bool:
        """Whether its process is there."""
        process = getattr(getattr(self.manager, "provisioner", None), "process", None)
        return process is not None and process.poll() is None

    def point_to(self, folder: Path) -> None:
        """
        Tell it its run.

        Raises
        ------
        RuntimeError
            It does not answer; it is of no use.
        """
        where = json.dumps(str(folder))  # ASCII, and a Python literal, too
        try:
            self._ask(f"import os as _o; _o.environ[{VARIABLE!r}] = {where}; _o.chdir({where}); del _o", TOLD_WITHIN_S)
        finally:
            self._hang_up()

    def end(self) -> None:
        """Kill it; what is left of it is removed behind the caller's back. Once is enough."""
        kill(self.manager)
        with self._lock:
            if self._ended:
                return
            self._ended = True
        threading.Thread(target=self._remove, name="ops-kernel-end", daemon=True).start()

    def _remove(self) -> None:
        if self.manager is None:
            shutil.rmtree(self._sockets, ignore_errors=True)
        else:
            self._hang_up()
            end_kernel(self.manager, self._sockets)

    def _ask(self, code: str, within_s: float) -> None:
        """Have the kernel do *code*; the socket for it stays open until `_hang_up`."""
        if self._client is None:
            self._client = _client_of(self.manager)
        message = self._client.execute(code, silent=True, store_history=False, allow_stdin=False)
        waited = 0.0
        while waited < within_s:
            with suppress(Empty):
                reply = self._client.shell_channel.get_msg(timeout=0.5)
                if reply["parent_header"].get("msg_id") == message:
                    if reply["content"]["status"] != "ok":
                        raise RuntimeError(f"the kernel refused: {reply['content'].get('ename')}")
                    return
                continue
            waited += 0.5
            if not self.alive():
                raise RuntimeError("the kernel ended before it was ready")
        raise RuntimeError(f"the kernel did not answer within {within_s:.0f} s")

    def _hang_up(self) -> None:
        """Close the socket, before its context is: that would wait for it for ever."""
        client, self._client = self._client, None
        if client is not None:
            client.stop_channels()


def _client_of(manager: Any) -> Any:
    """Return a client of a kernel that has its channel for requests alone, and waits without a loop."""
    import zmq
    from jupyter_client.blocking.client import BlockingKernelClient

    client = BlockingKernelClient(
        parent=manager, context=zmq.Context(manager.context), **manager.get_connection_info(session=True)
    )
    client.start_channels(iopub=False, stdin=False, hb=False, control=False)
    return client


class KernelPool:
    """
    Keeps up to *size* kernels ready, forked where *fork* and the system allow it.

    Kernels that have to be started cost more than a second of a core each, which a run can use better: they are
    refilled at once when the last one is taken, else when no run is going on.
    """

    def __init__(self, size: int, *, fork: bool = True) -> None:
        self._size = size
        self._tries = FORK_TRIES if fork and POSSIBLE else 0
        self._nursery: Nursery | None = None
        self._nursery_digest: str | None = None
        self._lock = threading.Condition()
        self._ready: list[PooledKernel] = []
        self._digest: str | None = None
        self._memory_mb = 0
        self._taken = 0
        self._closed = False
        self._thread: threading.Thread | None = None

    def warm(self, settings: Settings) -> None:
        """Have kernels for *settings* started in the background; those for others are thrown away."""
        if self._size == 0:
            return
        with self._lock:
            self._suit(settings)
            if self._thread is None and not self._closed:
                _remove_left_over()
                self._thread = threading.Thread(target=self._fill, name="ops-kernels", daemon=True)
                self._thread.start()
            self._lock.notify_all()

    def take(self, settings: Settings, folder: Path) -> PooledKernel | None:
        """Return a kernel that knows the run in *folder*, None where none is ready; give it back by `done`."""
        self.warm(settings)
        while True:
            with self._lock:
                if not self._ready:
                    return None
                kernel = self._ready.pop(0)
                self._lock.notify_all()
            if kernel.alive():
                try:
                    kernel.point_to(folder)
                except Exception as exc:
                    log.warning("a ready kernel was of no use (%s); another is taken", type(exc).__name__)
                else:
                    with self._lock:
                        self._taken += 1
                    return kernel
            kernel.end()

    def done(self, kernel: PooledKernel) -> None:
        """Say that the run of *kernel* is over; it is killed, whatever it is doing."""
        kernel.end()
        with self._lock:
            self._taken -= 1
            self._lock.notify_all()

    def call(self, settings: Settings, function: str, given: Any, *, within_s: float) -> Any:
        """
        Call *function* in a fork that has the variables of a kernel for *settings*, see `Nursery.call`.

        Raises
        ------
        NoNursery
            Kernels are not forked here.
        CallFailed
            The function raised, or did not end in time.
        """
        self.warm(settings)
        deadline = time.monotonic() + NURSERY_WITHIN_S
        with self._lock:
            while not self._fits() and self._size and self._tries and not self._closed:
                if not self._lock.wait(min(0.2, deadline - time.monotonic())) and time.monotonic() > deadline:
                    break
            nursery = self._nursery if self._fits() else None
        if nursery is None:
            raise NoNursery("there is none")
        return nursery.call(function, given, within_s=within_s)

    def ready(self) -> int:
        """Return how many kernels are ready."""
        with self._lock:
            return len(self._ready)

    def pids(self) -> list[int]:
        """Return the processes of the kernels that are ready."""
        with self._lock:
            return [kernel.pid for kernel in self._ready if kernel.pid is not None]

    def close(self) -> None:
        """Kill every kernel that is ready and start no more."""
        with self._lock:
            self._closed = True
            left, self._ready = self._ready, []
            self._lock.notify_all()
        for kernel in left:
            kernel.end()

    def _suit(self, settings: Settings) -> None:
        wanted = digest_of(settings)
        if wanted == self._digest:
            return
        left, self._ready = self._ready, []
        self._digest, self._memory_mb = wanted, settings.memory_limit_mb
        for kernel in left:
            kernel.end()

    def _fill(self) -> None:
        while True:
            with self._lock:
                while not self._closed and not self._wanted():
                    self._lock.wait()
                if self._closed:
                    break
                digest, memory_mb = self._digest, self._memory_mb
            try:
                kernel = PooledKernel(memory_mb, self._nursery_of(digest, memory_mb) if self._tries else None)
            except Exception as exc:
                self._failed(exc)
                continue
            self._tries = FORK_TRIES if self._tries else 0
            with self._lock:
                fits = not self._closed and digest == self._digest
                if fits:
                    self._ready.append(kernel)
            if not fits:
                kernel.end()
        if self._nursery is not None:
            self._nursery.close()

    def _fits(self) -> bool:
        return self._nursery is not None and self._nursery_digest == self._digest

    def _nursery_of(self, digest: str | None, memory_mb: int) -> Nursery:
        """Return the nursery of the settings *digest*; one of others goes when its last kernel has ended."""
        if self._nursery is not None and self._nursery_digest != digest:
            self._nursery.retire()
            self._nursery = None
        if self._nursery is None:
            made = Nursery(kernel_environment(memory_mb))
            with self._lock:
                self._nursery, self._nursery_digest = made, digest
                self._lock.notify_all()
        return self._nursery

    def _failed(self, exc: Exception) -> None:
        """Say that a kernel could not be started; try another nursery a few times, then do without."""
        if self._tries:
            self._tries -= 1
            nursery, self._nursery = self._nursery, None
            if nursery is not None:
                nursery.retire()
            then = "another nursery is tried" if self._tries else "from now on each is started by itself"
            log.warning("kernels cannot be forked (%.200s); %s", exc, then)
            return
        log.warning("no kernel could be started ahead (%s: %.200s)", type(exc).__name__, exc)
        with self._lock:
            self._lock.wait(REST_S)

    def _wanted(self) -> bool:
        missing = self._size - len(self._ready)
        return missing > 0 and (bool(self._tries) or not self._ready or self._taken == 0)


def digest_of(settings: Settings) -> str:
    """Return what a kernel depends on: settings with secrets, and every variable that it would get."""
    values = {
        name: value
        for name, value in kernel_environment(settings.memory_limit_mb).items()
        if name != VARIABLE and not name.startswith("_")  # there libraries and shells leave notes for themselves
    }
    told = canonical({"settings": settings.public(), "secrets": list(settings.secrets()), "environment": values})
    return hashlib.sha256(told).hexdigest()


def _remove_left_over() -> None:
    """Remove socket folders of processes of ours that are gone: kill -9 leaves them behind."""
    for folder in Path(tempfile.gettempdir()).glob("pitchey-ops-*-*"):
        number = folder.name.split("-")[2]
        with suppress(OSError):
            if number.isdigit() and folder.stat().st_uid == os.getuid() and not Path(f"/proc/{number}").exists():
                shutil.rmtree(folder, ignore_errors=True)
