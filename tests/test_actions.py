"""Plans: pure values that send nothing, say everything, and refuse what nobody may do."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, timedelta
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from acting import ARGUMENTS, INCIDENT, SCRIPT, STRANGER, simple_facts
from hypothesis import given, settings
from hypothesis import strategies as st

from pitchey_ops.actions import Facts, Plan, catalogue, facts_from_report, for_step, plan
from pitchey_ops.actions.guards import target_of, why_not_blocked
from pitchey_ops.errors import UsageError
from pitchey_ops.settings import load
from pitchey_ops.steps import steps_of

MORE: dict[str, dict[str, Any]] = {
    "alert-acknowledge": {"alert": "alert-1"},
    "alert-resolve": {"alert": "alert-1", "resolution": "x"},
    "clear-state": {"keys": ["logs:stats:1"]},
    "end-backend": {"pid": 4711, "backend_start": "2026-11-23 08:00:00+00"},
    "cancel-query": {"pid": 4711, "query_start": "2026-11-23 08:00:00+00"},
    "redeploy": {"script": SCRIPT},
}
ALL = sorted(catalogue())
EVIL = "<!channel> \x1b[31m{{7*7}}\x00 \u202e ${write:pagerduty_routing_key} </script> \ud800"


def made(name: str, **more: Any) -> Plan:
    """The plan of *name* on simple facts."""
    return plan(name, simple_facts(), **{**ARGUMENTS.get(name, {}), **MORE.get(name, {}), **more})


@pytest.mark.parametrize("name", ALL)
def test_every_plan_says_what_whom_how_far_and_how_back(name: str) -> None:
    """A person decides at three in the morning on nothing but this card."""
    one = made(name)

    assert one.possible, one.why_not
    assert one.title
    assert one.target
    assert one.changes
    assert one.risk
    assert one.when or one.why
    assert one.undo_words
    assert one.verification.words
    assert one.who
    assert one.environment == "sandbox"
    assert one.incident == INCIDENT
    assert all(request.method and request.service for request in one.requests)
    if one.undoable:
        assert all(change.undo for change in one.changes)
    known = catalogue()[name]
    assert known.changes
    assert known.verified
    assert known.undone


@pytest.mark.parametrize("name", ALL)
def test_a_plan_is_the_same_after_it_was_written_and_read(name: str) -> None:
    """It travels through files, the journal and notebooks, and must stay what the person saw."""
    one = made(name)
    again = Plan.from_json(json.loads(json.dumps(one.to_json())))

    assert again == one
    assert again.digest == one.digest
    assert one.expires_at - one.planned_at == timedelta(minutes=15)


@pytest.mark.parametrize("name", ALL)
def test_the_same_facts_give_the_same_plan(name: str) -> None:
    """Plans stand in reports, which a replay must give again to the byte."""
    assert made(name).digest == made(name).digest


@pytest.mark.parametrize("name", ALL)
def test_planning_opens_no_socket(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`plan()` sends nothing; that is what makes it safe in a headless run."""

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a plan opened a socket")

    monkeypatch.setattr(socket, "socket", never)
    made(name)


@pytest.mark.parametrize("name", ALL)
def test_a_changed_plan_is_refused(name: str) -> None:
    """Somebody may edit the file between the look and the apply."""
    value = json.loads(json.dumps(made(name).to_json()))
    value["target"] = "something-else"
    with pytest.raises(UsageError, match="changed after it was made"):
        Plan.from_json(value)


@pytest.mark.parametrize("name", ALL)
def test_strangers_text_in_the_facts_stays_text(name: str) -> None:
    """Verdicts quote telemetry: nothing in it may become a mention, a credential or a crash."""
    facts = simple_facts(summary=EVIL, services=(EVIL,), findings=({"rule": "database", "claim": EVIL, "data": {}},))
    one = plan(name, facts, **{**ARGUMENTS.get(name, {}), **MORE.get(name, {})})
    text = json.dumps(one.to_json())

    assert "<!channel>" not in json.dumps(
        [change.request.body for change in one.changes if change.request.service == "slack"]
    )
    assert Plan.from_json(json.loads(text)).digest == one.digest


