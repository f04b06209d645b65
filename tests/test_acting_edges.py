"""Acting where something goes wrong between plan, word, send and record; against a small world without a sandbox."""

from __future__ import annotations

import contextlib
import json
import shlex
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
from acting import INCIDENT, PERSON, SCRIPT, simple_facts

from pitchey_ops.actions import Plan, plan
from pitchey_ops.actions.apply import ActionRefused, Actor, Applied, Hands, again, apply, check, look, undo
from pitchey_ops.actions.apply.credentials import Credentials
from pitchey_ops.actions.guards import why_not_blocked
from pitchey_ops.cli import acting as commands
from pitchey_ops.errors import UsageError
from pitchey_ops.evidence.archive import Archive
from pitchey_ops.settings import load

STRANGER = "45.129.14.7"


class Clock:
    """Time that passes when somebody waits."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class World:
    """A zone with rules, a Worker, a public page; *before* may answer or break instead, *after* once it is done."""

    def __init__(self) -> None:
        self.rules: dict[str, dict[str, Any]] = {}
        self.version = "bad"
        self.public: list[dict[str, Any]] = []
        self.sent: list[tuple[str, str]] = []
        self.before: Callable[[httpx.Request], httpx.Response | None] = lambda _: None
        self.after: Callable[[httpx.Request], None] = lambda _: None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method != "GET":
            self.sent.append((request.method, request.url.path))
        answer = self.before(request)
        if answer is None:
            answer = self._answer(request)
            self.after(request)
        return answer

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path, body = request.url.path, json.loads(request.content) if request.content else {}
        name = path.rpartition("/")[2]
        match request.method, name:
            case "GET", "rules":
                value = request.url.params.get("configuration.value")
                found = [rule for rule in self.rules.values() if rule["configuration"]["value"] == value]
                return httpx.Response(200, json={"success": True, "result": found})
            case "POST", "rules":
                rule = {"id": f"r{len(self.rules)}", **body}
                self.rules[rule["id"]] = rule
                return httpx.Response(200, json={"success": True, "result": rule})
            case "DELETE", _:
                self.rules.pop(name)
                return httpx.Response(200, json={"success": True, "result": {}})
            case "GET", "deployments":
                one = {"created_on": "2026-11-23T08:17:00Z", "versions": [{"version_id": self.version}]}
                return httpx.Response(200, json={"success": True, "result": {"deployments": [one]}})
            case "GET", "versions":
                return httpx.Response(200, json={"success": True, "result": {"items": [{"id": "good"}]}})
            case "POST", "deployments":
                self.version = body["versions"][0]["version_id"]
                return httpx.Response(200, json={"success": True, "result": {}})
            case "GET", "unresolved":
                return httpx.Response(200, json=self.public)
            case "POST", "incidents":
                self.public.append({"id": f"i{len(self.public)}", **body["incident"]})
                return httpx.Response(201, json=self.public[-1])
            case "GET", _ if "/incidents/" in path:
                return httpx.Response(200, json=next(one for one in self.public if one["id"] == name))
            case "PATCH", _:
                one = next(one for one in self.public if one["id"] == name)
                one.update(status=body["incident"]["status"], incident_updates=[{"body": body["incident"]["body"]}])
                return httpx.Response(200, json=one)
        return httpx.Response(202, json={"status": "success"})


def hands_of(world: World, folder: Path, **settings: Any) -> Hands:
    """Hands on *world*."""
    values = {"origin": "http://127.0.0.1:9", "archive": folder, "actions_per_10_min": 100, **settings}
    return Hands(
        settings=load("sandbox", overrides=values),
        archive=Archive(folder),
        clock=Clock(),
        known=Credentials({}),
        transport=httpx.MockTransport(world),
    )


@pytest.fixture
def world() -> World:
    """A small world."""
    return World()


@pytest.fixture
def hands(world: World, tmp_path: Path) -> Iterator[Hands]:
    """Hands on it."""
    with hands_of(world, tmp_path / "outputs") as made:
        yield made


def planned(name: str, hands: Hands, /, **given: Any) -> Plan:
    """Plan without a look at the world."""
    facts = simple_facts(hands.settings, now=hands.clock.now())
    if name in ("block", "unblock"):
        facts = replace(facts, onset=None)
    made = plan(name, facts, **given)
    assert made.possible, made.why_not
    return made


def go(one: Plan, hands: Hands, **more: Any) -> Applied:
    """Apply *one* as a person who typed what was asked for."""
    return apply(one, confirm=one.confirmation, hands=hands, **{**PERSON, **more})


def events(hands: Hands) -> list[str]:
    """What the journal says, in order."""
    return [str(entry["event"]) for _, entry in hands.journal.lines(INCIDENT)]


class _Killed(BaseException):
    """The process is gone."""


def _unreachable(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("gone")


# ── what a dead process left ─────────────────────────────────────────────────────────────────────────────────────


def _killed_after_sending(world: World, hands: Hands) -> Plan:
    made = planned("block", hands, addresses=[STRANGER], hours=1.0)

    def die(request: httpx.Request) -> None:
        if request.method == "POST":
            raise _Killed

    world.after = die
    with pytest.raises(_Killed):
        go(made, hands)
    world.after = lambda _: None
    assert len(world.rules) == 1
    return made


def test_a_block_whose_process_died_after_sending_ends_as_well(world: World, hands: Hands) -> None:
    """Nobody knows that it was made, and it must not last for ever."""
    _killed_after_sending(world, hands)
    hands.clock.sleep(3_700)
    said: list[str] = []

    assert [one.state for one in Actor(hands, said.append).once()] == ["undone"]
    assert not world.rules
    assert Actor(hands, said.append).once() == []


def test_what_a_dead_process_sent_is_taken_back_by_hand_too(world: World, hands: Hands) -> None:
    """`action undo` knows what the journal knows."""
    made = _killed_after_sending(world, hands)
    done = again(hands.journal.of(made.digest, INCIDENT), hands)

    assert undo(done, hands=hands, who="Dana").state == "undone"
    assert not world.rules


def test_what_was_sent_at_a_second_try_and_never_answered_is_not_sent_again(world: World, hands: Hands) -> None:
    """The first try changed nothing, the second died with its process: its end is not known."""
    made = planned("pagerduty-change", hands, summary="by hand")
    world.before = _unreachable
    assert go(made, hands).state == "not_done"

    def die(_: httpx.Request) -> None:
        raise _Killed

    world.before, world.after = (lambda _: None), die
    with pytest.raises(_Killed):
        go(made, hands)
    world.after = lambda _: None
    before = len(world.sent)

    assert go(made, hands).state == "unknown"
    assert len(world.sent) == before


# ── the world is looked at again ─────────────────────────────────────────────────────────────────────────────────


def test_a_second_try_looks_at_the_world_again(world: World, hands: Hands) -> None:
    """Between a try that failed and the next one somebody may have mended it in another way."""
    made = planned("rollback", hands)
    world.before = lambda request: _unreachable(request) if request.method == "POST" else None
    assert go(made, hands).state == "not_done"
    world.before = lambda _: None
    world.version = "hotfix"

    with pytest.raises(ActionRefused, match="still runs bad"):
        go(made, hands)
    assert world.version == "hotfix"


def test_a_try_that_showed_only_later_is_no_change_of_the_world(world: World, hands: Hands) -> None:
    """What came of the plan itself does not forbid to finish it."""
    made = planned("rollback", hands)

    def lost(request: httpx.Request) -> httpx.Response | None:
        if request.method == "POST" and "deployments" in request.url.path:
            raise httpx.ReadTimeout("late")
        return None

    world.before = lost
    first = go(made, hands)
    assert first.state == "not_done"
    assert "looked for and is not there" in first.words()
    world.version = "good"
    assert go(made, hands).state == "applied"


def test_two_plans_of_the_same_thing_at_once_make_it_once(world: World, tmp_path: Path) -> None:
    """Two people tell the public at the same moment; customers read it once."""

    def slow(request: httpx.Request) -> None:
        if request.method == "GET":
            time.sleep(0.3)

    world.after = slow
    with hands_of(world, tmp_path) as first, hands_of(world, tmp_path) as second:
        first.clock.sleep(1)  # so that their plans are two
        plans = [planned("statuspage-create", hands) for hands in (first, second)]
        assert plans[0].digest != plans[1].digest
        gate = threading.Barrier(2)

        def one(number: int) -> Applied:
            gate.wait()
            return go(plans[number], (first, second)[number])

        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(one, range(2)))
    assert len(world.public) == 1
    assert sorted(result.outcomes[0].state for result in done) == ["already", "done"]


def test_a_file_that_holds_another_plan_is_refused(world: World, hands: Hands) -> None:
    """The digest that a person typed is what they were shown, whoever wrote into the file since."""
    shown, other = planned("rollback", hands), planned("rollback", hands, version="evil")
    place = hands.journal.store(shown)
    place.write_text(json.dumps(other.to_json()))

    with pytest.raises(UsageError, match="another plan"):
        hands.journal.find(shown.digest[:16])
    assert hands.journal.find(str(place)) == other  # a file that is named is what it holds


# ── guards ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("second", ["dana", " Dana ", "DANA", "Da\u200bna", "Dana\n"])
def test_oneself_written_otherwise_is_no_second_person(second: str, world: World, tmp_path: Path) -> None:
    """Four eyes are two people, not two spellings."""
    with hands_of(world, tmp_path, second_person=["P2"]) as hands:
        with pytest.raises(ActionRefused, match="second"):
            go(planned("rollback", hands), hands, second=second)
        assert not world.sent
        assert go(planned("rollback", hands), hands, second=" Miro ").state == "applied"


@pytest.mark.parametrize(
    ("name", "setting", "given"),
    [
        ("rollback", "cloudflare_account", {}),
        ("block", "cloudflare_zone", {"addresses": [STRANGER]}),
        ("statuspage-create", "statuspage_page", {}),
    ],
)
def test_a_plan_for_another_account_zone_or_page_is_refused(
    name: str, setting: str, given: dict[str, Any], world: World, tmp_path: Path
) -> None:
    """The same name of an environment is not the same place."""
    with hands_of(world, tmp_path, **{setting: "elsewhere"}) as there:
        made = planned(name, there, **given)
    with hands_of(world, tmp_path) as hands, pytest.raises(ActionRefused, match="not what this process is set to"):
        go(made, hands)
    assert not world.sent


def test_an_undo_blocks_nobody_of_ours(world: World, tmp_path: Path) -> None:
    """The office was blocked by mistake and unblocked: undo must not shut it out again."""
    body = {"mode": "block", "configuration": {"target": "ip", "value": STRANGER}, "notes": "by mistake"}
    world.rules["x"] = {"id": "x", **body}
    with hands_of(world, tmp_path, own_networks=["45.129.14.0/24"]) as hands:
        done = go(planned("unblock", hands, addresses=[STRANGER]), hands)
        assert done.state == "applied"
        with pytest.raises(ActionRefused, match="must not be blocked"):
            undo(done, hands=hands)
    assert not world.rules


def test_an_address_named_twice_is_one_and_can_be_taken_back(world: World, hands: Hands) -> None:
    """``1.2.3.4`` and ``1.2.3.4/32`` are the same rule."""
    body = {"mode": "block", "configuration": {"target": "ip", "value": STRANGER}, "notes": "theirs"}
    world.rules["x"] = {"id": "x", **body}
    done = go(planned("unblock", hands, addresses=[STRANGER, f"{STRANGER}/32"]), hands)

    assert len(done.outcomes) == 1
    assert undo(done, hands=hands).state == "undone"
    assert len(planned("block", hands, addresses=[STRANGER, f"{STRANGER}/32"]).changes) == 1


@pytest.mark.parametrize("address", ["::ffff:104.16.1.1", "::ffff:1.1.1.1", "::ffff:10.0.0.1"])
def test_no_address_of_ours_passes_in_the_dress_of_ipv6(address: str) -> None:
    """Cloudflare's, ours and private ones are recognised, however they are written."""
    assert why_not_blocked(address, [ip_network("1.1.1.0/24")])


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("slack-status", {}),
        ("slack-acknowledge", {}),
        ("slack-resolution", {"resolution": "x"}),
        ("tickets", {"items": ["x"]}),
    ],
)
def test_without_a_channel_nothing_is_said(name: str, given: dict[str, Any], tmp_path: Path) -> None:
    """A plan whose target has no name cannot be confirmed, in production least of all."""
    with hands_of(World(), tmp_path, slack_channel="") as hands:
        made = plan(name, simple_facts(hands.settings, now=hands.clock.now()), **given)
        assert (made.possible, made.why_not) == (False, "slack_channel is not set")
        forged = replace(made, possible=True, environment="production")
        with pytest.raises(ActionRefused, match="no name"):
            apply(forged, confirm="production/", hands=hands, **PERSON)


