"""Every hook: right, wrong, replayed, old, oversized, malformed; and what happens while nothing can be stored."""

from __future__ import annotations

import base64
import json
import logging
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import hook_senders as senders
import httpx
import pytest
import uvicorn
from hook_senders import SECRETS, SENDERS, Client, Sent, Service
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from incident_worlds import NOON, after, told
from typer.testing import CliRunner

from pitchey_ops.cli.app import app as commands
from pitchey_ops.errors import ConfigError
from pitchey_ops.service import app as service_app
from pitchey_ops.service import db, incidents, limits
from pitchey_ops.service.incidents import Quota, Rules
from pitchey_ops.service.intake import signatures
from pitchey_ops.service.intake.catalogue import HOOKS, secrets_from
from pitchey_ops.service.intake.doors import Intake
from pitchey_ops.service.intake.routing import without_routes
from pitchey_ops.service.intake.told import Refused, Told
from pitchey_ops.service.intake.writer import NotStored

KINDS = sorted(SENDERS)
MONITORS = [kind for kind in KINDS if kind != "slack"]
SIGNED = ("pagerduty", "sentry", "slack")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service in this process, all hooks open."""
    with senders.service(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with senders.service(tmp_path_factory.mktemp("quiet")) as found:
        yield found


@pytest.fixture
def quiet(_shared: Service) -> Iterator[Service]:
    """One service for all tests after which nothing is stored; each must leave it empty."""
    _shared.clock.turn(NOON)
    yield _shared
    assert _shared.incidents() == []


def sent(kind: str, **more: Any) -> Sent:
    """Return a right request of *kind*."""
    made: Sent = SENDERS[kind](**more)  # type: ignore[operator]
    return made


# ── right ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", MONITORS)
@pytest.mark.parametrize("place", [0, 1])
def test_a_right_alert_is_stored_before_it_is_answered_and_wakes_the_engine(
    service: Service, kind: str, place: int
) -> None:
    """By the current secret and by the other one of a rotation."""
    answer = service.post(sent(kind, secret=SECRETS[kind][place]))

    assert answer.status_code in (200, 202)
    (found,) = service.incidents()
    assert answer.json()["incidents"] == [found.id]
    assert (found.sender, found.alerts, found.state) == (kind, 1, "open")
    assert answer.json()["runs"]
    assert service.nudged


@pytest.mark.parametrize(
    ("request_", "severity", "runbook_word"),
    [
        (senders.pitchey(), "P1", "High error rate"),
        (senders.pitchey(type="warning", severity=2), "P2", "High error rate"),
        (senders.pagerduty(), "P1", "API answers with 5xx"),
        (senders.pagerduty(priority=None), "P2", "API answers with 5xx"),
        (senders.sentry(), "P3", "TypeError"),
        (senders.sentry("metric_alert", action="critical"), "P1", "Too many errors"),
        (senders.alertmanager(), "P1", "5xx above 5 %"),
        (senders.alertmanager(labels={"severity": "warning"}), "P3", "5xx above 5 %"),
        (senders.plain(severity="SEV-3"), "P3", "Checkout"),
        (senders.plain(severity="whatever"), "P2", "Checkout"),
    ],
)  # fmt: skip
def test_what_a_sender_says_about_gravity_is_understood(
    service: Service, request_: Sent, severity: str, runbook_word: str
) -> None:
    """Each has words of its own; what none knows leaves it to the route."""
    assert service.post(request_).status_code in (200, 202)
    (found,) = service.incidents()
    assert found.severity == severity
    assert runbook_word in found.title


def test_one_service_under_many_names_is_one_incident(service: Service) -> None:
    """Four monitors see one outage of the API."""
    for request in (senders.pitchey(), senders.pagerduty(), senders.alertmanager(), senders.sentry()):
        assert service.post(request).status_code in (200, 202)
    (found,) = service.incidents()
    assert (found.service, found.alerts) == ("api", 4)


def test_unknown_fields_are_passed_over(service: Service) -> None:
    """Senders add fields; the contract asks receivers to bear it."""
    assert service.post(senders.plain(colour="red", nested={"x": [1]})).status_code == 202
    assert service.post(senders.alertmanager(newField={"y": 1})).status_code == 202


@pytest.mark.parametrize(
    "request_",
    [
        senders.pagerduty("pagey.ping"),
        senders.pagerduty(top={"event": {"id": "1", "event_type": "pagey.ping"}}),
        senders.pagerduty("service.created"),
        senders.pagerduty("incident.conference_bridge.updated"),
        senders.sentry("installation", action="created"),
        senders.sentry("comment", action="created"),
        senders.sentry("something_new", action="made"),
        senders.sentry("issue", action="seen"),
        senders.pitchey(status="snoozed"),
        senders.slack(raw=b"ssl_check=1&token=x"),
        senders.slack(raw=urlencode({"payload": '{"type":"view_closed","user":{"id":"U012AB3CD"}}'}).encode()),
    ],
)
def test_unknown_kinds_are_confirmed_and_left(quiet: Service, request_: Sent) -> None:
    """A sender that is refused turns its subscription off, or shows an error where nothing is wrong."""
    answer = quiet.post(request_)
    assert answer.status_code == 200
    assert answer.json()["status"] == "ignored"


def test_acknowledged_and_resolved_in_pagerduty_stop_and_close_our_clock(service: Service) -> None:
    """Whoever takes it there has taken it here."""
    service.post(senders.pagerduty(event_id="1"))
    service.post(senders.pagerduty("incident.acknowledged", event_id="2", agent={"id": "PU", "summary": "Ana B"}))
    (found,) = service.incidents()
    assert (found.state, found.acknowledged_by) == ("acknowledged", "Ana B (PagerDuty)")
    note = {"id": "PN", "type": "incident_note", "content": "rolled back", "incident": {"id": "PGR0001"}}
    service.post(senders.pagerduty("incident.annotated", event_id="3", **note))
    service.post(senders.pagerduty("incident.resolved", event_id="4"))
    (found,) = service.incidents()
    assert found.state == "resolved"
    assert "rolled back" in [event.entry.get("text") for event in told(service.engine, found.id)]


@pytest.mark.parametrize("later", [timedelta(minutes=5), timedelta(hours=2)])
def test_a_priority_that_is_set_on_what_is_over_opens_nothing(service: Service, later: timedelta) -> None:
    """Priorities are corrected in the review; the incident is resolved all the same."""
    service.post(senders.pagerduty(event_id="1"))
    service.post(senders.pagerduty("incident.resolved", event_id="2", status="resolved"))
    service.clock.turn(NOON + later)
    priority = {"id": "PP", "summary": "P1"}
    service.post(senders.pagerduty("incident.priority_updated", event_id="3", status="resolved", priority=priority))
    (found,) = service.incidents()
    assert found.state == "resolved"
    assert [event.event for event in told(service.engine, found.id)][-1] == "noted"


def test_an_incident_that_we_opened_in_pagerduty_is_known_again_by_its_key(service: Service) -> None:
    """The escalation of our own incident must not become a second one."""
    (found,) = [service.post(senders.plain()).json()["incidents"][0]]
    service.post(senders.pagerduty(incident_key=found, event_id="1"))
    service.post(senders.pagerduty("incident.acknowledged", incident_key=found, event_id="2"))
    (only,) = service.incidents()
    assert (only.id, only.state) == (found, "acknowledged")


def test_a_group_of_alertmanager_is_over_when_none_of_it_fires(service: Service) -> None:
    """The group's own status says firing while any does; each alert is looked at."""
    service.post(senders.alertmanager("firing", "firing"))
    service.post(senders.alertmanager("firing", "resolved"))
    assert [found.state for found in service.incidents()] == ["open"]
    service.post(senders.alertmanager("resolved", "resolved", truncatedAlerts=3))
    assert [found.state for found in service.incidents()] == ["open"]
    service.post(senders.alertmanager("resolved", "resolved"))
    assert [found.state for found in service.incidents()] == ["resolved"]


