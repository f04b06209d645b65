"""Every trap of the platform's contract is in the sandbox: one test (or more) a trap, named after it."""

from __future__ import annotations

import json
import re

import httpx
import pytest
from tiny_worlds import DAY, HOUR, MINUTE, NOW, Sandbox, beacon, db_post, entry, point, world

from pitchey_ops.sandbox.world import Behaviour

FOREVER = {"start_ms": 0, "end_ms": 2**60}


def recorded_world():
    """The store that the samples were recorded from: 300 entries of four services, then 900 errors of a late one."""
    rows = []
    for service in ("auth", "database", "frontend", "pitch"):
        for number in range(300):
            level = ("error", "error", "error", "warn", "info")[number % 5] if service != "pitch" else "info"
            level = "error" if service == "database" and level == "info" else level
            at = NOW - 3 * HOUR + number * 20_000
            rows.append(entry(at, service, f"query timeout after {number} ms on {service}", level=level))
    rows += [entry(NOW - 900_000 + number * 1000, "zeta", "new outage", level="error") for number in range(900)]
    return world(logs=rows)


def test_trap_01_oldest_first_blindness_hides_the_newest_services():
    """900 fresh errors of a late service are absent from level=error, and all there with its name."""
    sandbox = Sandbox(recorded_world())
    everything = sandbox.json("/logs/query?level=error&limit=1000")["logs"]
    assert everything
    assert not [row for row in everything if row["service"] == "zeta"]
    assert len(sandbox.json("/logs/query?service=zeta&level=error&limit=1000")["logs"]) == 900


def test_trap_01_the_cut_takes_the_oldest_of_one_service_and_start_time_does_not_help():
    """Above 1,000 entries a service shows its oldest, whatever span is asked for."""
    rows = [entry(NOW - (1500 - number) * 1000, "api", f"n{number}") for number in range(1500)]
    sandbox = Sandbox(world(logs=rows))
    logs = sandbox.json("/logs/query?service=api&limit=1000")["logs"]
    assert [logs[-1]["message"], logs[0]["message"], len(logs)] == ["n0", "n999", 1000]
    late = sandbox.json(f"/logs/query?service=api&limit=1000&startTime={NOW - 400_000}")
    assert late == {"logs": [], "total": 0, "hasMore": False}


def test_trap_01_service_is_a_key_prefix_with_its_colon():
    """``api`` includes ``api:login`` but neither ``api-gateway`` nor ``apic``."""
    names = ("api", "api:login", "api-gateway", "apic")
    sandbox = Sandbox(world(logs=[entry(NOW - 1000, name) for name in names]))
    found = sandbox.json("/logs/query?service=api&limit=1000")["logs"]
    assert {row["service"] for row in found} == {"api", "api:login"}
    assert sandbox.json("/logs/query?service=ap&limit=1000")["logs"] == []


def test_trap_01_key_order_is_by_bytes():
    """Capitals sort before small letters, non-ASCII after them; the cut follows the bytes, not a dictionary."""
    rows = [entry(NOW - 2000 - n, service) for service in ("Zeta", "alpha", "übung") for n in range(400)]
    rows = [{**row, "id": f"{n}"} for n, row in enumerate(rows)]
    logs = Sandbox(world(logs=rows)).json("/logs/query?limit=1000")["logs"]
    seen = [row.get("service", "the counter") for row in logs]
    counts = {name: seen.count(name) for name in set(seen)}
    assert counts == {"Zeta": 400, "alpha": 400, "the counter": 1, "übung": 199}


def test_trap_01_a_full_list_may_be_a_500_that_means_blind():
    """Production may answer a full list with 1,001 store operations by a 500 of a known text."""
    sandbox = Sandbox(recorded_world(), blind="error")
    for path in ("/logs/query?level=error", "/logs/search?q=x", "/logs/stats", "/logs/trace?traceId=x"):
        answer = sandbox.get(path)
        assert (answer.status_code, answer.text) == (500, "Too many API requests by single worker invocation.")
    assert sandbox.get("/logs/query?service=zeta&limit=1000").status_code == 200


@pytest.mark.parametrize(
    ("parameters", "total", "shown"),
    [
        ("", 100, 100),
        ("&limit=50", 500, 50),
        ("&limit=5", 50, 5),
        ("&limit=5&offset=2", 52, 5),
        ("&limit=1000", 900, 900),
        ("&limit=abc", 900, 0),
        ("&limit=0", 0, 0),
        ("&limit=-1", 0, 0),
        ("&limit=", 0, 0),
    ],
)
def test_trap_02_numbers_are_text_on_the_server(parameters, total, shown):
    """The reading stops at the text limit followed by the text offset, so the newest *of the oldest* come."""
    answer = Sandbox(recorded_world()).json(f"/logs/query?service=zeta{parameters}")
    assert (answer["total"], len(answer["logs"])) == (total, shown)
    if shown:
        assert answer["logs"][0]["timestamp"] == NOW - 900_000 + (total - 1) * 1000


