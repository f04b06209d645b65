"""
The production API, asked as a user would: several times, spaced, without retries.

A failure is the evidence here, so nothing is asked again to make it go away, and every sample is a question
of its own, so that a partial failure shows. A route that a deployment lacks (404) is a result of its own:
"route missing" is not "database down" (contract, trap 17).
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..errors import BadPayload, SourceError
from ..models.exchange import Exchange
from ..models.observation import Coverage, Observation
from .channel import pause
from .reading import (
    Reading,
    answer,
    edge_error_code,
    json_of,
    mapping,
    observation_id,
    observed_all,
    text_of,
)
from .source import Source

Kind = Literal[
    "ok",
    "route_missing",
    "edge_error",
    "server_error",
    "refused",
    "rate_limited",
    "timeout",
    "unreachable",
    "wrong",
]
FAILING: frozenset[Kind] = frozenset({"edge_error", "server_error", "rate_limited", "timeout", "unreachable", "wrong"})
"""Kinds that are failures of the platform. A missing route and a refusal are not: they are other findings."""

SAMPLES = 3
SPACING_S = 0.3
NO_TOKEN = "pitchey-ops-probe.not-a.token"  # noqa: S105
"""What the auth probe sends: it must be refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One try. ``code`` is Cloudflare's error code for an ``edge_error``."""

    kind: Kind
    status: int | None
    took_ms: float
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """
    What a route did when it was asked several times.

    Attributes
    ----------
    samples
        In the order of asking; those that the budget left no room for are absent.
    failing_share
        Share of the samples whose kind is in `FAILING`, 0-1.
    kind
        What most samples did; a tie goes to the worse. Look at ``failing_share`` for a partial failure.
    code
        Cloudflare's error code of the last ``edge_error``, if there was one.
    reported
        What the body says of itself, word by word as it came: ``status`` and one entry a service. Empty
        where the route reports nothing.
    constant
        The body is known to say the same whatever happens, so only the failing counts.
    """

    route: str
    samples: tuple[Sample, ...]
    failing_share: float
    kind: Kind
    code: str | None = None
    reported: Mapping[str, str] = field(default_factory=dict)
    constant: bool = False

    @property
    def median_ms(self) -> float:
        """Median time of an answer, body included, in milliseconds."""
        times = sorted(sample.took_ms for sample in self.samples)
        middle = len(times) // 2
        return times[middle] if len(times) % 2 else (times[middle - 1] + times[middle]) / 2


Judge = Callable[[Exchange], Kind]


class Api(Source):
    """Own probes of the production API."""

    name = "api"

    def __init__(self, *args: Any, samples: int = SAMPLES, spacing_s: float = SPACING_S) -> None:
        super().__init__(*args)
        self.samples = samples
        self.spacing_s = spacing_s

    async def health(self) -> Observation[ProbeResult]:
        """
        Probe ``/api/health``, in either of its two forms.

        The older form is a constant: it cannot fail while the worker runs at all, so its "healthy" proves
        nothing beyond that. The newer one names its dependencies.
        """
        return await self._probe("health", "/api/health", _healthy)

    async def health_db(self) -> Observation[ProbeResult]:
        """Probe ``/api/health/db``; ``route_missing`` is no finding about the database."""
        return await self._probe("health_db", "/api/health/db", _healthy)

    async def pitches(self) -> Observation[ProbeResult]:
        """Probe ``/api/pitches``, the platform's main public read."""
        return await self._probe("pitches", "/api/pitches", _readable)

    async def auth_verify(self) -> Observation[ProbeResult]:
        """
        Probe ``/api/auth/verify`` with a token that must be refused; accepting it is ``wrong``.

        It sends no real token and changes nothing. ``/api/validate-token`` accepts forged tokens by design
        and is not asked (contract, trap 33).
        """
        return await self._probe(
            "auth_verify",
            "/api/auth/verify",
            _refusing,
            method="POST",
            headers={"content-type": "application/json"},
            body=json.dumps({"token": NO_TOKEN}).encode(),
        )

    async def _probe(self, probe: str, route: str, judge: Judge, **asking: Any) -> Observation[ProbeResult]:
        key = observation_id(self.name, probe, "samples")
        first = self.question(observation_id(self.name, probe, "1"), route)
        if first is None:
            return self.missing(key, "api_url")

        async def sample(number: int) -> Exchange:
            await pause(self.channel, (number - 1) * self.spacing_s)
            question = self.question(
                observation_id(self.name, probe, str(number)),
                route,
                retry=False,
                sample=number,
                expect="any",
                **asking,
            )
            assert question is not None
            return await self.channel.ask(question)

        exchanges = await asyncio.gather(*(sample(number) for number in range(1, self.samples + 1)))
        return observed_all(key, self.name, exchanges, self.window.end, lambda: read_samples(exchanges, route, judge))


