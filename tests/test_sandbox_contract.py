"""The sandbox answers as the recorded platform: the same status, type, text and shape, sample by sample."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import botocore.session
import httpx
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_worlds import DAY, HOUR, MINUTE, NOW, Sandbox, beacon, db_post, entry, point, world

from pitchey_ops.sandbox.clock import LoopClock, iso
from pitchey_ops.sandbox.serve import Running
from pitchey_ops.sandbox.store import ArchiveStore
from pitchey_ops.sandbox.thirdparty.graphql import QueryError, parse
from pitchey_ops.sandbox.world import Behaviour, Deployment, Issue, Release, StatusIncident, Truth

SAMPLES = Path(__file__).parents[1].parent / "shared" / "contract" / "samples"
FOREVER = {"start_ms": 0, "end_ms": 2**60}


def recorded_world():
    """What the platform held when the samples were recorded, as far as it shows in them."""
    rows = []
    for service in ("auth", "database", "frontend", "pitch"):
        for number in range(300):
            at = NOW - 1_250_000 - (300 - number) * 6_000
            level = "error" if service == "database" or (number < 200 and service == "auth") else "warn"
            text = f"query timeout after {3000 + number} ms on pitches"
            took = {"responseTime": 3000.0 + number}
            rows.append(entry(at, service, text, level=level, **took))
    rows += [entry(NOW - 900_000 + number * 1000, "zeta", "new outage", level="error") for number in range(900)]
    missing = [
        Behaviour(service="api", path=path, kind="missing", status=404, **FOREVER)
        for path in ("/api/health/db", "/api/pitches", "/api/auth/verify")
    ]
    return world(
        logs=rows,
        metrics=[
            point(1_795_415_227_124 + n * 6000, 100.5 + n / 7, tags='{"endpoint": "/api/pitches"}') for n in range(971)
        ],
        db_posts=[db_post(NOW - 156_048)],
        vitals=[beacon(NOW - 176_876, "s", 4100.0)],
        security_events={
            "sql_injection_attempt": [NOW - 155_314],
            "anomalous_behavior": [NOW - 155_316, NOW - 155_314],
        },
        behaviours=tuple(missing),
    )


def samples() -> list[Any]:
    """Every recorded sample; one skipped case where they are absent."""
    if not SAMPLES.is_dir():
        absent = pytest.mark.skip(reason=f"{SAMPLES} absent: the recorded answers were NOT compared")
        return [pytest.param(None, marks=absent, id="absent")]
    return [pytest.param(path, id=path.stem) for path in sorted(SAMPLES.glob("*.json"))]


def shape(value: Any) -> Any:
    """Keys and types; a list is the shape of its first element, a number is a number."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    if isinstance(value, bool) or value is None:
        return value
    return "number" if isinstance(value, int | float) else "text"


@pytest.mark.shared
@pytest.mark.parametrize("path", samples())
def test_sample(path: Path) -> None:
    """Status, content type, text and shape of a recorded answer are those of the sandbox."""
    recorded = json.loads(path.read_text())
    request, expected = recorded["request"], recorded["response"]
    sandbox = Sandbox(recorded_world(), durable_objects_down=False)
    body = request.get("json")
    if path.stem.startswith("alerts_") and request["method"] == "POST":
        alert = sandbox.post(
            "/alerts/trigger", json.loads((SAMPLES / "alerts_trigger.json").read_text())["request"]["json"]
        )
        if "throttled_id" in path.stem:
            throttled = sandbox.post("/alerts/trigger", {"type": "critical", "source": "apm", "component": "api"})
            body = {**body, "alertId": throttled.json()["alertId"]}
        elif "alertId" in body:
            body = {**body, "alertId": alert.json()["alertId"]}
    if path.stem == "infra_durable_objects":
        sandbox.get("/infra/health")
    if path.stem == "monitoring_dashboard":
        sandbox.get("/monitoring/health")
    host = "api" if request["service"] == "production" else request["service"]
    answer = sandbox.ask(request["method"], f"/_host/{host}{request['path']}", **({"json": body} if body else {}))
    assert answer.status_code == expected["status"]
    kind = answer.headers.get("content-type")
    assert (kind is None) == (expected["content_type"] is None)
    if kind is not None:
        assert kind.replace(" ", "").lower() == expected["content_type"].replace(" ", "").lower()
    if "text" in expected:
        assert answer.text == expected["text"]
        return
    got, want = shape(answer.json()), shape(expected["json"])
    if path.stem.startswith("logs_stats"):
        assert set(got["services"]) <= set(want["services"]) | {"undefined", "zeta", "pitch"}
        got.pop("services"), want.pop("services")
    if path.stem == "alerts_acknowledge_throttled_id":
        assert answer.json() == {"error": f"Alert {body['alertId']} not found"}
    assert got == want


