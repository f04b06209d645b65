"""
Start the kernel that a run is carried out in, and end it with all that it started.

Nothing heavy is imported here, so that a kernel can be started before anything else is: it imports on one core what
it needs while the run is prepared on another.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any

from . import kernel as kernel_module
from .given import GIVEN, OURS, VARIABLE

LOG = "kernel.log"
"""What the kernel's process itself printed; its end tells why a kernel died, and it is not archived."""
POINTER = "run"
REAPED_WITHIN_S = 5.0


class OwnKernel:
    """
    The kernel of one run, started before the run is prepared, and told its folder by `point_to`.

    *unseen*: nobody will look at its notebook, so that it may leave out pictures.
    """

    def __init__(self, *, unseen: bool = False) -> None:
        self._sockets = socket_folder()
        self.log = self._sockets / LOG
        self.manager: Any = None
        self._ended = False
        environment = {**kernel_environment(), VARIABLE: str(self._sockets / POINTER)}
        if unseen:
            environment[kernel_module.UNSEEN_VARIABLE] = "1"
        try:
            self.manager = start_kernel(self._sockets, environment, cwd=self._sockets, log=self.log)
        except BaseException:
            shutil.rmtree(self._sockets, ignore_errors=True)
            raise

    def point_to(self, folder: Path, memory_limit_mb: int) -> None:
        """Tell it the folder of its run, and bound its address space to *memory_limit_mb* (MiB)."""
        limit_address_space(self.manager.provisioner.pid, memory_limit_mb)
        pointer = self._sockets / POINTER
        pointer.unlink(missing_ok=True)
        pointer.symlink_to(folder.resolve(), target_is_directory=True)

    def end(self) -> None:
        """Kill it and remove its sockets; once is enough, and a second time does nothing."""
        if not self._ended:
            self._ended = True
            end_kernel(self.manager, self._sockets)


def limit_address_space(pid: int, megabytes: int) -> None:
    """Bound the address space of a running process of ours, as far as this system can do that from outside."""
    if megabytes <= 0 or not hasattr(resource, "prlimit"):
        return
    limit = megabytes * 1024 * 1024
    with suppress(ProcessLookupError):  # it died; whoever talks to it will notice
        _, hard = resource.prlimit(pid, resource.RLIMIT_AS)
        resource.prlimit(pid, resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def socket_folder() -> Path:
    """Make a folder that only this user can enter, with a short path: a kernel's Unix sockets lie there."""
    return Path(tempfile.mkdtemp(prefix=f"pitchey-ops-{os.getpid()}-"))


def kernel_environment(memory_limit_mb: int = 0) -> dict[str, str]:
    """
    Return the variables that a kernel gets: this process's own without what is not for it (`GIVEN`).

    *memory_limit_mb* bounds its address space (MiB) from its start on; 0 leaves that to `limit_address_space`.
    """
    given = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(OURS) or name.removeprefix(OURS).split("__")[0] in GIVEN
    }
    return {
        **given,
        kernel_module.MEMORY_VARIABLE: str(memory_limit_mb),
        "MPLBACKEND": "agg",
        "PYTHONHASHSEED": "0",
    }


def start_kernel(
    sockets: Path,
    environment: Mapping[str, str],
    *,
    cwd: Path,
    log: Path,
    provisioner: Callable[[Any], Any] | None = None,
) -> Any:
    """
    Start a kernel and return its manager; what its process prints goes to *log*.

    It dies with the thread that calls this. *provisioner* makes of the manager what launches its process, where that
    is not started by a command.
    """
    from jupyter_client.asynchronous.client import AsyncKernelClient
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

    class OneSpec(KernelSpecManager):  # type: ignore[misc]
        """Knows our kernel alone, whatever is installed on the machine."""

        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            """Return the command that starts `pitchey_ops.runbooks.kernel`."""
            return KernelSpec(
                argv=[sys.executable, "-m", kernel_module.__name__, "-f", "{connection_file}"],
                display_name="pitchey-ops",
                language="python",
            )

    class Client(AsyncKernelClient):  # type: ignore[misc]
        """Waits for a kernel without the fixed fifth of a second that emptying an empty channel takes."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            clients.append(self)

        async def wait_for_ready(self, timeout: float | None = None) -> None:
            """Return when the kernel answers on both channels; what else lies in them has no reader."""
            deadline = time.monotonic() + (timeout or 60.0)
            while True:
                self.kernel_info()
                with suppress(Empty):
                    message = await self.shell_channel.get_msg(timeout=1)
                    if message["msg_type"] == "kernel_info_reply":
                        await self.iopub_channel.get_msg(timeout=0.2)
                        self._handle_kernel_info_reply(message)
                        return
                if not await self.parent.is_alive():
                    raise RuntimeError("the kernel died before it was ready")
                if time.monotonic() > deadline:
                    raise RuntimeError(f"the kernel was not ready after {timeout or 60.0:.0f} s")

    clients: list[Any] = []
    # the blocking kind waits for a dead kernel's output for ever: it blocks the loop that would notice the death
    manager = AsyncKernelManager(
        kernel_name="python3",
        kernel_spec_manager=OneSpec(),
        transport="ipc",
        ip=str(sockets / "k"),
        connection_file=str(sockets / "kernel.json"),
    )
    manager.client_factory = Client
    manager.ops_clients = clients
    if provisioner is not None:
        manager.provisioner = provisioner(manager)
    with log.open("wb") as file:
        in_own_loop(manager.start_kernel(env=dict(environment), cwd=str(cwd), stdout=file, stderr=file))
    return manager


def end_kernel(manager: Any, sockets: Path) -> None:
    """Kill a kernel and everything that it started, and remove what is left of it."""
    kill(manager)
    process: Any = getattr(getattr(manager, "provisioner", None), "process", None)
    with suppress(Exception):
        process.wait(REAPED_WITHIN_S)  # else it stays in the table of processes until another one is started
    with suppress(Exception):
        in_own_loop(manager.cleanup_resources())
    shutil.rmtree(sockets, ignore_errors=True)


def in_own_loop(work: Coroutine[Any, Any, Any]) -> Any:
    """
    Await *work* in a loop that is closed after it.

    jupyter's own way keeps a loop for each thread and leaves it to the garbage collector; a process that runs for
    months would lose a few file descriptors with every run.
    """
    from jupyter_core.utils import run_sync

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(work)
        finally:
            loop.close()

    async def inside() -> Any:
        return await work

    return run_sync(inside)()


def kill(manager: Any) -> None:
    """Kill the kernel's process group; it is one of its own, so nobody else is in it."""
    provisioner = getattr(manager, "provisioner", None)
    pid = getattr(provisioner, "pid", None)
    if pid is None:
        return
    with suppress(ProcessLookupError, PermissionError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
