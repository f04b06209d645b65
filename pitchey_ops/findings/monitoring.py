"""Is the monitoring itself well: do its services answer, do metrics arrive, are alerts delivered?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from ..models.observation import AnyObservation, Observed, Unavailable
from ._requests import spans, z_score
from .case import Case, observation_ids
from .flow import _requests_go_on
from .probes import own_network_down

RULE = "monitoring"
SIGNALS = ("monitoring_failing", "metric_flow_stopped", "log_flow_stopped", "alerts_failing", "scheduled_missing")
SERVICES = ("monitoring", "logs", "apm")
FAULTS = ("failed", "timeout", "unreachable", "bad_payload")
"""Reasons that are the service's fault; ``blind`` is its ordinary state (traps 1 and 9) and never one."""
TRACKER = "sentry/issues"
DELIVERY_FAILED = ("delivery_failed", "alert_failed", "notification_failed")
FAILURES_MIN = 3
ENDS_BADLY_MIN = 0.15
"""Rise of the share of a monitoring script's invocations that end badly, from which it is failing."""
Z_CLEAR = 4.0
STOPPED_SHARE = 0.5
STOPPED_STRENGTH = 0.7
"""The watcher itself runs by a timetable: called no more, or ending badly, it leaves no traces, whoever reads them."""
CALLS_MIN = 30
"""Invocations before, and expected since, below which a script is too seldom called to be judged."""
QUIET_SHARE = 0.35
"""A script that is called this much less than before, while requests go on, has lost its callers or its clock."""


def monitoring(case: Case) -> RuleResult:
    """
    Report services of the monitoring that answer with errors, metrics that stopped, alerts that were not delivered.

    A blind answer is the ordinary state of a busy store and never a fault here (traps 1, 9); a store that was
    cut cannot tell whether metrics arrive, and that is told, not signalled. An error tracker that is there and was not
    read leaves a doubt: some errors are told to it alone. An empty metric answer is what a
    failing store gives, too (trap 10). A service that lies "healthy" is for `contradictions`. If no host at all
    could be reached the fault may be our own network: `NotChecked`.
    """
    asked = {name: _of(case, name) for name in SERVICES}
    if not any(asked.values()):
        return NotChecked(rule=RULE, because="none of the monitoring services was asked")
    if own_network_down(case):
        return NotChecked(rule=RULE, because="no host at all could be reached: the fault may be our own network")
    return [*_failing(asked), *_tracker(case), *_scripts(case), *_metrics(case), *_alerts(case), _sight(case)]


def _of(case: Case, name: str) -> list[AnyObservation]:
    return [
        o
        for key, o in sorted(case.observations.items())
        if key.startswith(f"{name}/")
        and not (isinstance(o, Unavailable) and o.reason in ("not_configured", "not_asked", "not_allowed"))
    ]


def failing_share(asked: list[AnyObservation]) -> float:
    """Return the share of answers (0-1) that are the service's own errors."""
    bad = sum(isinstance(o, Unavailable) and o.reason in FAULTS for o in asked)
    return bad / len(asked) if asked else 0.0


def _failing(asked: dict[str, list[AnyObservation]]) -> list[Finding]:
    shares = {name: failing_share(answers) for name, answers in asked.items() if answers}
    bad = {name: share for name, share in shares.items() if share >= 0.2}
    if not bad:
        return []
    evidence = [o.id for name in bad for o in asked[name] if isinstance(o, Unavailable) and o.reason in FAULTS]
    words = ", ".join(f"{name} ({share:.0%} of its answers)" for name, share in bad.items())
    strength = min(1.0, 0.3 + 0.35 * sum(bad.values()))
    return [
        Finding(
            id=f"{RULE}/failing",
            rule=RULE,
            claim=f"Services of the monitoring answer with errors: {words}",
            severity=Severity.WARNING,
            at=asked[next(iter(bad))][0].at,
            evidence=tuple(sorted(evidence)[:12]),
            signals=(Signal(name="monitoring_failing", strength=strength),),
            data={"failing_share": bad},
        )
    ]


