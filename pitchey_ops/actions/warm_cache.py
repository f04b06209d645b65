"""Warm the cache for the busiest public routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ..errors import UsageError
from .base import RESPONDER, drafted, refused, well_again
from .facts import Facts
from .models import Blast, Change, Plan, Request, Verification

PRIVATE = ("/auth", "/me", "/dashboard", "/portfolio", "/payments", "/upload", "/notifications", "/messages")
MOST = 20


def public_routes(facts: Facts, most: int = 5) -> list[str]:
    """Return the busiest routes that need no sign-in, busiest first."""
    ordered = sorted(facts.requests_by_route.items(), key=lambda item: (-item[1], item[0]))
    public = [route for route, _ in ordered if route.startswith("/api/") and ":" not in route and "*" not in route]
    return [route for route in public if not any(word in route for word in PRIVATE)][:most]


class WarmCache:
    """One GET a second to a few public routes."""

    name: ClassVar[str] = "warm-cache"
    steps: ClassVar[tuple[str, ...]] = ("performance.cache-warming",)
    changes: ClassVar[str] = "the content of the cache"
    who: ClassVar[str] = RESPONDER
    verified: ClassVar[str] = "the routes answer, and fail no more than before the incident"
    undone: ClassVar[str] = "nothing to undo"
    arguments: ClassVar[Mapping[str, str]] = {"routes": "public paths; the busiest by default"}

    def plan(self, facts: Facts, *, routes: Sequence[str] | str = (), **given: Any) -> Plan:
        """
        Return the plan.

        Raises
        ------
        UsageError
            A route that needs a sign-in, or too many.
        """
        named = [routes] if isinstance(routes, str) else [str(one) for one in routes]
        arguments = {"routes": named or None, **given}
        wanted = named or public_routes(facts)
        private = [one for one in wanted if not one.startswith("/") or any(word in one for word in PRIVATE)]
        if private or len(wanted) > MOST:
            raise UsageError(f"routes: expected at most {MOST} public paths, not {private[:3]}. Nothing was planned.")
        likely = facts.cause == "cache_degraded"
        common: dict[str, Any] = {
            "when": "after the cache has lost its content, once it works again; never while the database is overloaded",
            "why": facts.summary if likely else "the cache is not the leading cause: warming would only add load",
            "risk": "adds a request a second; no signed-in route is asked",
        }
        title = "Warm the cache for the busiest public routes"
        if not wanted:
            return refused(self, facts, title, "which routes are busy is not known; name some", arguments, **common)
        return drafted(
            self,
            facts,
            wanted[0] if len(wanted) == 1 else f"{len(wanted)} routes",
            f"{title}: {', '.join(wanted[:5])}",
            arguments,
            changes=tuple(
                Change(
                    id=f"get {route}",
                    words=f"GET {route}",
                    request=Request(service="api", method="GET", path=route.lstrip("/")),
                    repeatable=True,
                    pace_s=1.0,
                )
                for route in wanted
            ),
            blast=(
                Blast(what="requests added", figure=float(len(wanted))),
                Blast(what="share of all requests that go there", figure=facts.share_of(wanted), unit="share"),
            ),
            undo_words=self.undone,
            verification=Verification(
                words=self.verified,
                behaviour=well_again(facts, routes=tuple(wanted), during=None),
                settle_s=60.0,
                window_s=180.0,
            ),
            mitigates=True,
            **common,
        )