def test_alertmanager_repeats_itself_in_the_same_words_and_each_is_on_the_timeline(service: Service) -> None:
    """A repeat is no replay: its sender means it, and no second run follows."""
    for _ in range(3):
        assert service.post(senders.alertmanager()).json()["status"] == "stored"
    (found,) = service.incidents()
    assert found.alerts == 3


def test_sentry_closes_what_it_opened(service: Service) -> None:
    """By the issue, whichever kind of webhook tells."""
    service.post(senders.sentry())
    service.post(senders.sentry("issue", action="resolved"))
    assert [found.state for found in service.incidents()] == ["resolved"]


def test_pitchey_closes_what_it_opened_though_its_figures_changed(service: Service) -> None:
    """ "5 % failing" and "7 % failing" are one trouble."""
    service.post(senders.pitchey(title="Errors at 5 %"))
    service.post(senders.pitchey(title="Errors at 7 %", id="alert-2"))
    service.post(senders.pitchey(title="Errors at 7 %", id="alert-2", status="resolved"))
    (found,) = service.incidents()
    assert (found.alerts, found.state) == (2, "resolved")


# ── wrong, old, replayed ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("secret", [None, "another-secret-000", ""])
def test_without_the_secret_nothing_is_stored(quiet: Service, kind: str, secret: str | None) -> None:
    """401 with a reason, and not a word of what the secret is."""
    made = sent(kind, secret=None) if not secret else sent(kind, secret=secret)
    answer = quiet.post(made)

    assert answer.status_code == 401
    assert "nothing was" in answer.json()["reason"]
    assert not any(known in answer.text for known in SECRETS[kind])


