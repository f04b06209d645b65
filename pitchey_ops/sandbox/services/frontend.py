"""The frontend: a page with a handful of real assets, as a static host behind the edge serves them."""

from __future__ import annotations

import functools
import gzip
import hashlib
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from ..store import token36
from ._base import Service

_FOREVER = "public, max-age=31536000, immutable"
_CHECKED = "public, max-age=0, must-revalidate"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the frontend; ``size`` in bytes before compression."""

    path: str
    media_type: str
    size: int


ASSETS = (
    Asset("/assets/index-4f9c2a1b.js", "application/javascript", 184_320),
    Asset("/assets/vendor-8d01e7c3.js", "application/javascript", 412_672),
    Asset("/assets/browse-1c7be205.js", "application/javascript", 48_128),
    Asset("/assets/index-b27d90ee.css", "text/css", 61_440),
    Asset("/assets/hero-52aa6f10.webp", "image/webp", 143_360),
    Asset("/favicon.ico", "image/x-icon", 4_286),
)
"""The assets that the page names; their names carry a hash of the build."""
_COMPRESSED = ("application/javascript", "text/css", "text/html; charset=utf-8")


class Frontend(Service):
    """The static site: unknown paths answer the page with 200, so a missing chunk looks like success."""

    name = "frontend"

    async def answer(self, request: Request, path: str) -> Response:
        """Answer the page and its assets, gzip where the client takes it."""
        asset = next((asset for asset in ASSETS if asset.path == path), None)
        body = _page() if asset is None else _content(asset)
        media_type = "text/html; charset=utf-8" if asset is None else asset.media_type
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {
            "content-type": media_type,
            "etag": etag,
            "cache-control": _FOREVER if asset is not None and path.startswith("/assets/") else _CHECKED,
            "cf-cache-status": "DYNAMIC" if asset is None else "HIT",
            "x-content-type-options": "nosniff",
            "referrer-policy": "strict-origin-when-cross-origin",
            "access-control-allow-origin": "*",
        }
        if asset is not None:
            headers["age"] = "3600"
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        if media_type in _COMPRESSED:
            headers["vary"] = "Accept-Encoding"
            if "gzip" in request.headers.get("accept-encoding", ""):
                headers["content-encoding"] = "gzip"
                body = _gzip(body)
        return Response(body, headers=headers)


@functools.lru_cache(maxsize=16)
def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=6, mtime=0)


@functools.cache
def _page() -> bytes:
    index, vendor, browse, css, hero, icon = (asset.path for asset in ASSETS)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="UTF-8" />\n'
        f'<link rel="icon" href="{icon}" />\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1.0" />\n<title>Pitchey</title>\n'
        f'<script type="module" crossorigin src="{index}"></script>\n'
        f'<link rel="modulepreload" crossorigin href="{vendor}">\n'
        f'<link rel="modulepreload" crossorigin href="{browse}">\n'
        f'<link rel="stylesheet" crossorigin href="{css}">\n'
        f'<link rel="preload" as="image" href="{hero}">\n'
        '</head>\n<body>\n<div id="root"></div>\n</body>\n</html>\n'
    ).encode()


@functools.cache
def _content(asset: Asset) -> bytes:
    """Return content of the asset's size that compresses about as code does."""
    words = " ".join(f"const {token36(5, asset.path, n)}=()=>{n};" for n in range(400)).encode()
    return (words * (asset.size // len(words) + 1))[: asset.size]
