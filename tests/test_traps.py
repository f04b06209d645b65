"""Every trap of the contract, by its number: what the platform's answers would make a naive reader "
"believe."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from source_worlds import (
    ORIGIN,
    WINDOW,
    Archive,
    ask_everything,
    contract,
    entry,
    ms,
    page,
    point,
    reason_of,
    run,
    settings,
    value_of,
)

from pitchey_ops.errors import BadPayload, SourceFailed
from pitchey_ops.models.exchange import Exchange, Question
from pitchey_ops.models.observation import Observed
from pitchey_ops.sources import security
from pitchey_ops.sources.api import Api
from pitchey_ops.sources.apm import METRIC_NAMES, RETIRED_VITALS, Apm, ApmSummary
from pitchey_ops.sources.infra import Infra
from pitchey_ops.sources.logs import Logs
from pitchey_ops.sources.monitoring import Monitoring
from pitchey_ops.sources.r2 import R2
from pitchey_ops.sources.reading import json_of
from pitchey_ops.sources.security import Security
from pitchey_ops.sources.tables import build
from pitchey_ops.testing import NOON, FakeChannel, answering


def logs(answer: Exchange) -> Logs:
    return Logs(FakeChannel(otherwise=answer), settings(), WINDOW)


def apm(answer: Exchange) -> Apm:
    return Apm(FakeChannel(otherwise=answer), settings(), WINDOW)


def paths(questions: list[Question]) -> list[str]:
    return [urlsplit(question.url).path for question in questions]


LAST_WEEK = [entry(-7 * 24 * 60 + 60 + n / 60, n=n) for n in range(1000)]


def test_trap_01_a_full_store_that_shows_only_last_week_is_blind_not_calm():
    """The newest entries of a busy service are invisible, and nothing in the answer says so."""
    seen = run(logs(page(LAST_WEEK)).service("auth"))

    assert isinstance(seen, Observed)
    assert (seen.status, seen.coverage.cut, seen.coverage.share) == ("blind", True, 0.0)
    assert seen.coverage.seen_end is not None
    assert seen.coverage.seen_end < WINDOW.start


def test_trap_01_a_cut_inside_the_window_shows_what_share_is_visible():
    """A cut that falls into the window hides its newest part only."""
    visible = [entry(-60 + 15 * n / 999, n=n) for n in range(1000)]

    seen = run(logs(page(visible)).service("auth"))

    assert seen.status == "observed"
    assert isinstance(seen, Observed)
    assert seen.coverage.share == pytest.approx(0.25, abs=0.001)


def test_trap_01_a_service_below_the_cut_with_nothing_in_the_window_is_no_data():
    """Blind and quiet are different results."""
    seen = run(logs(page([entry(-90)])).service("auth"))

    assert (seen.status, value_of(seen).entries.height) == ("no_data", 1)


def test_trap_01_the_text_of_a_worker_out_of_operations_is_blind():
    """In production the blind state may also be a 500."""
    answer = answering(status=500, text="Too many API requests by single worker invocation.")

    seen = run(logs(answer).service("auth"))

    assert (reason_of(seen), seen.status) == ("blind", "blind")


def test_trap_01_another_service_behind_the_same_prefix_is_not_ours():
    """``service=api`` also brings a service named ``api:login``; its entries must not count as coverage."""
    entries = [entry(-90, service="api"), entry(-5, service="api:login", n=1)]

    seen = run(logs(page(entries)).service("api"))

    assert isinstance(seen, Observed)
    assert seen.value.entries["service"].to_list() == ["api"]
    assert seen.coverage.rejected == 1
    assert seen.coverage.seen_end == NOON - timedelta(minutes=90)
    assert seen.value.names == ("api", "api:login")


def test_trap_01_logs_are_asked_service_by_service_with_time_for_a_thousand_reads():
    """The cut is alphabetical over services unless one is named; the reads are sequential on the server."""
    questions = [q for q in ask_everything()[0] if urlsplit(q.url).path == "/logs/query"]

    services = [parse_qs(urlsplit(q.url).query).get("service") for q in questions]
    assert services.count(None) == 1
    assert ["auth"] in services
    assert ["archived"] in services
    assert {q.timeout_s for q in questions} == {30.0}


def test_trap_02_every_log_question_has_limit_1000_and_no_offset():
    """The server's limit is text: ``50`` stops at 500 matches, ``50`` and ``20`` at 5020, none at 100."""
    asked = [q for q in ask_everything()[0] if urlsplit(q.url).path in ("/logs/query", "/logs/search")]

    assert asked
    for question in asked:
        given = parse_qs(urlsplit(question.url).query)
        assert given["limit"] == ["1000"]
        assert not {"offset", "startTime", "endTime", "tags"} & set(given)


