"""Requests need more CPU than a Worker gets."""

from ...builder import Builder
from ...causes import edge
from ...scenario import Scenario, Told


def steps(b: Builder) -> Told:
    """End a part of the heavy requests with error 1102."""
    return edge.worker_limits(
        b,
        paths=("/api/pitches/search", "/api/investor/portfolio", "/api/creator/dashboard", "/api/browse"),
        share=b.between("share", 0.25, 0.45),
        ramp_s=b.between("ramp", 60, 240),
        cpu=b.between("cpu", 2.2, 3.2),
        texts=("request ended by the runtime: exceeded CPU time limit ({method} {route})",),
    )


RUNBOOKS = ("triage", "outage", "performance")
SCENARIOS = (
    Scenario(
        name="worker_limits",
        title="Workers exceed their CPU limit",
        cause="worker_limits",
        steps=steps,
        runbooks=RUNBOOKS,
    ),
    Scenario(
        name="worker_limits_noisy",
        title="Workers exceed their CPU limit beside a noisy neighbour",
        cause="worker_limits",
        steps=steps,
        runbooks=RUNBOOKS,
        beside=("noisy_neighbour",),
    ),
)
