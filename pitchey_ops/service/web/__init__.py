"""The service's pages, ``/healthz``, ``/readyz`` and ``/metrics``."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ...evidence.archive import Archive
from ..state import State
from . import health, metrics
from .access import Access, AccessConfig, load_access
from .headers import COMMON
from .pages import Pages

__all__ = ["AccessConfig", "routes"]


def routes(state: State, config: AccessConfig | None = None) -> list[Route]:
    """
    Return the routes of the pages, of health and of metrics.

    ``/healthz`` and ``/readyz`` answer everybody, in few words; all the rest, ``/metrics`` too, needs a session, the
    proxy's word or ``Authorization: Bearer TOKEN``.

    Raises
    ------
    ConfigError
        What the environment says about access has faults.
    """
    access_config = config if config is not None else load_access(state.public_url)
    key = b""
    if not access_config.tokens and access_config.is_open:
        key = Archive(state.settings.archive_root()).redaction_key()
    access = Access(access_config, fallback_key=key)
    pages = Pages(state, access)
    counted = metrics.registry(state)

    async def healthz(request: Request) -> Response:
        return PlainTextResponse("ok\n", headers=dict(COMMON))

    async def readyz(request: Request) -> Response:
        found = await run_in_threadpool(health.checks, state)
        good = all(one.good for one in found)
        body = {
            "ready": good,
            "checks": {one.name: "ok" if one.good else one.words for one in found},
        }
        return JSONResponse(body, 200 if good else 503, headers=dict(COMMON))

    async def measured(request: Request) -> Response:
        if access.visitor(request) is None:
            return PlainTextResponse("send the token: Authorization: Bearer …\n", 401, headers=dict(COMMON))
        body = await run_in_threadpool(metrics.text, counted)
        return Response(body, media_type=metrics.CONTENT_TYPE, headers=dict(COMMON))

    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", measured),
        *pages.routes(),
    ]
