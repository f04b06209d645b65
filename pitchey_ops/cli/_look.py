"""What a look of the command line is: asked at once, judged by the runbooks' own rules, kept by nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ..findings.case import Case
    from ..models.exchange import Exchange, Question
    from ..models.finding import Finding
    from ..models.observation import AnyObservation
    from ..models.window import Window
    from ..settings import Settings
    from ..sources._http import LiveChannel

SCHEMA = "pitchey-look/1"
WHOLE = 0.995
"""Share of the window from which it was seen as a whole."""

Outcome = Literal["fine", "bad", "unknown"]
CODES: Mapping[Outcome, int] = {"fine": 0, "bad": 3, "unknown": 1}
"""Exit codes: 0 fine, 3 bad news, 1 could not tell (or failed); 2 is wrong use."""

Cell = str | int | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """
    One table.

    Attributes
    ----------
    name
        Key in the JSON.
    columns
        (key, heading, format): format is ``text``, ``count``, ``share``, ``ms``, ``status`` or ``number``.
    rows
        JSON values by column key; keys without a column are in the JSON only.
    empty
        What stands in place of no rows.
    """

    name: str
    title: str
    columns: tuple[tuple[str, str, str], ...]
    rows: Sequence[Mapping[str, Any]] = ()
    empty: str = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """
    One answer of ``health``, ``errors`` or ``performance``.

    Attributes
    ----------
    state
        The conclusion in one word of the command's own; ``healthy`` only where everything needed was seen.
    outcome
        Gives the exit code.
    summary
        One sentence.
    notes
        What limits the answer.
    facts
        Further JSON values.
    """

    command: str
    state: str
    outcome: Outcome
    summary: str
    environment: str
    asked_at: datetime
    took_s: float
    window: Window
    sections: tuple[Section, ...] = ()
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def code(self) -> int:
        """The exit code."""
        return CODES[self.outcome]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; every section's rows under its name."""
        return {
            "schema": SCHEMA,
            "command": self.command,
            "state": self.state,
            "exit_code": self.code,
            "summary": self.summary,
            "environment": self.environment,
            "asked_at": self.asked_at.isoformat(),
            "took_s": round(self.took_s, 3),
            "window": {"start": self.window.start.isoformat(), "end": self.window.end.isoformat()},
            **dict(self.facts),
            **{section.name: [dict(row) for row in section.rows] for section in self.sections},
            "notes": list(self.notes),
        }


class Unrecorded:
    """A look is no run of an incident: its answers are shared with runs, and recorded by none."""

    def exchange(self, exchange: Exchange) -> None:
        """Keep nothing."""


class LeavesAlone:
    """A channel that takes reads which change what is seen from other runs' answers, and never asks them itself."""

    def __init__(self, channel: LiveChannel, sources: Iterable[str]) -> None:
        self._channel = channel
        self._sources = frozenset(sources)

    async def ask(self, question: Question) -> Exchange:
        """Ask, or take what another run was answered within the minimum interval."""
        if question.minimum_interval and question.source in self._sources:
            return await self._channel.kept(question)
        return await self._channel.ask(question)


def ask(
    settings: Settings,
    window: Window,
    names: Iterable[str],
    *,
    started: datetime,
    budget_s: float,
    leave_alone: Iterable[str] = (),
) -> Case:
    """
    Ask the probes *names* of the catalogue and return a case of what came back.

    Parameters
    ----------
    budget_s
        Total time; 60 % of it is for asking (design, section 3).
    leave_alone
        Sources whose reads with a minimum interval are only taken from what other runs were answered.
    """
    from ..findings.case import Case
    from ..runbooks.asking import ask_probes, gathered
    from ..runbooks.channels import live_channel, run_async
    from ..sources.catalogue import PROBES

    wanted = set(names)
    probes = [probe for probe in PROBES.values() if probe.name in wanted]
    assert len(probes) == len(wanted), sorted(wanted - {probe.name for probe in probes})
    channel = live_channel(settings, Unrecorded(), started=started, budget_s=budget_s)

    async def body() -> dict[str, AnyObservation]:
        try:
            return await ask_probes(LeavesAlone(channel, leave_alone), settings, window, probes)
        finally:
            await channel.close()

    asked = gathered(run_async(body), window)
    return Case(window=window, now=asked.now, frames=asked.frames, observations=asked.observations, settings=settings)


