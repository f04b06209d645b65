"""Worlds tell one story in all their sources, and the same one for the same seed."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pitchey_ops.errors import UsageError
from pitchey_ops.sandbox import world as declared
from pitchey_ops.sandbox.case import world_from_case
from pitchey_ops.sandbox.entries import FIELDS, render
from pitchey_ops.sandbox.generate import build
from pitchey_ops.sandbox.platform import ROUTES
from pitchey_ops.sandbox.traffic import IS_WORKER
from pitchey_ops.sandbox.world import World

NOW = 1_795_463_000_000
"""Monday, 23 November 2026, 19:43 UTC: the busy hours."""
MINUTE = 60_000
SHARED = Path(__file__).parents[1].parent / "shared" / "datasets"
TABLES = ("logs", "metrics", "db_posts", "vitals", "edge", "workers", "firewall", "probes")


@cache
def played(name: str, seed: int = 0, mended_ms: int | None = None) -> World:
    """Return a world, built once."""
    return build(name, seed=seed, now_ms=NOW, mended_ms=mended_ms)


def onset_of(world: World) -> int:
    """Return when the world's incident begins."""
    assert world.truth is not None
    assert world.truth.onset_ms is not None
    return world.truth.onset_ms


def failing(frame: pl.DataFrame, start_ms: int, end_ms: int, column: str = "status") -> float:
    """Return the share of 5xx between two moments."""
    rows = frame.filter(pl.col("at").is_between(start_ms, end_ms, closed="left") & pl.col(column).is_not_null())
    weight = rows["requests"].to_numpy() if "requests" in rows.columns else np.ones(len(rows))
    return float(weight[rows[column].to_numpy() >= 500].sum() / max(weight.sum(), 1))


def share_of(flags: pl.Series) -> float:
    """Return the share that is true."""
    return float(flags.to_numpy().mean())


def test_same_seed_and_clock_give_the_same_world() -> None:
    """Scores and replays would mean nothing otherwise."""
    again = build("bad_deployment", seed=0, now_ms=NOW)
    for table in TABLES:
        assert_frame_equal(getattr(again, table), getattr(played("bad_deployment"), table))
    assert again.truth == played("bad_deployment").truth
    assert again.behaviours == played("bad_deployment").behaviours
    assert again.issues == played("bad_deployment").issues


def test_another_seed_gives_another_world() -> None:
    """Variants must vary."""
    first, second = played("bad_deployment"), played("bad_deployment", 1)
    assert onset_of(first) != onset_of(second)
    assert not first.edge.equals(second.edge)


@pytest.mark.parametrize("name", ["healthy_control", "bad_deployment", "brute_force", "monitoring_blind"])
def test_tables_have_the_declared_columns_in_order_of_time(name: str) -> None:
    """The services read them without looking."""
    world = played(name)
    for table in TABLES:
        frame: pl.DataFrame = getattr(world, table)
        assert dict(frame.schema) == getattr(declared, table.upper()), table
        assert frame["at"].is_sorted(), table
        assert not frame.is_empty(), table


def test_a_week_lies_behind_and_two_hours_ahead() -> None:
    """The 1,000 cut must bite, and the sandbox must be able to run on."""
    world = played("healthy_control")
    for table in ("logs", "edge", "workers", "probes", "metrics", "db_posts"):
        at = getattr(world, table)["at"]
        assert at.min() <= NOW - 7 * 24 * 60 * MINUTE + 5 * MINUTE, table
        assert at.max() >= NOW + 120 * MINUTE, table
    past = world.logs.filter(pl.col("at") <= NOW)
    assert 180_000 < len(past) < 220_000
    sizes = dict(past["service"].value_counts().iter_rows())
    assert sum(size > 1000 for size in sizes.values()) >= 15
    assert sum(size < 1000 for size in sizes.values()) >= 2


def test_ordinary_times_have_few_errors_but_some() -> None:
    """A baseline of zero would make every rule look good."""
    past = played("healthy_control").logs.filter(pl.col("at") <= NOW)
    assert 0.003 < share_of(past["level"].str.to_lowercase() == "error") < 0.008


