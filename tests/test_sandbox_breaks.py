"""Every service of the sandbox breaks on request, in process and on a real port, and mends again."""

from __future__ import annotations

import asyncio
import json
import time

import httpx
import pytest
from tiny_worlds import NOW, Sandbox, entry, world

from pitchey_ops.drills.virtual import run_virtual
from pitchey_ops.sandbox.breaks import Breaks, endless_body
from pitchey_ops.sandbox.names import MOUNTS, PREFIXES, SERVICES
from pitchey_ops.sandbox.serve import Running
from pitchey_ops.settings import Settings

PLACES = {
    "api": "/api/health",
    "frontend": "/",
    "monitoring": "/monitoring/performance",
    "infra": "/infra/rate-limits",
    "logs": "/logs/query?service=auth",
    "apm": "/apm/summary",
    "security": "/security/metrics",
    "alerts": "/alerts/trigger",
    "cloudflare_status": "/_cf_status/api/v2/status.json",
    "cloudflare_api": "/_cf_api/client/v4/user/tokens/verify",
    "sentry": "/_sentry/api/0/organizations/pitchey/issues/",
    "pagerduty": "/_pagerduty/oncalls",
    "slack": "/_slack/api/auth.test",
    "statuspage": "/_statuspage/v1/pages/sandbox-page/components",
    "r2": "/_r2/pitchey-logs?list-type=2",
}


def test_every_service_has_a_place() -> None:
    """The table of this test and the sandbox's names are the same set."""
    assert set(PLACES) == set(SERVICES) == {*PREFIXES, *MOUNTS, "frontend"}


@pytest.mark.parametrize("service", SERVICES)
def test_5xx_is_an_edge_page(service: str) -> None:
    """Status 503, HTML, an error code and a ray; the other services go on."""
    sandbox = Sandbox(breaks=[f"{service}=5xx"])
    answer = sandbox.get(PLACES[service])
    assert (answer.status_code, answer.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "error code:" in answer.text
    assert answer.headers["cf-ray"]
    other = "apm" if service != "apm" else "logs"
    assert sandbox.get(PLACES[other]).status_code == 200


@pytest.mark.parametrize("service", SERVICES)
def test_refused_is_no_answer_at_all(service: str) -> None:
    """In process the client sees its own error, as from a connection that closed."""
    with pytest.raises(httpx.TransportError):
        Sandbox(breaks=[f"{service}=refused"]).get(PLACES[service])


@pytest.mark.parametrize("service", ["api", "logs", "cloudflare_api", "sentry", "slack"])
def test_html_truncated_and_wrong_types_are_no_usable_json(service: str) -> None:
    """A sign-in page with 200; a cut body; values of other types under the right keys."""
    page = Sandbox(breaks={service: "html"}).get(PLACES[service])
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    good = Sandbox().get(PLACES[service])
    cut = Sandbox(breaks={service: "truncated"}).get(PLACES[service])
    assert (cut.status_code, cut.headers["content-type"]) == (200, good.headers["content-type"])
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut.content)
    wrong = Sandbox(breaks={service: "wrong_types"}).get(PLACES[service]).json()
    right = good.json()
    if isinstance(right, dict):
        assert set(wrong) == set(right)
        assert all(type(wrong[key]) is not type(right[key]) for key in right)
    else:
        assert type(wrong) is not type(right)


def test_slow_answers_after_two_minutes_of_the_loops_time() -> None:
    """The right answer, too late; under a virtual clock nobody waits for it."""

    class Virtual(asyncio.SelectorEventLoop):
        skipped = 0.0

        def time(self) -> float:
            return super().time() + self.skipped

        def _run_once(self) -> None:
            if not self._ready and self._scheduled:  # type: ignore[attr-defined]
                Virtual.skipped += max(0.0, self._scheduled[0].when() - self.time())  # type: ignore[attr-defined]
            super()._run_once()  # type: ignore[misc]

    loop = Virtual()
    sandbox = Sandbox(breaks=["logs=slow"])

    async def ask() -> tuple[float, httpx.Response]:
        begin = loop.time()
        async with sandbox.client() as client:
            answer = await client.get("/logs/query?service=auth")
        return loop.time() - begin, answer

    try:
        took, answer = loop.run_until_complete(ask())
    finally:
        loop.close()
        Virtual.skipped = 0.0
    assert took >= 120.0
    assert answer.json() == {"logs": [], "total": 0, "hasMore": False}


def test_endless_begins_well_and_can_be_left() -> None:
    """In process a deadline of the caller ends it; without one it would never end."""
    sandbox = Sandbox(breaks=["apm=endless"])

    async def ask() -> None:
        async with sandbox.client() as client, asyncio.timeout(0.3):
            await client.get("/apm/summary")

    with pytest.raises(TimeoutError):
        asyncio.run(ask())
    assert sandbox.json("/_sandbox/seen")["apm"]["in_flight"] == 0


def test_endless_goes_on_beyond_what_a_run_reads_of_an_answer() -> None:
    """A body that ended before the size limit would be a large answer, and the limit would never be tried."""
    limit = Settings().max_answer_bytes

    async def read() -> int:
        size = 0
        body = endless_body()
        async for chunk in body:
            size += len(chunk)
            if size > limit:
                break
        await body.aclose()  # type: ignore[attr-defined]
        return size

    assert run_virtual(read()) > limit


def test_breaks_change_while_it_runs_and_faulty_wishes_change_nothing() -> None:
    """A POST breaks and mends; an unknown name or kind is a 400 and leaves all as it was."""
    sandbox = Sandbox()
    assert sandbox.post("/_sandbox/breaks", {"logs": "5xx", "apm": "html"}).json() == {"apm": "html", "logs": "5xx"}
    for wish in ({"logs": None, "nothing": "5xx"}, {"logs": "purple"}, ["logs=5xx"]):
        assert sandbox.post("/_sandbox/breaks", wish).status_code == 400
    assert sandbox.get(PLACES["logs"]).status_code == 503
    assert sandbox.post("/_sandbox/breaks", {"logs": None}).json() == {"apm": "html"}
    assert sandbox.get(PLACES["logs"]).status_code == 200
    with pytest.raises(ValueError, match="unknown service"):
        Breaks(["nothing=5xx"])
    with pytest.raises(ValueError, match="unknown break"):
        Breaks(["logs="])


@pytest.mark.slow
def test_breaks_on_a_real_port() -> None:
    """Refused closes the connection, endless streams until the client goes, slow lets itself be left."""
    with (
        Running(world(logs=[entry(NOW - 1000)]), breaks=["logs=refused", "apm=endless", "infra=slow"]) as running,
        httpx.Client(base_url=running.url, timeout=httpx.Timeout(5.0, read=0.5)) as client,
    ):
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            client.get("/logs/query")
        read = 0
        with client.stream("GET", "/apm/summary") as answer:
            assert answer.status_code == 200
            for chunk in answer.iter_bytes():
                read += len(chunk)
                if read > 100_000:
                    break
        with pytest.raises(httpx.ReadTimeout):
            client.get("/infra/rate-limits")
        assert client.get("/api/health").status_code == 200
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            seen = client.get("/_sandbox/seen").json()
            if not any(count["in_flight"] for count in seen.values()):
                break
            time.sleep(0.05)
        assert {name: count["in_flight"] for name, count in seen.items()} == dict.fromkeys(seen, 0)
