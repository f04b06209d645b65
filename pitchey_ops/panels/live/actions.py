"""Action cards: the plan shown, confirmed by typing, carried out, verified, undone. Dead in a saved copy."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Event
from typing import Any, Final, Literal, Protocol

import ipywidgets as widgets
from markupsafe import Markup

from ...actions.models import Plan
from ...errors import ConfigError, UsageError
from ..base import Panel, cell_text, heading, plain_text
from ..safe import html, visible
from ..view import View
from . import kit
from .desk import Desk
from .telling import quoted

State = Literal["applied", "refused", "failed", "unknown", "VERIFIED", "FAILED", "UNVERIFIED", "undone", "not undone"]
GOOD: Final = ("applied", "VERIFIED", "undone")
NOT_SENT: Final = (
    "Saved copy: this card is dead and sends nothing. Act in a session (pitchey-ops open) or by the command line."
)
BROKEN_OFF: Final = (
    "It broke off, and something may have been sent: the journal has how far it came. Apply looks before it sends."
)
BODY_SHOWN: Final = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """
    How a try ended: *words* say what happened, and what did not.

    Attributes
    ----------
    undoable
        Whether something of it was done that can be taken back.
    """

    state: State
    words: str
    undoable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An action that a step may take: its name, and its arguments with what they mean."""

    name: str
    changes: str
    arguments: Mapping[str, str]


class Doer(Protocol):
    """
    What carries actions out; injected by an interactive kernel, absent everywhere else.

    ``told`` gets a sentence of progress. What is refused or fails is returned as `Done` or raised as an `OpsError`.
    """

    def choices(self, step: str) -> Sequence[Choice]:
        """Return the actions of *step*, its own first."""
        ...

    def plan(self, name: str, view: View, given: Mapping[str, str]) -> tuple[Plan, Sequence[str]]:
        """Return what the action *name* would do, and what could not be seen for it; nothing is changed."""
        ...

    def apply(self, plan: Plan, *, confirm: str, why: str, second: str, told: Callable[[str], None]) -> Done:
        """Carry *plan* out once."""
        ...

    def check(self, plan: Plan, *, stop: Event, told: Callable[[str], None]) -> Done:
        """Watch whether it worked, until its window is over or *stop*."""
        ...

    def undo(self, plan: Plan, *, confirm: str, why: str, told: Callable[[str], None]) -> Done:
        """Take it back."""
        ...

    def acknowledge(self) -> list[str]:
        """Acknowledge wherever the incident is known, and say in words what came of each."""
        ...