def _tracker(case: Case) -> list[Finding]:
    """Say when the error tracker is there and did not answer: what only it was told, nobody else can say."""
    failed = next((o for o in case.missing(TRACKER) if o.reason in FAULTS), None)
    if failed is None or case.one(TRACKER) is not None:
        return []
    return [
        Finding(
            id=f"{RULE}/tracker",
            rule=RULE,
            claim="The error tracker (Sentry) did not answer: an error that was told to it alone is not seen",
            severity=Severity.WARNING,
            at=failed.at,
            evidence=(failed.id,),
        )
    ]


def _minutes_counted(case: Case, start: datetime, end: datetime) -> int:
    """Return the minutes of a span in which any script was counted: a script that is seldom called has gaps between."""
    at = case.frames.workers.get_column("at")
    return at.filter(at.is_between(start, end, closed="left")).dt.truncate("1m").n_unique()


def _scripts(case: Case) -> list[Finding]:
    """How the monitoring's own Workers end, as Cloudflare counts it: a view that does not hang on their stores."""
    before_start, before_end, after_start, after_end = spans(case)
    found = []
    for script in case.settings.monitoring_scripts:
        mine = case.frames.workers.filter(pl.col("script") == script)
        sides = [
            mine.filter(pl.col("at").is_between(start, end, closed="left"))
            for start, end in ((before_start, before_end), (after_start, after_end))
        ]
        totals = [float(side.get_column("requests").sum()) for side in sides]
        bad = [float(s.filter(pl.col("status") != "success").get_column("requests").sum()) for s in sides]
        if totals[0] < CALLS_MIN:
            continue
        minutes = [max(1, side.get_column("at").n_unique()) for side in sides]
        minutes[0] = max(minutes[0], _minutes_counted(case, before_start, before_end))
        minutes[1] = max(minutes[1], int((after_end - after_start).total_seconds() / 60))
        pace = (totals[1] / minutes[1]) / (totals[0] / minutes[0])
        was = bad[0] / totals[0]
        share = bad[1] / totals[1] if totals[1] else 0.0
        ends_badly = totals[1] > 0 and share - was >= ENDS_BADLY_MIN
        ends_badly = ends_badly and z_score(bad[1], totals[1], bad[0], totals[0]) >= Z_CLEAR
        expected = totals[0] / minutes[0] * minutes[1]
        quiet = pace <= QUIET_SHARE and expected >= CALLS_MIN and _requests_go_on(case, after_start)
        if not ends_badly and not quiet:
            continue
        flow = "log_flow_stopped" if "log" in script else "metric_flow_stopped" if "apm" in script else ""
        signals = [Signal(name="monitoring_failing", strength=0.9 if ends_badly else 0.5)]
        if "monitoring" in script and (quiet or share >= STOPPED_SHARE):
            signals.append(Signal(name="scheduled_missing", strength=STOPPED_STRENGTH))
        if flow:
            signals.append(Signal(name=flow, strength=min(1.0, 0.5 + share) if ends_badly else 0.4))
        words = f"{share:.0%} of the invocations of {script} end badly ({was:.0%} before)" if ends_badly else ""
        slow = f"{script} is called {pace:.0%} as often as before" if quiet else ""
        found.append(
            Finding(
                id=f"{RULE}/{script}",
                rule=RULE,
                claim="; ".join(filter(None, (words, slow))),
                severity=Severity.WARNING,
                at=after_start,
                service=script,
                evidence=observation_ids(mine),
                signals=tuple(signals),
                data={"share": share, "share_before": was, "pace": pace},
            )
        )
    return found


def metric_ages(case: Case) -> list[dict[str, Any]]:
    """Return each metric that was asked for: ``name``, ``newest`` (None when there is none), ``blind``, ``points``."""
    rows = []
    for key, seen in sorted(case.observations.items()):
        if not key.startswith("apm/metrics/"):
            continue
        name = key.partition("apm/metrics/")[2]
        if isinstance(seen, Observed):
            blind = seen.status == "blind" or seen.coverage.cut
            rows.append(
                {"name": name, "newest": seen.coverage.seen_end, "blind": blind, "points": seen.value.points_read}
            )
        else:
            rows.append({"name": name, "newest": None, "blind": True, "points": 0})
    return rows