def test_trap_02_a_total_above_the_entries_shown_is_a_cut():
    """``hasMore`` is nearly always false, so it proves nothing."""
    seen = run(logs(page([entry(-5)], total=500)).service("auth"))

    assert isinstance(seen, Observed)
    assert seen.coverage.cut


def test_trap_02_a_bad_limit_shows_a_thousand_read_and_none_returned():
    """The recorded answer to ``limit=abc``: an empty list that is no absence."""
    seen = run(logs(contract("logs_query_bad_limit")).service("auth"))

    assert seen.status == "blind"


def test_trap_03_search_answers_a_bare_list_and_query_never_does():
    """The written ``jq '.logs[]'`` fails outright on a search."""
    found = run(logs(contract("logs_search_timeout")).search("timeout"))
    assert value_of(found).entries.height > 0

    assert reason_of(run(logs(contract("logs_search_timeout")).service("database"))) == "bad_payload"
    assert reason_of(run(logs(contract("logs_query_error")).search("timeout"))) == "bad_payload"


def test_trap_03_a_search_that_finds_nothing_never_says_that_there_is_nothing():
    """It is one substring over what the cut shows."""
    seen = run(logs(answering([])).search("database timeout"))

    assert seen.status == "blind"


def test_trap_04_the_counters_carry_their_age_and_an_absent_service_means_nothing():
    """They are cached for up to five minutes and cut at the store's first 1,000 keys."""
    answer = replace(contract("logs_stats"), at=NOON)

    seen = run(logs(answer).stats())

    stats = value_of(seen)
    assert stats.age_s == pytest.approx((NOON - stats.end).total_seconds())
    assert seen.coverage.cut
    assert "absent service means nothing" in seen.detail


def test_trap_04_a_zero_of_the_counters_is_no_data():
    """A zero may be minutes old."""
    zero = {"totalLogs": 0, "errorCount": 0, "warnCount": 0, "services": {}, "timeRange": {}}

    seen = run(logs(answering(zero)).stats())

    assert (seen.status, value_of(seen).age_s) == ("no_data", None)


def test_trap_05_levels_are_lower_cased():
    """Entries logged as ``ERROR`` are invisible to the platform's own filters and counters."""
    seen = run(logs(page([entry(-5, level="ERROR"), entry(-4, level=7, n=1)])).service("auth"))

    assert value_of(seen).entries["level"].to_list() == ["error", "7"]


def test_trap_06_times_are_milliseconds_and_filtered_here():
    """The written commands compare milliseconds with seconds and never filtered at all."""
    entries = [entry(-61), entry(-59, n=1), entry(-1, n=2)]

    seen = run(logs(page(entries)).service("auth"))

    assert isinstance(seen, Observed)
    assert seen.coverage.count == 2
    assert value_of(seen).entries.height == 3