def test_trap_02_offset_gives_the_same_page_again():
    """Paging by offset would count the same entries again."""
    sandbox = Sandbox(world(logs=[entry(NOW - n * 1000, "api") for n in range(1, 40)]))
    pages = [sandbox.json(f"/logs/query?service=api&limit=10&offset={n}")["logs"] for n in (0, 10, 20)]
    assert pages[0] == pages[1] == pages[2]


def test_trap_02_a_tags_filter_matches_nothing():
    """A filter by tags is an empty answer, ever."""
    sandbox = Sandbox(world(logs=[entry(NOW - 1000, tags='["a"]')]))
    assert sandbox.json("/logs/query?tags=a&service=auth")["logs"] == []


def test_trap_02_search_has_a_real_number_of_100():
    """/logs/search stops after 100 matches, and shows the newest of these."""
    found = Sandbox(recorded_world()).json("/logs/search?q=TIMEOUT")
    assert len(found) == 100
    assert found[0]["message"] == "query timeout after 99 ms on auth"
    assert len(Sandbox(recorded_world()).json("/logs/search?q=timeout&limit=7")) == 7


def test_trap_03_search_is_one_substring_over_five_fields():
    """Two words match side by side only; metadata, users and traces are not searched."""
    rows = [
        entry(NOW - 5000, "a", "Database Timeout"),
        entry(
            NOW - 4000, "b", "timeout of the database", metadata='{"x": "database timeout"}', userId="database timeout"
        ),
        entry(NOW - 3000, "c", "x", url="/database timeout"),
        entry(NOW - 2000, "d", "x", errorStack="at database timeout"),
        entry(NOW - 1000, "e", "x", component="database timeout", traceId="t"),
    ]
    sandbox = Sandbox(world(logs=rows))
    found = sandbox.json("/logs/search?q=database+timeout")
    assert isinstance(found, list)
    assert [row["service"] for row in found] == ["e", "d", "c", "a"]
    assert [r["service"] for r in sandbox.json("/logs/query?search=database+timeout")["logs"]] == ["e", "d", "c", "a"]
    assert sandbox.get("/logs/search").status_code == 400


def test_trap_04_stats_are_cached_under_the_rounded_start():
    """A zero may be minutes old; windows of one rounded start share an answer, others do not."""
    start = 3_600_000
    sandbox = Sandbox(world(logs=[entry(NOW + 2000, "late", level="error")]))
    first = sandbox.json(f"/logs/stats?timeWindow={start}")
    assert first["totalLogs"] == 0
    sandbox.clock.advance(5000)
    assert sandbox.json(f"/logs/stats?timeWindow={start + 10_000}") == first
    assert sandbox.json("/logs/stats?timeWindow=7200000")["errorCount"] == 1
    assert first["timeRange"]["end"] == NOW
    sandbox.clock.advance(300_000)
    assert sandbox.json(f"/logs/stats?timeWindow={start}")["errorCount"] == 1


def test_trap_04_stats_count_all_levels_of_what_the_cut_saw():
    """An absent service means nothing: the late one is not there at all."""
    stats = Sandbox(recorded_world()).json("/logs/stats?timeWindow=86400000")
    assert stats["services"] == {"auth": 300, "database": 300, "frontend": 300, "pitch": 100}
    assert stats["totalLogs"] == 1000


def test_trap_05_levels_are_compared_exactly():
    """``ERROR`` is invisible to level=error and to the count of errors."""
    sandbox = Sandbox(world(logs=[entry(NOW - 2000, "a", level="ERROR"), entry(NOW - 1000, "a", level="error")]))
    assert len(sandbox.json("/logs/query?service=a&level=error")["logs"]) == 1
    assert sandbox.json("/logs/stats")["errorCount"] == 1


def test_trap_06_timestamps_are_milliseconds():
    """A comparison with seconds is always true: every timestamp is a thousand times the time in seconds."""
    row = Sandbox(world(logs=[entry(NOW - 1000)])).json("/logs/query?service=auth")["logs"][0]
    assert row["timestamp"] > NOW / 1000 * 999


