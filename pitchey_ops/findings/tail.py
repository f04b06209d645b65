"""How do the Worker's invocations end at this moment, in its live tail?"""

from __future__ import annotations

import math

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from .case import Case

RULE = "tail"
SIGNALS = ("worker_exceptions", "worker_limits")
KINDS = {
    "worker_exceptions": (("exception",), "an uncaught exception"),
    "worker_limits": (("exceededCpu", "exceededMemory"), "exceeded CPU or memory limits"),
}
"""Signal -> the tail's outcomes that speak for it (contract third-party A5), in words."""
SHARE_MIN = 0.01
"""The share must be above this with 97.5 % certainty: a sound Worker loses a few in ten thousand."""
SHARE_FULL = 0.05
STRENGTH_MOST = 0.5
"""A hundred events of now, with nothing to compare them with, never speak as loudly as the analytics do."""


def tail(case: Case) -> RuleResult:
    """
    Look at the outcomes of up to a hundred invocations while the run was asking.

    The tail shows now and not the window: with nothing from before there is no "as before", so good outcomes
    are told and speak for nothing. `NotChecked` when it was not watched, and when it was empty: a quiet Worker
    and one that no request reaches look alike. If it was cut (sampled), shares still hold; if it was late, it
    shows another now; if it lied, the analytics (`workers`) stand beside it.
    """
    seen = case.one("cloudflare_api/tail")
    if seen is None:
        return NotChecked(rule=RULE, because=case.why_missing("cloudflare_api/tail"))
    watched = seen.value
    if not watched.events:
        return NotChecked(rule=RULE, because=f"no event came in {watched.watched_s:.0f} s of the live tail")
    found = []
    for signal, (outcomes, words) in KINDS.items():
        bad = sum(watched.outcomes.get(outcome, 0) for outcome in outcomes)
        certain = _at_least(bad, watched.events)
        if certain < SHARE_MIN:
            continue
        texts = [f"{text} ({n})" for text, n in watched.exceptions[:3]]
        found.append(
            Finding(
                id=f"{RULE}/{signal.replace('_', '-')}",
                rule=RULE,
                claim=f"{bad} of {watched.events} invocations in the live tail end with {words}"
                + (f": “{'; '.join(texts)[:300]}”" if texts else ""),
                severity=Severity.WARNING,
                at=seen.at,
                evidence=(seen.id,),
                signals=(Signal(name=signal, strength=STRENGTH_MOST * min(1.0, max(0.4, certain / SHARE_FULL))),),
                data={"share": bad / watched.events, "share_at_least": certain, "events": watched.events},
            )
        )
    if not found:
        canceled = watched.outcomes.get("canceled", 0)
        good = watched.outcomes.get("ok", 0)
        found.append(
            Finding(
                id=f"{RULE}/told",
                rule=RULE,
                claim=f"{good} of {watched.events} invocations in the live tail end without an exception"
                + (f", {watched.failed} of these answered with a 5xx" if watched.failed else "")
                + (f", {canceled} were given up by the client" if canceled else ""),
                severity=Severity.INFO,
                at=seen.at,
                evidence=(seen.id,),
                data={"events": watched.events},
            )
        )
    return found


def _at_least(bad: int, events: int) -> float:
    """Return the lower end of Wilson's 95 % interval (1927) for a share of *bad* in *events*."""
    z = 1.959964
    share = bad / events
    middle = share + z * z / (2 * events)
    spread = z * math.sqrt(share * (1 - share) / events + z * z / (4 * events * events))
    return max(0.0, (middle - spread) / (1 + z * z / events))
