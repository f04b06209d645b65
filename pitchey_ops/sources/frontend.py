"""
The frontend: the page as a visitor's browser gets it, and the assets that it really names.

A single-page application often answers a missing chunk with its own index page and status 200: HTML in
place of a script is a missing asset, not a good one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Literal
from urllib.parse import urldefrag, urljoin, urlsplit

from ..errors import AnswerTooLarge, BadPayload
from ..models.exchange import Exchange, Question
from ..models.observation import Coverage, Observation
from .reading import Reading, answer, asked, content_type, header, observation_id, observed_all
from .source import Source

MAX_ASSETS = 30
MAX_ASSET_BYTES = 8 * 1024 * 1024
MAX_MARKUP = 256 * 1024
"""Characters of the page that are searched for assets."""
SHARE_ASSETS_S = 60.0

SECURITY_HEADERS = (
    "content-security-policy",
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "permissions-policy",
)
"""What a page is expected to send; an absent one is None in `Page.security_headers`."""

Role = Literal["script", "style", "image", "other"]
Problem = Literal["missing", "html_instead", "error", "no_answer", "too_large"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """
    One asset of the page.

    Attributes
    ----------
    size_bytes
        After decompression; None when it could not be read.
    transfer_bytes
        As ``content-length`` gives it; None where the answer has none.
    encoding
        ``gzip``, ``br``, ... or None for none.
    took_ms
        Whole answer, from our vantage point, in milliseconds.
    problem
        ``missing`` (404 or 410), ``html_instead`` (HTML where a script, style or image was due), ``error`` (another
        error status), ``no_answer``, ``too_large``; None when it is as it should be.
    """

    url: str
    role: Role
    status: int | None
    problem: Problem | None
    size_bytes: int | None = None
    transfer_bytes: int | None = None
    encoding: str | None = None
    cache_control: str | None = None
    cache_status: str | None = None
    media_type: str = ""
    took_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """
    The start page.

    Attributes
    ----------
    assets
        Addresses and roles of the assets on the page's own host, in page order, each once.
    foreign
        Count of assets on other hosts; they are never asked.
    cache_status
        ``cf-cache-status``.
    """

    status: int
    took_ms: float
    size_bytes: int
    assets: tuple[tuple[str, Role], ...]
    foreign: int
    security_headers: Mapping[str, str | None]
    cache_control: str | None = None
    cache_status: str | None = None
    encoding: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Frontend(Source):
    """Reads of the static site."""

    name = "frontend"

    async def page(self) -> Observation[Page]:
        """Read the start page with its headers and the names of its assets."""
        return await self.read("page", "root", "/", read_page, expect="html", retry=False)

    async def assets(self, page: Page, *, limit: int = MAX_ASSETS) -> Observation[tuple[Asset, ...]]:
        """
        Read the first *limit* assets of *page*, in page order.

        Coverage: ``count`` assets read, ``share`` of the page's own assets.
        """
        key = observation_id(self.name, "assets", "all")
        if self.settings.url(self.name) is None:
            return self.missing(key, "frontend_url")
        wanted = page.assets[:limit]
        exchanges = await asyncio.gather(
            *(
                self.channel.ask(
                    Question(
                        key=observation_id(self.name, "asset", f"{place:02d}"),
                        source=self.name,
                        url=url,
                        expect="any",
                        timeout_s=self.settings.read_timeout_s,
                        share_for_s=SHARE_ASSETS_S,
                        max_bytes=MAX_ASSET_BYTES,
                    )
                )
                for place, (url, _) in enumerate(wanted)
            )
        )

        def reader() -> Reading[tuple[Asset, ...]]:
            if exchanges and not any(e.answered or e.outcome == "too_large" for e in exchanges):
                answer(exchanges[0])
            assets = tuple(
                read_asset(exchange, url, role)
                for exchange, (url, role) in zip(exchanges, wanted, strict=True)
                if exchange.outcome not in ("not_asked", "not_allowed")
            )
            bad = sum(asset.problem is not None for asset in assets)
            return Reading(
                value=assets,
                status="observed" if assets else "no_data",
                coverage=Coverage(
                    count=len(assets),
                    cut=len(assets) < len(page.assets),
                    share=len(assets) / len(page.assets) if page.assets else None,
                ),
                detail=f"{len(assets)} of {len(page.assets)} assets read, {bad} with a problem",
            )

        return observed_all(key, self.name, exchanges, self.window.end, reader)


def read_page(exchange: Exchange) -> Reading[Page]:
    """
    Read the start page.

    Raises
    ------
    BadPayload
        It is no HTML.
    """
    answer(exchange)
    if content_type(exchange) not in ("text/html", "application/xhtml+xml"):
        raise BadPayload(
            f"{asked(exchange)}: content type {content_type(exchange)[:60] or 'none'!r} where a page was "
            "due. Something else answers at this address. Nothing was read."
        )
    finder = _Assets()
    with contextlib.suppress(AssertionError):  # html.parser gives up so on a malformed declaration
        finder.feed(exchange.text()[:MAX_MARKUP])
    own: dict[str, Role] = {}
    foreign = 0
    for place, role in finder.found:
        url = _own(exchange.url, place)
        if url is None:
            foreign += 1
        else:
            own.setdefault(url, role)
    page = Page(
        status=exchange.status or 0,
        took_ms=exchange.took_ms,
        size_bytes=len(exchange.body),
        assets=tuple(own.items()),
        foreign=foreign,
        security_headers={name: header(exchange, name) for name in SECURITY_HEADERS},
        cache_control=header(exchange, "cache-control"),
        cache_status=header(exchange, "cf-cache-status"),
        encoding=header(exchange, "content-encoding"),
        headers=dict(sorted((name.lower(), value) for name, value in exchange.headers.items())),
    )
    return Reading(value=page, coverage=Coverage(count=len(own)))


def read_asset(exchange: Exchange, url: str, role: Role) -> Asset:
    """Return what came of asking for one asset; never raises."""
    length = header(exchange, "content-length")
    media_type = content_type(exchange)
    problem: Problem | None = None
    if exchange.outcome == AnswerTooLarge.reason:
        problem = "too_large"
    elif not exchange.answered:
        problem = "no_answer"
    elif exchange.status in (404, 410):
        problem = "missing"
    elif not 200 <= (exchange.status or 0) < 300:
        problem = "error"
    elif role != "other" and media_type == "text/html":
        problem = "html_instead"
    return Asset(
        url=url,
        role=role,
        status=exchange.status,
        problem=problem,
        size_bytes=len(exchange.body) if exchange.answered else None,
        transfer_bytes=int(length) if length is not None and length.isascii() and length.isdigit() else None,
        encoding=header(exchange, "content-encoding"),
        cache_control=header(exchange, "cache-control"),
        cache_status=header(exchange, "cf-cache-status"),
        media_type=media_type,
        took_ms=exchange.took_ms,
    )


def _own(page: str, place: str) -> str | None:
    """Return the absolute address of *place* when it is on the page's own host, else None."""
    try:
        url = urldefrag(urljoin(page, place.strip())).url
        parts, base = urlsplit(url), urlsplit(page)
        same = (parts.scheme, parts.hostname, parts.port) == (base.scheme, base.hostname, base.port)
    except ValueError:
        return None
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= 2000
    return url if same and plain and parts.username is None else None


class _Assets(HTMLParser):
    """Collects what a page loads: scripts, styles, preloads, icons and images."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, Role]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value}
        if tag == "script" and "src" in given:
            self._add(given["src"], "script")
        elif tag == "img" and "src" in given:
            self._add(given["src"], "image")
        elif tag == "link" and "href" in given:
            kinds = (given.get("rel") or "").lower().split()
            if "stylesheet" in kinds:
                self._add(given["href"], "style")
            elif "modulepreload" in kinds:
                self._add(given["href"], "script")
            elif "preload" in kinds:
                roles: dict[str, Role] = {"script": "script", "style": "style", "image": "image"}
                self._add(given["href"], roles.get((given.get("as") or "").lower(), "other"))
            elif "icon" in kinds:
                self._add(given["href"], "image")

    def _add(self, place: str | None, role: Role) -> None:
        if place and not place.lstrip().lower().startswith(("data:", "blob:", "javascript:", "about:")):
            self.found.append((place, role))
