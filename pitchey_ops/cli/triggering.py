"""``trigger``: post an alert to a running service."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated, Any

import typer

from ..errors import OpsError, UsageError
from .running import SEVERITIES, Json

DEFAULT_URL = "http://127.0.0.1:8080"
URL = "PITCHEY_OPS_TRIGGER_URL"
SECRET = "PITCHEY_OPS_HOOK_PLAIN_SECRET"  # noqa: S105 - the variable's name
WAIT_S = 15.0


def add_to(app: typer.Typer) -> None:
    """Add this module's commands to *app*."""
    app.command(epilog='Example: pitchey-ops trigger --severity P2 --service payments "Checkout fails for some users"')(
        trigger
    )


def trigger(
    title: Annotated[str, typer.Argument(help="What is wrong, in one line.")],
    severity: Annotated[str | None, typer.Option(help="P1, P2, P3 or P4; else the service's routes decide.")] = None,
    service: Annotated[str | None, typer.Option(help="Service that it is about.")] = None,
    kind: Annotated[str | None, typer.Option(help="Kind of alert, for the routes.")] = None,
    key: Annotated[str | None, typer.Option(help="What names the trouble: the same key is the same incident.")] = None,
    id_: Annotated[str | None, typer.Option("--id", help="Names this message: sent again it is stored once.")] = None,
    text: Annotated[str | None, typer.Option(help="More words.")] = None,
    link: Annotated[str | None, typer.Option(help="An https address with more.")] = None,
    runbook: Annotated[str | None, typer.Option(help="Run this runbook instead of the routes' choice.")] = None,
    window: Annotated[str | None, typer.Option(help="What the run looks at: 30m, or START/END; a day at most.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, for the routes; repeatable.")] = None,
    status: Annotated[str, typer.Option(help="firing, acknowledged or resolved.")] = "firing",
    url: Annotated[str | None, typer.Option(help=f"Where the service listens; else {URL}, else {DEFAULT_URL}.")] = None,
    as_json: Json = False,
) -> int:
    """
    Tell a running service of an alert; it is stored when this command ends well.

    The secret comes from PITCHEY_OPS_HOOK_PLAIN_SECRET (or ..._FILE), the same as the service's.
    """
    if severity is not None and severity.upper() not in SEVERITIES:
        raise UsageError(f"--severity {severity[:20]!r}: expected one of {', '.join(SEVERITIES)}. Nothing was sent.")
    body: dict[str, Any] = {
        "title": title,
        "severity": None if severity is None else severity.upper(),
        "service": service,
        "kind": kind,
        "key": key,
        "id": id_,
        "text": text,
        "link": link,
        "runbook": runbook,
        "window": window,
        "labels": _labels(label or []),
        "status": status,
    }
    answer = _sent(url or os.environ.get(URL) or DEFAULT_URL, {name: value for name, value in body.items() if value})
    if as_json:
        sys.stdout.write(json.dumps(answer) + "\n")
        return 0
    from ..panels.safe import terminal

    sys.stdout.write("\n".join(terminal(line) for line in _lines(answer)) + "\n")
    return 0


def _labels(given: list[str]) -> dict[str, str]:
    labels = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise UsageError(f"--label {item[:80]!r}: expected NAME=VALUE. Nothing was sent.")
        labels[name] = value
    return labels


def _sent(url: str, body: dict[str, Any]) -> dict[str, Any]:
    import httpx

    from ..service.config import secret

    known = secret(SECRET)
    if known is None:
        raise UsageError(f"{SECRET} (or {SECRET}_FILE) is not set; it is the service's secret. Nothing was sent.")
    where = f"{url.rstrip('/')}/hooks/plain"
    try:
        content = json.dumps(body).encode("ascii")
        answer = httpx.post(
            where,
            content=content,
            headers={"authorization": f"Bearer {known}", "content-type": "application/json"},
            timeout=WAIT_S,
            trust_env=False,
        )
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise UsageError(f"{url[:200]}: expected an address such as {DEFAULT_URL}. Nothing was sent.") from None
    except httpx.TimeoutException:
        raise OpsError(
            f"{where}: no answer within {WAIT_S:.0f} s. Whether it is stored is not known; with --id it can be "
            "sent again without harm."
        ) from None
    except httpx.HTTPError as exc:
        raise OpsError(f"{where}: {exc}. Nothing was stored; is the service running (pitchey-ops serve)?") from None
    return _checked(where, answer)


def _checked(where: str, answer: Any) -> dict[str, Any]:
    try:
        said = answer.json()
        reason = str(said.get("reason") or said.get("detail") or "")
    except (ValueError, AttributeError):
        said, reason = {}, answer.text[:200]
    if answer.is_success:
        return dict(said)
    if answer.status_code == 404:
        raise OpsError(
            f"{where}: 404. Either this is no pitchey-ops service, or it was started without {SECRET}: then the hook "
            "is closed. Nothing was stored."
        )
    kind = UsageError if answer.status_code == 400 else OpsError
    raise kind(f"{where}: {answer.status_code}: {reason[:1000]}")


def _lines(answer: dict[str, Any]) -> list[str]:
    found = answer.get("incidents") or []
    lines = [str(answer.get("status", "stored")) + (f": {answer['reason']}" if answer.get("reason") else "")]
    if found:
        lines.append(f"incident    {', '.join(found)}{' (new)' if answer.get('new') else ''}")
    if answer.get("runs"):
        lines.append(f"run         {', '.join(answer['runs'])}")
    elif found:
        lines.append("run         none: the incident's last run still stands for it")
    if answer.get("held"):
        lines.append(f"held        {answer['held']}")
    return lines
