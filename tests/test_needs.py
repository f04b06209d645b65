"""What counts as seen: the groups of sources without which a run never says "healthy"."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pitchey_ops.drills.play import evidence
from pitchey_ops.findings import catalogue
from pitchey_ops.findings._once import once
from pitchey_ops.findings.case import Case
from pitchey_ops.frames import Frames
from pitchey_ops.models.observation import AnyObservation, Coverage, Observed, Unavailable
from pitchey_ops.models.window import Window
from pitchey_ops.panels.base import Panel
from pitchey_ops.panels.steps import STEP_PANELS
from pitchey_ops.runbooks.analyse import analyse, met, sources_seen
from pitchey_ops.runbooks.catalogue import RUNBOOKS, Need
from pitchey_ops.runbooks.context import RunContext
from pitchey_ops.runbooks.run import Digested, Run
from pitchey_ops.settings import load

NOW = datetime(2026, 11, 23, 8, 27, tzinfo=UTC)
NEED = Need(words="what users get", any_of=("r2/archive", "history"), share=0.5)


def seen(name: str = "r2/archive/api", *, status: str = "observed", **coverage: object) -> dict[str, AnyObservation]:
    """Return one observation by its id."""
    made = Observed(id=name, source=name.split("/")[0], at=NOW, value=1, coverage=Coverage(**coverage))  # type: ignore[arg-type]
    return {name: replace(made, status=status)}


@pytest.mark.parametrize(
    "observations",
    [
        seen(share=0.5),
        seen(share=None),
        seen("history"),
        seen("history/probes/all"),
        {**seen(share=0.1), **seen("history")},
    ],
    ids=["half of the window", "a share that nobody can tell", "the very name", "below it", "one of two"],
)
def test_a_need_is_met_by_one_source_that_saw_enough(observations: dict[str, AnyObservation]) -> None:
    """Any one of the group will do."""
    assert met(NEED, observations)


@pytest.mark.parametrize(
    "observations",
    [
        {},
        seen(share=0.49),
        seen(constant=True),
        seen(status="no_data"),
        seen(status="blind"),
        seen("r2/archives/api"),
        seen("logs/service/api"),
        {"history": Unavailable(id="history", source="history", at=NOW, reason="timeout", detail="no answer in time")},
    ],
    ids=["nothing", "too little", "a constant", "no data", "blind", "a longer name", "another source", "unavailable"],
)
def test_a_need_is_not_met_by_what_could_not_see(observations: dict[str, AnyObservation]) -> None:
    """Each of these once read as "all is well" would be a false all-clear."""
    assert not met(NEED, observations)


def test_a_rule_that_raises_is_told_and_forbids_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug of ours must neither end the run nor pass for having looked."""
    window = Window(start=NOW - timedelta(hours=1), end=NOW)
    case = Case(window=window, now=NOW, frames=Frames(window=window), observations={}, settings=load("sandbox"))
    book = RUNBOOKS["outage"]
    name = book.rules[0]

    def fails(case: Case) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(catalogue.RULES, name, replace(catalogue.RULES[name], check=fails))
    analysis = analyse(case, replace(book, needs=()))

    assert f"the rule {name} itself failed" in analysis.unmet
    assert [item.because for item in analysis.not_checked if item.rule == name] == [
        "the rule itself failed (ZeroDivisionError)"
    ]
    assert analysis.verdict.state != "healthy"
    assert f"the rule {name} itself failed" in analysis.verdict.summary


def test_what_would_settle_it_reads_as_an_order() -> None:
    """“see what users get was not seen” is read twice at night."""
    window = Window(start=NOW - timedelta(hours=1), end=NOW)
    case = Case(window=window, now=NOW, frames=Frames(window=window), observations={}, settings=load("sandbox"))
    verdict = analyse(case, replace(RUNBOOKS["outage"], needs=(NEED,))).verdict

    assert verdict.settles[0] == "see what users get"
    assert "what users get was not seen" in verdict.summary


