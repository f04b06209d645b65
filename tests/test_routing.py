"""``parameters/routing.yaml``: which alert starts which runbook, and what the file may not say."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from incident_worlds import NOON

from pitchey_ops.errors import ConfigError
from pitchey_ops.runbooks.catalogue import RUNBOOKS
from pitchey_ops.service.intake import routing as routing_module
from pitchey_ops.service.intake.routing import Routing, load_routing
from pitchey_ops.service.intake.told import Told
from pitchey_ops.settings import load


@pytest.fixture(scope="module")
def routing() -> Routing:
    """The file as it is delivered."""
    return load_routing(load())


def told(title: str = "Something", **more: object) -> Told:
    """Return an alert of this title."""
    values = {"trouble": "t", "id": "i", "kind": "plain.alert", "title": title, "at": NOON, **more}
    return Told(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("title", "service", "runbook", "severity"),
    [
        ("Platform outage", None, "outage", "P1"),
        ("InstanceDown", None, "outage", "P1"),
        ("pitchey-production is down", None, "outage", "P1"),
        ("High error rate", None, "error_rate", "P2"),
        ("HighErrorRate", None, "error_rate", "P2"),
        ("P95 latency above 2 s", None, "performance", "P3"),
        ("Database connection pool exhausted", None, "database", "P2"),
        ("anything", "postgres", "database", "P2"),
        ("Brute force attack on login", None, "security", "P2"),
        ("SQL injection attempts", None, "security", "P2"),
        ("LCP regression on /browse", None, "frontend", "P3"),
        ("ChunkLoadError", "web", "frontend", "P3"),
        ("Monitoring worker silent", None, "monitoring", "P3"),
        ("No data from apm", None, "monitoring", "P3"),
        ("Test Alert", None, "monitoring", "P4"),
        ("Frobnication imminent", None, "triage", "P3"),
    ],
)
def test_what_people_call_a_trouble_starts_its_runbook(
    routing: Routing, title: str, service: str | None, runbook: str, severity: str
) -> None:
    """The written runbook's kinds of incidents, and triage for what nobody thought of."""
    found = routing.routed("plain", told(title, service=service), NOON)
    assert (found.runbook, found.alert.severity) == (runbook, severity)


def test_the_gravest_word_counts_and_an_unknown_one_says_nothing(routing: Routing) -> None:
    """If unsure, take the higher one."""
    assert routing.severity("plain", ("warning", "SEV-1")) == "P1"
    assert routing.severity("plain", ("Sev 5",)) == "P4"
    assert routing.severity("plain", ("P2 - Critical system issue",)) == "P2"
    assert routing.severity("plain", ("pretty bad",)) is None
    assert routing.severity("sentry", ("fatal",)) == "P2"
    assert routing.severity("plain", ("fatal",)) == "P1"


def test_a_runbook_that_was_asked_for_does_not_get_the_routes_parameters(tmp_path: Path) -> None:
    """They are another notebook's."""
    routing = _of(tmp_path, "routes: [{name: all, runbook: triage, parameters: {search: deadlock, window: 2h}}]")
    assert routing.routed("plain", told(), NOON).parameters == {"search": "deadlock", "window": "2h"}
    assert routing.routed("plain", told(runbook="outage"), NOON).parameters == {}
    own = routing.routed("plain", told(parameters={"window": "30m"}), NOON)
    assert own.parameters == {"search": "deadlock", "window": "30m"}


