"""Drills: a score must be what it says, the same every time, and no run may ever look at the answers."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pitchey_ops.cli import drills as cli
from pitchey_ops.drills.many import Variant, chosen, play_all
from pitchey_ops.drills.play import Played, analysed, ask_world, asked_of, play, runbooks_for
from pitchey_ops.drills.report import as_json, as_text, record
from pitchey_ops.drills.score import is_among_three, is_right, reliability, score, wilson
from pitchey_ops.errors import UsageError
from pitchey_ops.models.observation import Observed
from pitchey_ops.models.report import HypothesisScore, Impact, Verdict
from pitchey_ops.runbooks.catalogue import RUNBOOKS, USERS_VIEW, VITALS
from pitchey_ops.sandbox.generate import build
from pitchey_ops.sandbox.scenarios import catalogue
from pitchey_ops.sandbox.world import Truth

PACKAGE = Path(__file__).parents[1] / "pitchey_ops"
ONSET = datetime(2026, 11, 23, 8, 15, tzinfo=UTC)
S_KEYS = {
    "cases",
    "correct",
    "top3",
    "false_healthy",
    "controls",
    "controls_incident",
    "controls_healthy",
    "inconclusive_right",
    "onset_error_s_median",
}
SMALL = 8_000
"""Log entries of a week that make a drill quick."""


def said(
    cause: str | None,
    *,
    truth: str,
    state: str = "incident",
    runbook: str = "triage",
    leads: tuple[str, ...] = (),
    off_s: float | None = None,
    open_is_right: bool = False,
    confidence: float = 0.9,
    seed: int = 0,
    split: str = "tune",
) -> Played:
    """Return a verdict with its truth."""
    order = leads or ((cause,) if cause else ("none", "other", "third", truth))
    onset = None if off_s is None else datetime.fromtimestamp(ONSET.timestamp() + off_s, UTC)
    return Played(
        scenario=truth,
        seed=seed,
        split=split,
        beside=("neighbour",),
        runbook=runbook,
        truth=Truth(
            cause=truth,
            onset_ms=None if truth == "none" else round(ONSET.timestamp() * 1000),
            inconclusive_is_right=open_is_right,
        ),
        verdict=Verdict(
            state=state,  # type: ignore[arg-type]
            cause=cause,
            confidence=confidence,
            severity="P3",
            onset=onset,
            onset_uncertainty_s=None if onset is None else 10.0,
            impact=Impact(),
            summary="",
            next_step="",
        ),
        scores=tuple(
            HypothesisScore(
                id=name,
                weight=-float(place),
                confidence=0.1,
                for_=(),
                against=(),
                not_checked=(),
                parts=(("kinds/1", 4.5),),
            )
            for place, name in enumerate(order)
        ),
        signals={"users_failing": 1.0},
        findings=(),
        not_checked=(("workers", "not configured"),),
        sources=(),
        unmet=(),
        asked_s=1.0,
        questions=1,
        seconds={"build": 1.0},
    )


RIGHT = said("flood", truth="flood", off_s=20.0)
OPEN = said(None, truth="flood", state="inconclusive", leads=("none", "flood"), off_s=-60.0)
OTHER = said("flood", truth="database_down", leads=("flood", "a", "b", "database_down"))
FALSE_CLEAR = said("none", truth="flood", state="healthy", leads=("none", "flood"))
RIGHTLY_OPEN = said(None, truth="hidden", state="inconclusive", open_is_right=True)
HURT_AND_OPEN = said(None, truth="hidden", state="incident", open_is_right=True)
GUESSED = said("flood", truth="hidden", open_is_right=True)
CALM = said("none", truth="none", state="healthy")
ALARMED = said("flood", truth="none", leads=("flood", "none"))
UNSURE = said(None, truth="none", state="inconclusive", leads=("none",))


@pytest.mark.parametrize(
    ("played", "right", "three"),
    [
        (RIGHT, True, True),
        (OPEN, False, True),
        (OTHER, False, False),
        (FALSE_CLEAR, False, True),
        (RIGHTLY_OPEN, True, True),
        (HURT_AND_OPEN, True, True),
        (GUESSED, False, False),
        (CALM, True, True),
        (ALARMED, False, True),
        (UNSURE, False, True),
    ],
)
def test_right_means_the_cause_was_named_or_rightly_left_open(played: Played, right: bool, three: bool):
    """A cause that leads but is not named is no right verdict, a guess where nothing settles it neither."""
    assert (is_right(played), is_among_three(played)) == (right, three)


def test_every_figure_counts_what_it_says():
    """The acceptance reads these figures; each must be checkable by hand."""
    found = score([RIGHT, OPEN, OTHER, FALSE_CLEAR, RIGHTLY_OPEN, GUESSED, CALM, ALARMED, UNSURE])

    assert found["cases"] == 6
    assert found["correct"] == 2
    assert found["top3"] == 4
    assert found["false_healthy"] == 1
    assert (found["controls"], found["controls_incident"], found["controls_healthy"]) == (3, 1, 1)
    assert found["inconclusive_right"] == 1
    assert found["onset_error_s_median"] == 40.0


def test_a_runbook_that_is_blind_for_what_it_needs_is_right_to_clear_nothing():
    """Web Vitals that APM does not keep are not fine; yet an incident out of nothing counts, blind or not."""
    blind = replace(UNSURE, runbook="frontend", unmet=(VITALS.words,))
    found = score([CALM, blind, replace(blind, verdict=ALARMED.verdict), replace(UNSURE, unmet=(USERS_VIEW.words,))])

    assert is_right(blind)
    assert not is_right(replace(blind, verdict=CALM.verdict))
    assert (found["controls"], found["controls_healthy"], found["controls_incident"]) == (2, 1, 1)
    assert (found["inconclusive_right"], found["cases"]) == (1, 0)


def test_scores_by_runbook_add_up_to_all():
    """A runbook must not hide behind the others."""
    mixed = [RIGHT, OPEN, replace(OTHER, runbook="outage"), replace(CALM, runbook="outage")]
    found = score(mixed)

    assert set(found["by_runbook"]) == {"triage", "outage"}
    for key in S_KEYS - {"onset_error_s_median"}:
        assert sum(row[key] for row in found["by_runbook"].values()) == found[key], key


def test_the_json_has_both_sets_and_exactly_the_agreed_keys():
    """Other programs read it."""
    found = as_json([RIGHT, replace(CALM, split="judge")])

    assert set(found) == {"tune", "judge"}
    for one in found.values():
        assert set(one) == {*S_KEYS, "by_runbook"}
        assert all(set(row) == S_KEYS for row in one["by_runbook"].values())
    assert (found["tune"]["cases"], found["judge"]["controls"]) == (1, 1)


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(9, 10, 0.5958, 0.9821), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_intervals_are_those_of_wilson(hits: int, of: int, low: float, high: float):
    """Values from tables; the last is Newcombe's example (Stat. Med. 17, 1998)."""
    assert wilson(hits, of) == pytest.approx((low, high), abs=5e-4)


