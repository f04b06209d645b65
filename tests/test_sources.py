"""Reading answers: what becomes a value, what becomes a reason, and that nothing hostile does anything "
"else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import polars as pl
import postgres_server
import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from source_worlds import (
    ORIGIN,
    WINDOW,
    Archive,
    ask_everything,
    calm_platform,
    contract,
    entry,
    listing,
    ms,
    page,
    point,
    reason_of,
    run,
    settings,
    value_of,
)

from pitchey_ops.errors import SourceError
from pitchey_ops.evidence.replay import CurrentChannel, ReplayChannel
from pitchey_ops.frames import DEPLOYMENTS, EDGE, FIREWALL, ISSUES, LOGS, METRICS, SPANS, WORKERS, empty
from pitchey_ops.models.exchange import Exchange, Question
from pitchey_ops.models.observation import Observed, Unavailable
from pitchey_ops.sandbox import generate
from pitchey_ops.sandbox.app import create_app
from pitchey_ops.sandbox.clock import SetClock
from pitchey_ops.sources import (
    apm,
    cloudflare,
    cloudflare_status,
    frontend,
    infra,
    logs,
    monitoring,
    pagerduty,
    r2,
    reading,
    security,
    sentry,
)
from pitchey_ops.sources._answers import digest
from pitchey_ops.sources._sql import Database as Connection
from pitchey_ops.sources.api import Api
from pitchey_ops.sources.catalogue import (
    MAX_FOUND,
    PROBES,
    ROUNDS,
    RUNBOOKS,
    Context,
    Sources,
    ask_round,
    found_services,
    hidden_services,
    probes_for,
)
from pitchey_ops.sources.cloudflare import Cloudflare
from pitchey_ops.sources.cloudflare_status import is_relevant
from pitchey_ops.sources.database import STATEMENTS, Database, read_rows
from pitchey_ops.sources.frontend import Frontend
from pitchey_ops.sources.logs import Logs
from pitchey_ops.sources.pagerduty import PagerDuty
from pitchey_ops.sources.r2 import R2, hours_of, parse_objects, read_listing
from pitchey_ops.sources.reading import (
    Reading,
    edge_error_code,
    json_of,
    loads,
    moment_iso,
    number,
    observation_id,
    observe,
    safe,
)
from pitchey_ops.sources.sentry import Sentry
from pitchey_ops.sources.tables import build
from pitchey_ops.testing import NOON, Answer, FakeChannel, answering, failing

ASKED = replace(answering({}), key="k", source="logs", url=f"{ORIGIN}/logs/query")


def asked(answer: Exchange) -> Exchange:
    return replace(answer, key="logs/probe/all", source="logs", url=f"{ORIGIN}/logs/query?secret=1")


# --- From an exchange to a reason -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        (failing("timeout", "no whole answer within 10.0 s"), "timeout", "slow or hangs"),
        (failing("unreachable", "connection refused"), "unreachable", "connection refused"),
        (failing("not_asked", "the run's time was used up"), "not_asked", "used up"),
        (failing("too_large", "larger than 32 MB"), "too_large", "larger than"),
        (failing("not_allowed", "not one of the hosts"), "not_allowed", "configured hosts"),
        (answering(status=401, text="no"), "refused", "PITCHEY_OPS_LOGS_TOKEN"),
        (answering(status=403, text="no"), "refused", "PITCHEY_OPS_LOGS_TOKEN"),
        (answering(status=429, text="slow down"), "rate_limited", "too many"),
        (answering(status=404, text="Endpoint not found"), "failed", "no such route"),
        (answering(status=500, text="Internal monitoring error"), "failed", "Internal monitoring error"),
        (answering(status=302, text=""), "failed", "never followed"),
        (answering(text="<html>", content_type="text/html"), "bad_payload", "Something else answers"),
        (answering(text="{}", content_type="text/plain"), "bad_payload", "content type"),
        (answering(text="<html>", content_type="application/json"), "bad_payload", "begins with"),
        (answering(text="", content_type="application/json"), "bad_payload", "begins with"),
        (answering(text='{"a": 1', content_type="application/json"), "bad_payload", "cut off"),
        (answering(text='{"a": NaN}', content_type="application/json"), "bad_payload", "NaN"),
        (answering([]), "bad_payload", "object was due"),
    ],
)
def test_what_went_wrong_becomes_a_reason_with_words(answer, reason, words):
    """A message says what happened, the likely cause, and what was not done; never the parameters."""
    seen = run(
        observe(
            FakeChannel(otherwise=answer),
            Question(key="logs/probe/all", source="logs", url=f"{ORIGIN}/logs/query?secret=1"),
            lambda exchange: Reading(value=json_of(exchange)),
        )
    )

    assert reason_of(seen) == reason
    assert isinstance(seen, Unavailable)
    assert words in seen.detail
    assert "secret=1" not in seen.detail
    assert len(seen.detail) < 700


def test_a_bug_in_a_reader_still_raises():
    """Only a `SourceError` becomes unavailable; a bug must not look like a platform that cannot be read."""

    def broken(exchange: Exchange) -> Reading[None]:
        raise KeyError("bug")

    question = Question(key="k", source="logs", url=ORIGIN)
    with pytest.raises(KeyError):
        run(observe(FakeChannel(otherwise=answering({})), question, broken))


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        ("error code: 1101", {}, "1101"),
        ("<h1>Error <span>1101</span></h1>", {"cf-ray": "8f-WAW"}, "1101"),
        ("<title>x | 522: Connection timed out</title><p>error code 522</p> cloudflare", {}, "522"),
        ("<html>oops</html>", {"cf-ray": "8f-WAW"}, "unknown"),
        ("<html>nginx</html>", {}, None),
        ('{"error":"x"}', {"cf-ray": "8f-WAW"}, None),
    ],
)
def test_cloudflares_own_error_page_is_recognised_with_its_code(body, headers, code):
    """1101 is a worker that threw; the platform's own JSON error through Cloudflare is not Cloudflare's."""
    kind = "application/json" if body.startswith("{") else "text/html"
    answer = answering(status=500, text=body, content_type=kind, headers=headers)

    assert edge_error_code(answer) == code


def test_deep_json_is_refused_and_huge_numbers_survive_as_no_number():
    """A bomb must end as a bad payload, not as a RecursionError somewhere later."""
    for depth in (65, 900, 200_000):
        with pytest.raises(SourceError, match="nested deeper"):
            loads("[" * depth + "]" * depth)
    assert loads("[" * 60 + "]" * 60)
    assert number(loads("[" + "9" * 5000 + "]")[0]) is None
    assert number(loads("[1e999]")[0]) is None


@given(st.text(max_size=120), st.text(max_size=120))
def test_keys_are_safe_and_different_for_different_parts(one, other):
    """Nothing from an answer enters a key unescaped, and a replay finds every exchange by its key."""
    assert set(safe(one)) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.~")
    assert 0 < len(safe(one)) <= 80
    assert safe(one).strip(".")
    plain = [text.encode("utf-8", "replace") for text in (one, other)]
    assert (safe(one) == safe(other)) == (plain[0] == plain[1])


# --- Nothing hostile does anything but become a value or a reason -----------------------------------------

WORDS = st.sampled_from(
    [
        "logs",
        "total",
        "hasMore",
        "id",
        "level",
        "message",
        "timestamp",
        "service",
        "services",
        "tags",
        "metadata",
        "statusCode",
        "responseTime",
        "totalLogs",
        "errorCount",
        "timeRange",
        "start",
        "end",
        "name",
        "value",
        "endpoint",
        "caller",
        "traceId",
        "client_ms",
        "database",
        "webVitals",
        "sampleSize",
        "errorRate",
        "average",
        "checks",
        "status",
        "health",
        "alerts",
        "metrics",
        "worker",
        "kv",
        "r2",
        "events",
        "count",
        "lastSeen",
        "error",
        "components",
        "incidents",
        "indicator",
        "page",
        "incident_updates",
        "success",
        "result",
        "deployments",
        "items",
        "versions",
        "version_id",
        "percentage",
        "created_on",
        "data",
        "viewer",
        "accounts",
        "zones",
        "workersInvocationsAdaptive",
        "httpRequestsAdaptiveGroups",
        "firewallEventsAdaptive",
        "dimensions",
        "sum",
        "quantiles",
        "datetime",
        "datetimeMinute",
        "edgeResponseStatus",
        "requests",
        "firstSeen",
        "lastSeen",
        "project",
        "slug",
        "dateCreated",
        "version",
        "projects",
        "oncalls",
        "user",
        "summary",
        "escalation_level",
        "className",
        "suspiciousActivity",
        "group",
        "affected_components",
        "body",
        "errors",
        "columns",
        "rows",
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from([ms(NOON) - 1000, "2026-11-23T11:59:00Z", "9999-12-31T23:59:59-14:00", 100, 1.0])
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=6), max_leaves=30
)
PLAIN: dict[str, Callable[[Exchange], Any]] = {
    "logs.page": lambda e: logs.read_page(e, WINDOW, service="auth"),
    "logs.list": lambda e: logs.read_list(e, WINDOW),
    "logs.stats": logs.read_stats,
    "apm.points": lambda e: apm.read_points(e, WINDOW, metric="response_time"),
    "apm.summary": lambda e: apm.read_summary(e, stale_after_s=300),
    "monitoring.health": monitoring.read_health,
    "monitoring.dashboard": monitoring.read_dashboard,
    "infra.health": infra.read_health,
    "infra.kv": lambda e: infra.read_part(e, "kv"),
    "infra.durable_objects": infra.read_durable_objects,
    "infra.rate_limits": infra.read_rate_limits,
    "security": security.read_counts,
    "status": cloudflare_status.read_summary,
    "deployments": lambda e: cloudflare.read_deployments(e, WINDOW, script="s"),
    "versions": cloudflare.read_versions,
    "workers": lambda e: cloudflare.read_workers(e, WINDOW),
    "traffic": lambda e: cloudflare.read_traffic(e, WINDOW),
    "firewall": lambda e: cloudflare.read_firewall(e, WINDOW),
    "level": cloudflare.read_security_level,
    "rules": cloudflare.read_access_rules,
    "issues": lambda e: sentry.read_issues([e], WINDOW, observation="o", more=False),
    "releases": lambda e: sentry.read_releases([e], WINDOW, observation="o", more=False),
    "oncalls": pagerduty.read_oncalls,
    "listing": read_listing,
    "page": frontend.read_page,
    "sql": lambda e: read_rows(replace(e, kind="sql", url="activity"), "activity"),
}
SHAPES: dict[str, Callable[[Any], Any]] = {
    "logs.page": lambda v: {"logs": [v, {**entry(-5), "message": v}], "total": v},
    "logs.list": lambda v: [v, {**entry(-5), "tags": v, "metadata": v, "url": v}],
    "apm.points": lambda v: [{**point(-5, 1), "tags": v}, v],
    "apm.summary": lambda v: {"database": v, "webVitals": v, "responseTime": v},
    "monitoring.health": lambda v: {"checks": [{"name": "x", "details": v, "timestamp": v}, v]},
    "infra.health": lambda v: {"worker": {"status": v, "responseTime": v}},
    "security": lambda v: {"events": {"xss_attempt": v, "y": {"count": 1, "lastSeen": v}}},
    "status": lambda v: {"status": v, "components": [{"name": "KV", "status": v}], "incidents": [v, {"name": v}]},
    "deployments": lambda v: {
        "success": True,
        "result": {"deployments": [{"created_on": "2026-11-23T11:00:00Z", "versions": [v, {"version_id": v}]}]},
    },
    "versions": lambda v: {"success": True, "result": {"items": [{"id": v, "number": v, "metadata": v}]}},
    "workers": lambda v: _rows("accounts", "workersInvocationsAdaptive", "datetime", v),
    "traffic": lambda v: _rows("zones", "httpRequestsAdaptiveGroups", "datetimeMinute", v),
    "firewall": lambda v: {
        "data": {
            "viewer": {
                "zones": [{"firewallEventsAdaptive": [{"datetime": "2026-11-23T11:00:00Z", "clientRequestQuery": v}]}]
            }
        }
    },
    "issues": lambda v: [{"id": v, "count": v, "title": v, "firstSeen": v}],
    "releases": lambda v: [{"version": v, "dateCreated": "2026-11-23T11:00:00Z", "projects": [v, {"slug": v}]}],
    "oncalls": lambda v: {"oncalls": [{"escalation_level": 1, "user": {"summary": v}, "schedule": v}, v]},
    "sql": lambda v: {"columns": list(STATEMENTS["activity"].columns), "rows": [[v] * 12, v]},
}


def _rows(scope: str, dataset: str, time: str, value: Any) -> Any:
    row = {"count": value, "sum": {"requests": 3, "errors": value}, "quantiles": {"cpuTimeP50": value}}
    row["dimensions"] = {time: "2026-11-23T11:00:00Z", "edgeResponseStatus": value, "status": value}
    return {"data": {"viewer": {scope: [{dataset: [row, value]}]}}}


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.parametrize("name", sorted(PLAIN))
@given(value=VALUES)
def test_any_json_becomes_a_value_or_a_source_error(name, value):
    """Nothing is type-checked on the platform: a reader that raises anything else would end a run."""
    shaped = SHAPES.get(name, lambda v: {"success": True, "result": v, "logs": v})(value)
    for body in (value, shaped):
        with contextlib.suppress(SourceError):
            assert isinstance(PLAIN[name](asked(answering(body))), Reading)


@hypothesis_settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=200) | st.text(alphabet="<>/!-[]&;\"'= abcscriptsrc?", max_size=200))
def test_any_bytes_become_a_page_a_listing_or_a_source_error(body):
    """Markup from a broken edge may be anything."""
    for kind, read in (("text/html", frontend.read_page), ("application/xml", read_listing)):
        with contextlib.suppress(SourceError):
            assert read(asked(answering(text=body, content_type=kind)))


_MARKUP = (
    *("<Contents><Key>k%2F1</Key></Contents>", "<Contents><Size>3</Size><Key>k</Key><Key>l</Key></Contents>"),
    *("<CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes>", "<Contents></Contents>", "<Contents>t</Contents>"),
    *("<IsTruncated>true</IsTruncated>", "<IsTruncated>false</IsTruncated>", "<EncodingType>url</EncodingType>"),
    *("<NextContinuationToken>t+/=</NextContinuationToken>", "<NextContinuationToken></NextContinuationToken>"),
    *("<Contents><ETag>&quot;a&quot;</ETag><Key>m</Key></Contents>", "<Contents><Key>a&amp;b</Key></Contents>"),
    *("<Contents><Key/></Contents>", "<Key a='b'>x</Key>", "<!-- c -->", "\n", "é", "]]>", "<a>", "</Key>", "\v", "{"),
)


@hypothesis_settings(max_examples=400, deadline=None)
@given(
    head=st.sampled_from(
        ['<?xml version="1.0" encoding="UTF-8"?>', '<?xml version="1.0" encoding="UTF-8"?>\n', "", " "]
    ),
    space=st.sampled_from(["", ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"', ' xmlns=""', ' other="x"']),
    parts=st.lists(st.sampled_from(_MARKUP), max_size=6),
    end=st.sampled_from(["", "\n", "\v", "x"]),
)
def test_a_listing_is_read_quickly_as_an_xml_parser_reads_it(head, space, parts, end):
    """Two ways to read a listing must not find two archives."""

    def seen():
        text = f"{head}<ListBucketResult{space}>{''.join(parts)}</ListBucketResult>{end}"
        try:
            return read_listing(asked(answering(text=text, content_type="application/xml")))
        except SourceError as exc:
            return str(exc)

    quick = seen()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(r2, "_quick_listing", lambda body: None)
        assert seen() == quick


@hypothesis_settings(max_examples=200, deadline=None)
@given(
    value=VALUES,
    beside=st.sampled_from(
        ["", "1" * 25, "[NaN]", '"\\ud83d"', '"\\udc00x"', '"a\tb"', "-0", "1e400", "0.1e-7", "01", "é", "["]
    ),
)
def test_long_json_is_read_as_short_json_is(value, beside):
    """The quick parser reads what the careful one reads, and what only one of them takes is for the careful one."""
    text = json.dumps([value, 0])[:-2] + (beside or "0") + "]"

    def seen(given):
        try:
            return repr(reading.loads(given))
        except SourceError as exc:
            return type(exc).__name__

    assert seen(text + " " * 5000) == seen(text)


def test_an_xml_bomb_is_refused():
    """Entities in a listing are never expanded."""
    bomb = (
        '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>'
        "<ListBucketResult><Contents><Key>&b;</Key></Contents></ListBucketResult>"
    )

    with pytest.raises(SourceError, match="EntitiesForbidden"):
        read_listing(asked(answering(text=bomb, content_type="application/xml")))


# --- Own probes -------------------------------------------------------------------------------------------


def probing(answers: list[Exchange]) -> Api:
    """Return an API whose samples get *answers* in turn."""
    queue = iter(answers)
    return Api(
        FakeChannel(otherwise=lambda question: next(queue)),
        settings(),
        WINDOW,
        samples=len(answers),
        spacing_s=0,
    )


OK = answering({"success": True, "data": {"status": "degraded", "services": {"redis": {"status": "down"}}}})
EDGE_1101 = answering(status=500, text="error code: 1101", headers={"cf-ray": "8f"})


def test_a_partial_failure_shows_as_a_share():
    """One of five failing is neither up nor down."""
    result = value_of(run(probing([OK, EDGE_1101, OK, OK, OK]).health()))

    assert (result.kind, result.failing_share, result.code) == ("ok", 0.2, "1101")


def test_the_newer_health_form_reports_its_dependencies_word_by_word():
    """Both forms are accepted; only the older one is a constant."""
    result = value_of(run(probing([OK]).health()))

    assert result.reported == {"redis": "down", "status": "degraded"}
    assert not result.constant


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (answering({"message": "Endpoint not found: /api/pitches", "success": False}, status=404), "route_missing"),
        (EDGE_1101, "edge_error"),
        (answering({"error": "x"}, status=503), "server_error"),
        (answering(status=401, text=""), "refused"),
        (answering(status=429, text=""), "rate_limited"),
        (answering({"success": False}), "wrong"),
        (answering(text="<html>", content_type="text/html"), "wrong"),
        (answering([]), "ok"),
    ],
)
def test_what_a_route_did_has_one_word(answer, kind):
    """A missing route, a thrown worker and a refusal lead to different causes."""
    assert value_of(run(probing([answer, answer]).pitches())).kind == kind


def test_a_time_out_among_answers_is_a_failing_sample():
    """The far side answered others, so our own network works."""
    result = value_of(run(probing([OK, failing("timeout", "x")]).health()))

    assert (result.failing_share, result.kind) == (0.5, "timeout")


def test_no_answer_at_all_is_unavailable_not_a_failing_platform():
    """It may be our own network: that says nothing about the platform by itself."""
    seen = run(probing([failing("unreachable", "connection refused")] * 3).health())

    assert reason_of(seen) == "unreachable"


def test_samples_that_the_budget_left_no_room_for_are_no_failures():
    """Only what was asked counts."""
    result = value_of(run(probing([OK, failing("not_asked", "x"), failing("not_asked", "x")]).health()))

    assert (len(result.samples), result.failing_share) == (1, 0.0)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (answering({"error": "invalid"}, status=401), "ok"),
        (answering({"success": True, "valid": False}), "ok"),
        (answering({"success": True}), "wrong"),
        (answering({}, status=500), "server_error"),
    ],
)
def test_the_auth_route_is_right_when_it_refuses(answer, kind):
    """A bad token must be refused properly, in any of the documented ways."""
    assert value_of(run(probing([answer]).auth_verify())).kind == kind


def test_probe_samples_are_questions_of_their_own_without_retry():
    """A retried answer, or one sample's answer taken for another's, would make five samples out of one."""
    questions = [q for q in ask_everything()[0] if q.source == "api"]

    assert len({q.key for q in questions}) == len({digest(q) for q in questions}) == len(questions) == 12
    assert {(q.retry, q.share_for_s, q.expect) for q in questions} == {(False, 15.0, "any")}


# --- Frontend ---------------------------------------------------------------------------------------------

PAGE = """<!doctype html><html><head>
<link rel="stylesheet" href="/a.css"><link rel=modulepreload href="/b.js"><link rel="canonical" href="/x">
<script src="/main.js#x"></script><script src="https://cdn.example/y.js"></script>
<img src="//127.0.0.1:9999/z.png"><img src="data:image/png;base64,xx"><script src="/main.js"></script>
<script src="javascript:alert(1)"></script><link rel="icon" href="icon.ico"></head>"""


def test_samples_wait_for_one_another_live_and_never_when_they_are_replayed():
    """Two seconds between looks tell a blip from an outage; a record holds them already, and whoever replays waits."""

    def asked(channel: Any, spacing_s: float) -> Any:
        return run(asyncio.wait_for(Api(channel, settings(), WINDOW, spacing_s=spacing_s).health(), 60))

    class Slow(FakeChannel):
        def __init__(self) -> None:
            super().__init__(otherwise=contract("production_health"))
            self.kept: list[Exchange] = []
            self.waited: list[float] = []

        async def ask(self, question: Question) -> Exchange:
            self.kept.append(replace(await super().ask(question), key=question.key))
            return self.kept[-1]

        async def pause(self, seconds: float) -> None:
            self.waited.append(seconds)

    live = Slow()
    seen = asked(live, 3600.0)
    assert live.waited == [0.0, 3600.0, 7200.0]
    assert asked(ReplayChannel(live.kept), 3600.0) == seen
    assert asked(CurrentChannel(live.kept), 3600.0) == seen


def test_the_page_names_its_own_assets_once_and_counts_foreign_ones():
    """An address that came out of an answer is only asked on the page's own host."""
    channel = FakeChannel({("GET", f"{ORIGIN}/"): answering(text=PAGE, content_type="text/html; charset=utf-8")})

    found = value_of(run(Frontend(channel, settings(), WINDOW).page()))

    assert [(urlsplit(url).path, role) for url, role in found.assets] == [
        ("/a.css", "style"),
        ("/b.js", "script"),
        ("/main.js", "script"),
        ("/icon.ico", "image"),
    ]
    assert found.foreign == 2
    assert found.security_headers["content-security-policy"] is None


