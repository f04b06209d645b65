"""What is told about an incident: facts taken out of a report, kept small, and the whole story of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

Kind = Literal["verdict", "archived", "acknowledged", "resolved", "reopened", "severity", "paged"]
CHANGES: tuple[Kind, ...] = ("acknowledged", "resolved", "reopened", "severity")
"""Lines of the timeline that people want to hear of."""
LEVELS = ("P1", "P2", "P3", "P4")
TEXT_KEPT = 1_000
NAMES_KEPT = 3
PAGED_KEPT = 5
PAGERDUTY_KIND = "pagerduty"
_HEAD = re.compile(r"(\d{1,12}:)?[0-9a-f]{64}\Z", re.ASCII)
_PAGERDUTY_ID = re.compile(r"[A-Z0-9]{6,32}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """
    One thing that happened to an incident.

    Attributes
    ----------
    key
        The same thing told twice has the same key, and is one notice.
    told
        JSON values: what `from_report`, `of_archive` and `of_event` put there.
    """

    key: str
    incident_id: str
    kind: Kind
    at: datetime
    run_id: str | None = None
    told: Mapping[str, Any] = field(default_factory=dict)


def from_report(incident_id: str, report: Mapping[str, Any], at: datetime) -> Notice:
    """
    Return the notice of a verdict out of the values of ``report.json``.

    Raises
    ------
    KeyError, TypeError, ValueError
        *report* is no report.
    """
    verdict, run = report["verdict"], report["run"]
    alerts = [alert for alert in report["incident"]["alerts"] if isinstance(alert, Mapping)]
    impact = verdict["impact"]
    unseen = [words for one in report["sources"] if (words := _unseen(one))]
    told = {
        "runbook": _short(run["runbook"], 60),
        "severity": _level(report["incident"]["severity"]),
        "state": verdict["state"] if verdict["state"] in ("incident", "healthy", "inconclusive") else "inconclusive",
        "cause": None if verdict["cause"] is None else _short(verdict["cause"], 60),
        "confidence": _share(verdict["confidence"]),
        "summary": _short(verdict["summary"], TEXT_KEPT),
        "onset": verdict["onset"] and _iso(verdict["onset"]),
        "next_step": _short(verdict["next_step"] or "", 100),
        "failing_share": _share(impact["requests_failing_share"]),
        "users": impact["users_affected"] if isinstance(impact["users_affected"], int) else None,
        "routes": _names(impact["routes"]),
        "services": _names(impact["services"]),
        "unseen": _names(unseen),
        "unseen_more": max(0, len(unseen) - NAMES_KEPT),
        "not_checked": len(report["not_checked"]),
        "first_alert": min((_iso(alert["at"]) for alert in alerts), default=None),
        "pagerduty": sorted({name for alert in alerts if (name := paged_by(alert))})[:PAGED_KEPT],
    }
    run_id = str(run["id"])
    return Notice(
        key=f"verdict|{run_id}", incident_id=incident_id, kind="verdict", at=at, run_id=run_id, told=told
    )  # fmt: skip


def of_archive(incident_id: str, run_id: str, ledger_head: str, at: datetime) -> Notice:
    """
    Return the notice that a run is archived and where the ledger stood then.

    A head that is none is not printed: it stands in messages as it is, to be copied.
    """
    told = {"ledger_head": ledger_head if _HEAD.match(ledger_head) else "unknown"}
    return Notice(
        key=f"archived|{run_id}", incident_id=incident_id, kind="archived", at=at, run_id=run_id, told=told
    )  # fmt: skip


def of_event(incident_id: str, position: int, kind: Kind, entry: Mapping[str, Any], at: datetime) -> Notice:
    """Return the notice of a line of the timeline: acknowledged, resolved, reopened, another severity."""
    told: dict[str, Any] = {"by": _short(entry.get("by") or "", 100)}
    if kind == "severity":
        told["severity"] = _level(entry.get("severity"))
    if kind == "paged":
        told["pagerduty"] = [paged_by(entry)]
    return Notice(key=event_key(incident_id, position), incident_id=incident_id, kind=kind, at=at, told=told)


def paged_by(alert: Mapping[str, Any]) -> str:
    """Return the id of PagerDuty's incident that an alert comes from, empty where it comes from elsewhere."""
    known = str(alert.get("kind") or "").startswith(PAGERDUTY_KIND) and _PAGERDUTY_ID.match(str(alert.get("id")))
    return str(alert["id"]) if known else ""


