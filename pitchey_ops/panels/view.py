"""What a panel may look at: one finished investigation, read only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from ..findings.case import Case
from ..models.finding import Finding, NotChecked
from ..models.report import HypothesisScore, SourceSeen, Suspect, Verdict
from ..settings import Settings
from .style import Marks


class Analysed(Protocol):
    """The part of `runbooks.analyse.Analysis` that panels read."""

    @property
    def findings(self) -> tuple[Finding, ...]: ...
    @property
    def not_checked(self) -> tuple[NotChecked, ...]: ...
    @property
    def scores(self) -> tuple[HypothesisScore, ...]: ...
    @property
    def verdict(self) -> Verdict: ...
    @property
    def suspects(self) -> tuple[Suspect, ...]: ...
    @property
    def sources(self) -> tuple[SourceSeen, ...]: ...
    @property
    def unmet(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, kw_only=True)
class View:
    """One investigation as panels see it."""

    context: Any
    runbook: Any
    settings: Settings
    case: Case
    analysis: Analysed
    parameters: Mapping[str, Any]

    @cached_property
    def marks(self) -> Marks:
        """What every time axis marks: window, onset, deployments, alerts."""
        verdict = self.analysis.verdict
        main = self.settings.worker_script
        near = self.case.frames.deployments
        rows = [r for r in near.iter_rows(named=True) if self.case.window.start <= r["at"] <= self.case.window.end]
        return Marks(
            window=self.case.window,
            onset=verdict.onset,
            onset_uncertainty_s=verdict.onset_uncertainty_s,
            deployments=tuple(
                (row["at"], f"{row['script']} {str(row['version'] or '')[:8]}")
                for row in sorted(rows, key=lambda r: (r["script"] != main, r["at"]))[:4]
            ),
            alerts=tuple(alert.at for alert in self.context.alerts),
        )

    def rule(self, name: str) -> list[Finding]:
        """Return the findings of the rule *name*."""
        return [finding for finding in self.analysis.findings if finding.rule == name]

    def why_not(self, name: str) -> str:
        """Return why the rule *name* could not look, or an empty text when it could."""
        return next((item.because for item in self.analysis.not_checked if item.rule == name), "")

    def source(self, name: str) -> SourceSeen | None:
        """Return what one source could tell."""
        return next((source for source in self.analysis.sources if source.name == name), None)

    def why_unseen(self, *names: str) -> str:
        """Return why the sources *names* told nothing, for a panel without a picture."""
        words = []
        for name in names:
            seen = self.source(name)
            words.append(
                f"{name}: not asked" if seen is None else f"{name}: {seen.detail or seen.status.replace('_', ' ')}"
            )
        return "; ".join(words)
