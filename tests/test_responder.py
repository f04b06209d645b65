"""What a responder reads first must not contradict what stands below it, nor look calmer than it is."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from hand_cases import END, case
from report_samples import FINDINGS, HYPOTHESES, MARKS, report
from test_page import read

from pitchey_ops.cli import _errors, _performance, _print
from pitchey_ops.cli._look import Look
from pitchey_ops.diagnosis.hypotheses import HYPOTHESES as CAUSES
from pitchey_ops.drills.play import REHEARSED_AT, ask_world, drill_settings
from pitchey_ops.findings.case import Case
from pitchey_ops.models.finding import Finding, NotChecked, Severity
from pitchey_ops.models.observation import Unavailable
from pitchey_ops.models.report import Impact
from pitchey_ops.models.window import Window
from pitchey_ops.panels.base import Column, Panel, Table
from pitchey_ops.panels.charts.latency import cache_hit_rate
from pitchey_ops.panels.charts.people import severity_clock
from pitchey_ops.panels.charts.sight import FreshRow, coverage, freshness
from pitchey_ops.panels.steps import plans, step_panel
from pitchey_ops.panels.steps.plans import facts_of
from pitchey_ops.panels.view import View
from pitchey_ops.reports.page import page
from pitchey_ops.runbooks.analyse import analyse
from pitchey_ops.runbooks.catalogue import RUNBOOKS, runbook
from pitchey_ops.sandbox.generate import build
from pitchey_ops.steps import TO_DO, steps, steps_of

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def played(scenario: str, book: str, **parameters: Any) -> View:
    """Return one runbook's investigation of a scenario, as panels see it."""
    settings = drill_settings()
    world = build(scenario, seed=0, now_ms=round(REHEARSED_AT.timestamp() * 1000), entries=20_000)
    answers = ask_world(world, runbooks=[book], settings=settings)
    asked = answers.asked
    looked_at = Case(
        window=answers.window, now=asked.now, frames=asked.frames, observations=asked.observations, settings=settings
    )
    return seen_by(looked_at, book, **parameters)


def seen_by(looked_at: Case, book: str, **parameters: Any) -> View:
    """Return a case as the panels of *book* see it."""
    return View(
        context=SimpleNamespace(alerts=(), incident_id="INC-20261123-120000-abcd"),
        runbook=runbook(book),
        settings=looked_at.settings,
        case=looked_at,
        analysis=analyse(looked_at, RUNBOOKS[book]),
        parameters=parameters,
    )


def words_of(**changes: Any) -> str:
    """Return what the sample report says with *changes*, on one line."""
    return " ".join("".join(read(page(report(**changes))).text).split())


# --- Panels ------------------------------------------------------------------------------------------------


def test_no_panel_clears_of_attacks_while_another_accuses() -> None:
    """“Nobody is accused” stood under the same question as “65 addresses accused”, two panels further down."""
    view = played("credential_stuffing", "security")
    panels = [step_panel(view, f"security.{one}") for one in ("brute-force", "injection", "bypass")]
    assert len({panel.question for panel in panels}) == 3
    guessing, *others = panels
    assert "accused of" in guessing.title
    assert "bypass" not in guessing.title  # many addresses are how they guess, as the panel about limits says
    for panel in others:
        assert "accused of something else" in " ".join(panel.notes)
        assert panel.title.startswith(("Nobody is accused of ", "Nobody is suspected of "))


def test_the_frontends_issues_are_new_where_the_finding_says_so() -> None:
    """The onset is an estimate: an issue seen first a few seconds before it is news, as the rule says."""
    view = played("asset_page", "frontend")
    named = {finding.data["title"] for finding in view.rule("issues")}
    panel = step_panel(view, "frontend.sentry")
    assert panel.table is not None
    stars = {row[1] for row in panel.table.rows if row[0] == "★"}
    assert named
    assert stars >= named & {row[1] for row in panel.table.rows}
    assert not panel.title.startswith("None ")


def test_a_block_list_that_is_longer_than_a_plan_says_so() -> None:
    """“65 blocks are proposed” stood above “Block 50 addresses”, and nothing said where the others are."""
    addresses = [f"23.62.136.{n}" for n in range(1, 61)]
    view = played("brute_force", "security")
    facts = dataclasses.replace(facts_of(view), blocks=tuple({"target": one, "reason": "x"} for one in addresses))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plans, "facts_of", lambda _: facts)
        card = plans.card_of("security.block-ips", view)
    assert "10 more are left out" in card.why


@pytest.fixture(scope="module")
def slowed() -> View:
    """A slow database, as its runbook sees it."""
    return played("database_slow", "database")


