"""The hooks' addresses: who is there, what do they say, stored, answered; in that order."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...errors import UsageError
from ...evidence.redact import Redactor
from ...runbooks.lifecycle import redactor_of
from .. import incident_tables as t
from .. import incidents
from ..incident_models import IncomingAlert, Received
from ..incident_rows import digest, turn
from ..state import State
from .catalogue import HOOKS, HookSecrets, secrets_from
from .hook import Hook
from .routing import Routing, load_routing
from .told import REMEMBERED, Reading, Refused, Reply, Told
from .writer import NotStored, Writer

SECRET_IN_PATH = "pitchey_ops.hook_secret"  # noqa: S105 - a key of the request's scope
RETRY_AFTER_S = 5
CLEAN_EVERY = timedelta(minutes=10)
log = logging.getLogger(__name__)


class Intake:
    """
    Takes alerts: the hooks' one way in, and that of whoever raises alerts within the service (`take`).

    Raises
    ------
    ConfigError
        The catalogue of routes or a secret is wrong.
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self.secrets: HookSecrets = state.secrets if state.secrets is not None else secrets_from()
        self.routing: Routing = state.routing if state.routing is not None else load_routing(state.settings)
        self.writer = Writer(state.db, state.nudge)
        self._redactor: Redactor = redactor_of(state.settings)
        self._seen: dict[str, deque[tuple[datetime, int]]] = {}
        self._cleaned: datetime | None = None
        for kind in self.secrets.short():
            log.warning("the secret of the hook %s is shorter than 16 characters: it can be guessed", kind)

    @property
    def open_hooks(self) -> list[str]:
        """Kinds of hooks that have a secret and so take requests."""
        return [kind for kind in HOOKS if self.secrets.of(kind)]

    async def answer(self, hook: Hook, request: Request) -> Response:
        """Check, store and answer one request."""
        secrets = self.secrets.of(hook.kind)
        if not secrets:
            return _refusal(404, "Not Found")
        now = self.state.clock.now()
        try:
            body = await request.body()
            headers = {name.lower(): value for name, value in request.headers.items()}
            hook.guard(secrets, headers, body, request.scope.get(SECRET_IN_PATH), now)
            reading = hook.read(body, headers, now)
            if reading.ignored:
                return JSONResponse({"status": "ignored", "reason": reading.ignored})
            self._room(hook, len(reading.alerts), now)
            reply = await self.writer.do(self._work(hook, reading, now), within_s=hook.answer_within_s)
        except Refused as exc:
            return _refusal(exc.status, exc.reason)
        except UsageError as exc:
            return _refusal(400, str(exc))
        except NotStored as exc:
            return _refusal(503, f"{exc}; nothing was confirmed, send it again")
        return JSONResponse(dict(reply.body), status_code=reply.status)

    def take(self, sender: str, told: Told) -> Received:
        """
        Route and store an alert that the service itself raises (a watch of its own); waits for the commit.

        Raises
        ------
        NotStored
            The database does not take it.
        """
        now = self.state.clock.now()
        incoming = self.routing.routed(sender, self._clean(told), now)
        return self.writer.do_now(lambda connection: incidents.receive(connection, incoming, now, self.routing.rules))

    def open(self) -> None:
        """Take requests (again)."""
        self.writer.open()

    def close(self) -> None:
        """Store what waits and stop."""
        self.writer.close()

    def _work(self, hook: Hook, reading: Reading, now: datetime) -> Callable[[sa.Connection], Reply]:
        rules = self.routing.rules
        incoming = [self.routing.routed(hook.kind, self._clean(told), now) for told in reading.alerts]
        clean = self._cleaned is None or now - self._cleaned > CLEAN_EVERY
        if clean:
            self._cleaned = now

        def work(connection: sa.Connection) -> Reply:
            turn(connection)
            if clean:
                connection.execute(sa.delete(t.deliveries).where(t.deliveries.c.seen_at < now - REMEMBERED))
            if reading.delivery is not None and not _first_time(connection, hook, reading.delivery, now):
                if reading.once:
                    raise Refused(401, "this very request came before; nothing was done")
                return Reply(status=200, body={"status": "duplicate", "reason": "this delivery was stored before"})
            if reading.act is not None:
                return reading.act(connection, now, rules, self._redactor.text)
            return _reply(hook, incoming, [incidents.receive(connection, one, now, rules) for one in incoming])

        return work

    def _clean(self, told: Told) -> Told:
        """Take secrets out of what a monitor quotes before it is stored."""
        text = self._redactor.text
        return replace(
            told,
            title=text(told.title),
            text=text(told.text) if told.text else "",
            kind=text(told.kind),
            service=text(told.service) if told.service else told.service,
            link=text(told.link) if told.link else told.link,
            by=text(told.by) if told.by else "",
        )

    def _room(self, hook: Hook, alerts: int, now: datetime) -> None:
        """Refuse what is above the sender's rate: it would fill the disk. Senders retry after a 503."""
        limit = self.routing.rules.quota_of(hook.kind).alerts_per_minute
        seen = self._seen.setdefault(hook.kind, deque())
        while seen and seen[0][0] < now - timedelta(minutes=1):
            seen.popleft()
        if sum(count for _, count in seen) + max(alerts, 1) > limit and seen:
            raise NotStored(f"more than {limit} alerts within a minute")
        if seen and (now - seen[-1][0]).total_seconds() < 1:
            seen[-1] = (seen[-1][0], seen[-1][1] + max(alerts, 1))
        else:
            seen.append((now, max(alerts, 1)))


def _first_time(connection: sa.Connection, hook: Hook, delivery: str, now: datetime) -> bool:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    key = digest("delivery", hook.kind, delivery)
    stored = insert(t.deliveries).values(key=key, seen_at=now).on_conflict_do_nothing().returning(t.deliveries.c.key)
    return connection.execute(stored).first() is not None


def _reply(hook: Hook, incoming: list[IncomingAlert], received: list[Received]) -> Reply:
    """Say where the alerts are: for one in full, for many which incidents."""
    found: dict[str, None] = {one.incident_id: None for one in received if one.incident_id is not None}
    body: dict[str, Any] = {
        "status": "stored" if found else "unknown",
        "incidents": list(found)[:50],
        "new": sum(one.new for one in received),
        "runs": [one.ordered for one in received if one.ordered is not None][:50],
    }
    held = sorted({one.held for one in received if one.held is not None})
    if held:
        body["held"] = f"{', '.join(held)} above the quota of this hook: counted as P3 until a run has looked"
    if not found:
        body["reason"] = "news of a trouble that nobody reported here: there is nothing to change"
    return Reply(status=hook.stored_status, body=body)


def _refusal(status: int, reason: str) -> Response:
    headers = {"retry-after": str(RETRY_AFTER_S)} if status == 503 else {}
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    return JSONResponse({"reason": reason.encode("utf-8", "replace").decode()}, status_code=status, headers=headers)