@pytest.mark.shared
def test_the_samples_figures_come_out_of_the_same_store() -> None:
    """The recorded totals (500 of limit 50, 1,000 of a bad limit, 100 of a search) follow from the recorded store."""
    if not SAMPLES.is_dir():
        pytest.skip(f"{SAMPLES} absent")
    sandbox = Sandbox(recorded_world())
    for name in ("logs_query_error", "logs_query_small_limit", "logs_query_bad_limit", "logs_query_none"):
        recorded = json.loads((SAMPLES / f"{name}.json").read_text())
        got = sandbox.json(recorded["request"]["path"])
        assert (got["total"], got["hasMore"]) == (
            recorded["response"]["json"]["total"],
            recorded["response"]["json"]["hasMore"],
        ), name
    assert len(sandbox.json("/logs/query?level=error&limit=50")["logs"]) == 50
    assert len(sandbox.json("/logs/search?q=timeout")) == 100
    stats = sandbox.json("/logs/stats?timeWindow=7500000")
    assert (stats["totalLogs"], stats["services"]["pitch"]) == (1000, 100)


def test_every_row_shows_when_its_time_has_come() -> None:
    """Rows beyond the clock are not there yet, and appear when it moves on."""
    rows = [entry(NOW + n * 1000, message=f"m{n}") for n in (-1, 1)]
    sandbox = Sandbox(world(logs=rows, metrics=[point(NOW + 500, 1.0)]))
    assert sandbox.json("/logs/query?service=auth")["total"] == 1
    assert sandbox.json("/apm/metrics?name=response_time") == []
    sandbox.clock.advance(2000)
    assert sandbox.json("/logs/query?service=auth")["total"] == 2
    assert len(sandbox.json("/apm/metrics?name=response_time")) == 1


def test_a_fresh_store_is_not_cut() -> None:
    """With ``fresh`` only the last two hours are in the stores, and all of them are visible."""
    rows = [entry(NOW - n * MINUTE, "auth") for n in range(1, 2000)]
    sandbox = Sandbox(world(logs=rows, metrics=[point(NOW - n * MINUTE, 1.0) for n in range(1, 2000)]), fresh=True)
    assert sandbox.json("/logs/query?service=auth&limit=1000")["total"] == 120
    assert len(sandbox.json("/apm/metrics?name=response_time")) == 120


def test_behaviours_last_match_wins_and_end() -> None:
    """A later behaviour overrides an earlier one within its span; afterwards all is as before."""
    played = world(
        behaviours=(
            Behaviour(service="api", path="", start_ms=0, end_ms=NOW + 5000, status=503, body={"why": "all"}),
            Behaviour(
                service="api", path="/api/pitches", start_ms=0, end_ms=NOW + 5000, status=500, kind="cloudflare_html"
            ),
            Behaviour(service="frontend", path="/", status=404, kind="text", body="gone", **FOREVER),
        )
    )
    sandbox = Sandbox(played)
    page = sandbox.get("/api/pitches")
    assert page.status_code == 500
    assert page.headers["content-type"].startswith("text/html")
    assert "error code: 1101" in page.text
    assert page.headers["cf-ray"] in page.text.replace("</strong>", "")
    assert (sandbox.get("/api/health").status_code, sandbox.get("/api/health").json()) == (503, {"why": "all"})
    assert sandbox.get("/").text == "gone"
    assert sandbox.get("/assets/index-b27d90ee.css").status_code == 200
    sandbox.clock.advance(5000)
    assert sandbox.json("/api/health")["status"] == "healthy"