def test_html_in_place_of_a_script_is_a_missing_asset():
    """A static host answers a missing chunk with its index page and 200."""
    page_answer = answering(text=PAGE, content_type="text/html")
    answers: dict[str | tuple[str, str], Answer] = {
        ("GET", f"{ORIGIN}/"): page_answer,
        ("GET", f"{ORIGIN}/a.css"): answering(text="a{}", content_type="text/css", headers={"content-length": "3"}),
        ("GET", f"{ORIGIN}/b.js"): page_answer,
        ("GET", f"{ORIGIN}/main.js"): answering(status=404, text="no"),
    }
    source = Frontend(FakeChannel(answers), settings(), WINDOW)

    async def work() -> Any:
        return await source.assets(value_of(await source.page()))

    seen = run(work())

    assert [asset.problem for asset in value_of(seen)] == [None, "html_instead", "missing", "no_answer"]
    assert value_of(seen)[0].transfer_bytes == 3


# --- Cloudflare, Sentry, PagerDuty ------------------------------------------------------------------------


def test_an_envelope_without_success_is_a_failure_whatever_the_status():
    """The SDK hides ``success: false`` on HTTP 200."""
    answer = answering({"success": False, "errors": [{"code": 10007, "message": "no Worker"}], "result": None})

    seen = run(Cloudflare(FakeChannel(otherwise=answer), settings(), WINDOW).deployments())

    assert reason_of(seen) == "failed"
    assert isinstance(seen, Unavailable)
    assert "10007: no Worker" in seen.detail