@pytest.mark.parametrize("path", ["zones/sandbox-zone/%2e%2e/other/purge_cache", "zones/sandbox-zone/./x"])
def test_a_path_in_disguise_stays_below_its_zone(path: str, world: World, hands: Hands) -> None:
    """What a server would take for a step up is none of ours."""
    made = planned("purge-cache", hands, paths=["/"])
    change = replace(made.changes[0], request=replace(made.changes[0].request, path=path))
    assert go(replace(made, changes=(change,)), hands).state == "not_done"
    assert not world.sent


# ── texts are texts ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_title_that_looks_like_a_condition_means_itself(world: World, hands: Hands) -> None:
    """``!Payments`` is a title, not everything else."""
    world.public = [{"id": "i0", "name": "Maintenance", "status": "investigating", "incident_updates": []}]
    with pytest.raises(ActionRefused, match="does not hold"):
        go(planned("statuspage-update", hands, name="!Payments fail", status="resolved"), hands)
    assert world.public[0]["status"] == "investigating"
    world.public[0]["name"] = "!Payments fail"
    assert go(planned("statuspage-update", hands, name="!Payments fail", status="monitoring"), hands).state == "applied"
    assert world.public[0]["status"] == "monitoring"


@pytest.mark.parametrize("body", ["! We still look.", "~5 % fail.", "*", "=still"])
def test_a_text_that_looks_like_a_condition_is_sent(body: str, world: World, hands: Hands) -> None:
    """It was not said already because something else was."""
    old = {
        "id": "i0",
        "name": "Elevated errors",
        "status": "investigating",
        "incident_updates": [{"body": "5 % fail."}],
    }
    world.public = [old]
    done = go(planned("statuspage-update", hands, status="investigating", body=body), hands)

    assert [one.state for one in done.outcomes] == ["done"]
    assert world.public[0]["incident_updates"][0]["body"] == body
    assert check(done, hands=hands).result == "VERIFIED"