def test_no_interval_without_a_share():
    """Zero of zero is not 0 %."""
    for hits, of in ((0, 0), (3, 2), (-1, 5)):
        with pytest.raises(ValueError, match="no share"):
            wilson(hits, of)


def test_reliability_counts_each_variant_once_and_only_what_was_claimed():
    """Three runbooks on one variant are one witness; a verdict without a cause claims nothing."""
    sure = [said("flood", truth="flood", confidence=0.93, seed=n) for n in range(9)]
    wrong = said("flood", truth="database_down", confidence=0.93)
    twice = [replace(one, runbook="outage") for one in sure]
    classes = reliability([*sure, *twice, wrong, OPEN, replace(CALM, verdict=replace(CALM.verdict, confidence=0.6))])

    assert [(c.above, c.verdicts, round(c.right, 2)) for c in classes] == [(0.5, 1, 1.0), (0.9, 10, 0.9)]
    assert classes[1].low < 0.9 < classes[1].high
    assert classes[1].confidence == pytest.approx(0.93)


def test_every_wrong_verdict_is_shown_with_its_leader_its_weights_and_the_truth():
    """Without them nobody can tune."""
    text = as_text([RIGHT, OTHER, ALARMED])

    missed = text.split("CONTROL")[0]
    assert "MISSED  database_down #0  triage  wanted database_down, beside it neighbour" in missed
    assert "1 flood" in missed
    assert "4 database_down" in missed
    assert "kinds/1 +4.5" in missed
    assert "users_failing=1.00" in missed
    assert "workers (not configured)" in missed
    assert text.count("MISSED") == 1
    assert "MISSED" not in as_text([RIGHT, OTHER], wrong=False)