def test_trap_07_text_from_the_internet_is_kept_as_it_came():
    """HTML, ANSI escapes, NUL, bidi marks, template syntax and very long lines are data."""
    nasty = ["<script>alert(1)</script>", "\x1b[2J\x00", "\u202etxt.exe", "{{7*7}} ${x} %s", "x" * 1_000_000]
    entries = [entry(-5, message=text, n=n) for n, text in enumerate(nasty)]

    seen = run(logs(page(entries)).service("auth"))

    assert sorted(value_of(seen).entries["message"]) == sorted(nasty)


def test_trap_07_lone_surrogates_become_replacement_characters():
    """No column can hold them, and one must not cost its neighbours."""
    body = b'{"logs":[' + b",".join(
        b'{"id":"%d","message":"%s","timestamp":%d,"service":"auth"}' % (n, text, ms(NOON) - 1000)
        for n, text in enumerate((rb"a\ud800b", rb"\ud83d\ude00"))
    )
    answer = answering(text=body + b'],"total":2}', content_type="application/json")

    seen = run(logs(answer).service("auth"))

    assert value_of(seen).entries["message"].to_list() == ["a\ufffdb", "\U0001f600"]


def r2(entries: list[dict[str, object]], **changes: object) -> R2:
    return R2(FakeChannel(otherwise=Archive(entries)), settings(), WINDOW, **changes)


def test_trap_08_the_archive_is_read_at_neighbouring_hours_too():
    """Objects lie under the hour of the entry's own time, whatever hour the reader thinks of."""
    entries = [entry(-75), entry(-5, n=1), entry(61, service="pitch")]

    async def work() -> tuple[object, object]:
        source = r2(entries)
        found = value_of(await source.prefixes())
        return found, await source.archive(["auth"], found)

    found, (seen,) = run(work())  # type: ignore[misc]
    assert [hour.hour for hour in found.by_hour] == [12, 11, 10]
    assert "auth" in found.names
    assert value_of(seen).entries.height == 2
    assert (seen.status, seen.coverage.share, seen.coverage.cut) == ("observed", 1.0, False)


def test_trap_08_what_share_of_the_archive_was_read_is_part_of_the_answer():
    """Budget or limit end the reading; newest first."""
    entries = [entry(-n - 1, n=n) for n in range(20)]

    async def work() -> object:
        source = r2(entries, max_objects=5)
        return await source.archive(["auth"], value_of(await source.prefixes()))

    (seen,) = run(work())  # type: ignore[misc]
    assert seen.coverage.share == 0.25
    assert seen.coverage.cut
    assert seen.coverage.seen_start == NOON - timedelta(minutes=5)


def test_trap_09_a_metric_whose_thousand_oldest_points_are_last_weeks_is_blind():
    """At one point a minute a metric goes blind after 16.7 hours."""
    points = [point(-7 * 24 * 60 + n, 120) for n in range(1000)]

    seen = run(apm(answering(points)).metrics("response_time"))

    assert isinstance(seen, Observed)
    assert (seen.status, seen.coverage.share) == ("blind", 0.0)


def test_trap_09_metrics_are_asked_without_a_span():
    """Nothing narrows the cut, and without a span runs can share the answer."""
    questions = [q for q in ask_everything()[0] if urlsplit(q.url).path == "/apm/metrics"]

    assert {tuple(parse_qs(urlsplit(q.url).query)) for q in questions} == {("name",)}


def test_trap_10_an_empty_metric_is_no_data_with_unknown_coverage():
    """``[]`` is also what a failing store answers: never calm."""
    seen = run(apm(contract("apm_metrics_none")).metrics("web.inp"))

    assert isinstance(seen, Observed)
    assert (seen.status, seen.coverage.share) == ("no_data", None)


def test_trap_10_zeros_of_the_summary_are_no_measurement():
    """With no samples the summary answers 0 for every figure."""
    summary = value_of(run(apm(contract("apm_summary_no_samples")).summary()))

    assert summary.response_p95_ms is None
    assert summary.error_rate_current is None
    assert summary.vitals == {}