@pytest.mark.parametrize("version", ["*", "!good", "~goo"])
def test_a_version_that_looks_like_a_condition_is_no_version(version: str, world: World, hands: Hands) -> None:
    """Anything runs; that does not make it rolled back."""
    with pytest.raises(ActionRefused, match="does not hold"):
        go(planned("rollback", hands, version=version), hands)


def test_a_command_to_copy_holds_no_command_of_a_stranger(
    world: World, hands: Hands, capsys: pytest.CaptureFixture[str]
) -> None:
    """An alert's id comes from outside, and stands in the line that a person pastes into a shell."""
    hostile = "a$(touch /tmp/x)`id`\" ; 'b"
    commands.show(planned("alert-acknowledge", hands, alert=hostile))
    line = capsys.readouterr().out.splitlines()[-1].strip()

    assert shlex.split(line)[5] == hostile
    assert "'a$(touch" in line
    commands.show(planned("rollback", hands))
    assert f'--confirm "{SCRIPT}"' in capsys.readouterr().out


def test_all_of_a_text_is_shown_before_one_says_yes(
    world: World, hands: Hands, capsys: pytest.CaptureFixture[str]
) -> None:
    """What customers will read is not cut where nobody sees it."""
    commands.show(planned("statuspage-create", hands, body="Ж" * 1900 + " the end"))
    shown = capsys.readouterr().out

    assert "the end" in shown
    assert shown.count("Ж") > 1900
    assert INCIDENT in shown


