"""What was deployed just before it began?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from .case import Case, observation_ids
from .users import failing_all_along

RULE = "deployments"
SIGNALS = ("deployment_before_onset", "no_deployment_before_onset")
LOOK_BACK = timedelta(minutes=60)
CLOSE = timedelta(minutes=5)
FAR = timedelta(minutes=45)
ALL_ALONG = timedelta(hours=6)
"""How long ago a deployment may be, where nobody saw when requests began to fail."""
OTHER_SCRIPT = 0.35
"""Strength left to a deployment of another script than the main Worker."""


def deployments(case: Case) -> RuleResult:
    """
    Report deployments before the onset, nearest first; the strength falls with the distance.

    Without an answer about deployments it is `NotChecked`: an empty table may be a source that lied or was
    cut (only the newest are listed), so "none before the onset" is only said when at least one deployment,
    however old, was seen. Log lines that speak of a deployment are not looked at: anybody can write them.
    """
    frame = case.frames.deployments
    if frame.is_empty():
        return NotChecked(rule=RULE, because=case.why_missing("cloudflare_api/deployments", "sentry/releases"))
    evidence = observation_ids(frame)
    onset = case.onset
    if onset is None:
        recent = frame.filter(pl.col("at") >= case.now - timedelta(hours=24)).sort("at", descending=True)
        if failing_all_along(case):
            return _before_what_was_seen(case, recent, evidence)
        return [_plain(row, number, evidence) for number, row in enumerate(recent.head(5).iter_rows(named=True))]
    slack = timedelta(seconds=min(300.0, max(60.0, onset.uncertainty_s)))
    near = frame.filter(pl.col("at").is_between(onset.at - LOOK_BACK, onset.at + slack)).sort("at", descending=True)
    if near.is_empty():
        last = frame.filter(pl.col("at") < onset.at).get_column("at").max()
        when = f"; the last was on {last:%d %b %H:%M} UTC" if isinstance(last, datetime) else ""
        return [
            Finding(
                id=f"{RULE}/none",
                rule=RULE,
                claim=f"Nothing was deployed in the hour before {onset.at:%H:%M} UTC{when}",
                severity=Severity.INFO,
                evidence=evidence,
                signals=(Signal(name="no_deployment_before_onset"),),
                data={"looked_back_minutes": LOOK_BACK.total_seconds() / 60},
            )
        ]
    main = case.settings.worker_script
    known = main in set(frame.get_column("script").drop_nulls().to_list())
    found = []
    for number, row in enumerate(near.iter_rows(named=True)):
        gap = onset.at - row["at"]
        strength = 1.0 if gap <= CLOSE else max(0.1, 1.0 - (gap - CLOSE) / FAR)
        own = not known or row["script"] == main
        strength *= 1.0 if own else OTHER_SCRIPT
        minutes = gap.total_seconds() / 60
        when = f"{minutes:.0f} min before" if minutes >= 1 else "at"
        other = "" if own else " (not the main Worker)"
        found.append(
            Finding(
                id=f"{RULE}/{number + 1}",
                rule=RULE,
                claim=f"{row['script']} {_version(row)} was deployed {when} the onset, at {row['at']:%H:%M} UTC{other}",
                severity=Severity.WARNING if own and strength >= 0.5 else Severity.INFO,
                at=row["at"],
                evidence=(row["observation"],) if row["observation"] else evidence,
                signals=(Signal(name="deployment_before_onset", strength=strength),),
                data={**_facts(row), "minutes_before_onset": minutes},
            )
        )
    if not any(finding.severity >= Severity.WARNING for finding in found) and known:
        mains = near.filter(pl.col("script") == main)
        if mains.is_empty():
            found.append(
                Finding(
                    id=f"{RULE}/none-of-main",
                    rule=RULE,
                    claim=f"{main} itself was not deployed in the hour before {onset.at:%H:%M} UTC",
                    severity=Severity.INFO,
                    evidence=evidence,
                    signals=(Signal(name="no_deployment_before_onset", strength=0.7),),
                )
            )
    return found


def _before_what_was_seen(case: Case, recent: pl.DataFrame, evidence: tuple[str, ...]) -> list[Finding]:
    """Return the newest deployment of the main Worker before failures that are older than what was seen."""
    main = recent.filter((pl.col("script") == case.settings.worker_script) & (pl.col("at") >= case.now - ALL_ALONG))
    told = [_plain(row, number, evidence) for number, row in enumerate(recent.head(5).iter_rows(named=True))]
    if main.is_empty():
        return told
    row = main.row(0, named=True)
    told.append(
        Finding(
            id=f"{RULE}/before-what-was-seen",
            rule=RULE,
            claim=f"{row['script']} {_version(row)} was deployed on {row['at']:%d %b %H:%M} UTC; requests fail since"
            " before what was seen of them",
            severity=Severity.WARNING,
            at=row["at"],
            evidence=(row["observation"],) if row["observation"] else evidence,
            signals=(Signal(name="deployment_before_onset", strength=0.7),),
            data=_facts(row),
        )
    )
    return told


def _plain(row: dict[str, Any], number: int, evidence: tuple[str, ...]) -> Finding:
    at = row["at"]
    return Finding(
        id=f"{RULE}/recent-{number + 1}",
        rule=RULE,
        claim=f"{row['script']} {_version(row)} was deployed on {at:%d %b %H:%M} UTC",
        severity=Severity.INFO,
        at=at,
        evidence=evidence,
        data=_facts(row),
    )


def _version(row: dict[str, Any]) -> str:
    """Return what tells one version from another: Sentry writes ``project@version``."""
    version = str(row["version"] or "")
    return version.rpartition("@")[2][:12] or version[:12] or "of unknown version"


def _facts(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "script": row["script"],
        "version": row["version"],
        "previous": row["previous"],
        "author": row["author"],
        "message": row["message"],
        "source": row["source"],
    }
