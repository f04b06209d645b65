"""Notebooks, their parameters, the catalogue and the written runbook's steps say the same; notebooks stay thin."""

from __future__ import annotations

import ast
import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pitchey_ops.findings.catalogue import RULES
from pitchey_ops.panels.steps import STEP_PANELS
from pitchey_ops.runbooks.catalogue import RUNBOOKS, STEP_RULES
from pitchey_ops.runbooks.parameters import declared
from pitchey_ops.steps import steps, steps_of

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
NAMES = ("triage", "outage", "error_rate", "performance", "security", "database", "frontend", "monitoring",
         "post_incident")  # fmt: skip
CODE_LINES_MOST = 12

NEED_NO_RULE = {
    "contacts.team": "shows people and channels of the settings and of PagerDuty",
    "security.events": "shows counters that are never evidence (traps 18 and 19)",
    "security.rate-limits": "shows figures that are empty in practice; 429 at the edge is told by traffic",
    "outage.firewall-review": "shows the edge's own events; whom they hit is read off the table",
}
"""Automatic steps that stand on no rule, each with its reason."""


def _document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
    return found


def _cells(name: str, kind: str) -> list[dict[str, Any]]:
    return [cell for cell in _document(name)["cells"] if cell["cell_type"] == kind]


def _source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def _tags(cell: dict[str, Any]) -> list[str]:
    return list(cell["metadata"].get("tags", ()))


def _parameters(name: str) -> str:
    (cell,) = [cell for cell in _cells(name, "code") if "parameters" in _tags(cell)]
    return _source(cell)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_committed_without_outputs(name: str):
    """A stored output is an answer of another day, and may hold what a run saw."""
    for cell in _cells(name, "code"):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_has_one_title_and_no_skipped_heading_level(name: str):
    """Readers with a screen reader jump by headings."""
    text = "\n".join(_source(cell) for cell in _cells(name, "markdown"))
    levels = [len(mark) for mark in re.findall(r"^(#+) ", text, flags=re.MULTILINE)]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_literals_with_a_comment_each(name: str):
    """What a responder may change has to say what it means, and may compute nothing."""
    source = _parameters(name)

    for statement in ast.parse(source).body:
        assert isinstance(statement, ast.Assign)
        ast.literal_eval(statement.value)
    assert all(re.search(r"  # \S", line) for line in source.splitlines())


@pytest.mark.parametrize("name", NAMES)
def test_code_cells_are_short_and_hold_no_logic(name: str):
    """Logic lives in the package, where tests reach it."""
    for cell in _cells(name, "code"):
        source = _source(cell)
        assert len(source.splitlines()) <= CODE_LINES_MOST
        for node in ast.walk(ast.parse(source)):
            assert not isinstance(
                node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda | ast.For | ast.While | ast.If
                | ast.ListComp | ast.DictComp | ast.SetComp | ast.GeneratorExp | ast.Try | ast.With | ast.Import
            )  # fmt: skip
            if isinstance(node, ast.ImportFrom):
                assert (node.module, [alias.name for alias in node.names]) == ("pitchey_ops", ["investigate"])


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_investigates_itself_first_and_finishes_last(name: str):
    """The verdict comes before any detail, and the last cell proves that the run reached its end."""
    sources = [_source(cell) for cell in _cells(name, "code")]

    assert "parameters" in _tags(_cells(name, "code")[0])
    assert f'investigate(\n    "{name}"' in sources[1]
    assert sources[2] == "run.verdict"
    assert sources[-1] == "run.finish()"


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_reaches_the_investigation(name: str):
    """A parameter that is declared and not passed on would be silently ignored."""
    call = _source(_cells(name, "code")[1])

    assert all(f"{parameter}={parameter}" in call for parameter in declared(ROOT / "notebooks" / f"{name}.ipynb"))


