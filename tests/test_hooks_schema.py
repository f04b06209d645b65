"""The service's own description (OpenAPI), held against the service by schemathesis: bodies right and wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hook_senders as senders
import pytest
import schemathesis
from hook_senders import SECRETS
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from pitchey_ops.service.intake.signatures import hmac_sha256

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))

pytestmark = pytest.mark.slow


class Signing:
    """Stands before the service and signs what is posted as its sender would, so that bodies get behind the door."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Sign a hook's request; pass on everything else."""
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith("/hooks/"):
            await self._app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        signed = _signed(scope["path"].split("/")[2], body)
        known = [pair for pair in scope["headers"] if pair[0].decode() not in signed]
        made = [(name.encode(), value.encode()) for name, value in signed.items()]

        async def again() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app({**scope, "headers": known + made}, again, send)


def _signed(kind: str, body: bytes) -> dict[str, str]:
    if kind == "slack":
        return {name: value for name, value in senders.slack(raw=body).headers.items() if name.startswith("x-")}
    if kind == "pagerduty":
        return {"x-pagerduty-signature": "v1=" + hmac_sha256(SECRETS[kind][0], body)}
    if kind == "sentry":
        resource = ("event_alert", "metric_alert", "issue", "installation")[len(body) % 4]
        return {"sentry-hook-signature": hmac_sha256(SECRETS[kind][0], body), "sentry-hook-resource": resource}
    return {"x-pitchey-ops-secret": SECRETS[kind][0]}


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The service and what it says about itself."""
    with senders.service(tmp_path_factory.mktemp("schema")) as service:
        signing = Signing(service.app)
        yield schemathesis.openapi.from_asgi("/openapi.json", signing)


def _try(schema: Any, path: str, mode: GenerationMode, checks: list[Any]) -> None:
    """Post bodies of *mode* to *path* and hold every answer to *checks*."""

    @EXAMPLES
    @given(case=schema[path]["POST"].as_strategy(generation_mode=mode))
    def one(case: Any) -> None:
        case.validate_response(case.call(), checks=checks)

    one()


@pytest.mark.parametrize("path", [*(f"/hooks/{kind}" for kind in senders.SENDERS), "/hooks/pitchey/{secret}"])
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_what_fits_the_description_and_what_does_not_is_answered_as_it_says(
    described: Any, path: str, mode: GenerationMode
) -> None:
    """Signed as the sender would: never a 5xx, never an answer that the description does not know."""
    _try(described, path, mode, CHECKS)


@pytest.mark.parametrize("kind", ["plain", "pitchey", "alertmanager"])
def test_what_does_not_fit_the_description_is_refused(described: Any, kind: str) -> None:
    """The description is no looser than the check."""
    _try(described, f"/hooks/{kind}", GenerationMode.NEGATIVE, [negative_data_rejection, not_a_server_error])


def test_only_open_hooks_are_described(tmp_path: Path) -> None:
    """A closed one does not exist."""
    with senders.service(tmp_path, secrets={"plain": ("plain-secret-0001",)}) as service:
        paths = [path for path in service.app.openapi()["paths"] if path.startswith("/hooks")]
        assert paths == ["/hooks/plain"]