def test_a_pool_that_only_logs_tell_of_is_told(slowed: View) -> None:
    """“No data: pool figures” answered whether the pool is used up, under a verdict that says that it is."""
    view = played("database_pool_exhausted", "database")
    for step in ("database.pool", "database.metrics"):
        panel = step_panel(view, step)
        notes = " ".join(panel.notes)
        assert "stand still since" not in notes
        assert step != "database.pool" or "waiting for a database connection" in notes
    slow = step_panel(slowed, "database.slow-queries")
    assert "slow or timed-out statements" in " ".join(slow.notes)


def test_errors_of_a_store_in_the_logs_speak_against_it() -> None:
    """“Nothing speaks against KV and R2” stood below a verdict that R2 fails, where the service's own probe did not."""
    view = played("storage_late", "performance")
    assert any(finding.id.startswith("kinds/storage") for finding in view.rule("kinds"))
    panel = step_panel(view, "performance.kv-r2")
    assert "Nothing speaks against" not in panel.title
    assert "object storage" in " ".join((panel.title, *panel.notes))


def test_a_probe_without_an_answer_has_the_name_of_its_route() -> None:
    """`health_db` is a name of ours; the route is /api/health/db, as in the row of a probe that was answered."""
    silent = Unavailable(id="api/health_db/samples", source="api", reason="timeout", detail="no answer", at=END)
    view = seen_by(case(observations={silent.id: silent}), "outage")
    panel = step_panel(view, "outage.db-connectivity")
    assert panel.table is not None
    assert panel.table.rows[0][0] == "our probe of /api/health/db"


@pytest.fixture(scope="module")
def deployed() -> View:
    """A bad deployment, as triage sees it."""
    return played("bad_deployment", "triage", search="no entry holds this")


def test_a_contradiction_names_who_says_what(deployed: View) -> None:
    """It named an observation as what somebody says, and the edge's as that of the monitoring."""
    panel = step_panel(deployed, "investigate.apm-summary")
    assert panel.table is not None
    said = {str(row[2]): str(row[1]) for row in panel.table.rows}
    assert said["Monitoring reports healthy"].startswith("monitoring/health")
    assert said["The APM summary shows no errors"].startswith("apm/summary")
    assert all("requests fail" in str(row[4]) for row in panel.table.rows)
    assert all("/" in str(row[3]) for row in panel.table.rows)


def test_the_edge_beside_the_logs_is_a_contradiction_too(deployed: View) -> None:
    """A finding of another form was left out, and the panel said that nothing contradicts."""
    claim = "The edge counts 40% failing requests, the logs that can be seen 3%"
    apart = Finding(
        id="contradictions/edge-logs", rule="contradictions", claim=claim, severity=Severity.INFO,
        evidence=("cloudflare_api/traffic/all", "r2/archive/pitch"),
    )  # fmt: skip
    analysis = dataclasses.replace(deployed.analysis, findings=(apart,))  # type: ignore[type-var]
    panel = step_panel(dataclasses.replace(deployed, analysis=analysis), "investigate.apm-summary")
    assert "40%" in panel.title
    assert panel.table is not None
    assert len(panel.table.rows) == 1


def test_where_nothing_is_held_against_anything_no_agreement_is_claimed(deployed: View) -> None:
    """Calm reports are held against failing requests only where enough of them fail."""
    verdict = dataclasses.replace(deployed.analysis.verdict, impact=Impact(requests_failing_share=0.0))
    analysis = dataclasses.replace(deployed.analysis, findings=(), verdict=verdict)  # type: ignore[type-var]
    panel = step_panel(dataclasses.replace(deployed, analysis=analysis), "investigate.apm-summary")
    assert "comparison" not in panel.title
    assert panel.title.startswith("Nothing to hold against")


def test_the_chart_of_response_times_says_the_findings_figure(deployed: View) -> None:
    """“P95 rose to 2,410 ms” stood above “P95 is 2,217 ms” of the same span."""
    said = Finding(
        id="latency/as-before", rule="latency", claim="P95 of response times is 1,234 ms", severity=Severity.INFO,
        evidence=("r2/archive/pitch",), data={"p95_ms": 1_234.0},
    )  # fmt: skip
    analysis = dataclasses.replace(deployed.analysis, findings=(said,))  # type: ignore[type-var]
    title = step_panel(dataclasses.replace(deployed, analysis=analysis), "investigate.response-time").title
    assert "1,234 ms" in title


def test_a_search_says_what_it_searched_for(deployed: View) -> None:
    """“0 of 1,503 entries hold it. All of them, as they came.” says neither."""
    panel = step_panel(deployed, "investigate.search")
    assert "“no entry holds this”" in panel.title
    assert panel.title.startswith("None of ")
    assert "as they came" not in panel.sentence


