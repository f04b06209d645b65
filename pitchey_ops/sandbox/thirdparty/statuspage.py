"""Statuspage's API for our own public page: components and incidents, reading."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ..clock import iso
from ..services._base import Service, json_answer
from ..state import STATUSPAGE_PAGE

COMPONENTS = {"cmp-api": "API", "cmp-web": "Website", "cmp-auth": "Sign-in", "cmp-media": "Media"}


class Statuspage(Service):
    """Our public status page."""

    name = "statuspage"

    async def answer(self, request: Request, path: str) -> Response:
        """Answer ``/v1/pages/{page}/components`` and ``…/incidents[/unresolved]``."""
        if self.state.options.require_tokens and "authorization" not in request.headers:
            return json_answer({"error": "Could not authenticate"}, 401)
        path = path.removeprefix("/v1")
        root = f"/pages/{STATUSPAGE_PAGE}"
        if request.method != "GET":
            return json_answer({"error": "not served by this sandbox"}, 405)
        created = iso(self.state.world.now_ms - 90 * 86_400_000)
        match path.removeprefix(root) if path.startswith(root) else None:
            case "/components":
                return json_answer(
                    [
                        {
                            "id": key,
                            "page_id": STATUSPAGE_PAGE,
                            "name": name,
                            "status": "operational",
                            "created_at": created,
                            "updated_at": created,
                        }
                        for key, name in COMPONENTS.items()
                    ]
                )
            case "/incidents" | "/incidents/unresolved":
                return json_answer([])
        return json_answer({"error": "Not found"}, 404)