def read_samples(exchanges: Sequence[Exchange], route: str, judge: Judge) -> Reading[ProbeResult]:
    """
    Make one result of all samples.

    Raises
    ------
    SourceError
        When no sample got any answer: that may be our own network, so it says nothing about the platform
        by itself.
    """
    if not any(exchange.answered for exchange in exchanges):
        worst = next((e for e in exchanges if e.outcome not in ("not_asked", "not_allowed")), exchanges[0])
        answer(worst)
    pairs = [
        (exchange, _sample(exchange, judge))
        for exchange in exchanges
        if exchange.outcome not in ("not_asked", "not_allowed", "not_configured")
    ]
    samples = [one for _, one in pairs]
    kinds = Counter(sample.kind for sample in samples)
    most = max(kinds.values())
    kind = max((k for k, n in kinds.items() if n == most), key=_badness)
    good = [exchange for exchange, one in pairs if one.kind == "ok"]
    spoken = good or [exchange for exchange, _ in pairs if exchange.answered]
    reported, constant = _report(spoken[-1])
    constant = constant and bool(good)
    failing = sum(sample.kind in FAILING for sample in samples)
    result = ProbeResult(
        route=route,
        samples=tuple(samples),
        failing_share=failing / len(samples),
        kind=kind,
        code=next((sample.code for sample in reversed(samples) if sample.code), None),
        reported=reported,
        constant=constant,
    )
    words = ", ".join(f"{n} of {len(samples)} {k}" for k, n in sorted(kinds.items()))
    return Reading(
        value=result,
        coverage=Coverage(count=len(samples), constant=constant and not failing),
        detail=f"{route}: {words}" + ("; the body is a constant" if constant else ""),
    )


def _badness(kind: Kind) -> tuple[bool, str]:
    return kind in FAILING, kind


def _sample(exchange: Exchange, judge: Judge) -> Sample:
    code = None
    if exchange.outcome == "timeout":
        kind: Kind = "timeout"
    elif exchange.outcome == "unreachable":
        kind = "unreachable"
    elif exchange.outcome != "answered":
        kind = "wrong"
    else:
        code = edge_error_code(exchange)
        kind = "edge_error" if code is not None else judge(exchange)
    return Sample(kind=kind, status=exchange.status, took_ms=exchange.took_ms, code=code)


def _by_status(exchange: Exchange) -> Kind:
    status = exchange.status or 0
    if 200 <= status < 300:
        return "ok"
    if status == 404:
        return "route_missing"
    if status in (401, 403):
        return "refused"
    if status == 429:
        return "rate_limited"
    return "server_error" if status >= 500 else "wrong"


def _readable(exchange: Exchange) -> Kind:
    kind = _by_status(exchange)
    if kind != "ok":
        return kind
    try:
        value = json_of(exchange, "any")
    except SourceError:
        return "wrong"
    return "wrong" if isinstance(value, dict) and value.get("success", True) is not True else "ok"


def _healthy(exchange: Exchange) -> Kind:
    kind = _readable(exchange)
    if kind == "ok" and not isinstance(json_of(exchange, "any"), dict):
        return "wrong"
    return kind


def _refusing(exchange: Exchange) -> Kind:
    """Judge the answer to a bad token: 4xx other than 404 and 429, or a 200 that says no, is right."""
    if exchange.status in (400, 401, 403, 422):
        return "ok"
    kind = _by_status(exchange)
    if kind != "ok":
        return kind
    try:
        value = json_of(exchange, "object")
    except BadPayload:
        return "wrong"
    said = [value.get("valid"), value.get("success"), mapping(value.get("data")).get("valid")]
    return "ok" if False in said and True not in (value.get("valid"), said[2]) else "wrong"


def _report(exchange: Exchange) -> tuple[dict[str, str], bool]:
    """Return what a health body says of itself, and whether it is the constant form."""
    try:
        value = mapping(json_of(exchange, "any", statuses=frozenset({exchange.status or 0})))
    except SourceError:
        return {}, False
    newer = mapping(value.get("data"))
    body = newer or value
    found: dict[str, str] = {}
    services = {"database": value.get("database"), **mapping(body.get("services"))}
    for name, said in {"status": body.get("status"), **services}.items():
        word = said.get("status") if isinstance(said, dict) else said
        if isinstance(word, str):
            found[name] = text_of(word) or ""
    constant = not newer and bool(found) and "services" in value
    return dict(sorted(found.items())), constant