def test_trap_07_text_from_the_internet_comes_as_it_was_written():
    """HTML, escapes, newlines, NUL and long lines reach the reader unaltered."""
    hostile = "<script>x</script>\x1b[31m\n\x00\u202e{{7*7}}" + "A" * 100_000
    sandbox = Sandbox(world(logs=[entry(NOW - 1000, message=hostile, userAgent=hostile, url=hostile)]))
    row = sandbox.json("/logs/query?service=auth")["logs"][0]
    assert row["message"] == row["userAgent"] == row["url"] == hostile


def test_trap_07_lone_surrogates_do_not_stop_the_service():
    """A sender may write half a character; the answer is JSON all the same."""
    raw = json.dumps({"id": "1", "message": "\ud800", "timestamp": NOW - 1000, "service": "auth\udfff"})
    sandbox = Sandbox(world(logs=[entry(NOW - 1000, raw=raw)]))
    assert "\ud800" in [row.get("message") for row in sandbox.json("/logs/query?limit=10")["logs"]]
    assert sandbox.get("/_r2/pitchey-logs?list-type=2").status_code == 200


def test_trap_08_retention_is_seven_days_from_arrival():
    """What arrived a week ago is gone from the store, whatever its own time; the archive keeps it."""
    rows = [
        entry(NOW - 8 * DAY, "a", "gone", id="gone"),
        entry(NOW - 8 * DAY, "a", "late", id="late", arrival=NOW - DAY),
        entry(NOW - 1000, "a", "future", id="future", arrival=NOW + 1000),
    ]
    sandbox = Sandbox(world(logs=rows))
    assert [row["message"] for row in sandbox.json("/logs/query?service=a")["logs"]] == ["late"]
    listed = sandbox.get("/_r2/pitchey-logs?list-type=2").text
    assert [key in listed for key in ("/gone.json", "/late.json", "/future.json")] == [True, True, False]


def test_trap_08_archive_keys_and_silent_failures():
    """One object an entry under hour and service of the entry's own time; failed writes leave no trace."""
    rows = [
        entry(NOW - 1000, "auth", "kept", id="1-a"),
        entry(NOW - 2000, "auth", "lost", id="2-b", archived=False),
        entry(NOW - 3000, "auth", "only here", id="3-c", stored=False),
    ]
    sandbox = Sandbox(world(logs=rows))
    keys = re.findall("<Key>([^<]*)</Key>", sandbox.get("/_r2/pitchey-logs?list-type=2").text)
    assert keys == [f"logs/production/2026-11-23/08/auth/{name}.json" for name in ("1-a", "3-c")]
    assert sandbox.json(f"/_r2/pitchey-logs/{keys[1]}")["message"] == "only here"
    assert [r["message"] for r in sandbox.json("/logs/query?service=auth")["logs"]] == ["kept", "lost"]
    assert sandbox.get(f"/_r2/pitchey-logs/{keys[0]}x").status_code == 404
    head = sandbox.ask("HEAD", f"/_r2/pitchey-logs/{keys[0]}")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 0


def test_trap_09_only_the_oldest_thousand_points_are_read():
    """An incident in the newest points is invisible, and the summary is calm."""
    rows = [point(NOW - (1200 - n) * 3000, 140.0 if n < 1000 else 2500.0) for n in range(1200)]
    sandbox = Sandbox(world(metrics=rows))
    points = sandbox.json("/apm/metrics?name=response_time")
    assert len(points) == 1000
    assert points[0]["timestamp"] == NOW - 3_600_000
    assert max(p["value"] for p in points) == 140
    assert sandbox.json("/apm/summary?timeWindow=86400000")["responseTime"]["p95"] == 140
    assert sandbox.json(f"/apm/metrics?name=response_time&start={NOW - 60_000}") == []


def test_trap_10_zero_is_not_a_measurement():
    """Without samples the summary is all zeros, and the list empty."""
    sandbox = Sandbox()
    summary = sandbox.json("/apm/summary")
    assert summary["responseTime"] == {"average": 0, "p95": 0, "p99": 0}
    assert summary["errorRate"] == {"current": 0, "average": 0}
    assert summary["database"] is None
    assert summary["webVitals"] == {"cls": 0, "fid": 0, "lcp": 0, "fcp": 0, "ttfb": 0, "sampleSize": 0}
    assert sandbox.json("/apm/metrics?name=response_time") == []


def test_trap_10_posts_say_201_even_when_nothing_is_stored():
    """An accepted post proves nothing."""
    sandbox = Sandbox()
    assert sandbox.post("/apm/metrics", {"value": 1}).status_code == 201
    assert sandbox.post("/apm/db-metrics", "nonsense").status_code == 201
    assert sandbox.json("/apm/summary")["database"] is None


