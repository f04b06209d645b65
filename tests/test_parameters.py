"""Parameters are checked before papermill sees them: to papermill a parameter's name is code."""

from __future__ import annotations

import ast
import json
import logging
import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pitchey_ops.errors import UsageError
from pitchey_ops.runbooks.catalogue import RUNBOOKS
from pitchey_ops.runbooks.parameters import LONGEST_TEXT, Declared, checked, declared

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
KNOWN = {
    name: Declared(name=name, default=default, help="")
    for name, default in {"window": "", "limit": 0.05, "count": 3, "deep": False, "services": []}.items()
}
HOSTILE_NAMES = [
    "x=0; import os; os.system('touch /tmp/owned'); y",
    "window = 1\nimport os",
    "window ",
    "Window",
    "__builtins__",
    "window\x00",
    "\ud800",
    "",
    "w" * 10_000,
    "class",
    "limit; del window",
]


def notebook(folder: Path, source: str, tags: tuple[str, ...] = ("parameters",)) -> Path:
    """Write a notebook with one cell and return its path."""
    cell = {"cell_type": "code", "metadata": {"tags": list(tags)}, "source": source.splitlines(keepends=True)}
    path = folder / "one.ipynb"
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_only_declared_names_pass(name: str) -> None:
    """papermill writes ``name = value`` into a cell: an unchecked name runs whatever it says."""
    with pytest.raises(UsageError) as caught:
        checked({name: "1"}, KNOWN, runbook="outage")

    assert "is no parameter of outage" in str(caught.value)
    assert len(str(caught.value)) < 300


def test_all_faults_are_named_at_once_with_what_was_expected() -> None:
    """One message: what, where, what instead."""
    with pytest.raises(UsageError) as caught:
        checked({"windw": "1h", "limit": "many", "count": "1.5", "deep": "perhaps"}, KNOWN, runbook="outage")
    text = str(caught.value)

    assert "did you mean 'window'?" in text
    assert "limit: 'many' does not fit, expected number" in text
    assert "count: '1.5' does not fit, expected whole number" in text
    assert "deep: 'perhaps' is neither, expected true or false" in text
    assert text.endswith("Nothing was run.")


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("window", "1h", "1h"),
        ("window", "'; import os #", "'; import os #"),
        ("window", "{{7*7}} {x} %s \u202e\x00", "{{7*7}} {x} %s \u202e\x00"),
        ("limit", "0.1", 0.1),
        ("limit", 1, 1.0),
        ("count", "5", 5),
        ("count", 5.0, 5),
        ("deep", "Yes", True),
        ("deep", False, False),
        ("services", "auth, pitch,", ["auth", "pitch"]),
        ("services", ["a,b"], ["a,b"]),
    ],
)
def test_values_become_their_declared_type(name: str, value: Any, kept: Any) -> None:
    """What comes from a command line is text; what it says is a number, a truth or a list."""
    found = checked({name: value}, KNOWN, runbook="outage")[name]

    assert found == kept
    assert type(found) is type(kept)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "nan"),
        ("limit", math.nan),
        ("limit", math.inf),
        ("limit", "-inf"),
        ("limit", "1e999"),
        ("limit", True),
        ("limit", None),
        ("limit", [1]),
        ("count", "1e3x"),
        ("count", 1.5),
        ("count", "9" * 5000),
        ("count", math.inf),
        ("window", 5),
        ("window", None),
        ("window", b"1h"),
        ("window", {"a": 1}),
        ("window", "\ud800"),
        ("window", "x" * (LONGEST_TEXT + 1)),
        ("services", [1]),
        ("services", {"a": 1}),
        ("services", ["\ud800"]),
        ("services", ["x" * (LONGEST_TEXT + 1)]),
        ("services", ["x"] * 10_000),
        ("deep", 1),
        ("deep", None),
    ],
)
def test_values_that_do_not_fit_are_refused(name: str, value: Any) -> None:
    """Not a number, endless, wrong, unstorable or huge: papermill would write it into code all the same."""
    with pytest.raises(UsageError) as caught:
        checked({name: value}, KNOWN, runbook="outage")

    assert name in str(caught.value)
    assert len(str(caught.value)) < 400
    str(caught.value).encode()


any_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=5,
)


@given(given_values=st.dictionaries(st.one_of(st.sampled_from(sorted(KNOWN)), st.text()), any_json, max_size=3))
def test_anything_is_checked_or_a_usage_error(given_values: dict[str, Any]) -> None:
    """What passes is of the declared type, can be stored, and is bounded."""
    try:
        found = checked(given_values, KNOWN, runbook="outage")
    except UsageError:
        return
    assert set(found) <= set(KNOWN)
    for name, value in found.items():
        assert type(value) is type(KNOWN[name].default)
    assert len(json.dumps(found, allow_nan=False).encode()) < 300_000


@pytest.mark.parametrize(
    "source",
    [
        "",
        "import os",
        "x = 1 + y",
        "x = open('/etc/passwd').read()",
        "x, y = 1, 2",
        "x = y = 1",
        "x = {'a': 1}",
        "x = None",
        "x: int = 1",
        "x = (",
    ],
)
def test_a_parameters_cell_holds_plain_assignments_of_literals_only(tmp_path: Path, source: str) -> None:
    """It is read, never run."""
    if source == "":
        with pytest.raises(UsageError, match="no notebook with a cell tagged"):
            declared(notebook(tmp_path, "x = 1", tags=()))
        return
    with pytest.raises(UsageError):
        declared(notebook(tmp_path, source))


@pytest.mark.parametrize("text", ["", "{}", "[]", "not json", '{"cells": 5}', '{"cells": [5]}', "\x00"])
def test_a_file_that_is_no_notebook_says_so(tmp_path: Path, text: str) -> None:
    """papermill takes anything that parses."""
    path = tmp_path / "no.ipynb"
    path.write_text(text)
    with pytest.raises(UsageError, match="no notebook"):
        declared(path)
    with pytest.raises(UsageError, match="no notebook"):
        declared(tmp_path / "absent.ipynb")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_notebook_declares_its_parameters_with_help(path: Path) -> None:
    """The command line's help and the checks stand on them."""
    found = declared(path)

    assert {"window", "environment"} <= set(found)
    assert all(len(one.help) > 10 for one in found.values())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_papermill_sees_the_same_names_and_defaults_without_warnings(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """``papermill -f`` and ``--help-notebook`` must work as people know them; it splits lines by ``=``."""
    import papermill

    with caplog.at_level(logging.WARNING):
        seen = papermill.inspect_notebook(str(path))
    ours = declared(path)

    assert {name: ast.literal_eval(one["default"]) for name, one in seen.items()} == {
        name: one.default for name, one in ours.items()
    }
    assert {name: one["help"] for name, one in seen.items()} == {name: one.help for name, one in ours.items()}
    assert [record.message for record in caplog.records] == []


@pytest.mark.parametrize("book", RUNBOOKS.values(), ids=lambda book: book.id)
def test_the_parameter_file_of_each_runbook_fits_its_notebook(book: Any) -> None:
    """``papermill -f`` with it is one of the ways that people know: every name, right types, comments."""
    assert book.parameters_file.is_file(), f"{book.parameters_file.name} is missing"
    text = book.parameters_file.read_text(encoding="utf-8")
    values = yaml.safe_load(text)
    known = declared(book.notebook)

    assert set(values) == set(known)
    assert set(checked(values, known, runbook=book.id)) == set(known)
    assert text.count("#") >= len(known)
