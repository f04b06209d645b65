"""Faults of pitchey-ops itself, told to Sentry where ``PITCHEY_OPS_OWN_SENTRY_DSN`` says so."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from ..errors import ConfigError
from ..settings import Settings
from .config import secret

NAME = "PITCHEY_OPS_OWN_SENTRY_DSN"
KEPT = ("exception", "level", "event_id", "timestamp", "platform", "release", "environment", "sdk", "logger", "message")
"""What of an event is sent: no request, no user, no breadcrumbs, no machine's name."""


def report_own_errors(settings: Settings, environment: Mapping[str, str] | None = None) -> bool:
    """
    Begin to tell Sentry about faults of this process; whether it is configured.

    Local variables, requests, breadcrumbs and the machine's name stay here; what is sent goes through the same
    redaction as evidence does.

    Raises
    ------
    ConfigError
        The address is none of Sentry's (``https://KEY@HOST/PROJECT``); it is not shown.
    """
    values = os.environ if environment is None else environment
    dsn = secret(NAME, values)
    if dsn is None:
        return False
    try:
        parts = urlsplit(dsn)
        good = parts.scheme in ("http", "https") and bool(parts.username and parts.hostname and parts.path.strip("/"))
    except ValueError:
        good = False
    if not good:
        raise ConfigError(NAME, ["expected an address such as https://KEY@HOST/PROJECT; its value is not shown"])
    import sentry_sdk
    from sentry_sdk.integrations.logging import LoggingIntegration

    from ..runbooks.redacting import redactor_for

    redactor = redactor_for(settings)

    def before_send(event: Any, hint: Any) -> Any:
        made = {name: event[name] for name in KEPT if name in event}
        return _redacted(made, redactor.text)

    sentry_sdk.init(
        dsn=dsn,
        release=f"pitchey-ops@{version('pitchey-ops')}",
        environment=settings.environment,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        server_name="",
        traces_sample_rate=None,
        auto_session_tracking=False,
        auto_enabling_integrations=False,
        integrations=[LoggingIntegration(level=None)],
        before_send=before_send,
    )
    return True


def _redacted(value: Any, clean: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {name: _redacted(one, clean) for name, one in value.items() if name != "vars"}
    if isinstance(value, list):
        return [_redacted(one, clean) for one in value]
    return value