def test_trap_10_a_summary_of_nothing_but_zeros_is_no_data():
    """Its store may have failed just as well."""
    nothing = {"responseTime": {"average": 0, "p95": 0, "p99": 0}, "errorRate": {"current": 0}, "database": None}

    assert run(apm(answering(nothing)).summary()).status == "no_data"


def test_trap_11_points_of_one_millisecond_are_not_merged_once_more():
    """The store keeps only one of them; whatever arrives here is kept."""
    seen = run(apm(answering([point(-5, 100), point(-5, 900)])).metrics("response_time"))

    assert build([seen], WINDOW).metrics["value"].to_list() == [100.0, 900.0]


@pytest.mark.parametrize(("minutes", "stale"), [(-1, False), (-6, True), (60, True), (None, True)])
def test_trap_12_the_summarys_database_is_stale_unless_its_time_is_fresh(minutes, stale):
    """It stands still at the 1,000th post; without a believable time it says nothing about now."""
    posted = None if minutes is None else ms(NOON + timedelta(minutes=minutes))
    database = {"connectionPoolSize": 10, "activeConnections": 9, "timestamp": posted}

    summary = value_of(run(apm(answering({"database": database})).summary()))

    assert summary.database.stale is stale
    assert summary.database.active == 9


def test_trap_13_fid_is_marked_as_retired():
    """INP replaced it in March 2024, and the platform does not record INP."""
    assert {"web.fid"} == RETIRED_VITALS
    assert "web.inp" not in METRIC_NAMES


def test_trap_14_constants_of_the_infrastructure_are_left_out_of_its_figures():
    """``health.database`` is healthy and 50 ms whatever happens."""
    infra = Infra(FakeChannel(otherwise=contract("infra_health")), settings(), WINDOW)

    parts = value_of(run(infra.health()))

    assert (parts["database"].state, dict(parts["database"].figures)) == (None, {})
    assert "errorRate" not in parts["worker"].figures
    assert "availability" not in parts["r2"].figures
    assert parts["r2"].state == "healthy"


def test_trap_14_an_answer_of_constants_alone_is_marked_constant():
    """``/infra/worker`` holds nothing that is evidence."""
    infra = Infra(FakeChannel(otherwise=contract("infra_worker")), settings(), WINDOW)

    seen = run(infra.worker())

    assert isinstance(seen, Observed)
    assert seen.coverage.constant


def test_trap_14_the_older_health_answer_of_the_api_is_a_constant():
    """It cannot fail while the worker runs at all."""
    api = Api(FakeChannel(otherwise=contract("production_health")), settings(), WINDOW, spacing_s=0)

    seen = run(api.health())

    assert isinstance(seen, Observed)
    assert seen.coverage.constant
    assert value_of(seen).constant


def test_trap_15_reads_that_write_have_a_minimum_interval_and_no_retry():
    """Looking changes what is seen."""
    questions = [q for q in ask_everything()[0] if urlsplit(q.url).path.startswith("/infra/")]

    for question in questions:
        writes = not question.url.endswith("/rate-limits")
        assert question.minimum_interval is writes
        if writes:
            assert (question.share_for_s, question.retry) == (300.0, False)
    assert len(questions) == 6


def test_trap_15_no_two_reads_that_write_are_under_way_at_once():
    """A store takes one write a second and key; a concurrent reader gets a 500 that is no outage."""
    under_way: list[int] = []

    class Slow(FakeChannel):
        async def ask(self, question: Question) -> Exchange:
            under_way.append(under_way[-1] + 1 if under_way else 1)
            await asyncio.sleep(0)
            under_way.append(under_way[-1] - 1)
            return await super().ask(question)

    async def work() -> None:
        infra = Infra(Slow(), settings(), WINDOW, apart_s=0.0)
        await asyncio.gather(infra.health(), infra.kv(), infra.r2(), infra.worker())

    run(work())
    assert max(under_way) == 1