def apply(case: Case, names: Iterable[str]) -> tuple[dict[str, list[Finding]], dict[str, str]]:
    """Return the findings of the rules *names*, and why the others could not look; a rule that raises could not."""
    from ..findings.catalogue import RULES
    from ..models.finding import NotChecked

    found: dict[str, list[Finding]] = {}
    unable: dict[str, str] = {}
    for name in names:
        if name not in RULES:
            continue
        try:
            result = RULES[name].check(case)
        except Exception as exc:
            unable[name] = f"the rule itself failed ({type(exc).__name__})"
            continue
        if isinstance(result, NotChecked):
            unable[name] = result.because
        else:
            found[name] = result
    return found, unable


def serious(findings: Mapping[str, Sequence[Finding]]) -> list[Finding]:
    """Return the findings that need a person, most severe first."""
    from ..models.finding import Severity

    every = [finding for group in findings.values() for finding in group if finding.severity >= Severity.WARNING]
    return sorted(every, key=lambda finding: (-finding.severity, finding.id))


def word(observation: AnyObservation) -> str:
    """
    Return how an observation went, as people read it.

    ``seen``, ``no data`` (looked, there was nothing), ``blind`` (an answer that cannot see), ``constant`` (says the
    same whatever happens), ``unavailable``, ``not asked`` or ``not configured``.
    """
    from ..models.observation import Unavailable

    if isinstance(observation, Unavailable):
        return "not asked" if observation.reason == "not_asked" else observation.status.replace("_", " ")
    if observation.status == "observed" and observation.coverage.constant:
        return "constant"
    return "seen" if observation.status == "observed" else observation.status.replace("_", " ")


def sight(case: Case) -> Section:
    """
    Return what showed nothing, or not all of the window, a row for each kind of question and status, with why.

    Services of the log whose whole window the archive showed stand in rows of their own: they were seen after all.
    """
    from ..models.observation import Observed

    archived = {
        key.split("/", 2)[2]
        for key, seen in case.observations.items()
        if key.startswith("r2/archive/") and isinstance(seen, Observed) and (seen.coverage.share or 0.0) >= WHOLE
    }
    groups: dict[tuple[str, str, bool], list[AnyObservation]] = {}
    for key, observation in sorted(case.observations.items()):
        share = _share(observation)
        status = word(observation)
        if status == "seen":
            if share is None or share >= WHOLE:
                continue
            status = "in part"
        what, which = key.rsplit("/", 1)
        healed = what == "logs/service" and status != "no data" and which in archived
        groups.setdefault((what, status, healed), []).append(observation)
    rows = []
    for (what, status, healed), members in groups.items():
        keys = [member.id.rsplit("/", 1)[1] for member in members]
        shares = [share for share in map(_share, members) if share is not None]
        because = "nothing was written in the window" if status == "no data" else _short(members[0].detail)
        rows.append(
            {
                "what": what,
                "which": ", ".join(keys[:4]) + (f" and {len(keys) - 4} more" if len(keys) > 4 else ""),
                "keys": keys,
                "status": status,
                "seen_share": sum(shares) / len(shares) if shares else None,
                "seen_otherwise": "the archive" if healed else None,
                "because": because,
            }
        )
    return Section(
        name="not_seen",
        title="What could not be seen, or not all of it",
        columns=(
            ("what", "asked", "text"),
            ("which", "which", "text"),
            ("status", "status", "status"),
            ("seen_share", "of the window", "share"),
            ("seen_otherwise", "seen in", "text"),
            ("because", "because (the first)", "text"),
        ),
        rows=rows,
        empty="everything that was asked for was seen",
    )


def _share(observation: AnyObservation) -> float | None:
    from ..models.observation import Observed

    return observation.coverage.share if isinstance(observation, Observed) else None


def _short(detail: str) -> str:
    return " ".join(detail[:400].split())[:160]


def nobody_answered(case: Case) -> bool:
    """Whether not one remote system gave any answer: then silence says nothing about the platform."""
    from ..models.observation import Unavailable

    return not any(
        not isinstance(seen, Unavailable) or seen.http_status is not None for seen in case.observations.values()
    )


def ready() -> None:
    """Load what asking and judging need, so that a look's few seconds are spent on looking."""
    for name in ("findings.catalogue", "runbooks.asking", "sources.catalogue"):
        import_module(f"pitchey_ops.{name}")


def now() -> datetime:
    """Return the present moment, UTC."""
    return datetime.now(UTC)
