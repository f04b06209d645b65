"""The catalogue of scenarios: one small file each, those that judge apart from those that tune."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from ..scenario import Scenario, Split
from . import judge, tune


@cache
def catalogue() -> Mapping[str, Scenario]:
    """Return all scenarios by name."""
    every = [*tune.SCENARIOS, *judge.SCENARIOS]
    names = [s.name for s in every]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise ValueError(f"scenario names used twice: {', '.join(twice)}")
    return MappingProxyType({s.name: s for s in every})


def variants(split: Split | None = None) -> list[tuple[str, int, Split]]:
    """Return ``(name, seed, split)`` of every seeded variant, in the catalogue's order."""
    return [
        (s.name, seed, s.split)
        for s in catalogue().values()
        for seed in range(s.seeds)
        if split is None or s.split == split
    ]


__all__ = ["Scenario", "catalogue", "variants"]
