"""Where messages go: settings of the platform's third parties, and what only the service needs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ...errors import ConfigError
from ...evidence import ids
from ...postmortem.calendar import Calendar, calendar
from ...settings import Settings

_CHANNEL = re.compile(r"[CG][A-Z0-9]{4,20}\Z")
_MAIL = re.compile(r"[^\s@<>\"']{1,64}@[^\s@<>\"']{1,190}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyConfig:
    """
    What notifiers need; ``repr`` leaves the secrets out.

    Attributes
    ----------
    public_url
        Address of the web page as people reach it, without a slash at its end; None: messages hold no links.
    slack_url, pagerduty_url
        Base addresses of the two APIs, with a slash at their end.
    slack_channel
        Id of the channel (``C…``), which uploads need; a name is not taken.
    pagerduty_from
        E-mail address of a user of PagerDuty, without which it takes no notes.
    archive_root
        Where charts are read from.
    """

    public_url: str | None = None
    slack_url: str | None = None
    slack_token: str | None = field(default=None, repr=False)
    slack_channel: str | None = None
    pagerduty_url: str | None = None
    pagerduty_token: str | None = field(default=None, repr=False)
    pagerduty_from: str | None = None
    archive_root: Path = Path()
    days: Calendar = field(default_factory=Calendar)

    def link(self, incident: str, run: str | None = None) -> str | None:
        """Return the address of an incident's page, or of a run's part of it."""
        if self.public_url is None:
            return None
        tail = f"#{ids.run_id(run)}" if run else ""
        return f"{self.public_url}/incidents/{ids.incident_id(incident)}{tail}"


def load_notify(settings: Settings, environment: Mapping[str, str] | None = None) -> NotifyConfig:
    """
    Read ``PITCHEY_OPS_PUBLIC_URL``, ``_SLACK_CHANNEL`` and ``_PAGERDUTY_FROM``; the tokens are settings.

    Raises
    ------
    ConfigError
        Listing every fault at once; no value of a secret is shown.
    """
    values = os.environ if environment is None else environment
    faults: list[str] = []

    slack = settings.token("slack")
    pagerduty = settings.token("pagerduty")
    config = NotifyConfig(
        public_url=public_url(values, faults),
        slack_url=settings.url("slack") or "https://slack.com/",
        slack_token=slack.get_secret_value() if slack else None,
        slack_channel=values.get("PITCHEY_OPS_SLACK_CHANNEL", "").strip() or None,
        pagerduty_url=settings.url("pagerduty") or "https://api.pagerduty.com/",
        pagerduty_token=pagerduty.get_secret_value() if pagerduty else None,
        pagerduty_from=values.get("PITCHEY_OPS_PAGERDUTY_FROM", "").strip() or None,
        archive_root=settings.archive_root(),
        days=calendar(
            settings.business_timezone,
            settings.business_hours_start,
            settings.business_hours_end,
            settings.business_holidays,
        ),
    )
    if config.slack_channel and not _CHANNEL.match(config.slack_channel):
        faults.append("PITCHEY_OPS_SLACK_CHANNEL: expected a channel's id such as C0123ABCD (uploads take no names)")
    if config.slack_channel and not config.slack_token:
        faults.append("PITCHEY_OPS_SLACK_CHANNEL is set; PITCHEY_OPS_SLACK_TOKEN (xoxb-…) is needed too")
    if config.pagerduty_from and not _MAIL.match(config.pagerduty_from):
        faults.append("PITCHEY_OPS_PAGERDUTY_FROM: expected the e-mail address of a PagerDuty user")
    if faults:
        raise ConfigError("the service's variables", faults)
    return config


def public_url(values: Mapping[str, str], faults: list[str]) -> str | None:
    """Return ``PITCHEY_OPS_PUBLIC_URL`` without the slash at its end, adding what is wrong with it to *faults*."""
    text = values.get("PITCHEY_OPS_PUBLIC_URL", "").strip().rstrip("/")
    if not text:
        return None
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good, parts = False, urlsplit("")
    if not good or "@" in parts.netloc or parts.query or parts.fragment or re.search(r"[\s<>|\"'\\]", text):
        faults.append("PITCHEY_OPS_PUBLIC_URL: expected an address such as https://ops.example, without query or name")
        return None
    return text
