"""A covering array: few rows in which every pair of values stands together at least once."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

CHOICE = 4
"""Sources that are looked at for each row: more takes longer and makes hardly fewer rows."""
Value = tuple[str, str]
"""Column and value: a source and a runbook may have one name."""


@dataclass(frozen=True)
class Row:
    """Two broken sources, how each is broken, what the platform goes through, and which runbook is run on it."""

    sources: tuple[str, str]
    kinds: tuple[str, str]
    runbook: str
    scenario: str

    @property
    def breaks(self) -> dict[str, str]:
        """Source -> kind."""
        return dict(zip(self.sources, self.kinds, strict=True))

    def __str__(self) -> str:
        broken = "+".join(f"{source}={kind}" for source, kind in self.breaks.items())
        return f"{self.runbook}-{self.scenario}-{broken}"

    def pairs(self) -> Iterator[frozenset[Value]]:
        """Yield every two values that meet in this row; a kind meets its own source."""
        around = (("runbook", self.runbook), ("scenario", self.scenario))
        yield frozenset(around)
        for source, kind in self.breaks.items():
            yield frozenset((("source", source), ("kind", kind)))
            for value in around:
                yield frozenset((("source", source), value))
                yield frozenset((("kind", kind), value))


def wanted(
    sources: Sequence[str], kinds: Sequence[str], runbooks: Sequence[str], scenarios: Sequence[str]
) -> set[frozenset[Value]]:
    """Return every pair that must stand in some row: values of any two different columns."""
    named = {"source": sources, "kind": kinds, "runbook": runbooks, "scenario": scenarios}
    columns = [[(name, value) for value in values] for name, values in named.items()]
    return {frozenset(pair) for one, two in itertools.combinations(columns, 2) for pair in itertools.product(one, two)}


def cover(
    sources: Sequence[str], kinds: Sequence[str], runbooks: Sequence[str], scenarios: Sequence[str]
) -> tuple[Row, ...]:
    """
    Return rows that hold every pair of `wanted`, each with two sources of which most is still missing.

    Greedy, so not the smallest array, but the same one each time.
    """
    missing = wanted(sources, kinds, runbooks, scenarios)
    rows: list[Row] = []
    used: Counter[str] = Counter()
    while missing:
        left = Counter(value for pair in missing for name, value in pair if name == "source")
        needy = sorted(sources, key=lambda source: (-left[source], used[source]))[:CHOICE]
        filled = (
            _filled(pair, runbook, scenario, kinds, missing, used)
            for pair, runbook, scenario in itertools.product(itertools.combinations(needy, 2), runbooks, scenarios)
        )
        best = max(filled, key=lambda row: (len(missing.intersection(row.pairs())), -used[row.runbook + row.scenario]))
        rows.append(best)
        missing.difference_update(best.pairs())
        used.update([*best.sources, *best.kinds, best.runbook + best.scenario])
    return tuple(rows)


def _filled(
    pair: tuple[str, str],
    runbook: str,
    scenario: str,
    kinds: Sequence[str],
    missing: set[frozenset[Value]],
    used: Mapping[str, int],
) -> Row:
    """Return the row with the kinds that make the most new pairs; among equals the one that was used least."""
    picked: list[str] = []
    for source in pair:
        beside = (("source", source), ("runbook", runbook), ("scenario", scenario))
        rank = {
            kind: (sum(frozenset((("kind", kind), value)) in missing for value in beside), -used[kind])
            for kind in kinds
            if kind not in picked
        }
        picked.append(max(rank, key=rank.__getitem__))
    return Row(pair, (picked[0], picked[1]), runbook, scenario)
