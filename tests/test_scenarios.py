"""The catalogue of scenarios: complete, told apart, and without slips of the pen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pitchey_ops.sandbox.builder import Builder
from pitchey_ops.sandbox.entries import render
from pitchey_ops.sandbox.generate import build
from pitchey_ops.sandbox.platform import INDEX
from pitchey_ops.sandbox.scenarios import catalogue, variants

NOW = 1_795_422_256_523
SHARED = Path(__file__).parents[1].parent / "shared"
HYPOTHESES = frozenset(
    [
        "bad_deployment",
        "database_down",
        "database_pool_exhausted",
        "database_slow",
        "database_locked",
        "schema_drift",
        "credentials_invalid",
        "cloudflare_incident",
        "traffic_flood",
        "auth_fault",
        "third_party_outage",
        "cache_degraded",
        "storage_degraded",
        "worker_limits",
        "frontend_build",
        "frontend_assets",
        "cors_misconfigured",
        "web_vitals_regression",
        "brute_force",
        "injection_attack",
        "scraping",
        "rate_limit_bypass",
        "monitoring_blind",
        "monitoring_stopped",
        "alert_channel_broken",
        "none",
    ]
)
"""Hypothesis ids of the design, section 6."""
FIRST_ONES = (
    "healthy_control", "bad_deployment", "database_pool_exhausted", "database_down", "cloudflare_incident",
    "third_party_outage", "auth_secret_rotated", "traffic_flood", "logs_blind",
)  # fmt: skip
NAMES = sorted(catalogue())


def staged(name: str, seed: int = 0) -> Builder:
    """Return the intentions of a scenario."""
    b = Builder(seed, NOW)
    catalogue()[name].stage(b)
    return b


def test_every_hypothesis_is_tuned_and_judged() -> None:
    """A cause that is never played is never learnt or scored."""
    for split in ("tune", "judge"):
        assert {s.cause for s in catalogue().values() if s.split == split} == HYPOTHESES


def test_scenarios_named_by_the_plan_are_there() -> None:
    """Others start the sandbox by these names."""
    assert set(FIRST_ONES) <= set(catalogue())


def test_there_are_enough_faults_and_controls() -> None:
    """Sixty faults and forty controls, seeded variants counted."""
    causes = [catalogue()[name].cause for name, *_ in variants()]
    assert sum(cause != "none" for cause in causes) >= 60
    assert causes.count("none") >= 40
    for split in ("tune", "judge"):
        some = [catalogue()[name].cause for name, _, which in variants(split) if which == split]
        assert min(some.count("none"), len(some) - some.count("none")) >= 20


def test_judging_pairs_of_fault_and_distractor_are_held_out() -> None:
    """Not only seeds: what judges must be new to the rules."""
    pairs = {
        split: {(s.cause, d) for s in catalogue().values() if s.split == split and s.cause != "none" for d in s.beside}
        for split in ("tune", "judge")
    }
    assert pairs["judge"]
    assert not pairs["tune"] & pairs["judge"]


@pytest.mark.parametrize("name", NAMES)
def test_scenario_is_sound(name: str) -> None:
    """Known routes and fields, effects drawn apart, an onset that lies behind, a truth that names its cause."""
    rng = np.random.default_rng(0)
    for seed in range(3):
        b = staged(name, seed)
        for fault in (*b.faults, *b.stumbles):
            assert set(fault.hits) <= set(INDEX)
            assert all(0 < share <= 1 for share in fault.hits.values())
        entries = [e for f in b.faults + b.stumbles for e in f.entries]
        entries += [e for c in b.crowds for e in c.entries] + [s.entry for s in b.sayings]
        for entry in entries:
            for text in (*entry.texts, entry.metadata):
                render(text, 1, rng)
        for crowd in b.crowds:
            assert crowd.addresses
            assert crowd.agents
            assert sum(crowd.outcomes.values()) == pytest.approx(1.0)
        for keys in (
            [one.key for one in b.faults + b.stumbles],
            [one.key for one in b.slows],
            [one.key for one in b.crowds],
            [one.key for one in b.sayings],
            [one.key for one in b.silences],
        ):
            assert len(keys) == len(set(keys))
        truth = catalogue()[name].truth_for(seed, NOW)
        if truth.cause == "none":
            assert truth.onset_ms is None
        else:
            assert truth.onset_ms is not None
            assert b.start_ms < truth.onset_ms < NOW
            assert truth.services
            assert truth.severity in ("P1", "P2", "P3", "P4")


def test_truth_without_the_world_is_the_world_s_truth() -> None:
    """The drill scores by it without building the world a second time."""
    for name in ("bad_deployment", "password_spraying", "quiet_busy_deployed"):
        assert build(name, seed=2, now_ms=NOW, entries=20_000).truth == catalogue()[name].truth_for(2, NOW)


def test_truth_is_in_no_table() -> None:
    """Runs must find the cause, not read it."""
    world = build("traffic_flood", seed=1, now_ms=NOW, entries=20_000)
    texts = pl.concat([world.logs["message"], world.logs["service"].fill_null("")]).drop_nulls()
    assert not texts.str.contains("traffic_flood", literal=True).any()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_scenario_can_be_drawn(name: str) -> None:
    """The whole catalogue plays."""
    world = build(name, seed=1, now_ms=NOW, entries=20_000)
    assert world.logs.height > 20_000
    assert world.edge.filter(pl.col("at") > NOW).height > 1000