def event_key(incident_id: str, position: int) -> str:
    """Return the key of the notice of a line of the timeline."""
    return f"event|{incident_id}|{position}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """
    Everything that was told about one incident, oldest first.

    Attributes
    ----------
    level, overruled
        The incident's severity in the database, and the one that a person overruled by lowering it.
    clock_at
        Since when its response clock runs (UTC). None, like the two above, for runs that no incident asked for.
    """

    incident_id: str
    notices: Sequence[Notice]
    level: str | None = None
    overruled: str | None = None
    clock_at: datetime | None = None

    @property
    def verdicts(self) -> list[Notice]:
        """Return the verdicts, oldest first."""
        return [one for one in self.notices if one.kind == "verdict"]

    @property
    def latest(self) -> Notice | None:
        """Return the latest verdict."""
        return self.verdicts[-1] if self.verdicts else None

    @property
    def archived(self) -> Notice | None:
        """Return the notice of the run that was archived last."""
        return next((one for one in reversed(self.notices) if one.kind == "archived"), None)

    @property
    def severity(self) -> str:
        """Return the severity: the incident's, or a graver one that a run has just found and nobody overruled."""
        latest = self.latest
        if self.level is None:
            return min((one.told["severity"] for one in self.verdicts), default="P4")
        if latest is None or any(one.kind == "archived" and one.run_id == latest.run_id for one in self.notices):
            return self.level
        found: str = latest.told["severity"]
        return found if found < min(self.level, self.overruled or self.level) else self.level

    @property
    def first_alert(self) -> datetime | None:
        """Return since when the response clock runs (UTC); None where a person started it."""
        if self.clock_at is not None:
            return self.clock_at
        found = [one.told["first_alert"] for one in self.verdicts if one.told.get("first_alert")]
        return datetime.fromisoformat(min(found)) if found else None

    def since(self, kind: Kind, unless: Kind = "reopened") -> Notice | None:
        """Return the first notice of *kind* after the last one of *unless*."""
        found: Notice | None = None
        for one in self.notices:
            if one.kind == unless:
                found = None
            elif one.kind == kind and found is None:
                found = one
        return found

    @property
    def pagerduty(self) -> list[str]:
        """Return the ids of PagerDuty's incidents that this one began with."""
        return sorted({name for one in self.notices for name in one.told.get("pagerduty", ())})[:PAGED_KEPT]

    def notice(self, key: str) -> Notice | None:
        """Return the notice called *key*."""
        return next((one for one in self.notices if one.key == key), None)

    def verdict_of(self, run_id: str | None) -> Notice | None:
        """Return the verdict of a run."""
        return next((one for one in self.verdicts if one.run_id == run_id), None)

    def is_news(self, notice: Notice) -> bool:
        """
        Whether a verdict says something else than the one before it.

        A watch looks every few minutes; what did not change is written into the first message, and rings nobody.
        """
        before = [one for one in self.verdicts if one.key != notice.key]
        at = [one.key for one in self.verdicts].index(notice.key) if notice in self.verdicts else len(before)
        if at == 0:
            return True
        last = self.verdicts[at - 1].told
        return any(last.get(name) != notice.told.get(name) for name in ("state", "cause", "severity"))

    def is_worse(self, notice: Notice) -> bool:
        """Whether the severity rose with this verdict."""
        at = next((n for n, one in enumerate(self.verdicts) if one.key == notice.key), 0)
        return at > 0 and notice.told["severity"] < min(one.told["severity"] for one in self.verdicts[:at])


def _unseen(source: Mapping[str, Any]) -> str:
    """Return a source that could not see everything, with the word for it; empty for the others."""
    if source["status"] in ("blind", "unavailable"):
        return f"{_short(source['name'], 60)} {source['status'].upper()}"
    cut = (source.get("coverage") or {}).get("cut") is True
    return f"{_short(source['name'], 60)} CUT OFF" if cut else ""


def _short(text: object, limit: int) -> str:
    whole = str(text)
    return whole if len(whole) <= limit else f"{whole[:limit]}…"


def _names(values: Sequence[object]) -> list[str]:
    return [_short(one, 80) for one in list(values)[:NAMES_KEPT]]


def _level(text: object) -> str:
    return str(text) if text in LEVELS else "P4"


def _share(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 <= value <= 1 else None


def _iso(text: object) -> str:
    return datetime.fromisoformat(str(text)).astimezone(UTC).isoformat()