def test_trap_15_a_500_of_the_infrastructure_names_both_its_meanings():
    """It is a failing KV or R2, or two readers in one second."""
    answer = answering(status=500, text="Internal Server Error")

    seen = run(Infra(FakeChannel(otherwise=answer), settings(), WINDOW).health())

    assert reason_of(seen) == "failed"
    assert "two readers within one second" in seen.detail  # type: ignore[union-attr]


def test_trap_16_kv_availability_is_no_evidence_of_user_traffic():
    """It is the cache hit share of the service's own probe key."""
    infra = Infra(FakeChannel(otherwise=contract("infra_health")), settings(), WINDOW)

    assert "availability" not in value_of(run(infra.health()))["kv"].figures


def test_trap_16_the_hit_rate_is_computed():
    """There is no ``cacheHitRate`` in the answer; 0 of 0 is none."""
    part = value_of(run(Infra(FakeChannel(otherwise=contract("infra_kv")), settings(), WINDOW).kv()))

    assert part.ratio("cacheHits", "cacheMisses") == 1.0
    assert replace(part, figures={"cacheHits": 0, "cacheMisses": 0}).ratio("cacheHits", "cacheMisses") is None


def test_trap_17_a_missing_route_is_not_a_dead_database():
    """A deployment may lack ``/api/health/db``."""
    answer = contract("production_health_db_missing_route")
    api = Api(FakeChannel(otherwise=answer), settings(), WINDOW, spacing_s=0)

    result = value_of(run(api.health_db()))

    assert (result.kind, result.failing_share) == ("route_missing", 0.0)


def test_trap_17_the_platforms_degraded_keeps_its_word_and_details():
    """``degraded`` stands for any answer that is no success; only ``down`` is a failed connection."""
    monitoring = Monitoring(FakeChannel(otherwise=contract("monitoring_health")), settings(), WINDOW)

    health = value_of(run(monitoring.health()))

    assert health.check("Database Health").state == "degraded"
    assert health.check("WebSocket Health").constant


FORBIDDEN = {
    18: ("/security/analyze",),
    20: ("/security/rate-limit",),
    30: ("/apm/trace", "/logs/trace"),
    33: ("/api/validate-token", "/api/pitches/new"),
    34: ("/logs/ingest", "/logs/batch", "/apm/metrics/"),
}


def test_trap_18_the_security_service_has_no_method_that_analyzes():
    """``/security/analyze`` records the asking request as an event: it falsifies the next reading."""
    methods = {name for name, _ in inspect.getmembers(Security, inspect.isfunction) if name[0] != "_"}

    assert methods == {"metrics", "question", "read", "missing"}
    assert not set(FORBIDDEN[18]) & set(paths(ask_everything()[0]))
    assert "/security/analyze" not in inspect.getsource(Security)


def test_trap_19_zeros_of_the_security_service_are_no_data_and_brute_force_is_constant():
    """It never records brute force: zeros are the expected state during a real attack."""
    events = {name: {"count": 0, "lastSeen": 0} for name in security.EVENT_TYPES}
    source = Security(FakeChannel(otherwise=answering({"events": events, "totalEvents": 0})), settings(), WINDOW)

    seen = run(source.metrics())

    assert seen.status == "no_data"
    assert value_of(seen).events["brute_force_attack"].constant
    assert value_of(seen).events["xss_attempt"].last_seen is None


def test_trap_19_a_failed_store_of_the_security_service_is_unavailable():
    """It answers 200 with an error in place of counts."""
    answer = answering({"error": "Failed to get metrics", "timestamp": ms(NOON)})

    seen = run(Security(FakeChannel(otherwise=answer), settings(), WINDOW).metrics())

    assert reason_of(seen) == "failed"


def test_trap_20_asking_for_a_rate_limit_counts_as_a_hit_so_nobody_asks():
    """The only figures of rate limits come from the infrastructure service."""
    assert not set(FORBIDDEN[20]) & set(paths(ask_everything()[0]))


