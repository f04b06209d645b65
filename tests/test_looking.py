"""``health``, ``errors``, ``performance``: what they say, what they never say, and how they end."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hostile import CORPUS as HOSTILE
from hypothesis import given
from hypothesis import strategies as st
from tiny_worlds import MINUTE, entry, point, world
from typer.testing import CliRunner

from pitchey_ops.cli import _errors, _health, _performance, _print
from pitchey_ops.cli._look import CODES, Look, Section
from pitchey_ops.cli.app import app, run
from pitchey_ops.cli.looking import looked
from pitchey_ops.errors import RunError, UsageError
from pitchey_ops.models.window import Window
from pitchey_ops.sandbox.generate import build
from pitchey_ops.sandbox.serve import Running
from pitchey_ops.sandbox.world import World

COMMANDS = (["health"], ["health", "--full"], ["errors"], ["performance"])
CONTROL = set("".join(map(chr, [*range(0x09), *range(0x0B, 0x20), 0x7F, *range(0x80, 0xA0)])))


class Terminal(io.StringIO):
    """Says that a person looks at it."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def asked(*arguments: str) -> tuple[int, str]:
    """Run a command in this process; return its exit code and what it printed."""
    result = CliRunner().invoke(app, list(arguments), standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.output


def parsed(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Run a command with ``--json``; return its exit code and its JSON."""
    code, output = asked(*arguments, "--json")
    assert output.count("\n") == 1
    value = json.loads(output)
    assert value["exit_code"] == code
    return code, value


_TOLD: dict[tuple[str, ...], tuple[int, dict[str, Any]]] = {}


def told(origin: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Return what a command said at *origin*, which is asked once for all tests that only read its answer."""
    key = (origin, *arguments)
    if key not in _TOLD:
        _TOLD[key] = parsed(*arguments)
    return _TOLD[key]


def now_ms() -> int:
    """Return the machine's time: the commands ask about now."""
    return round(time.time() * 1000)


def played_now(**tables: Any) -> World:
    """Return a tiny world whose present is the machine's."""
    return replace(world(**tables), now_ms=now_ms())


@pytest.fixture(scope="module")
def calm() -> Iterator[Running]:
    """A sandbox in which nothing is wrong."""
    with Running(build("healthy_control", seed=1, now_ms=now_ms(), entries=60_000)) as running:
        yield running


@pytest.fixture
def at_calm(calm: Running, archive: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Point the commands at the calm sandbox."""
    monkeypatch.setenv("PITCHEY_OPS_ORIGIN", calm.url)
    httpx.request("DELETE", f"{calm.url}/_sandbox/seen")
    return calm.url


@pytest.fixture
def playing(archive: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Start sandboxes of worlds and point the commands at them."""
    running: list[Running] = []

    def start(played: World, *breaks: str, **more: Any) -> str:
        running.append(Running(played, breaks=breaks, **more))
        monkeypatch.setenv("PITCHEY_OPS_ORIGIN", running[-1].url)
        return running[-1].url

    yield start
    for one in running:
        one.stop()


def rows(value: dict[str, Any], section: str, key: str) -> dict[str, dict[str, Any]]:
    """Return the rows of a section by one of their values."""
    return {row[key]: row for row in value[section]}


# ── what they say ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_fault_is_bad_news(sandbox: str, command: list[str]) -> None:
    """A script sees 3 where users are hurt; performance alone may have nothing to complain about."""
    code, value = told(sandbox, *command)
    if command == ["performance"]:
        assert code in (0, 3)
        return
    assert code == 3
    assert value["state"] in ("unhealthy", "incident", "rising")


def test_a_calm_platform_is_fine(at_calm: str) -> None:
    """Nothing is made up: 0 from the quick look, errors as before, answers as fast as before."""
    for command in (["health"], ["errors"], ["performance"]):
        code, value = told(at_calm, *command)
        assert code == 0, value["summary"]
    assert value["overall"]["measurements"] > 100


def test_the_quick_look_never_says_healthy(at_calm: str) -> None:
    """It does not look for attacks or slow browsers, so it may only say that what it asked works."""
    _, value = told(at_calm, "health")
    assert value["state"] == "working"
    assert value["full"] is False


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_nothing_answers_and_nothing_is_concluded(
    command: list[str], archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closed port may be our own network: exit 1, and "healthy" is no conclusion and no status."""
    monkeypatch.setenv("PITCHEY_OPS_ORIGIN", "http://127.0.0.1:9")
    code, value = parsed(*command)
    assert (code, value["state"]) == (1, "unknown")
    statuses = {row["status"] for name in ("checks", "sources", "not_seen") for row in value.get(name, [])}
    assert statuses <= {"unavailable", "not asked", "not configured", "no data"}
    plain_code, plain = asked(*command)
    assert plain_code == 1
    assert plain.startswith("UNKNOWN")
    assert "healthy" not in plain.lower()


def test_everything_refused_is_unknown(playing: Any) -> None:
    """Every service closes the connection: the same, with hosts that exist."""
    from pitchey_ops.sandbox.names import SERVICES

    playing(played_now(), *(f"{service}=refused" for service in SERVICES))
    for command in (["health"], ["errors"], ["performance"]):
        code, output = asked(*command)
        assert code == 1
        assert "healthy" not in output.lower()


def test_a_silent_api_among_others_that_answer_is_bad_news(playing: Any) -> None:
    """Then it is not our own network."""
    playing(played_now(), "api=refused")
    code, value = parsed("health")
    assert (code, value["state"]) == (3, "unhealthy")
    assert rows(value, "checks", "id")["api/pitches"]["status"] == "failing"


def test_a_hanging_service_does_not_hold_the_quick_look(playing: Any) -> None:
    """It is done when its own seconds are over; what hung is told as unavailable."""
    playing(played_now(), "monitoring=slow", "cloudflare_status=slow", "cloudflare_api=slow")
    code, value = parsed("health")
    checks = rows(value, "checks", "id")
    assert checks["monitoring/health"]["status"] == "unavailable"
    assert checks["cloudflare_api/traffic"]["status"] == "unavailable"
    assert (code, value["state"]) == (0, "answering")
    assert value["took_s"] < 30  # a slow service takes 120


def test_users_not_seen_is_said(playing: Any) -> None:
    """Own requests alone never make "working"."""
    playing(played_now())
    _, value = parsed("health")
    assert value["state"] == "answering"
    assert rows(value, "checks", "id")["cloudflare_api/traffic"]["status"] == "no data"


def test_full_gives_the_verdict_of_a_triage(sandbox: str) -> None:
    """Cause, onset, next step and all sources, each with its own word."""
    code, value = told(sandbox, "health", "--full")
    assert (code, value["verdict"]["state"], value["verdict"]["cause"]) == (3, "incident", "bad_deployment")
    assert value["verdict"]["next_step"] == "outage.rollback"
    assert {"api", "logs", "r2", "sentry", "cloudflare_api"} <= set(rows(value, "sources", "name"))


def test_errors_are_counted_by_service_and_route_with_what_is_new(sandbox: str) -> None:
    """Count, share, pattern, and what could not be seen beside them."""
    _, value = told(sandbox, "errors")
    services = rows(value, "by_service", "service")
    assert services["pitch"]["errors"] > 8  # at any hour of the day
    assert services["pitch"]["share"] == services["pitch"]["errors"] / services["pitch"]["entries"]
    assert value["total"]["errors"] == sum(row["errors"] or 0 for row in value["by_service"])
    assert value["by_route"][0]["route"].startswith("/api/pitches")
    assert any(row["news"] == "new" and "TypeError" in row["pattern"] for row in value["patterns"])
    blind = [row for row in value["not_seen"] if row["status"] == "blind" and row["what"] == "logs/service"]
    assert blind
    assert {row["seen_otherwise"] for row in blind} <= {"the archive", None}


def test_the_words_for_not_seeing_are_different_words(at_calm: str) -> None:
    """Blind, no data, constant and not configured each stand where they belong, in the table that people read."""
    _, value = told(at_calm, "performance")
    figures = rows(value, "figures", "figure")
    assert figures["average query time"]["status"] == "blind"
    assert figures["database itself"]["status"] == "not configured"
    assert figures["KV cache hit share"]["status"] == "constant"
    vitals = rows(value, "vitals", "vital")
    assert (vitals["LCP"]["rating"], vitals["INP"]["rating"]) == ("blind", "no data")


# ── the traps of the written scripts ─────────────────────────────────────────────────────────────────────────────


def logged(now: int, minutes: float, *, n: int = 0, level: str = "error", **more: Any) -> dict[str, Any]:
    """Return a log row of *minutes* ago."""
    at = int(now - minutes * MINUTE) + n
    return entry(at, level=level, id=f"{at}-x{n}", **more)


def test_trap_2_errors_behind_the_cut_are_counted(playing: Any) -> None:
    """The platform's level filter comes after its cut: 30 errors that only the archive shows are all counted."""
    now = now_ms()
    old = [logged(now, 600 - k / 10, n=k, level="info", service="pitch", message=f"fine {k}") for k in range(1100)]
    new = [logged(now, 20 - k / 10, n=k, service="pitch", message="could not save draft") for k in range(30)]
    url = playing(played_now(logs=old + new))
    _, value = parsed("errors")
    assert rows(value, "by_service", "service")["pitch"]["errors"] == 30
    assert [row["status"] for row in value["not_seen"] if row["what"] == "logs/service" and "pitch" in row["keys"]] == [
        "blind"
    ]
    asked_paths = httpx.get(f"{url}/_sandbox/seen").json()["logs"]["paths"]
    assert set(asked_paths) == {"/logs/query"}


def test_trap_4_the_cached_and_cut_statistics_are_not_asked(playing: Any) -> None:
    """``/logs/stats`` may be minutes old, and counts what its cut saw."""
    url = playing(played_now(logs=[logged(now_ms(), 5, service="auth")]))
    asked("errors")
    assert "/logs/stats" not in httpx.get(f"{url}/_sandbox/seen").json()["logs"]["paths"]


def test_trap_5_levels_in_capitals_count(playing: Any) -> None:
    """They are stored as sent, and invisible to the platform's own filter."""
    now = now_ms()
    playing(played_now(logs=[logged(now, 5, n=k, level="ERROR", service="auth") for k in range(7)]))
    _, value = parsed("errors")
    assert value["total"]["errors"] == 7


@pytest.mark.parametrize(("window", "errors"), [("1h", 3), ("4h", 8)])
def test_trap_6_only_the_window_counts(playing: Any, window: str, errors: int) -> None:
    """The written commands compared milliseconds with seconds, and so never filtered by time."""
    now = now_ms()
    inside = [logged(now, 10, n=k, service="auth") for k in range(3)]
    before = [logged(now, 150, n=k, service="auth") for k in range(5)]
    playing(played_now(logs=before + inside))
    _, value = parsed("errors", "--window", window)
    assert value["total"]["errors"] == errors


def test_trap_9_a_blind_metric_is_no_calm(playing: Any) -> None:
    """A thousand calm old points and slow new ones: whoever sees only the old ones cannot tell."""
    now = now_ms()
    old = [point(now - 1500 * MINUTE + k * MINUTE, 120.0) for k in range(1200)]
    new = [point(now - 30 * MINUTE + k * MINUTE, 9000.0) for k in range(29)]
    playing(played_now(metrics=old + new))
    code, value = parsed("performance")
    assert (code, value["state"]) == (1, "unknown")
    assert value["overall"]["p95_ms"] is None
    assert any(row["what"] == "apm/metrics" and row["status"] == "blind" for row in value["not_seen"])


def test_slow_answers_are_bad_news(playing: Any) -> None:
    """Where the metric can be seen, 9 s is over the limit of 2 s."""
    now = now_ms()
    tags = json.dumps({"endpoint": "/api/pitches"})
    playing(played_now(metrics=[point(now - 50 * MINUTE + k * MINUTE, 9000.0, tags=tags) for k in range(49)]))
    code, value = parsed("performance")
    assert code == 3
    slowest = value["response_times"][0]
    assert (slowest["group"], slowest["p95_ms"], slowest["p99_ms"]) == ("/api/pitches", 9000.0, None)
    assert slowest["n"] == slowest["over_limit"] >= 45


def test_trap_14_constants_are_called_constants(playing: Any) -> None:
    """The platform's own word about its database proves nothing, and looks like it."""
    url = playing(played_now())
    asked("health", "--full")  # asks infra/health; the quick look takes that answer
    before = httpx.get(f"{url}/_sandbox/seen").json()["infra"]["requests"]
    _, value = parsed("health")
    checks = rows(value, "checks", "id")
    assert checks["infra/health/database"]["status"] == "constant"
    assert checks["monitoring/health/WebSocket Health"]["status"] == "constant"
    assert checks["api/health"]["status"] == "constant"
    assert httpx.get(f"{url}/_sandbox/seen").json()["infra"]["requests"] == before
    _, value = parsed("performance")
    worker = rows(value, "figures", "figure")["Worker memory and CPU (platform)"]
    assert (worker["status"], worker["value"]) == ("constant", None)


def test_trap_15_a_quick_look_does_not_touch_the_infrastructure_service(at_calm: str) -> None:
    """Looking changes what it says: without an answer of another run it stays unasked, and that is told."""
    _, value = parsed("health")
    assert rows(value, "checks", "id")["infra/health"]["status"] == "not asked"
    assert "infra" not in httpx.get(f"{at_calm}/_sandbox/seen").json()


def test_trap_17_a_missing_route_is_no_dead_database(playing: Any) -> None:
    """The platform calls its database degraded for a 404; our own probe knows what that was."""
    from pitchey_ops.sandbox.world import Behaviour

    now = now_ms()
    gone = Behaviour(service="api", path="/api/health/db", start_ms=0, end_ms=now + 10**9, status=404, kind="missing")
    playing(played_now(behaviours=(gone,)))
    code, value = parsed("health")
    checks = rows(value, "checks", "id")
    assert checks["api/health_db"]["status"] == "not deployed"
    assert checks["monitoring/health/Database Health"]["status"] == "degraded"
    assert code == 0


# ── how it is printed ────────────────────────────────────────────────────────────────────────────────────────────


def look_of(*texts: str, outcome: Any = "fine") -> Look:
    """Return a look with *texts* everywhere where a stranger's text may stand."""
    at = datetime(2026, 11, 23, 12, tzinfo=UTC)
    return Look(
        command="errors",
        state="rising",
        outcome=outcome,
        summary=" ".join(texts),
        environment="sandbox",
        asked_at=at,
        took_s=1.0,
        window=Window(start=at - timedelta(hours=1), end=at),
        sections=(
            Section(
                name="by_service",
                title="By service",
                columns=(("service", "service", "text"), ("n", "n", "count"), ("share", "share", "share")),
                rows=[{"service": text, "n": None, "share": 0.5} for text in texts],
            ),
        ),
        notes=texts,
    )


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_strangers_text_moves_nothing(name: str) -> None:
    """No control character of theirs reaches a terminal, a pipe or the JSON."""
    hostile = HOSTILE[name]
    look = look_of(hostile, f"[bold red]{hostile}[/]")
    pipe, people, programs = io.StringIO(), Terminal(), io.StringIO()
    _print.write(look, pipe, as_json=False)
    _print.write(look, people, as_json=False)
    _print.write(look, programs, as_json=True)
    assert not CONTROL & set(pipe.getvalue())
    without_colours = people.getvalue()
    for own in ("\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[1;32m"):
        without_colours = without_colours.replace(own, "")
    assert not CONTROL & set(without_colours)
    assert programs.getvalue().isascii()
    assert json.loads(programs.getvalue())["by_service"][0]["service"] == hostile


def test_a_pipe_gets_plain_columns_and_a_person_colours() -> None:
    """No escape sequence where nobody looks; None is a dash, never 0."""
    pipe, people = io.StringIO(), Terminal()
    _print.write(look_of("auth"), pipe, as_json=False)
    _print.write(look_of("auth"), people, as_json=False)
    assert "\x1b" not in pipe.getvalue()
    assert "\x1b" in people.getvalue()
    line = next(line for line in pipe.getvalue().splitlines() if line.startswith("  auth"))
    assert line.split() == ["auth", "–", "50%"]


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300), st.floats(0.01, 1.0))
def test_percentiles_are_measurements(values: list[float], share: float) -> None:
    """Nearest rank: one of the values, and at least so many are no greater."""
    ordered = sorted(values)
    found = _performance.rank(ordered, share)
    assert found in ordered
    assert sum(value <= found for value in ordered) >= share * len(ordered) - 1e-9
    assert sum(value < found for value in ordered) < share * len(ordered) + 1e-9


# ── how they end ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "arguments",
    [
        ["errors", "--window", "yesterday"],
        ["performance", "--window", "2026-11-23T09:00Z/2026-11-23T08:00Z"],
        ["health", "--environment", "moon"],
        ["health", "--watch", "1"],
        ["health", "--watch", "nan"],
        ["health", "--nonsense"],
    ],
)
def test_wrong_use_is_2(arguments: list[str], archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is asked."""
    monkeypatch.setattr(sys, "argv", ["pitchey-ops", *arguments])
    assert run() == 2


@pytest.mark.parametrize(("outcome", "code"), list(CODES.items()))
def test_the_exit_code_is_the_outcomes(outcome: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """0 fine, 3 bad news, 1 could not tell."""
    assert looked(lambda: look_of("x", outcome=outcome), watch=None, as_json=True) == code
    assert json.loads(capsys.readouterr().out)["exit_code"] == code


def test_watching_goes_on_after_a_failed_look_and_ends_with_the_last_code(capsys: pytest.CaptureFixture[str]) -> None:
    """Three looks, the second fails, Ctrl-C after the third: its code, a line of JSON each, no traceback."""
    looks = iter(["fine", RunError("the disk\x1b[2J is full"), "bad"])
    slept: list[float] = []

    def look() -> Look:
        found = next(looks)
        if isinstance(found, RunError):
            raise found
        return look_of("x", outcome=found)

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    assert looked(look, watch=30, as_json=True, sleep=sleep) == 3
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["exit_code"] for line in lines] == [0, 1, 3]
    assert all(25 < seconds <= 30 for seconds in slept)


def test_wrong_use_ends_a_watch() -> None:
    """It would be as wrong the next time."""

    def look() -> Look:
        raise UsageError("no")

    with pytest.raises(UsageError):
        looked(look, watch=30, as_json=False)


def test_watching_respects_minimum_intervals(at_calm: str, capsys: pytest.CaptureFixture[str]) -> None:
    """However often one looks, what changes by being looked at is asked once in its interval."""
    from pitchey_ops.settings import load

    settings, left = load("sandbox"), [3]

    def sleep(_: float) -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt

    assert looked(lambda: _health.quick(settings), watch=15, as_json=True, sleep=sleep) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    seen = httpx.get(f"{at_calm}/_sandbox/seen").json()
    assert seen["monitoring"]["paths"]["/monitoring/health"] == 1
    assert "infra" not in seen


def test_a_look_asks_no_host_for_more_than_four_answers_at_once(at_calm: str) -> None:
    """Nor does it make matters worse."""
    parsed("health")
    seen = httpx.get(f"{at_calm}/_sandbox/seen").json()
    assert {name: count["most_at_once"] for name, count in seen.items() if count["most_at_once"] > 4} == {}
    writes = {name: set(count["methods"]) - {"GET", "HEAD"} for name, count in seen.items()}
    assert {name: methods for name, methods in writes.items() if methods} == {
        "api": {"POST"},
        "cloudflare_api": {"POST"},
    }


def test_nothing_is_archived(at_calm: str, archive: Path) -> None:
    """A look is no run of an incident."""
    asked("health")
    assert [path.name for path in archive.iterdir()] == [".shared"]


@pytest.mark.slow
def test_ctrl_c_ends_a_watch_cleanly(at_calm: str, archive: Path) -> None:
    """A real process, a real signal: no traceback, and the code of the last look."""
    environment = {**os.environ, "PITCHEY_OPS_ORIGIN": at_calm, "PITCHEY_OPS_ARCHIVE": str(archive)}
    process = subprocess.Popen(
        [sys.executable, "-m", "pitchey_ops", "health", "--watch", "600", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == first["exit_code"] in (0, 1, 3)  # which of them hangs on the machine's load
    assert "Traceback" not in told


def test_probes_and_rules_of_the_looks_are_in_the_catalogues() -> None:
    """A renamed probe or rule must not silently shrink what a look sees."""
    from pitchey_ops.findings.catalogue import RULES
    from pitchey_ops.sources.catalogue import PROBES

    for module in (_health, _errors, _performance):
        assert set(module.PROBES) <= set(PROBES)
        assert set(module.RULES) <= set(RULES)
