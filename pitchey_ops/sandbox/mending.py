"""Whether what people did is the cure: after the right action the incident ends, after the wrong one it goes on."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from functools import cached_property

from .builder import MINUTE, Builder, Crowd
from .effects import PRODUCTION
from .generate import broken_again, mended
from .scenarios import catalogue
from .state import State
from .world import Deployment, World

FRONTEND = "pitchey-frontend"
RELEASES: dict[str, tuple[str, ...]] = {
    "bad_deployment": (PRODUCTION,),
    "schema_drift": (PRODUCTION,),
    "worker_limits": (PRODUCTION,),
    "cors_misconfigured": (PRODUCTION, FRONTEND),
    "auth_fault": (PRODUCTION,),
    "frontend_build": (FRONTEND,),
    "frontend_assets": (FRONTEND,),
    "web_vitals_regression": (FRONTEND, PRODUCTION),
    "monitoring_stopped": ("pitchey-monitoring", "pitchey-logs", "pitchey-apm"),
}
"""Causes that a deployment brings, and whose deployments."""
ATTACKS = frozenset({"brute_force", "injection_attack", "scraping", "rate_limit_bypass", "traffic_flood"})
JUST_BEFORE_MS = 10 * MINUTE
BLOCKED_ENOUGH = 0.9
"""Share of the attackers' addresses; with so many blocked the attack is over."""
_PATH = re.compile(r'http\.request\.uri\.path eq "([^"]+)"')


class Mending:
    """Watches what people changed, and carries the world on accordingly."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._original = state.world
        self._cured = False
        truth, known = self._original.truth, state.world.name in catalogue()
        self._cause = truth.cause if truth is not None and known else "none"

    @cached_property
    def _culprit(self) -> Deployment | None:
        return self._find_culprit() if self._cause in RELEASES else None

    @cached_property
    def _crowds(self) -> list[Crowd]:
        return self._attackers() if self._cause in ATTACKS else []

    def due(self) -> bool:
        """Whether what people changed makes the world go on otherwise."""
        return self._is_cured() != self._cured

    def changed(self) -> None:
        """Look at what is so now; where it cures or breaks anew, the world goes on otherwise from this moment."""
        cured = self._is_cured()
        if cured == self._cured:
            return
        state, now = self._state, self._state.now_ms
        world: World
        world = mended(state.world, self._original, now) if cured else broken_again(state.world, self._original, now)
        self._cured = cured
        state.world = world
        state.logs = state.logs.rebased(world)
        state.apm = state.apm.rebased(world)
        state.archive = state.archive.rebased(world)

    def _is_cured(self) -> bool:
        if self._culprit is not None:
            active = running(self._state, self._culprit.script)
            return active is not None and active.number < self._culprit.number
        if not self._crowds:
            return False
        if self._state.security_level == "under_attack":
            return True
        hindered = {path for rules in self._state.rulesets.values() for path in _paths(rules)}
        rest = [crowd for crowd in self._crowds if crowd.route not in hindered]
        addresses = {address for crowd in rest for address in crowd.addresses}
        blocked = [rule["configuration"]["value"] for rule in self._state.access_rules.values()]
        return _share_blocked(addresses, blocked) >= BLOCKED_ENOUGH

    def _find_culprit(self) -> Deployment | None:
        truth = self._original.truth
        if truth is None or truth.onset_ms is None:
            return None
        onset = truth.onset_ms
        near = [
            one
            for one in self._original.deployments
            if one.script in RELEASES[self._cause] and onset - JUST_BEFORE_MS <= one.at_ms <= onset
        ]
        return max(near, key=lambda one: one.at_ms, default=None)

    def _attackers(self) -> list[Crowd]:
        world = self._original
        b = Builder(world.seed, world.now_ms, world.entries)
        truth = catalogue()[world.name].stage(b)
        onset = truth.onset_ms or 0
        return [
            crowd
            for crowd in b.crowds
            if not crowd.users and crowd.span.start_ms >= onset - JUST_BEFORE_MS and crowd.span.end_ms > world.now_ms
        ]


def deployments(state: State, script: str) -> list[Deployment]:
    """Return what was deployed of *script* until now, newest first."""
    known = [d for d in state.world.deployments if d.script == script and d.at_ms <= state.now_ms]
    known.sort(key=lambda d: (d.at_ms, d.number))
    placed = [*known, *(d for d in state.deployed if d.script == script)]
    order = sorted(range(len(placed)), key=lambda place: (placed[place].at_ms, place), reverse=True)
    return [placed[place] for place in order]


def running(state: State, script: str) -> Deployment | None:
    """Return what *script* runs now."""
    return next(iter(deployments(state, script)), None)


def _paths(ruleset: dict[str, object]) -> list[str]:
    rules = ruleset.get("rules")
    rows = rules if isinstance(rules, list) else []
    return [found[1] for rule in rows if (found := _PATH.search(str(rule.get("expression"))))]


def _share_blocked(addresses: set[str], rules: Sequence[str]) -> float:
    if not addresses:
        return 1.0
    if not rules:
        return 0.0
    networks = [ipaddress.ip_network(rule) for rule in rules]
    hit = 0
    for text in addresses:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            continue
        hit += any(address.version == network.version and address in network for network in networks)
    return hit / len(addresses)