def test_a_new_public_incident_is_not_resolved(hands: Hands) -> None:
    """It would never be found among the unresolved ones, and be made again and again."""
    with pytest.raises(UsageError, match="Nothing was planned"):
        planned("statuspage-create", hands, status="resolved")


# ── what is told ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_not_reached_is_told(world: World, hands: Hands) -> None:
    """Two of five were done, one failed, two were never tried."""

    def third(request: httpx.Request) -> httpx.Response | None:
        return _unreachable(request) if request.method == "POST" and b"14.3" in request.content else None

    world.before = third
    made = planned("block", hands, addresses=[f"45.129.14.{n}" for n in range(1, 6)], hours=1.0)
    done = go(made, hands)

    assert done.state == "partly"
    assert [one.state for one in done.outcomes] == ["done", "done", "not_done", "not_done", "not_done"]
    assert done.words().count("not tried") == 2
    told = again(hands.journal.of(made.digest, INCIDENT), hands)
    assert told.words().count("not tried") == 2
    world.before = lambda _: None
    assert go(made, hands).state == "applied"
    assert len(world.rules) == 5


def test_a_refusal_after_a_lost_answer_is_not_called_refused(world: World, hands: Hands) -> None:
    """The first try may have been stored; that the second was refused says nothing about it."""
    tries = iter(range(9))

    def lost(request: httpx.Request) -> httpx.Response | None:
        if request.method != "POST" or "ingest" not in request.url.path:
            return None
        if next(tries) == 0:
            raise httpx.ReadTimeout("late")
        return httpx.Response(403, text="no")

    world.before = lost
    done = go(planned("end-to-end", hands), hands)

    assert done.state == "unknown"
    assert "may have been carried out" in done.words()


