"""Which behaviour of the world holds for a request: the last match wins (`world.Behaviour`)."""

from __future__ import annotations

from .store import unit_hash
from .world import Behaviour, World


def behaviour_for(world: World, service: str, path: str, now_ms: int) -> Behaviour | None:
    """
    Return the behaviour of *service* for *path* at *now_ms*, or None for the default answer.

    A behaviour's path is a prefix, but ``/`` means the page ``/`` alone (``""`` is all of the service).
    A share below 1 is drawn from seed, path and second: one second of one path behaves alike.
    """
    draw: float | None = None
    for behaviour in reversed(world.behaviours):
        if behaviour.service != service or not behaviour.start_ms <= now_ms < behaviour.end_ms:
            continue
        if path != "/" if behaviour.path == "/" else not path.startswith(behaviour.path):
            continue
        if behaviour.share < 1.0:
            if draw is None:
                draw = unit_hash(world.seed, path, now_ms // 1000)
            if draw >= behaviour.share:
                continue
        return behaviour
    return None


def is_default(behaviour: Behaviour) -> bool:
    """Whether it changes only latency and headers: 200, JSON, no body of its own."""
    return behaviour.kind == "json" and behaviour.status == 200 and behaviour.body is None