def test_evening_is_busier_than_the_small_hours() -> None:
    """Onset detection has to bear the day's rhythm."""
    hourly = (
        played("healthy_control")
        .edge.group_by(pl.col("at") // (60 * MINUTE) % 24)
        .agg(pl.col("requests").mean())
        .sort("at")["requests"]
    )
    assert hourly[20] > 2.0 * hourly[4]


def test_edge_fails_in_the_share_that_was_meant_and_only_since_the_onset() -> None:
    """The edge is the truth that everything else is measured against."""
    world = played("bad_deployment")
    onset, hit = onset_of(world), pl.col("route").is_in(list(world.truth.routes if world.truth else ()))
    mine, others = world.edge.filter(hit), world.edge.filter(~hit)
    assert failing(mine, onset - 3600_000, onset // MINUTE * MINUTE) < 0.01
    assert 0.25 < failing(mine, onset + MINUTE, NOW) < 0.45
    assert failing(others, onset + MINUTE, NOW) < 0.01


@pytest.mark.parametrize("name", ["bad_deployment", "database_pool_exhausted", "third_party_outage"])
def test_request_log_edge_and_live_routes_agree_on_the_failing_share(name: str) -> None:
    """A contradiction between vantage points must never be the sandbox's own doing."""
    world = played(name)
    start, end = onset_of(world) + 3 * MINUTE, NOW + 100 * MINUTE
    live = {b.path: b.share for b in world.behaviours if b.status >= 500 and b.start_ms <= start and b.end_ms > end}
    route = max(live, key=lambda path: live[path])
    at_edge = failing(world.edge.filter(pl.col("route") == route), start, end)
    logged = world.logs.filter((pl.col("component") == "http") & (pl.col("url").str.split("?").list.first() == route))
    assert at_edge == pytest.approx(live[route], abs=0.08)
    assert failing(logged, start, end, "statusCode") == pytest.approx(at_edge, abs=0.15)


def test_worker_invocations_are_the_requests_that_reached_the_worker() -> None:
    """Edge analytics and Worker analytics count the same traffic."""
    world = played("bad_deployment")
    paths = [r.path for r, through in zip(ROUTES, IS_WORKER, strict=True) if through]
    edge = world.edge.filter(pl.col("route").is_in(paths))["requests"].sum()
    runs = world.workers.filter(pl.col("script") == "pitchey-production")["requests"].sum()
    assert runs == edge


def test_tracker_and_probes_notice_within_minutes_of_the_onset() -> None:
    """Independent vantage points see the same incident at the same time."""
    world = played("database_down")
    onset = onset_of(world)
    new = [i for i in world.issues if min(i.events_ms) >= onset]
    assert [i.project for i in new] == ["pitchey-api"]
    assert min(new[0].events_ms) < onset + 2 * MINUTE
    seen = world.probes.filter((pl.col("route") == "/api/pitches") & (pl.col("status") >= 500))
    assert seen.filter(pl.col("at").is_between(onset, onset + 10 * MINUTE)).height >= 2
    posts = world.db_posts
    assert posts.filter(pl.col("at") > onset + 2 * MINUTE)["errorRate"].min() > 0.5  # type: ignore[operator]
    assert posts.filter(pl.col("at") < onset - MINUTE)["errorRate"].max() < 0.05  # type: ignore[operator]


def test_cloudflare_fails_before_the_worker_is_reached() -> None:
    """That gap is what tells Cloudflare's fault from ours."""
    world = played("cloudflare_incident")
    onset = onset_of(world)
    runs = world.workers.filter((pl.col("script") == "pitchey-production") & pl.col("at").is_between(onset, NOW))
    paths = [r.path for r, through in zip(ROUTES, IS_WORKER, strict=True) if through]
    edge = world.edge.filter(pl.col("route").is_in(paths) & pl.col("at").is_between(onset, NOW))
    assert runs["requests"].sum() < 0.85 * float(edge["requests"].sum())
    assert "internalError" in runs["status"].to_list()
    assert world.status_incidents
    assert failing(world.edge.filter(pl.col("route") == "/"), onset + MINUTE, NOW) > 0.2


def test_blind_log_store_keeps_nothing_while_the_archive_goes_on() -> None:
    """Healthy figures and failing users: the cause is elsewhere to be seen."""
    world = played("logs_blind")
    since = world.logs.filter(pl.col("at").is_between(onset_of(world), NOW))
    assert not since["stored"].any()
    assert share_of(since["archived"]) > 0.99
    assert since.filter(pl.col("level") == "error").height > 50


def test_stopped_jobs_leave_no_trace_after_the_onset_and_all_before() -> None:
    """The monitoring runbook lives on these traces."""
    world = played("monitoring_stopped")
    jobs = world.logs.filter(pl.col("service") == "scheduler")
    onset = onset_of(world)
    assert jobs.filter(pl.col("at") > onset + MINUTE).is_empty()
    before = jobs.filter(
        pl.col("at").is_between(onset - 60 * MINUTE, onset) & pl.col("message").str.contains("health-sweep")
    )
    assert before.height >= 59


def test_attack_shows_in_the_auth_log_and_at_the_edge_alike() -> None:
    """Addresses can be accused only if the log names them."""
    world = played("brute_force")
    onset = onset_of(world)
    failed = world.logs.filter(
        pl.col("at").is_between(onset, NOW) & pl.col("metadata").str.contains("login_failed", literal=True)
    )
    top = failed["ipAddress"].value_counts(sort=True)
    assert top["count"][:3].sum() > 0.9 * failed.height
    edge = world.edge.filter(
        (pl.col("route") == "/api/auth/login") & (pl.col("status") == 401) & pl.col("at").is_between(onset, NOW)
    )
    assert edge["requests"].sum() == pytest.approx(top["count"][:3].sum(), rel=0.15)


def test_controls_hold_no_incident() -> None:
    """A control with a hidden fault would punish honest rules."""
    world = played("calm_noisy_neighbour")
    assert world.truth is not None
    assert world.truth.onset_ms is None
    assert failing(world.edge, NOW - 60 * MINUTE, NOW) < 0.005
    assert failing(world.edge, NOW, NOW + 120 * MINUTE) < 0.005


def test_mending_changes_nothing_before_and_ends_the_failures() -> None:
    """A rollback in the sandbox must not rewrite what was already seen."""
    sick, mended = played("bad_deployment"), played("bad_deployment", 0, NOW + 5 * MINUTE)
    for table in ("logs", "edge", "workers", "probes", "db_posts", "metrics"):
        before = pl.col("arrival" if table == "logs" else "at") < NOW
        assert_frame_equal(getattr(sick, table).filter(before), getattr(mended, table).filter(before))
    ours = pl.col("route").is_in(["/api/pitches", "/api/pitches/search"])
    assert failing(sick.edge.filter(ours), NOW + 6 * MINUTE, NOW + 60 * MINUTE) > 0.2
    assert failing(mended.edge.filter(ours), NOW + 6 * MINUTE, NOW + 60 * MINUTE) < 0.01


def test_fresh_store_is_small_enough_to_be_seen_whole() -> None:
    """``--fresh`` is for those who want to see the services without the 1,000 cut."""
    world = build("healthy_control", now_ms=NOW, fresh=True)
    stored = world.logs.filter(pl.col("stored") & (pl.col("at") <= NOW))
    assert 100 < stored.height < 1500
    assert stored["service"].value_counts()["count"].max() < 1000  # type: ignore[operator]
    assert world.logs.height > 180_000


def test_odd_entries_are_whole_json_objects() -> None:
    """Trap 27: nothing is type-checked, and the sandbox must serve such entries."""
    raws = played("healthy_control").logs["raw"].drop_nulls().to_list()
    assert len(raws) >= 10
    assert any(not isinstance(json.loads(raw)["message"], str) for raw in raws)
    points = played("healthy_control").metrics["raw"].drop_nulls().to_list()
    assert points
    assert all(isinstance(json.loads(raw)["value"], str) for raw in points)


def test_structured_columns_hold_json_or_nothing() -> None:
    """Metadata and tags are parsed by the services as they stand."""
    for name in ("bad_deployment", "rate_limit_bypass", "third_party_outage"):
        logs = played(name).logs
        for text in logs["metadata"].drop_nulls().unique().head(3000):
            assert isinstance(json.loads(text), dict)
    tags = played("bad_deployment").metrics["tags"].unique().head(3000)
    assert all(isinstance(json.loads(text), dict) for text in tags)


def test_templates_with_unknown_fields_are_refused() -> None:
    """A misspelt field must not become text that no service would write."""
    rng = np.random.default_rng(0)
    with pytest.raises(KeyError):
        render("user {usr} failed", 2, rng)
    assert render("a {{b}} {n}", 1, rng, {"n": pl.Series(["7"])}).to_list() == ["a {b} 7"]
    for field in FIELDS:
        assert render("{" + field + "}", 3, rng).null_count() == 0


# recorded cases ------------------------------------------------------------------------------------------------------


def write_case(folder: Path, name: str, lines: list[str], *, packed: bool = False) -> None:
    """Write a file of a case."""
    data = ("\n".join(lines) + "\n").encode()
    (folder / (name + ".gz" if packed else name)).write_bytes(gzip.compress(data) if packed else data)


def entry(at: int, **more: object) -> str:
    """Return a log line."""
    return json.dumps({"id": f"x-{at}", "level": "info", "message": "ok", "service": "a", "timestamp": at} | more)


def test_case_stands_at_its_own_times_and_ends_now(tmp_path: Path) -> None:
    """A recording is played where it happened."""
    first = 1_674_981_729_000
    write_case(tmp_path, "logs.jsonl", [entry(first + 5000), entry(first)], packed=True)
    point = {"name": "cpu_usage", "value": 1.5, "timestamp": first + 9000, "type": "gauge", "tags": {"service": "a"}}
    write_case(tmp_path, "metrics.jsonl", [json.dumps(point)])
    world = world_from_case(tmp_path)
    assert world.logs["at"].to_list() == [first, first + 5000]
    assert world.now_ms == first + 9001
    assert world.truth is None
    assert json.loads(world.metrics["tags"][0]) == {"service": "a"}


def test_case_keeps_odd_entries_as_they_are(tmp_path: Path) -> None:
    """What an unchecked ingest let in must come out again."""
    first = 1_674_981_729_000
    odd = [
        entry(first, message={"a": 1}),
        entry(first + 1, statusCode="500"),
        entry(first + 2, message="\ud800 lone"),
        '{"message": "no time", "service": "a"}',
        '{"message": "iso", "timestamp": "2023-01-29T08:42:10Z"}',
        "[1, 2]",
        '{"cut":',
    ]
    write_case(tmp_path, "logs.jsonl", [entry(first - 1), *odd])
    logs = world_from_case(tmp_path).logs
    assert logs.height == 6
    raws = [json.loads(raw) for raw in logs["raw"].drop_nulls()]
    assert len(raws) == 5
    assert {"a": 1} in [raw["message"] for raw in raws]
    assert "\ud800 lone" in [raw["message"] for raw in raws]


def test_case_cut_in_the_middle_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    """Recordings end when the disk was full."""
    first = 1_674_981_729_000
    data = gzip.compress("\n".join(entry(first + i) for i in range(5000)).encode())
    (tmp_path / "logs.jsonl.gz").write_bytes(data[: len(data) // 2])
    assert 0 < world_from_case(tmp_path).logs.height < 5000


def test_case_claims_nothing_that_was_not_recorded(tmp_path: Path) -> None:
    """A healthy default for the unseen would be a false all-clear."""
    write_case(tmp_path, "logs.jsonl", [entry(1_674_981_729_000)])
    world = world_from_case(tmp_path)
    silent = {b.service for b in world.behaviours if b.status == 0 and b.start_ms < world.now_ms < b.end_ms}
    assert {"api", "frontend", "cloudflare_status", "cloudflare_api", "sentry"} <= silent
    document = {"deployments": [{"created_on": "2023-01-29T08:00:00Z", "script": "a", "version": "v2"}]}
    (tmp_path / "deployments.json").write_text(json.dumps(document))
    told = world_from_case(tmp_path)
    assert [d.version_id for d in told.deployments] == ["v2"]
    assert "cloudflare_api" not in {b.service for b in told.behaviours}


def test_case_that_is_none_is_refused_with_a_reason(tmp_path: Path) -> None:
    """One message that says what and where; nothing is played."""
    with pytest.raises(UsageError, match="No case folder"):
        world_from_case(tmp_path / "absent")
    with pytest.raises(UsageError, match="is no case folder"):
        world_from_case(tmp_path)
    write_case(tmp_path, "logs.jsonl", ["not json"])
    with pytest.raises(UsageError, match="no entry with a time"):
        world_from_case(tmp_path)


@pytest.mark.shared
def test_recorded_cases_of_the_shared_data_play() -> None:
    """Real recordings, some without logs, some without metrics."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} absent")
    for name in ("nezha_trainticket/tt-01", "nezha_trainticket/faultfree-2023-01-29", "nezha_onlineboutique/ob-01"):
        world = world_from_case(SHARED / name)
        assert world.logs.height + world.metrics.height > 1000
        newest = max(f["at"].max() for f in (world.logs, world.metrics) if not f.is_empty())  # type: ignore[type-var]
        assert newest == world.now_ms - 1
