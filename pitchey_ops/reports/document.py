"""``report.json``: a `Report` as JSON values and back (design, section 6)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..models.finding import Finding, NotChecked, Severity, Signal
from ..models.observation import Coverage
from ..models.report import Alert, HypothesisScore, Impact, Report, SourceSeen, Suspect, Verdict

SCHEMA = "pitchey-report/1"


def to_json(report: Report) -> dict[str, Any]:
    """Return *report* as the values of ``report.json``; `evidence.canonical` makes its bytes."""
    verdict = report.verdict
    return {
        "schema": SCHEMA,
        "incident": {
            "id": report.incident_id,
            "severity": report.severity,
            "alerts": [
                {
                    "id": alert.id,
                    "kind": alert.kind,
                    "title": alert.title,
                    "at": _time(alert.at),
                    "severity": alert.severity,
                    "service": alert.service,
                }
                for alert in report.alerts
            ],
        },
        "run": {
            "id": report.run_id,
            "runbook": report.runbook,
            "runbook_version": report.runbook_version,
            "package_version": report.package_version,
            "parameters": dict(report.parameters),
            "window": {"start": _time(report.window_start), "end": _time(report.window_end)},
        },
        "verdict": {
            "state": verdict.state,
            "cause": verdict.cause,
            "confidence": verdict.confidence,
            "severity": verdict.severity,
            "why_severity": verdict.why_severity,
            "onset": _time(verdict.onset),
            "onset_uncertainty_s": verdict.onset_uncertainty_s,
            "impact": {
                "requests_failing_share": verdict.impact.requests_failing_share,
                "users_affected": verdict.impact.users_affected,
                "routes": list(verdict.impact.routes),
                "services": list(verdict.impact.services),
            },
            "summary": verdict.summary,
            "next_step": verdict.next_step,
            "settles": list(verdict.settles),
        },
        "hypotheses": [
            {
                "id": score.id,
                "weight": score.weight,
                "confidence": score.confidence,
                "for": list(score.for_),
                "against": list(score.against),
                "not_checked": list(score.not_checked),
                "parts": [{"finding": finding, "decibans": value} for finding, value in score.parts],
            }
            for score in report.hypotheses
        ],
        "suspects": [{"service": s.service, "score": s.score, "because": list(s.because)} for s in report.suspects],
        "findings": [
            {
                "id": finding.id,
                "rule": finding.rule,
                "claim": finding.claim,
                "severity": finding.severity.word,
                "at": _time(finding.at),
                "service": finding.service,
                "evidence": list(finding.evidence),
                "signals": [{"name": s.name, "strength": s.strength} for s in finding.signals],
                "data": dict(finding.data),
            }
            for finding in report.findings
        ],
        "not_checked": [{"rule": item.rule, "because": item.because} for item in report.not_checked],
        "sources": [
            {
                "name": source.name,
                "status": source.status,
                "detail": source.detail,
                "coverage": {
                    "asked_start": _time(source.coverage.asked_start),
                    "asked_end": _time(source.coverage.asked_end),
                    "seen_start": _time(source.coverage.seen_start),
                    "seen_end": _time(source.coverage.seen_end),
                    "count": source.coverage.count,
                    "cut": source.coverage.cut,
                    "share": source.coverage.share,
                    "rejected": source.coverage.rejected,
                    "constant": source.coverage.constant,
                },
            }
            for source in report.sources
        ],
        "steps": [{"id": step, "status": status} for step, status in report.steps.items()],
        "evidence": {"entries": report.evidence_entries, "digest": report.evidence_digest},
    }


def from_json(row: Mapping[str, Any]) -> Report:
    """
    Rebuild a `Report` from the values of ``report.json``.

    Raises
    ------
    KeyError, ValueError
        The document is not of schema ``pitchey-report/1``.
    """
    if row["schema"] != SCHEMA:
        raise ValueError(f"schema {row['schema']!r}: expected {SCHEMA!r}")
    incident, run, verdict = row["incident"], row["run"], row["verdict"]
    impact = verdict["impact"]
    return Report(
        incident_id=incident["id"],
        severity=incident["severity"],
        alerts=tuple(
            Alert(
                id=alert["id"],
                kind=alert["kind"],
                title=alert["title"],
                at=_moment(alert["at"]),
                severity=alert.get("severity"),
                service=alert.get("service"),
            )
            for alert in incident["alerts"]
        ),
        run_id=run["id"],
        runbook=run["runbook"],
        runbook_version=run["runbook_version"],
        package_version=run["package_version"],
        parameters=run["parameters"],
        window_start=_moment(run["window"]["start"]),
        window_end=_moment(run["window"]["end"]),
        verdict=Verdict(
            state=verdict["state"],
            cause=verdict["cause"],
            confidence=verdict["confidence"],
            severity=verdict["severity"],
            why_severity=verdict.get("why_severity", ""),
            onset=_maybe(verdict["onset"]),
            onset_uncertainty_s=verdict["onset_uncertainty_s"],
            impact=Impact(
                requests_failing_share=impact["requests_failing_share"],
                users_affected=impact["users_affected"],
                routes=tuple(impact["routes"]),
                services=tuple(impact["services"]),
            ),
            summary=verdict["summary"],
            next_step=verdict["next_step"],
            settles=tuple(verdict.get("settles", ())),
        ),
        hypotheses=tuple(
            HypothesisScore(
                id=score["id"],
                weight=score["weight"],
                confidence=score["confidence"],
                for_=tuple(score["for"]),
                against=tuple(score["against"]),
                not_checked=tuple(score["not_checked"]),
                parts=tuple((part["finding"], part["decibans"]) for part in score.get("parts", ())),
            )
            for score in row["hypotheses"]
        ),
        suspects=tuple(
            Suspect(service=s["service"], score=s["score"], because=tuple(s["because"])) for s in row["suspects"]
        ),
        findings=tuple(
            Finding(
                id=finding["id"],
                rule=finding["rule"],
                claim=finding["claim"],
                severity=Severity[finding["severity"].upper()],
                at=_maybe(finding["at"]),
                service=finding.get("service"),
                evidence=tuple(finding["evidence"]),
                signals=tuple(Signal(name=s["name"], strength=s["strength"]) for s in finding["signals"]),
                data=finding["data"],
            )
            for finding in row["findings"]
        ),
        not_checked=tuple(NotChecked(rule=n["rule"], because=n["because"]) for n in row["not_checked"]),
        sources=tuple(
            SourceSeen(
                name=source["name"],
                status=source["status"],
                detail=source["detail"],
                coverage=_coverage(source["coverage"]),
            )
            for source in row["sources"]
        ),
        steps={step["id"]: step["status"] for step in row["steps"]},
        evidence_entries=row["evidence"]["entries"],
        evidence_digest=row["evidence"]["digest"],
    )


def _coverage(row: Mapping[str, Any]) -> Coverage:
    return Coverage(
        asked_start=_maybe(row["asked_start"]),
        asked_end=_maybe(row["asked_end"]),
        seen_start=_maybe(row["seen_start"]),
        seen_end=_maybe(row["seen_end"]),
        count=row["count"],
        cut=row["cut"],
        share=row["share"],
        rejected=row["rejected"],
        constant=row["constant"],
    )


def _time(at: datetime | None) -> str | None:
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _maybe(text: str | None) -> datetime | None:
    return None if text is None else _moment(text)
