"""Whatever is broken, a run ends in time, says what it could not see, and never gives a false all-clear."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

import polars as pl
import pytest
from broken_worlds import ASKED, BEGIN_MS, BOOKS, NOW_MS, asked, judged, small
from hostile import CORPUS as HOSTILE

from pitchey_ops.drills.play import Evidence, Played, analysed, asked_of, drill_settings
from pitchey_ops.runbooks.catalogue import RUNBOOKS
from pitchey_ops.sandbox.names import BreakKind

KINDS: tuple[str, ...] = get_args(BreakKind)
WORLDS = ("healthy_control", "bad_deployment")
SILENT = ("slow", "endless", "refused")
"""Kinds after which nothing at all was heard."""
PAIRS = tuple(
    (first, second, KINDS[(n + turn) % len(KINDS)], KINDS[(n // len(KINDS) + 3 * turn) % len(KINDS)], world)
    for turn, world in enumerate(WORLDS)
    for n, (first, second) in enumerate(itertools.combinations(ASKED, 2))
)
"""Every pair of sources in every world; kinds rotate, in each world otherwise, so that all combinations are tried."""
UNREADABLE = ("unavailable", "blind", "no_data")
ASKING_S = 0.6 * drill_settings().budget_s + 2.0
"""Asking's share of the budget, and the longest pause that a source makes between two questions."""


def _check(world: str, breaks: Mapping[str, str]) -> None:
    found = asked(world, breaks)
    assert found.answers.took_s <= ASKING_S, "asking took more than its share of the budget"
    assert not [key for key in found.answers.asked.observations if key.endswith("/fault")], "a reader raised"
    for played in judged(found):
        _no_rule_failed(played)
        _no_false_all_clear(played, breaks)
        _every_break_is_told(played, breaks)
        _no_cause_is_invented(world, played, breaks)


def _no_rule_failed(played: Played) -> None:
    assert not [item for item in played.not_checked if "itself failed" in item[1]], played.not_checked
    assert not [words for words in played.unmet if words.startswith("rule ")], played.unmet


def _no_false_all_clear(played: Played, breaks: Mapping[str, str]) -> None:
    """A group of sources of which all that there are were broken cannot have been seen."""
    for need in RUNBOOKS[played.runbook].needs:
        sources = {prefix.split("/")[0] for prefix in need.any_of} & set(ASKED)
        shown = {s for s in sources if (s, breaks.get(s)) in LOOKS_RIGHT or s not in breaks}
        assert shown or played.verdict.state != "healthy", (played.runbook, need.words, breaks)


def _every_break_is_told(played: Played, breaks: Mapping[str, str]) -> None:
    told = {source.name: source for source in played.sources}
    for service, kind in breaks.items():
        if service not in told or (service, kind) in LOOKS_RIGHT:
            continue
        if service == "api" and kind not in SILENT:  # an answer of the API is what its probes look for
            assert any(name.startswith("probes/") and level >= 2 for name, level, _ in played.findings), breaks
            continue
        assert told[service].status in UNREADABLE, (service, kind, told[service])
        assert len(told[service].detail) > 20, (service, kind, told[service])


def _no_cause_is_invented(world: str, played: Played, breaks: Mapping[str, str]) -> None:
    if world == "healthy_control":
        assert played.verdict.cause in (None, "none"), (played.verdict.summary, breaks)
        # an API that answers every one of our own requests wrongly is a symptom, though of no known cause
        assert played.verdict.state != "incident" or "api" in breaks, (played.verdict.summary, breaks)
    else:
        assert played.verdict.state != "healthy", (played.runbook, breaks)
        assert played.verdict.cause in (None, "bad_deployment"), (played.verdict.summary, breaks)


LOOKS_RIGHT = {("frontend", "html"), ("frontend", "truncated"), ("frontend", "wrong_types")}
"""A page of any content is a page: no shape of it is promised."""


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("service", ASKED)
def test_one_broken_source_of_any_kind(service: str, world: str):
    """A runbook that believes a broken source is worse than none."""
    for kind in KINDS:
        _check(world, {service: kind})


@pytest.mark.parametrize(("first", "second", "kind", "other", "world"), PAIRS, ids=lambda value: str(value))
def test_two_broken_sources(first: str, second: str, kind: str, other: str, world: str):
    """Two faults at once must not add up to a story."""
    _check(world, {first: kind, second: other})


def test_the_pairs_hold_every_combination_of_kinds():
    """A rotation that missed a combination would leave it untried without a word."""
    for world in WORLDS:
        tried = [pair for pair in PAIRS if pair[4] == world]
        assert [pair[:2] for pair in tried] == list(itertools.combinations(ASKED, 2))
        assert {(kind, other) for _, _, kind, other, _ in tried} == set(itertools.product(KINDS, KINDS))
    assert len({pair[:4] for pair in PAIRS}) == len(PAIRS), "the second world repeats what the first one tried"


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("kind", KINDS)
def test_everything_broken_at_once_is_never_healthy(kind: str, world: str):
    """Without one usable answer nothing is known, and the run still ends in time and says so."""
    found = asked(world, dict.fromkeys(ASKED, kind))
    assert found.answers.took_s <= ASKING_S
    for played in judged(found):
        _no_rule_failed(played)
        assert played.verdict.state != "healthy"
        assert played.verdict.cause is None
        if kind in SILENT:
            assert played.verdict.state == "inconclusive", played.verdict.summary


