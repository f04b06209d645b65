"""
The bench of a session's kernel: host of its runs, desk of its live panels.

Each `investigate` in a session is a run of its own, built in the archive's staging and archived when the session ends.
What is asked again afterwards is recorded in the same run, under keys of its own (``again/1/...``), so that
the run's own questions stay as they were and replay.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any

from ..errors import RunError, UsageError
from ..evidence import ids
from ..evidence.recorder import Recorder
from ..models.exchange import Exchange
from ..models.observation import AnyObservation, Observed
from ..models.window import Window
from ..panels.base import Panel
from ..panels.live.actions import ActionCard, Doer
from ..panels.live.answering import Answering
from ..panels.live.bar import Bar
from ..panels.live.desk import Ask, Told
from ..panels.live.entries import Entries
from ..panels.live.handin import HandIn
from ..panels.live.narrow import narrow
from ..panels.live.narrow import services as services_of
from ..panels.live.people import Checklist
from ..panels.live.progress import Progress
from ..panels.live.standing import ACKNOWLEDGED, Standing
from ..panels.opening import opening
from ..panels.steps import step_panel
from ..panels.view import View
from ..postmortem.gathered import LINE_FILES, lines_of
from ..runbooks.catalogue import Runbook
from ..runbooks.context import RunContext
from ..runbooks.lifecycle import archive_of
from ..runbooks.redacting import redactor_for
from ..runbooks.run import Run
from ..settings import load
from ..steps import steps
from .again import ask_again, ask_parts, part_of, who_is_on_call, window_of
from .parts import parts_of
from .places import VARIABLE
from .remembering import Memory
from .saving import live_here, write_twin
from .session import Session, standing_of

ABOUT_LOGS = ("log", "error-patterns", "top-errors", "search", "-service", "jwt", "third-party", "breakdown")
"""Parts of the ids of steps below which the log explorer stands."""
DRILL_ANSWER = "answer.json"
DRILL_TRUTH = "truth.json"
TRUTH_WITHIN_S = 60.0
VIEWS_KEPT = 8
SHARED_S = 120.0
"""So long an answer about a window that ends now is shown to the next panel that asks for the same."""
"""Answers that are kept to be shown again; each holds all tables of its window."""


class Telling(Recorder):
    """A recorder that tells of each answer."""

    def __init__(self, folder: Path, told: Callable[[str], None]) -> None:
        super().__init__(folder)
        self._told = told

    def exchange(self, exchange: Exchange, *, salt: str | None = None) -> None:
        """Record *exchange*, and tell of it."""
        super().exchange(exchange, salt=salt)
        self._told(exchange.key)


@dataclass(kw_only=True)
class Gathered:
    """What was asked about one choice: by whichever panel, and not more than panels needed."""

    window: Window
    at: datetime
    observations: dict[str, AnyObservation] = field(default_factory=dict)
    parts: set[str] = field(default_factory=set)


class Bench:
    """The one of this kernel; *doer* is None where nothing can be carried out."""

    def __init__(self, session: Session, doer: Doer | None = None) -> None:
        self.session = session
        self.settings = load(session.environment)
        self.doer = doer
        self._kernel, self._living = live_here(session.folder)
        self.run: Run | None = None
        self._archive = archive_of(self.settings)
        self._redactor = redactor_for(self.settings)
        self._progress: Progress | None = None
        self._bar: Bar | None = None
        self._oncall: tuple[tuple[str, ...], str] = ((), "not asked yet")
        self._views: dict[tuple[str, str, str], tuple[datetime, View]] = {}
        self._gathered: dict[tuple[str, str, str], Gathered] = {}
        self._memory = Memory()
        self._again = 0
        self._asking = threading.Lock()
        self._waiting: list[dict[str, Any]] = []
        self._lines: tuple[tuple[float, ...], list[tuple[datetime, Mapping[str, Any]]]] | None = None

    # the host of runs

    def context(self, book: Runbook, environment: str) -> RunContext:
        """Return the context of a new run, staged in the archive."""
        if environment and environment != self.session.environment:
            raise UsageError(
                f"environment {environment[:20]!r}: this session is of {self.session.environment}, and so are its "
                f"actions. Open another: pitchey-ops open {book.id} --environment NAME. Nothing was asked."
            )
        started = self.now()
        run_id = ids.new_run_id(started)
        session = self.session
        context = RunContext(
            run_id=run_id,
            incident_id=session.incident,
            runbook=book.id,
            folder=self._archive.stage(run_id),
            started=started,
            budget_s=self.settings.budget_s,
            environment=session.environment,
            alerts=session.alerts,
            severity=session.severity,
            case=session.case,
        )
        context.write()
        session.add_run(context)
        self._progress = Progress(self, f"Asking for the runbook {book.id}")
        self._progress.show()
        return context

    def recorder(self, folder: Path) -> Recorder:
        """Return the recorder of the run in *folder*, whose record says that a person works in it."""
        progress = self._progress
        recorder = Telling(folder, (lambda key: None) if progress is None else progress.told)
        recorder.event("session", {"by": self.session.by, "opened": self.session.opened.isoformat()})
        return recorder

    def opened(self, run: Run) -> None:
        """Take *run* as the one that panels are about."""
        self.run = run
        self._views.clear()
        self._gathered.clear()
        self._memory.keep(run.exchanges)
        self._again = 0
        if self._progress is not None:
            self._progress.done(f"{run.analysis.verdict.state.upper()}: {run.analysis.verdict.summary}")
        for row in self._waiting:
            self._event(row)
        self._waiting.clear()
        self._find_oncall(run)
        if self._bar is not None:
            self._bar.refresh()
            self._bar.live.keep()

    def show(self, run: Any, panel: Panel, step: str | None) -> Any:
        """Return *panel* as it lives in a session."""
        if step is None:
            if panel.id != "verdict":
                return panel
            return Answering(self, run.view, opening, step="verdict").live
        kind = steps()[step].kind
        if kind == "action":
            return ActionCard(self, self.doer, run.view, panel, step=step).live
        if kind == "person":
            return Checklist(self, panel, step=step).live
        about_logs = any(part in step for part in ABOUT_LOGS)

        def entries(view: View) -> Entries:
            return Entries(view.case.frames.logs, view.case.frames.spans, view.case.window.start)

        return Answering(
            self, run.view, lambda view: step_panel(view, step), step=step, entries=entries if about_logs else None
        ).live

    # the desk of panels

    def now(self) -> datetime:
        """Return the present (UTC)."""
        return datetime.now(UTC)

    def look(self, ask: Ask, told: Told, *, fresh: bool = False, step: str = "", beside: tuple[str, ...] = ()) -> View:
        """Ask again, one at a time, what *step*'s panel needs; what was just asked is taken from memory."""
        run = self.run
        if run is None:
            raise UsageError("Nothing was investigated yet: run the cell with investigate(...) first.")
        with self._asking:
            known = ask.service in ("", *services_of(run.view))
            if not fresh and not ask.window and known:
                return narrow(run.view, ask)
            key = (ask.window, "" if known else ask.service, run.context.run_id)
            extra = () if known else (ask.service,)
            parts = None if run.context.case is not None else parts_of(step, run.runbook.id, beside=beside)
            if parts and "traffic" in parts and (ask.service or run.case.frames.edge.is_empty()):
                parts = tuple(dict.fromkeys((*parts, "logs")))  # the edge knows no services: their entries count
            if parts is None:
                view = self._whole(run, ask, key, extra, told, fresh=fresh)
            else:
                view = self._part(run, ask, key, extra, told, fresh=fresh, step=step, parts=parts)
        return narrow(view, ask)

    def _whole(
        self, run: Run, ask: Ask, key: tuple[str, str, str], extra: tuple[str, ...], told: Told, *, fresh: bool
    ) -> View:
        at, view = self._views.get(key, (None, None))
        if view is None or at is None or fresh or self._old(ask, at):
            self._again += 1
            view = ask_again(run, ask, number=self._again, extra=extra, told=told)
            self._views[key] = (self.now(), view)
            while len(self._views) > VIEWS_KEPT:
                self._views.pop(next(iter(self._views)))
        return view

    def _part(
        self,
        run: Run,
        ask: Ask,
        key: tuple[str, str, str],
        extra: tuple[str, ...],
        told: Told,
        *,
        fresh: bool,
        step: str,
        parts: tuple[str, ...],
    ) -> View:
        found = self._gathered.get(key)
        if found is None or fresh or self._old(ask, found.at):
            now = self.now()
            found = Gathered(window=window_of(run, ask, now), at=now)
        missing = [part for part in parts if part not in found.parts]
        if missing:
            self._again += 1
            seen = ask_parts(
                run, found.window, missing, memory=self._memory, number=self._again, extra=extra, told=told
            )
            found.observations.update(seen)
            found.parts.update(missing)
            self._gathered[key] = found
            while len(self._gathered) > VIEWS_KEPT:
                self._gathered.pop(next(iter(self._gathered)))
        mine = {key: one for key, one in run.case.observations.items() if key.startswith("archive/")}
        return part_of(run.view, {**mine, **found.observations}, found.window, found.at, step)

    def _old(self, ask: Ask, at: datetime) -> bool:
        """Whether an answer of *at* is too old to be shown for *ask* once more."""
        closed = "/" in ask.window and bool(ask.window.partition("/")[2])
        return not closed and (self.now() - at).total_seconds() > SHARED_S

    def did(self, what: str, **facts: Any) -> None:
        """Write into the run's record what the person saw or did."""
        told = {name: self._redacted(value) for name, value in facts.items()}
        row = {"at": self.now().isoformat(), "by": self.session.by, "did": what, **told}
        if self.run is None:
            self._waiting.append(row)
        else:
            self._event(row)

    def seen(self, panel: Panel) -> None:
        """Keep a panel for the page of the run's report."""
        if self.run is not None:
            self.run.keep(replace(panel, notes=(*panel.notes, f"Shown in the session at {self.now():%H:%M:%S} UTC.")))

    def keep(self, model: str, html: Any, text: str) -> None:
        """Keep the static twin of a widget."""
        write_twin(self.session.folder, model, str(html), text, kernel=self._kernel)

    def background(self, work: Callable[[], None]) -> None:
        """Do *work* in a thread."""
        threading.Thread(target=work, daemon=True).start()

    def wait(self, stop: Event, seconds: float) -> bool:
        """Wait."""
        return stop.wait(seconds)

    def note(self, text: str) -> None:
        """Write a person's words to the incident's notes."""
        entry = {"event": "note", "text": self._redactor.text(text), "by": self.session.by}
        self._archive.append(self.session.incident, "notes", entry, self.now())

    def mark(self, event: str, **facts: Any) -> None:
        """Write an event to the incident's timeline."""
        told = {name: self._redacted(value) for name, value in facts.items() if value is not None}
        self._archive.append(
            self.session.incident, "timeline", {"event": event, "by": self.session.by, **told}, self.now()
        )

    def lines(self) -> list[tuple[datetime, Mapping[str, Any]]]:
        """Return timeline, journal and notes, oldest first; read again when one of them grew."""
        folder = self._archive.root / self.session.incident
        paths = [folder / f"{name}.jsonl" for name in LINE_FILES]
        state = tuple(path.stat().st_size if path.exists() else 0.0 for path in paths)
        if self._lines is None or self._lines[0] != state:
            found = [
                (line.at, line.entry)
                for name, path in zip(LINE_FILES, paths, strict=True)
                if path.exists()
                for line in lines_of(name, path.read_bytes())
            ]
            self._lines = (state, sorted(found, key=lambda row: row[0]))
        return self._lines[1]

    def who(self) -> str:
        """Return the person's name."""
        return self.session.by

    # the bar and the drill's end

    def bar(self) -> Any:
        """Return the incident bar, living."""
        if self._bar is not None:
            self._bar.close()
        self._bar = Bar(self, self.standing, self.acknowledge)
        return self._bar.live

    def standing(self) -> Standing:
        """Return how the incident stands now."""
        standing = standing_of(self.session, self.settings)
        taken = next(
            ((at, str(entry.get("by", "unknown"))) for at, entry in self.lines() if _event(entry) in ACKNOWLEDGED), None
        )
        declared = [at for at, entry in self.lines() if _event(entry) in ("declared", "alert")]
        standing = replace(
            standing,
            acknowledged=taken,
            oncall=self._oncall[0],
            oncall_why=self._oncall[1],
            since=standing.since or min(declared, default=None),
        )
        if self.run is None:
            return standing
        verdict = self.run.analysis.verdict
        return replace(
            standing,
            state=verdict.state,
            summary=verdict.summary,
            severity=min(standing.severity, verdict.severity),
            onset=verdict.onset,
            source=f"As this session's {self.run.context.run_id} saw it",
        )

    def acknowledge(self) -> list[str]:
        """Acknowledge in the record, at the alerts service, in Slack and at PagerDuty; say what came of each."""
        told = []
        if self.standing().acknowledged is None:
            self.mark("acknowledged")
            told.append(f"record: by {self.session.by} at {self.now():%H:%M:%S} UTC")
        return told + ([] if self.doer is None else self.doer.acknowledge())

    def hand_in(self) -> Any:
        """Return the form that ends a drill."""
        if not self.session.drill:
            raise UsageError("This session is no drill: there is nothing to hand in.")
        return HandIn(self, self._submit).live

    def _submit(self, answer: Mapping[str, Any]) -> Panel:
        import json

        folder = self.session.folder
        run = self.run
        said = None
        if run is not None:
            verdict = run.analysis.verdict
            said = {
                "state": verdict.state,
                "cause": verdict.cause,
                "onset": None if verdict.onset is None else verdict.onset.isoformat(),
            }
        temporary = folder / f"{DRILL_ANSWER}.tmp"
        temporary.write_text(json.dumps({**answer, "session": said, "at": self.now().isoformat()}), encoding="utf-8")
        temporary.replace(folder / DRILL_ANSWER)
        stop = Event()
        for _ in range(round(TRUTH_WITHIN_S / 0.2)):
            if (folder / DRILL_TRUTH).exists():
                return Panel.from_json(json.loads((folder / DRILL_TRUTH).read_text(encoding="utf-8")))
            self.wait(stop, 0.2)
        raise RunError("The command that holds the truth did not answer; it prints the truth when the session ends.")

    def _find_oncall(self, run: Run) -> None:
        seen = next((o for k, o in sorted(run.case.observations.items()) if k.startswith("pagerduty/oncalls")), None)
        if seen is None and run.context.case is None:

            def work() -> None:
                self._again += 1
                self._take_oncall(who_is_on_call(run, self._again))

            self.background(work)
        elif seen is not None:
            self._take_oncall(seen)

    def _take_oncall(self, seen: Any) -> None:
        if isinstance(seen, Observed) and seen.value:
            names = tuple(dict.fromkeys(f"{one.level}: {one.person}" for one in seen.value))
            self._oncall = (names, "")
        elif isinstance(seen, Observed):
            self._oncall = ((), "PagerDuty names nobody")
        else:
            self._oncall = ((), f"PagerDuty: {seen.reason.replace('_', ' ')}")

    def _redacted(self, value: Any) -> Any:
        return self._redactor.text(value) if isinstance(value, str) else value

    def _event(self, row: dict[str, Any]) -> None:
        if self.run is not None and self.run.events is not None:
            self.run.events.event("person", row)


def _event(entry: Mapping[str, Any]) -> str:
    return str(entry.get("event", "")).lower()


@cache
def bench() -> Bench:
    """
    Return the bench of this kernel.

    Raises
    ------
    UsageError
        This process is no session's kernel.
    """
    folder = os.environ.get(VARIABLE)
    if not folder:
        raise UsageError(
            "This notebook is a saved copy of a session: bar, live panels and action cards are dead here. Open its "
            "incident with pitchey-ops open. Nothing was done."
        )
    from .doing import doer

    session = Session.read(Path(folder))
    made = Bench(session)
    if session.case is None:  # a recorded incident is over: there is nothing to act on
        made.doer = doer(session, lambda: made.run)
    return made


def tell_errors_in_words(shell: Any) -> None:
    """Show our own errors as their sentence, without a traceback of our code."""
    from ..errors import OpsError

    def told(_: Any, kind: type[BaseException], error: BaseException, *__: Any, **___: Any) -> list[str]:
        return [f"{kind.__name__}: {error}"]

    shell.set_custom_exc((OpsError,), told)
