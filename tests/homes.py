"""Project folders for tests, with notebooks that are short or broken on purpose, and the command line on them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PARAMETERS = """window = ""  # 1h, 30m or START/END in UTC
environment = ""  # sandbox, staging or production
alert_at = ""  # ISO 8601 time of the alert (UTC)
services = []  # names of log services to ask for
error_share_limit = 0.05  # share of failing requests, 0-1
"""
INVESTIGATE = """from pitchey_ops import investigate
run = investigate(
    "outage", window=window, environment=environment, alert_at=alert_at, services=services,
    error_share_limit=error_share_limit,
)"""
FINISH = "run.finish()"


def home(folder: Path, *cells: str, runbook: str = "outage") -> Path:
    """
    Make a project folder whose notebook *runbook* holds the parameters and *cells*.

    Without cells it is the project's own notebook.
    """
    (folder / "notebooks").mkdir(parents=True)
    shutil.copytree(ROOT / "parameters", folder / "parameters")
    target = folder / "notebooks" / f"{runbook}.ipynb"
    if not cells:
        shutil.copy(ROOT / "notebooks" / f"{runbook}.ipynb", target)
        return folder
    sources = [(PARAMETERS, ["parameters"]), *((cell, []) for cell in cells)]
    document = {
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{number}",
                "metadata": {"tags": tags},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for number, (source, tags) in enumerate(sources)
        ],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    target.write_text(json.dumps(document))
    return folder


def ops(
    *words: str, env: Mapping[str, str] | None = None, timeout_s: float = 180, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line as a person would and return how it ended."""
    return subprocess.run(
        [sys.executable, "-m", "pitchey_ops", *words],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        cwd=cwd,
        env={**os.environ, **(env or {})},
    )


def told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return what a command said with ``--json``; fails with its words when it said none."""
    assert done.stdout.startswith("{"), (done.returncode, done.stdout[-2000:], done.stderr[-4000:])
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def names(folder: Path) -> list[str]:
    """Return the names of everything below *folder*, folders with a slash."""
    return sorted(f"{path.relative_to(folder)}{'/' if path.is_dir() else ''}" for path in folder.rglob("*"))


STATES = ("incident", "healthy", "inconclusive")
STATUSES = ("done", "not_checked", "planned", "scheduled", "not_reached", "person")
SEEN = ("observed", "no_data", "blind", "unavailable", "not_configured")


def check_report(report: Mapping[str, Any], steps: Sequence[str]) -> None:
    """Check ``report.json`` against the design, section 6: every field, its type, and what must fit together."""
    assert set(report) == {
        *("schema", "incident", "run", "verdict", "hypotheses", "suspects", "findings", "not_checked"),
        *("sources", "steps", "evidence"),
    }
    assert report["schema"] == "pitchey-report/1"
    incident, run, verdict = report["incident"], report["run"], report["verdict"]
    assert incident["id"].startswith("INC-")
    assert incident["severity"] in ("P1", "P2", "P3", "P4")
    for alert in incident["alerts"]:
        assert {"id", "kind", "title", "at"} <= set(alert)
        _time(alert["at"])
    assert {"id", "runbook", "runbook_version", "package_version", "parameters", "window"} <= set(run)
    assert run["id"].startswith("RUN-")
    assert _time(run["window"]["start"]) < _time(run["window"]["end"])
    assert verdict["state"] in STATES
    assert verdict["severity"] in ("P1", "P2", "P3", "P4")
    assert 0 <= verdict["confidence"] <= 1
    assert verdict["onset"] is None or _time(verdict["onset"])
    assert (verdict["onset_uncertainty_s"] is None) or verdict["onset"] is not None
    impact = verdict["impact"]
    assert {"requests_failing_share", "users_affected", "routes", "services"} <= set(impact)
    assert impact["requests_failing_share"] is None or 0 <= impact["requests_failing_share"] <= 1
    assert impact["users_affected"] is None or impact["users_affected"] >= 0
    assert verdict["summary"]
    assert verdict["next_step"]
    assert (verdict["state"] == "healthy") == (verdict["cause"] == "none")
    findings = {finding["id"] for finding in report["findings"]}
    assert len(findings) == len(report["findings"])
    for finding in report["findings"]:
        assert {"id", "rule", "claim", "severity", "at", "evidence"} <= set(finding)
        assert finding["severity"] in ("info", "warning", "critical")
        assert all(word.count("/") >= 1 for word in finding["evidence"])
        assert finding["at"] is None or _time(finding["at"])
    weights = [score["weight"] for score in report["hypotheses"]]
    assert weights == sorted(weights, reverse=True)
    for score in report["hypotheses"]:
        assert {"id", "weight", "confidence", "for", "against", "not_checked"} <= set(score)
        assert {*score["for"], *score["against"]} <= findings
    assert verdict["cause"] is None or verdict["cause"] in {score["id"] for score in report["hypotheses"]}
    scores = [suspect["score"] for suspect in report["suspects"]]
    assert scores == sorted(scores, reverse=True)
    assert all({"service", "score", "because"} <= set(suspect) for suspect in report["suspects"])
    assert all(set(item) == {"rule", "because"} and item["because"] for item in report["not_checked"])
    for source in report["sources"]:
        assert source["status"] in SEEN
        assert source["detail"] or source["status"] in ("observed", "no_data")
        wanted = {"asked_start", "asked_end", "seen_start", "seen_end", "count", "cut", "share"}
        assert wanted <= set(source["coverage"])
        assert isinstance(source["coverage"]["cut"], bool)
        share = source["coverage"]["share"]
        assert share is None or 0 <= share <= 1
    assert [step["id"] for step in report["steps"]] == list(steps)
    assert all(step["status"] in STATUSES for step in report["steps"])
    assert isinstance(report["evidence"]["entries"], int)
    assert len(report["evidence"]["digest"]) >= 64


def _time(text: str) -> str:
    assert text.endswith("Z"), text
    assert text[10] == "T", text
    return text
