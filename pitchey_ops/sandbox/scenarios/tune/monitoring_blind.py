"""The monitoring's stores stand still: entries and figures are sent and not kept."""

from ...builder import Builder
from ...causes import watching
from ...scenario import Scenario, Told


def steps(b: Builder) -> Told:
    """Store nothing since the onset; users are well."""
    return watching.blind(
        b,
        texts=("kv put failed: daily write limit reached, {n} entries dropped",),
        error_text="Too many API requests by single worker invocation.",
    )


RUNBOOKS = ("triage", "monitoring")
SCENARIOS = (
    Scenario(
        name="monitoring_blind",
        title="Monitoring stores nothing",
        cause="monitoring_blind",
        steps=steps,
        runbooks=RUNBOOKS,
        onset_min=(25, 45),
        severity="P3",
    ),
    Scenario(
        name="monitoring_blind_deployment",
        title="Monitoring stores nothing, an unrelated deployment before",
        cause="monitoring_blind",
        steps=steps,
        runbooks=RUNBOOKS,
        onset_min=(25, 45),
        beside=("harmless_production_deployment",),
    ),
)
