"""Users fail while the platform's own figures stay calm: the logs service has stored nothing since before the onset."""

from dataclasses import replace

from ... import effects as fx
from ...builder import Builder
from ...distractors import logs_unseen
from ...scenario import Scenario, Told
from ...world import Behaviour
from . import bad_deployment


def steps(b: Builder) -> Told:
    """Break a service by a deployment, where the log store cannot see it."""
    told = bad_deployment.steps(b)
    logs_unseen(b)
    since = b.onset_ms - 20 * 60_000
    for path in ("/logs/query", "/logs/search"):
        fx.answer(
            b,
            Behaviour(
                service="logs",
                path=path,
                start_ms=since,
                end_ms=b.now_ms + 5 * 3_600_000,
                share=0.3,
                status=500,
                kind="text",
                body="Too many API requests by single worker invocation.",
            ),
        )
    return replace(
        told, note="The logs service is blind as well; the cause shows at the edge, in the archive and in Sentry"
    )


SCENARIOS = (
    Scenario(
        name="logs_blind",
        title="Deployment breaks a service, the logs service is blind",
        cause="bad_deployment",
        steps=steps,
        runbooks=("triage", "outage", "error_rate"),
        seeds=3,
    ),
)
