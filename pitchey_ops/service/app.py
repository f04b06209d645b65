"""The service's web application: hooks, pages, health and metrics, behind limits that hold for all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from .intake.catalogue import HOOKS
from .intake.doors import Intake
from .intake.hook import Hook
from .limits import Limits
from .state import State

ABOUT = "Alerts in, reports out. A request is answered with 2xx once what it tells is durably stored, not before."
REASON = {"type": "object", "properties": {"reason": {"type": "string"}}, "required": ["reason"]}
STORED = {
    "type": "object",
    "properties": {
        "status": {"enum": ["stored", "unknown", "duplicate", "ignored"]},
        "incidents": {"type": "array", "items": {"type": "string"}},
        "new": {"type": "integer"},
        "runs": {"type": "array", "items": {"type": "string"}},
        "held": {"type": "string"},
        "reason": {"type": "string"},
    },
    "required": ["status"],
}
SAID = {"type": "object"}
REFUSALS = {
    400: "Malformed: the reason names every field. Nothing was stored.",
    401: "No secret or signature, a wrong, an old or a repeated one. Nothing was stored.",
    408: "The body did not arrive in time.",
    413: "The body is larger than 1 MB.",
    503: "It cannot be stored now. Nothing was confirmed: send it again.",
}


def create(state: State) -> FastAPI:
    """
    Return the application for *state*; ``app.state.service`` is that state, ``app.state.intake`` its intake.

    Raises
    ------
    ConfigError
        The catalogue of routes or a secret is wrong; every fault is listed.
    """
    intake = Intake(state)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        intake.open()
        yield
        await run_in_threadpool(intake.close)

    app = FastAPI(title="pitchey-ops", description=ABOUT, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.service = state
    app.state.intake = intake
    for kind in intake.open_hooks:
        _add(app, intake, HOOKS[kind])
    web = _web()
    if web is not None:
        app.router.routes.extend(web.routes(state))
    app.openapi = lambda: _openapi(app, intake)  # type: ignore[method-assign]
    app.add_middleware(Limits)
    return app


def _add(app: FastAPI, intake: Intake, hook: Hook) -> None:
    async def receive(request: Request) -> Response:
        return await intake.answer(hook, request)

    async def receive_at(request: Request, secret: str) -> Response:
        return await intake.answer(hook, request)

    summary = {"tags": ["hooks"], "include_in_schema": True}
    app.add_api_route(
        f"/hooks/{hook.kind}",
        receive,
        methods=["POST"],
        summary=hook.title,
        operation_id=f"hook_{hook.kind}",
        **summary,  # type: ignore[arg-type]
    )
    if hook.in_path:
        app.add_api_route(
            f"/hooks/{hook.kind}/{{secret}}",
            receive_at,
            methods=["POST"],
            summary=f"{hook.title}, the secret in the address",
            operation_id=f"hook_{hook.kind}_in_path",
            **summary,  # type: ignore[arg-type]
        )


def _openapi(app: FastAPI, intake: Intake) -> dict[str, Any]:
    if app.openapi_schema is not None:
        return app.openapi_schema
    schema = get_openapi(title=app.title, version="1", description=app.description, routes=app.routes)
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    for kind in intake.open_hooks:
        hook = HOOKS[kind]
        form = hook.form.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(form.pop("$defs", {}))
        schemas[hook.form.__name__] = form
        for path in (f"/hooks/{kind}", f"/hooks/{kind}/{{secret}}"):
            operation = schema["paths"].get(path, {}).get("post")
            if operation is not None:
                _describe(operation, hook)
    app.openapi_schema = schema
    return schema


def _describe(operation: dict[str, Any], hook: Hook) -> None:
    reference = {"$ref": f"#/components/schemas/{hook.form.__name__}"}
    operation["requestBody"] = {"required": True, "content": {hook.content_type: {"schema": reference}}}
    answers = {200: "Nothing new: a test, a repeated delivery, other news.", hook.stored_status: "Durably stored."}
    body = SAID if hook.kind == "slack" else STORED
    operation["responses"] = {
        **{
            str(status): {"description": said, "content": {"application/json": {"schema": body}}}
            for status, said in answers.items()
        },
        **{
            str(status): {"description": said, "content": {"application/json": {"schema": REASON}}}
            for status, said in REFUSALS.items()
        },
    }


def _web() -> Any:
    """Return the pages' module where this version has one."""
    name = f"{__package__}.web"
    module = import_module(name) if find_spec(name) is not None else None
    return module if hasattr(module, "routes") else None
