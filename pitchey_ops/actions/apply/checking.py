"""Did it work? The platform's behaviour over a window, against the time before the incident."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from ...evidence.canonical import iso
from ..models import Behaviour, Find, Plan, Request
from .applying import Applied
from .client import place_of
from .errors import CannotLook, NotSent
from .gate import never_headless
from .hands import Hands
from .hands import hands as hands_of

Result = Literal["VERIFIED", "FAILED", "UNVERIFIED"]
Progress = Callable[[str], None]
EVERY_S = 10.0
"""Own probes while watching: one a route."""
LIMIT = 0.02
"""Failing share that counts as well where the time before the incident was calmer still."""
FEWEST = 20
"""Requests that must have been seen before a share means anything."""
Z95 = 1.96
_QUERY = """
query($zone:string,$from:string,$to:string){viewer{zones(filter:{zoneTag:$zone}){
 httpRequestsAdaptiveGroups(limit:10000,filter:{datetime_geq:$from,datetime_leq:$to},orderBy:[datetimeMinute_DESC]){
  count dimensions{datetimeMinute edgeResponseStatus clientRequestPath}}}}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """
    What was seen after an action.

    Attributes
    ----------
    result
        ``VERIFIED``: all of the state is there, and the behaviour is that of before the incident; ``FAILED``: one of
        them was looked at and is not so; ``UNVERIFIED``: something that was needed could not be looked at, or too
        little was seen to tell.
    figures
        ``baseline``, ``after`` (share or requests a minute), ``requests``, ``probes``, ``probes_failed``.
    delays_s
        Seconds until each part of the state was seen.
    undo
        Whether the undo is offered.
    """

    result: Result
    because: str
    at: datetime
    figures: Mapping[str, float] = field(default_factory=dict)
    delays_s: tuple[float, ...] = ()
    undo: bool = False


def check(
    applied: Applied,
    *,
    hands: Hands | None = None,
    window_s: float | None = None,
    progress: Progress | None = None,
) -> Checked:
    """
    Watch what became of *applied*, and say whether it worked. It waits on the injected clock.

    Parameters
    ----------
    window_s
        Another length of the watch than the plan's, seconds.
    progress
        Hears what is being waited for.
    """
    never_headless()
    own = hands is None
    hands = hands or hands_of(applied.plan.environment)
    try:
        found = _check(applied, hands, window_s, progress or (lambda _: None))
        plan = applied.plan
        event = found.result.lower() if plan.mitigates else "checked"
        hands.journal.write(
            plan,
            event,
            hands.clock.now(),
            result=found.result,
            detail=hands.clean(found.because),
            figures=dict(found.figures),
            delays_s=list(found.delays_s),
        )
        return found
    finally:
        if own:
            hands.client.close()


def _check(applied: Applied, hands: Hands, window_s: float | None, progress: Progress) -> Checked:
    plan = applied.plan
    if applied.state in ("undone", "not_undone"):
        return Checked(
            result="UNVERIFIED", because="it was taken back; there is nothing to check", at=hands.clock.now()
        )
    seen, because, delays = _state_is_so(plan, hands, applied.kept, progress)
    offered = applied.undoable
    if seen is False:
        return Checked(result="FAILED", because=because, at=hands.clock.now(), delays_s=tuple(delays), undo=offered)
    behaviour = plan.verification.behaviour
    if behaviour is None:
        if seen is None:
            return Checked(result="UNVERIFIED", because=because, at=hands.clock.now(), delays_s=tuple(delays))
        if applied.state != "applied":
            why = f"{because}; but not all of the plan was carried out"
            return Checked(result="UNVERIFIED", because=why, at=hands.clock.now(), delays_s=tuple(delays))
        return Checked(result="VERIFIED", because=because, at=hands.clock.now(), delays_s=tuple(delays))
    result, why, figures = _behaves(applied, behaviour, hands, window_s, progress)
    if result == "VERIFIED" and plan.verification.state:
        again, because, _ = _state_is_so(plan, hands, applied.kept, progress, within_s=0.0)
        if again is not True:
            result, why = ("FAILED" if again is False else "UNVERIFIED"), f"{why}; but {because}"
    if result == "VERIFIED" and applied.state != "applied":
        result, why = "UNVERIFIED", f"{why}; but not all of the plan was carried out"
    return Checked(
        result=result,
        because=f"{because}; {why}" if because and because not in why else why,
        at=hands.clock.now(),
        figures=figures,
        delays_s=tuple(delays),
        undo=offered and result == "FAILED",
    )


def _state_is_so(
    plan: Plan, hands: Hands, kept: Mapping[str, Any], progress: Progress, within_s: float | None = None
) -> tuple[bool | None, str, list[float]]:
    """Return whether all of the state is there (None: could not look), why, and how long each part took."""
    finds: tuple[Find, ...] = plan.verification.state
    if not finds:
        return None, "there is no way to read it back", []
    began = hands.clock.now()
    limit = plan.verification.within_s if within_s is None else within_s
    left = dict(enumerate(finds))
    delays: dict[int, float] = {}
    trouble = ""
    while True:
        trouble = ""
        for number, find in list(left.items()):
            try:
                so, _ = hands.client.look(find, kept)
            except (CannotLook, NotSent) as exc:
                trouble = hands.clean(str(exc))
                continue
            if so:
                delays[number] = round((hands.clock.now() - began).total_seconds(), 1)
                del left[number]
        waited = (hands.clock.now() - began).total_seconds()
        if not left or waited >= limit:
            break
        progress(f"waiting for {len(left)} of {len(finds)} to show")
        hands.clock.sleep(min(5.0, max(0.5, limit - waited)))
    ordered = [delays[number] for number in sorted(delays)]
    if not left:
        slowest = max(ordered, default=0.0)
        return True, f"{plan.verification.words}: seen after {slowest:g} s", ordered
    if trouble:
        return None, f"it could not be looked at: {trouble}", ordered
    return False, f"{len(left)} of {len(finds)} did not show within {limit:g} s ({plan.verification.words})", ordered


def _behaves(
    applied: Applied, behaviour: Behaviour, hands: Hands, window_s: float | None, progress: Progress
) -> tuple[Result, str, dict[str, float]]:
    plan = applied.plan
    length = plan.verification.window_s if window_s is None else window_s
    start = applied.at + timedelta(seconds=plan.verification.settle_s)
    end = start + timedelta(seconds=length)
    if (again := hands.clock.now()) >= end:  # asked once more: it is watched on, and all of the time since counts
        end = again + timedelta(seconds=length)
    probes = _Probes(hands, behaviour.routes if behaviour.metric == "failing_share" else ())
    while (now := hands.clock.now()) < end:
        left = (end - now).total_seconds()
        progress(f"watching: {left:.0f} s left")
        if now >= start:
            probes.ask()
        hands.clock.sleep(min(EVERY_S, left) if now >= start else min((start - now).total_seconds(), 30.0))
    figures: dict[str, float] = {"probes": float(probes.asked), "probes_failed": float(probes.failed)}
    if behaviour.baseline_start is None or behaviour.baseline_end is None:
        return _by_probes(probes, "no time before the incident is known to compare with", figures)
    before_span = (datetime.fromisoformat(behaviour.baseline_start), datetime.fromisoformat(behaviour.baseline_end))
    try:
        before = _edge(hands, behaviour, *before_span)
        after = _edge(hands, behaviour, start, end)
    except (CannotLook, NotSent) as exc:
        return _by_probes(probes, f"the edge could not be asked: {hands.clean(str(exc))}", figures)
    figures["requests"] = after.requests
    if before.requests <= 0:
        return _by_probes(probes, "the edge has no figures of the time before the incident", figures)
    if behaviour.metric == "rate":
        minutes = max((end - start).total_seconds() / 60.0, 1e-9)
        was = before.counted / max((before_span[1] - before_span[0]).total_seconds() / 60.0, 1e-9)
        now_ = after.counted / minutes
        figures.update(baseline=was, after=now_)
        limit = max(3.0 * was, was + 2.0)
        words = f"{now_:.3g} a minute, {was:.3g} before the incident"
        if after.all_requests < FEWEST:
            return "UNVERIFIED", f"too little traffic was seen to tell ({after.all_requests:g} requests)", figures
        return ("VERIFIED", words, figures) if now_ <= limit else ("FAILED", f"still {words}", figures)
    was, share = before.share, after.share
    figures.update(baseline=was, after=share)
    words = f"{share * 100:.2g} % of {after.requests:g} requests fail, {was * 100:.2g} % before the incident"
    if after.requests < FEWEST:
        return _by_probes(probes, f"too few requests were seen to tell ({after.requests:g})", figures)
    limit = max(LIMIT, 3.0 * was)
    low, high = wilson(after.counted, after.requests)
    if low > limit:
        return "FAILED", f"still {words}", figures
    middle = max(2.5 * limit, ((behaviour.during or 0.0) + was) / 2)
    if share <= limit and high <= middle and not probes.bad:
        return "VERIFIED", words, figures
    if probes.bad:
        return "FAILED", f"{words}, but own probes fail: {probes.failed} of {probes.asked}", figures
    return "UNVERIFIED", f"{words}: too close to tell; watch on", figures


def _by_probes(probes: _Probes, why: str, figures: dict[str, float]) -> tuple[Result, str, dict[str, float]]:
    """Without figures of before, probes can show that it failed, never that it is well."""
    if probes.bad:
        return "FAILED", f"own probes fail: {probes.failed} of {probes.asked}; {why}", figures
    return "UNVERIFIED", f"{why} (own probes: {probes.failed} of {probes.asked} failed)", figures


@dataclass(slots=True)
class _Edge:
    counted: float = 0.0
    requests: float = 0.0
    all_requests: float = 0.0

    @property
    def share(self) -> float:
        return self.counted / self.requests if self.requests else math.nan


def _edge(hands: Hands, behaviour: Behaviour, start: datetime, end: datetime) -> _Edge:
    """Ask the edge's analytics for the requests of a span (contract third-party A8: sampled, an estimate)."""
    zone = hands.settings.cloudflare_zone
    if not zone:
        raise CannotLook("cloudflare_zone is not set")
    variables = {"zone": zone, "from": iso(start), "to": iso(end)}
    asked = Request(
        service="cloudflare_api", method="POST", path="graphql", body={"query": _QUERY, "variables": variables}
    )
    value = hands.client.read(asked).value
    if place_of(value, "errors"):
        raise CannotLook(f"the analytics refused: {str(place_of(value, 'errors.0.message'))[:200]}")
    rows = place_of(value, "data.viewer.zones.0.httpRequestsAdaptiveGroups")
    if not isinstance(rows, list):
        raise CannotLook("the analytics answered without rows")
    found = _Edge()
    low, high = behaviour.statuses
    for row in rows:
        status, path = place_of(row, "dimensions.edgeResponseStatus"), place_of(row, "dimensions.clientRequestPath")
        number = place_of(row, "count")
        if not isinstance(status, int) or not isinstance(number, int | float):
            continue
        found.all_requests += number
        if behaviour.routes and path not in behaviour.routes:
            continue
        found.requests += number
        found.counted += number if low <= status <= high else 0.0
    return found


class _Probes:
    """Own requests from here to the API: only what fails outright counts, a 401 or 404 is an answer."""

    def __init__(self, hands: Hands, routes: tuple[str, ...]) -> None:
        self._base = hands.settings.url("api")
        self._client = hands.client
        self._paths = ["api/health", *(route.lstrip("/") for route in routes[:4] if route.startswith("/api/"))]
        self.asked = self.failed = 0

    @property
    def bad(self) -> bool:
        """Whether more fail than chance explains."""
        return self.asked >= 5 and wilson(self.failed, self.asked)[0] > 0.05

    def ask(self) -> None:
        """Ask each path once."""
        if self._base is None:
            return
        for path in dict.fromkeys(self._paths):
            self.asked += 1
            status = self._client.status(self._base + path)
            self.failed += status == 0 or status >= 500


def wilson(hits: float, total: float) -> tuple[float, float]:
    """
    Return the 95 % interval of a share (Wilson 1927).

    Returns
    -------
    Lower and upper bound, 0 to 1; (0, 1) without observations.
    """
    if total <= 0:
        return 0.0, 1.0
    share, z2 = hits / total, Z95 * Z95
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = Z95 * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total)) / (1 + z2 / total)
    return max(0.0, middle - half), min(1.0, middle + half)
