"""Where do the vantage points contradict one another?"""

from __future__ import annotations

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from ._requests import logged, requests, spans
from .case import Case

RULE = "contradictions"
SIGNALS = ("platform_contradicted",)
GAP = 0.1
"""Failing shares of two vantage points this far apart contradict each other."""


def contradictions(case: Case) -> RuleResult:
    """
    Hold what the platform reports of itself against what the edge and the logs counted.

    Speaks only of pairs that were both seen; `NotChecked` when there is no independent figure. A calm
    report is never evidence of calm here: it is what a lying source looks like.
    """
    seen = requests(case)
    if seen is None:
        return NotChecked(
            rule=RULE, because="no independent count of requests: " + case.why_missing("cloudflare_api/traffic")
        )
    _, _, start, end = spans(case)
    n, bad = seen.total(start, end)
    share = bad / n if n else 0.0
    found: list[Finding] = []
    if share >= case.settings.thresholds.error_share:
        found += _calm_reports(case, share, seen.evidence, seen.vantage)
    if seen.vantage == "edge" and n:
        logs = logged(case)
        if logs is not None:
            m, bad_logged = logs.total(start, end)
            other = bad_logged / m if m else None
            if other is not None and abs(other - share) >= GAP and m >= 50:
                found.append(
                    Finding(
                        id=f"{RULE}/edge-logs",
                        rule=RULE,
                        claim=f"The edge counts {share:.0%} failing requests, the logs that can be seen {other:.0%}",
                        severity=Severity.INFO,
                        evidence=tuple(sorted({*seen.evidence, *logs.evidence})),
                        data={"edge_share": share, "logs_share": other},
                    )
                )
    return found


def _calm_reports(case: Case, share: float, evidence: tuple[str, ...], vantage: str) -> list[Finding]:
    calm = []
    platform = case.one("monitoring/health")
    if platform is not None and platform.value.state == "healthy":
        calm.append(("monitoring reports healthy", platform.id, 1.0))
    own = case.one("api/health")
    if own is not None and own.value.failing_share == 0:
        words = {word.lower() for word in own.value.reported.values()}
        if words and words <= {"healthy", "ok", "operational", "connected"}:
            calm.append(("/api/health reports healthy", own.id, 0.3 if own.value.constant else 0.7))
    summary = case.one("apm/summary")
    if summary is not None and (summary.value.error_rate_current or 0.0) < 0.01:
        calm.append(("the APM summary shows no errors", summary.id, 0.5))
    where = "at the edge" if vantage == "edge" else "in the logs"
    return [
        Finding(
            id=f"{RULE}/{id_.replace('/', '-')}",
            rule=RULE,
            claim=f"{words[0].upper()}{words[1:]}, while {share:.0%} of requests fail {where}",
            severity=Severity.INFO,
            evidence=tuple(sorted({id_, *evidence})),
            signals=(Signal(name="platform_contradicted", strength=strength),),
        )
        for words, id_, strength in calm
    ]
