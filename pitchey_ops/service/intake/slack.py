"""
Slack's slash command: acknowledge, status, run a runbook; and the button that acknowledges.

    /pitchey ack [INC-…]   /pitchey status [INC-…]   /pitchey run RUNBOOK [INC-…] [window]
    /pitchey resolve INC-… [what was done]   /pitchey severity INC-… P3

What people read here was written by strangers: it is escaped for Slack, so that no log line pings a channel.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import sqlalchemy as sa

from ...errors import UsageError
from ...evidence import ids
from ...panels.safe import slack as escape
from ...runbooks.catalogue import RUNBOOKS
from .. import incidents
from ..incident_models import LEVELS, Incident, Rules
from .hook import Hook, fitted
from .plain import bounded_window
from .signatures import needs_slack
from .told import Form, Reading, Refused, Reply, name, words

KIND = "slack"
HELP = (
    "`ack [INC-…]` stop the response clock · `status [INC-…]` what is open · `run RUNBOOK [INC-…] [window]` run a "
    f"runbook ({', '.join(RUNBOOKS)}) · `resolve INC-… [what was done]` · `severity INC-… P1|P2|P3|P4`"
)
SHOWN = 10
_USER = re.compile(r"[UW][A-Z0-9]{2,20}", re.ASCII)
BUTTON = "acknowledge"
"""``action_id`` of the button that acknowledges; its value is the incident's id."""


class SlackCommand(Form):
    """The fields of a slash command that are read; Slack sends more."""

    command: str
    user_id: str
    text: str = ""
    user_name: str = ""
    team_id: str | None = None
    channel_id: str | None = None
    response_url: str | None = None
    trigger_id: str | None = None


class SlackUser(Form):
    """Who pressed a button."""

    id: str
    username: str = ""


class SlackAction(Form):
    """A button that was pressed."""

    action_id: str
    value: str = ""


class SlackButtons(Form):
    """``payload`` of an interaction."""

    type: str
    user: SlackUser
    actions: list[SlackAction] | None = None


def guard(secrets: tuple[str, ...], headers: Mapping[str, str], body: bytes, path: str | None, now: datetime) -> None:
    """Refuse what Slack did not sign within the last five minutes."""
    needs_slack(secrets, headers, body, now)


def read(body: bytes, headers: Mapping[str, str], now: datetime) -> Reading:
    """Return what a person asks for; the same signed request again is refused."""
    fields = _fields(body)
    signature = headers.get("x-slack-signature", "").encode("utf-8", "replace")
    delivery = hashlib.sha256(signature + headers.get("x-slack-request-timestamp", "").encode()).hexdigest()
    if fields.get("ssl_check") == "1":
        return Reading(ignored="a check of the certificate")
    if "payload" in fields:
        return _button(fields["payload"], delivery)
    form = fitted(SlackCommand, fields)
    return Reading(act=_Command(form, now), delivery=delivery, once=True)


def _fields(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=100, strict_parsing=bool(body)
        )
    except (ValueError, UnicodeError):
        raise Refused(400, "the body is no form (application/x-www-form-urlencoded); nothing was done") from None
    return dict(pairs)


def _button(payload: str, delivery: str) -> Reading:
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        raise Refused(400, "payload: not JSON; nothing was done") from None
    if not isinstance(value, dict):
        raise Refused(400, "payload: no JSON object; nothing was done")
    form = fitted(SlackButtons, value)
    pressed = next((action for action in form.actions or () if action.action_id == BUTTON), None)
    if form.type != "block_actions" or pressed is None:
        return Reading(ignored="nothing that this service answers to")
    command = SlackCommand(
        command="button", user_id=form.user.id, user_name=form.user.username, text=f"ack {pressed.value[:40]}"
    )
    return Reading(act=_Command(command, None), delivery=delivery, once=True)


