"""The 97 steps of the written runbook, by their stable ids (``steps.yaml``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from .yaml_text import read_yaml

Kind = Literal["auto", "action", "person"]


TO_DO: Mapping[str, str] = {
    "investigate.health": "Look at the health of platform, infrastructure and main API, asked together",
    "initial.impact": "See whom it hurts: share of failing requests, users, routes and services, since when",
    "outage.cf-dashboard": "Open Cloudflare's dashboard: the Worker's metrics, the zone's events, the status page",
    "outage.under-attack": "Switch Under Attack mode on, if too many of the visitors are no people; keep the old level",
    "outage.error-patterns": "See what fails, by pattern, with first and last seen, and how invocations end",
    "outage.verify": "Check all: health, the frontend's headers, /api/pitches",
    "outage.watch": "Watch error rate, response time and traffic for 30 minutes: recovered, or not",
    "error-rate.breakdown": "See which services and routes fail, and with what share",
    "error-rate.top-errors": "Read the errors that lead by pattern: whose secret is refused, by what, since when",
    "error-rate.auth-verify": "Send a bad token to the verify endpoint and see whether it is refused",
    "error-rate.third-party": "See which external provider fails, and its status page",
    "performance.summary": "See which response times are over the 2 s P95 line, since when",
    "performance.slow-endpoints": "See which routes are slow, how slow, and since when",
    "performance.kv-r2": "See whether KV and R2 answer, how fast, with which errors",
    "performance.worker": "See which limit the workers reach: CPU time, memory, requests",
    "performance.cache": "See since when the cache answers less, and for what",
    "security.events": "See how many security events there are, against the day",
    "security.block-ips": "Look through the proposed block list and block the accused addresses, each with an end",
    "security.tighten": "Tighten the rate limit of the attacked path, or challenge there",
    "security.monitor": "Look at the events every 30 s until they subside",
    "database.connectivity": "See whether the database can be reached: our probe, the platform's, the server itself",
    "database.leaks": "See who holds connections and for how long: idle in transaction, by application",
    "database.slow-queries": "See which statements are slow, and who waits for whom: locks, blocking chains, indexes",
    "frontend.errors": "Read the browsers' errors by pattern, release and browser",
    "frontend.vitals": "See which pages and devices are slow or jumpy: LCP, CLS, FID/INP against the thresholds",
    "frontend.hotfix": "Roll the Pages deployment back, or ship a hotfix",
    "monitoring.workers": "See whether monitoring, logs and apm answer, and what is fresh",
    "monitoring.test-alert": "Send a test alert and see whether it arrives",
    "monitoring.redeploy": "Redeploy the monitoring worker that stopped",
    "monitoring.end-to-end": "Send a marked entry and a metric, and read both back: does data flow?",
    "post.verify": "Run the full health check, and again for 30 to 60 minutes",
}
"""Steps that a verdict may name as the next one, as what is to be done: there they are named for what they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: ``auto`` runs headless, ``action`` is planned, ``person`` is prepared."""

    id: str
    kind: Kind
    what: str
    notebook: str | None
    traps: tuple[int, ...] = ()

    @property
    def to_do(self) -> str:
        """What somebody does who takes this step next, as a sentence without its full stop."""
        return TO_DO.get(self.id) or f"{self.what[:1].upper()}{self.what[1:]}"


@cache
def steps() -> dict[str, Step]:
    """Return every step by its id, in the order of the written runbook."""
    text = files("pitchey_ops").joinpath("steps.yaml").read_text(encoding="utf-8")
    found: dict[str, Step] = {}
    for section in read_yaml(text)["sections"]:
        for row in section["steps"]:
            found[row["id"]] = Step(
                id=row["id"],
                kind=row["kind"],
                what=row["what"],
                notebook=section["notebook"],
                traps=tuple(row.get("trap", ())),
            )
    return found


def steps_of(notebook: str) -> tuple[Step, ...]:
    """Return the steps that *notebook* serves, in order."""
    return tuple(step for step in steps().values() if step.notebook == notebook)
