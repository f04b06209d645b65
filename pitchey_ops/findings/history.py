"""What did our own watch see: since when, how unusual for this hour, and when did the monitoring itself stop?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from .case import Case
from .flow import _requests_go_on

RULE = "history"
SIGNALS = ("probes_failing", "auth_probe_failing", "probes_slow", "probes_steady", "arrivals_stopped")
OBSERVATION = "history/probes"
LOOK = "watch/look"
REPEATED = 3
"""Looks in a row that must have failed: one missed probe is no outage."""
STEADY_SHARE = 0.9
"""Share of the window's minutes that must have been seen before "as usual" is said of it."""
BASELINE_LOOKS = 60
"""Looks at this hour on earlier days below which nothing is called usual."""
SLOW_RATIO, SLOW_BY_MS, SLOW_LOOKS = 2.0, 200.0, 5
"""Answers are slow when their median over so many looks is so many times, and so much above, the usual P95."""
RECENT = timedelta(minutes=12)
"""A flow's newest row counts as the present for so long: what is large is asked every five minutes."""
STALE_RATIO = 3.0
STOPPED_SHARE = 0.6
GAP_MIN = timedelta(minutes=3)
NAMES = {
    "api/health": "/api/health",
    "api/health_db": "/api/health/db",
    "api/pitches": "/api/pitches",
    "api/auth_verify": "/api/auth/verify",
    "frontend/page": "the site's start page",
    "platform/health": "the monitoring's own health report",
    "platform/report": "the API in the monitoring's report",
    "edge/failing": "requests at Cloudflare's edge",
    "cloudflare/status": "Cloudflare's status of what we use",
}
_API = ("api/health", "api/health_db", "api/pitches", "api/auth_verify")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What is usual at this hour: failing share (0-1), typical and high latency in ms; None where never measured."""

    looks: int
    failing_share: float
    p50_ms: float | None
    p95_ms: float | None
    days: int


def history(case: Case) -> RuleResult:
    """
    Report what fails since when, against what is usual at this hour; what stopped arriving; and when nobody looked.

    Minutes in which nobody looked, or a look reached no host at all, are unseen: they end no failure and prove no calm.
    A single failed look is told, and is no symptom (`REPEATED`), unless a second vantage point failed with it.
    """
    seen = case.one(OBSERVATION)
    if seen is None:
        return NotChecked(rule=RULE, because=case.why_missing(OBSERVATION))
    value, evidence = seen.value, (seen.id,)
    if seen.status == "blind":
        return NotChecked(rule=RULE, because="our own watch saw nothing of the window")
    minutes = value.minutes.filter(pl.col("minute") < case.window.end)
    found = [one for probe in NAMES for one in _probe(case, minutes, value.usual, probe, evidence)]
    found += _stopped(case, minutes, value.usual, "logs", evidence)
    found += _stopped(case, minutes, value.usual, "r2", evidence)
    found += _stopped(case, minutes, value.usual, "apm", evidence)
    found += _steady(case, minutes, value.usual, seen.coverage.share or 0.0, evidence)
    found += _gaps(case, minutes, value.spans, evidence)
    return found


def usual_of(usual: pl.DataFrame, probe: str) -> Usual | None:
    """Return what was usual at this hour on earlier days; None where too little was seen."""
    mine = usual.filter(pl.col("probe") == probe)
    looks = int(mine.select((pl.col("looks") - pl.col("unseen")).sum()).item() or 0)
    if looks < BASELINE_LOOKS:
        return None
    p50, p95 = (_number(mine.get_column(name).median()) for name in ("p50_ms", "p95_ms"))
    failing = int(mine.get_column("failing").sum())
    days = mine.get_column("start").dt.date().n_unique()
    return Usual(looks=looks, failing_share=failing / looks, p50_ms=p50, p95_ms=p95, days=days)


def _probe(
    case: Case, minutes: pl.DataFrame, usual: pl.DataFrame, probe: str, evidence: tuple[str, ...]
) -> list[Finding]:
    mine = minutes.filter(pl.col("probe") == probe, pl.col("state").is_in(["ok", "failing"])).sort("minute")
    if mine.is_empty():
        return []
    normal = usual_of(usual, probe)
    states = mine.get_column("state").to_list()
    times = mine.get_column("minute").to_list()
    bad = [n for n, state in enumerate(states) if state == "failing" and times[n] >= case.window.start]
    if not bad:
        return _slow(probe, mine, normal, evidence)
    run = _last_run(states)
    first = run[0]
    lasting = run[-1] == len(states) - 1
    count = len(run)
    together = lasting and _others_failed(minutes, probe, [times[n] for n in run])
    symptom = count >= REPEATED or together
    baseline = _words_of(normal)
    since = f"{times[first]:%d %b %H:%M} UTC"
    if not symptom:
        words = f"{NAMES[probe]} failed in {len(bad)} of {_inside(times, case)} looks, never {REPEATED} in a row"
    elif lasting:
        before = f", after a good look at {times[first - 1]:%H:%M}" if first else " or longer: the history begins there"
        words = f"{NAMES[probe]} has failed in {count} looks in a row since {since}{before}"
    else:
        words = f"{NAMES[probe]} failed in {count} looks in a row from {since} to {times[run[-1]]:%H:%M}, and not since"
    share = len(bad) / max(1, _inside(times, case))
    signals = _signals(probe, lasting=lasting, share=share) if symptom else ()
    return [
        Finding(
            id=f"{RULE}/{probe.replace('/', '-').replace('_', '-')}",
            rule=RULE,
            claim=f"{words} ({baseline})",
            severity=Severity.WARNING if symptom else Severity.INFO,
            at=times[first] if symptom else None,
            evidence=evidence,
            signals=signals,
            data={
                "looks_in_a_row": count,
                "failing_share": share,
                "lasting": lasting,
                "usual_failing_share": None if normal is None else normal.failing_share,
                "usual_p50_ms": None if normal is None else normal.p50_ms,
                "usual_p95_ms": None if normal is None else normal.p95_ms,
            },
        )
    ]


def _signals(probe: str, *, lasting: bool, share: float) -> tuple[Signal, ...]:
    strength = min(1.0, 0.4 + share) if lasting else min(0.6, 0.2 + share)
    if probe == "api/auth_verify":
        return (Signal(name="auth_probe_failing", strength=strength),)
    return (Signal(name="probes_failing", strength=strength),) if probe in _API else ()


def _slow(probe: str, mine: pl.DataFrame, normal: Usual | None, evidence: tuple[str, ...]) -> list[Finding]:
    took = mine.filter(pl.col("state") == "ok").tail(SLOW_LOOKS).get_column("took_ms").drop_nulls()
    if normal is None or normal.p95_ms is None or took.len() < SLOW_LOOKS or not probe.startswith("api/"):
        return []
    now_ms = float(took.median() or 0.0)  # type: ignore[arg-type]
    if now_ms < SLOW_RATIO * normal.p95_ms or now_ms < normal.p95_ms + SLOW_BY_MS:
        return []
    return [
        Finding(
            id=f"{RULE}/slow-{probe.partition('/')[2].replace('_', '-')}",
            rule=RULE,
            claim=f"{NAMES[probe]} answers our probes in {now_ms:,.0f} ms ({_words_of(normal)})",
            severity=Severity.WARNING,
            evidence=evidence,
            signals=(Signal(name="probes_slow"),),
            data={"median_ms": now_ms, "usual_p50_ms": normal.p50_ms, "usual_p95_ms": normal.p95_ms},
        )
    ]


def _stopped(
    case: Case, minutes: pl.DataFrame, usual: pl.DataFrame, kind: str, evidence: tuple[str, ...]
) -> list[Finding]:
    """
    Whether entries or metrics stopped arriving, against how old their newest usually is.

    Only stores that could be seen are judged: a blind one's newest entry stands still for ever (traps 1, 9).
    """
    flows = minutes.filter(pl.col("probe").str.starts_with(f"flow/{kind}/"))
    judged, stopped = 0, []
    for probe in sorted(flows.get_column("probe").unique().to_list()):
        mine = flows.filter(pl.col("probe") == probe).sort("minute")
        last = mine.row(mine.height - 1, named=True)
        known = mine.get_column("newest").max()
        if kind == "r2" and last["state"] == "empty" and isinstance(known, datetime):  # nothing came for an hour
            last |= {"state": "ok", "value": (last["minute"] - known).total_seconds(), "newest": known}
        if last["state"] != "ok" or last["value"] is None or case.window.end - last["minute"] > RECENT:
            continue
        high = _usual_lag(mine, usual, probe, last["newest"])
        if high is None:
            continue
        judged += 1
        if last["value"] > max(STALE_RATIO * high, high + case.settings.thresholds.stale_after_s):
            stopped.append((last["newest"], probe.rpartition("/")[2], last["value"], high))
    if len(stopped) < max(1, STOPPED_SHARE * judged):
        return []
    at: datetime = max(newest for newest, *_ in stopped)
    going = _requests_go_on(case, max(at, case.window.start))
    what = {"logs": "log services", "r2": "services of the log archive", "apm": "metrics"}[kind]
    names = ", ".join(name for _, name, *_ in stopped[:5]) + (" …" if len(stopped) > 5 else "")
    oldest = max(stopped, key=lambda one: one[2])
    return [
        Finding(
            id=f"{RULE}/{kind}-stopped",
            rule=RULE,
            claim=f"Nothing new of {len(stopped)} of {judged} {what} that can be seen ({names})"
            + f" since {at:%d %b %H:%M} UTC"
            + (" while requests go on" if going else "")
            + f"; their newest entry is {oldest[2] / 60:.0f} min old, usually at most {oldest[3] / 60:.0f} min",
            severity=Severity.WARNING,
            at=at if at >= case.window.start else None,
            evidence=evidence,
            signals=(Signal(name="arrivals_stopped", strength=len(stopped) / judged),) if going else (),
            data={"stopped": [name for _, name, *_ in stopped][:40], "judged": judged},
        )
    ]


def _usual_lag(mine: pl.DataFrame, usual: pl.DataFrame, probe: str, newest: datetime) -> float | None:
    """Return how old the newest entry usually is at most (s): at this hour on earlier days, else before it stopped."""
    days = usual.filter(pl.col("probe") == probe).get_column("value_p95").drop_nulls()
    if days.len() >= 3:
        return _number(days.median())
    earlier = mine.filter(pl.col("state") == "ok", pl.col("minute") <= newest + timedelta(minutes=1))
    lags = earlier.get_column("value").drop_nulls()
    return _number(lags.quantile(0.95, "nearest")) if lags.len() >= SLOW_LOOKS else None


def _steady(
    case: Case, minutes: pl.DataFrame, usual: pl.DataFrame, share: float, evidence: tuple[str, ...]
) -> list[Finding]:
    own = minutes.filter(
        pl.col("probe").is_in([*_API, "frontend/page"]),
        pl.col("minute") >= case.window.start,
        pl.col("state").is_in(["ok", "failing"]),
    )
    failed = own.filter(pl.col("state") == "failing").height
    if share < STEADY_SHARE or not own.height or failed:
        return []
    normal = usual_of(usual, "api/health")
    return [
        Finding(
            id=f"{RULE}/steady",
            rule=RULE,
            claim=f"Our own probes were answered as they should be in all {own.height} looks of the window"
            f" ({share:.0%} of its minutes; {_words_of(normal)})",
            severity=Severity.INFO,
            evidence=evidence,
            signals=(Signal(name="probes_steady", strength=share),),
            data={"looks": own.height, "seen_share": share},
        )
    ]


def _gaps(case: Case, minutes: pl.DataFrame, spans: pl.DataFrame, evidence: tuple[str, ...]) -> list[Finding]:
    """Say when nobody looked, or a look reached nobody: unseen, whatever else the report says of that time."""
    looks = minutes.filter(pl.col("probe") == LOOK, pl.col("state") == "ok").get_column("minute").sort().to_list()
    rolled = spans.filter(pl.col("probe") == LOOK, pl.col("looks") > pl.col("unseen"))
    stops = [(start, start + timedelta(seconds=length)) for start, length in rolled.select("start", "length_s").rows()]
    stops += [(at, at + timedelta(minutes=1)) for at in looks]
    began = min((start for start, _ in stops), default=None)
    if began is None:
        return []
    edges = [(max(case.window.start, began),) * 2, *sorted(stops), (case.window.end, case.window.end)]
    gaps, covered = [], edges[0][1]
    for start, end in edges[1:]:
        if start - covered >= GAP_MIN and start > case.window.start:
            gaps.append((max(covered, case.window.start), start))
        covered = max(covered, end)
    if not gaps:
        return []
    told = ", ".join(f"{start:%H:%M}–{end:%H:%M}" for start, end in gaps[:4])
    return [
        Finding(
            id=f"{RULE}/gaps",
            rule=RULE,
            claim=f"Our own watch saw nothing at {told} UTC"
            + (f" and {len(gaps) - 4} more times" if len(gaps) > 4 else "")
            + ": nobody looked, or no host at all could be reached from here",
            severity=Severity.INFO,
            evidence=evidence,
            data={"gaps": [[start.isoformat(), end.isoformat()] for start, end in gaps[:60]]},
        )
    ]


def _last_run(states: Sequence[str]) -> list[int]:
    """Return the places of the last unbroken run of failures that is `REPEATED` long, else of the last of all."""
    runs: list[list[int]] = []
    for place, state in enumerate(states):
        if state != "failing":
            continue
        if runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return next((run for run in reversed(runs) if len(run) >= REPEATED), runs[-1])


def _others_failed(minutes: pl.DataFrame, probe: str, times: Sequence[datetime]) -> bool:
    """Whether another vantage point failed in the same looks: the edge's own count, or the platform's report."""
    if probe not in _API:
        return False
    others = minutes.filter(
        pl.col("probe").is_in(["edge/failing", "platform/report"]),
        pl.col("state") == "failing",
        pl.col("minute").is_in(list(times)),
    )
    return others.height > 0


def _inside(times: Sequence[datetime], case: Case) -> int:
    return sum(at >= case.window.start for at in times)


def _words_of(normal: Usual | None) -> str:
    if normal is None:
        return "too little history to say what is usual at this hour"
    failing = f"usually {normal.failing_share:.1%} fail at this hour"
    if normal.p50_ms is None or normal.p95_ms is None:
        return failing
    return f"{failing}, {normal.p50_ms:.0f} ms, P95 {normal.p95_ms:.0f} ms, over {normal.days} days"


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None
