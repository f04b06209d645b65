"""Did the scheduled jobs (every minute, every 5 minutes, hourly) leave their traces?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from .case import Case, observation_ids
from .flow import _sighted

RULE = "scheduled"
SIGNALS = ("scheduled_missing", "scheduled_seen")
SERVICES = ("scheduler", "cron", "jobs", "worker-cron")
COMPONENTS = ("cron", "scheduler", "scheduled")
TRACES_MIN = 6
"""Traces of a job from which its rhythm can be told."""
EVEN = 0.25
"""Relative spread of the gaps from which something is no scheduled job."""
OVERDUE = 3.0
"""A job is missing when its newest trace is this many periods old, and two minutes."""
GRACE = timedelta(minutes=2)
OTHERS_MIN = 3
"""Other services with fresh entries from which silence of the jobs is their own; one may be all that was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """
    One scheduled job.

    Attributes
    ----------
    name
        Its trace with numbers taken out.
    period_s
        Median gap between its traces in seconds.
    newest
        Its newest trace, also from before the window.
    due
        False when its period is too long for what was seen, or its service was not seen: it cannot be told.
    missing
        Overdue by `OVERDUE` periods within what was seen.
    """

    name: str
    service: str
    period_s: float
    newest: datetime
    due: bool
    missing: bool


def jobs(case: Case) -> list[Job]:
    """Return the scheduled jobs that left traces with a rhythm, by name; their rhythm also from older traces."""
    logs = case.frames.logs
    traces = logs.filter(
        (
            pl.col("service").str.to_lowercase().is_in(list(SERVICES))
            | pl.col("component").str.to_lowercase().is_in(list(COMPONENTS))
            | pl.col("event").str.starts_with("job_")
        ).fill_null(value=False)
        & pl.col("level").is_in(["info", "debug"])
        & (pl.col("at") <= case.now + timedelta(minutes=1))
    ).with_columns(
        name=pl.col("message").str.slice(0, 200).str.replace_all(r"\b[0-9a-f]{8,}\b|\d+(?:\.\d+)?", "#"),
    )
    sighted = _sighted(case)
    seen_from = _seen_from(case, sighted)
    found = []
    for (name, service), rows in traces.sort("at").group_by("name", "service", maintain_order=True):
        if rows.height < TRACES_MIN or not isinstance(name, str):
            continue
        gaps = rows.get_column("at").diff().dt.total_milliseconds().drop_nulls().cast(pl.Float64) / 1000
        period_s = float(gaps.median() or 0.0)  # type: ignore[arg-type]
        near = gaps.filter(gaps.is_between(0.5 * period_s, 1.5 * period_s))
        spread = float(near.std() or 0.0) if near.len() > 1 else 0.0  # type: ignore[arg-type]
        if period_s < 30 or near.len() < 0.7 * gaps.len() or spread > EVEN * period_s:
            continue
        newest = rows.get_column("at").max()
        assert isinstance(newest, datetime)
        allowed = timedelta(seconds=OVERDUE * period_s) + GRACE
        visible = _visible(case, sighted, str(service or ""))
        due = visible and case.now - max(newest, seen_from) >= allowed
        could_see = visible and case.now - seen_from >= allowed
        found.append(
            Job(
                name=name,
                service=str(service or ""),
                period_s=period_s,
                newest=newest,
                due=could_see,
                missing=due and case.now - newest >= allowed,
            )
        )
    return sorted(found, key=lambda job: (job.period_s, job.name))


def _visible(case: Case, sighted: list[str], service: str) -> bool:
    """
    Whether the newest entries of *service* would have been seen.

    What other services show says nothing of it: the archive is read until the time is used up, and the logs service
    is cut for each by itself. A service that is in no folder of the archive, listed as a whole, wrote nothing.
    """
    if any(id_.startswith("case/") or id_.endswith(f"/{service}") for id_ in sighted):
        return True
    listed = case.one("r2/prefixes")
    return listed is not None and not listed.coverage.cut and service not in listed.value.names


def _seen_from(case: Case, sighted: list[str]) -> datetime:
    """Return since when the sources that see the window's end were whole: the window's start at the latest."""
    if any(id_.startswith("case/") for id_ in sighted):
        first = case.frames.logs.get_column("at").min()
        if isinstance(first, datetime):
            return min(first, case.window.start)
    return case.window.start


def scheduled(case: Case) -> RuleResult:
    """
    Report jobs whose traces stopped.

    Only sources that can see the window's end count (`flow`), for each job those that can see its own service;
    rhythms are learnt from all traces, also the old ones that a blind store still shows. `NotChecked` when no such
    source was seen, or when no job is known. If the log lied, a job that logs "finished" without doing anything
    passes; if entries come late, two minutes of grace and three periods are waited; if the archive was cut, its
    service is told by `flow`, and jobs of the platform that share its fate are not called missing unless other
    services' entries are fresh. A job whose period is longer than a third of what was seen cannot be judged and is
    told as such.
    """
    if not _sighted(case):
        return NotChecked(rule=RULE, because="no log source can see the end of the window; " + case.why_missing("r2"))
    known = jobs(case)
    if not known:
        return NotChecked(rule=RULE, because="no entry looks like the trace of a scheduled job")
    due = [job for job in known if job.due]
    unseen = sorted({job.service for job in known if not _visible(case, _sighted(case), job.service)})
    if not due and unseen:
        return NotChecked(rule=RULE, because=f"the newest entries of {', '.join(unseen)[:200]} could not be seen")
    missing = [job for job in due if job.missing]
    others = case.frames.logs.filter(
        (pl.col("at") >= case.now - timedelta(minutes=10))
        & pl.col("observation").is_in(_sighted(case))
        & ~pl.col("service").is_in([job.service for job in known])
    )
    data = {
        "jobs": [
            {
                "name": job.name[:120],
                "period_s": job.period_s,
                "newest": job.newest.isoformat(),
                "state": "missing" if job.missing else "runs" if job.due else "cannot be told",
            }
            for job in known
        ]
    }
    evidence = observation_ids(case.frames.logs.filter(pl.col("service").is_in([job.service for job in known])))
    if not missing:
        return [
            Finding(
                id=f"{RULE}/run",
                rule=RULE,
                claim=f"{len(due)} of {len(known)} known jobs left their traces in time; the others cannot be told",
                severity=Severity.INFO,
                evidence=evidence,
                signals=(Signal(name="scheduled_seen", strength=min(1.0, len(due) / 2)),) if due else (),
                data=data,
            )
        ]
    # else all entries are lost, or were not read, and the jobs' with them
    sure = others.get_column("service").n_unique() >= OTHERS_MIN
    last = max(job.newest for job in missing)
    return [
        Finding(
            id=f"{RULE}/missing",
            rule=RULE,
            claim=f"{len(missing)} of {len(due)} scheduled jobs left no trace since {last:%d %b %H:%M} UTC:"
            f" “{missing[0].name[:80]}”, every {missing[0].period_s / 60:,.0f} min",
            severity=Severity.WARNING,
            at=last if last >= case.window.start else None,
            evidence=evidence,
            signals=(Signal(name="scheduled_missing", strength=len(missing) / len(due)),) if sure else (),
            data=data,
        )
    ]