@pytest.mark.parametrize(
    ("message", "reason"), [("not authorized for that account", "refused"), ("unknown field", "failed")]
)
def test_graphql_errors_come_with_http_200(message, reason):
    """They name a token without the permission, or a plan without the dataset."""
    answer = answering({"data": None, "errors": [{"message": message}]})

    assert reason_of(run(Cloudflare(FakeChannel(otherwise=answer), settings(), WINDOW).traffic())) == reason


def test_deployments_know_what_they_replaced_and_a_gradual_one_names_the_newcomer():
    """``previous`` is what a rollback would go back to."""

    def one(hours: int, *versions: tuple[str, float]) -> dict[str, Any]:
        at = NOON - timedelta(hours=hours)
        shares = [{"version_id": name, "percentage": share} for name, share in versions]
        return {"id": f"d{hours}", "created_on": at.isoformat(), "versions": shares}

    found = [one(1, ("b", 100)), one(2, ("a", 90), ("b", 10)), one(3, ("a", 100)), {"created_on": "never"}]
    answer = answering({"success": True, "result": {"deployments": found}})

    seen = run(Cloudflare(FakeChannel(otherwise=answer), settings(), WINDOW).deployments())

    table = value_of(seen).table
    assert table["version"].to_list() == ["a", "b", "b"]
    assert table["previous"].to_list() == [None, "a", "a"]
    assert isinstance(seen, Observed)
    assert (seen.coverage.rejected, seen.coverage.count) == (1, 1)