def test_a_recorded_rehearsal_holds_what_a_report_shows(tmp_path: Path):
    """Every report shows its runbook's score on the set that judges, with the date."""
    path = tmp_path / "rehearsal.json"
    judged = [replace(one, split="judge") for one in (RIGHT, OTHER, CALM)]
    record([RIGHT, *judged], on=date(2026, 11, 24), path=path)
    found = json.loads(path.read_text())

    assert found["runbooks"] == {"triage": {"date": "2026-11-24", "correct": 0.5, "cases": 2}}
    assert (found["date"], found["tune"]["cases"], found["judge"]["cases"]) == ("2026-11-24", 1, 2)
    assert [p.name for p in tmp_path.iterdir()] == ["rehearsal.json"]


def test_scenarios_count_for_their_own_runbooks_and_triage():
    """Triage has to find everything; the others what they are for."""
    for name, one in catalogue().items():
        books = runbooks_for(name)
        assert books[0] == "triage"
        assert set(books) == ({"triage", *one.runbooks} & set(RUNBOOKS))


def test_variants_can_be_chosen_by_name_set_and_seeds():
    """A person tunes on one scenario, a rehearsal plays all."""
    assert chosen("bad_deployment", seeds=2) == [
        Variant(scenario="bad_deployment", seed=0),
        Variant(scenario="bad_deployment", seed=1),
    ]
    tune, judge = chosen(split="tune"), chosen(split="judge")
    assert len(chosen()) == len(tune) + len(judge)
    assert not set(tune) & set(judge)
    assert len(chosen()) >= 200
    controls = [v for v in chosen() if catalogue()[v.scenario].cause == "none"]
    assert len(controls) >= 40
    with pytest.raises(KeyError):
        chosen("no_such_scenario")


def test_one_variant_played_twice_is_the_same_to_the_last_weight():
    """A score that moves by itself cannot be tuned by."""
    assert play("bad_deployment", entries=SMALL) == play("bad_deployment", entries=SMALL)


def test_another_seed_is_another_variant():
    """Seeds that changed nothing would count one world many times."""
    first, second = (play("bad_deployment", seed=n, runbooks=["triage"], entries=SMALL)[0] for n in (0, 1))

    assert first.truth.onset_ms != second.truth.onset_ms
    assert first.scores != second.scores


def test_asking_for_all_runbooks_at_once_changes_no_verdict():
    """Drills ask once what the runbooks of a scenario ask together; a run asks for its own."""
    together = {one.runbook: one for one in play("database_down", entries=SMALL)}
    for name, one in together.items():
        alone = play("database_down", runbooks=[name], entries=SMALL)[0]
        assert (one.verdict.state, one.verdict.cause) == (alone.verdict.state, alone.verdict.cause), name
        assert one.verdict.confidence == pytest.approx(alone.verdict.confidence, abs=0.1)


def test_a_drill_is_played_with_the_platforms_traps_in_force():
    """A world that shows everything would flatter the rules: the cut hides the window, the archive heals it."""
    world = build("bad_deployment", seed=0, now_ms=round(ONSET.timestamp() * 1000), entries=100_000)
    seen = ask_world(world, runbooks=["triage"]).asked.observations
    logs = [o for key, o in seen.items() if key.startswith("logs/service/")]
    archive = [o for key, o in seen.items() if key.startswith("r2/archive/") and isinstance(o, Observed)]

    assert any(o.status == "blind" for o in logs)
    assert sum(o.coverage.count for o in archive) > 100


def test_the_shortcut_to_the_archive_and_the_memory_change_no_answer():
    """What makes drills quick must not make them easier."""
    world = build("bad_deployment", seed=0, now_ms=round(ONSET.timestamp() * 1000), entries=SMALL)
    behind = replace(world.behaviours[0], service="r2", path="/nowhere") if world.behaviours else None
    assert behind is not None, "a behaviour of r2 turns the shortcut off; the world has none to copy"
    by_http = replace(world, behaviours=(*world.behaviours, behind))
    memory: dict = {}
    books = ["triage", "outage"]
    plain = analysed(asked_of(world, runbooks=books), books)

    assert analysed(asked_of(by_http, runbooks=books), books) == plain
    for _ in range(2):
        kept = analysed(asked_of(world, runbooks=books, memory=memory), books)
        assert [(k.verdict, k.scores, k.sources) for k in kept] == [(p.verdict, p.scores, p.sources) for p in plain]
    assert memory


