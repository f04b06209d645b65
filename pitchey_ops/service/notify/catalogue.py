"""Every notifier, one line each: a new one is one new file and one line here."""

from __future__ import annotations

from . import pagerduty, slack
from .base import Maker, Notifier
from .config import NotifyConfig

MAKERS: tuple[Maker, ...] = (slack.from_config, pagerduty.from_config)


def configured(config: NotifyConfig) -> tuple[Notifier, ...]:
    """Return the notifiers that *config* is enough for."""
    return tuple(made for make in MAKERS if (made := make(config)) is not None)
