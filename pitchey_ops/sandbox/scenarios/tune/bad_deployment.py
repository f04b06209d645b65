"""A deployment of production breaks one service within a minute or so."""

from ...builder import Builder, Tracked
from ...causes import release
from ...scenario import Scenario, Told

TEXTS = {
    "pitch": (
        "TypeError: Cannot read properties of undefined (reading 'budget') in {method} {route}",
        "TypeError: pitch.genres.map is not a function while serving {route}",
    ),
    "browse": ("TypeError: Cannot destructure property 'facets' of 'result' as it is undefined ({route})",),
    "investor": ("TypeError: portfolio.positions.reduce is not a function for {user}",),
    "creator": ("ReferenceError: formatRuntime is not defined while building the dashboard of {user}",),
}
CULPRITS = {
    "pitch": "serializePitch(src/pitch/serialize)",
    "browse": "facets(src/browse/query)",
    "investor": "summarise(src/investor/portfolio)",
    "creator": "build(src/creator/dashboard)",
}


def steps(b: Builder) -> Told:
    """Break pitch (mostly) or one of its neighbours, 30 to 40 % of the requests."""
    service = (
        b.choose("broken service", ("pitch", "pitch", "pitch", "browse", "investor", "creator")) if b.seed else "pitch"
    )
    texts = TEXTS[service]
    kind, value = texts[0].split(": ", 1)
    value = value.split(" in {", 1)[0].split(" (", 1)[0].split(" for {", 1)[0].split(" while", 1)[0]
    return release.release(
        b,
        service=service,
        share=b.between("share", 0.3, 0.4),
        lead_s=b.between("lead", 25, 150),
        texts=texts,
        tracked=Tracked(type=kind, value=value, culprit=CULPRITS[service]),
        stack=f"{kind}: {value}\n    at {CULPRITS[service]}:114:27\n    at handle (src/worker.ts:61:20)",
        message="new pitch serializer" if service == "pitch" else f"rework {service} answers",
        uncaught=b.between("uncaught", 0, 1) < 0.5,
    )


RUNBOOKS = ("triage", "outage", "error_rate")
SCENARIOS = (
    Scenario(
        name="bad_deployment",
        title="Deployment breaks one service",
        cause="bad_deployment",
        steps=steps,
        runbooks=RUNBOOKS,
        severity="P2",
        seeds=3,
    ),
    Scenario(
        name="bad_deployment_noisy",
        title="Deployment breaks one service, another complains loudly",
        cause="bad_deployment",
        steps=steps,
        runbooks=RUNBOOKS,
        severity="P2",
        beside=("noisy_neighbour",),
    ),
)
