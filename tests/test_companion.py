"""The second process of a kernel: it computes the same, and whatever becomes of it, everybody gets an answer."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading

import pytest

from pitchey_ops.runbooks.ahead import Ahead

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux alone, and so are companions"),
]

BEGIN = """
import os, selectors, signal, socket, sys, threading, time
from pathlib import Path
from pitchey_ops import companion
from pitchey_ops.runbooks import nursery

ours, theirs = socket.socketpair()
kernel = os.fork()
if kernel:  # the nursery: it forks the companion that its kernel wants, and ends as that does
    theirs.close()
    with selectors.PollSelector() as heard:
        heard.register(ours, selectors.EVENT_READ, (str(Path.cwd()), kernel))
        nursery.adopt()
        nursery._lend(heard, *(key for key, _ in heard.select()))
    status = os.waitstatus_to_exitcode(os.waitpid(kernel, 0)[1])
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
    os._exit(status % 256)
os.setpgid(0, 0)
ours.close()
companion.have(theirs)
other = companion.elsewhere(os.getpid)
assert other != os.getpid()
"""


def told(code: str, *, status: int = 0) -> list[str]:
    """Run *code* in a process of its own that a nursery forked, with a companion; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + textwrap.dedent(code)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == status, done.stderr
    assert status or not done.stderr, done.stderr
    return done.stdout.split()


def test_a_function_is_computed_by_the_companion_with_what_it_closes_over() -> None:
    """What draws a picture is a function inside another one: it has to arrive with its values."""
    assert told("""
        factor = 7
        def of(values):
            def inner(more):
                return os.getpid(), [factor * (value + more) for value in values]
            return inner
        pid, values = companion.elsewhere(of((1, 2)), 10)
        print(pid == other, pid != os.getpid(), values)
    """) == ["True", "True", "[77,", "84]"]  # fmt: skip


def test_who_finds_the_companion_busy_computes_at_once_instead_of_waiting() -> None:
    """Two pictures are drawn by two processes at a time, not one after the other by one."""
    assert told("""
        begun = threading.Event()
        def long():
            open("/proc/self/comm").read()
            time.sleep(1.5)
            return os.getpid()
        answers = []
        thread = threading.Thread(target=lambda: answers.append(companion.elsewhere(long)))
        thread.start()
        while not companion._companion._lock.locked():
            time.sleep(0.01)
        print(companion.elsewhere(os.getpid) == os.getpid(), thread.is_alive())
        thread.join()
        print(answers == [other], companion.elsewhere(os.getpid) == other)
    """) == ["True", "True", "True", "True"]  # fmt: skip


@pytest.mark.parametrize("moment", ["before", "during"])
def test_a_companion_that_was_killed_is_done_without(moment: str) -> None:
    """Nothing of a run may hang on a process that only makes it quicker."""
    kill = "os.kill(other, signal.SIGKILL)"
    later = f"threading.Timer(0.4, lambda: {kill}).start()" if moment == "during" else kill
    assert told(f"""
        {later}
        def slow(mine):
            if os.getpid() != mine:
                time.sleep(30)
            return os.getpid() == mine
        print(companion.elsewhere(slow, os.getpid()), companion.elsewhere(slow, os.getpid()))
    """) == ["True", "True"]  # fmt: skip


def test_a_companion_that_hangs_is_not_waited_for_for_ever() -> None:
    """A run has a budget; what was stopped answers nothing, and is not asked again."""
    assert told("""
        companion.PATIENCE_S = 0.3
        os.kill(other, signal.SIGSTOP)
        print(companion.elsewhere(os.getpid) == os.getpid(), companion._companion._other is None)
        os.kill(other, signal.SIGKILL)
    """) == ["True", "True"]  # fmt: skip


def test_what_a_function_raises_is_raised_where_it_was_asked_for() -> None:
    """A fault of a rule or a panel is told with its own line of code; the companion goes on."""
    assert told("""
        def broken():
            raise LookupError("here")
        try:
            companion.elsewhere(broken)
        except LookupError as exc:
            print(exc, exc.__traceback__.tb_next.tb_frame.f_code.co_name)
        print(companion.elsewhere(os.getpid) == other)
    """) == ["here", "elsewhere", "True"]  # fmt: skip


def test_what_cannot_be_sent_or_sent_back_is_computed_here() -> None:
    """A reader may hold a lock or a socket: then it is read here, and the next one may be sent again."""
    assert told("""
        lock = threading.Lock()
        def held():
            return lock.locked()
        print(companion.elsewhere(held), type(companion.elsewhere(threading.Lock)).__name__)
        print(companion.elsewhere(os.getpid) == other)
    """) == ["False", "lock", "True"]  # fmt: skip


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), signal.SIGKILL)", "os.killpg(os.getpid(), signal.SIGKILL)"])
def test_the_companion_ends_with_its_kernel_however_that_ends_and_not_by_an_interrupt(end: str) -> None:
    """An interrupt is meant for the cell that runs; and none may be left behind by a kill, of the group even busy."""
    assert told(f"""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.killpg(os.getpid(), signal.SIGINT)
        print(companion.elsewhere(os.getpid) == other)
        sys.stdout.flush()
        keep = os.fork()
        if keep == 0:
            os.setpgid(0, 0)
            companion._companion.close()
            time.sleep(0.3)
            try:
                while True:
                    with open(f"/proc/{{other}}/stat") as file:
                        if file.read().rpartition(")")[2].split()[0] == "Z":
                            break
                    time.sleep(0.05)
            except FileNotFoundError:
                pass
            print("gone")
            sys.stdout.flush()
            os._exit(0)
        if "killpg" in {end!r}:
            threading.Thread(target=companion.elsewhere, args=(time.sleep, 600), daemon=True).start()
        time.sleep(0.2)
        {end}
    """, status=-9 % 256) == ["True", "gone"]  # fmt: skip