def test_worker_invocations_are_summed_by_minute_in_milliseconds():
    """The analytics give microseconds and any resolution."""

    def row(second: int, requests: int, p50_us: float) -> dict[str, Any]:
        return {
            "dimensions": {"datetime": f"2026-11-23T11:10:{second:02d}Z", "scriptName": "s", "status": "success"},
            "sum": {"requests": requests, "errors": 1, "subrequests": 2},
            "quantiles": {"cpuTimeP50": p50_us, "cpuTimeP99": p50_us * 2},
        }

    rows = [row(1, 1, 1000), row(59, 3, 5000)]
    answer = answering({"data": {"viewer": {"accounts": [{"workersInvocationsAdaptive": rows}]}}})

    table = value_of(run(Cloudflare(FakeChannel(otherwise=answer), settings(), WINDOW).workers())).table

    assert table.select("requests", "errors", "cpu_p50_ms", "cpu_p99_ms").row(0) == (4.0, 2.0, 4.0, 10.0)


def test_analytics_that_reach_the_limit_are_cut_and_may_be_blind():
    """Newest first, so that the cut hides the oldest."""
    row = {
        "count": 1,
        "dimensions": {"datetimeMinute": "2026-11-23T11:30:00Z", "edgeResponseStatus": 200},
    }
    rows = {"data": {"viewer": {"zones": [{"httpRequestsAdaptiveGroups": [row] * 10_000}]}}}

    seen = run(Cloudflare(FakeChannel(otherwise=answering(rows)), settings(), WINDOW).traffic())

    assert isinstance(seen, Observed)
    assert (seen.coverage.cut, seen.coverage.share) == (True, 0.5)


