"""The 97 steps of the written runbook, by their stable ids (``steps.yaml``)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from .yaml_text import read_yaml

Kind = Literal["auto", "action", "person"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: ``auto`` runs headless, ``action`` is planned, ``person`` is prepared."""

    id: str
    kind: Kind
    what: str
    notebook: str | None
    traps: tuple[int, ...] = ()


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