def _metrics(case: Case) -> list[Finding]:
    limit = timedelta(seconds=max(2 * case.settings.thresholds.stale_after_s, 600.0))
    rows = metric_ages(case)
    sighted = [row for row in rows if not row["blind"] and row["newest"] is not None]
    stopped = [row for row in sighted if case.now - row["newest"] > limit]
    if not sighted or len(stopped) < 0.6 * len(sighted):
        return []
    last: datetime = max(row["newest"] for row in stopped)
    going = _requests_go_on(case, max(last, case.window.start))
    return [
        Finding(
            id=f"{RULE}/metrics-stopped",
            rule=RULE,
            claim=f"{len(stopped)} of {len(sighted)} metrics stopped arriving, the last at {last:%d %b %H:%M} UTC"
            + (" while requests go on" if going else ""),
            severity=Severity.WARNING,
            at=last if last >= case.window.start else None,
            evidence=tuple(f"apm/metrics/{row['name']}" for row in stopped[:12]),
            signals=(Signal(name="metric_flow_stopped", strength=len(stopped) / len(sighted)),) if going else (),
        )
    ]


def _alerts(case: Case) -> list[Finding]:
    """Failed deliveries by the structured event that a sender leaves, not by wording (that is `kinds`)."""
    _, _, after_start, _ = spans(case)
    failed = case.frames.logs.filter(pl.col("event").is_in(list(DELIVERY_FAILED)))
    since = max(case.window.start, after_start - timedelta(minutes=30)) if case.onset is None else after_start
    later = failed.filter(pl.col("at") >= since)
    earlier = failed.filter(pl.col("at") < since)
    if later.height < FAILURES_MIN or later.height <= earlier.height / 3:
        return []
    sent = case.frames.logs.filter(pl.col("at") >= since).filter(
        (pl.col("service") == later.get_column("service")[0])
        & pl.col("message").str.contains(r"(?i)\bdelivered to\b").fill_null(value=False)
        & ~pl.col("message").str.contains(r"(?i)\bnot delivered\b").fill_null(value=False)
    )
    share = later.height / (later.height + sent.height)
    first = later.get_column("at").min()
    return [
        Finding(
            id=f"{RULE}/alerts",
            rule=RULE,
            claim=f"{later.height} alerts were not delivered since {since:%H:%M} UTC ({share:.0%} of those that were"
            " logged)",
            severity=Severity.CRITICAL if share >= 0.5 else Severity.WARNING,
            at=first if isinstance(first, datetime) else None,
            evidence=observation_ids(later),
            signals=(Signal(name="alerts_failing", strength=min(1.0, 0.4 + share)),),
            data={"failed": later.height, "delivered": sent.height},
        )
    ]


def _sight(case: Case) -> Finding:
    """Say which figures of the platform are blind or constant: normal, and worth knowing."""
    blind = sorted(
        key
        for key, o in case.observations.items()
        if key.startswith(("logs/", "apm/")) and (o.status == "blind" or (isinstance(o, Observed) and o.coverage.cut))
    )
    constant = sorted(
        key
        for key, o in case.observations.items()
        if isinstance(o, Observed) and (o.coverage.constant or getattr(o.value, "constant", False))
    )
    return Finding(
        id=f"{RULE}/sight",
        rule=RULE,
        claim=f"{len(blind)} answer{'' if len(blind) == 1 else 's'} of logs and metrics cannot see the whole window,"
        f" {len(constant)} {'is a constant' if len(constant) == 1 else 'are constants'}:"
        " ordinary for this platform, and no evidence",
        severity=Severity.INFO,
        evidence=tuple((*blind, *constant)[:12]),
        data={"blind": blind[:60], "constant": constant[:60]},
    )
