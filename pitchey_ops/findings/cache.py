"""Do cache (KV) and object storage (R2) answer, and does the cache still hit?"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from ._requests import spans, z_score
from .case import Case, observation_ids
from .users import served_as_before

RULE = "cache"
SIGNALS = ("cache_hit_drop", "cache_errors", "storage_errors")
HIT = r"(?i)\bcache[ _:-]?hit\b"
MISS = r"(?i)\bcache[ _:-]?miss\b"
LOOKUPS_MIN = 30
DROP = 0.15
Z_CLEAR = 4.0
BACK_MIN = timedelta(minutes=5)
"""How long a cache hits as before, at the least, until a drop is over; and as long as the drop itself took."""
BAD_MISSES = 3
"""Misses within a minute from which that minute tells a drop."""
ENDED = 0.3
"""What a drop that is over still weighs."""
AMBIGUOUS = 0.35
"""A 500 of the infra service is a failing store, or two readers in one second: weak by itself (trap 15)."""
STORES = {
    "infra/kv": ("cache_errors", "KV", AMBIGUOUS),
    "infra/r2": ("storage_errors", "R2", AMBIGUOUS + 0.1),
}
CHECKS = {"Cache Health": ("cache_errors", "KV"), "Storage Health": ("storage_errors", "R2")}


def cache(case: Case) -> RuleResult:
    """
    Compare the hit rate that the services log with before, and report stores that fail our looks at them.

    Never looked at: KV's ``availability`` and its hit figures, which are of the service's own probe key (trap
    16), constants (trap 14), and running means, which could only be compared with earlier readings. A service
    that lied "cache hit" would hide a drop, or say that one is over (so it is only while users are seen to be
    served); empty, late or cut logs only shorten what is compared, and show no cache to be full again. `NotChecked`
    when neither lookups were logged nor a store was looked at.
    """
    found = [*_hits(case), *_stores(case), *_checks(case)]
    looked = any(case.one(prefix) is not None for prefix in ("infra/kv", "infra/r2", "infra/health"))
    if not found and not looked:
        return NotChecked(rule=RULE, because="no cache lookups were logged; " + case.why_missing("infra/kv"))
    return found


def lookups(case: Case) -> pl.DataFrame:
    """Return cache lookups that services logged: ``at``, ``hits``, ``misses`` (0 or 1), ``observation``."""
    text = pl.col("message").str.slice(0, 400)
    hit, miss = (text.str.contains(pattern).fill_null(value=False) for pattern in (HIT, MISS))
    return case.frames.logs.filter(hit | miss).select(
        "at", hit.cast(pl.Float64).alias("hits"), (miss & ~hit).cast(pl.Float64).alias("misses"), "observation"
    )


def _hits(case: Case) -> list[Finding]:
    if case.frames.logs.is_empty():
        return []
    table = lookups(case)
    before_start, before_end, after_start, after_end = spans(case)
    sides = [
        table.filter(pl.col("at").is_between(start, end, closed="left"))
        for start, end in ((before_start, before_end), (after_start, after_end))
    ]
    n = [float(side.height) for side in sides]
    missed = [float(side.get_column("misses").sum()) for side in sides]
    if min(n) < 10 or sum(n) < LOOKUPS_MIN:
        return []
    rate_0, rate_1 = (1 - missed[at] / n[at] for at in (0, 1))
    dropped = rate_0 - rate_1 >= DROP and z_score(missed[1], n[1], missed[0], n[0]) >= Z_CLEAR
    over = dropped and _is_back(case, sides[1], rate_0) and served_as_before(case)
    strength = min(1.0, 0.5 + rate_0 - rate_1) * (ENDED if over else 1.0)
    return [
        Finding(
            id=f"{RULE}/hit-rate",
            rule=RULE,
            claim=f"{rate_1:.0%} of logged cache lookups hit since {after_start:%H:%M} UTC, {rate_0:.0%} before"
            + ("; by now as many as before, and users are served" if over else ""),
            severity=Severity.WARNING if dropped and not over else Severity.INFO,
            at=after_start if dropped else None,
            evidence=observation_ids(table.filter(pl.col("at") >= after_start)),
            signals=(Signal(name="cache_hit_drop", strength=strength),) if dropped else (),
            data={"hit_rate": rate_1, "hit_rate_before": rate_0, "lookups": int(n[1])},
        )
    ]


def _is_back(case: Case, after: pl.DataFrame, rate_0: float) -> bool:
    """
    Whether a cache that was emptied is full again: it hits as before for longer than it did not.

    A cache that fails by turns is seen failing in between; one of which no lookups came in lately is not seen at all.
    """
    minutes = (
        after.group_by(pl.col("at").dt.truncate("1m").alias("minute"))
        .agg(pl.col("hits").sum(), pl.col("misses").sum())
        .with_columns(rate=pl.col("hits") / (pl.col("hits") + pl.col("misses")))
        .sort("minute")
    )
    bad = minutes.filter((pl.col("rate") < rate_0 - DROP) & (pl.col("misses") >= BAD_MISSES)).get_column("minute")
    if bad.is_empty():
        return False  # too few at a time to tell when it was
    until = bad[-1] + timedelta(minutes=1)
    since = after.filter(pl.col("at") >= until)
    if case.now - until < max(BACK_MIN, until - bad[0]) or since.height < 10:
        return False
    return float(since.get_column("hits").sum()) / since.height >= rate_0 - DROP / 2


def _stores(case: Case) -> list[Finding]:
    found = []
    everything = all(next(case.missing(prefix), None) is not None for prefix in (*STORES, "infra/health"))
    for prefix, (signal, name, strength) in STORES.items():
        failed = next((o for o in case.missing(prefix) if o.reason == "failed"), None)
        if failed is None:
            continue
        found.append(
            Finding(
                id=f"{RULE}/{name.lower()}",
                rule=RULE,
                claim=f"The infra service fails when it touches {name} (status {failed.http_status or 'unknown'})"
                + ("; it fails for everything, so this may be the service itself" if everything else ""),
                severity=Severity.WARNING,
                at=failed.at,
                evidence=(failed.id,),
                signals=(Signal(name=signal, strength=strength / 2 if everything else strength),),
            )
        )
    archive = next((o for o in case.missing("r2") if o.reason in ("failed", "timeout")), None)
    if archive is not None and case.one("r2") is None:
        found.append(
            Finding(
                id=f"{RULE}/archive",
                rule=RULE,
                claim="The log archive, which lies in R2, could not be read",
                severity=Severity.WARNING,
                at=archive.at,
                evidence=(archive.id,),
                signals=(Signal(name="storage_errors", strength=AMBIGUOUS),),
            )
        )
    return found


def _checks(case: Case) -> list[Finding]:
    report = case.one("monitoring/health")
    if report is None:
        return []
    found = []
    for name, (signal, store) in CHECKS.items():
        check = report.value.check(name)
        if check is None or check.state != "down":
            continue
        found.append(
            Finding(
                id=f"{RULE}/{store.lower()}-check",
                rule=RULE,
                claim=f"The monitoring service itself could not use {store}",
                severity=Severity.WARNING,
                at=report.at,
                evidence=(report.id,),
                signals=(Signal(name=signal, strength=0.5),),
            )
        )
    return found