@pytest.mark.parametrize("name", ALL)
def test_an_argument_that_is_not_known_is_named(name: str) -> None:
    """A mistyped argument would silently change what is done."""
    with pytest.raises(UsageError, match="unknown argument"):
        plan(name, simple_facts(), nonsense=1)


def test_every_action_step_of_the_runbook_has_its_action() -> None:
    """The 19 steps are promised; one without an action would be a dead card."""
    runbooks = ("triage", "outage", "error_rate", "performance", "security", "database", "frontend", "monitoring")
    steps = {s.id for book in (*runbooks, "post_incident") for s in steps_of(book) if s.kind == "action"}

    assert len(steps) == 19
    assert not [step for step in steps if for_step(step) is None]


def test_a_steps_own_action_is_planned_without_arguments() -> None:
    """A headless run has nobody who types them: an action that insists on one would end the notebook."""
    steps = {step for one in catalogue().values() for step in one.steps if not step.startswith("post.")}
    serving = {step: for_step(step) for step in steps}  # cards of post-incident steps ask a person for the words
    made = {step: plan(one.name, simple_facts()) for step, one in serving.items() if one is not None}

    assert set(made) == steps
    assert made["monitoring.clear-state"].action == "clear-state"
    assert all(one.possible or one.why_not for one in made.values())


def test_the_rollback_goes_to_the_last_version_before_the_onset() -> None:
    """Neither to the newest nor to the oldest: to what ran well until it began."""
    one = made("rollback")

    assert one.requests[0].body["versions"] == [{"version_id": "good", "percentage": 100}]
    assert all("force" not in r.path and not r.query and "force" not in json.dumps(r.body) for r in one.requests)
    assert "10220" in one.risk
    assert any("Durable Object" in text for text in one.warnings)
    assert one.target == SCRIPT


def test_a_deployment_after_the_onset_is_no_target_and_no_culprit() -> None:
    """Somebody's hurried redeployment into the broken platform proves nothing."""
    facts = simple_facts()
    later = replace(facts.deployments[-1], version="hurried", at=facts.now - timedelta(minutes=2))
    one = plan("rollback", replace(facts, deployments=(*facts.deployments, later)))

    assert one.requests[0].body["versions"][0]["version_id"] == "good"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"onset": None}, "no onset is known"),
        ({"deployments": ()}, "no version"),
        ({"deployments": simple_facts().deployments[-1:]}, "no version"),
    ],
)
def test_a_rollback_without_a_healthy_version_is_not_possible(change: dict[str, Any], words: str) -> None:
    """A guess here deploys something that nobody has seen working."""
    one = plan("rollback", simple_facts(**change))

    assert not one.possible
    assert words in one.why_not
    assert not one.changes


def test_mail_to_customers_is_off_unless_asked_for() -> None:
    """Statuspage's own default sends it, and nothing can be unsent."""
    for name in ("statuspage-create", "statuspage-update"):
        assert made(name).requests[0].body["incident"]["deliver_notifications"] is False
        loud = made(name, email=True)
        assert loud.requests[0].body["incident"]["deliver_notifications"] is True
        assert any("cannot be unsent" in text for text in loud.warnings)


@pytest.mark.parametrize(
    "address",
    [
        "203.0.113.77",  # a monitor's
        "203.0.113.0/24",
        "104.16.1.1",  # Cloudflare's
        "104.16.1.0/24",
        "10.1.2.3",
        "127.0.0.1",
        "169.254.169.254",
        "::1",
        "fe80::1",
        "2606:4700::1111",
        "0.0.0.0/0",
        "45.129.0.0/16",
        "45.129.14.0/23",
        "2a0e:1c80::/32",
        "not an address",
        "45.129.14.7/24",
        EVIL,
    ],
)
def test_own_cloudflares_monitors_private_and_wide_addresses_are_refused(address: str) -> None:
    """A block of any of these takes the platform or its watchers down."""
    facts = simple_facts(load("sandbox", overrides={"own_networks": ["203.0.113.0/24"]}))
    one = plan("block", facts, addresses=[address])
    both = plan("block", facts, addresses=[address, STRANGER])

    assert not one.possible
    assert "refused" in one.why_not
    assert [r.body["configuration"]["value"] for r in both.requests] == [STRANGER]
    assert any("refused" in text for text in both.warnings)


