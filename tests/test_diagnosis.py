"""Weighing and the verdict: what must hold whatever the rules found."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import pitchey_ops
from pitchey_ops.diagnosis.hypotheses import BY_ID, HYPOTHESES
from pitchey_ops.diagnosis.severity import severity
from pitchey_ops.diagnosis.signals import SIGNALS, check
from pitchey_ops.diagnosis.verdict import HURT, decide
from pitchey_ops.diagnosis.weigh import ABSENT, UNLISTED, strongest, weigh
from pitchey_ops.findings.catalogue import RULES, SPEAKS
from pitchey_ops.models.finding import Finding, NotChecked, Severity, Signal
from pitchey_ops.models.report import HypothesisScore, Impact, Verdict
from pitchey_ops.steps import steps

DESIGN_IDS = {
    *("bad_deployment", "database_down", "database_pool_exhausted", "database_slow", "database_locked"),
    *("schema_drift", "credentials_invalid", "cloudflare_incident", "traffic_flood", "auth_fault"),
    *("third_party_outage", "cache_degraded", "storage_degraded", "worker_limits", "frontend_build"),
    *("frontend_assets", "cors_misconfigured", "web_vitals_regression", "brute_force", "injection_attack"),
    *("scraping", "rate_limit_bypass", "monitoring_blind", "monitoring_stopped", "alert_channel_broken", "none"),
}
STEPS = ["initial.impact", "investigate.health", "outage.watch"]
ONSET = datetime(2026, 11, 23, 11, 30, tzinfo=UTC)
CALM = ("users_not_failing", "latency_normal", "api_answers", "db_normal", "traffic_normal", "log_flow_seen")

signals = st.builds(
    Signal, name=st.sampled_from(sorted(SIGNALS)), strength=st.floats(0, 1, allow_nan=False).map(lambda x: round(x, 3))
)


@st.composite
def some_findings(draw: st.DrawFn) -> list[Finding]:
    """Draw findings with ids of their own, some of them many with the same signals."""
    drawn = draw(st.lists(st.tuples(st.sampled_from(list(Severity)), st.lists(signals, max_size=3)), max_size=12))
    return [finding(*given_signals, number=number, level=level) for number, (level, given_signals) in enumerate(drawn)]


def finding(*given_signals: Signal, number: int = 0, level: Severity = Severity.INFO) -> Finding:
    """Return a finding that gives *given_signals*."""
    return Finding(
        id=f"rule/{number}", rule="rule", claim="", severity=level, evidence=(), signals=tuple(given_signals)
    )


def judged(found: list[Finding], unmet: tuple[str, ...] = (), impact: Impact | None = None) -> Verdict:
    """Return the verdict on *found*."""
    return decide(
        weigh(found, [], speaks=SPEAKS),
        found,
        unmet_needs=unmet,
        impact=impact or Impact(),
        onset=ONSET,
        onset_uncertainty_s=30.0,
        steps=STEPS,
        times_at="11:30 UTC",
    )


def calm() -> list[Finding]:
    """Return what rules find on a good day."""
    return [finding(Signal(name=name), number=100 + n) for n, name in enumerate(CALM)]


@pytest.mark.parametrize(
    ("weight", "confidence", "own", "named"),
    [(9.0, 0.6, 12.0, True), (9.0, 0.49, 12.0, False), (6.0, 0.6, 12.0, False), (9.0, 0.6, 5.0, False)],
)
def test_a_cause_is_named_when_it_is_ahead_and_likely_and_something_speaks_for_it(
    weight: float, confidence: float, own: float, named: bool
) -> None:
    """The best of many poor guesses is no cause, nor one of two good ones, nor what leads for want of another."""
    scores = [
        HypothesisScore(
            id=cause, weight=decibans, confidence=share, for_=(), against=(), not_checked=(), parts=(("rule/0", own),)
        )
        for cause, decibans, share in (("database_down", weight, confidence), ("bad_deployment", 4.0, 0.1))
    ]
    verdict = decide(
        scores, [], unmet_needs=(), impact=Impact(), onset=None, onset_uncertainty_s=None, steps=STEPS, times_at=""
    )

    assert verdict.cause == ("database_down" if named else None)
    assert verdict.state == ("incident" if named else "inconclusive")


# --- The words ---------------------------------------------------------------------------------------------


def test_the_hypotheses_are_those_of_the_design() -> None:
    """Other programs read these ids."""
    assert set(BY_ID) == DESIGN_IDS
    assert len(HYPOTHESES) == len(BY_ID)


def test_every_word_that_rules_say_is_known_and_weighed() -> None:
    """A misspelt signal would be evidence that nobody hears."""
    said = {name for rule in RULES.values() for name in rule.signals}
    weighed = {name for hypothesis in HYPOTHESES for name, decibans in hypothesis.weighs.items() if decibans}

    assert said <= set(SIGNALS)
    assert weighed <= set(SIGNALS)
    assert set(SIGNALS) <= weighed


def test_every_word_that_is_weighed_is_said_by_some_rule() -> None:
    """A hypothesis that waits for a word that nobody says can never lead."""
    said = {name for rule in RULES.values() for name in rule.signals}
    weighed = {name for hypothesis in HYPOTHESES for name in hypothesis.weighs}

    assert weighed - said == set()


def test_every_hypothesis_can_win_and_can_lose() -> None:
    """Weights that never carry a cause past "nothing is wrong", or nothing against it, are no diagnosis."""
    for hypothesis in HYPOTHESES:
        best = sum(weight for weight in hypothesis.weighs.values() if weight > 0) + hypothesis.prior
        assert best > 0, hypothesis.id
        own = [n for n, weight in hypothesis.weighs.items() if weight > 0 and weight == _most(n)]
        for_it = [finding(Signal(name=name), number=number) for number, name in enumerate(own)]
        assert weigh(for_it, [], speaks={})[0].id == hypothesis.id


def _most(signal: str) -> float:
    """Return the greatest weight of *signal* for any hypothesis."""
    return max(hypothesis.weighs.get(signal, 0.0) for hypothesis in HYPOTHESES)


def test_every_next_step_is_a_step_of_a_written_runbook() -> None:
    """The report links it."""
    steps = (Path(pitchey_ops.__file__).parent / "steps.yaml").read_text()
    known = {word.strip("-: ") for word in steps.replace(",", " ").split()}
    known |= {str(row.get("id")) for rows in _lists(yaml.safe_load(steps)) for row in rows if isinstance(row, dict)}

    assert {hypothesis.next_step for hypothesis in HYPOTHESES} <= known


def _lists(value: object) -> list[list[object]]:
    if isinstance(value, list):
        return [value, *itertools.chain.from_iterable(_lists(item) for item in value)]
    if isinstance(value, dict):
        return list(itertools.chain.from_iterable(_lists(item) for item in value.values()))
    return []


def test_an_unknown_word_raises() -> None:
    """It is a bug of a rule; the run tells it as a rule that failed."""
    with pytest.raises(KeyError, match="is not a signal"):
        check("db_refusd")
    with pytest.raises(KeyError, match="is not a signal"):
        strongest([finding(Signal(name="db_refusd"))])


# --- Weighing ----------------------------------------------------------------------------------------------


@given(found=some_findings(), rng=st.randoms(use_true_random=False))
def test_the_order_of_findings_never_matters(found: list[Finding], rng: random.Random) -> None:
    """Threads end in any order; a replay must say the same to the byte."""
    shuffled = [replace(one, signals=tuple(rng.sample(one.signals, len(one.signals)))) for one in found]
    rng.shuffle(shuffled)

    assert weigh(shuffled, [], speaks=SPEAKS) == weigh(found, [], speaks=SPEAKS)
    assert judged(shuffled) == judged(found)


@given(found=some_findings())
def test_confidences_are_shares_and_the_best_comes_first(found: list[Finding]) -> None:
    """They are shown as per cent of one whole."""
    scores = weigh(found, [], speaks=SPEAKS)

    assert sum(score.confidence for score in scores) == pytest.approx(1.0 - UNLISTED)
    assert [score.weight for score in scores] == sorted((score.weight for score in scores), reverse=True)
    assert {score.id for score in scores} == DESIGN_IDS


@given(found=some_findings())
def test_each_weight_is_its_prior_and_its_parts(found: list[Finding]) -> None:
    """The bar that people see adds up to the figure beside it; what was looked for in vain lowers the prior."""
    for score in weigh(found, [], speaks=SPEAKS):
        without = score.weight - sum(value for _, value in score.parts)
        assert any(without == pytest.approx(BY_ID[score.id].prior - less) for less in (0.0, ABSENT))
        assert {name for name, value in score.parts if value > 0} == set(score.for_)
        assert {name for name, value in score.parts if value < 0} == set(score.against)


@given(found=some_findings(), hypothesis=st.sampled_from(HYPOTHESES), strength=st.floats(0, 1), data=st.data())
def test_more_evidence_for_a_cause_never_lowers_it(found, hypothesis, strength, data) -> None:  # type: ignore[no-untyped-def]
    """And evidence against it never raises it."""
    name = data.draw(st.sampled_from(sorted(hypothesis.weighs)))
    more = [*found, finding(Signal(name=name, strength=strength), number=999)]
    before, after = (
        next(score.weight for score in weigh(some, [], speaks=SPEAKS) if score.id == hypothesis.id)
        for some in (found, more)
    )
    if hypothesis.weighs[name] >= 0:
        assert after >= before - 1e-9
    else:
        assert after <= before + 1e-9


@given(found=some_findings(), times=st.integers(1, 4))
def test_the_same_fact_seen_twice_counts_once(found: list[Finding], times: int) -> None:
    """Three vantage points that show one failing share are one failing share."""
    again = [replace(one, id=f"{one.id}-{n}") for one in found for n in range(times)]
    first = {score.id: score.weight for score in weigh(found, [], speaks=SPEAKS)}

    assert {score.id: score.weight for score in weigh(again, [], speaks=SPEAKS)} == pytest.approx(first)


@pytest.mark.parametrize("strength", [float("nan"), float("inf"), -1.0, 7.0])
def test_a_strength_out_of_range_has_no_extra_weight(strength: float) -> None:
    """One broken rule must not outvote all others."""
    (score,) = (
        s for s in weigh([finding(Signal(name="db_refused", strength=strength))], [], speaks={}) if s.id == "none"
    )

    assert BY_ID["none"].prior + BY_ID["none"].weighs["db_refused"] <= score.weight <= BY_ID["none"].prior


def test_what_was_not_checked_stands_beside_each_hypothesis_that_misses_it() -> None:
    """A cause that was not looked for is not a cause that was ruled out."""
    scores = weigh([], [NotChecked(rule="deployments", because="no access")], speaks=SPEAKS)
    missing = {score.id for score in scores if "deployments" in score.not_checked}

    assert "bad_deployment" in missing
    assert "brute_force" not in missing


# --- The verdict -------------------------------------------------------------------------------------------


def test_an_open_verdict_says_what_is_in_the_way_without_a_strangers_words() -> None:
    """“Nothing leads, but not clearly” tells nobody what to look at; a log line has no voice in a summary."""
    released = replace(finding(level=Severity.WARNING), claim="The site was released, and nobody saw how it feels")
    hostile = replace(finding(level=Severity.WARNING), claim="P95 rose on “<!channel> all is well”; it began before")
    unnamed = replace(finding(level=Severity.WARNING), claim="“<b>gone</b>” is slow")
    silent = [one for one in calm() if one.signals[0].name != "users_not_failing"]

    assert judged([*calm(), released]).summary == (
        "Cannot tell: no known trouble stands out, but the site was released, and nobody saw how it feels."
    )
    assert judged([*calm(), hostile]).summary == "Cannot tell: no known trouble stands out, but P95 rose on …."
    assert judged([*calm(), released, unnamed]).summary.endswith("how it feels, and 1 more finding(s) need a look.")
    assert judged([*calm(), unnamed]).summary.endswith(f"but the rule {unnamed.rule} found something.")
    assert "nobody saw requests of users succeed" in judged(silent).summary


def test_a_deployment_that_nobody_saw_is_named_with_a_doubt() -> None:
    """The code's exceptions may speak for it; that something was deployed is still a guess."""
    failing = [finding(Signal(name=name), number=n) for n, name in enumerate(("code_exceptions_new", "users_failing"))]
    unseen = NotChecked(rule="deployments", because="no access")
    plain, doubtful = (
        decide(
            weigh(failing, gaps, speaks=SPEAKS), failing, unmet_needs=(), impact=Impact(), onset=None,
            onset_uncertainty_s=None, steps=STEPS, times_at="",
        )
        for gaps in ([], [unseen])
    )  # fmt: skip

    assert plain.summary == "A deployment broke it."
    assert doubtful.summary == "It looks as if a deployment broke it (deployments could not be seen)."


