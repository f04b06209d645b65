"""
Every runbook: which rules it applies, what it needs before it may say "healthy".

A new runbook is a notebook and an entry here; `STEP_RULES` says which rules a step of the written runbook
stands on, so that a step whose rule could not look is never called done.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..settings import home

CORE_RULES = (
    "onset",
    "users",
    "probes",
    "deployments",
    "patterns",
    "kinds",
    "workers",
    "traffic",
    "cloudflare-status",
    "issues",
    "flow",
    "contradictions",
    "suspects",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """
    A group of sources of which any one must have been seen before a run may say "healthy".

    ``any_of`` holds prefixes of observation ids; one counts as seen when it holds an answer that can
    see at least *share* of the window (or whose coverage has no share).
    """

    words: str
    any_of: tuple[str, ...]
    share: float = 0.5


USERS_VIEW = Need(
    words="what users get", any_of=("cloudflare_api/traffic", "r2/archive", "history", "case/logs", "logs/service")
)
OUTSIDE = Need(words="the API from outside", any_of=("api/health", "api/pitches", "case/logs"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    """One runbook. ``version`` changes when its notebook's questions or rules do."""

    id: str
    title: str
    question: str
    rules: tuple[str, ...]
    needs: tuple[Need, ...]
    version: str = "1"

    @property
    def notebook(self) -> Path:
        """Where its notebook lies."""
        return home() / "notebooks" / f"{self.id}.ipynb"

    @property
    def parameters_file(self) -> Path:
        """Where its commented parameters lie, for ``papermill -f``."""
        return home() / "parameters" / f"{self.id}.yaml"


RUNBOOKS: dict[str, Runbook] = {
    runbook.id: runbook
    for runbook in (
        Runbook(
            id="triage",
            title="Triage",
            question="What is wrong, how bad is it, and which runbook is next?",
            rules=CORE_RULES,
            needs=(USERS_VIEW, OUTSIDE),
        ),
        Runbook(
            id="outage",
            title="Platform outage",
            question="Is the platform down, since when, and what took it down?",
            rules=(*CORE_RULES, "tail"),
            needs=(USERS_VIEW, OUTSIDE),
        ),
        Runbook(
            id="error_rate",
            title="High error rate",
            question="What fails, where does it come from, and what changed?",
            rules=CORE_RULES,
            needs=(USERS_VIEW,),
        ),
    )
}

STEP_RULES: dict[str, tuple[str, ...]] = {
    "initial.recent-changes": ("deployments",),
    "initial.impact": ("users",),
    "initial.severity": ("users",),
    "initial.sentry": ("issues",),
    "investigate.health": ("probes",),
    "investigate.error-logs": ("patterns",),
    "investigate.search": ("patterns",),
    "investigate.apm-summary": ("contradictions",),
    "investigate.response-time": ("onset",),
    "outage.cloudflare-status": ("cloudflare-status",),
    "outage.main-worker": ("probes",),
    "outage.db-connectivity": ("probes",),
    "outage.deployments": ("deployments",),
    "outage.tail": ("tail",),
    "outage.error-patterns": ("patterns", "kinds"),
    "outage.verify": ("probes",),
    "outage.watch": ("users",),
    "error-rate.breakdown": ("users",),
    "error-rate.top-errors": ("patterns",),
    "error-rate.auth-service": ("patterns",),
    "error-rate.pitch-service": ("patterns",),
    "error-rate.response-time": ("onset",),
    "error-rate.jwt": ("kinds",),
    "error-rate.auth-verify": ("probes",),
    "error-rate.database": ("kinds",),
    "error-rate.third-party": ("kinds",),
    "error-rate.circuit-breaker": ("patterns",),
}
"""Rules that a step stands on; a step is ``not_checked`` when one of them could not look."""


def runbook(name: str) -> Runbook:
    """
    Return the runbook *name*.

    Raises
    ------
    UsageError
        There is none; the message lists those there are.
    """
    found = RUNBOOKS.get(name)
    if found is None:
        raise UsageError(f"no runbook {name[:60]!r}; there are {', '.join(RUNBOOKS)}. Nothing was run.")
    return found