@pytest.mark.parametrize(
    ("target", "ours"), [("81.2.69.0/24", "81.2.69.160/28"), ("2a00:1450:4001:80b::/64", "2a00:1450:4001:80b::7/128")]
)
def test_a_range_that_holds_an_address_of_ours_is_refused(target: str, ours: str) -> None:
    """Neither end of the range is ours, and yet the rule would shut us out."""
    assert ours in why_not_blocked(target, [ip_network(ours)])
    assert why_not_blocked(target, [ip_network("203.0.113.0/24")]) == ""


@given(st.ip_addresses())
@settings(max_examples=200)
def test_no_address_of_ours_passes_the_guard(address: Any) -> None:
    """Whatever the evidence accuses: protected and private networks never become a rule."""
    protected = (ip_network("203.0.113.0/24"), ip_network("2001:db8::/32"))
    why = why_not_blocked(str(address), protected)
    if not address.is_global or any(address in net for net in protected if net.version == address.version):
        assert why
    kind, value, _ = target_of(str(address))
    assert kind == ("ip" if address.version == 4 else "ip6")
    assert ip_address(value) == address


def test_a_block_carries_reason_end_and_mark_and_is_bounded() -> None:
    """Nobody remembers in a month why an address is blocked; and a list of 10,000 is no plan."""
    many = [f"45.{i // 200}.{i % 200}.9" for i in range(120)]
    one = plan("block", simple_facts(), addresses=many, hours=6, reason="password guessing")

    assert len(one.changes) == 50
    assert any("70 more are left out" in text for text in one.warnings)
    notes = one.requests[0].body["notes"]
    assert INCIDENT in notes
    assert one.mark in notes
    assert "password guessing" in notes
    assert one.ends is not None
    assert one.ends in notes
    assert one.target == "50 addresses"
    for bad in (0, -1, 169, float("nan")):
        with pytest.raises(UsageError, match="hours"):
            plan("block", simple_facts(), addresses=[STRANGER], hours=bad)


@pytest.mark.parametrize("path", ['/api/auth/login") or (1 eq 1', "login", "/a b", "/" + "a" * 400, '/"'])
def test_a_path_cannot_write_the_firewalls_language(path: str) -> None:
    """The expression is built from it: a quotation mark would make another rule."""
    with pytest.raises(UsageError, match="path"):
        plan("tighten", simple_facts(), path=path)


@pytest.mark.parametrize(
    ("name", "given_", "words"),
    [
        ("tighten", {"path": "/a", "mode": "nonsense"}, "mode"),
        ("tighten", {"path": "/a", "requests": 0}, "requests"),
        ("clear-state", {"prefix": "session:", "keys": ["session:1"]}, "may be cleared"),
        ("clear-state", {"keys": ["logs:other"]}, "does not begin"),
        ("warm-cache", {"routes": ["/api/auth/login"]}, "public"),
        ("warm-cache", {"routes": ["https://elsewhere.example/"]}, "public"),
        ("purge-cache", {"paths": ["https://elsewhere.example/x"]}, "no address of ours"),
        ("purge-cache", {"paths": []}, "paths"),
        ("under-attack-off", {"level": "under_attack"}, "level"),
        ("statuspage-create", {"status": "fine"}, "status"),
        ("end-backend", {"pid": "1; drop table users"}, "pid"),
        ("end-backend", {"pid": -5}, "pid"),
        ("alert-resolve", {"alert": "a", "resolution": " "}, "resolution"),
        ("tickets", {"items": []}, "items"),
        ("unblock", {"addresses": []}, "addresses"),
        ("unblock", {"addresses": ["nonsense"]}, "no address"),
        ("rollback", {"nope": 1}, "unknown argument"),
        ("block", {"addresses": [STRANGER], "hours": "soon"}, "hours"),
    ],
)
def test_wrong_arguments_are_named_and_nothing_is_planned(name: str, given_: dict[str, Any], words: str) -> None:
    """Bad input gets a clear error that says what was not done."""
    with pytest.raises(UsageError, match=words) as caught:
        plan(name, simple_facts(), **given_)
    assert "Nothing was planned" in str(caught.value)