@pytest.mark.parametrize("kind", SIGNED)
def test_a_body_that_was_changed_by_one_byte_is_refused(quiet: Service, kind: str) -> None:
    """The signature is over the raw bytes: a blank that JSON does not mind counts."""
    made = sent(kind)
    assert quiet.client.post(made.path, content=made.body + b" ", headers=made.headers).status_code == 401


@pytest.mark.parametrize("kind", KINDS)
def test_a_hook_without_a_secret_is_closed_not_open(tmp_path: Path, kind: str) -> None:
    """404 like any address that there is not; the others stay open."""
    secrets = {name: known for name, known in SECRETS.items() if name != kind}
    with senders.service(tmp_path, secrets=secrets) as service:
        answer = service.post(sent(kind))
        assert answer.status_code == 404
        assert answer.json() == service.client.post("/hooks/no-such-hook").json()
        assert service.incidents() == []
        other = next(name for name in MONITORS if name != kind)
        assert service.post(sent(other)).status_code in (200, 202)


@pytest.mark.parametrize("kind", ["pitchey", "pagerduty", "sentry"])
def test_the_same_delivery_again_is_confirmed_and_not_stored_again(service: Service, kind: str) -> None:
    """A retry after a lost answer and a replay look alike: neither becomes a second alert, neither is an error."""
    first = service.post(sent(kind))
    again = service.post(sent(kind), **{"x-webhook-id": "another", "request-id": "another"})

    assert first.json()["status"] == "stored"
    assert (again.status_code, again.json()["status"]) == (200, "duplicate")
    assert [found.alerts for found in service.incidents()] == [1]


def test_a_plain_message_with_an_id_is_stored_once(service: Service) -> None:
    """Whoever gives an id may send again without harm; without one each is an alert."""
    assert [service.post(senders.plain(id="m1")).status_code for _ in range(2)] == [202, 200]
    service.post(senders.plain())
    assert [found.alerts for found in service.incidents()] == [2]


def test_a_slack_command_that_is_replayed_within_five_minutes_is_refused(service: Service) -> None:
    """Its signature still fits then; Slack itself never sends it twice."""
    made = senders.slack("run triage")
    assert service.post(made).status_code == 200
    service.clock.turn(after(minutes=4))
    answer = service.post(made)

    assert answer.status_code == 401
    assert "before" in answer.json()["reason"]
    assert len(service.incidents()) == 1


@pytest.mark.parametrize(
    ("made", "later"),
    [
        (senders.slack(), timedelta(minutes=6)),
        (senders.slack(), timedelta(minutes=-6)),
        (senders.sentry(), timedelta(minutes=6)),
        (senders.pitchey(), timedelta(minutes=16)),
        (senders.pagerduty(), timedelta(hours=50)),
        (senders.pagerduty(), timedelta(hours=-1)),
    ],
)
def test_old_deliveries_and_those_from_the_future_are_refused(quiet: Service, made: Sent, later: timedelta) -> None:
    """What was caught on the way must not be played back another day."""
    quiet.clock.turn(NOON + later)
    answer = quiet.post(made)

    assert answer.status_code == 401


def test_a_delivery_is_remembered_for_longer_than_it_is_accepted(service: Service) -> None:
    """PagerDuty retries for two days."""
    service.post(senders.pagerduty())
    service.clock.turn(after(hours=48))
    assert service.post(senders.plain()).status_code == 202  # makes room in the memory
    assert service.post(senders.pagerduty()).json()["status"] == "duplicate"


@pytest.mark.parametrize(
    ("headers", "good"),
    [
        ({"authorization": "Bearer am-secret-000001"}, True),
        ({"authorization": "bearer am-secret-000002"}, True),
        ({"authorization": "Basic " + base64.b64encode(b"anybody:am-secret-000001").decode()}, True),
        ({"x-pitchey-ops-secret": "am-secret-000001"}, True),
        ({"authorization": "Basic %%%"}, False),
        ({"authorization": "Bearer "}, False),
        ({"authorization": "am-secret-000001"}, False),
        ({}, False),
    ],
)
def test_a_shared_secret_is_taken_where_senders_can_put_it(
    service: Service, headers: dict[str, str], good: bool
) -> None:
    """Alertmanager knows bearer tokens and passwords; a proxy may add a header."""
    made = senders.alertmanager(secret=None)
    answer = service.client.post(made.path, content=made.body, headers={**made.headers, **headers})
    assert answer.status_code == (202 if good else 401)