def test_a_share_fails_that_share_of_the_seconds_and_always_the_same() -> None:
    """Drawn from seed, path and second: repeatable, and near the share over many seconds."""
    half = Behaviour(service="api", path="/api/health", share=0.4, status=500, **FOREVER)

    def statuses() -> list[int]:
        sandbox = Sandbox(world(behaviours=(half,)))
        found = []
        for _ in range(300):
            found.append(sandbox.get("/api/health").status_code)
            sandbox.clock.advance(1000)
        return found

    first = statuses()
    assert first == statuses()
    assert 0.3 < first.count(500) / len(first) < 0.5


def test_headers_of_a_behaviour_replace_or_remove() -> None:
    """A misconfigured CORS is a header that is gone."""
    bare = Behaviour(service="api", path="/api/pitches", headers={"access-control-allow-origin": ""}, **FOREVER)
    sandbox = Sandbox(world(behaviours=(bare,)))
    assert "access-control-allow-origin" not in sandbox.get("/api/pitches").headers
    assert "access-control-allow-origin" in sandbox.get("/api/health").headers


def test_the_frontend_has_real_assets_and_hides_missing_ones_behind_the_page() -> None:
    """Every asset of the page is there, compressed and cached; a missing chunk is the page with 200."""
    sandbox = Sandbox()
    page = sandbox.get("/")
    assets = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert len(assets) == 6
    for path in assets:
        answer = sandbox.ask("GET", path, headers={"accept-encoding": "gzip"})
        assert (answer.status_code, answer.headers["cf-cache-status"]) == (200, "HIT")
        assert len(answer.content) > 1000
        if path.endswith((".js", ".css")):
            assert answer.headers["content-encoding"] == "gzip"
            assert "immutable" in answer.headers["cache-control"]
    head = sandbox.ask("HEAD", "/")
    assert (head.status_code, head.headers["cf-cache-status"]) == (200, "DYNAMIC")
    assert "content-encoding" not in sandbox.get(assets[0], headers={"accept-encoding": "identity"}).headers
    gone = sandbox.get("/assets/chunk-00000000.js")
    assert (gone.status_code, gone.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_r2_lists_all_pages_and_folders() -> None:
    """Pages join to the whole, in key order; a delimiter gives the services of an hour."""
    rows = [entry(NOW - n * 500, ("api", "api-gateway", "zeta")[n % 3], id=f"{NOW - n * 500}-{n}") for n in range(2500)]
    sandbox = Sandbox(world(logs=rows))
    space = "{http://s3.amazonaws.com/doc/2006-03-01/}"
    keys, token, pages = [], None, 0
    while True:
        more = {} if token is None else {"continuation-token": token}
        root = fromstring(
            sandbox.ask(
                "GET", "/_r2/pitchey-logs", params={"list-type": "2", "prefix": "logs/production/", **more}
            ).content
        )
        keys += [node.text for node in root.iter(f"{space}Key")]
        pages += 1
        token = root.findtext(f"{space}NextContinuationToken")
        assert root.findtext(f"{space}IsTruncated") == ("false" if token is None else "true")
        if token is None:
            break
    assert (len(keys), len(set(keys)), pages) == (2500, 2500, 3)
    assert keys == sorted(keys)

    def folders(prefix: str, **more: str) -> list[str | None]:
        asked = {"list-type": "2", "prefix": prefix, "delimiter": "/", **more}
        found = fromstring(sandbox.ask("GET", "/_r2/pitchey-logs", params=asked).content)
        return [node.findtext(f"{space}Prefix") for node in found.iter(f"{space}CommonPrefixes")]

    hour = "logs/production/2026-11-23/08/"
    assert folders(hour) == [f"{hour}{name}/" for name in ("api-gateway", "api", "zeta")]  # '-' before '/'
    assert folders(hour) == sorted(folders(hour), key=lambda text: text or "")
    assert len(folders(hour, **{"max-keys": "1"})) == 1
    assert folders("logs/production/") == ["logs/production/2026-11-23/"]


@pytest.mark.slow
def test_r2_speaks_s3_to_botocore() -> None:
    """The client that the archive source uses understands list, get and a missing key."""
    rows = [entry(NOW - n * 1000, "sp ace&ü", id=f"{n}") for n in range(1200)]
    with Running(world(logs=rows)) as running:
        client = botocore.session.get_session().create_client(
            "s3",
            endpoint_url=f"{running.url}/_r2",
            region_name="auto",
            aws_access_key_id="a",
            aws_secret_access_key="b",
            config=botocore.config.Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
        )
        pages = client.get_paginator("list_objects_v2").paginate(Bucket="pitchey-logs", Prefix="logs/production/")
        found = [row for page in pages for row in page["Contents"]]
        assert len(found) == 1200
        got = client.get_object(Bucket="pitchey-logs", Key=found[0]["Key"])
        body = got["Body"].read()
        assert len(body) == found[0]["Size"]
        assert json.loads(body)["service"] == "sp ace&ü"
        with pytest.raises(client.exceptions.NoSuchKey):
            client.get_object(Bucket="pitchey-logs", Key="logs/none")


WORKERS_QUERY = """query($acc:string,$from:string,$to:string,$s:string){viewer{accounts(filter:{accountTag:$acc}){
 workersInvocationsAdaptive(limit:1000,filter:{scriptName:$s,datetime_geq:$from,datetime_leq:$to}){
  sum{requests errors subrequests} quantiles{cpuTimeP50 cpuTimeP99} dimensions{datetime scriptName status}}}}}"""
EDGE_QUERY = """{ viewer { zones(filter: {zoneTag: "sandbox-zone"}) {
  rows: httpRequestsAdaptiveGroups(limit: 100,
  filter: {datetime_geq: "%s", datetime_leq: "%s", edgeResponseStatus_geq: 500}, orderBy: [count_DESC]) {
  count avg { sampleInterval } sum { visits edgeResponseBytes }
  dimensions { clientRequestPath edgeResponseStatus } } } } }"""
FIREWALL_QUERY = """{ viewer { zones(filter: {zoneTag: "sandbox-zone"}) {
  firewallEventsAdaptive(limit: 2, filter: {datetime_geq: "2026-11-23T00:00:00Z", action: "block"},
   orderBy: [datetime_DESC]) { action clientIP datetime }
  firewallEventsAdaptiveGroups(limit: 10, filter: {datetime_geq: "2026-11-23T00:00:00Z"}, orderBy: [count_DESC]) {
   count dimensions { clientIP } } } } }"""


def graphql_world():
    minute = NOW - NOW % MINUTE
    workers = [
        {"at": minute - n * MINUTE, "script": "pitchey-production", "status": status, "requests": 100, "errors": errors,
         "subrequests": 5, "cpu_p50_us": 900.0, "cpu_p99_us": 4000.0, "wall_p99_us": 9000.0}
        for n in range(10)
        for status, errors in (("success", 0), ("scriptThrewException", 100))
    ]  # fmt: skip
    edge = [
        {"at": minute - n * MINUTE, "route": route, "status": status, "requests": 50 + n, "cached": 10, "bytes": 1000}
        for n in range(10)
        for route, status in (("/api/a", 200), ("/api/a", 500), ("/api/b", 503))
    ]
    firewall = [
        {"at": NOW - n * 1000, "action": "block" if n % 2 else "log", "clientIP": f"198.51.100.{n % 3}"}
        for n in range(9)
    ]
    return world(workers=workers, edge=edge, firewall=firewall)


def graphql(sandbox: Sandbox, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = sandbox.post("/_cf_api/client/v4/graphql", {"query": query, "variables": variables or {}})
    assert answer.status_code == 200
    return answer.json()


def test_graphql_answers_the_contracts_worker_query() -> None:
    """Grouped by minute, script and status, within the span, the last two minutes under-counted."""
    given = {"acc": "sandbox-account", "from": iso(NOW - 5 * MINUTE), "to": iso(NOW), "s": "pitchey-production"}
    rows = graphql(Sandbox(graphql_world()), WORKERS_QUERY, given)["data"]["viewer"]["accounts"][0]
    groups = rows["workersInvocationsAdaptive"]
    assert len(groups) == 10
    by_minute = {
        row["dimensions"]["datetime"]: row["sum"] for row in groups if row["dimensions"]["status"] == "success"
    }
    counts = [by_minute[at]["requests"] for at in sorted(by_minute)]
    assert counts[:3] == [100, 100, 100]
    assert counts[-1] < counts[-2] < 100
    assert groups[0]["quantiles"] == {"cpuTimeP50": 900, "cpuTimeP99": 4000}


def test_graphql_groups_orders_and_filters() -> None:
    """Real 5xx rates by route; firewall events newest first and counted by address."""
    sandbox = Sandbox(graphql_world())
    edge = graphql(sandbox, EDGE_QUERY % (iso(NOW - HOUR), iso(NOW - 3 * MINUTE)))["data"]["viewer"]["zones"][0]["rows"]
    assert [row["dimensions"] for row in edge] == [
        {"clientRequestPath": "/api/a", "edgeResponseStatus": 500},
        {"clientRequestPath": "/api/b", "edgeResponseStatus": 503},
    ]
    assert edge[0]["count"] == edge[0]["sum"]["visits"] == sum(50 + n for n in range(3, 10))
    zone = graphql(sandbox, FIREWALL_QUERY)["data"]["viewer"]["zones"][0]
    assert [row["datetime"] for row in zone["firewallEventsAdaptive"]] == [
        "2026-11-23T08:27:09Z",
        "2026-11-23T08:27:07Z",
    ]
    assert [row["count"] for row in zone["firewallEventsAdaptiveGroups"]] == [3, 3, 3]


@pytest.mark.parametrize(
    "query",
    [
        EDGE_QUERY.replace("sandbox-zone", "other") % (iso(NOW - HOUR), iso(NOW)),
        EDGE_QUERY.replace("visits", "visitors") % (iso(NOW - HOUR), iso(NOW)),
        EDGE_QUERY.replace("httpRequestsAdaptiveGroups", "nothing") % (iso(NOW - HOUR), iso(NOW)),
        EDGE_QUERY % ("yesterday", iso(NOW)),
        EDGE_QUERY.replace("limit: 100", "limit: 100000") % (iso(NOW - HOUR), iso(NOW)),
        "{ viewer { zones ",
        "mutation { x }",
        "{" * 5000,
        "",
    ],
)
def test_graphql_errors_come_with_http_200(query: str) -> None:
    """Whoever looks at the status alone takes an error for an answer."""
    answer = graphql(Sandbox(graphql_world()), query)
    assert answer["data"] is None
    assert answer["errors"][0]["message"]


def deployed_world():
    deployments = [
        Deployment(at_ms=NOW - n * HOUR, script="pitchey-production", version_id=f"v{n}", number=50 - n,
                   author="dev@pitchey.example", message=f"v1.{50 - n}")
        for n in (3, 1, -1)
    ]  # fmt: skip
    issue = Issue(id="1", short_id="API-1", title="TypeError", culprit="x", level="error", project="pitchey-api",
                  events_ms=[NOW - n * MINUTE for n in range(-5, 40)], users=12)  # fmt: skip
    return world(
        deployments=tuple(deployments),
        issues=(issue,),
        releases=(Release(at_ms=NOW - HOUR, version="api@1.2", project="pitchey-api"),),
        status_incidents=(
            StatusIncident(
                start_ms=NOW - HOUR, end_ms=None, name="Workers errors", impact="major", components=("Workers",)
            ),
            StatusIncident(start_ms=NOW - DAY, end_ms=NOW - HOUR, name="Old", impact="critical", components=("D1",)),
        ),
        oncall=({"user": {"id": "U1", "summary": "Ana"}, "escalation_level": 1, "schedule": None},),
        truth=Truth(cause="bad_deployment", onset_ms=NOW - HOUR, note="never-to-be-served"),
    )


def test_third_parties_say_what_has_happened_until_now() -> None:
    """Deployments newest first, counts as text, incidents that run, people on call; nothing from the future."""
    sandbox = Sandbox(deployed_world())
    scripts = "/_cf_api/client/v4/accounts/sandbox-account/workers/scripts"
    deployments = sandbox.json(f"{scripts}/pitchey-production/deployments")["result"]["deployments"]
    assert [row["versions"][0]["version_id"] for row in deployments] == ["v1", "v3"]
    assert len(sandbox.json(f"{scripts}/pitchey-production/versions?deployable=true")["result"]["items"]) == 2
    unknown = sandbox.get(f"{scripts}/other/deployments")
    assert (unknown.status_code, unknown.json()["errors"][0]["code"]) == (404, 10007)
    assert sandbox.get("/_cf_api/client/v4/accounts/wrong/workers/scripts").json()["success"] is False
    level = sandbox.json("/_cf_api/client/v4/zones/sandbox-zone/settings/security_level")
    assert level["result"]["value"] == "medium"
    answer = sandbox.get("/_sentry/api/0/organizations/pitchey/issues/?statsPeriod=24h&query=is:unresolved")
    issue = answer.json()[0]
    assert (issue["count"], issue["lastSeen"]) == ("40", iso(NOW))
    assert answer.links["next"]["results"] == "false"
    assert sandbox.json("/_sentry/api/0/organizations/pitchey/releases/")[0]["version"] == "api@1.2"
    assert sandbox.json("/_pagerduty/oncalls")["oncalls"][0]["user"]["summary"] == "Ana"
    summary = sandbox.json("/_cf_status/api/v2/summary.json")
    assert summary["status"]["indicator"] == "major"
    assert [i["name"] for i in summary["incidents"]] == ["Workers errors"]
    assert {c["status"] for c in summary["components"] if c["name"] == "Workers"} == {"partial_outage"}
    assert len(sandbox.json("/_cf_status/api/v2/incidents.json")["incidents"]) == 2
    assert sandbox.json("/_statuspage/v1/pages/sandbox-page/incidents/unresolved") == []
    assert sandbox.json("/_slack/api/conversations.history?channel=nope")["ok"] is False


def test_an_ordinary_day_of_the_status_page_is_minor() -> None:
    """Some data centre is always out: the indicator alone proves nothing."""
    assert Sandbox().json("/_cf_status/api/v2/status.json")["status"]["indicator"] == "minor"


def test_third_parties_ask_for_a_token_when_told_to() -> None:
    """Without ``Authorization`` there is an error of each one's own kind."""
    sandbox = Sandbox(deployed_world(), require_tokens=True)
    assert sandbox.get("/_pagerduty/oncalls").status_code == 401
    assert sandbox.get("/_sentry/api/0/organizations/pitchey/issues/").status_code == 401
    assert sandbox.json("/_slack/api/auth.test") == {"ok": False, "error": "not_authed"}
    assert sandbox.get("/_cf_api/client/v4/zones/sandbox-zone").json()["success"] is False
    answer = sandbox.get("/_pagerduty/oncalls", headers={"authorization": "Token token=x"})
    assert answer.status_code == 200


def test_no_route_gives_away_the_truth() -> None:
    """The label of a scenario is nowhere in what the sandbox serves."""
    sandbox = Sandbox(deployed_world())
    paths = [
        "/",
        "/_sandbox/clock",
        "/_sandbox/seen",
        "/_sandbox/breaks",
        "/_sandbox/",
        "/_sandbox/truth",
        "/_sandbox/world",
    ]
    paths += [
        "/logs/query",
        "/apm/summary",
        "/infra/health",
        "/monitoring/dashboard",
        "/security/metrics",
        "/api/health",
    ]
    paths += [
        "/_cf_status/api/v2/summary.json",
        "/_sentry/api/0/organizations/pitchey/issues/",
        "/truth",
        "/_host/api/truth",
    ]
    for path in paths:
        text = sandbox.get(path).text
        assert "never-to-be-served" not in text, path
        assert "bad_deployment" not in text, path


def test_most_at_once_is_counted_by_service() -> None:
    """The high-water mark of concurrent requests shows whether a host was overrun."""
    sandbox = Sandbox(kv_read_ms=20.0)

    async def ask() -> None:
        async with sandbox.client() as client:
            await asyncio.gather(*(client.get(f"/logs/query?service={n}") for n in range(5)))
            await client.get("/apm/summary")

    asyncio.run(ask())
    seen = sandbox.json("/_sandbox/seen")
    assert (seen["logs"]["requests"], seen["logs"]["most_at_once"], seen["logs"]["in_flight"]) == (5, 5, 0)
    assert seen["apm"]["most_at_once"] == 1
    assert seen["logs"]["paths"] == {"/logs/query": 5}
    sandbox.ask("DELETE", "/_sandbox/seen")
    assert sandbox.json("/_sandbox/seen") == {}


def test_loop_clock_runs_with_the_loop_and_its_speed() -> None:
    """Sandbox time is the loop's time times the speed, whatever the loop's time is."""

    class Fast(asyncio.SelectorEventLoop):
        shift = 0.0

        def time(self) -> float:
            return super().time() * 0 + self.shift

    loop = Fast()
    clock = LoopClock(NOW, speed=60.0)

    async def read() -> list[int]:
        found = [clock.now_ms()]
        Fast.shift += 10.0
        found.append(clock.now_ms())
        clock.advance(5)
        return [*found, clock.now_ms()]

    try:
        assert loop.run_until_complete(read()) == [NOW, NOW + 600_000, NOW + 600_005]
    finally:
        loop.close()
        Fast.shift = 0.0


@pytest.mark.slow
def test_serve_listens_on_a_free_port_and_keeps_its_own_time() -> None:
    """Port 0 takes a free port; the date header is the sandbox's, not the machine's."""
    with Running(world(), speed=1000.0) as one, Running(world()) as other:
        assert one.port != other.port
        with urllib.request.urlopen(f"{one.url}/api/health") as answer:
            assert answer.headers["date"].startswith("Mon, 23 Nov 2026 08:")
            assert json.loads(answer.read())["status"] == "healthy"
        first = httpx.get(f"{one.url}/_sandbox/clock").json()["now_ms"]
        other_now = httpx.get(f"{other.url}/_sandbox/clock").json()["now_ms"]
        assert first > NOW
        assert other_now >= NOW


def test_two_hundred_thousand_entries_answer_quickly_and_alike() -> None:
    """A week of a busy platform: the service's oldest thousand, whatever its place in the alphabet."""
    count = 200_000
    at = NOW - 7 * DAY + 1 + np.arange(count) * (7 * DAY // count)
    few = world(logs=[entry(NOW - 1000)])
    names = pl.Series(np.array(["alpha", "beta", "gamma", "delta"])[np.arange(count) % 4])
    logs = pl.DataFrame({"at": at}).with_columns(
        arrival=pl.col("at"),
        id=pl.col("at").cast(pl.String),
        level=pl.lit("info"),
        message=pl.lit("x"),
        service=names,
        environment=pl.lit("production"),
        stored=True,
        archived=True,
    )
    missing = [
        pl.lit(None, dtype=kind).alias(name) for name, kind in few.logs.schema.items() if name not in logs.columns
    ]
    full = dataclasses.replace(
        few, logs=logs.with_columns(missing).select(few.logs.columns).cast(dict(few.logs.schema))
    )
    sandbox = Sandbox(full)
    for place, name in enumerate(("alpha", "beta", "gamma", "delta")):
        found = sandbox.json(f"/logs/query?service={name}&limit=1000")["logs"]
        assert len(found) == 1000
        assert found[-1]["timestamp"] == at[place]


@settings(max_examples=150, deadline=None)
@given(
    keys=st.lists(
        st.tuples(st.sampled_from(["api", "api-x", "a/b", "ü", "Z"]), st.integers(0, 6), st.integers(0, 5)), max_size=25
    ),
    limit=st.integers(1, 7),
    folders=st.booleans(),
    prefix=st.sampled_from(["", "logs/", "logs/production/2026-11-23/0", "logs/production/2026-11-23/08/api"]),
)
def test_archive_pages_join_to_the_naive_list(
    keys: list[tuple[str, int, int]], limit: int, folders: bool, prefix: str
) -> None:
    """Whatever the keys, page size and prefix: pages joined are the sorted keys, or folders, each once."""
    rows = [entry(NOW - hours * HOUR, service, id=f"{number}") for service, hours, number in keys]
    store = ArchiveStore(world(logs=rows))
    store.write({"timestamp": NOW, "environment": "production", "service": "posted", "id": "p"}, NOW)
    held = {f"logs/production/{iso(NOW - h * HOUR)[:13].replace('T', '/')}/{s}/{n}.json" for s, h, n in keys}
    held.add(f"logs/production/{iso(NOW)[:13].replace('T', '/')}/posted/p.json")
    wanted = sorted(key for key in held if key.startswith(prefix))
    if folders:
        cut = [prefix + key[len(prefix) :].partition("/")[0] + "/" for key in wanted if "/" in key[len(prefix) :]]
        wanted = sorted({*cut, *(key for key in wanted if "/" not in key[len(prefix) :])})
    found: list[str] = []
    after = ""
    for _ in range(100):
        page = store.page(prefix=prefix, after=after, delimiter="/" if folders else "", limit=limit, now_ms=NOW)
        assert len(page.objects) + len(page.prefixes) <= limit
        found += [one.key for one in page.objects] + page.prefixes
        if page.next_after is None:
            break
        after = page.next_after
    assert sorted(found) == wanted


@given(st.text(max_size=200) | st.text(alphabet='{}()[]:$!"\\ \nabq0-.', max_size=80))
def test_any_text_as_a_query_is_read_or_refused(query: str) -> None:
    """The reader of queries ends in fields or in its own error, whatever it is given."""
    try:
        fields = parse(query, {})
    except QueryError:
        return
    assert fields


@pytest.mark.parametrize(
    "path",
    [
        "/logs/query?service=auth&limit=" + "9" * 500,
        "/logs/query?service=auth&limit=-" + "9" * 500,
        "/logs/query?startTime=" + "9" * 500 + "&endTime=x",
        "/logs/search?q=%00%ff&limit=-" + "9" * 500,
        "/logs/stats?timeWindow=" + "9" * 500,
        "/logs/stats?timeWindow=abc",
        "/logs/query?service=%00%F0%9F",
        "/apm/summary?timeWindow=" + "9" * 500,
        "/apm/summary?timeWindow=abc",
        "/apm/metrics?name=%00",
    ],
)
def test_odd_parameters_are_answered(path: str) -> None:
    """The services parse what they are given as JavaScript does; nothing of it is a fault of the sandbox."""
    assert Sandbox(world(logs=[entry(NOW - 1000)])).get(path).status_code == 200


def test_the_clock_can_be_moved_forward_only() -> None:
    """Drills jump ahead; a bad wish moves nothing."""
    sandbox = Sandbox()
    assert sandbox.post("/_sandbox/clock", {"advance_ms": 5000}).json() == {"now_ms": NOW + 5000}
    for wish in ({"advance_ms": -1}, {"advance_ms": "5"}, [], {"advance_ms": True}):
        assert sandbox.post("/_sandbox/clock", wish).status_code == 400
    assert sandbox.json("/_sandbox/clock")["now_ms"] == NOW + 5000


@pytest.mark.slow
def test_serve_in_the_foreground_prints_its_address_and_ends_at_an_interrupt() -> None:
    """What a person starts says where it is, answers, and goes without a traceback."""
    code = "from tiny_worlds import world; from pitchey_ops.sandbox.serve import serve; serve(world())"
    place = Path(__file__).parent
    with subprocess.Popen(
        [sys.executable, "-u", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=place.parent,
        env={**os.environ, "PYTHONPATH": f"{place}{os.pathsep}{place.parent}"},
    ) as running:
        assert running.stdout is not None
        url = running.stdout.readline().strip()
        assert httpx.get(f"{url}/api/health", timeout=10).json()["status"] == "healthy"
        running.send_signal(signal.SIGINT)
        _, complaint = running.communicate(timeout=20)
        assert (running.returncode, complaint) == (0, "")