def test_trap_11_samples_of_one_millisecond_overwrite_each_other():
    """Of two points in one millisecond the later is left."""
    sandbox = Sandbox(world(metrics=[point(NOW - 1000, 1.0), point(NOW - 1000, 2.0)]))
    assert [p["value"] for p in sandbox.json("/apm/metrics?name=response_time")] == [2]


def test_trap_12_the_summary_of_the_database_stands_still():
    """After 1,000 posts the summary shows the thousandth for ever."""
    posts = [db_post(NOW - (1100 - n) * MINUTE, queryCount=n) for n in range(1100)]
    database = Sandbox(world(db_posts=posts)).json("/apm/summary")["database"]
    assert database["queryCount"] == 999
    assert database["timestamp"] == NOW - 101 * MINUTE
    assert Sandbox(world(db_posts=posts[:500])).json("/apm/summary")["database"]["queryCount"] == 499


def test_trap_13_fid_is_recorded_and_inp_is_not():
    """The platform still knows FID; INP and FCP are no metrics."""
    sandbox = Sandbox(world(vitals=[beacon(NOW - 1000, "s", 4100.0)]))
    counts = {n: len(sandbox.json(f"/apm/metrics?name=web.{n}")) for n in ("lcp", "fid", "cls", "ttfb", "inp", "fcp")}
    assert counts == {"lcp": 1, "fid": 1, "cls": 1, "ttfb": 1, "inp": 0, "fcp": 0}
    assert "inp" not in sandbox.json("/apm/summary")["webVitals"]


def test_trap_14_constants_say_nothing():
    """Whatever burns, these figures are the same."""
    burning = Behaviour(service="api", path="", status=500, **FOREVER)
    sandbox = Sandbox(world(behaviours=(burning,)))
    health = sandbox.json("/infra/health")
    assert health["database"] == {"status": "healthy", "connectionPool": 10, "queryLatency": 50, "errorRate": 0.001}
    assert health["worker"]["errorRate"] == 0
    assert health["r2"]["availability"] == 1
    sandbox.clock.advance(2000)
    worker = sandbox.json("/infra/worker")
    assert (worker["errorCount"], worker["edgeLocations"]) == (0, ["DFW", "LAX", "LHR", "SIN"])
    assert {"memoryUtilization", "cpuUtilization"}.isdisjoint(worker)
    assert sandbox.json("/monitoring/performance")["errorRate"] == 0.001


def test_trap_15_looking_leaves_counters_behind():
    """Every look at a part grows its counters, also through health; an idle hour forgets them."""
    sandbox = Sandbox()
    counts = []
    for path in ("/infra/kv", "/infra/health", "/infra/kv"):
        sandbox.json(path)
        sandbox.clock.advance(2000)
    counts.append(sandbox.json("/infra/kv")["readOperations"])
    sandbox.clock.advance(2 * HOUR)
    counts.append(sandbox.json("/infra/kv")["readOperations"])
    assert counts == [4, 1]
    assert sandbox.json("/infra/durable-objects")[0]["totalRequests"] == 2
    assert sandbox.json("/infra/rate-limits") == []


@pytest.mark.parametrize("path", ["/infra/worker", "/infra/kv", "/infra/r2", "/infra/health"])
def test_trap_15_a_second_reader_within_a_second_gets_a_500_that_is_no_outage(path):
    """One write per second and key; a moment later all is well."""
    sandbox = Sandbox()
    assert [sandbox.get(path).status_code, sandbox.get(path).status_code] == [200, 500]
    sandbox.clock.advance(1000)
    assert sandbox.get(path).status_code == 200


def test_trap_15_a_failing_store_makes_health_a_500_without_details():
    """The 500 of health is itself evidence; nothing in it says which store failed."""
    failing = Behaviour(service="infra", path="/infra/r2", status=500, kind="text", **FOREVER)
    answer = Sandbox(world(behaviours=(failing,))).get("/infra/health")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")


def test_trap_15_one_failure_on_an_empty_counter_lasts_four_good_probes():
    """Running means remember: down for four good probes, then not down."""
    failing = Behaviour(service="infra", path="/infra/r2", start_ms=0, end_ms=NOW + 1, status=500, kind="text")
    sandbox = Sandbox(world(behaviours=(failing,)))
    assert sandbox.get("/infra/r2").status_code == 500
    seen = []
    for _ in range(5):
        sandbox.clock.advance(5000)
        seen.append(sandbox.json("/infra/health")["r2"]["status"])
    assert seen == ["down"] * 4 + ["degraded"]


