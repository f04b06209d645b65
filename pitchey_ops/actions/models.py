"""
What an action would do, as plain values: exact requests, assumptions, undo, verification. Nothing here can send.

Every plan is one value that can be written to a file and read again; its digest names it. A text of a request
may be ``${name}``: a value that an assumption or an earlier answer gives (``keeps``); ``${write:NAME}`` stands for
a credential that only `actions.apply` knows. Texts that quote strangers never are. Places in an answer are
dotted: ``result.deployments.0.id``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal

from ..errors import UsageError
from ..evidence.canonical import canonical, digest, iso, read

LIFETIME = timedelta(minutes=15)
"""How long a plan may be applied: after that the world it was made for is gone."""
SCHEMA = "pitchey-plan/1"
MARK = 10
"""Characters of the mark that every change carries, so that it is found again."""

OPERATORS = "=~!|*"
"""Beginnings of a value in `Find.where` that mean more than the text itself."""

Places = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """
    One exact request to a configured service.

    Attributes
    ----------
    service
        A source of the settings (``cloudflare_api``, ``alerts``), ``pagerduty_events``, or ``database``.
    method, path, query, body
        As they would be sent; *path* is below the service's configured address. For ``database`` the method is
        ``SQL``, *path* the statement and *body* its parameters.
    form
        ``json``, or ``text`` for a raw body.
    """

    service: str
    method: str
    path: str
    query: Places = ()
    body: Any = None
    headers: Places = ()
    form: Literal["json", "text"] = "json"

    def words(self) -> str:
        """Return it in one line, as it would be sent."""
        asked = "&".join(f"{name}={value}" for name, value in self.query)
        return f"{self.method} {self.service}:{self.path}" + (f"?{asked}" if asked else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """
    How to see whether something is so.

    Attributes
    ----------
    look
        A reading request.
    items
        Place of a list in its answer; ``""`` is the whole answer, as one item.
    where
        Place in an item and the value that it must have; ``~text`` for a value that contains *text*, ``!value``
        for any other value, ``*`` for any that is there, ``=text`` for *text* whatever it begins with (`exact`).
    absent
        Whether it is so when *no* item matches.
    missing_is_none
        Whether a 404 means that there is no item.
    keeps
        Name and place in the matching item (``""`` the item itself): values for later requests and for the undo.
    """

    look: Request
    items: str = ""
    where: tuple[tuple[str, Any], ...] = ()
    absent: bool = False
    missing_is_none: bool = False
    keeps: Places = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """What must still be so when the plan is applied; it is looked up again then."""

    words: str
    find: Find


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """
    One change of the world.

    Attributes
    ----------
    find
        How to see that it is made already; it is looked up before sending, and after a send whose end is unknown.
    ours
        Place in the found item that must contain the plan's mark; where it does not, somebody else made the
        change and the undo leaves it alone.
    keeps
        Name and place in the answer to *request*: values for later requests and for the undo.
    repeatable
        Whether sending it twice changes no more than sending it once; without *find* and not repeatable, a send
        whose end is unknown is never repeated.
    duplicate
        Error codes of the service that say that it exists already.
    refusals
        Texts in an answer that say for certain that nothing was changed, whatever its status.
    uncertain
        What a person must know when the answer did not say whether it was changed.
    requires
        What must be so at the moment of sending.
    pace_s
        Seconds to wait after it.
    surplus
        What takes one away where two were made, because the answer to the first was lost and it did not show when it
        was looked for; ``${surplus}`` is the place *surplus_at* of the one too many.
    undo
        What takes it back.
    """

    id: str
    words: str
    request: Request
    find: Find | None = None
    requires: Find | None = None
    refusals: tuple[str, ...] = ()
    uncertain: str = ""
    ours: str = ""
    keeps: Places = ()
    repeatable: bool = False
    duplicate: tuple[int, ...] = ()
    pace_s: float = 0.0
    surplus: Request | None = None
    surplus_at: str = ""
    undo: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Blast:
    """Who or what is touched: *figure* None where the evidence does not say."""

    what: str
    figure: float | None = None
    unit: str = ""

    def text(self) -> str:
        """Return it as a person reads it."""
        if self.figure is None:
            return f"{self.what}: the evidence does not say"
        if self.unit == "share":
            return f"{self.what}: {self.figure * 100:.3g} %"
        return f"{self.what}: {self.figure:g} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """
    How the platform must behave again, against the time before the incident.

    Attributes
    ----------
    metric
        ``failing_share`` (of the requests to *routes*, those with a status in *statuses*), or ``rate`` (of such
        requests, a minute).
    statuses
        Lowest and highest status that count.
    routes
        Paths at the edge; all when empty.
    baseline_start, baseline_end
        The time before the incident that it is compared with, UTC; None where no onset is known.
    during
        The same figure in the incident, where the evidence tells.
    """

    metric: Literal["failing_share", "rate"] = "failing_share"
    statuses: tuple[int, int] = (500, 599)
    routes: tuple[str, ...] = ()
    baseline_start: str | None = None
    baseline_end: str | None = None
    during: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """
    How one sees that it worked.

    Attributes
    ----------
    state
        What must be so (read back); all of it.
    behaviour
        What must be well again; None where the state alone is the aim.
    settle_s, window_s
        Seconds until it can be seen, and how long it is watched then.
    within_s
        How long the state may take to show, seconds.
    """

    words: str
    state: tuple[Find, ...] = ()
    behaviour: Behaviour | None = None
    settle_s: float = 0.0
    window_s: float = 0.0
    within_s: float = 60.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """
    An action as it would be carried out. It was made without sending anything, and expires.

    Attributes
    ----------
    target
        What is changed, by its name; a person types it to confirm.
    possible, why_not
        Whether it can be applied at all, and what stands in the way.
    blast
        Who or what is touched, as far as the evidence says.
    warnings
        What a person should know before they say yes.
    undo_words, undoable
        How it is taken back, or that it cannot be.
    ends
        When it is taken back by itself (UTC, ISO 8601); the actor process does that.
    mitigates
        Whether it is meant to end or soften the incident.
    mark
        What every change carries, so that it is found again.
    """

    action: str
    step: str
    title: str
    target: str
    environment: str
    incident: str
    severity: str
    planned_at: datetime
    changes: tuple[Change, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    blast: tuple[Blast, ...] = ()
    when: str = ""
    why: str = ""
    risk: str = ""
    warnings: tuple[str, ...] = ()
    undo_words: str = "cannot be undone"
    undoable: bool = False
    verification: Verification = field(default_factory=lambda: Verification(words="nothing to verify"))
    who: str = "the responder"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    possible: bool = True
    why_not: str = ""
    ends: str | None = None
    mitigates: bool = False
    mark: str = ""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything the plan says, 64 hexadecimal digits: its name."""
        return digest(canonical(self._values()))

    @property
    def expires_at(self) -> datetime:
        """After this it is refused (UTC)."""
        return self.planned_at + LIFETIME

    @property
    def confirmation(self) -> str:
        """What a person types to confirm: the target's name, in production with the environment before it."""
        return f"production/{self.target}" if self.environment == "production" else self.target

    @property
    def requests(self) -> tuple[Request, ...]:
        """The exact requests that would be sent, in order."""
        return tuple(change.request for change in self.changes)

    def _values(self) -> dict[str, Any]:
        values = {"schema": SCHEMA, **asdict(self), "planned_at": iso(self.planned_at)}
        return {**values, "changes": [_row(change) for change in values["changes"]]}

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, with the digest and the expiry."""
        return {
            **read(canonical(self._values())),
            "digest": self.digest,
            "expires_at": iso(self.expires_at),
            "confirmation": self.confirmation,
        }

    @classmethod
    def from_json(cls, value: Any) -> Plan:
        """
        Read a plan again.

        Raises
        ------
        UsageError
            It is none, or it was changed since it was made.
        """
        if not isinstance(value, Mapping) or value.get("schema") != SCHEMA:
            raise UsageError("this is no plan of pitchey-ops (schema pitchey-plan/1). Nothing was sent.")
        try:
            known = {one.name for one in fields(cls)}
            row = {name: item for name, item in value.items() if name in known}
            made = cls(
                **{
                    **row,
                    "planned_at": datetime.fromisoformat(str(row["planned_at"])),
                    "changes": tuple(map(_change, row["changes"])),
                    "assumptions": tuple(
                        Assumption(words=one["words"], find=_find(one["find"])) for one in row["assumptions"]
                    ),
                    "blast": tuple(Blast(**one) for one in row["blast"]),
                    "warnings": tuple(row["warnings"]),
                    "verification": _verification(row["verification"]),
                }
            )
            intact = made.digest == value.get("digest")
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise UsageError(f"the plan cannot be read ({type(exc).__name__}). Nothing was sent.") from exc
        if not intact:
            raise UsageError("the plan was changed after it was made: its digest is another. Nothing was sent.")
        return made


def exact(text: str) -> str:
    """Return a text that a person or a service gave as a value of `Find.where` that means itself and nothing more."""
    return f"={text}" if text[:1] and text[0] in OPERATORS else text


def mark_of(action: str, incident: str, planned_at: datetime, arguments: Mapping[str, Any]) -> str:
    """Return the mark of a plan: depends on what is planned, when and for which incident."""
    value = {"action": action, "incident": incident, "at": planned_at, "arguments": dict(arguments)}
    return digest(canonical(value))[:MARK]


def _pairs(rows: Any) -> tuple[tuple[Any, Any], ...]:
    return tuple((name, value) for name, value in rows)


def _request(row: Mapping[str, Any]) -> Request:
    return Request(**{**row, "query": _pairs(row["query"]), "headers": _pairs(row["headers"])})


def _find(row: Mapping[str, Any]) -> Find:
    changed = {"look": _request(row["look"]), "where": _pairs(row["where"]), "keeps": _pairs(row["keeps"])}
    return Find(**{**row, **changed})


def _row(change: Mapping[str, Any]) -> dict[str, Any]:
    """Return *change* without what it does not use: plans of before there was such a thing keep their digest."""
    unused = () if change["surplus"] is not None else ("surplus", "surplus_at")
    row = {name: value for name, value in change.items() if name not in unused}
    return {**row, "undo": [_row(one) for one in change["undo"]]}


def _change(row: Mapping[str, Any]) -> Change:
    changed = {
        "surplus": None if row.get("surplus") is None else _request(row["surplus"]),
        "request": _request(row["request"]),
        "find": None if row["find"] is None else _find(row["find"]),
        "keeps": _pairs(row["keeps"]),
        "requires": None if row["requires"] is None else _find(row["requires"]),
        "refusals": tuple(row["refusals"]),
        "duplicate": tuple(row["duplicate"]),
        "undo": tuple(map(_change, row["undo"])),
    }
    return Change(**{**row, **changed})


def _verification(row: Mapping[str, Any]) -> Verification:
    behaviour = row["behaviour"]
    if behaviour is not None:
        lists = {"statuses": tuple(behaviour["statuses"]), "routes": tuple(behaviour["routes"])}
        behaviour = Behaviour(**{**behaviour, **lists})
    return Verification(**{**row, "state": tuple(map(_find, row["state"])), "behaviour": behaviour})
