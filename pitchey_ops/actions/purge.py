"""Purge addresses from the edge's cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urljoin, urlsplit

from ..errors import UsageError
from . import _cloudflare as cf
from .base import RESPONDER, drafted, refused
from .facts import Facts
from .models import Blast, Change, Plan, Verification

MOST = 30
"""Addresses of one call; the contract's limit is 100."""


class Purge:
    """One call that forgets the named addresses; everything at once is never purged."""

    name: ClassVar[str] = "purge-cache"
    steps: ClassVar[tuple[str, ...]] = ("monitoring.clear-state",)
    changes: ClassVar[str] = "the edge's copies of the named addresses"
    who: ClassVar[str] = RESPONDER
    verified: ClassVar[str] = "Cloudflare accepts it; the next request fetches the page anew"
    undone: ClassVar[str] = "nothing to undo: the cache fills again"
    arguments: ClassVar[Mapping[str, str]] = {"paths": "paths of the website or the API"}

    def plan(self, facts: Facts, *, paths: Sequence[str] | str = (), **given: Any) -> Plan:
        """
        Return the plan of the purge.

        Raises
        ------
        UsageError
            No path, too many, or an address of another host.
        """
        named = [paths] if isinstance(paths, str) else [str(one) for one in paths]
        arguments = {"paths": named or None, **given}
        title = f"Purge {len(named)} address{'' if len(named) == 1 else 'es'} from the cache"
        if not 1 <= len(named) <= MOST:
            raise UsageError(f"paths: expected 1 to {MOST}. Nothing was planned.")
        base = facts.settings.url("frontend")
        lacking = cf.missing(facts, of_zone=True) or ("" if base else "frontend_url is not set")
        if lacking or base is None:
            return refused(self, facts, title, lacking, arguments)
        files = [urljoin(base, text) for text in named]
        strange = [text for text in files if urlsplit(text).netloc != urlsplit(base).netloc]
        if strange:
            raise UsageError(f"{strange[0][:80]!r} is no address of ours. Nothing was planned.")
        return drafted(
            self,
            facts,
            named[0] if len(named) == 1 else f"{len(named)} addresses",
            title,
            arguments,
            changes=(
                Change(
                    id="purge",
                    words=f"POST …/purge_cache with {len(files)} files",
                    request=cf.zone(facts, "POST", "purge_cache", {"files": files}),
                    repeatable=True,
                ),
            ),
            blast=(Blast(what="share of all requests that go there", figure=facts.share_of(named), unit="share"),),
            when="when the edge serves something old or broken",
            why="a broken copy is served until its lifetime ends",
            risk="the next requests reach the Worker and the database",
            undo_words=self.undone,
            verification=Verification(words="there is no way to read a purge back"),
            mitigates=True,
        )