def test_what_users_cannot_but_feel_is_not_named_while_they_are_served_as_before() -> None:
    """An analyst's own statements, a rehearsal on a copy, a trial nobody saw: words of trouble, and no incident."""
    said, cause = [finding(Signal(name="schema_errors"), level=Severity.WARNING)], "schema_drift"
    untold = [one for one in calm() if one.signals[0].name != "latency_normal"]
    quick = replace(finding(number=7), rule="latency", data={"p95_ms": 300.0, "limit_ms": 2000.0})
    slow = replace(quick, data={"p95_ms": 1900.0, "limit_ms": 2000.0})
    served = judged([*said, *calm()])

    assert (served.state, served.cause) == ("inconclusive", None)
    assert "users are served as before" in served.summary
    assert judged([*said, *untold, quick]).cause is None
    assert judged([*said, *untold, slow]).cause == cause
    assert judged([*said, finding(Signal(name="users_failing"), number=8)]).cause == cause


def test_a_far_leader_is_named_at_a_lower_confidence_only_where_users_are_hurt() -> None:
    """Where all that fails is what we ask ourselves, a guess at 0.4 would be no more than that."""
    scores = [
        HypothesisScore(
            id=cause, weight=decibans, confidence=share, for_=(), against=(), not_checked=(), parts=(("rule/0", 12.0),)
        )
        for cause, decibans, share in (("credentials_invalid", 9.0, 0.4), ("bad_deployment", 2.0, 0.1))
    ]

    def told(*names: str) -> str | None:
        found = [finding(Signal(name=name), number=n) for n, name in enumerate(names)]
        return decide(
            scores, found, unmet_needs=(), impact=Impact(), onset=None, onset_uncertainty_s=None, steps=STEPS,
            times_at="",
        ).cause  # fmt: skip

    assert told("users_failing") == "credentials_invalid"
    assert told("api_unreachable") is None
    assert told() is None