class ActionCard:
    """
    The card of one step.

    Parameters
    ----------
    static
        The step's panel as headless runs show it.
    doer
        None where this kernel can carry nothing out: the card then says so and has no button to send with.
    """

    def __init__(self, desk: Desk, doer: Doer | None, view: View, static: Panel, *, step: str) -> None:
        self._desk, self._doer, self._view, self._static, self._step = desk, doer, view, static, step
        self.plan: Plan | None = None
        self._choices: Sequence[Choice] = () if doer is None else tuple(doer.choices(step))
        self._fields: dict[str, Any] = {}
        self.history: list[tuple[datetime, str, str]] = []
        self._applied = False
        self._busy = False
        self._stop = Event()
        style = {"description_width": "auto"}
        wide = widgets.Layout(width="auto", max_width="42em")
        self.head = kit.shown(static_card(static))
        self.make = kit.button("Plan", "Show exactly what would be sent; sends nothing", icon="list")
        self.which = widgets.Dropdown(
            options=[(f"{one.name}: {kit.plain(one.changes, 60)}", number) for number, one in enumerate(self._choices)],
            description="Action",
            layout=widgets.Layout(width="auto", max_width="42em", display="" if len(self._choices) > 1 else "none"),
            style=style,
        )
        self.given = kit.column()
        self.shown = kit.shown()
        self.confirm = widgets.Text(description="Type the target's name", layout=wide, style=style)
        self.why = widgets.Text(description="Why", placeholder="goes into the journal", layout=wide, style=style)
        self.second = widgets.Text(
            description="Second person", placeholder="where one is asked for", layout=wide, style=style
        )
        self.apply = kit.button("Apply", "Carry the plan out, once", style="danger", icon="bolt")
        self.check = kit.button("Check", "Watch whether it worked", icon="heartbeat")
        self.undo = kit.button("Undo", "Take it back; needs the target's name again", style="warning", icon="undo")
        self.stop = kit.button("Stop watching", "Ends the check as UNVERIFIED", icon="stop")
        self.status = kit.shown()
        self.course = kit.shown()
        self.make.on_click(lambda _: self.show_plan())
        self.which.observe(lambda _: self._chosen(), "value")
        self.apply.on_click(lambda _: self._apply())
        self.check.on_click(lambda _: self._check())
        self.undo.on_click(lambda _: self._undo())
        self.stop.on_click(lambda _: self._stop.set())
        self.form = kit.column(self.confirm, self.why, self.second, kit.row(self.apply))
        self.after = kit.row(self.check, self.stop, self.undo)
        self.form.layout.display = self.after.layout.display = self.stop.layout.display = "none"
        self.box = kit.column(
            self.head,
            self.which,
            self.given,
            kit.row(self.make),
            self.shown,
            self.form,
            self.status,
            self.after,
            self.course,
        )
        self.box.add_class("pitchey-action")
        self._chosen()
        if not self._choices:
            self.make.disabled = True
            kit.put(self.status, kit.words("This kernel can carry out no action; use pitchey-ops action plan."))
        self.live = kit.Live(desk, self.box, self._twin)

    def _chosen(self) -> None:
        """Show the fields of the chosen action; an earlier plan is no plan of it."""
        self.plan = None
        self.form.layout.display = self.after.layout.display = "none"
        kit.put(self.shown, Markup(""))
        if not self._choices or self.which.value is None:
            return
        wide = widgets.Layout(width="auto", max_width="42em")
        self._fields = {
            name: widgets.Text(
                description=name,
                placeholder=f"{meaning}; empty: as the evidence says",
                layout=wide,
                style={"description_width": "auto"},
            )
            for name, meaning in self._choices[int(self.which.value)].arguments.items()
        }
        self.given.children = tuple(self._fields.values())

    def show_plan(self) -> None:
        """Plan anew and show it; nothing is changed."""
        doer = self._doer
        if doer is None or not self._choices or self._busy:
            return
        name = self._choices[int(self.which.value)].name
        given = {field: one.value.strip() for field, one in self._fields.items() if one.value.strip()}

        def work() -> None:
            plan, unseen = doer.plan(name, self._view, given)
            self._planned(plan, unseen)

        self._run(work)

    def _planned(self, plan: Plan, unseen: Sequence[str]) -> None:
        self.plan = plan
        kit.put(self.shown, plan_html(plan))
        notes = [kit.words(f"Not seen for this plan: {one}") for one in unseen]
        kit.put(self.status, Markup("").join(notes))
        self.confirm.value = ""
        self.confirm.placeholder = plan.confirmation
        self.why.value = kit.plain(plan.why, 300)
        self.apply.layout.display = ""
        self.form.layout.display = "" if plan.possible else "none"
        self.after.layout.display = "none"
        self._remember("planned", f"{plan.title}; plan {plan.digest[:12]}")
        self._desk.did("planned", step=self._step, action=plan.action, target=plan.target, plan=plan.digest)

    def _apply(self) -> None:
        plan = self.plan
        if plan is None or self._doer is None or self._busy:
            return
        if self.confirm.value.strip() != plan.confirmation:
            self._end(
                "refused",
                f"Not sent: “{visible(self.confirm.value, 80, lines=False)}” is not the target's name, "
                f"“{visible(plan.confirmation, 120, lines=False)}”. Nothing was changed.",
            )
            return
        doer = self._doer

        def work() -> None:
            try:
                done = doer.apply(
                    plan,
                    confirm=self.confirm.value.strip(),
                    why=self.why.value.strip(),
                    second=self.second.value.strip(),
                    told=self._tell,
                )
            except (UsageError, ConfigError):  # refused before anything was sent
                raise
            except Exception as error:
                self._end("unknown", f"{kit.in_words(error)} {BROKEN_OFF}")
                return
            self._end(done.state, done.words)
            if done.state == "applied":
                self._applied = True
                self.form.layout.display = "none"
                self.after.layout.display = ""
                self.undo.layout.display = "" if plan.undoable else "none"
                self._watch(doer, plan)
            elif done.undoable and plan.undoable:
                self.confirm.value = ""
                self.after.layout.display = self.undo.layout.display = ""
                self._tell_more(
                    "Not all of it was done. Apply goes on with the rest, Undo takes back what was done: for either "
                    "type the target's name again."
                )

        self._run(work)

    def _check(self) -> None:
        doer, plan = self._doer, self.plan
        if doer is not None and plan is not None:
            self._run(lambda: self._watch(doer, plan))

    def _watch(self, doer: Doer, plan: Plan) -> None:
        self._stop = Event()
        self.check.layout.display, self.stop.layout.display = "none", ""
        try:
            done = doer.check(plan, stop=self._stop, told=self._tell)
        finally:
            self.check.layout.display, self.stop.layout.display = "", "none"
        self._end(done.state, done.words)
        if done.state == "FAILED" and plan.undoable:
            self._tell_more("It did not help. Undo takes it back: type the target's name and press Undo.")
            self.form.layout.display = ""
            self.apply.layout.display = "none"
            self.confirm.value = ""

    def _undo(self) -> None:
        doer, plan = self._doer, self.plan
        if doer is None or plan is None or self._busy:
            return
        if self.form.layout.display == "none":
            self.form.layout.display = ""
            self.apply.layout.display = "none"
            self.confirm.value = ""
            kit.put(self.status, kit.words("Undo: type the target's name again, then press Undo once more."))
            return
        if self.confirm.value.strip() != plan.confirmation:
            self._end("refused", "Not undone: the target's name was not typed. Nothing was changed.")
            return

        def work() -> None:
            done = doer.undo(plan, confirm=self.confirm.value.strip(), why=self.why.value.strip(), told=self._tell)
            self._end(done.state, done.words)
            if done.state == "undone":
                self.form.layout.display = self.undo.layout.display = "none"

        self._run(work)

    def _run(self, work: Callable[[], None]) -> None:
        if self._busy:
            return
        self._busy = True
        for one in (self.which, self.make, self.apply, self.undo, self.check):
            one.disabled = True

        def body() -> None:
            try:
                work()
            except Exception as error:
                self._end("failed", kit.in_words(error))
            finally:
                self._busy = False
                for one in (self.which, self.make, self.apply, self.undo, self.check):
                    one.disabled = False

        kit.put(self.status, kit.words("Working …", role="status"))
        self._desk.background(body)

    def _tell(self, text: str) -> None:
        kit.put(self.status, kit.words(f"… {text}", role="status"))

    def _tell_more(self, text: str) -> None:
        self.status.value += str(kit.words(text))

    def _end(self, state: str, text: str) -> None:
        told = kit.good if state in GOOD else kit.alarm
        kit.put(self.status, told(f"{state.upper()}: {text}"))
        self._remember(state, text)
        plan = self.plan
        self._desk.did(
            "action", step=self._step, state=state, words=text[:500], plan=None if plan is None else plan.digest
        )

    def _remember(self, state: str, text: str) -> None:
        self.history.append((self._desk.now(), state, text))
        kit.put(self.course, _course(self.history))
        self.live.keep()

    def _twin(self) -> tuple[Markup, str]:
        content, text = static_card(self._static), plain_text(self._static)
        if self.plan is not None:
            content += plan_html(self.plan)
            text += f"\nPlan {self.plan.digest[:12]}: {visible(self.plan.title, 300, lines=False)}"
        content += _course(self.history) + kit.words(NOT_SENT, style="font-weight:bold")
        lines = [f"{at:%H:%M:%S} UTC {state}: {visible(what, 300, lines=False)}" for at, state, what in self.history]
        return content, "\n".join([text, *lines, NOT_SENT])


