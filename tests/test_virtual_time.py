"""An event loop without waiting: what a drill's time-outs, back-off and slow services stand on."""

from __future__ import annotations

import asyncio
import random
import threading
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from tiny_worlds import NOW, world

from pitchey_ops.clock import LoopClock
from pitchey_ops.drills import virtual
from pitchey_ops.drills.play import ask_world, drill_settings
from pitchey_ops.drills.virtual import Stuck, run_virtual
from pitchey_ops.models.exchange import Question
from pitchey_ops.runbooks.redacting import redactor_for
from pitchey_ops.sandbox.app import create_app
from pitchey_ops.sandbox.clock import LoopClock as SandboxClock
from pitchey_ops.sources._answers import MemoryAnswers
from pitchey_ops.sources._budget import Budget
from pitchey_ops.sources._http import LiveChannel
from pitchey_ops.sources._slots import MemorySlots

STARTED = datetime.fromtimestamp(NOW / 1000, UTC)


async def _now() -> float:
    return asyncio.get_running_loop().time()


def test_a_year_passes_at_once():
    """A drill may wait for anything that ends; only virtual time shows it."""

    async def work() -> float:
        await asyncio.sleep(365 * 86_400)
        return await _now()

    assert run_virtual(work()) == pytest.approx(365 * 86_400, abs=1e-3)


def test_computing_moves_no_time():
    """A loaded machine must not make a virtual time-out fire."""

    async def work() -> float:
        for _ in range(1000):
            sum(range(1000))
            await asyncio.sleep(0)
        return await _now()

    assert run_virtual(work()) == 0.0


def test_timers_fire_in_order_whatever_the_order_of_setting():
    """Answers come back as their delays say."""
    delays = [3.0, 0.001, 120.0, 0.5, 30.0, 7.25, 0.02]

    async def work() -> list[tuple[float, float]]:
        woken: list[tuple[float, float]] = []

        async def sleeper(delay: float) -> None:
            await asyncio.sleep(delay)
            woken.append((delay, await _now()))

        await asyncio.gather(*map(sleeper, delays))
        return woken

    woken = run_virtual(work())

    assert [delay for delay, _ in woken] == sorted(delays)
    assert [at for _, at in woken] == pytest.approx(sorted(delays), abs=1e-6)


def test_the_same_work_interleaves_the_same_way_every_time():
    """Two drills of one variant must be the same to the last answer."""

    def trace() -> list[tuple[int, int, float]]:
        drawn = random.Random(3)
        steps: list[tuple[int, int, float]] = []
        gate = asyncio.Semaphore(4)

        async def worker(number: int) -> None:
            for step in range(20):
                async with gate:
                    await asyncio.sleep(drawn.choice((0.0, 0.1, 0.1, 2.0)))
                    steps.append((number, step, await _now()))

        async def work() -> None:
            await asyncio.gather(*(worker(n) for n in range(12)))

        run_virtual(work())
        return steps

    assert trace() == trace()


def test_a_time_out_fires_exactly_when_it_is_due():
    """The budget is kept to the second in virtual time as in real time."""

    async def work() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30.0):
                await asyncio.sleep(120.0)
        first = loop.time()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 10.0)
        return first, loop.time()

    assert run_virtual(work()) == pytest.approx((30.0, 40.0), abs=1e-6)


def test_what_ends_before_its_time_out_ends():
    """A virtual clock that jumps too far would cut what was in time."""

    async def work() -> str:
        async with asyncio.timeout(10.0):
            await asyncio.sleep(9.999)
            return "in time"

    assert run_virtual(work()) == "in time"


def test_a_wait_that_can_never_end_is_told_and_does_not_hang(monkeypatch: pytest.MonkeyPatch):
    """A dead-locked drill must fail by itself."""
    monkeypatch.setattr(virtual, "STUCK_AFTER_S", 0.05)

    with pytest.raises(Stuck):
        run_virtual(asyncio.Event().wait())


def test_a_thread_may_still_wake_the_loop():
    """Nothing that a source does in a thread gets lost."""

    async def work() -> str:
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[str] = loop.create_future()
        threading.Timer(0.02, lambda: loop.call_soon_threadsafe(woken.set_result, "woken")).start()
        return await woken

    assert run_virtual(work()) == "woken"


def test_errors_come_out_and_the_next_loop_starts_at_zero():
    """One drill leaves nothing behind for the next."""

    async def fails() -> None:
        await asyncio.sleep(5.0)
        raise ValueError("as it is")

    with pytest.raises(ValueError, match="as it is"):
        run_virtual(fails())
    assert run_virtual(_now()) == 0.0


def test_a_clock_that_follows_the_loop_shows_the_waiting():
    """The channel's budget and the sandbox's answers live in the same time."""

    async def work() -> tuple[datetime, int]:
        ours, theirs = LoopClock(STARTED), SandboxClock(NOW)
        ours.now(), theirs.now_ms()
        await asyncio.sleep(90.0)
        return ours.now(), theirs.now_ms()

    ours, theirs = run_virtual(work())

    assert ours == STARTED + timedelta(seconds=90)
    assert theirs == pytest.approx(NOW + 90_000, abs=1)


@pytest.mark.parametrize(
    ("kind", "outcome", "after_s"),
    [("slow", "timeout", 10.0), ("endless", "timeout", 10.0), ("refused", "unreachable", None)],
)
def test_the_live_channel_gives_up_on_time_without_a_socket(kind: str, outcome: str, after_s: float | None):
    """The real channel, budget and retries are what a drill plays: only sockets and waiting are missing."""
    settings = drill_settings()

    class Nothing:
        def exchange(self, exchange: object) -> None:
            """Keep nothing."""

    async def work() -> tuple[str, float]:
        clock = LoopClock(STARTED)
        clock.now()
        app = create_app(world(), clock=SandboxClock(NOW), breaks={"security": kind})
        channel = LiveChannel(
            settings,
            budget=Budget(STARTED, 60.0, clock),
            clock=clock,
            redactor=redactor_for(settings),
            recorder=Nothing(),
            slots=MemorySlots(4),
            answers=MemoryAnswers(),
            transport=httpx.ASGITransport(app),
        )
        try:
            url = f"{settings.url('security')}security/metrics"
            exchange = await channel.ask(Question(key="security/metrics/all", source="security", url=url))
            return exchange.outcome, await _now()
        finally:
            await channel.close()

    found, took_s = run_virtual(work())

    assert found == outcome
    assert took_s < 15.0
    if after_s is not None:
        assert took_s == pytest.approx(after_s, abs=0.1)


def test_a_world_answers_the_same_twice_even_when_retries_draw_their_pauses():
    """Jitter is drawn from the variant, and the process's own generator is left as it was."""
    before = random.getstate()

    def asked() -> tuple[float, list[tuple[str, datetime]]]:
        answers = ask_world(world(), runbooks=["triage"], breaks={"apm": "5xx", "sentry": "refused"})
        return answers.took_s, [(key, o.at) for key, o in answers.asked.observations.items()]

    assert asked() == asked()
    assert random.getstate() == before