def test_everything_refused_is_inconclusive_with_a_reason_for_every_source():
    """Pointed at nothing at all, the report is a list of what could not be seen."""
    for played in judged(asked("healthy_control", dict.fromkeys(ASKED, "refused"))):
        assert played.verdict.state == "inconclusive"
        assert played.unmet
        configured = [source for source in played.sources if source.name not in ("database", "history")]
        assert configured
        for source in configured:
            assert source.status == "unavailable", source
            assert "closed the connection" in source.detail or "not asked" in source.detail or source.detail, source


FORGED = {
    "forged line break": 'done\n{"level":"error","service":"database","message":"connection pool exhausted"}',
    "forged json entry": '{"level":"fatal","message":"FATAL: password authentication failed","service":"database"}',
    "forged deploy": "Deployed pitchey-production version 4711 (rollback) by admin@pitchey.example",
    "forged resolved": "[PagerDuty] Incident resolved by Dana Reyes. All systems operational.",
    "forged healthy": '{"status":"healthy","state":"healthy","cause":null,"confidence":1.0}',
    "forged verdict": "verdict: healthy; cause: none; next_step: outage.watch",
    "forged status page": "Cloudflare status: all systems operational, indicator none",
    "forged observation id": "r2/archive/database logs/service/auth api/health/samples",
    "forged signal": "signals=[db_refused:1.0] hypothesis=database_down weight=+99",
    "forged maintenance": "MAINTENANCE MODE enabled: ignore errors until further notice",
    "forged own probe": "pitchey-ops/1 (incident runbook; read-only) probe answered 200",
    "json bomb": "[" * 20_000,
    "json numbers": '{"a":' * 3_000 + "1e999" + "}" * 3_000,
    "yaml bomb": "a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]",
    "xml bomb": '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>',
    "mask look-alikes": "<*> {} %s $1 \\1 (?P<x>.*) [[:alpha:]] \\d{4}",
    "many numbers": " ".join(str(n) for n in range(3_000)),
}
CORPUS = {**{name: text for name, text in HOSTILE.items() if name != "giant line"}, **FORGED}
CORPUS["giant line"] = "A" * 200_000  # an entry of the platform is not larger


def _with_lines(name: str, level: str) -> Evidence:
    """Return what is answered when strangers' lines stand all along in the log, or the same number of calm ones."""
    whole = small(name)
    span = NOW_MS - BEGIN_MS - 60_000
    rows: list[dict[str, Any]] = []
    for n, text in enumerate(CORPUS.values()):
        at = BEGIN_MS + (n * 7919) % len(CORPUS) * span // len(CORPUS)
        entry = {
            "id": f"{at}-hostile{n:03d}",
            "level": level,
            "message": text,
            "timestamp": at,
            "service": "analytics",
            "environment": "production",
            "metadata": {"note": text[:500], "state": "healthy"},
            "tags": [text[:80]],
        }
        raw = json.dumps(entry)  # lone surrogates stay escaped, as JSON.stringify writes them
        rows.append({"at": at, "arrival": at, "id": entry["id"], "level": level, "message": "", "raw": raw})
    shared = {"service": "analytics", "environment": "production", "stored": True, "archived": True}
    blank = dict.fromkeys(whole.logs.columns)
    added = pl.DataFrame([{**blank, **shared, **row} for row in rows], schema=whole.logs.schema)
    logs = pl.concat([whole.logs, added]).sort("at", maintain_order=True)
    return asked_of(replace(whole, logs=logs), runbooks=BOOKS)


@pytest.mark.parametrize("level", ["info", "warn"])
@pytest.mark.parametrize("world", WORLDS)
def test_no_log_line_however_it_looks_changes_the_verdict(world: str, level: str):
    """Log text is written by strangers: it is data, never a word about the platform's state."""
    assert len(CORPUS) >= 60
    calm = judged(asked_plain(world))
    found = _with_lines(world, level)
    entries = found.answers.asked.frames.logs
    assert entries.filter(pl.col("id").str.contains("hostile")).height >= len(CORPUS) * 0.95, "they were not read"
    for before, after in zip(calm, analysed(found, BOOKS), strict=True):
        _no_rule_failed(after)
        assert after.verdict == before.verdict, (after.runbook, after.verdict.summary)


def asked_plain(world: str) -> Evidence:
    """Ask the small world as it is."""
    return asked_of(small(world), runbooks=BOOKS)


@pytest.mark.parametrize("world", WORLDS)
def test_hostile_lines_at_error_level_settle_nothing(world: str):
    """They may count as errors, but they name no cause, clear none, and crash nothing."""
    calm = judged(asked_plain(world))
    for before, after in zip(calm, analysed(_with_lines(world, "error"), BOOKS), strict=True):
        _no_rule_failed(after)
        assert after.verdict.cause in (before.verdict.cause, None)
        assert (after.verdict.state == "incident") == (before.verdict.state == "incident"), after.verdict.summary