def _course(history: Sequence[tuple[datetime, str, str]]) -> Markup:
    if not history:
        return Markup("")
    items = Markup("").join(
        Markup("<li>{}: <strong>{}</strong>: {}</li>").format(kit.moment(at), state.upper(), html(text, 600))
        for at, state, text in history
    )
    return Markup("<h4 style='margin:0.4em 0'>What was done here</h4><ol style='margin:0'>{}</ol>").format(items)


def static_card(panel: Panel) -> Markup:
    """Return the headless panel of the step, its one row as names and values: eight columns fit no notebook."""
    table = panel.table
    if table is None or len(table.rows) != 1:
        return kit.panel_html(panel)
    rows = Markup("").join(
        _fact(heading(column), quoted(cell_text(cell, 600)) if column.telemetry else html(cell_text(cell, 600)))
        for column, cell in zip(table.columns, table.rows[0], strict=True)
        if cell
    )
    return Markup(
        '<section style="max-width:60em"><p style="margin:0;opacity:0.75">{}</p><h3 style="margin:0 0 0.3em 0">{}</h3>'
        '<table style="text-align:left">{}</table></section>'
    ).format(html(panel.question, 300), html(panel.title, 400, lines=False), rows)


def _fact(name: object, value: Markup) -> Markup:
    return Markup(
        '<tr><th scope="row" style="text-align:left;vertical-align:top;white-space:nowrap">{}</th>'
        '<td style="text-align:left;white-space:normal;word-break:break-word">{}</td></tr>'
    ).format(name, value)


