"""
Deploy a Worker's version again.

The written runbook says ``wrangler deploy src/monitoring-worker.ts --name pitchey-monitoring``: a build from source,
which without the project's configuration uploads ``"bindings": []`` (contract third-party, trap 2). What it is there
for, a restart of the Worker, a new deployment of what is uploaded already gives, bindings and all. A new build stays
a person's, in the project's folder; the plan says with which command.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from . import _cloudflare as cf
from .base import COMMANDER, drafted, mark_for, refused
from .facts import Facts
from .models import Assumption, Blast, Change, Find, Plan, Verification, exact
from .rollback import LIMITS

BUILD = (
    "this deploys again what is uploaded: a restart, no build. New code is deployed from the project's folder, with "
    "its configuration: `npx wrangler deploy --config wrangler.toml`; never `wrangler deploy FILE --name`, as the "
    "written runbook has it: without the configuration it drops all bindings"
)


def worker(name: str) -> str:
    """Return a monitoring Worker's name, which people say without its beginning."""
    return f"pitchey-{name}" if name and not name.startswith("pitchey-") else name


class Redeploy:
    """One deployment of a version that is there already: its code and bindings as they were uploaded."""

    name: ClassVar[str] = "redeploy"
    steps: ClassVar[tuple[str, ...]] = ("monitoring.redeploy",)
    changes: ClassVar[str] = "the deployment of a Worker"
    who: ClassVar[str] = COMMANDER
    verified: ClassVar[str] = "the new deployment is the active one"
    undone: ClassVar[str] = "the version that ran before is deployed again"
    arguments: ClassVar[Mapping[str, str]] = {"script": "the Worker", "version": "what to deploy; now: what runs"}

    def plan(self, facts: Facts, *, script: str | None = None, version: str | None = None, **given: Any) -> Plan:
        """Return the plan; by default the version that runs now, for the Worker that was seen to fail."""
        arguments = {"script": script, "version": version, **given}
        failing = [row for row in facts.rule("monitoring") if row.get("service")]
        wanted = worker(script or (str(failing[0]["service"]) if failing else ""))
        rows = [one for one in facts.deployments if one.script == wanted]
        now = rows[-1].version if rows else None
        target = version or now
        title = f"Redeploy {wanted or 'the failing monitoring Worker'}"
        lacking = cf.missing(facts, of_zone=False)
        if not lacking and not wanted:
            lacking = "no monitoring Worker was seen to fail; name one with script"
        if not lacking and (target is None or now is None):
            lacking = f"what {wanted} runs was not seen: its deployments must be read first"
        common: dict[str, Any] = {
            "when": "when a monitoring Worker ends badly or its jobs left no trace, after its last deployment was "
            "looked at",
            "why": str(failing[0].get("claim")) if failing else "no monitoring Worker was seen to fail",
            "risk": "a gap of seconds in its figures",
            "warnings": (*LIMITS, BUILD),
        }
        if lacking or target is None or now is None:
            return refused(self, facts, title, lacking, arguments, target=wanted, **common)
        mark = mark_for(self, facts, arguments)
        message = f"{facts.incident or 'pitchey-ops'} redeploy {mark}"
        done = Find(look=cf.deployments(facts, wanted), where=((cf.VERSION, exact(target)), (cf.MESSAGE, f"~{mark}")))
        undo = Change(
            id="back",
            words=f"deploy {now} again",
            request=cf.deployed(facts, wanted, now, f"{facts.incident} redeploy undone {mark}"),
            find=Find(look=cf.deployments(facts, wanted), where=((cf.VERSION, exact(now)), (cf.MESSAGE, "~undone"))),
            requires=done,
        )
        return drafted(
            self,
            facts,
            wanted,
            f"{title}: version {target}",
            arguments,
            changes=(
                Change(
                    id="deploy",
                    words=f"POST …/scripts/{wanted}/deployments, 100 % of version {target}",
                    request=cf.deployed(facts, wanted, target, message),
                    find=done,
                    undo=(undo,),
                ),
            ),
            assumptions=(Assumption(words=f"{wanted} still runs {now}", find=cf.runs(facts, wanted, now)),),
            blast=(Blast(what=f"requests to {wanted}", figure=1.0, unit="share"),),
            undo_words=f"deploy {now} again",
            undoable=True,
            verification=Verification(words=self.verified, state=(done,)),
            mitigates=True,
            **common,
        )