class _Command:
    """What a person asks for, carried out in one transaction."""

    def __init__(self, form: SlackCommand, now: datetime | None) -> None:
        if not _USER.fullmatch(form.user_id):
            raise Refused(400, "user_id: expected the id of a Slack user; nothing was done")
        self._by = f"{name(form.user_name) or 'somebody'} (Slack {form.user_id})"
        self._words = form.text.split()[:200]
        self._text = form.text
        self._now = now
        self._clean: Callable[[str], str] = str

    def __call__(self, connection: sa.Connection, now: datetime, rules: Rules, clean: Callable[[str], str]) -> Reply:
        self._clean = clean
        verb = self._words[0].lower() if self._words else "help"
        does = {
            "ack": self._ack,
            "acknowledge": self._ack,
            "status": self._status,
            "run": self._run,
            "resolve": self._resolve,
            "severity": self._severity,
        }.get(verb)
        if does is None:
            return _only_you(HELP if verb == "help" else f"`{escape(verb[:40])}` is no command. {HELP}")
        try:
            return does(connection, now, rules, self._words[1:])
        except UsageError as exc:
            return _only_you(escape(str(exc)))
        except Refused as exc:
            return _only_you(escape(exc.reason))

    def _ack(self, connection: sa.Connection, now: datetime, rules: Rules, rest: list[str]) -> Reply:
        found = self._one(connection, rest, ("open",))
        if isinstance(found, Reply):
            return found
        if incidents.acknowledge(connection, found.id, self._by, now, via="slack"):
            return _everybody(f"{found.id} is acknowledged by {escape(self._by)}; its response clock stands.")
        if found.acknowledged_by is None:
            return _only_you(f"{found.id} is resolved; there is nothing to acknowledge.")
        return _only_you(f"{found.id} was acknowledged by {escape(found.acknowledged_by)} before.")

    def _status(self, connection: sa.Connection, now: datetime, rules: Rules, rest: list[str]) -> Reply:
        if rest:
            found = self._one(connection, rest, ("open", "acknowledged", "resolved"))
            return found if isinstance(found, Reply) else _only_you(line(found, now))
        open_ones = incidents.incidents(
            connection, states=("open", "acknowledged"), gravest_first=True, limit=SHOWN + 1
        )
        if not open_ones:
            return _only_you("No incident is open. That says what was reported, not that all is well.")
        lines = [line(one, now) for one in open_ones[:SHOWN]]
        return _only_you("\n".join([*lines, *(["… and more"] if len(open_ones) > SHOWN else [])]))

    def _run(self, connection: sa.Connection, now: datetime, rules: Rules, rest: list[str]) -> Reply:
        book = rest[0].lower().replace("-", "_") if rest else ""
        if book not in RUNBOOKS:
            return _only_you(f"Which runbook? {', '.join(RUNBOOKS)}. Nothing was run.")
        incident_id = next((word.rstrip(",.") for word in rest[1:] if word.upper().startswith("INC-")), None)
        window = " ".join(word for word in rest[1:] if not word.upper().startswith("INC-"))
        parameters: dict[str, Any] = {"window": bounded_window(window, now)} if window else {}
        with connection.begin_nested() as both:
            if incident_id is None:
                title = f"{RUNBOOKS[book].title}: asked for in Slack"
                incident_id = incidents.declare(
                    connection, title=title, severity="P4", by=self._by, now=now, rules=rules
                )
            run_id = incidents.order_run(connection, _known(incident_id), book, self._by, now, parameters=parameters)
            if run_id is None:
                both.rollback()  # an incident that nothing looks into is of no use to anybody
        if run_id is None:
            return _only_you("People asked for too many runs within this hour. Nothing was run.")
        return _everybody(f"{escape(self._by)} runs {book} for {_known(incident_id)} ({run_id}).")

    def _resolve(self, connection: sa.Connection, now: datetime, rules: Rules, rest: list[str]) -> Reply:
        if not rest:
            return _only_you("Which incident? `resolve INC-… [what was done]`. Nothing was changed.")
        found = self._one(connection, rest, ("open", "acknowledged"))
        if isinstance(found, Reply):
            return found
        done = words(self._clean(" ".join(rest[1:])))
        if incidents.resolve(connection, found.id, self._by, now, text=done, rules=rules):
            return _everybody(f"{found.id} is resolved by {escape(self._by)}; a run checks whether it is over.")
        return _only_you(f"{found.id} was resolved before.")

    def _severity(self, connection: sa.Connection, now: datetime, rules: Rules, rest: list[str]) -> Reply:
        level = next((word.upper() for word in rest if word.upper() in LEVELS), None)
        if len(rest) < 2 or level is None:
            return _only_you("`severity INC-… P1|P2|P3|P4`. Nothing was changed.")
        found = self._one(connection, rest, ("open", "acknowledged"))
        if isinstance(found, Reply):
            return found
        if incidents.set_severity(connection, found.id, level, self._by, now, rules):  # type: ignore[arg-type]
            return _everybody(f"{found.id} is {level} now (was {found.severity}), says {escape(self._by)}.")
        return _only_you(f"{found.id} is {level} already.")

    def _one(
        self, connection: sa.Connection, rest: list[str], states: tuple[incidents.IncidentState, ...]
    ) -> Incident | Reply:
        """Return the incident that is named, or the only one there is."""
        if rest:
            found = incidents.incident(connection, _known(rest[0]))
            return found or _only_you(f"There is no incident {escape(rest[0][:40])}.")
        there = incidents.incidents(connection, states=states, limit=2)
        if len(there) == 1:
            return there[0]
        if not there:
            return _only_you("There is no open incident.")
        return _only_you("Several incidents are open: name one, such as " + there[0].id + ".")


def _known(text: str) -> str:
    found = f"INC-{text[4:].lower()}" if text.upper().startswith("INC-") else text
    return ids.incident_id(found)


def line(one: Incident, now: datetime) -> str:
    """Return an incident in one line of Slack's markup."""
    verdict = one.verdict or {}
    said = (
        f" · {verdict.get('state')}: {verdict.get('cause') or 'cause not settled'}" if verdict else " · no report yet"
    )
    if one.clock_runs:
        left_min = (one.respond_by - now).total_seconds() / 60
        clock = f"respond within {left_min:.0f} min" if left_min >= 0 else f"response overdue by {-left_min:.0f} min"
    else:
        clock = f"acknowledged by {escape(one.acknowledged_by)}" if one.acknowledged_by else one.state
    return f"*{one.id}* {one.severity} {one.state} · {escape(one.title[:150])}{escape(said)} · {clock}"


def _only_you(text: str) -> Reply:
    return Reply(status=200, body={"response_type": "ephemeral", "text": text[:3000]})


def _everybody(text: str) -> Reply:
    return Reply(status=200, body={"response_type": "in_channel", "text": text[:3000]})


HOOK = Hook(
    kind=KIND,
    title="Slack's slash command",
    form=SlackCommand,
    guard=guard,
    read=read,
    answer_within_s=2.5,
    content_type="application/x-www-form-urlencoded",
    stored_status=200,
)