def test_a_route_matches_on_labels_and_bounds_the_severity(tmp_path: Path) -> None:
    """All that is given must match; of several patterns any one."""
    routing = _of(
        tmp_path,
        """
routes:
  - name: money
    match: {sender: alertmanager, labels: {team: [pay*, money]}}
    runbook: error_rate
    at_least: P2
    service: payments
  - name: noise
    match: {title: "*"}
    at_most: P3
""",
    )
    hit = routing.routed("alertmanager", told(labels={"team": "Payments"}, words=("info",)), NOON)
    assert (hit.runbook, hit.alert.severity, hit.alert.service) == ("error_rate", "P2", "payments")
    miss = routing.routed("alertmanager", told(labels={}, words=("critical",)), NOON)
    assert (miss.runbook, miss.alert.severity) == ("triage", "P3")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("routes: [{name: a, runbook: nothing}]", "no runbook 'nothing'"),
        ("routes: [{name: a, parameters: {colour: red}}]", "colour"),
        ("routes: [{name: a, parameters: {window: 9d}}]", "window"),
        ("routes: [{name: a, parameters: {environment: production}}]", "not for a route"),
        ("routes: [{name: a, severity: P7}]", "severity"),
        ("routes: [{name: a, match: {titel: x}}]", "titel"),
        ("quotas: {plain: {p1_per_hour: -1}}", "p1_per_hour"),
        ("watching: {outage.watch: {every_s: 0.1, for_s: 60}}", "every_s"),
        ("version: 2", "version"),
        ("routes: {", "is not YAML"),
        ("- a\n- b", "expected"),
    ],
)
def test_a_fault_in_the_file_is_named_at_the_start(tmp_path: Path, text: str, fault: str) -> None:
    """Not when the first alert of that kind comes in."""
    with pytest.raises(ConfigError) as raised:
        _of(tmp_path, text)
    assert fault in str(raised.value) or "valid dictionary" in str(raised.value)


def test_several_faults_are_all_named(tmp_path: Path) -> None:
    """One start is enough to learn of them."""
    with pytest.raises(ConfigError) as raised:
        _of(tmp_path, "routes: [{name: a, runbook: x}, {name: b, runbook: y}]")
    assert len(raised.value.faults) == 2


def test_a_file_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    """Without routes every alert would silently go to triage."""
    with pytest.raises(ConfigError, match="cannot be read"):
        load_routing(load(), tmp_path / "none.yaml")


@given(
    title=st.text(max_size=500), kind=st.text(max_size=50), service=st.none() | st.text(max_size=50),
    words=st.lists(st.text(max_size=30), max_size=3), labels=st.dictionaries(st.text(max_size=9), st.text(max_size=9)),
)  # fmt: skip
def test_whatever_an_alert_holds_it_gets_a_runbook_and_a_severity(
    routing: Routing, title: str, kind: str, service: str | None, words: list[str], labels: dict[str, str]
) -> None:
    """Strangers choose every text; none of them chooses what is not in the catalogue."""
    alert = told(title, kind=kind, service=service, words=tuple(words), labels=labels)
    found = routing.routed("plain", alert, NOON)
    assert found.runbook in RUNBOOKS
    assert found.alert.severity in ("P1", "P2", "P3", "P4")


def test_a_hostile_title_costs_no_time(routing: Routing) -> None:
    """Patterns of file names, matched in one pass: nothing to go back over."""
    import time

    began = time.process_time()
    for _ in range(50):
        routing.routed("plain", told("health check " * 40 + "fai"), NOON)
    assert time.process_time() - began < 5


def _of(folder: Path, text: str) -> Routing:
    path = folder / "routing.yaml"
    path.write_text(text)
    return load_routing(load(), path)


def test_a_worker_reads_the_rules_again_and_does_without_a_broken_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report must reach its incident, whatever somebody is typing into the file at that moment."""
    import os

    settings = load()
    monkeypatch.setattr(routing_module, "home", lambda: tmp_path)
    file = tmp_path / "parameters" / "routing.yaml"
    file.parent.mkdir()
    for stamp, text, within_s in ((1, "grouping: {within_s: 7}", 7), (2, "grouping: {", 900), (3, "version: 1", 900)):
        file.write_text(text)
        os.utime(file, (stamp, stamp))
        assert routing_module.rules_of(settings).within_s == within_s