def test_trap_15_running_means_hide_a_slow_read():
    """After 200 fast reads one of 400 ms hardly shows."""
    slow = Behaviour(service="infra", path="/infra/kv", start_ms=NOW + 400_000, end_ms=2**60, latency_ms=400.0)
    sandbox = Sandbox(world(behaviours=(slow,)))
    for _ in range(200):
        sandbox.json("/infra/kv")
        sandbox.clock.advance(2000)
    assert sandbox.json("/infra/kv")["avgReadLatency"] < 5


def test_trap_15_durable_objects_may_be_down_for_ever():
    """Their probe's route is not implemented, so 'down' is their ordinary state here."""
    assert Sandbox().json("/infra/health")["durableObjects"]["status"] == "down"
    assert Sandbox(durable_objects_down=False).json("/infra/health")["durableObjects"]["status"] == "healthy"


def test_trap_16_availability_is_the_probes_own_cache_share():
    """A slow KV is still 'available': the share is of the service's own probe key."""
    slow = Behaviour(service="infra", path="/infra/kv", latency_ms=50.0, **FOREVER)
    kv = Sandbox(world(behaviours=(slow,))).json("/infra/health")["kv"]
    assert kv["availability"] == 1
    assert kv["latency"] > 50


def check(sandbox: Sandbox, name: str) -> str:
    found = {c["name"]: c["status"] for c in sandbox.json("/monitoring/health")["checks"]}
    return found[name]


def test_trap_17_a_missing_route_reads_as_a_degraded_database():
    """The deployment lacks the route; the database is fine."""
    missing = Behaviour(service="api", path="/api/health/db", kind="missing", **FOREVER)
    sandbox = Sandbox(world(behaviours=(missing,)))
    assert check(sandbox, "Database Health") == "degraded"
    assert sandbox.get("/api/health/db").json() == {
        "success": False,
        "message": "Endpoint not found: /api/health/db",
    }
    assert check(Sandbox(), "Database Health") == "healthy"


def test_trap_17_monitoring_is_200_and_degraded_at_most_while_connections_work():
    """A 500 of the API is 'degraded', only a failing connection is 'down', and the status line is 200."""
    burning = Behaviour(service="api", path="", status=500, **FOREVER)
    assert check(Sandbox(world(behaviours=(burning,))), "API Health") == "degraded"
    gone = Sandbox(breaks=["api=refused"])
    assert check(gone, "API Health") == "down"
    assert gone.json("/monitoring/health")["status"] == "down"
    assert check(gone, "WebSocket Health") == "healthy"


def test_trap_17_monitoring_is_a_500_when_its_store_cannot_be_written():
    """Then there are no checks at all."""
    failing = Behaviour(service="infra", path="/infra/kv", status=500, kind="text", **FOREVER)
    answer = Sandbox(world(behaviours=(failing,))).get("/monitoring/health")
    assert (answer.status_code, answer.text) == (500, "Internal monitoring error")


def security_counts(sandbox: Sandbox) -> dict[str, int]:
    return {kind: event["count"] for kind, event in sandbox.json("/security/metrics")["events"].items()}


def test_trap_18_analyze_records_the_request_that_asks():
    """Every call adds an event, and what it finds in itself too."""
    sandbox = Sandbox()
    sandbox.get("/security/analyze?q=1'+UNION+SELECT+password")
    sandbox.get("/security/analyze")
    counts = security_counts(sandbox)
    assert (counts["anomalous_behavior"], counts["sql_injection_attempt"]) == (2, 1)


def test_trap_18_counts_grow_until_a_day_without_events():
    """A count may be weeks old; the difference of two readings is the only rate."""
    times = [NOW - 10 * DAY + n * 20 * HOUR for n in range(12)]
    sandbox = Sandbox(world(security_events={"xss_attempt": times, "sql_injection_attempt": [NOW - 3 * DAY]}))
    counts = security_counts(sandbox)
    assert (counts["xss_attempt"], counts["sql_injection_attempt"]) == (12, 0)
    sandbox.clock.advance(2 * DAY)
    assert security_counts(sandbox)["xss_attempt"] == 0
    paused = {"xss_attempt": [NOW - 5 * DAY, NOW - 4 * DAY + HOUR, NOW - HOUR]}
    assert security_counts(Sandbox(world(security_events=paused)))["xss_attempt"] == 1


def test_trap_19_brute_force_is_never_recorded_by_the_service():
    """Zeros are the expected state during a real attack."""
    failures = [entry(NOW - n * 100, "auth", "login failed", level="warn") for n in range(1, 500)]
    sandbox = Sandbox(world(logs=failures))
    for _ in range(150):
        sandbox.get("/security/rate-limit?endpoint=/api/auth/login&identifier=198.51.100.4")
    counts = security_counts(sandbox)
    assert (counts["brute_force_attack"], counts["rate_limit_exceeded"]) == (0, 0)
    sandbox.get("/security/analyze", headers={"user-agent": "sqlmap/1.8"})
    assert security_counts(sandbox)["suspicious_login_attempt"] == 1


