"""Does the data flow: do entries and metrics of each service still arrive, and how old is the newest?"""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from ._requests import LATE, requests
from .case import Case, observation_ids

RULE = "flow"
ARCHIVE = "r2/archive"
SIGNALS = ("log_flow_stopped", "log_flow_seen", "metric_flow_stopped")
QUIET_FACTOR = 8.0
"""A service is silent when its newest entry is this many times its usual gap old (and older than the limit)."""
SILENT_SERVICES = 3
"""Empty answers of so many services, where nothing else can see, from which nothing arrives; one may never speak."""
SAY_NOTHING = "only services that may have nothing to say can see the end of the window, and the archive was not read"
ARCHIVE_ONLY = 0.3
"""What fresh entries in the archive alone prove: they may reach it and not the logs service."""


def flow(case: Case) -> RuleResult:
    """
    Tell, service by service, whether entries still arrive.

    Only sources that *can* see the end of the window count: the logs service is blind in ordinary
    operation (trap 1), and a blind answer says nothing about flow. R2 and recorded cases can. A stop needs
    requests that go on meanwhile; when these were not seen either, it is told but signals nothing. An archive of which
    less than half of the services could be read in time shows no stop.
    """
    sighted = _sighted(case)
    if not sighted:
        return NotChecked(rule=RULE, because="no log source can see the end of the window; " + case.why_missing("r2"))
    logs = case.frames.logs.filter(pl.col("observation").is_in(sighted) & (pl.col("at") <= case.now))
    if logs.is_empty():
        return _nothing(case, sighted) if _could_show(case, sighted) else NotChecked(rule=RULE, because=SAY_NOTHING)
    limit_s = case.settings.thresholds.stale_after_s
    table = (
        logs.group_by("service")
        .agg(
            pl.len().alias("entries"),
            pl.col("at").max().alias("newest"),
            pl.col("at").min().alias("oldest"),
        )
        .sort("service")
    )
    fresh: list[tuple[str, float, datetime]] = []
    silent: list[tuple[str, float, datetime]] = []
    for row in table.iter_rows(named=True):
        if row["entries"] < 10:
            continue
        gap_s = max(1.0, (row["newest"] - row["oldest"]).total_seconds() / max(1, row["entries"] - 1))
        age_s = (case.now - row["newest"]).total_seconds()
        (silent if age_s > max(limit_s, QUIET_FACTOR * gap_s) else fresh).append((row["service"], age_s, row["newest"]))
    if not fresh and not silent:
        return []
    share = len(silent) / (len(fresh) + len(silent))
    evidence = observation_ids(logs)
    by_service = not logs.filter(pl.col("observation").str.starts_with("r2/").not_()).is_empty()
    data = {
        "fresh": [name for name, _, _ in fresh],
        "silent": [{"service": name, "age_s": age, "newest": newest.isoformat()} for name, age, newest in silent],
    }
    if share >= 0.5:
        stopped = max(newest for _, _, newest in silent)
        going = _requests_go_on(case, stopped)
        return [
            Finding(
                id=f"{RULE}/stopped",
                rule=RULE,
                claim=f"Entries of {len(silent)} of {len(silent) + len(fresh)} services stopped arriving,"
                f" the last at {stopped:%H:%M} UTC" + (" while requests go on" if going else ""),
                severity=Severity.CRITICAL if going else Severity.WARNING,
                at=stopped,
                evidence=evidence,
                signals=(Signal(name="log_flow_stopped", strength=share),) if going else (),
                data=data,
            )
        ]
    found = [
        Finding(
            id=f"{RULE}/fresh",
            rule=RULE,
            claim=f"Fresh entries of {len(fresh)} services were seen",
            severity=Severity.INFO,
            evidence=evidence,
            signals=(Signal(name="log_flow_seen", strength=(1.0 - share) * (1.0 if by_service else ARCHIVE_ONLY)),),
            data=data,
        )
    ]
    found += [
        Finding(
            id=f"{RULE}/silent-{number + 1}",
            rule=RULE,
            claim=f"{name} has been silent for {age / 60:.0f} min",
            severity=Severity.INFO,
            at=newest,
            service=name,
            evidence=evidence,
        )
        for number, (name, age, newest) in enumerate(silent[:10])
    ]
    return found


def _sighted(case: Case) -> list[str]:
    """Return ids of log observations that can see the end of the window."""
    edge = case.window.end - timedelta(minutes=10)
    found = []
    for prefix in ("logs/service", "r2/archive", "case/logs"):
        for seen in case.seen(prefix):
            coverage = seen.coverage
            if prefix == "case/logs" or (not coverage.cut and (coverage.seen_end or edge) >= edge):
                found.append(seen.id)
    return sorted(set(found))


def _archive_read(case: Case, sighted: list[str]) -> bool:
    """Whether most of the archive's services were read to the window's end: of a few, silence tells of those few."""
    asked = [name for name in case.observations if name.startswith(ARCHIVE)]
    return 2 * sum(name in sighted for name in asked) > len(asked)


def _could_show(case: Case, sighted: list[str]) -> bool:
    """Whether silence means anything: of the archive, or of several services, not of one that may never speak."""
    services = [name for name in sighted if name.startswith("logs/service/")]
    archived = [name for name in sighted if name.startswith(ARCHIVE)]
    return (
        len(services) >= SILENT_SERVICES
        or (bool(archived) and _archive_read(case, sighted))
        or len(services) + len(archived) < len(sighted)
    )


def _nothing(case: Case, sighted: list[str]) -> RuleResult:
    if not _requests_go_on(case, case.window.start):
        return NotChecked(rule=RULE, because="no entries were seen, and no requests either")
    return [
        Finding(
            id=f"{RULE}/empty",
            rule=RULE,
            claim="Not one log entry of the window was seen while requests go on",
            severity=Severity.CRITICAL,
            at=case.window.start,
            evidence=tuple(sighted[:12]),
            signals=(Signal(name="log_flow_stopped"),),
        )
    ]


def _requests_go_on(case: Case, since: datetime) -> bool:
    seen = requests(case)
    if seen is None or seen.vantage != "edge":
        return False
    n, _ = seen.total(since, case.now - LATE)
    return n > 0