def test_kept_evidence_gives_the_same_verdict_and_a_damaged_file_is_asked_anew(tmp_path: Path):
    """Tuning repeats only the rules; a half-written file must not be believed."""
    variants = [Variant(scenario="calm_quiet_night", seed=0)] if "calm_quiet_night" in catalogue() else chosen()[:1]
    first = play_all(variants, keep=tmp_path)
    (kept,) = tmp_path.iterdir()
    again = play_all(variants, keep=tmp_path)
    kept.write_bytes(kept.read_bytes()[:1000])
    mended = play_all(variants, keep=tmp_path)

    assert first == again == mended
    assert [path.name for path in tmp_path.iterdir()] == [kept.name]


@pytest.mark.slow
def test_two_processes_say_what_one_says_in_the_same_order():
    """The score must not depend on the machine."""
    variants = chosen("healthy_control", seeds=2)
    heard: list[int] = []

    assert play_all(variants, jobs=2, progress=heard.append) == play_all(variants, jobs=1)
    assert heard == [1, 2]


def _invoke(*arguments: str) -> typer.testing.Result:
    app = typer.Typer()
    cli.add_to(app)
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("drill", "no_such_scenario"), "no scenario"),
        (("drill", "all", "--split", "both"), "expected tune or judge"),
        (("drill", "all", "--runbook", "nonsense"), "no runbook"),
        (("drill", "all", "--seeds", "0"), "--seeds takes 1"),
        (("drill", "all", "--jobs", "0"), "--jobs 1 to 64"),
        (("drill", "bad_deployment", "--record"), "--record takes a whole rehearsal"),
        (("drill", "all", "--split", "judge", "--record"), "--record takes a whole rehearsal"),
        (("drill", "all", "--break", "logs=sideways"), "unknown break"),
        (("drill", "bad_deployment", "--split", "judge"), "is not of the set judge"),
        (("bench-findings", "no/such/folder"), "is no folder"),
    ],
)
def test_a_wrong_order_is_told_and_nothing_is_played(arguments: tuple[str, ...], words: str):
    """A rehearsal takes minutes: a typing error must not."""
    result = _invoke(*arguments)

    assert isinstance(result.exception, UsageError)
    assert words in str(result.exception)
    assert "Nothing was" in str(result.exception)


def test_the_command_prints_json_for_one_scenario():
    """What a program reads is nothing but JSON."""
    result = _invoke("drill", "healthy_control", "--seeds", "1", "--runbook", "triage", "--jobs", "1", "--json")

    found = json.loads(result.stdout)
    assert (found["tune"]["controls"], found["tune"]["cases"]) == (1, 0)


RUN = ("runbooks", "findings", "diagnosis", "sources", "evidence", "panels", "reports", "models")
"""Packages that a run is made of."""


@pytest.mark.parametrize("package", [*RUN, "actions", "service"])
def test_no_run_can_reach_the_drills_the_sandbox_or_a_truth(package: str):
    """A runbook that could read the answers would be worth nothing; imports by name count as well."""
    for path in sorted((PACKAGE / package).rglob("*.py")):
        for name in _imported(path):
            assert not name.startswith(("pitchey_ops.drills", "pitchey_ops.sandbox")), (path, name)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert "pitchey_ops.drills" not in node.value, path
                assert "pitchey_ops.sandbox" not in node.value, path
            if isinstance(node, ast.Attribute):
                assert node.attr not in ("truth", "truth_for", "inconclusive_is_right"), (path, node.lineno)


def _imported(path: Path) -> list[str]:
    """Return every module that the file imports, with relative names made whole."""
    inside = ["pitchey_ops", *path.relative_to(PACKAGE).parts[:-1]]
    names = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = inside[: len(inside) - node.level + 1] if node.level else []
            whole = ".".join([*base, *([node.module] if node.module else [])])
            names += [whole, *(f"{whole}.{alias.name}" for alias in node.names)]
    return names


def test_the_check_of_imports_sees_relative_and_hidden_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A check that cannot fail proves nothing."""
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    (tmp_path / "findings").mkdir()
    path = tmp_path / "findings" / "x.py"
    path.write_text(
        "def f():\n    from ..sandbox import world\n    from .. import drills\n    import pitchey_ops.sandbox\n"
    )

    assert {"pitchey_ops.sandbox.world", "pitchey_ops.drills", "pitchey_ops.sandbox"} <= set(_imported(path))