def test_trap_21_an_unknown_alert_is_a_500_that_says_so():
    """A reader keeps the status and the words apart from an outage."""
    with pytest.raises(SourceFailed, match="not found") as caught:
        json_of(replace(contract("alerts_acknowledge_throttled_id"), source="alerts"))

    assert caught.value.status == 500


def test_trap_22_no_read_triggers_an_alert():
    """A trigger never proves delivery and is throttled by source: it is an action, not a probe."""
    questions, _ = ask_everything()

    assert not [q for q in questions if q.source in ("alerts", "slack", "statuspage")]
    posts = {urlsplit(q.url).path for q in questions if q.method == "POST"}
    tails = "/_cf_api/client/v4/accounts/acc/workers/scripts/pitchey-production/tails"
    assert posts == {"/api/auth/verify", "/_cf_api/client/v4/graphql", tails}


def test_trap_23_a_200_with_text_is_never_taken_for_json():
    """Acknowledge and resolve answer text, the same again on a repeat."""
    with pytest.raises(BadPayload, match="content type"):
        json_of(contract("alerts_acknowledge"))


def test_trap_24_no_active_alerts_on_the_dashboard_is_not_calm():
    """It forgets them after 24 h and may not share a store with the alerts service."""
    answer = answering({"status": "healthy", "alerts": [], "timestamp": ms(NOON)})

    seen = run(Monitoring(FakeChannel(otherwise=answer), settings(), WINDOW).dashboard())

    assert value_of(seen).alert_ids == ()
    assert value_of(seen).health is None


def test_trap_25_free_text_of_an_answer_cannot_steer_a_question_elsewhere():
    """Alerts and logs are unsigned: a name from an answer stays one parameter of the same address."""
    questions, _ = ask_everything()

    named = [q for q in questions if "hidden" in q.url]
    assert named
    for question in named:
        assert question.url.startswith(f"{ORIGIN}/logs/query?service=hidden%20")
        assert parse_qs(urlsplit(question.url).query)["service"] == ["hidden ✓ & co/../x?y=1#z"]
        assert set(question.key) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-.~/")
    assert all(question.url.startswith(ORIGIN) for question in questions if question.kind == "http")


def test_trap_26_the_counter_among_the_entries_is_no_entry_but_names_services():
    """``logs:stats:current`` lies under the same prefix, without id and timestamp."""
    counter = {"totalLogs": 9, "errorCount": 1, "services": {"zeta": 3, "undefined": 1}, "lastUpdated": ms(NOON)}

    page_seen = value_of(run(logs(page([counter, entry(-5)])).unfiltered()))

    assert page_seen.rejected == {"counter": 1}
    assert page_seen.names == ("auth", "zeta")


def test_trap_26_odd_entries_do_not_break_the_order():
    """ "Newest first" breaks on them: we sort by ourselves."""
    entries = [entry(-1), {"id": "x"}, entry(-30, n=1), entry(-10, n=2)]

    seen = value_of(run(logs(page(entries)).service("auth")))

    assert seen.entries["at"].is_sorted()


@pytest.mark.parametrize(
    ("fault", "changes"),
    [
        ("no_time", {"timestamp": "2026-11-23T11:55:00Z"}),
        ("no_time", {"timestamp": True}),
        ("past", {"timestamp": ms(NOON) / 1000}),
        ("future", {"timestamp": ms(NOON) + 3_600_000}),
        ("no_message", {"message": None}),
        ("no_id", {"id": None}),
    ],
)
def test_trap_27_entries_of_the_wrong_type_are_rejected_and_counted(fault, changes):
    """Seconds land in 1970; a time in the future would claim coverage that is not there."""
    seen = run(logs(page([entry(-5), entry(-4, n=1, **changes)])).service("auth"))

    assert isinstance(seen, Observed)
    assert value_of(seen).rejected == {fault: 1}
    assert (seen.coverage.count, seen.coverage.rejected) == (1, 1)