@pytest.mark.parametrize(
    ("probe", "setting"),
    [("deployments", "cloudflare_account"), ("workers", "cloudflare_account"), ("traffic", "cloudflare_zone")],
)
def test_a_missing_account_or_zone_is_not_configured(probe, setting):
    """A source that is not part of an environment is not an error, and is not asked."""
    channel = FakeChannel()

    seen = run(getattr(Cloudflare(channel, settings(**{setting: None}), WINDOW), probe)())

    assert seen.status == "not_configured"
    assert setting in seen.detail
    assert channel.asked == []


def issue(number_: int, **changes: Any) -> dict[str, Any]:
    return {"id": str(number_), "count": "150", "userCount": 3, "title": "x", "project": {"slug": "api"}, **changes}


def linked(items: list[Any], url: str, results: str = "true") -> Exchange:
    return answering(items, headers={"link": f'<{url}>; rel="next"; results="{results}"; cursor="0:100:0"'})


def test_sentry_goes_on_only_while_results_are_true_and_at_most_three_pages():
    """A next link exists even on the last page."""
    base = f"{ORIGIN}/_sentry/api/0/organizations/pitchey/issues/"
    counter = iter(range(100))
    endless = FakeChannel(otherwise=lambda q: linked([issue(next(counter))], f"{base}?cursor={len(q.key)}"))

    seen = run(Sentry(endless, settings(), WINDOW).issues())

    assert len(endless.asked) == 3
    assert isinstance(seen, Observed)
    assert seen.coverage.cut
    assert value_of(seen).table["count"].to_list() == [150, 150, 150]
    last = FakeChannel(otherwise=linked([issue(1)], base, results="false"))
    assert not run(Sentry(last, settings(), WINDOW).issues()).coverage.cut  # type: ignore[union-attr]
    assert len(last.asked) == 1


@pytest.mark.parametrize(
    "url", ["http://evil.example/_sentry/api/0/organizations/pitchey/issues/", f"{ORIGIN}/_pagerduty/oncalls", "x["]
)
def test_a_next_link_to_anywhere_else_is_not_followed(url):
    """An address that came out of an answer is never fetched unless it is the page's own."""
    channel = FakeChannel(otherwise=linked([issue(1)], url))

    run(Sentry(channel, settings(), WINDOW).issues())

    assert len(channel.asked) == 1


def test_the_on_call_list_is_by_level_and_each_person_once():
    """Level 1 is paged first; one person may appear several times."""
    one = {"escalation_level": 2, "user": {"summary": "B"}, "schedule": None, "start": None, "end": None}
    answer = answering({"oncalls": [one, one, {**one, "escalation_level": 1, "user": {"summary": "A"}}, {}]})

    seen = run(PagerDuty(FakeChannel(otherwise=answer), settings(), WINDOW).oncalls())

    assert [(person.level, person.person) for person in value_of(seen)] == [(1, "A"), (2, "B")]


