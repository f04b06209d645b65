"""Small archives for tests: incidents with runs, reports and lines, all made up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

from pitchey_ops.evidence.archive import Archive
from pitchey_ops.evidence.canonical import canonical
from pitchey_ops.evidence.har import har
from pitchey_ops.evidence.manifest import RunFacts

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def finding(id_: str, claim: str, **more: Any) -> dict[str, Any]:
    """Return a finding as ``report.json`` holds it."""
    row: dict[str, Any] = {
        "id": id_, "rule": id_.partition("/")[0], "claim": claim, "severity": "warning", "at": None, "service": None,
        "evidence": ["r2/archive/pitch"], "signals": [], "data": {},
    }  # fmt: skip
    signals = [{"name": name, "strength": 1.0} for name in more.pop("signals", ())]
    return {**row, **more, "signals": signals}


def pattern(template: str, **data: Any) -> dict[str, Any]:
    """Return the finding of an error pattern that is new."""
    told = {"template": template, "is_new": True, "is_rising": False, "count_after": 40, **data}
    return finding(f"patterns/p{crc32(template.encode()):08x}", f"40 times (of pitch; new): “{template}”", data=told)


def report(
    incident: str,
    run: str,
    *,
    state: str = "incident",
    cause: str | None = "bad_deployment",
    at: datetime = NOW,
    runbook: str = "outage",
    findings: Sequence[dict[str, Any]] = (),
    services: Sequence[str] = ("pitch",),
    **more: Any,
) -> dict[str, Any]:
    """Return the values of a ``report.json`` whose window ends at *at*."""
    z = "%Y-%m-%dT%H:%M:%S.000Z"
    incident_row = {
        "id": incident, "severity": more.pop("severity", "P2"), "alerts": more.pop("alerts", []),
    }  # fmt: skip
    healthy = state == "healthy"
    return {
        "schema": "pitchey-report/1",
        "incident": incident_row,
        "run": {
            "id": run, "runbook": runbook, "runbook_version": "1", "package_version": "0.1.0", "parameters": {},
            "window": {"start": f"{at - timedelta(hours=1):{z}}", "end": f"{at:{z}}"},
        },
        "verdict": {
            "state": state, "cause": "none" if healthy else cause, "confidence": 0.9, "severity": "P2",
            "why_severity": "6% of all requests fail",
            "onset": None if healthy else f"{more.pop('onset', at - timedelta(minutes=20)):{z}}",
            "onset_uncertainty_s": None if healthy else 60.0,
            "impact": {
                "requests_failing_share": 0.0 if healthy else 0.06, "users_affected": None if healthy else 5,
                "routes": [] if healthy else ["/api/pitches"], "services": [] if healthy else list(services),
            },
            "summary": more.pop("summary", "All is well." if healthy else "A deployment broke it."),
            "next_step": "outage.rollback", "settles": [],
        },
        "hypotheses": [
            {
                "id": cause or "database_down", "weight": 20.0, "confidence": 0.9, "for": [f["id"] for f in findings],
                "against": [], "not_checked": [], "parts": [],
            }
        ],
        "suspects": [] if healthy else [{"service": one, "score": 0.7, "because": []} for one in services],
        "findings": list(findings),
        "not_checked": more.pop("not_checked", []),
        "sources": more.pop("sources", []),
        "steps": [{"id": "outage.rollback", "status": "planned"}],
        "evidence": {"entries": 1, "digest": "0" * 64},
    }  # fmt: skip


def put(archive: Archive, values: dict[str, Any], *, at: datetime = NOW, completed: bool = True) -> Path:
    """Archive a run with *values* as its report and return its folder."""
    run, incident = values["run"]["id"], values["incident"]["id"]
    folder = archive.stage(run)
    (folder / "report.json").write_bytes(canonical(values))
    (folder / "report.html").write_text("<!doctype html><title>report</title>", encoding="utf-8")
    (folder / "notebook.ipynb").write_text(json.dumps({"cells": []}), encoding="utf-8")
    (folder / "evidence.har.gz").write_bytes(har([], creator_version="0"))
    facts = RunFacts(
        incident_id=incident, run_id=run, runbook=values["run"]["runbook"], started_by="person", start=at,
        end=at + timedelta(seconds=20), completed=completed, cut_reason="" if completed else "timed_out: late",
    )  # fmt: skip
    return archive.commit(facts, at)[0]


def ids_of(number: int, *, run: int = 0, day: int = 23) -> tuple[str, str]:
    """Return the ids of the incident *number* of a day and of its run *run*."""
    return f"INC-202611{day:02}-10{number:02}00-aaaa", f"RUN-202611{day:02}-10{number:02}{run:02}-aaaa"