def test_there_is_no_companion_before_it_is_wanted_and_one_for_all_that_is() -> None:
    """A run that wants none must not pay for one: it costs a hundredth of a second, and memory."""
    code = BEGIN.partition("other = ")[0] + textwrap.dedent("""
        parent = Path(f"/proc/{os.getppid()}/task/{os.getppid()}/children")
        print(companion.there(), len(parent.read_text().split()))
        first, second = companion.elsewhere(os.getpid), companion.elsewhere(os.getpid)
        print(len(parent.read_text().split()), first == second != os.getpid(), os.getpgid(first) == os.getpid())
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["True", "1", "2", "True", "True"]


@pytest.mark.parametrize("words", [b"", b"something", b"companion"])
def test_a_nursery_forks_nothing_for_a_kernel_that_ends_or_says_what_it_does_not_know(words: bytes) -> None:
    """What runs in a kernel may be wrong in any way; the nursery of all later kernels goes on."""
    code = f"""
import os, selectors, socket
from pitchey_ops.runbooks import nursery
ours, theirs = socket.socketpair()
before = len(os.listdir("/proc/self/fd"))
if {words!r}:
    socket.send_fds(theirs, [{words!r}], [2, 2])
theirs.close()
with selectors.PollSelector() as heard:
    heard.register(ours, selectors.EVENT_READ, ("/", 1))
    nursery._lend(heard, *(key for key, _ in heard.select()))
    print(len(heard.get_map()), before - len(os.listdir("/proc/self/fd")))
try:
    os.wait()
except ChildProcessError:
    print("nothing")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["0", "2", "nothing"]


def test_where_no_companion_can_be_forked_its_kernel_and_the_nursery_go_on() -> None:
    """At the limit of processes a kernel does without; a nursery that died of it would take every run with it."""
    none_left = "def none_left(): raise BlockingIOError(11, 'no process left')\n        os.fork = none_left"
    code = BEGIN.partition("other = ")[0].replace("nursery.adopt()", none_left) + textwrap.dedent("""
        print(companion.elsewhere(os.getpid) == os.getpid(), companion._companion._other, companion.elsewhere(abs, -3))
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["True", "None", "3"]
    assert not done.stderr


def test_answers_are_read_in_turn_without_keeping_the_loop() -> None:
    """While one large answer is read, others come in: the loop goes on."""
    assert told("""
        import asyncio
        def pid(wait):
            time.sleep(wait)
            return os.getpid()
        async def main():
            ticks = 0
            async def tick():
                nonlocal ticks
                while True:
                    ticks += 1
                    await asyncio.sleep(0.01)
            ticking = asyncio.ensure_future(tick())
            found = await asyncio.gather(*(companion.in_turn(pid, 0.1) for _ in range(3)))
            ticking.cancel()
            print(found == [other] * 3, ticks > 5)
        asyncio.run(main())
    """) == ["True", "True"]  # fmt: skip


def test_what_is_made_ahead_is_made_once_and_raises_where_it_is_taken() -> None:
    """A panel is not made twice, and a fault in it must be told at its own cell, not lost in another thread."""
    ahead, made, go = Ahead(), [], threading.Event()

    def make(name: str) -> str:
        made.append(name)
        if name == "first":
            assert go.wait(30)
        if name == "broken":
            raise LookupError(name)
        return name.upper()

    for name in ("first", "broken", "last"):
        ahead.begin(name, make, name)
    assert ahead.take("last", make, "last") == "LAST"  # its turn has not come, and it is not waited for
    assert ahead.take("never begun", make, "x") == "X"
    go.set()
    assert ahead.take("first", make, "first") == "FIRST"
    with pytest.raises(LookupError):
        ahead.take("broken", make, "broken")
    assert sorted(made) == ["broken", "first", "last", "x"]
    assert ahead.take("first", make, "first") == "FIRST"
    assert made.count("first") == 2  # whoever asks again, after its answer was taken, wants a new one


def test_without_a_companion_everything_is_computed_here() -> None:
    """A session in JupyterLab, a replay and a kernel that was not forked have none."""
    code = """
import asyncio, os
from pitchey_ops import companion
print(companion.there(), companion.elsewhere(os.getpid) == os.getpid())
print(asyncio.run(companion.in_turn(os.getpid)) == os.getpid())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["False", "True", "True"]


def test_a_picture_is_the_same_to_the_byte_whoever_draws_it() -> None:
    """A report that is built again must not differ because another process drew it."""
    assert told("""
        from pitchey_ops.models.observation import Coverage
        from pitchey_ops.models.report import SourceSeen
        from pitchey_ops.models.window import Window
        from pitchey_ops.panels.charts.sight import coverage
        from datetime import UTC, datetime, timedelta
        now = datetime(2026, 11, 23, 8, 27, tzinfo=UTC)
        window = Window(start=now - timedelta(hours=1), end=now)
        seen = Coverage(asked_start=window.start, asked_end=now, seen_start=now - timedelta(minutes=9), seen_end=now)
        sources = [SourceSeen(name="logs $x_1$", status="observed", detail="", coverage=seen)]
        calls = []
        call = companion._companion.call
        companion._companion.call = lambda *given: calls.append(given[0].__name__) or call(*given)
        theirs = coverage(sources, window).png
        companion._companion = None
        print(theirs == coverage(sources, window).png, len(theirs) > 1000, *calls)
    """) == ["True", "True", "_drawn"]  # fmt: skip