def test_trap_20_asking_for_a_rate_limit_counts_as_a_hit():
    """The question uses up what it asks about."""
    sandbox = Sandbox()
    left = [sandbox.json("/security/rate-limit?endpoint=/x&identifier=me")["remaining"] for _ in range(3)]
    assert left[0] > left[1] > left[2]


ALERT = {"type": "critical", "title": "High error rate", "message": "5xx", "source": "apm", "component": "api"}


def test_trap_21_an_unknown_alert_is_a_500():
    """Not a 404."""
    answer = Sandbox().post("/alerts/acknowledge", {"alertId": "alert-1-x", "userId": "me"})
    assert (answer.status_code, answer.json()) == (500, {"error": "Alert alert-1-x not found"})


def test_trap_22_a_throttled_trigger_answers_a_fresh_id_that_was_never_stored():
    """For 15 minutes per source, component and type, whatever the title and severity, also after a resolve."""
    sandbox = Sandbox()
    first = sandbox.post("/alerts/trigger", ALERT).json()["alertId"]
    sandbox.post("/alerts/resolve", {"alertId": first, "userId": "me", "resolution": "done"})
    sandbox.clock.advance(14 * MINUTE)
    second = sandbox.post("/alerts/trigger", {**ALERT, "title": "other", "severity": 5}).json()["alertId"]
    assert second != first
    assert sandbox.post("/alerts/acknowledge", {"alertId": second, "userId": "me"}).status_code == 500
    assert sandbox.post("/alerts/trigger", {**ALERT, "source": "fresh"}).status_code == 200
    sandbox.clock.advance(MINUTE)
    third = sandbox.post("/alerts/trigger", ALERT).json()["alertId"]
    assert sandbox.post("/alerts/acknowledge", {"alertId": third, "userId": "me"}).status_code == 200


def test_trap_22_delivery_failures_are_swallowed_and_only_critical_pages():
    """200 with Slack down; only ``critical`` reaches PagerDuty, whatever the severity."""
    sandbox = Sandbox(breaks={"slack": "5xx"})
    assert sandbox.post("/alerts/trigger", ALERT).status_code == 200
    assert sandbox.post("/alerts/trigger", {**ALERT, "type": "warning", "severity": 1}).status_code == 200
    incidents = sandbox.json("/_pagerduty/incidents")["incidents"]
    assert [incident["title"] for incident in incidents] == ["High error rate"]
    sandbox.post("/_sandbox/breaks", {"slack": None})
    assert sandbox.json("/_slack/api/conversations.history?channel=alerts")["messages"] == []


def test_trap_23_a_500_of_acknowledge_has_stored_the_change_and_pagerduty_never_hears():
    """The repeat is 200 and sends nothing."""
    sandbox = Sandbox()
    alert = sandbox.post("/alerts/trigger", ALERT).json()["alertId"]
    sandbox.post("/_sandbox/breaks", {"slack": "5xx"})
    acknowledge = {"alertId": alert, "userId": "me"}
    assert sandbox.post("/alerts/acknowledge", acknowledge).status_code == 500
    sandbox.post("/_sandbox/breaks", {"slack": None})
    again = sandbox.post("/alerts/acknowledge", acknowledge)
    assert (again.status_code, again.text) == (200, "Alert acknowledged")
    assert sandbox.json("/_pagerduty/incidents")["incidents"][0]["status"] == "triggered"
    assert len(sandbox.json("/_slack/api/conversations.history?channel=alerts")["messages"]) == 1


def test_trap_23_acknowledging_a_resolved_alert_is_200():
    """And it stays resolved: the dashboard does not name it again."""
    sandbox = Sandbox()
    alert = sandbox.post("/alerts/trigger", ALERT).json()["alertId"]
    assert sandbox.json("/monitoring/dashboard")["alerts"] == [alert]
    sandbox.post("/alerts/resolve", {"alertId": alert, "userId": "me", "resolution": "done"})
    assert sandbox.post("/alerts/acknowledge", {"alertId": alert, "userId": "you"}).status_code == 200
    assert sandbox.json("/monitoring/dashboard")["alerts"] == []