@given(found=some_findings(), unmet=st.booleans())
def test_healthy_takes_everything(found: list[Finding], unmet: bool) -> None:
    """Never a false all-clear: no unmet need, no symptom, nobody hurt."""
    verdict = judged([*found, *calm()], ("what users get was not seen",) if unmet else ())
    if verdict.state == "healthy":
        assert not unmet
        assert all(one.severity < Severity.WARNING for one in found)
        assert not {signal.name for one in found for signal in one.signals if signal.strength > 0} & set(HURT)
        assert verdict.cause == "none"
        assert verdict.onset is None
    assert (verdict.cause == "none") == (verdict.state == "healthy")


def test_a_calm_day_is_healthy_and_each_single_doubt_ends_that() -> None:
    """The condition must be one that holds at all, and every part of it must bite."""
    assert judged(calm()).state == "healthy"
    assert judged(calm(), ("the API from outside was not seen",)).state == "inconclusive"
    assert judged([*calm(), finding(level=Severity.WARNING)]).state == "inconclusive"
    for name in HURT:
        assert judged([*calm(), finding(Signal(name=name, strength=0.1))]).state != "healthy"
    assert judged([]).state == "inconclusive"


@given(found=some_findings(), unmet=st.booleans())
def test_a_verdict_is_consistent_in_itself(found: list[Finding], unmet: bool) -> None:
    """Whatever came in: words of the design, a confidence between 0 and 1, a next step, a reason."""
    verdict = judged(found, ("what users get was not seen",) if unmet else ())

    assert 0 <= verdict.confidence <= 1
    assert verdict.severity in ("P1", "P2", "P3", "P4")
    assert verdict.summary
    assert verdict.why_severity
    assert verdict.next_step in {*STEPS, *steps()}
    assert verdict.cause is None or (verdict.state == "incident") == (verdict.cause != "none")
    assert bool(verdict.settles) == (verdict.state != "healthy")
    if verdict.state == "inconclusive":
        assert verdict.cause is None
        assert verdict.confidence <= 0.5


