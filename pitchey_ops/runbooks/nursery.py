"""
A process that has imported all that a runbook needs, and forks a kernel of itself whenever one is asked for.

What reads answers but is no run (the service's look at the platform) can be done in a fork, too: a function is
called there, and its memory goes with the fork.

Started as ``python -m pitchey_ops.runbooks.nursery`` with a socket as its standard input, over which it is told in
lines of JSON what to fork and whom to reap. Starting a kernel anew costs one and a half seconds of a core and a
hundred megabytes; forking it costs a tenth of that, and the pages of all imports are shared.

A kernel may have a `companion`, too: it asks for it once, over a socket that is for nothing else.

A fork keeps only the thread that calls it. So nothing here may begin to compute on other threads before it:
no event loop, no zmq context, no table of Polars. What has threads all the same makes it unfit, and it says so.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import selectors
import socket
import sys
import threading
import traceback
from collections.abc import Sequence, Set
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, cast

from .. import companion
from .._imports import lighten_headless
from ..errors import OpsError
from .kernel import adopt, application, bound, few_threads

LATE = (
    "ipykernel.ipkernel",
    "ipykernel.zmqshell",
    "ipykernel.debugger",
    "tornado.platform.asyncio",
    "tornado.queues",
    "IPython.core.debugger",
    "IPython.core.oinspect",
    "IPython.core.completerlib",
    "IPython.core.logger",
    "faulthandler",
    "httpcore",
    "anyio._backends._asyncio",
    "cloudpickle",
    "polars._utils.udfs",
    "matplotlib.pyplot",
    "IPython.core.pylabtools",
    "encodings.utf_16_be",
)
"""What is imported only when a kernel begins, or when it asks for the first time, so that each would do so anew."""


def main() -> None:
    """Import everything, then fork kernels until the other end of the socket is closed."""
    bound()
    lighten_headless()
    few_threads()
    adopt()
    app = application()

    for name in LATE:
        with suppress(ImportError):  # of another version of its library
            importlib.import_module(name)

    from ..panels import style
    from ..settings import load
    from ..sources._trust import trusted
    from . import investigate
    from .redacting import redactor_for

    investigate.complete()
    trusted()
    style.draw_once()
    with suppress(OpsError, OSError, ValueError):  # what is wrong with settings or archive is told by each run
        redactor_for(load())
    gc.collect()
    gc.freeze()  # what is there now is never looked at by a child's collector, so that its pages stay shared
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as asked:
        _serve(asked, app)


def _serve(asked: socket.socket, app: Any) -> None:
    lines = asked.makefile("rwb")
    forked: set[int] = set()
    alone = threading.active_count() == 1
    _say(lines, {"ready": alone, "because": "" if alone else f"{threading.active_count()} threads are running"})
    with selectors.PollSelector() as heard:
        heard.register(asked, selectors.EVENT_READ)
        while True:
            for key, _ in heard.select():
                if key.data is not None:
                    _lend(heard, key)
                    continue
                line = lines.readline()  # one at a time: who asks waits for the answer
                if not line:
                    return
                order = json.loads(line)
                _reap_adopted(forked)
                if "reap" in order:
                    _say(lines, {"status": _reaped(order["reap"])})
                    forked.discard(order["reap"])
                    continue
                ours, theirs = socket.socketpair()
                pid = os.fork()
                if pid == 0:
                    _become(order, app, without=[ours.fileno(), *_heard(heard)], nursery=theirs)
                theirs.close()
                if "call" in order:
                    ours.close()
                else:
                    heard.register(ours, selectors.EVENT_READ, (order["cwd"], pid))
                forked.add(pid)
                _say(lines, {"pid": pid})


def _heard(heard: selectors.BaseSelector) -> list[int]:
    """Return the descriptors that the nursery listens to: none of them is for those that it forks."""
    return [key.fd for key in heard.get_map().values()]


def _lend(heard: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    """Fork the companion that a kernel wants, into the kernel's process group, with which it is killed."""
    heard.unregister(key.fileobj)
    descriptors = companion.wanted(cast(socket.socket, key.fileobj))
    if not descriptors:
        return
    cwd, kernel = key.data
    with suppress(OSError):  # one process too many: the kernel does without, and no other kernel may suffer
        if os.fork() == 0:
            try:
                _alone(_heard(heard), cwd)
                os.setpgid(0, kernel)
                companion.serve(descriptors)
            finally:  # the kernel is gone, say
                os._exit(1)
    for descriptor in descriptors:
        os.close(descriptor)


def _say(lines: Any, words: dict[str, Any]) -> None:
    lines.write(json.dumps(words).encode("ascii") + b"\n")
    lines.flush()


def _reaped(pid: int) -> int | None:
    """Take a child that ended out of the table of processes and return how it ended; None where it is none of ours."""
    try:
        _, status = os.waitpid(pid, 0)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status)


def _reap_adopted(forked: Set[int]) -> None:
    """Let go of what kernels had started and left behind when they were killed; no other process would."""
    with suppress(OSError):
        for child in map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()):
            if child not in forked:
                os.waitpid(child, os.WNOHANG)


def _alone(without: Sequence[int], cwd: str) -> None:
    """Be a process apart from the nursery; *without* is what only the nursery listens to."""
    for descriptor in without:
        os.close(descriptor)
    bound()
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.chdir(cwd)


def _become(order: dict[str, Any], app: Any, *, without: Sequence[int], nursery: socket.socket) -> NoReturn:
    """Be what *order* wants from now on, without what the nursery listens to; a kernel reaches it over *nursery*."""
    status = 1
    try:
        os.setpgid(0, 0)
        _alone(without, order["cwd"])
        if "call" in order:
            nursery.close()
            _call(order)
        else:
            companion.have(nursery)
            _be_kernel(order, app)
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


def _be_kernel(order: dict[str, Any], app: Any) -> None:
    """Be the kernel of *order*; what it prints goes to its own log."""
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    app.launch_instance(argv=[], connection_file=order["connection_file"])


def _call(order: dict[str, Any]) -> None:
    """Call the function of *order* (``module:name``) with what is given and leave its answer, as JSON, in a file."""
    module, _, name = order["call"].partition(":")
    try:
        answer = getattr(importlib.import_module(module), name)(order["given"])
        Path(order["answer"]).write_text(json.dumps(answer), encoding="ascii")
    except Exception as exc:  # where and what kind, and not its words: they may quote what is secret
        places = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(exc.__traceback__)]
        sys.stderr.write(f"{order['call']} failed: {type(exc).__name__} at {' < '.join(reversed(places[-4:]))}\n")
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    main()