def test_somebody_elses_change_is_not_told_as_ours(world: World, hands: Hands) -> None:
    """Nothing was changed: PagerDuty has no change to record, and the actor nothing to end."""
    body = {"mode": "block", "configuration": {"target": "ip", "value": STRANGER}, "notes": "theirs"}
    world.rules["x"] = {"id": "x", **body}
    done = go(planned("block", hands, addresses=[STRANGER], hours=1.0), hands)

    assert [one.state for one in done.outcomes] == ["already"]
    assert not world.sent
    hands.clock.sleep(3_700)
    said: list[str] = []
    assert Actor(hands, said.append).once() == []
    assert not said


def test_a_block_that_stands_already_says_until_when(world: World, hands: Hands) -> None:
    """It ends as its own plan says, and not as this one: a person must know."""
    go(planned("block", hands, addresses=[STRANGER], hours=1.0, reason="guessing"), hands)
    hands.clock.sleep(60)
    done = go(planned("block", hands, addresses=[STRANGER], hours=24.0), hands)

    assert [one.state for one in done.outcomes] == ["already"]
    assert "until 2026-11-23T09:30:00Z: guessing" in done.words()


def test_analytics_that_are_asked_too_often_leave_it_unverified(world: World, hands: Hands) -> None:
    """The check ends with a word, in the journal too, and not with an error."""
    done = go(planned("rollback", hands), hands)
    world.before = lambda request: httpx.Response(429, json={}) if "graphql" in request.url.path else None
    seen = check(done, hands=hands, window_s=10)

    assert (seen.result, events(hands)[-1]) == ("UNVERIFIED", "unverified")
    assert "429" in seen.because