@pytest.mark.parametrize(
    ("name", "relevant"),
    [("Workers KV", True), ("Cloudflare R2", True), ("Warsaw, Poland - (WAW)", False), ("CDN/Cache", True)],
)
def test_only_components_that_we_depend_on_are_relevant(name, relevant):
    """Every data centre is a component, so that the page's own ``minor`` is normal."""
    assert is_relevant([name]) is relevant


# --- Archive ----------------------------------------------------------------------------------------------


def archived(entries: list[dict[str, Any]], **changes: Any) -> Any:
    """Return the archive's observations of all services that it names."""

    async def work() -> Any:
        source = R2(FakeChannel(otherwise=Archive(entries, page_keys=3)), settings(), WINDOW, **changes)
        found = value_of(await source.prefixes())
        return await source.archive(found.names, found)

    return run(work())


def test_a_loud_service_does_not_hide_a_quiet_one_in_the_archive():
    """Services are read in turns; the listing goes over all pages."""
    loud = [entry(-n / 10, service="loud", n=n) for n in range(1, 30)]
    quiet = [entry(-50, service="quiet"), entry(-51, service="quiet", n=1)]

    seen = {one.value.service: one.value for one in archived(loud + quiet, max_objects=6)}

    assert (seen["quiet"].objects_read, seen["loud"].objects_read) == (2, 4)
    assert seen["loud"].keys_listed == 29


def test_reading_stops_when_the_budget_is_used_up():
    """What was not asked is not counted as read, and the share says so."""
    archive = Archive([entry(-n / 10, n=n) for n in range(1, 200)])
    objects = 0

    def answer(question: Question) -> Exchange:
        nonlocal objects
        objects += "/object/" in question.key
        return archive(question) if objects <= 50 else failing("not_asked", "used up")

    async def work() -> Any:
        source = R2(FakeChannel(otherwise=answer), settings(), WINDOW)
        return await source.archive(["auth"], value_of(await source.prefixes()))

    (seen,) = run(work())

    assert objects == 64
    assert seen.coverage.share == pytest.approx(50 / 199)
    assert value_of(seen).objects_read == 50


def test_an_archive_whose_entries_cannot_be_read_is_blind():
    """Objects of the window are there; none came."""
    archive = Archive([entry(-5)])

    def answer(question: Question) -> Exchange:
        return failing("timeout", "x") if "/object/" in question.key else archive(question)

    async def work() -> Any:
        source = R2(FakeChannel(otherwise=answer), settings(), WINDOW)
        return await source.archive(["auth"], value_of(await source.prefixes()))

    assert run(work())[0].status == "blind"


def test_one_broken_object_does_not_cost_its_neighbours_nor_become_two():
    """All bodies are parsed in one pass, but only as many values as bodies are believed."""
    good = [json.dumps(entry(-n)).encode() for n in (1, 2)]

    assert len(parse_objects(good)[0]) == 2
    items, broken = parse_objects([good[0], b'{"a":1},{"b":2}', b"{", good[1]])
    assert (len(items), broken) == (2, 2)


def test_requests_to_the_archive_are_signed_where_keys_are_set_and_only_there():
    """The sandbox answers anonymous readers; R2 does not."""
    for keys, signed in (({}, False), ({"r2_access_key_id": "AKID", "r2_secret_access_key": "s3cret"}, True)):
        channel = FakeChannel(otherwise=listing([]))
        run(R2(channel, settings(**keys), WINDOW).prefixes())
        headers = channel.asked[0].headers
        assert ("authorization" in headers) is signed
        if signed:
            assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")
            assert "s3cret" not in str(headers)


def test_keys_that_a_client_would_take_as_steps_are_not_asked():
    """Path parts are as the sender wrote them; ``..`` must not reach another object."""
    keys = ["logs/production/2026-11-23/11/auth/../x.json", "logs/production/2026-11-23/11/other/y.json"]

    def answer(question: Question) -> Exchange:
        prefixed = listing([], ["logs/production/2026-11-23/11/auth/"])
        return prefixed if "delimiter" in question.url else listing(keys)

    channel = FakeChannel(otherwise=answer)

    async def work() -> Any:
        source = R2(channel, settings(), WINDOW)
        return await source.archive(["auth"], value_of(await source.prefixes()))

    assert value_of(run(work())[0]).keys_listed == 0
    assert not [q for q in channel.asked if "/object/" in q.key]


def test_hours_cover_the_window_and_one_on_each_side():
    """An entry's folder is by its own time, in UTC."""
    assert [hour.hour for hour in hours_of(WINDOW)] == [12, 11, 10]


# --- Catalogue --------------------------------------------------------------------------------------------


def test_every_probe_of_every_runbook_asks_under_keys_of_its_own():
    """A key names a question within a run, and is how a replay finds it."""
    questions, seen = ask_everything()

    keys = [question.key for question in questions]
    assert len(set(keys)) == len(keys)
    assert {key.split("/")[0] for key in seen} == {probe.source for probe in PROBES.values()}
    assert all(len(key.split("/")) == 3 for key in [*keys, *seen])
    assert all(question.key.split("/")[0] == question.source for question in questions)


def test_a_platform_that_is_nowhere_to_be_found_leaves_every_source_unavailable():
    """Every host refused: each probe has a reason, nothing is observed, nothing raises."""

    async def work() -> Any:
        sources = Sources(FakeChannel(), settings(), WINDOW)
        sources.api.spacing_s = sources.infra.apart_s = 0.0
        context = Context(sources=sources, settings=settings(), window=WINDOW)
        return await ask_round(context, PROBES.values())

    seen = run(work())

    assert {one.status for one in seen.values()} == {"unavailable", "not_configured"}
    frames = build(seen, WINDOW)
    assert frames.logs.is_empty()