def plan_html(plan: Plan) -> Markup:
    """Return *plan* to be read before one says yes: requests, target, who is touched, assumptions, undo, check."""
    facts: list[tuple[str, object]] = [
        ("target", plan.target or "none"),
        ("environment", plan.environment),
        ("when", plan.when or "on a person's word"),
        ("why", plan.why or "not said"),
        ("risk", plan.risk or "not said"),
        *(("touches", one.text()) for one in plan.blast),
        *(("beware", one) for one in plan.warnings),
        *(("assumes", one.words) for one in plan.assumptions),
        *((("afterwards", "a change event to PagerDuty, where a routing key is set"),) if plan.mitigates else ()),
        ("undone by", plan.undo_words),
        ("verified by", plan.verification.words),
        ("expires", kit.moment(plan.expires_at)),
        ("plan", plan.digest[:16]),
    ]
    if not plan.possible:
        facts.insert(0, ("NOT POSSIBLE", plan.why_not or "no reason given"))
    rows = Markup("").join(_fact(name, html(value, 1_500)) for name, value in facts)
    requests = Markup("").join(
        Markup(
            "<li><code>{}</code><pre style='white-space:pre-wrap;word-break:break-word;margin:0'>{}</pre></li>"
        ).format(html(one.words(), 600), _body(one.body))
        for one in plan.requests
    )
    return Markup(
        '<section style="max-width:60em"><h4 style="margin:0.6em 0 0.2em 0">{}</h4><p style="margin:0.2em 0">Nothing '
        'was sent yet. To apply it, type <strong><code>{}</code></strong>.</p><table style="text-align:left">{}</table>'
        '<h5 style="margin:0.5em 0 0 0">Exactly these requests, in this order</h5>'
        '<ol style="margin:0">{}</ol></section>'
    ).format(html(plan.title, 300), html(plan.confirmation, 200), rows, requests or Markup("<li>none</li>"))


def _body(body: Any) -> Markup:
    if body is None:
        return Markup("")
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, indent=1)
    return quoted(text, BODY_SHOWN, lines=True)