def test_what_was_taken_back_is_not_called_failed(world: World, hands: Hands) -> None:
    """The rule is gone because a person removed it."""
    made = planned("rollback", hands)
    done = go(made, hands)
    assert undo(done, hands=hands).state == "undone"
    seen = check(again(hands.journal.of(made.digest, INCIDENT), hands), hands=hands)

    assert seen.result == "UNVERIFIED"
    assert "taken back" in seen.because
    assert not seen.undo


def test_a_plan_that_cannot_be_read_stops_no_other_end(world: World, hands: Hands) -> None:
    """A line of a newer version, or a damaged one: every other block ends, and it is said."""
    go(planned("block", hands, addresses=[STRANGER], hours=1.0), hands)
    foreign = {"event": "begun", "digest": "f" * 64, "plan": {"schema": "pitchey-plan/2"}}
    hands.archive.append(INCIDENT, "journal", foreign, hands.clock.now())
    hands.clock.sleep(3_700)
    said: list[str] = []
    actor = Actor(hands, said.append)

    assert [one.state for one in actor.once()] == ["undone"]
    actor.once()
    assert sum("cannot be read" in text for text in said) == 1


def test_an_end_that_could_not_be_kept_is_a_failure(world: World, hands: Hands) -> None:
    """`actor --once` in somebody's cron must not look well."""
    go(planned("block", hands, addresses=[STRANGER], hours=1.0), hands)
    hands.clock.sleep(3_700)
    actor = Actor(hands, lambda _: None)
    world.before = _unreachable
    actor.once()
    assert actor.failed
    world.before = lambda _: None
    hands.clock.sleep(10)
    actor.once()
    assert not actor.failed


def test_what_cannot_be_written_as_an_address_was_not_sent(world: World, hands: Hands) -> None:
    """A route with a control character in it is told in words, and does not end in a crash."""
    done = go(planned("warm-cache", hands, routes=["/api/a\x01b"]), hands)
    assert done.state == "not_done"
    assert "nothing was sent" in done.words()


# ── what is read for a plan ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["end-backend", "cancel-query"])
def test_a_process_that_is_no_number_is_wrong_use(name: str, hands: Hands) -> None:
    """The same words as everywhere, before anything is asked."""
    with pytest.raises(UsageError, match="Nothing was planned"):
        look(name, simple_facts(hands.settings), {"pid": "abc"}, hands)


@pytest.mark.parametrize("script", ["logs", "pitchey-logs"])
def test_a_worker_is_found_as_people_call_it(script: str, world: World, hands: Hands) -> None:
    """What is read and what is planned are of the same Worker."""
    asked: list[str] = []
    world.before = lambda request: asked.append(request.url.path)  # type: ignore[func-returns-value]
    facts, given, unseen = look("redeploy", simple_facts(hands.settings), {"script": script}, hands)

    assert not unseen
    assert "/pitchey-logs/" in asked[0]
    made = plan("redeploy", facts, **given)
    assert (made.possible, made.target) == (True, "pitchey-logs")


@pytest.mark.parametrize("at", ["yesterday", "2026-11-23T08:17:00"])
def test_a_time_that_cannot_be_read_is_said(at: str, world: World, hands: Hands) -> None:
    """It is what could not be seen, and no crash."""
    row = {"created_on": at, "versions": [{"version_id": "bad"}]}
    answer = {"success": True, "result": {"deployments": [row]}}
    world.before = lambda _: httpx.Response(200, json=answer)
    _, _, unseen = look("rollback", simple_facts(hands.settings), {}, hands)
    assert "cannot be read" in unseen[0]