def test_trap_24_alerts_cannot_be_listed_and_the_dashboard_forgets():
    """Active alerts vanish after 24 h without change, or are never there where no store is shared."""
    sandbox = Sandbox()
    sandbox.post("/alerts/trigger", ALERT)
    assert sandbox.get("/alerts/list").status_code == 404
    assert sandbox.get("/alerts/trigger").status_code == 405
    sandbox.clock.advance(DAY)
    assert sandbox.json("/monitoring/dashboard")["alerts"] == []
    apart = Sandbox(alerts_share_store=False)
    apart.post("/alerts/trigger", ALERT)
    assert apart.json("/monitoring/dashboard")["alerts"] == []


def test_trap_25_the_outgoing_webhook_is_unsigned():
    """A receiver must bring its own authentication: there is no signature among the headers."""
    received: list[httpx.Request] = []

    def receive(request: httpx.Request) -> httpx.Response:
        received.append(request)
        return httpx.Response(500)

    sandbox = Sandbox(webhook_url="http://ours/hook", webhook_transport=httpx.MockTransport(receive))
    assert sandbox.post("/alerts/trigger", ALERT).status_code == 200
    sandbox.post("/alerts/trigger", ALERT)
    assert len(received) == 1
    assert received[0].headers["user-agent"] == "Pitchey-Monitoring/1.0"
    assert not [name for name in received[0].headers if "sign" in name or "auth" in name]
    body = json.loads(received[0].content)
    assert (set(body), body["source"]) == ({"alert", "timestamp", "source"}, "pitchey-monitoring")
    names = "id type title message timestamp source component environment severity tags context status channels"
    assert set(body["alert"]) == set(names.split())


def test_trap_26_a_counter_lies_among_the_entries():
    """Unfiltered answers of a small store contain a row without id and time; stats count it as ``undefined``."""
    sandbox = Sandbox(world(logs=[entry(NOW - 1000, "auth"), entry(NOW - 500, "zeta", level="error")]))
    rows = sandbox.json("/logs/query?limit=1000")["logs"]
    odd = [row for row in rows if "id" not in row]
    assert odd == [{"totalLogs": 2, "errorCount": 1, "services": {"auth": 1, "zeta": 1}, "lastUpdated": NOW - 500}]
    assert sandbox.json("/logs/stats")["services"]["undefined"] == 1
    assert all("id" in row for row in sandbox.json("/logs/query?service=auth")["logs"])


def test_trap_26_newest_first_breaks_on_odd_entries():
    """A row without a time leaves its neighbours unsorted, so that readers must sort by themselves."""
    rows = [entry(NOW - 1000, "auth"), entry(NOW - 100, "zeta")]
    seen = [row.get("timestamp") for row in Sandbox(world(logs=rows)).json("/logs/query?limit=1000")["logs"]]
    times = [at for at in seen if at is not None]
    assert times != sorted(times, reverse=True)


