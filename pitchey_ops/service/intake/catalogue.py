"""Every kind of hook, and their secrets. A new kind is one file and a line here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from ...errors import ConfigError
from ..config import secret
from . import alertmanager, pagerduty, pitchey, plain, sentry, slack
from .hook import Hook

HOOKS: dict[str, Hook] = {
    hook.kind: hook for hook in (pitchey.HOOK, pagerduty.HOOK, sentry.HOOK, alertmanager.HOOK, plain.HOOK, slack.HOOK)
}
SHORT = 16
"""A shared secret of fewer characters can be guessed; the start-up check says so."""


@dataclass(frozen=True, slots=True)
class HookSecrets:
    """Secrets by kind of hook, one or two of each; a kind without one is closed."""

    by_kind: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    def of(self, kind: str) -> tuple[str, ...]:
        """Return the secrets of *kind*, an empty tuple where it is closed."""
        return self.by_kind.get(kind, ())

    def short(self) -> list[str]:
        """Return kinds with a secret that is too short to be one."""
        return [kind for kind, secrets in self.by_kind.items() if any(len(one) < SHORT for one in secrets)]


def secrets_from(environment: Mapping[str, str] | None = None) -> HookSecrets:
    """
    Read ``PITCHEY_OPS_HOOK_<KIND>_SECRET`` and, during a rotation, ``..._SECRET_2``, or files by ``..._FILE``.

    Raises
    ------
    ConfigError
        Listing every fault; values are not shown.
    """
    values = os.environ if environment is None else environment
    found: dict[str, tuple[str, ...]] = {}
    faults: list[str] = []
    for hook in HOOKS.values():
        given = []
        for name in (hook.variable, f"{hook.variable}_2"):
            try:
                given.append(secret(name, values))
            except ConfigError as exc:
                faults += exc.faults
        kept = tuple(one for one in given if one)
        if kept:
            found[hook.kind] = kept
    if faults:
        raise ConfigError("the secrets of hooks", faults)
    return HookSecrets(found)