def test_a_panel_that_raises_says_so_and_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in one picture must not cost the verdict, nor count as a step that was done."""
    window = Window(start=NOW - timedelta(hours=1), end=NOW)
    settings = load("sandbox")
    case = Case(window=window, now=NOW, frames=Frames(window=window), observations={}, settings=settings)
    context = RunContext(
        run_id="RUN-20261123-082700-abcd", incident_id="INC-20261123-082700-abcd", runbook="outage", folder=tmp_path,
        started=NOW, budget_s=60, environment="sandbox",
    )  # fmt: skip
    run = Run(
        context=context, runbook=RUNBOOKS["outage"], settings=settings, case=case,
        analysis=analyse(case, RUNBOOKS["outage"]), record=Digested(0, "", tmp_path), parameters={}, events=None,
    )  # fmt: skip

    def fails(view: object) -> Panel:
        raise KeyError("a <b>hostile</b> name")

    monkeypatch.setitem(STEP_PANELS, "outage.watch", fails)  # type: ignore[arg-type]
    panel = run.step("outage.watch")
    run.step("outage.main-worker")
    run.finish()

    assert (panel.id, panel.empty) == ("outage-watch", True)
    assert "itself failed (KeyError at test_needs.py:" in panel.sentence
    assert "hostile" not in json.dumps(panel.to_json())
    steps = run.report().steps
    assert (steps["outage.watch"], steps["outage.tail"]) == ("not_checked", "not_reached")


def unseen(name: str, reason: str, detail: str) -> dict[str, AnyObservation]:
    """Return one observation without an answer by its id."""
    return {name: Unavailable(id=name, source=name.split("/")[0], at=NOW, reason=reason, detail=detail)}  # type: ignore[arg-type]


def test_a_reason_that_many_probes_share_is_told_once() -> None:
    """Four times the same sentence hides the one that differs; at night nobody reads to its end."""
    unset = "PITCHEY_OPS_DATABASE_URL not set"
    names = ("activity", "blocking", "connections", "statements")
    same = {key: one for name in names for key, one in unseen(f"database/{name}/all", "not_configured", unset).items()}
    (alone,) = sources_seen(same)
    (mixed,) = sources_seen(
        {**same, **unseen("database/sizes/all", "timeout", "no answer in 5 s"), **seen("database/x")}
    )

    assert alone.detail == unset
    assert mixed.status == "observed"
    assert mixed.detail == (
        "1 observed, 1 unavailable, 4 not configured; "
        f"activity, blocking, connections and 1 more: {unset}; sizes: no answer in 5 s"
    )


def _case() -> Case:
    window = Window(start=NOW - timedelta(hours=1), end=NOW)
    return Case(window=window, now=NOW, frames=Frames(window=window), observations={}, settings=load("sandbox"))


def test_what_several_rules_ask_is_looked_for_once_in_each_case() -> None:
    """Rules are looked at two at a time: the second one waits for the answer, and another case has one of its own."""
    looks: list[Case] = []
    begun = threading.Event()

    @once
    def look(case: Case) -> int:
        looks.append(case)
        begun.wait(0.2)
        return len(looks)

    first, second = _case(), _case()
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(look, [first] * 8))
    assert answers == [1] * 8
    assert (look(second), look(second), look(first)) == (2, 2, 1)
    assert [case is first for case in looks] == [True, False]


def test_what_raised_is_looked_for_again() -> None:
    """An error is no answer to keep: each rule that asks is told as one that failed."""
    looks: list[Case] = []

    @once
    def look(case: Case) -> int:
        looks.append(case)
        raise KeyError("nothing")

    case = _case()
    for _ in range(2):
        with pytest.raises(KeyError):
            look(case)
    assert len(looks) == 2


def test_rules_beside_one_another_find_what_they_find_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order in which two threads get on must not show in a report."""
    found = evidence("bad_deployment", runbooks=["outage"], entries=20_000)

    def told() -> str:
        answers = found.answers
        frames, observations = answers.asked.frames, answers.asked.observations
        case = Case(
            window=answers.window, now=answers.asked.now, frames=frames, observations=observations,
            settings=found.settings,
        )  # fmt: skip
        return repr(analyse(case, RUNBOOKS["outage"]))

    together = [told() for _ in range(3)]
    monkeypatch.setattr("pitchey_ops.runbooks.analyse.AT_A_TIME", 1)
    alone = told()
    assert "bad_deployment" in alone
    assert together == [alone] * 3