def test_a_source_without_an_address_is_not_configured_and_never_asked():
    """It is not an error, and its observation does not depend on the clock."""
    channel = FakeChannel()

    seen = run(Logs(channel, settings(origin=None), WINDOW).service("auth"))

    assert seen.status == "not_configured"
    assert seen.at == WINDOW.end
    assert channel.asked == []


def test_every_runbook_asks_for_logs_deployments_and_its_own_probes():
    """A runbook without a probe would be a misspelt line."""
    for runbook in RUNBOOKS:
        names = {probe.name for probe in probes_for(runbook)}
        assert {"logs.services", "cloudflare_api.deployments", "r2.archive", "api.health"} <= names
    assert {probe.round for probe in probes_for("outage")} == {1, 2, 3}
    assert probes_for("outage", 3) == (PROBES["r2.archive"],)


def test_what_a_later_round_asks_follows_from_probes_that_are_waited_for():
    """Else what is asked would depend on which answer happened to be first, and a replay would ask something else."""
    asked: list[Question] = []

    def far_side(question: Question) -> Exchange:
        """A calm platform whose logs do not show one service, so that the archive is read for it."""
        if question.source == "r2":
            return Archive([entry(-5, service=name) for name in ("archived", "auth", "found")])(question)
        hidden = question.key.startswith("logs/service/archived")
        return failing("timeout", "no answer") if hidden else calm_platform(question)

    async def round_of(number: int, earlier: dict[str, Any], probes: list[Any]) -> tuple[list[str], dict[str, Any]]:
        channel = FakeChannel(otherwise=far_side)
        context = Context(
            sources=Sources(channel, settings(), WINDOW), settings=settings(), window=WINDOW, earlier=earlier
        )
        context.sources.api.spacing_s = context.sources.infra.apart_s = 0.0
        seen = await ask_round(context, [probe for probe in probes if probe.round == number])
        asked.extend(channel.asked)
        return sorted(question.key for question in channel.asked), {**earlier, **seen}

    every = list(PROBES.values())
    all_seen: dict[str, Any] = {}
    waited: dict[str, Any] = {}
    for turn in ROUNDS:
        questions, seen = run(round_of(turn, all_seen, every))
        if turn > 1:
            assert questions
            assert run(round_of(turn, waited, every))[0] == questions
        _, waited = run(round_of(turn, waited, [probe for probe in every if probe.followed]))
        all_seen = seen
    assert 0 < len(waited) < len(all_seen)
    assert any(question.key.startswith("r2/object/") for question in asked)


def test_services_are_found_in_any_answer_but_a_hostile_one_cannot_name_thousands():
    """The cut hides names; no single answer is enough."""
    names = [f"svc{n:04d}" for n in range(5000)]
    seen = run(
        Logs(FakeChannel(otherwise=page([entry(-5, service=n) for n in names])), settings(), WINDOW).unfiltered()
    )

    found = found_services(settings(), {seen.id: seen})

    assert len(found) == MAX_FOUND
    assert found == tuple(names[:MAX_FOUND])


def test_the_archive_is_read_for_services_that_the_logs_service_did_not_show_whole():
    """Cut, failed or not asked: all of them are hidden."""
    prefixes = Archive([entry(-5, service=name) for name in ("whole", "cut", "failed", "unasked")])
    channel = FakeChannel(
        {
            "logs/service/whole": page([entry(-5, service="whole")]),
            "logs/service/cut": page([entry(-5, service="cut")], total=1000),
            "logs/service/failed": failing("timeout", "x"),
        },
        otherwise=prefixes,
    )

    async def work() -> Any:
        given = settings()
        found = [await Logs(channel, given, WINDOW).service(n) for n in ("whole", "cut", "failed")]
        found.append(await R2(channel, given, WINDOW).prefixes())  # type: ignore[arg-type]
        return {one.id: one for one in found}

    assert hidden_services(run(work())) == ("cut", "failed", "unasked")


# --- Frames -----------------------------------------------------------------------------------------------


def test_an_entry_that_several_observations_hold_stands_once_whatever_their_order():
    """Logs and archive overlap; counting an error twice would double the impact."""
    entries = [entry(-5), entry(-4, n=1), entry(-3, n=2)]
    one = run(Logs(FakeChannel(otherwise=page(entries[:2])), settings(), WINDOW).service("auth"))
    (other,) = archived(entries[1:])
    expected = build([one, other], WINDOW).logs

    assert expected["id"].to_list() == [e["id"] for e in entries]
    assert expected["observation"].to_list() == ["logs/service/auth"] * 2 + ["r2/archive/auth"]
    assert build([other, one], WINDOW).logs.equals(expected)


def test_points_with_a_caller_are_calls_between_services():
    """They feed the spans, with the caller's time where it is given."""
    tags = {"caller": "gateway", "service": "pitch", "operation": "GET /x", "client_ms": 12}
    answer = answering([point(-5, 7, tags=tags), point(-4, 9)])
    seen = run(apm.Apm(FakeChannel(otherwise=answer), settings(), WINDOW).metrics("response_time"))

    frames = build([seen], WINDOW)

    assert frames.spans.select("service", "caller", "duration_ms", "client_ms").row(0) == (
        "pitch",
        "gateway",
        7.0,
        12.0,
    )
    assert frames.metrics["value"].to_list() == [9.0]


def test_frames_have_their_declared_columns_full_or_empty():
    """Findings rely on them; an empty frame is empty, not missing."""
    for seen in ({}, ask_everything()[1]):
        frames = build(seen, WINDOW)
        for name, schema in (
            ("logs", LOGS),
            ("metrics", METRICS),
            ("spans", SPANS),
            ("edge", EDGE),
            ("workers", WORKERS),
            ("deployments", DEPLOYMENTS),
            ("firewall", FIREWALL),
            ("issues", ISSUES),
        ):
            assert dict(getattr(frames, name).schema) == dict(empty(schema).schema)


@hypothesis_settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False))
def test_frames_do_not_depend_on_the_order_of_observations(shuffler: random.Random):
    """Same input, same output, whatever the order in which answers came."""
    seen = list(ask_everything()[1].values())
    expected = build(seen, WINDOW)
    shuffler.shuffle(seen)

    shuffled = build(seen, WINDOW)

    assert shuffled.logs.equals(expected.logs)
    assert shuffled.metrics.equals(expected.metrics)