def test_an_unknown_action_names_the_known_ones() -> None:
    """Typing errors happen at night."""
    with pytest.raises(UsageError, match="rollback"):
        plan("rollbak", simple_facts())


def test_p3_pages_nobody() -> None:
    """Nobody is woken for what can wait."""
    one = plan("pagerduty-page", simple_facts(severity="P3"))
    assert not one.possible
    assert "P3" in one.why_not


def test_production_is_repeated_in_the_confirmation() -> None:
    """The same name exists in staging; the environment must be typed as well."""
    assert made("rollback").confirmation == SCRIPT
    assert replace(made("rollback"), environment="production").confirmation == f"production/{SCRIPT}"


def test_facts_of_a_report_are_those_of_the_run() -> None:
    """The command line plans from the archive; what a report does not say stays unknown."""
    at = simple_facts().now
    report = {
        "incident": {"id": INCIDENT, "severity": "P2", "alerts": [{"id": "alert-9"}]},
        "verdict": {
            "state": "incident",
            "cause": "bad_deployment",
            "confidence": 0.9,
            "severity": "P2",
            "onset": "2026-11-23T08:18:00Z",
            "onset_uncertainty_s": 30,
            "impact": {"requests_failing_share": 0.2, "users_affected": 7, "routes": ["/api/pitches"], "services": []},
            "summary": "x",
        },
        "findings": [
            {
                "id": "deployments/1",
                "rule": "deployments",
                "claim": "c",
                "at": "2026-11-23T08:17:00Z",
                "data": {"script": SCRIPT, "version": "bad", "previous": "good"},
            },
            {"id": "security/indicators", "rule": "security", "data": {"blocks": [{"target": STRANGER, "hours": 6}]}},
            {
                "id": "users/failing",
                "rule": "users",
                "data": {"requests_after": 400, "routes": [{"route": "/api/pitches", "requests": 100, "failing": 80}]},
            },
        ],
    }
    facts = facts_from_report(report, load("sandbox"), at)

    assert facts.share_of(facts.routes) == 0.25, "who is reached by a rollback is told from an archived report, too"
    assert facts.share_of(("/api/upload",)) is None, "a route that the report does not count is not 0 %"

    assert facts.alerts == ("alert-9",)
    assert plan("rollback", facts).requests[0].body["versions"][0]["version_id"] == "good"
    assert plan("block", facts).requests[0].body["configuration"]["value"] == STRANGER
    empty = facts_from_report({}, load("sandbox"), at)
    assert empty.failing_share is None
    assert empty.onset is None
    assert not plan("rollback", empty).possible


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda c: st.lists(c) | st.dictionaries(st.text(), c),
        max_leaves=20,
    )
)
@settings(max_examples=100)
def test_nonsense_instead_of_a_report_or_plan_is_no_crash(value: Any) -> None:
    """Archives are old, files are damaged."""
    report = {"incident": value, "verdict": value, "findings": value}
    assert isinstance(facts_from_report(report, load("sandbox"), simple_facts().now.astimezone(UTC)), Facts)
    with pytest.raises(UsageError):
        Plan.from_json(value)
    with pytest.raises(UsageError):
        Plan.from_json({"schema": "pitchey-plan/1", "action": value})


def test_importing_plans_brings_nothing_that_can_send() -> None:
    """Headless runs import the plans; what applies them must stay out of their process."""
    code = (
        "import sys, pitchey_ops.actions, pitchey_ops.panels.steps.plans, pitchey_ops.runbooks.investigate\n"
        "bad = [m for m in sys.modules if m.startswith('pitchey_ops.actions.apply')]\n"
        "assert not bad, bad"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
