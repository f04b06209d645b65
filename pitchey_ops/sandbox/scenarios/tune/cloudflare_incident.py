"""Cloudflare itself fails, in front of everything we run."""

from ...builder import Builder
from ...causes import edge
from ...scenario import Scenario, Told


def steps(b: Builder) -> Told:
    """Fail a part of everything at the edge; the status page follows some minutes later."""
    return edge.cloudflare(
        b,
        share=b.between("share", 0.3, 0.55),
        status=int(b.choose("status", ("500", "520", "522"))),
        code=520,
        incident="Elevated HTTP 5xx errors in several regions",
        components=("CDN/Cache", "Workers", "Pages"),
        lag_min=b.between("lag", 3, 7),
    )


RUNBOOKS = ("triage", "outage", "error_rate")
SCENARIOS = (
    Scenario(
        name="cloudflare_incident",
        title="Cloudflare incident",
        cause="cloudflare_incident",
        steps=steps,
        runbooks=RUNBOOKS,
        seeds=3,
    ),
    Scenario(
        name="cloudflare_incident_deployment",
        title="Cloudflare incident, an unrelated deployment minutes before",
        cause="cloudflare_incident",
        steps=steps,
        runbooks=RUNBOOKS,
        beside=("unrelated_deployment",),
    ),
)
