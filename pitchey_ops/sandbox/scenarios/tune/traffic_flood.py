"""Many times the ordinary traffic, from all over the world."""

from ...builder import Builder
from ...causes import edge
from ...scenario import Scenario, Told


def steps(b: Builder) -> Told:
    """Flood two public routes."""
    return edge.flood(
        b,
        paths=("/api/pitches/search", "/api/browse"),
        times=b.between("times", 6, 12),
        count=2600,
        agents=edge.BOT_AGENTS,
        ramp_s=b.between("ramp", 40, 150),
    )


RUNBOOKS = ("triage", "outage", "security", "performance")
SCENARIOS = (
    Scenario(name="traffic_flood", title="Traffic flood", cause="traffic_flood", steps=steps, runbooks=RUNBOOKS),
    Scenario(
        name="traffic_flood_deployment",
        title="Traffic flood, an unrelated deployment minutes before",
        cause="traffic_flood",
        steps=steps,
        runbooks=RUNBOOKS,
        beside=("unrelated_deployment",),
    ),
)