def test_what_a_check_of_the_monitoring_is_worth_is_told_of_that_check(deployed: View) -> None:
    """Only two of its checks ask the API; KV and R2 are looked at directly."""
    panel = step_panel(deployed, "investigate.health")
    assert panel.table is not None
    worth = {str(row[0]): str(row[3]) for row in panel.table.rows}
    assert "missing route" in worth["monitoring: Database Health"]
    assert "missing route" not in worth["monitoring: Storage Health"]


def test_one_is_one() -> None:
    """One row, entry, issue or source takes the singular."""
    one = {"at": END - timedelta(minutes=3), "id": "a", "service": "database", "level": "warn",
           "message": "slow query: select on messages took 3106 ms"}  # fmt: skip
    view = seen_by(case(logs=[one]), "error_rate")
    assert step_panel(view, "error-rate.database").title == "1 entry tells of the database"
    silent = FreshRow(name="log: a", last_seen=NOON - timedelta(hours=1), expected_every_s=60.0)
    flows = FreshRow(name="log: b", last_seen=NOON, expected_every_s=60.0)
    assert freshness([silent, flows], NOON).title.startswith("1 of 2 is silent")


def test_every_cut_source_is_named() -> None:
    """“3 sources cut off: apm” hides two of them."""
    cut = [
        dataclasses.replace(one, name=name, coverage=dataclasses.replace(one.coverage, cut=True))
        for one in report().sources if one.status == "observed" for name in ("apm", "logs")
    ][:2]  # fmt: skip
    title = coverage(cut, MARKS.window).title
    assert "apm, logs" in title


def test_a_rate_that_is_too_low_is_below_its_limit() -> None:
    """“Beyond the limit of 80 %” of a hit rate of 50 % reads like praise."""
    rows = [{"at": MARKS.window.start + timedelta(minutes=5 * n), "hits": 5, "misses": 5} for n in range(10)]
    assert "below the limit of 80 %" in cache_hit_rate(pl.DataFrame(rows), MARKS).title


def test_page_and_panel_agree_on_the_clock_without_an_alert() -> None:
    """The one said that no clock runs, the other that it runs from the declaration."""
    assert "clock runs from" in severity_clock("P2", since=None, at=NOON).title
    assert "clock runs from" in words_of(alerts=())


# --- The first screen --------------------------------------------------------------------------------------


def test_an_incident_is_not_led_by_nothing_is_wrong() -> None:
    """That something is wrong is settled in an incident; “ahead: nothing is wrong” stood beside it."""
    verdict = dataclasses.replace(report().verdict, state="incident", cause=None, confidence=0.54)
    calm = dataclasses.replace(HYPOTHESES[0], id="none", confidence=0.46)
    text = words_of(verdict=verdict, hypotheses=(calm, HYPOTHESES[1]))
    assert "way of an all-clear" not in text
    assert "not clearly enough" in text


def test_who_is_hurt_is_told_where_no_request_fails() -> None:
    """“0 % of requests fail, users: unknown” under an incident reads like nobody is hurt."""
    verdict = dataclasses.replace(report().verdict, impact=Impact(requests_failing_share=0.0, users_affected=None))
    issue = Finding(
        id="issues/1", rule="issues", claim="New in Sentry: 148 events, 148 users, “x” (web)",
        severity=Severity.WARNING, evidence=("sentry/issues/all",), data={"users": 148},
    )  # fmt: skip
    first = words_of(verdict=verdict, findings=(*FINDINGS, issue)).split("Cause")[0]
    assert "148 met an error that is new in Sentry" in first
    assert "but: New since the onset" in first
    calm = words_of(verdict=dataclasses.replace(verdict, state="healthy", cause="none")).split("Cause")[0]
    assert "but: " not in calm


def test_where_nothing_answers_our_own_network_is_suspected_first() -> None:
    """As the quick look says: eleven services that are down at once are seldom down."""
    sources = tuple(dataclasses.replace(one, status="unavailable") for one in report().sources)
    assert "it may be our own network" in words_of(sources=sources)
    assert "it may be our own network" not in words_of()


def test_an_even_prior_is_no_lead_for_an_all_clear() -> None:
    """“Ahead: nothing is wrong (19 %), but something is in the way of an all-clear”, and nothing had been seen."""
    verdict = dataclasses.replace(report().verdict, state="inconclusive", cause=None, confidence=0.19)
    prior = dataclasses.replace(HYPOTHESES[0], id="none", confidence=0.19)
    assert "way of an all-clear" not in words_of(verdict=verdict, hypotheses=(prior,))


def test_the_uncertainty_is_that_of_the_finding() -> None:
    """90 s became “2 min”, while the finding below said 90 s."""
    assert "± 90 s" in words_of(verdict=dataclasses.replace(report().verdict, onset_uncertainty_s=90.0))
    assert "± 20 min" in words_of(verdict=dataclasses.replace(report().verdict, onset_uncertainty_s=1200.0))