def test_the_old_level_is_that_of_the_same_environment(world: World, hands: Hands) -> None:
    """One archive may hold the sandbox's incidents beside those of production."""
    made = replace(planned("under-attack-on", hands), environment="staging")
    kept = {"by": "Dana", "plan": made.to_json(), "kept": {"old_level": "high"}}
    hands.journal.write(made, "begun", hands.clock.now(), **kept)
    facts = simple_facts(hands.settings)

    assert look("under-attack-off", facts, {}, hands)[1] == {}
    mine = planned("under-attack-on", hands)
    hands.journal.write(
        mine, "begun", hands.clock.now(), **{**kept, "plan": mine.to_json(), "kept": {"old_level": "off"}}
    )
    _, given, _ = look("under-attack-off", facts, {}, hands)
    assert plan("under-attack-off", facts, **given).title.endswith("back to off")


def test_a_stored_value_is_no_answer_of_the_service(world: World, hands: Hands) -> None:
    """What a key holds may say anything, also that something failed."""
    world.before = lambda request: (
        httpx.Response(200, json={"success": False, "errors": ["x"]}) if "/values/" in request.url.path else None
    )
    made = planned("clear-state", hands, keys=[f"{hands.settings.kv_prefixes[0]}a"])
    assert hands.client.look(made.assumptions[0].find, {})[0]


@pytest.mark.parametrize(("seen", "words"), [({"environment": "staging"}, "looked at staging"), ({}, "recorded")])
def test_nothing_is_planned_on_another_world(
    seen: dict[str, str], words: str, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Findings about staging, or about a recorded incident, are no reason to change anything here."""
    run = hands.archive.root / INCIDENT / "RUN-20261123-081500-ab2c"
    run.mkdir(parents=True)
    report = {"run": {"parameters": seen}, "verdict": {"state": "incident"}, "incident": {"id": INCIDENT}}
    (run / "report.json").write_text(json.dumps(report))
    (run / "evidence.har.gz").write_bytes(b"")
    monkeypatch.setattr(
        "pitchey_ops.evidence.har.read_events", lambda _: [{"record": "run", "case": None if seen else "/somewhere"}]
    )

    with pytest.raises(UsageError, match=words):
        commands.facts_of(hands, INCIDENT, None)
    with pytest.raises(UsageError, match=words):
        commands.facts_of(hands, None, run.name)


def test_a_name_that_no_file_can_have_is_wrong_use(hands: Hands) -> None:
    """And a plan that cannot be written is told in words."""
    with pytest.raises(UsageError, match="Nothing was sent"):
        hands.journal.find("a" * 5000)


def test_a_plan_that_cannot_be_written_is_told(hands: Hands, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One message, no traceback."""
    (hands.archive.root / INCIDENT).mkdir(parents=True)
    monkeypatch.setattr("pitchey_ops.actions.apply.hands", lambda *_, **__: contextlib.nullcontext(hands))
    with pytest.raises(UsageError, match="cannot be written"):
        commands.plan("slack-status", incident=INCIDENT, out=tmp_path / "no" / "plan.json")


def test_a_watch_that_breaks_off_hides_nothing(
    world: World, hands: Hands, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`apply --check` says what was done before it says that it could not watch."""
    made = planned("rollback", hands)
    hands.journal.store(made)
    monkeypatch.setattr("pitchey_ops.actions.apply.hands", lambda *_, **__: contextlib.nullcontext(hands))

    def broken(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pitchey_ops.actions.apply.check", broken)
    with pytest.raises(KeyboardInterrupt):
        commands.apply(made.digest[:16], why="x", confirm=made.confirmation, who="Dana", check_=True)
    assert "APPLIED" in capsys.readouterr().out
