"""Clear entries of the monitoring's store, by prefix, with a list shown before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from ..errors import UsageError
from . import _cloudflare as cf
from .base import COMMANDER, drafted, one_line, refused
from .facts import Facts
from .models import Assumption, Blast, Change, Find, Plan, Request, Verification

MOST = 100
"""Keys of one plan."""
LIKELY = ("monitoring_blind", "monitoring_stopped")


def key_request(facts: Facts, method: str, key: str, body: Any = None) -> Request:
    """Return the call for one key's value."""
    path = f"storage/kv/namespaces/{facts.settings.kv_namespace}/values/{quote(key, safe='')}"
    return cf.account(facts, method, path, body, form="text" if body is not None else "json")


def listing(facts: Facts, prefix: str) -> Request:
    """Return the reading of the keys below *prefix*."""
    path = f"storage/kv/namespaces/{facts.settings.kv_namespace}/keys"
    return cf.account(facts, "GET", path, query=(("prefix", prefix), ("limit", "1000")))


class ClearState:
    """Named keys are deleted one by one, their values kept for going back."""

    name: ClassVar[str] = "clear-state"
    steps: ClassVar[tuple[str, ...]] = ("monitoring.clear-state",)
    changes: ClassVar[str] = "cached figures and state of the monitoring"
    who: ClassVar[str] = COMMANDER
    verified: ClassVar[str] = "no key of the list is there any more"
    undone: ClassVar[str] = "the values are written back; those that had an end of their own have none then"
    arguments: ClassVar[Mapping[str, str]] = {
        "prefix": "one of kv_prefixes in the settings",
        "keys": "the keys, as they were listed before",
    }

    def plan(self, facts: Facts, *, prefix: str | None = None, keys: Sequence[str] | None = None, **given: Any) -> Plan:
        """
        Return the plan; the keys must have been listed before, and nobody clears what is not shown.

        Raises
        ------
        UsageError
            A prefix that may not be cleared, or keys outside of it.
        """
        allowed = facts.settings.kv_prefixes
        wanted = prefix or (allowed[0] if allowed else "")
        named = None if keys is None else [str(key) for key in keys]
        arguments = {"prefix": prefix, "keys": named, **given}
        if wanted and not any(wanted.startswith(one) for one in allowed):
            known = ", ".join(allowed)
            raise UsageError(
                f"prefix {wanted[:60]!r}: only what begins with {known} may be cleared. Nothing was planned."
            )
        strange = [key for key in named or () if not key.startswith(wanted)]
        if strange:
            raise UsageError(f"key {strange[0][:60]!r} does not begin with {wanted!r}. Nothing was planned.")
        common: dict[str, Any] = {
            "when": "when a cached answer is provably wrong for longer than its five minutes",
            "why": facts.summary
            if facts.cause in LIKELY
            else "the stores forget by themselves; clearing them loses what the next responder could compare with",
            "risk": "counters and baselines begin anew",
        }
        title = f"Clear the entries below {wanted!r}"
        lacking = cf.missing(facts, of_zone=False) or ("" if facts.settings.kv_namespace else "kv_namespace is not set")
        if not lacking and named is None:
            lacking = "the keys must be listed first: `pitchey-ops action plan clear-state` does that"
        if not lacking and not named:
            lacking = f"no key begins with {wanted!r}"
        if not lacking and len(named or ()) > MOST:
            lacking = f"{len(named or ())} keys: at most {MOST} at once; take a longer prefix"
        if lacking or not named:
            return refused(self, facts, title, lacking, arguments, target=wanted, **common)
        changes, assumptions, gone = [], [], []
        for number, key in enumerate(named):
            look = key_request(facts, "GET", key)
            keeps = ((f"value_{number}", "#raw"),)
            there = Find(look=look, where=(("#raw", "*"),), missing_is_none=True, keeps=keeps)
            absent = Find(look=look, where=(("#raw", "*"),), absent=True, missing_is_none=True)
            assumptions.append(Assumption(words=f"{one_line(key, 100)} is there", find=there))
            gone.append(absent)
            back = Change(
                id=f"put {number}",
                words=f"write {one_line(key, 100)} back",
                request=key_request(facts, "PUT", key, f"${{value_{number}}}"),
                find=there,
                repeatable=True,
            )
            changes.append(
                Change(
                    id=f"delete {number}",
                    words=f"delete {one_line(key, 100)}",
                    request=key_request(facts, "DELETE", key),
                    find=absent,
                    repeatable=True,
                    undo=(back,),
                )
            )
        return drafted(
            self,
            facts,
            wanted,
            f"{title}: {len(named)} keys",
            arguments,
            changes=tuple(changes),
            assumptions=tuple(assumptions),
            blast=(Blast(what="keys deleted", figure=float(len(named))),),
            warnings=("keys: " + ", ".join(one_line(key, 60) for key in named[:40]),),
            undo_words=self.undone,
            undoable=True,
            verification=Verification(words=self.verified, state=tuple(gone)),
            mitigates=True,
            **common,
        )
