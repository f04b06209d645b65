"""
Kernels that are forked by a `nursery` instead of being started, and calls done in a fork: its side in the worker.

A forked kernel is no child of ours, so that its end is learnt from a descriptor of its process, which cannot be
mistaken for another process of the same number; and the nursery keeps it in the table of processes until we are done
with it, so that its process group can be killed at any time.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from jupyter_client.provisioning import LocalProvisioner

from ..runbooks import nursery as nursery_module

POSSIBLE = sys.platform == "linux" and hasattr(os, "pidfd_open")
"""Elsewhere a kernel does not end with its parent, and forking after imports is not safe."""
READY_WITHIN_S = 60.0
ANSWERS_WITHIN_S = 10.0
LOOKS_AGAIN_S = 0.25
"""While its end is waited for, which wakes whoever waits; another thread may have let the process go meanwhile."""


class NoNursery(Exception):
    """It could not be started, or does not answer; kernels have to be started the long way."""


class CallFailed(Exception):
    """What was called in a fork raised, was killed or did not end; its own words are in the log."""


class Nursery:
    """
    A process that forks kernels, each with the variables *environment*. It ends with the thread that makes it.

    Raises
    ------
    NoNursery
        It did not come up.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._lock = threading.Lock()
        self._forks: set[int] = set()
        self._retired = False
        ours, theirs = socket.socketpair()
        self._socket = ours
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", nursery_module.__name__],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,  # its standard error is ours: what it says there is for whoever runs us
                env=dict(environment),
                start_new_session=True,
            )
        self._lines = ours.makefile("rwb")
        try:
            first = self._answer(READY_WITHIN_S)
            if not first.get("ready"):
                raise NoNursery(f"it cannot fork safely: {first.get('because')}")
        except BaseException:
            self.close()
            raise

    def fork(self, connection_file: str, cwd: str, log: Path) -> ForkedProcess:
        """
        Fork a kernel and return its process.

        Raises
        ------
        NoNursery
            It does not answer, or the kernel ended at once.
        """
        return self._fork({"connection_file": connection_file, "cwd": cwd, "log": str(log)})

    def call(self, function: str, given: Any, *, within_s: float) -> Any:
        """
        Call *function* (``module:name``) with *given* in a fork and return its answer; both are JSON.

        Raises
        ------
        NoNursery
            It does not answer; nothing was called.
        CallFailed
            The function raised, or did not end within *within_s* seconds.
        """
        with tempfile.TemporaryDirectory(prefix="pitchey-ops-call-") as folder:
            answer = Path(folder) / "answer.json"
            order = {"call": function, "given": given, "answer": str(answer), "cwd": str(Path.cwd())}
            process = self._fork(order)
            try:
                status = process.wait(within_s)
            except subprocess.TimeoutExpired:
                process.kill()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(ANSWERS_WITHIN_S)
                raise CallFailed(f"{function}: not done within {within_s:.0f} s") from None
            if status != 0:
                raise CallFailed(f"{function}: its process ended with status {status}")
            return json.loads(answer.read_bytes())

    def _fork(self, order: Mapping[str, Any]) -> ForkedProcess:
        with self._lock:
            self._say(order)
            pid = self._answer(ANSWERS_WITHIN_S).get("pid")
            if not isinstance(pid, int):
                raise NoNursery("it forked nothing")
            self._forks.add(pid)
        try:
            return ForkedProcess(pid, self)
        except OSError as exc:
            raise NoNursery(f"the fork's process cannot be watched ({exc.strerror})") from exc

    def reap(self, pid: int) -> int:
        """Let a kernel that ended go and return its exit code; that of a killed one where nobody knows it."""
        status = None
        with self._lock:
            self._forks.discard(pid)
            with suppress(NoNursery):
                self._say({"reap": pid})
                status = self._answer(ANSWERS_WITHIN_S).get("status")
            last = self._retired and not self._forks
        if last:
            self.close()
        return status if isinstance(status, int) else -signal.SIGKILL

    def retire(self) -> None:
        """Fork no more, and end when the last kernel has: runs are going on in some of them."""
        with self._lock:
            self._retired = True
            over = not self._forks
        if over:
            self.close()

    def close(self) -> None:
        """End it, and with it every kernel that it forked."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with suppress(OSError, ValueError):
            self._lines.close()
        self._socket.close()
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5.0)

    def _say(self, words: Mapping[str, Any]) -> None:
        try:
            self._lines.write(json.dumps(words).encode("ascii") + b"\n")
            self._lines.flush()
        except (OSError, ValueError) as exc:
            raise NoNursery("it is gone") from exc

    def _answer(self, within_s: float) -> dict[str, Any]:
        self._socket.settimeout(within_s)
        try:
            line = self._lines.readline()
            answer = json.loads(line)
        except (OSError, ValueError) as exc:
            raise NoNursery("it does not answer") from exc
        return dict(answer)


class ForkedProcess:
    """A kernel's process, as far as jupyter_client and we use one of `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, nursery: Nursery) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._nursery = nursery
        self._lock = threading.Lock()
        self._descriptor = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """Return its exit code, None while it runs."""
        with self._lock:
            if self.returncode is None and self._ended_within(0.0):
                self.returncode = self._nursery.reap(self.pid)
                os.close(self._descriptor)
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """
        Return its exit code when it ended.

        Raises
        ------
        subprocess.TimeoutExpired
            It runs after *timeout* seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("kernel", timeout or 0.0)
            left_s = LOOKS_AGAIN_S if deadline is None else deadline - time.monotonic()
            self._ended_within(max(0.0, min(LOOKS_AGAIN_S, left_s)))
        return code

    def _ended_within(self, seconds: float) -> bool:
        """Whether it ended before so long had passed."""
        ended = select.poll()
        ended.register(self._descriptor, select.POLLIN)
        return bool(ended.poll(1000.0 * seconds))

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it ended."""
        with self._lock, suppress(ProcessLookupError):
            if self.returncode is None:
                signal.pidfd_send_signal(self._descriptor, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


def provisioner_of(nursery: Nursery, log: Path, manager: Any) -> ForkProvisioner:
    """Return what has the kernel of *manager* forked by *nursery*; what it prints goes to *log*."""
    made = ForkProvisioner(kernel_id=uuid4().hex, kernel_spec=manager.kernel_spec, parent=manager)
    made.nursery, made.log_path = nursery, log
    return made


class ForkProvisioner(LocalProvisioner):  # type: ignore[misc]
    """Has a kernel forked where `LocalProvisioner` starts one."""

    nursery: Nursery
    log_path: Path

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        """Fork a kernel; *cmd* is what would have started one."""
        cwd = str(kwargs.get("cwd") or Path.cwd())
        process = self.nursery.fork(self.parent.connection_file, cwd, self.log_path)
        self.process = process
        self.pid = process.pid
        self.pgid = None  # it makes a group of its own in a moment, of its own number
        self.cwd = cwd
        return self.connection_info  # type: ignore[no-any-return]
