"""Tell users on the public page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ..errors import UsageError
from . import _statuspage as sp
from .base import COMMANDER, drafted, one_line, refused
from .facts import Facts
from .models import Assumption, Blast, Change, Find, Plan, Verification, exact
from .wording import PUBLIC_IMPACT, public_body


class StatuspageCreate:
    """One public incident; customers' e-mail is off unless asked for."""

    name: ClassVar[str] = "statuspage-create"
    steps: ClassVar[tuple[str, ...]] = ("post.communicate",)
    changes: ClassVar[str] = "an incident on the public status page"
    who: ClassVar[str] = COMMANDER
    verified: ClassVar[str] = "the page lists it as unresolved"
    undone: ClassVar[str] = "it is resolved and its components are set back; e-mails cannot be unsent"
    arguments: ClassVar[Mapping[str, str]] = {
        "name": "public title",
        "body": "public text",
        "status": "investigating, identified or monitoring",
        "components": "ids of the components concerned",
        "component_status": "how they are shown",
        "email": "tell subscribers by e-mail",
    }

    def plan(
        self,
        facts: Facts,
        *,
        name: str | None = None,
        body: str | None = None,
        status: str = "investigating",
        components: Sequence[str] = (),
        component_status: str = "degraded_performance",
        email: bool = False,
        **given: Any,
    ) -> Plan:
        """
        Return the plan of the public incident.

        Raises
        ------
        UsageError
            A status that Statuspage does not know, or that no new incident has.
        """
        arguments = {
            "name": name,
            "body": body,
            "status": status,
            "components": list(components) or None,
            "component_status": component_status if components else None,
            "email": email or None,
            **given,
        }
        sp.checked(status, component_status)
        if status == "resolved":
            raise UsageError(
                "status 'resolved': a new incident is investigating, identified or monitoring. Nothing was planned."
            )
        title = "Create an incident on the public status page"
        if not facts.settings.statuspage_page:
            return refused(self, facts, title, "statuspage_page is not set", arguments)
        shown = one_line(name or "Elevated errors", 200)
        text = one_line(body, 2000) if body else public_body(facts, status)
        sent: dict[str, Any] = {
            "name": shown,
            "status": status,
            "impact_override": PUBLIC_IMPACT.get(facts.severity, "minor"),
            "body": text,
            "deliver_notifications": bool(email),
        }
        if components:
            sent["component_ids"] = list(components)
            sent["components"] = dict.fromkeys(components, component_status)
        there = Find(
            look=sp.call(facts, "GET", "incidents/unresolved"),
            where=(("name", exact(shown)),),
            items="#list",
            keeps=(("statuspage_id", "id"),),
        )
        kept = [
            Assumption(
                words=f"the component {key} is there",
                find=Find(
                    look=sp.call(facts, "GET", "components"),
                    items="#list",
                    where=(("id", exact(key)),),
                    keeps=((f"component_{key}", "status"),),
                ),
            )
            for key in components
        ]
        back: dict[str, Any] = {
            "status": "resolved",
            "body": "This notice was posted in error.",
            "deliver_notifications": False,
        }
        if components:
            back["components"] = {key: f"${{component_{key}}}" for key in components}
        undo = Change(
            id="resolve",
            words="resolve it, and set its components back",
            request=sp.call(facts, "PATCH", "incidents/${statuspage_id}", {"incident": back}),
            find=Find(look=there.look, items="#list", where=there.where, absent=True, keeps=there.keeps),
        )
        return drafted(
            self,
            facts,
            shown,
            title,
            arguments,
            changes=(
                Change(
                    id="create",
                    words=f"POST …/incidents: “{shown}”, {status}, e-mail {'ON' if email else 'off'}",
                    request=sp.call(facts, "POST", "incidents", {"incident": sent}),
                    find=there,
                    keeps=(("statuspage_id", "id"),),
                    undo=(undo,),
                ),
            ),
            assumptions=tuple(kept),
            blast=(Blast(what="subscribers who get an e-mail", figure=None if email else 0.0),),
            warnings=("customers get an e-mail, which cannot be unsent",) if email else (),
            when="when users notice, and the first facts are sure",
            why=one_line(text, 300),
            risk="public at once",
            undo_words=self.undone,
            undoable=True,
            verification=Verification(words=self.verified, state=(there,)),
        )
