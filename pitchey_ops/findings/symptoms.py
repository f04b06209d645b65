"""Since when: the onset of every symptom."""

from __future__ import annotations

from ..models.finding import Finding, NotChecked, RuleResult, Severity
from .case import Case

RULE = "symptoms"


def symptoms(case: Case) -> RuleResult:
    """
    Report each symptom's onset with its uncertainty, earliest first.

    `NotChecked` when there is nothing in time to look at. An onset tells when something changed, not
    what is wrong, so it gives no signal by itself.
    """
    frames = case.frames
    if all(f.is_empty() for f in (frames.logs, frames.edge, frames.workers, frames.metrics, frames.spans)):
        return NotChecked(rule=RULE, because="no logs, metrics or counts of requests were seen")
    return [
        Finding(
            id=f"{RULE}/{number + 1}",
            rule=RULE,
            claim=f"{onset.symptom} changed at {onset.at:%H:%M:%S} UTC, give or take {onset.uncertainty_s:.0f} s",
            severity=Severity.INFO,
            at=onset.at,
            evidence=tuple(onset.evidence),
            data={"uncertainty_s": onset.uncertainty_s, "symptom": onset.symptom},
        )
        for number, onset in enumerate(case.onsets[:12])
    ]