def test_the_contracts_vectors_are_signed_as_it_says() -> None:
    """Computed by others, not by us."""
    event = b'{"event":{"id":"01ABC","event_type":"incident.triggered"}}'
    digest = "d1f9e9e862c2cf91d977a0f2bfa59c80befc6bead898b56d0774057db826ed5f"
    assert signatures.signed(["pd-secret"], event, ["0" * 64, digest])
    other = "a1070f45cc7f4bae7baac40e02e10687bf4f07c7f5754a5f38421c4e26ffda14"
    assert signatures.hmac_sha256("sentry-secret", b'{"action":"triggered"}') == other
    headers = {
        "X-Slack-Request-Timestamp": "1763887200",
        "X-Slack-Signature": "v0=4a6d3a91491e5a271726e4d04102391434e1e1f58c2d2ae9d1f60c6522d65414",
    }
    body = b"payload=%7B%22type%22%3A%22block_actions%22%7D"
    signatures.needs_slack(["no", "slack-secret"], headers, body, datetime.fromtimestamp(1763887200, UTC))


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer "}, {signatures.SECRET_HEADER: ""}])
def test_an_empty_secret_opens_nothing(headers: dict[str, str]) -> None:
    """A secret that was mounted empty must not let everybody in who sends none."""
    with pytest.raises(Refused):
        signatures.needs_secret(["", "real"], headers, "", path_allowed=True)


@settings(max_examples=60, deadline=None)
@given(stamp=st.text(max_size=30), signature=st.text(max_size=90), body=st.binary(max_size=200))
def test_odd_slack_headers_are_refused_and_break_nothing(stamp: str, signature: str, body: bytes) -> None:
    """Slack's own verifier raises on a time that is no number and on text that is not ASCII."""
    headers = {"x-slack-request-timestamp": stamp, "x-slack-signature": signature}
    with pytest.raises(Refused) as refused:
        signatures.needs_slack(["slack-secret"], headers, body, NOON)
    assert refused.value.status == 401


# ── malformed, oversized ─────────────────────────────────────────────────────────────────────────────────────────

MALFORMED: list[Any] = [
    [], "text", 7, None, True, {}, {"alert": None}, {"event": []}, {"title": ""}, {"title": "   "}, {"title": 7},
    {"title": "x", "severity": 1}, {"title": "x", "labels": {"a": 1}}, {"title": "x", "at": "yesterday"},
    {"version": "1", "alerts": []}, {"action": 1}, {"action": "triggered", "data": {}}, {"a": {"b": {}}},
]  # fmt: skip


@pytest.mark.parametrize("kind", MONITORS)
@pytest.mark.parametrize("body", MALFORMED, ids=lambda body: json.dumps(body)[:40])
def test_a_malformed_body_is_refused_with_a_reason_and_nothing_is_stored(quiet: Service, kind: str, body: Any) -> None:
    """The reason names the field; 400, so that nobody sends it again."""
    answer = quiet.post(sent(kind, top=body if body is not None else "null"))

    assert answer.status_code == 400
    assert "othing was stored" in answer.json()["reason"]


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"\xff\xfe", b'{"title": NaN}', b"[" * 100_000, b'{"title": "x", "n": ' + b"9" * 5000 + b"}",
     b'{"title": "\xed\xa0\x80"}'],
    ids=["empty", "cut", "not UTF-8", "NaN", "deep", "huge number", "surrogate bytes"],
)  # fmt: skip
def test_what_is_no_json_is_refused(quiet: Service, raw: bytes) -> None:
    """Python's parser takes more than JSON, and breaks on some of what it does not."""
    headers = {"authorization": f"Bearer {SECRETS['plain'][0]}"}
    answer = quiet.client.post("/hooks/plain", content=raw, headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"window": "2d"},
        {"window": "2026-11-21T00:00Z/2026-11-23T00:00Z"},
        {"window": "2026-11-23T11:00Z/2026-11-23T13:00Z"},
        {"window": "../../etc/passwd"},
        {"runbook": "../../etc/passwd"},
        {"runbook": "nothing"},
        {"services": ["../../etc"]},
        {"services": ["http://169.254.169.254/"]},
        {"services": ["a\n"]},
        {"link": "javascript:alert(1)"},
        {"at": "2026-11-01T00:00:00Z"},
        {"at": "2026-11-24T00:00:00Z"},
        {"status": "exploded"},
    ],
    ids=lambda wrong: json.dumps(wrong),
)
def test_what_an_alert_may_choose_is_bounded(quiet: Service, wrong: dict[str, Any]) -> None:
    """Never a path, a host, a window beyond a day."""
    answer = quiet.post(senders.plain(**wrong))
    assert answer.status_code == 400
    assert next(iter(wrong)) in answer.json()["reason"]


