"""KV is slow and drops reads: the database carries what the cache should."""

from ...builder import Builder
from ...causes import edge
from ...scenario import Scenario, Told


def steps(b: Builder) -> Told:
    """Slow KV down and let a third of its reads fail."""
    return edge.cache(
        b,
        failing=b.between("failing", 0.03, 0.06),
        add_ms=b.between("add", 350, 600),
        load=b.between("load", 1.8, 2.4),
        texts=(
            "kv get failed: 503 service unavailable key=pitch:{id}",
            "kv get timed out after {slow_ms} ms key=browse:{hex}",
        ),
    )


RUNBOOKS = ("triage", "performance")
SCENARIOS = (
    Scenario(name="cache_degraded", title="KV degraded", cause="cache_degraded", steps=steps, runbooks=RUNBOOKS),
    Scenario(
        name="cache_degraded_deployment",
        title="KV degraded, an unrelated deployment minutes before",
        cause="cache_degraded",
        steps=steps,
        runbooks=RUNBOOKS,
        beside=("unrelated_deployment",),
    ),
)