# --- Severity ----------------------------------------------------------------------------------------------


def test_nothing_seen_is_not_nobody_hurt() -> None:
    """With every source refused, P4 (the next business day) would be a false all-clear."""
    verdict = judged([], ("what users get was not seen", "the API from outside was not seen"))

    assert (verdict.state, verdict.severity) == ("inconclusive", "P3")
    assert "what users get was not seen" in verdict.why_severity
    assert judged(calm()).severity == "P4"


@given(
    share=st.one_of(st.none(), st.floats(0, 1)),
    names=st.frozensets(st.sampled_from(sorted(SIGNALS)), max_size=6),
    leader=st.one_of(st.none(), st.sampled_from(HYPOTHESES)),
    hurt=st.booleans(),
    unseen=st.booleans(),
)
def test_severity_never_falls_when_more_is_known_to_be_wrong(share, names, leader, hurt, unseen) -> None:  # type: ignore[no-untyped-def]
    """P1 sorts before P4; a higher failing share, or a source less, never makes an incident lighter."""
    seen = dict.fromkeys(names, (1.0, "x"))

    def level(some_share: float | None, some_unseen: bool) -> str:
        words = ("what users get was not seen",) if some_unseen else ()
        return severity(
            impact=Impact(requests_failing_share=some_share), signals=seen, leader=leader, hurt=hurt, unseen=words
        )[0]

    now = level(share, unseen)
    assert level(share, True) <= level(share, False)
    assert level(1.0, unseen) == "P1"
    if share is not None:
        assert level(min(1.0, share + 0.2), unseen) <= now
    if leader is not None and leader.id != "none":
        assert now <= leader.severity_floor or now <= "P3"
    if hurt or (leader is not None and leader.id != "none"):
        assert now <= "P3"


