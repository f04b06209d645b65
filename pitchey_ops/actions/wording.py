"""What is said to people: templates that hold the verdict's facts and nothing that was not found."""

from __future__ import annotations

from datetime import datetime

from .base import one_line
from .facts import Facts


def moment(at: datetime) -> str:
    """Return a time as people read it."""
    return f"{at:%d %b %H:%M} UTC"


def facts_lines(facts: Facts) -> list[str]:
    """Return what is known, a line each; unknown things are left out or called unknown."""
    lines = []
    if facts.summary:
        lines.append(one_line(facts.summary, 600))
    lines.append(f"Since: {moment(facts.onset)}" if facts.onset is not None else "Since: not known yet")
    impact = []
    if facts.failing_share is not None:
        impact.append(f"{facts.failing_share * 100:.3g} % of requests fail")
    if facts.users is not None:
        impact.append(f"{facts.users} users affected")
    if facts.services:
        impact.append("services: " + ", ".join(facts.services[:6]))
    lines.append("Impact: " + ("; ".join(impact) if impact else "not known yet"))
    if facts.cause and facts.state == "incident":
        lines.append(f"Most likely cause: {facts.cause.replace('_', ' ')} ({facts.confidence * 100:.0f} %)")
    return lines


def public_body(facts: Facts, status: str) -> str:
    """Return a text for the public page: what users see, no inner names."""
    share = facts.failing_share
    seen = "Some requests fail or take longer than usual."
    if share is not None and share >= 0.5:
        seen = "Most requests fail at the moment."
    since = f" It began at {facts.onset:%H:%M} UTC." if facts.onset is not None else ""
    return {
        "investigating": f"{seen}{since} We are investigating.",
        "identified": f"{seen}{since} The cause is known and we are working on it.",
        "monitoring": "A fix has been made. We are watching the results.",
        "resolved": "This incident is resolved. Everything works as before.",
    }[status]


PUBLIC_IMPACT = {"P1": "critical", "P2": "major", "P3": "minor", "P4": "none"}
"""Contract third-party G1."""
