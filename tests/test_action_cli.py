"""Acting from the command line, as a responder types it: plan, apply, check, undo, journal, and the actor."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from acting import INCIDENT, STRANGER, hands_on
from homes import ops

from pitchey_ops.sandbox.generate import build
from pitchey_ops.sandbox.serve import Running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Running]:
    """One sandbox for all commands of this module."""
    with Running(build("bad_deployment", seed=0, now_ms=round(time.time() * 1000), entries=3000)) as running:
        yield running


@pytest.fixture
def around(sandbox: Running, archive: Path) -> dict[str, str]:
    """The variables that a command is started with; the archive holds an incident."""
    (archive / INCIDENT).mkdir(parents=True)
    return {"PITCHEY_OPS_ORIGIN": sandbox.url, "PITCHEY_OPS_ARCHIVE": str(archive)}


def said(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The JSON that a command printed."""
    assert done.stdout, done.stderr
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def test_an_action_is_planned_applied_checked_and_undone(around: dict[str, str], sandbox: Running) -> None:
    """The five commands of the issue, in the order of an incident."""
    shown = ops("action", "plan", "under-attack-on", "--incident", INCIDENT, env=around)
    assert shown.returncode == 0, shown.stderr
    for words in (
        "environment sandbox",
        "target      sandbox-zone",
        "would send",
        "undo",
        "expires",
        "Nothing was sent",
    ):
        assert words in shown.stdout
    assert sandbox.state.security_level == "medium"

    digest = said(ops("action", "plan", "under-attack-on", "--incident", INCIDENT, "--json", env=around))["digest"]
    short = digest[:16]
    wrong = ops("action", "apply", short, "--confirm", "yes", "--why", "flood", env=around)
    assert (wrong.returncode, sandbox.state.security_level) == (2, "medium")
    assert "Nothing was sent" in wrong.stderr
    nobody = ops("action", "apply", short, "--why", "flood", env=around)
    assert nobody.returncode == 2
    assert "nobody can be asked" in nobody.stderr

    words = ("action", "apply", short, "--confirm", "sandbox-zone", "--why", "flood", "--who", "Dana", "--json")
    done = said(ops(*words, env=around))
    assert (done["state"], done["repeated"], done["who"]) == ("applied", False, "Dana")
    assert sandbox.state.security_level == "under_attack"
    assert said(ops(*words, env=around))["repeated"]

    told = ops("action", "check", short, "--window", "30", "--hurry", env=around).stdout.splitlines()
    assert told[0].strip().startswith("watching: "), "five silent minutes look like a hanging program"
    checked = ops("action", "check", short, "--window", "30", "--hurry", "--json", env=around)
    result = said(checked)["check"]["result"]
    assert (result == "VERIFIED") == (checked.returncode == 0)
    assert result in ("FAILED", "UNVERIFIED")  # the cause is a deployment: a challenge does not cure it

    undone = ops("action", "undo", short, "--why", "no flood", env=around)
    assert undone.returncode == 0, undone.stderr
    assert sandbox.state.security_level == "medium"
    lines = ops("action", "journal", INCIDENT, env=around).stdout
    assert "by Dana  why: flood" in lines
    assert "undone" in lines


def test_the_actor_ends_what_has_reached_its_end_in_a_new_process(
    around: dict[str, str], sandbox: Running, archive: Path
) -> None:
    """A restart loses nothing, and a signal ends it cleanly."""
    plan = ("action", "plan", "block", f"addresses={STRANGER}", "hours=1", "--incident", INCIDENT, "--json")
    digest = said(ops(*plan, env=around))["digest"]
    ops("action", "apply", digest, "--confirm", STRANGER, "--why", "guessing", env=around)
    assert len(sandbox.state.access_rules) == 1
    with hands_on(sandbox, archive) as hands:
        hands.clock.sleep(3700)
    command = [sys.executable, "-m", "pitchey_ops", "actor"]

    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **around})
    try:
        limit = time.monotonic() + 90
        while sandbox.state.access_rules and time.monotonic() < limit:
            time.sleep(0.1)
        assert not sandbox.state.access_rules
    finally:
        running.send_signal(signal.SIGTERM)
        out, _ = running.communicate(timeout=60)
    assert running.returncode == 0
    assert "undone" in out
    assert "actor: stopped" in out
    assert ops("actor", "--once", env=around).returncode == 0


def test_wrong_use_is_one_message_and_exit_code_2(around: dict[str, str]) -> None:
    """What, where, and that nothing was done; no traceback."""
    for words in (
        ("action", "plan", "rollbak"),
        ("action", "plan", "block", "nonsense"),
        ("action", "plan", "block", "hours=soon"),
        ("action", "apply", "0" * 16, "--confirm", "x", "--why", "y"),
        ("action", "check", "0" * 16),
        ("action", "journal", "../../etc"),
    ):
        done = ops(*words, env=around)
        assert done.returncode == 2, (words, done.stdout, done.stderr)
        assert done.stderr.startswith("pitchey-ops: ")
        assert "Traceback" not in done.stderr


def test_the_catalogue_and_who_is_on_call_are_told(around: dict[str, str]) -> None:
    """A program may read them; a person first."""
    rows = json.loads(ops("action", "list", "--json", env=around).stdout)
    assert {"rollback", "block", "slack-status"} <= {row["name"] for row in rows}
    people = json.loads(ops("action", "oncall", "--json", env=around).stdout)
    assert people[0] == {"level": 1, "name": "Dana Reyes", "email": "dana@pitchey.example"}