def test_what_an_alert_may_choose_reaches_its_run(service: Service) -> None:
    """A window of a day, a runbook of the catalogue, names of log services."""
    body = {"runbook": "database", "window": "24h", "services": ["payments"]}
    run = service.post(senders.plain(**body)).json()["runs"][0]
    from pitchey_ops.service.orders import order_of

    with db.reading(service.engine) as connection:
        order = order_of(connection, run)
    assert order is not None
    assert (order.order.runbook, dict(order.order.parameters)) == (
        "database",
        {"window": "24h", "services": ["payments"]},
    )


@pytest.mark.parametrize("kind", KINDS)
def test_an_oversized_body_is_refused_before_it_is_read(quiet: Service, kind: str) -> None:
    """1 MB, said in advance or not."""
    made = sent(kind)
    for content in (b"x" * (limits.LARGEST_BODY + 1), iter([b"x" * 65536] * 17)):
        answer = quiet.client.post(made.path, content=content, headers=made.headers)
        assert answer.status_code == 413
        assert "1048576" in answer.json()["reason"]


def test_a_body_of_exactly_the_limit_is_read(service: Service) -> None:
    """The limit is what it says."""
    body = senders.plain(text=None).body
    padded = body[:-1] + b" " * (limits.LARGEST_BODY - len(body)) + b"}"
    answer = service.client.post("/hooks/plain", content=padded, headers=senders.plain().headers)
    assert answer.status_code == 202


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(min_size=1, max_size=600))
def test_any_text_is_a_title_that_can_be_stored(service: Service, text: str) -> None:
    """NUL, halves of characters, bidi marks, markup: kept where storable, never a 5xx."""
    answer = service.client.post(
        "/hooks/plain",
        content=json.dumps({"title": text}).encode(),
        headers={"authorization": f"Bearer {SECRETS['plain'][0]}"},
    )
    assert answer.status_code == 202 or (answer.status_code == 400 and not text.strip())


def test_secrets_that_a_monitor_quotes_are_not_stored(service: Service) -> None:
    """An error message with a token in it is an ordinary thing."""
    token = "ghp_" + "a1B2" * 9
    service.post(senders.plain(title=f"push fails with {token}", text=f"Authorization: Bearer {token}"))
    (found,) = service.incidents()
    entries = json.dumps([dict(event.entry) for event in told(service.engine, found.id)])
    assert token not in entries + found.title


def test_secrets_in_links_and_names_are_not_stored_either(service: Service) -> None:
    """A link into a dashboard carries its key often enough."""
    token = "ghp_" + "a1B2" * 9
    more = {"link": f"https://grafana.example/d/x?from=now-1h&token={token}", "by": f"a {token}", "kind": f"k {token}"}
    posted = service.post(senders.plain(service=f"payments {token}", **more)).json()["incidents"]
    service.post(senders.plain(service=f"payments {token}", status="resolved", **more))
    (found,) = service.incidents()
    assert [found.id] == posted
    entries = [dict(event.entry) for event in told(service.engine, found.id)]
    assert token.lower() not in json.dumps([entries, found.service, found.resolved_by]).lower()
    assert entries[0]["link"].startswith("https://grafana.example/d/x?from=now-1h&token=[redacted:")


# ── quotas, an unwilling database ────────────────────────────────────────────────────────────────────────────────


def test_above_its_rate_a_sender_is_told_to_come_back(tmp_path: Path) -> None:
    """A flood would fill the disk; 503 is the one answer after which every sender tries again."""
    rules = Rules(quotas={"plain": Quota(alerts_per_minute=5)})
    with senders.service(tmp_path, routing=without_routes(rules)) as service:
        codes = [service.post(senders.plain()).status_code for _ in range(7)]
        assert codes == [202] * 5 + [503] * 2
        assert service.post(senders.alertmanager()).status_code == 202
        service.clock.turn(after(seconds=61))
        assert service.post(senders.plain()).status_code == 202


def test_forged_p1s_are_held_and_say_so(service: Service) -> None:
    """The answer tells an honest sender why its P1 counts as a P3."""
    held = [service.post(senders.plain(title=f"t{n} broke", service=f"s{n}", severity="P1")) for n in range(8)]
    assert ["held" in answer.json() for answer in held] == [False] * 5 + [True] * 3
    assert sorted(found.severity for found in service.incidents()) == ["P1"] * 5 + ["P3"] * 3