def test_failing_requests_that_were_counted_are_an_incident_whatever_was_not_seen() -> None:
    """A count of failures needs no other source to be believed; slowness seen beside a broken source does."""
    hurt = [*calm(), finding(Signal(name="users_failing", strength=0.7), number=90, level=Severity.WARNING)]
    assert judged(hurt, unmet=("something",)).state == "incident"
    slow = [*calm(), finding(Signal(name="latency_high", strength=0.5), number=91, level=Severity.WARNING)]
    assert judged(slow, unmet=("something",)).state == "inconclusive"


def test_our_own_probes_alone_leave_it_open() -> None:
    """A proxy or network of ours fails our probes while users are served: no incident, and no all-clear."""
    served = [f for f in calm() if not any(s.name == "api_answers" for s in f.signals)]
    probes = finding(Signal(name="api_partly_failing"), number=92, level=Severity.CRITICAL)
    verdict = judged([*served, probes])
    assert verdict.state == "inconclusive"
    assert verdict.cause is None


def test_where_only_the_hurt_is_known_the_next_step_is_where_it_shows() -> None:
    """To watch for a recovery is no advice while users fail and nobody knows why."""
    failing = judged([finding(Signal(name="users_failing"), level=Severity.CRITICAL)])
    assert (failing.state, failing.cause, failing.next_step) == ("incident", None, "error-rate.breakdown")
    most = judged([finding(Signal(name="users_failing"))], impact=Impact(requests_failing_share=0.9))
    assert (most.severity, most.next_step) == ("P1", "outage.error-patterns")
    late = judged([finding(Signal(name="latency_high", strength=0.7), level=Severity.WARNING)])
    assert (late.state, late.cause, late.next_step) == ("incident", None, "performance.slow-endpoints")


def test_a_cause_is_felt_where_requests_of_one_route_date_it() -> None:
    """Few of all requests fail where one route of forty does; that it began to is no "served as before"."""
    in_time = replace(finding(number=93), rule="latency", data={"p95_ms": 200.0, "limit_ms": 2000.0})
    told = [
        in_time,
        finding(Signal(name="users_not_failing"), number=90),
        finding(Signal(name="db_slow"), number=91, level=Severity.WARNING),
        finding(Signal(name="no_deployment_before_onset"), number=92),
    ]
    onset = replace(finding(number=94, level=Severity.WARNING), data={"symptoms": ["edge_5xx:/api/investor/portfolio"]})
    lines = replace(onset, data={"symptoms": ["errors:investor"]})
    assert judged([*told, onset]).cause == "database_slow"
    assert judged([*told, lines]).cause is None


def test_what_hardly_ever_fails_is_no_figure_of_the_one_sentence() -> None:
    """Beside any other incident a request in three thousand fails as on every day."""
    found = [*calm(), finding(Signal(name="storage_errors"), number=90, level=Severity.CRITICAL)]
    assert "requests fail" not in judged(found, impact=Impact(requests_failing_share=0.0004)).summary
    assert "0.3% of requests fail" in judged(found, impact=Impact(requests_failing_share=0.003)).summary
