"""Does Cloudflare itself report an incident on what the platform uses?"""

from __future__ import annotations

from datetime import timedelta

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from .case import Case

RULE = "cloudflare-status"
SIGNALS = ("cloudflare_incident_open", "cloudflare_operational")


NOT_OURS = (
    "zero trust", "warp", "access", "gateway", "tunnel", "magic", "registrar", "stream", "images", "email", "spectrum",
    "area 1", "api shield", "billing", "support", "community", "learning", "turnstile", "browser isolation", "casb",
)  # fmt: skip
"""Words of products that the platform does not use, though another word of their names sounds as if."""
TOOLS = ("dashboard", "api")
"""What we work with: their trouble slows our hands and hurts no user."""


def _matters(names: tuple[str, ...]) -> float:
    """Return how much trouble of these components says about users: 1; our tools alone 0.2; nothing of ours 0."""
    ours = [name.lower() for name in names if not any(word in name.lower() for word in NOT_OURS)]
    if not ours:
        return 0.0
    return 0.2 if all(name.strip() in TOOLS for name in ours) else 1.0


def cloudflare_status(case: Case) -> RuleResult:
    """
    Report Cloudflare's open incidents and impaired components among those that the platform uses.

    Every data centre is a component there, so the overall indicator is nearly always "minor" and is not
    looked at. The page is written by people and lags behind: "operational" is weak evidence in the first
    minutes and never an all-clear. `NotChecked` when the page was not read.
    """
    seen = case.one("cloudflare_status")
    if seen is None:
        return NotChecked(rule=RULE, because=case.why_missing("cloudflare_status/summary"))
    status = seen.value
    found = []
    for number, incident in enumerate(i for i in status.incidents if i.relevant):
        if incident.status in ("resolved", "postmortem"):
            continue
        late = (
            case.onset is not None
            and incident.started_at is not None
            and incident.started_at > case.onset.at + timedelta(hours=1)
        )
        old = (
            case.onset is not None
            and incident.started_at is not None
            and incident.started_at < case.onset.at - timedelta(hours=6)
        )
        matters = _matters(incident.components or (incident.name,))
        if matters <= 0:
            continue
        strength = matters * {"critical": 1.0, "major": 1.0, "minor": 0.7}.get(incident.impact, 0.4)
        found.append(
            Finding(
                id=f"{RULE}/incident-{number + 1}",
                rule=RULE,
                claim=f"Cloudflare reports “{incident.name}” ({incident.impact}, {incident.status})",
                severity=Severity.CRITICAL if strength >= 1 else Severity.WARNING if matters >= 1 else Severity.INFO,
                at=incident.started_at,
                evidence=(seen.id,),
                signals=(Signal(name="cloudflare_incident_open", strength=strength * (0.3 if late or old else 1)),),
                data={"components": list(incident.components), "impact": incident.impact},
            )
        )
    impaired = tuple(name for name in status.impaired if _matters((name,)) >= 1)
    if impaired and not found:
        found.append(
            Finding(
                id=f"{RULE}/impaired",
                rule=RULE,
                claim=f"Cloudflare lists as impaired: “{', '.join(impaired[:6])}”",
                severity=Severity.WARNING,
                evidence=(seen.id,),
                signals=(Signal(name="cloudflare_incident_open", strength=0.7),),
            )
        )
    if not found:
        found.append(
            Finding(
                id=f"{RULE}/operational",
                rule=RULE,
                claim="Cloudflare reports everything that the platform uses as operational",
                severity=Severity.INFO,
                evidence=(seen.id,),
                signals=(Signal(name="cloudflare_operational", strength=0.7),),
            )
        )
    return found