@pytest.mark.slow
def test_a_locked_database_is_a_503_and_recovers_without_a_restart(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is confirmed that is not stored; what comes after the lock is."""
    monkeypatch.setitem(HOOKS, "plain", replace(HOOKS["plain"], answer_within_s=0.3))
    app = service_app.create(service.app.state.service)
    patient = service.client
    assert service.post(senders.plain()).status_code == 202
    service.client = Client(app)
    lock = sqlite3.connect(tmp_path / "service.sqlite", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    answers = [service.post(senders.plain(title=f"{n} fails", id=f"m{n}")) for n in range(2)]
    lock.execute("ROLLBACK")
    lock.close()
    assert [answer.status_code for answer in answers] == [503, 503]
    assert all(answer.headers["retry-after"] for answer in answers)
    service.client = patient
    again = [service.post(senders.plain(title=f"{n} fails", id=f"m{n}")).status_code for n in range(2)]
    assert set(again) <= {200, 202}
    assert sum(found.alerts for found in service.incidents()) == 3
    app.state.intake.close()


def test_a_full_disk_is_a_503_and_nothing_is_stored(service: Service) -> None:
    """SQLite says "full"; the sender keeps it and comes again."""
    assert service.post(senders.plain()).status_code == 202
    with service.engine.connect().execution_options(ops_reading=True) as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()

    def small(raw: Any, *_: Any) -> None:
        raw.execute(f"PRAGMA max_page_count={pages}")

    from sqlalchemy import event

    event.listen(service.engine, "checkout", small)
    codes = [service.post(senders.plain(title=f"{n} fails", service=f"s{n}", text="x" * 9000)) for n in range(3)]
    assert [answer.status_code for answer in codes] == [503] * 3
    assert "full" in codes[0].json()["reason"]
    event.remove(service.engine, "checkout", small)

    def large(raw: Any, *_: Any) -> None:
        raw.execute("PRAGMA max_page_count=1073741823")

    event.listen(service.engine, "checkout", large)
    assert service.post(senders.plain(title="after", service="later")).status_code == 202
    assert len(service.incidents()) == 2


def test_one_bad_request_in_a_commit_does_not_harm_its_neighbours(service: Service) -> None:
    """What arrives together is committed together; a fault in one is undone alone."""
    intake: Intake = service.app.state.intake
    gate = threading.Event()
    results: list[Any] = []

    def slow(_connection: Any) -> str:
        gate.wait(30)
        return "slow"

    def bad(connection: Any) -> str:
        incidents.declare(connection, title="half done", severity="P3", by="x", now=NOON)
        raise ValueError("a fault")

    def good(connection: Any) -> str:
        return incidents.declare(connection, title="whole", severity="P3", by="x", now=NOON)

    def run(work: Any) -> None:
        try:
            results.append(intake.writer.do_now(work))
        except ValueError as exc:
            results.append(exc)

    threads = [threading.Thread(target=run, args=(work,)) for work in (slow, bad, good)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join(timeout=60)

    assert [found.title for found in service.incidents()] == ["whole"]
    assert sorted(type(result).__name__ for result in results) == ["ValueError", "str", "str"]


def test_an_alert_of_our_own_goes_the_same_way(service: Service) -> None:
    """The service's own watch raises alerts through the same routes and quotas."""
    intake: Intake = service.app.state.intake
    told_ = Told(trouble="api", id="w1", kind="watch.probe", title="API does not answer", at=NOON, service="api")
    received = intake.take("watch", told_)
    assert received.new
    assert [found.sender for found in service.incidents()] == ["watch"]


@pytest.mark.slow
@pytest.mark.database
def test_on_postgresql_every_hook_stores_and_a_server_that_is_gone_is_a_503(tmp_path: Path) -> None:
    """The same code by another address; what one sender gets wrong does not undo its neighbours there either."""
    import postgres_server

    if postgres_server.programs() is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres_server.running() as url, senders.service(tmp_path, url=url) as service:
        for kind in MONITORS:
            assert service.post(sent(kind)).json()["status"] == "stored"
        assert service.post(sent("sentry")).json()["status"] == "duplicate"
        assert "no incident id" in _says(service, "ack nonsense")
        assert "P1" in _says(service, "status", 1)
        assert sum(found.alerts for found in service.incidents()) == len(MONITORS)
        gone = db.connect("postgresql:///postgres?host=/nowhere&user=ops")
        broken = Intake(replace(service.app.state.service, db=gone))
        with pytest.raises(NotStored):
            broken.take("watch", Told(trouble="x", id="1", kind="watch.x", title="x", at=NOON))
        broken.close()


# ── Slack's command ──────────────────────────────────────────────────────────────────────────────────────────────


def _says(service: Service, text: str, minutes: float = 0) -> str:
    service.clock.turn(after(minutes=minutes))
    answer = service.post(senders.slack(text, at=after(minutes=minutes)))
    assert answer.status_code == 200
    said: str = answer.json()["text"]
    return said


def test_slacks_command_acknowledges_tells_and_resolves(service: Service) -> None:
    """What a person does at three in the morning, from a phone."""
    found = service.post(senders.plain(severity="P1")).json()["incidents"][0]
    assert "respond within 14 min" in _says(service, "status", 1)
    assert "acknowledged by ana (Slack U012AB3CD)" in _says(service, "ack", 2)
    assert "before" in _says(service, f"ack {found.upper()}", 3)
    assert "P3 now (was P1)" in _says(service, f"severity {found} P3", 4)
    assert "is resolved" in _says(service, f"resolve {found} rolled back to v41", 5)
    assert "No incident is open" in _says(service, "status", 6)
    events = {event.event: event.entry for event in told(service.engine, found)}
    assert events["resolved"]["resolution"] == "rolled back to v41"


def test_slacks_command_runs_a_runbook(service: Service) -> None:
    """For an incident that there is, or for a new one."""
    found = service.post(senders.plain()).json()["incidents"][0]
    assert found in _says(service, f"run error-rate {found} 30m", 1)
    assert "INC-" in _says(service, "run triage", 2)
    assert "longer than a day" in _says(service, f"run triage {found} 3d", 3)
    assert "Which runbook?" in _says(service, "run ../../etc/passwd", 4)
    assert len(service.incidents()) == 2


def test_above_their_quota_people_open_no_incident_without_a_run(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ "Nothing was run" leaves nothing open behind it that a clock runs for."""
    monkeypatch.setattr(incidents, "RUNS_BY_PEOPLE_PER_HOUR", 1)
    assert "runs triage for INC-" in _says(service, "run triage", 1)
    assert "Nothing was run" in _says(service, "run triage", 2)
    (found,) = service.incidents()
    assert "Nothing was run" in _says(service, f"run triage {found.id}", 3)
    assert "there is no incident" in _says(service, "run triage INC-20200101-000000-aaaa", 4)
    assert len(service.incidents()) == 1


def test_what_ended_it_is_kept_without_secrets_from_slack_too(service: Service) -> None:
    """Whoever pastes the new key into the command."""
    token = "ghp_" + "a1B2" * 9
    found = service.post(senders.plain()).json()["incidents"][0]
    _says(service, f"resolve {found} the key is {token} now", 1)
    entry = next(event.entry for event in told(service.engine, found) if event.event == "resolved")
    assert entry["resolution"] == "the key is [redacted:github] now"


@pytest.mark.parametrize("text", ["", "help", "dance", "ack INC-nonsense", "severity", "resolve", "status \x00 \u202e"])
def test_a_command_that_is_not_understood_says_how(quiet: Service, text: str) -> None:
    """An answer for the person alone, nothing changed."""
    answer = quiet.post(senders.slack(text))
    assert answer.status_code == 200
    assert answer.json()["response_type"] == "ephemeral"


def test_what_strangers_wrote_pings_nobody_in_slack(service: Service) -> None:
    """A log line in a title must not call the channel."""
    service.post(senders.plain(title="<!channel> *bold* & <https://evil|click>"))
    said = _says(service, "status", 1)
    assert "<!" not in said
    assert "<http" not in said
    assert "&lt;!channel&gt;" in said


def test_what_strangers_wrote_is_no_link_and_no_emoji_in_slack(service: Service) -> None:
    """Slack makes links of bare addresses, and shows what is written to the left."""
    service.post(senders.plain(title="Sign in again at https://evil.example/login :tada: \u202eabc"))
    said = _says(service, "status", 1)
    assert "evil.example" in said
    assert "://" not in said
    assert ":tada" not in said
    assert "\u202e" not in said


def test_a_button_acknowledges(service: Service) -> None:
    """The button below the message; its value is no authority beyond the name of the incident."""
    found = service.post(senders.plain()).json()["incidents"][0]
    payload = {
        "type": "block_actions",
        "user": {"id": "U012AB3CD", "username": "ana"},
        "actions": [{"action_id": "acknowledge", "value": found}],
    }
    answer = service.post(senders.slack(raw=urlencode({"payload": json.dumps(payload)}).encode()))
    assert answer.status_code == 200
    assert service.incidents()[0].acknowledged_by == "ana (Slack U012AB3CD)"


@pytest.mark.parametrize(
    "raw", [b"a=%ff", b"payload=%7B", b"payload=7", b"user_id=U1", b"command=%2Fp&user_id=nobody", b"&&&&"]
)
def test_a_malformed_form_is_refused(quiet: Service, raw: bytes) -> None:
    """Signed by Slack or not: what is no form is no form."""
    assert quiet.post(senders.slack(raw=raw)).status_code == 400


# ── secrets, logs, a real server ─────────────────────────────────────────────────────────────────────────────────


def test_secrets_come_from_variables_or_files_two_at_a_time(tmp_path: Path) -> None:
    """And never from both at once, which would leave open which one counts."""
    file = tmp_path / "secret"
    file.write_text("from-a-file-000001\n")
    found = secrets_from(
        {
            "PITCHEY_OPS_HOOK_SENTRY_SECRET": "one",
            "PITCHEY_OPS_HOOK_SENTRY_SECRET_2": "two",
            "PITCHEY_OPS_HOOK_PLAIN_SECRET_FILE": str(file),
        }
    )
    assert (found.of("sentry"), found.of("plain"), found.of("slack")) == (("one", "two"), ("from-a-file-000001",), ())
    assert found.short() == ["sentry"]
    assert "one" not in repr(found)
    with pytest.raises(ConfigError):
        secrets_from({"PITCHEY_OPS_HOOK_SLACK_SECRET": "x", "PITCHEY_OPS_HOOK_SLACK_SECRET_FILE": str(file)})


@pytest.fixture
def running(service: Service) -> Iterator[str]:
    """The same service on a real port, by uvicorn."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    service.clock.turn(datetime.now(UTC))
    server = uvicorn.Server(uvicorn.Config(service.app, host="127.0.0.1", port=port, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=30)


@pytest.mark.slow
def test_a_secret_in_the_address_is_in_no_access_log(
    service: Service, running: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right or wrong, in the path or by mistake in the query."""
    access = logging.getLogger("uvicorn.access")
    # another server in this process may have turned its access log off, which is for the whole process
    monkeypatch.setattr(access, "handlers", [caplog.handler])
    monkeypatch.setattr(access, "propagate", False)
    monkeypatch.setattr(access, "disabled", False)
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.INFO, logger="uvicorn.access")
    made = senders.pitchey(at=service.clock.now())
    answer = httpx.post(f"{running}{made.path}?secret={SECRETS['pitchey'][1]}", content=made.body)
    wrong = httpx.post(f"{running}/hooks/pitchey/almost%2Fright-secret/x", content=made.body)

    assert (answer.status_code, wrong.status_code) == (202, 401)
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("uvicorn"))
    assert "/hooks/pitchey/masked" in logged
    assert SECRETS["pitchey"][0] not in logged
    assert SECRETS["pitchey"][1] not in logged
    assert "almost" not in logged


@pytest.mark.slow
def test_a_body_without_a_length_is_cut_off_at_the_limit(service: Service, running: str) -> None:
    """Chunks until the limit, over a real connection; the server still answers others."""

    def endless() -> Iterator[bytes]:
        for _ in range(2000):
            yield b"x" * 65536

    try:
        answer = httpx.post(f"{running}/hooks/plain", content=endless(), timeout=30)
        assert answer.status_code == 413
    except httpx.WriteError:
        pass  # the server has closed the connection while we were still sending
    assert httpx.post(f"{running}/hooks/plain", content=b"{}").status_code == 401


@pytest.mark.slow
def test_trigger_posts_the_plain_form_to_a_running_service(
    service: Service, running: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a person would, the secret from the environment; every fault is a sentence and an exit code."""
    runner = CliRunner()
    monkeypatch.setenv("PITCHEY_OPS_TRIGGER_URL", running)
    words = ["trigger", "Checkout fails", "--severity", "p2", "--service", "payments", "--label", "team=money"]

    def go(*arguments: str) -> Any:
        return runner.invoke(commands, list(arguments), standalone_mode=False)

    assert "PITCHEY_OPS_HOOK_PLAIN_SECRET" in str(go(*words).exception)
    monkeypatch.setenv("PITCHEY_OPS_HOOK_PLAIN_SECRET", "wrong")
    assert "401" in str(go(*words).exception)
    monkeypatch.setenv("PITCHEY_OPS_HOOK_PLAIN_SECRET", SECRETS["plain"][1])
    told_ = go(*words)
    assert (told_.return_value, told_.exception) == (0, None)
    assert "incident    INC-" in told_.output
    assert "(new)" in told_.output
    again = json.loads(go(*words, "--json").output)
    assert (again["new"], again["runs"]) == (0, [])
    assert "window" in str(go(*words, "--window", "9d").exception)
    assert "Nothing was stored" in str(go(*words, "--url", "http://127.0.0.1:9").exception)
    assert "expected an address" in str(go(*words, "--url", "nonsense").exception)
    (found,) = service.incidents()
    assert (found.severity, found.service, found.alerts) == ("P2", "payments", 2)


def test_no_variable_of_a_hook_looks_like_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings refuse what looks like a misspelt setting; a hook's secret must not."""
    from pitchey_ops.settings import load

    for kind in HOOKS:
        monkeypatch.setenv(HOOKS[kind].variable, "x" * 20)
        monkeypatch.setenv(f"{HOOKS[kind].variable}_2", "x" * 20)
    assert load().environment == os.environ.get("PITCHEY_OPS_ENVIRONMENT", "sandbox")
