"""Carry the public incident on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from . import _statuspage as sp
from .base import COMMANDER, drafted, one_line, refused
from .facts import Facts
from .models import Assumption, Blast, Change, Find, Plan, Verification, exact
from .wording import public_body


class StatuspageUpdate:
    """One update of a public incident, found by its name; e-mail is off unless asked for."""

    name: ClassVar[str] = "statuspage-update"
    steps: ClassVar[tuple[str, ...]] = ("post.communicate",)
    changes: ClassVar[str] = "an incident on the public status page"
    who: ClassVar[str] = COMMANDER
    verified: ClassVar[str] = "the page shows the status"
    undone: ClassVar[str] = "the old status is set again; the update's text stays in its history"
    arguments: ClassVar[Mapping[str, str]] = {
        "name": "public title of the incident",
        "body": "public text",
        "status": "investigating, identified, monitoring or resolved",
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
        status: str = "monitoring",
        components: Sequence[str] = (),
        component_status: str = "operational",
        email: bool = False,
        **given: Any,
    ) -> Plan:
        """Return the plan of the update."""
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
        title = "Update the incident on the public status page"
        if not facts.settings.statuspage_page:
            return refused(self, facts, title, "statuspage_page is not set", arguments)
        shown = one_line(name or "Elevated errors", 200)
        text = one_line(body, 2000) if body else public_body(facts, status)
        sent: dict[str, Any] = {"status": status, "body": text, "deliver_notifications": bool(email)}
        back: dict[str, Any] = {"status": "${old_status}", "body": "Correction.", "deliver_notifications": False}
        if components:
            sent["components"] = dict.fromkeys(components, component_status)
            back["components"] = {key: f"${{component_{key}}}" for key in components}
        look = sp.call(facts, "GET", "incidents/unresolved")
        keeps = (("statuspage_id", "id"), ("old_status", "status"))
        unresolved = Assumption(
            words=f"the page has the unresolved incident “{shown}”",
            find=Find(look=look, items="#list", where=(("name", exact(shown)),), keeps=keeps),
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
        one = sp.call(facts, "GET", "incidents/${statuspage_id}")
        done = Find(look=one, where=(("status", status), ("incident_updates.0.body", exact(text))))
        undo = Change(
            id="back",
            words="set the old status and components again",
            request=sp.call(facts, "PATCH", "incidents/${statuspage_id}", {"incident": back}),
            requires=Find(look=one, where=(("status", status),)),
            find=Find(look=one, where=(("status", "${old_status}"),)),
        )
        return drafted(
            self,
            facts,
            shown,
            title,
            arguments,
            changes=(
                Change(
                    id="update",
                    words=f"PATCH …/incidents/…: {status}, e-mail {'ON' if email else 'off'}",
                    request=sp.call(facts, "PATCH", "incidents/${statuspage_id}", {"incident": sent}),
                    find=done,
                    undo=(undo,),
                ),
            ),
            assumptions=(unresolved, *kept),
            blast=(Blast(what="subscribers who get an e-mail", figure=None if email else 0.0),),
            warnings=(
                *(("customers get an e-mail, which cannot be unsent",) if email else ()),
                *(
                    ("a resolved incident does not set its components back unless they are named",)
                    if status == "resolved" and not components
                    else ()
                ),
            ),
            when="whenever what users see has changed",
            why=one_line(text, 300),
            risk="public at once",
            undo_words=self.undone,
            undoable=True,
            verification=Verification(words=self.verified, state=(done,)),
        )