def test_trap_27_a_message_that_is_no_text_is_kept_as_json():
    """Dropping it could drop the one error that matters."""
    seen = value_of(run(logs(page([entry(-5, message={"code": 7})])).service("auth")))

    assert seen.entries["message"].to_list() == ['{"code": 7}']


@pytest.mark.parametrize("bad", ["200", None, True, {"v": 1}, [1], 10**400])
def test_trap_27_metric_values_that_are_no_numbers_are_rejected_never_guessed(bad):
    """One value ``"200"`` as text turned an average of 150 into 147,972."""
    seen = run(apm(answering([point(-5, 150), point(-4, bad)])).metrics("response_time"))

    assert value_of(seen).points["value"].to_list() == [150.0]
    assert value_of(seen).rejected == {"not_a_number": 1}


def test_trap_28_percentiles_are_computed_from_points_not_taken_from_the_summary():
    """The platform's p95 of up to 20 samples is their maximum, and no count is given."""
    values = [100.0] * 19 + [9000.0]
    seen = run(apm(answering([point(-n - 1, v) for n, v in enumerate(values)])).metrics("response_time"))

    frames = build([seen], WINDOW)

    assert frames.metrics["value"].quantile(0.9, "linear") == 100.0
    assert frames.metrics.height == 20


def test_trap_29_web_vitals_never_come_from_the_summary():
    """It reads the alphabetically first 100 keys of a month."""
    summary = run(apm(contract("apm_summary")).summary())

    assert isinstance(value_of(summary), ApmSummary)
    assert build([summary], WINDOW).metrics.is_empty()


def test_trap_30_the_trace_routes_are_never_asked():
    """They read 1,000 random spans, count time-outs as success, or are blind to the service."""
    assert not set(FORBIDDEN[30]) & set(paths(ask_everything()[0]))


def test_trap_31_nothing_found_is_no_data_never_healthy_or_broken():
    """The stores are eventually consistent: "not found" right after a write may be no fault."""
    seen = run(logs(contract("logs_query_none")).service("nosuch"))

    assert seen.status == "no_data"


def test_trap_32_no_platform_question_ends_in_a_slash_or_asks_a_route_without_a_handler():
    """A trailing slash is 404; GET on db-metrics, web-vitals, span is always 500."""
    questions = [q for q in ask_everything()[0] if q.kind == "http" and not q.url.startswith(f"{ORIGIN}/_")]

    for path in paths(questions):
        assert path == "/" or not path.endswith("/")
        assert path not in ("/apm/db-metrics", "/apm/web-vitals", "/apm/span", "/apm/span/finish")


def test_trap_33_constant_routes_of_the_api_are_never_asked():
    """``/api/validate-token`` accepts forged tokens; ``/api/pitches/new`` is a constant."""
    assert not set(FORBIDDEN[33]) & set(paths(ask_everything()[0]))


def test_trap_33_an_auth_route_that_accepts_a_bad_token_is_wrong():
    """Only a refusal is right."""
    channel = FakeChannel(otherwise=answering({"success": True, "valid": True}))

    assert value_of(run(Api(channel, settings(), WINDOW, spacing_s=0).auth_verify())).kind == "wrong"


def test_trap_34_nothing_is_ever_ingested_by_a_read():
    """Batch ingest loses neighbours of a bad entry; writing is an action."""
    asked = paths(ask_everything()[0])

    assert not [path for path in asked if path.startswith(FORBIDDEN[34])]


def test_the_monitoring_routes_that_are_constant_or_broken_are_never_asked():
    """``performance`` is a constant and writes, ``metrics`` writes, three others are always 500."""
    asked = [path for path in paths(ask_everything()[0]) if path.startswith("/monitoring/")]

    assert set(asked) == {"/monitoring/health", "/monitoring/dashboard"}