def test_without_an_onset_what_changed_is_told_all_the_same() -> None:
    """Releases are compared around an onset; that they are not must not hide that deployments were looked at."""
    releases = NotChecked(rule="releases", because="there is no onset to compare releases around")
    quiet = words_of(findings=(), not_checked=(releases,))
    assert "Could not be told: there is no onset" not in quiet
    assert "No finding speaks of a change" in quiet
    blind = NotChecked(rule="deployments", because="cloudflare_api/deployments: unreachable")
    assert "Could not be told: cloudflare_api/deployments" in words_of(findings=(), not_checked=(releases, blind))


def test_every_next_step_says_what_to_do() -> None:
    """“Connectivity” or “Link to the right dashboard page” tells nobody what comes next."""
    named = {one.next_step for one in CAUSES} | {"outage.verify", "investigate.health", "initial.impact"}
    named |= {"error-rate.breakdown", "outage.error-patterns", "performance.slow-endpoints"}  # no cause is settled
    for book in RUNBOOKS:
        mine = [step.id for step in steps_of(book)]
        named |= {one for one in mine if one.endswith((".watch", ".monitor"))}
    assert set(TO_DO) <= set(steps())
    for step in named - {"outage.rollback"}:
        assert step in TO_DO, step
    verdict = dataclasses.replace(report().verdict, next_step="database.connectivity")
    assert TO_DO["database.connectivity"] in words_of(verdict=verdict)


def test_a_single_row_of_many_columns_is_a_list() -> None:
    """As a table the command to go on lay outside the page, on a desk and on a phone."""
    columns = tuple(Column(name=f"c{n}") for n in range(8))
    wide = Panel(id="a", question="q", title="t", sentence="s", table=Table(columns=columns, rows=(("x",) * 8,)))
    assert '<dl class="kv record">' in page(report(), [wide])
    gaps = dataclasses.replace(wide, table=Table(columns=columns, rows=(("x",) * 7 + ("",),)))
    assert "<dt>c7</dt>" not in page(report(), [gaps])
    two = dataclasses.replace(wide, table=Table(columns=columns, rows=(("x",) * 8, ("y",) * 8)))
    assert '<dl class="kv record">' not in page(report(), [two])


def test_a_runbook_without_a_score_says_so_on_the_first_screen() -> None:
    """Nothing there read like a runbook that needs no mistrust."""
    assert "How far to trust this: this runbook's score is not known here" in " ".join(
        "".join(read(page(report(), extras={})).text).split()
    )


# --- The command line --------------------------------------------------------------------------------------


def test_a_window_over_midnight_names_both_days() -> None:
    """“2026-11-29 16:36 to 16:36 UTC” looked like no time at all."""
    look = Look(
        command="errors", state="as before", outcome="fine", summary="", environment="sandbox", asked_at=NOON,
        took_s=1.0, window=Window(start=NOON - timedelta(days=1), end=NOON), sections=(), notes=(), facts={},
    )  # fmt: skip
    assert "2026-11-22 12:00:00 to 2026-11-23 12:00:00 UTC" in _print._head(look)[1]


def test_errors_that_nobody_saw_are_not_called_old() -> None:
    """“0 errors in 0 entries, none of it new or rising” is an all-clear from nothing."""
    users = Finding(
        id="users/not-failing", rule="users", claim="0.0% of requests fail at the edge", severity=Severity.INFO,
        evidence=("cloudflare_api/traffic/all",),
        signals=(SimpleNamespace(name="users_not_failing", strength=1.0),),  # type: ignore[arg-type]
    )  # fmt: skip
    answered = case(observations={"cloudflare_api/traffic/all": SimpleNamespace()})  # type: ignore[dict-item]
    services = [{"service": name, "seen_share": None} for name in "abc"]
    nothing = {"entries": 0, "errors": 0, "share": None}
    _, _, summary = _errors._conclusion(answered, {"users": [users]}, {}, services, nothing)
    assert "new or rising" not in summary
    assert "No log entry was seen; 3 of 3 services were not seen well enough" in summary


def test_a_rare_slow_route_is_among_the_slowest_and_told() -> None:
    """Too few for a P95, it stood last of “slowest first”, or not at all, below “as fast as before”."""
    at = {"service": "pitch", "level": "info", "message": "GET", "status": 200}
    rows = [
        {**at, "id": f"{route}{n}", "at": END - timedelta(minutes=59 - n), "url": f"/api/r{route}", "duration_ms": 40.0}
        for route in range(25)
        for n in range(24)
    ]
    rows += [
        {**at, "id": f"slow{n}", "at": END - timedelta(minutes=9 - n), "url": "/api/checkout", "duration_ms": 9_000.0}
        for n in range(5)
    ]
    routes, overall = _performance._times(case(logs=rows))
    assert routes[0]["group"] == "/api/checkout"
    assert routes[0]["p95_ms"] is None
    assert overall["over_limit"] == 5