@pytest.mark.parametrize("name", NAMES)
def test_a_section_has_words_before_its_panels(name: str):
    """A panel without a question above it is a picture without a reason."""
    cells = _document(name)["cells"]

    for before, cell in itertools.pairwise(cells):
        if cell["cell_type"] == "markdown":
            continue
        assert before["cell_type"] == "code" or len(_source(before).split()) >= 5


def test_each_step_is_in_exactly_its_notebook_and_nowhere_else():
    """No step of the written runbook can go missing, or be counted twice."""
    for name in NAMES:
        shown = [tag.removeprefix("step:") for cell in _cells(name, "code") for tag in _tags(cell) if ":" in tag]
        called = [
            match for cell in _cells(name, "code") for match in re.findall(r'run\.step\("([^"]+)"\)', _source(cell))
        ]
        assert sorted(shown) == sorted(step.id for step in steps_of(name)), name
        assert shown == called, name


def test_every_step_of_a_notebook_has_a_panel_and_no_panel_is_left_over():
    """A panel of no step would never be shown; a step without a panel would fail at 3 am."""
    wanted = {step.id for name in NAMES for step in steps_of(name)}

    assert set(STEP_PANELS) == wanted


def test_every_automatic_step_names_the_rules_that_it_stands_on():
    """A step whose rule could not look is never called done, so each must say its rules, or why it has none."""
    for name in NAMES:
        for step in steps_of(name):
            if step.kind != "auto":
                continue
            assert (step.id in STEP_RULES) != (step.id in NEED_NO_RULE), step.id
            for rule in STEP_RULES.get(step.id, ()):
                assert rule in RULES, (step.id, rule)
                assert rule in RUNBOOKS[name].rules, (step.id, rule, "is not applied in", name)


def test_the_catalogue_knows_every_notebook_and_each_has_its_file():
    """A notebook without an entry cannot be run; an entry without a notebook fails when it is needed."""
    assert set(NAMES) <= set(RUNBOOKS)
    for name in NAMES:
        assert RUNBOOKS[name].notebook.is_file()
        assert RUNBOOKS[name].parameters_file.is_file()
        assert len(set(RUNBOOKS[name].rules)) == len(RUNBOOKS[name].rules)
        assert set(RUNBOOKS[name].rules) <= set(RULES)


@pytest.mark.parametrize("name", NAMES)
def test_the_parameters_file_holds_the_notebooks_names_and_values(name: str):
    """`papermill -f` takes any name without complaint, so the file must not drift from the notebook."""
    text = (ROOT / "parameters" / f"{name}.yaml").read_text(encoding="utf-8")
    known = declared(ROOT / "notebooks" / f"{name}.ipynb")

    values = yaml.safe_load(text)

    assert values == {key: one.default for key, one in known.items()}
    assert {key: type(value) for key, value in values.items()} == {key: type(one.default) for key, one in known.items()}


@pytest.mark.parametrize("name", NAMES)
def test_every_value_of_a_parameters_file_is_commented(name: str):
    """Units and meaning stand beside the value that somebody is about to change."""
    lines = (ROOT / "parameters" / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    known = declared(ROOT / "notebooks" / f"{name}.ipynb")

    for before, line in itertools.pairwise(lines):
        if re.match(r"\w+:", line):
            assert before == f"# {known[line.partition(':')[0]].help}"


def test_the_steps_are_those_of_the_written_runbook():
    """The package holds a copy of the steps; it must be the same table."""
    path = SHARED / "runbook_steps.yaml"
    if not path.is_file():
        pytest.skip(f"{path} absent: the copy in the package was not compared")
    written: dict[str, tuple[str, str, str | None]] = {}
    for section in yaml.safe_load(path.read_text(encoding="utf-8"))["sections"]:
        for row in section["steps"]:
            written[row["id"]] = (row["kind"], row["what"], section["notebook"])

    assert {key: (one.kind, one.what, one.notebook) for key, one in steps().items()} == written
    assert len(written) == 97
