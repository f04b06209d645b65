"""How do the Worker's invocations end?"""

from __future__ import annotations

import polars as pl

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from ._requests import spans, z_score
from .case import Case, observation_ids

RULE = "workers"
SIGNALS = ("worker_exceptions", "worker_limits", "worker_outcomes_normal", "edge_network_page")
KINDS = {
    "scriptThrewException": ("worker_exceptions", "uncaught exceptions"),
    "exceededResources": ("worker_limits", "exceeded CPU or memory limits"),
    "internalError": ("edge_network_page", "an internal error of Cloudflare's runtime"),
}
EXCESS_MIN = 0.003
Z_CLEAR = 4.0
CERTAIN = 0.75
"""Strength of a rise that is no chance, however small: a sound Worker hardly ever ends so."""


def workers(case: Case) -> RuleResult:
    """
    Compare the share of invocations that end badly after the onset with before, by kind.

    A Worker that answers 500 by itself counts as ``success`` here (contract third-party, trap 11), so a
    normal result is no all-clear: it only speaks against exceptions and limits. `NotChecked` without
    Cloudflare's analytics; their last two minutes, which come late, are left out.
    """
    main = case.settings.worker_script
    frame = case.frames.workers.filter(pl.col("script") == main)
    if frame.is_empty():
        return NotChecked(rule=RULE, because=case.why_missing("cloudflare_api/workers"))
    before_start, before_end, after_start, after_end = spans(case)
    before = frame.filter(pl.col("at").is_between(before_start, before_end, closed="left"))
    after = frame.filter(pl.col("at").is_between(after_start, after_end, closed="left"))
    n_0, n_1 = (float(f.get_column("requests").sum()) for f in (before, after))
    if n_1 <= 0:
        return NotChecked(rule=RULE, because="no invocations were seen after the onset")
    evidence = observation_ids(frame)
    found = []
    for status, (signal, words) in KINDS.items():
        bad_0, bad_1 = (
            float(f.filter(pl.col("status") == status).get_column("requests").sum()) for f in (before, after)
        )
        excess = bad_1 / n_1 - (bad_0 / n_0 if n_0 else 0.0)
        if excess < EXCESS_MIN or z_score(bad_1, n_1, bad_0, n_0) < Z_CLEAR:
            continue
        found.append(
            Finding(
                id=f"{RULE}/{signal.replace('_', '-')}",
                rule=RULE,
                claim=f"{bad_1 / n_1:.1%} of the invocations of {main} end with {words}"
                f" ({bad_0 / n_0 if n_0 else 0:.1%} before)",
                severity=Severity.CRITICAL if excess >= case.settings.thresholds.error_share else Severity.WARNING,
                at=after_start,
                evidence=evidence,
                signals=(Signal(name=signal, strength=min(1.0, CERTAIN + (1 - CERTAIN) * excess / 0.05)),),
                data={"share_after": bad_1 / n_1, "share_before": bad_0 / n_0 if n_0 else None},
            )
        )
    if not found:
        found.append(
            Finding(
                id=f"{RULE}/normal",
                rule=RULE,
                claim=f"The invocations of {main} end as before ({n_1:,.0f} since {after_start:%H:%M} UTC)",
                severity=Severity.INFO,
                evidence=evidence,
                signals=(Signal(name="worker_outcomes_normal"),),
            )
        )
    return found
