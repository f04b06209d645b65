"""
The plain form: what ``pitchey-ops trigger`` posts, and anything else that can post JSON.

    {"title": "Checkout fails for some users", "severity": "P2", "service": "payments"}

All fields but the title are optional; see `PlainAlert`. A runbook and a window may be asked for, within bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from ...errors import UsageError
from ...runbooks import windows
from ...runbooks.catalogue import RUNBOOKS
from .hook import Hook, parsed
from .signatures import needs_secret
from .told import Form, Moment, Reading, Refused, Told, labels, link, name, title, words

KIND = "plain"
OLDEST = timedelta(days=1)
AHEAD = timedelta(minutes=5)
LONGEST_WINDOW = timedelta(days=1)
ServiceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")]
"""A log service: no path, no host with a port, no address fits."""
_EXAMPLE: JsonDict = {
    "title": "Checkout fails for some users",
    "severity": "P2",
    "service": "payments",
    "key": "checkout-failing",
    "text": "Support has 12 reports since 08:10",
}


def _address(value: str) -> str:
    if link(value) is None:
        raise ValueError("expected an address such as https://status.example/x")
    return value


class PlainAlert(Form):
    """
    An alert as anybody may post it.

    Attributes
    ----------
    key
        What names the trouble: alerts of one key are one trouble. Without it: kind, service and title together.
    id
        What names this very message: posted again it is not stored again.
    status
        ``resolved`` closes the clocks of the trouble's incident, ``acknowledged`` stops them.
    window
        What the run looks at: ``30m``, or ``START/END`` in UTC; at most a day.
    services
        Log services to ask besides those of the settings.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    title: Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"\S")]
    severity: Annotated[str, StringConstraints(min_length=1, max_length=40)] | None = None
    kind: Annotated[str, StringConstraints(max_length=100)] | None = None
    service: Annotated[str, StringConstraints(max_length=200)] | None = None
    key: Annotated[str, StringConstraints(min_length=1, max_length=1024)] | None = None
    id: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    at: Moment | None = None
    status: Literal["firing", "acknowledged", "resolved"] = "firing"
    text: Annotated[str, StringConstraints(max_length=20_000)] | None = None
    link: Annotated[str, StringConstraints(max_length=1000), AfterValidator(_address)] | None = None
    labels: Annotated[dict[str, str], Field(max_length=64)] | None = None
    by: Annotated[str, StringConstraints(max_length=200)] | None = None
    runbook: Literal[tuple(RUNBOOKS)] | None = None  # type: ignore[valid-type]
    window: Annotated[str, StringConstraints(max_length=100)] | None = None
    services: Annotated[list[ServiceName], Field(max_length=50)] | None = None


def guard(secrets: tuple[str, ...], headers: Mapping[str, str], body: bytes, path: str | None, now: datetime) -> None:
    """Refuse what does not carry the secret."""
    needs_secret(secrets, headers, path, path_allowed=False)


def read(body: bytes, headers: Mapping[str, str], now: datetime) -> Reading:
    """Return the alert."""
    form = parsed(PlainAlert, body)
    at = form.at or now
    if not now - OLDEST <= at <= now + AHEAD:
        raise Refused(400, "at: expected a time within the last day. Nothing was stored.")
    kind = name(form.kind) or "alert"
    parameters: dict[str, Any] = {}
    if form.window:
        parameters["window"] = bounded_window(form.window, now)
    if form.services:
        parameters["services"] = list(form.services)
    told = Told(
        trouble=form.key or f"{kind}/{form.service or ''}/{title(form.title)}",
        id=name(form.id) or f"alert-{token_hex(8)}",
        kind=f"plain.{kind}",
        title=title(form.title),
        at=at,
        status=form.status,
        words=(form.severity,) if form.severity else (),
        service=name(form.service),
        labels=labels(form.labels or {}),
        text=words(form.text),
        link=form.link,
        by=name(form.by) or "",
        runbook=form.runbook,
        parameters=parameters,
    )
    return Reading(alerts=(told,), delivery=None if form.id is None else f"id/{form.id}")


def bounded_window(given: str, now: datetime) -> str:
    """
    Return *given* as it came when it names a window of at most a day that ends by now.

    Raises
    ------
    Refused
        400: it is none.
    """
    try:
        window = windows.parse(given, now=now)
    except UsageError as exc:
        raise Refused(400, f"window: {str(exc).removesuffix(' Nothing was run.')} Nothing was stored.") from None
    if window.end - window.start > LONGEST_WINDOW:
        raise Refused(400, "window: longer than a day, which an alert may not ask for. Nothing was stored.")
    if window.end > now + AHEAD:
        raise Refused(400, "window: it ends in the future. Nothing was stored.")
    return given


HOOK = Hook(
    kind=KIND,
    title="Plain JSON (pitchey-ops trigger)",
    form=PlainAlert,
    guard=guard,
    read=read,
    answer_within_s=8.0,
)
