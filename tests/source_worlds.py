"""What the tests of sources share: a window, settings, entries, and a platform that answers everything."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

import pytest

from pitchey_ops.models.exchange import Exchange, Question
from pitchey_ops.models.observation import AnyObservation, Observed, Unavailable
from pitchey_ops.models.window import Window
from pitchey_ops.settings import Settings
from pitchey_ops.sources.catalogue import PROBES, ROUNDS, Context, Sources, ask_round
from pitchey_ops.testing import NOON, FakeChannel, answering, sample

T = TypeVar("T")

ORIGIN = "http://127.0.0.1:8787"
WINDOW = Window(start=NOON - timedelta(hours=1), end=NOON)
SAMPLES = Path(__file__).parents[1].parent / "shared" / "contract" / "samples"


def settings(**changes: Any) -> Settings:
    """Return sandbox settings with every source configured but the database."""
    given: dict[str, Any] = {
        "origin": ORIGIN,
        "services": ("auth", "pitch"),
        "cloudflare_account": "acc",
        "cloudflare_zone": "zone",
        "sentry_organization": "pitchey",
        "sentry_projects": ("pitchey-api",),
        "r2_bucket": "pitchey-logs",
    }
    return Settings(**{**given, **changes})


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run *work* to its end."""
    return asyncio.run(work)


def ms(at: datetime) -> int:
    """Return *at* in milliseconds since the epoch."""
    return round(at.timestamp() * 1000)


def entry(minutes: float, **changes: Any) -> dict[str, Any]:
    """Return a log entry of *minutes* after noon (negative: before)."""
    time_ms = ms(NOON + timedelta(minutes=minutes))
    return {
        "id": f"{time_ms}-abc{changes.pop('n', 0)}",
        "level": "error",
        "message": "boom",
        "timestamp": time_ms,
        "service": "auth",
        "environment": "production",
        "metadata": {},
        "tags": [],
        **changes,
    }


def page(entries: list[Any], total: int | None = None) -> Exchange:
    """Return an answer of ``/logs/query``."""
    return answering({"logs": entries, "total": len(entries) if total is None else total, "hasMore": False})


def point(minutes: float, value: Any, name: str = "response_time", **changes: Any) -> dict[str, Any]:
    """Return a metric point of *minutes* after noon."""
    at = ms(NOON + timedelta(minutes=minutes))
    return {"name": name, "value": value, "timestamp": at, "tags": {}, "type": "timer", **changes}


def contract(name: str) -> Exchange:
    """Return a recorded answer of the contract, or skip loudly where the contract is absent."""
    path = SAMPLES / f"{name}.json"
    if not path.is_file():
        pytest.skip(f"{path} absent: the contract's samples are needed")
    return sample(path)


def value_of(observation: AnyObservation) -> Any:
    """Return the value; fails when there is none."""
    assert isinstance(observation, Observed), observation
    return observation.value


def reason_of(observation: AnyObservation) -> str:
    """Return the reason; fails when there is a value."""
    assert isinstance(observation, Unavailable), observation
    return observation.reason


def listing(keys: list[str], folders: list[str] | None = None, following: str | None = None) -> Exchange:
    """Return a page of an S3 listing."""
    rows = "".join(f"<Contents><Key>{escape(key)}</Key></Contents>" for key in keys)
    rows += "".join(f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in folders or [])
    more = f"<NextContinuationToken>{following}</NextContinuationToken>" if following else ""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult '
        f'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>{str(bool(following)).lower()}'
        f"</IsTruncated>{more}{rows}</ListBucketResult>"
    )
    return answering(text=text, content_type="application/xml")


class Archive:
    """An object store with log entries, as a callable answer for `FakeChannel`."""

    def __init__(self, entries: list[dict[str, Any]], *, page_keys: int = 1000) -> None:
        self.page_keys = page_keys
        self.objects: dict[str, bytes] = {}
        for one in entries:
            at = NOON + timedelta(milliseconds=one["timestamp"] - ms(NOON))
            folder = f"logs/production/{at:%Y-%m-%d}/{at:%H}/{one['service']}"
            self.objects[f"{folder}/{one['id']}.json"] = json.dumps(one).encode()

    def __call__(self, question: Question) -> Exchange:
        parts = urlsplit(question.url)
        key = parts.path.removeprefix("/_r2/pitchey-logs").lstrip("/")
        if key:
            body = self.objects.get(key)
            return (
                answering(status=404, text="<Error/>", content_type="application/xml")
                if body is None
                else answering(text=body, content_type="application/json")
            )
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        after = asked.get("continuation-token", "")
        found = [k for k in sorted(self.objects) if k.startswith(asked["prefix"]) and k > after]
        if "delimiter" in asked:
            cut = len(asked["prefix"])
            return listing([], sorted({k[: k.index("/", cut) + 1] for k in found}))
        shown = found[: self.page_keys]
        return listing(shown, following=shown[-1] if len(found) > len(shown) else None)


def calm_platform(question: Question) -> Exchange:
    """Answer every question of the catalogue as a calm platform in its oddest legal forms."""
    parts = urlsplit(question.url)
    path = parts.path
    if question.kind == "sql":
        return answering({"columns": [], "rows": []})
    if path == "/logs/query":
        service = parse_qs(parts.query).get("service", [None])[0]
        names = [service] if service is not None else ["auth", "hidden ✓ & co/../x?y=1#z"]
        return page([entry(-5, service=name, n=n) for n, name in enumerate(names)])
    if path == "/":
        text = '<script src="/app.js"></script><img src="https://elsewhere.example/x.png">'
        return answering(text=text, content_type="text/html")
    if path == "/app.js":
        return answering(text="1", content_type="application/javascript")
    if path.startswith("/_r2/"):
        return Archive([entry(-5, service="archived")])(question)
    return answering([] if path in ("/apm/metrics", "/infra/rate-limits") else {})


@functools.cache
def ask_everything(**changes: Any) -> tuple[list[Question], dict[str, AnyObservation]]:
    """Ask every probe of the catalogue, all rounds; return the questions and the observations."""
    channel = FakeChannel(otherwise=calm_platform)
    given = settings(**changes)
    sources = Sources(channel, given, WINDOW)
    sources.api.spacing_s = 0.0
    sources.infra.apart_s = 0.0
    seen: dict[str, AnyObservation] = {}

    async def work() -> None:
        for round_ in ROUNDS:
            context = Context(sources=sources, settings=given, window=WINDOW, earlier=dict(seen))
            seen.update(await ask_round(context, [p for p in PROBES.values() if p.round == round_]))

    run(work())
    return channel.asked, seen
