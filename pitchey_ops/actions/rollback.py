"""Roll a Worker back to the version before the onset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from . import _cloudflare as cf
from .base import COMMANDER, drafted, mark_for, one_line, refused, well_again
from .facts import Facts, target_version
from .models import Assumption, Blast, Change, Find, Plan, Verification, exact

LIKELY = ("bad_deployment", "schema_drift", "frontend_build", "cors_misconfigured", "worker_limits")
"""Causes that a rollback of the Worker may cure."""
LIMITS = (
    "code only: data in D1, KV and R2 is not rolled back",
    "refused by Cloudflare after a Durable Object migration, or when a bound R2 bucket, KV namespace or queue is gone",
    "secrets that were changed since that version stop it (10220); they are shown, and it is never forced",
)


class Rollback:
    """One deployment of an old version at 100 %: the last one before the onset, which was healthy then."""

    name: ClassVar[str] = "rollback"
    steps: ClassVar[tuple[str, ...]] = ("outage.rollback",)
    changes: ClassVar[str] = "the version of a Worker that serves all requests"
    who: ClassVar[str] = COMMANDER
    verified: ClassVar[str] = "the version is active, and the failing share is back at that before the incident"
    undone: ClassVar[str] = "the version that it replaced is deployed again"
    arguments: ClassVar[Mapping[str, str]] = {"script": "the Worker", "version": "another target than the proposed one"}

    def plan(self, facts: Facts, *, script: str | None = None, version: str | None = None, **given: Any) -> Plan:
        """Return the plan; without an onset or a version before it none can be applied."""
        arguments = {"script": script, "version": version, **given}
        wanted = script or facts.settings.worker_script
        bad, healthy = target_version(facts, wanted)
        target = version or healthy
        title = f"Roll {wanted} back to {target or 'the version before the onset'}"
        lacking = cf.missing(facts, of_zone=False)
        if not lacking and target is None:
            lacking = (
                "no onset is known, so no version can be called the last healthy one"
                if facts.onset is None
                else f"no version of {wanted} before the onset was seen"
            )
        if not lacking and bad is None:
            lacking = f"what {wanted} runs now was not seen"
        if not lacking and bad is not None and bad.version == target:
            lacking = f"{target} is what runs since the onset: going there changes nothing"
        common: dict[str, Any] = {
            "when": "when a deployment lies just before the onset and the errors are of the new release",
            "why": facts.summary
            if facts.cause in LIKELY
            else "the leading cause is another one: a rollback would not help",
            "risk": "bound data (D1, KV) is not rolled back; changed secrets (10220) stop it and are shown to you",
            "warnings": LIMITS,
            "target": wanted,
        }
        if lacking or bad is None or target is None:
            return refused(self, facts, title, lacking, arguments, **common)
        del common["target"]
        mark = mark_for(self, facts, arguments)
        message = f"{facts.incident or 'pitchey-ops'} rollback {mark}"
        active = cf.runs(facts, wanted, target)
        undo = Change(
            id="forward",
            words=f"deploy {bad.version} again",
            request=cf.deployed(facts, wanted, bad.version, f"{message} undone"),
            find=cf.runs(facts, wanted, bad.version),
            requires=active,
        )
        there = Find(
            look=cf.versions(facts, wanted),
            items="result.items",
            where=(("id", exact(target)),),
        )
        affected = facts.share_of(facts.routes) if facts.routes else None
        return drafted(
            self,
            facts,
            wanted,
            title,
            arguments,
            changes=(
                Change(
                    id="deploy",
                    words=f"POST …/scripts/{wanted}/deployments, 100 % of version {target}; never forced",
                    request=cf.deployed(facts, wanted, target, message),
                    find=active,
                    ours=cf.MESSAGE,
                    undo=(undo,),
                ),
            ),
            assumptions=(
                Assumption(
                    words=f"{wanted} still runs {bad.version}",
                    find=cf.runs(facts, wanted, bad.version),
                ),
                Assumption(words=f"version {target} can still be deployed", find=there),
            ),
            blast=(
                Blast(what=f"requests to {wanted} that get the other version", figure=1.0, unit="share"),
                Blast(what="share of all requests on the routes that fail", figure=affected, unit="share"),
                Blast(what="users affected so far", figure=None if facts.users is None else float(facts.users)),
            ),
            undo_words=f"deploy {bad.version} (“{one_line(bad.message, 60)}”) again",
            undoable=True,
            verification=Verification(
                words=self.verified,
                state=(active,),
                behaviour=well_again(facts),
                settle_s=60.0,
                window_s=300.0,
            ),
            mitigates=True,
            **common,
        )