# --- Database ---------------------------------------------------------------------------------------------


def test_statements_only_read_and_declare_every_column_once():
    """The server refuses changes; the statements do not try any."""
    for statement in STATEMENTS.values():
        words = set(statement.sql.lower().replace("(", " ").split())
        assert "select" in words
        assert not words & {"insert", "update", "delete", "drop", "alter", "create", "set", "pg_terminate_backend"}
        assert (f"limit {statement.limit}" in statement.sql) is bool(statement.limit)


def test_an_extension_that_is_not_installed_is_not_configured():
    """``pg_stat_statements`` is optional."""
    answer = failing("failed", '42P01: relation "pg_stat_statements" does not exist')
    database = Database(FakeChannel(otherwise=answer), settings(database_url="postgresql://h/d"), WINDOW)

    assert run(database.statements()).status == "not_configured"
    assert run(database.activity()).status == "unavailable"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Run a PostgreSQL server for this module."""
    if postgres_server.programs() is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with postgres_server.running() as url:
        yield url


@pytest.mark.slow
@pytest.mark.database
def test_every_statement_runs_and_has_its_declared_columns(server: str):
    """A real server is the only judge of SQL; a blocked writer and its blocker are named."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("create extension if not exists pg_stat_statements")
        connection.execute("create table pitch (id int primary key, title text)")
        connection.execute("insert into pitch select n, 'x' from generate_series(1, 1000) n")

    async def work() -> dict[str, Any]:
        database = Connection(server, statement_timeout_s=5)
        holder = await psycopg.AsyncConnection.connect(server, application_name="holder")
        waiter = await psycopg.AsyncConnection.connect(server, application_name="waiter")
        await holder.execute("update pitch set title = 'a' where id = 1")
        waiting = asyncio.create_task(waiter.execute("update pitch set title = 'b' where id = 1"))
        found: dict[str, Any] = {}
        try:
            while not found or found["blocking"].value.rows.is_empty():
                for name, statement in STATEMENTS.items():
                    body = await database.read(" ".join(statement.sql.split()))
                    exchange = replace(answering(text=body), kind="sql", url=name, status=None)
                    found[name] = read_rows(exchange, name)
        finally:
            await database.close()
            await holder.rollback()
            await waiting
            await waiter.rollback()
            await holder.close()
            await waiter.close()
        return found

    found = run(asyncio.wait_for(work(), timeout=60))  # type: ignore[arg-type]

    assert set(found) == set(STATEMENTS)
    blocked = found["blocking"].value.rows.row(0, named=True)
    assert (blocked["application"], blocked["blocker_application"], blocked["is_root"]) == ("waiter", "holder", True)
    assert found["connections"].value.rows["max_connections"].item() >= 10
    assert found["statements"].status == "observed"


def test_moments_without_an_offset_are_utc():
    """And nothing that is no time passes as one."""
    assert moment_iso("2026-11-23T12:00:00") == datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert moment_iso("2026-11-23T12:00:00.123+02:00") == datetime(2026, 11, 23, 10, 0, 0, 123000, tzinfo=UTC)
    for text in ("", "noon", "0001-01-01T00:00:00Z", "9" * 100, 5, None):
        assert moment_iso(text) is None


def test_ids_have_three_parts():
    """``source/probe/key``, whatever the key."""
    assert observation_id("logs", "service", "api:login/../x") == "logs/service/api~3alogin~2f..~2fx"


# --- Against the sandbox ----------------------------------------------------------------------------------


class SandboxChannel:
    """Asks an application in this process; nothing but the questions themselves is tested with it."""

    def __init__(self, app: Any) -> None:
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app))

    async def ask(self, question: Question) -> Exchange:
        answer = await self._http.request(
            question.method, question.url, headers=dict(question.headers), content=question.body
        )
        return Exchange(
            key=question.key,
            source=question.source,
            kind=question.kind,
            method=question.method,
            url=question.url,
            at=NOON,
            took_ms=1.0,
            outcome="answered",
            status=answer.status_code,
            headers=dict(answer.headers),
            body=answer.content,
        )


@pytest.mark.slow
def test_in_steady_state_the_platform_is_blind_and_the_archive_heals_it():
    """A week of entries behind it: the logs service shows last week only, R2 and the edge show the incident."""
    world = generate.build("bad_deployment", seed=3, now_ms=ms(NOON), entries=60_000)
    given = settings(
        services=("auth", "pitch"),
        cloudflare_account="sandbox-account",
        cloudflare_zone="sandbox-zone",
        origin=ORIGIN,
    )
    channel = SandboxChannel(create_app(world, clock=SetClock(ms(NOON))))
    sources = Sources(channel, given, WINDOW)
    sources.infra.apart_s = sources.api.spacing_s = 0.0
    seen: dict[str, Any] = {}

    async def work() -> None:
        for round_ in ROUNDS:
            context = Context(sources=sources, settings=given, window=WINDOW, earlier=dict(seen))
            seen.update(await ask_round(context, probes_for("outage", round_)))

    run(work())

    assert seen["logs/service/pitch"].status == "blind"
    assert seen["r2/archive/pitch"].status == "observed"
    assert seen["r2/archive/pitch"].coverage.share == 1.0
    assert "logs/service/payments" in seen
    unavailable = {one.id for one in seen.values() if isinstance(one, Unavailable)}
    unavailable.discard("cloudflare_api/tail/pitchey-production")  # in process there are no sockets
    assert {one.split("/")[0] for one in unavailable} <= {"database", "history"}
    frames = build(seen, WINDOW)
    recent = frames.logs.filter(pl.col("at") >= WINDOW.start, pl.col("level") == "error")
    assert recent["service"].value_counts().sort("count")["service"].to_list()[-1] == "pitch"
    assert frames.deployments.filter(pl.col("source") == "cloudflare")["at"].max() > WINDOW.start
    assert frames.edge["requests"].sum() > 0