def test_trap_27_nothing_is_type_checked():
    """Odd messages and times are served as they were sent; ISO text passes every start and no end."""
    odd = [
        {"id": "1", "message": 42, "timestamp": NOW - 1000, "service": "a"},
        {"id": "2", "message": {"deep": 1}, "timestamp": "2026-11-23T08:00:00Z", "service": "a"},
        {"id": "3", "message": "in seconds", "timestamp": NOW // 1000, "service": "a"},
    ]
    sandbox = Sandbox(world(logs=[entry(NOW - 1000 * n, raw=json.dumps(row)) for n, row in enumerate(odd, 1)]))

    def ids(parameters: str) -> set[str]:
        return {row["id"] for row in sandbox.json(f"/logs/query?service=a&limit=9{parameters}")["logs"]}

    assert ids("") == {"1", "2", "3"}
    assert ids(f"&startTime={NOW - 2000}") == {"1", "2"}
    assert ids(f"&endTime={NOW}") == {"1", "3"}
    assert ids("&startTime=2026-11-23") == {"1", "2", "3"}  # 2026 ms


def test_trap_27_one_text_among_numbers_ruins_the_average():
    """Numbers are joined to text from there on: an average of 150 becomes something else by orders."""
    good = [point(NOW - n * 1000, 150.0) for n in range(5, 1, -1)]
    text = {
        **point(NOW - 1500, 0.0),
        "raw": json.dumps({"name": "response_time", "value": "200", "timestamp": NOW - 1500}),
    }
    average = Sandbox(world(metrics=[*good, text])).json("/apm/summary")["responseTime"]["average"]
    assert average == 600200 / 5
    null = {**text, "raw": json.dumps({"name": "response_time", "value": None, "timestamp": NOW - 1500})}
    assert Sandbox(world(metrics=[*good, null])).json("/apm/summary")["responseTime"]["average"] == 600 / 5
    nan = Sandbox(world(metrics=[point(NOW - 1000, float("nan"))])).json("/apm/metrics?name=response_time")
    assert nan[0]["value"] is None


def test_trap_28_percentiles_of_few_values_are_the_maximum():
    """P95 of 20 values is the maximum, of 21 it is not; P99 is up to 100."""

    def p(count: int) -> dict[str, float]:
        rows = [point(NOW - count * 100 + n * 100, float(n)) for n in range(1, count + 1)]
        return Sandbox(world(metrics=rows)).json("/apm/summary")["responseTime"]

    assert p(20)["p95"] == 20
    assert p(21)["p95"] == 20
    assert p(100)["p99"] == 100
    assert p(101)["p99"] == 100


def test_trap_29_web_vitals_come_from_the_first_hundred_sessions_by_name():
    """190 of 301 sessions at 9,000 ms LCP, summary 2,000 ms."""
    rows = [beacon(NOW - 1000 - n, f"s{n:03d}", 2000.0 if n < 111 else 9000.0) for n in range(301)]
    vitals = Sandbox(world(vitals=rows)).json("/apm/summary")["webVitals"]
    assert (vitals["lcp"], vitals["sampleSize"]) == (2000, 100)


def test_trap_30_a_trace_misses_spans_and_time_outs_count_as_success():
    """1,000 spans of the day are read, by their random ids; a time-out is a success."""
    rows = [entry(NOW - 2000 - n, "x", traceId="other", spanId=f"{(n * 7919) % 3000:04d}") for n in range(2800)]
    mine = [
        entry(NOW - 1000 - n, "api", "timeout", level="error", traceId="mine", spanId=f"{n * 14:04d}a")
        for n in range(201)
    ]
    trace = Sandbox(world(logs=[*rows, *mine])).json("/apm/trace?traceId=mine")
    assert 0 < len(trace["spans"]) < 201
    assert trace["status"] == "success"
    assert Sandbox().json("/apm/trace?traceId=none") is None


def test_trap_31_a_written_entry_may_stay_unseen_for_a_minute():
    """'Not found' right after a write is no fault; after a minute it is there, in the archive too."""
    sandbox = Sandbox(seed_world := world(seed=3))
    for number in range(5):
        assert sandbox.post("/logs/ingest", {"message": f"m{number}", "service": "auth"}).status_code == 201
        sandbox.clock.advance(1)
    at_once = len(sandbox.json("/logs/query?service=auth")["logs"])
    sandbox.clock.advance(MINUTE)
    assert at_once < 5
    assert len(sandbox.json("/logs/query?service=auth")["logs"]) == 5
    assert sandbox.get("/_r2/b?list-type=2&prefix=logs/production/").text.count("<Key>") == 5
    assert seed_world.logs.is_empty()


def test_trap_32_trailing_slash_is_404_and_most_routes_answer_any_method():
    """And GET on the ingest routes of APM is the same 500 as db-metrics."""
    sandbox = Sandbox(world(logs=[entry(NOW - 1000)]))
    for path in ("/logs/query/", "/apm/summary/", "/infra/health/", "/monitoring/health/", "/security/metrics/"):
        assert sandbox.get(path).status_code == 404, path
    assert sandbox.ask("DELETE", "/logs/query?service=auth").json()["total"] == 1
    assert sandbox.ask("PUT", "/monitoring/performance").status_code == 200
    for path in ("/apm/db-metrics", "/apm/web-vitals", "/apm/span", "/apm/span/finish"):
        answer = sandbox.get(path)
        assert (answer.status_code, answer.text) == (500, "Internal Server Error"), path


def test_trap_33_some_routes_of_the_api_are_no_evidence():
    """Forged tokens are fine for validate-token; two routes of pitches are constants."""
    sandbox = Sandbox()
    assert sandbox.ask("POST", "/api/validate-token", json={"token": "forged"}).json()["valid"] is True
    assert sandbox.post("/api/auth/verify", {"token": "test-token"}).status_code == 401
    assert sandbox.json("/api/pitches/1") == sandbox.json("/api/pitches/999")
    assert sandbox.json("/api/pitches/new") == sandbox.json("/api/pitches/new")


def test_trap_34_a_batch_is_not_atomic():
    """One bad entry loses its later neighbours; an object instead of a list stores nothing and is 201."""
    sandbox = Sandbox()
    batch = [{"message": "a", "service": "s"}, {"no": "message"}, {"message": "b", "service": "s"}]
    assert sandbox.post("/logs/batch", batch).status_code == 500
    assert sandbox.post("/logs/batch", {"message": "c", "service": "s"}).status_code == 201
    sandbox.clock.advance(MINUTE)
    assert [row["message"] for row in sandbox.json("/logs/query?service=s")["logs"]] == ["a"]
