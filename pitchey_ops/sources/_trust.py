"""Whose certificates are believed."""

from __future__ import annotations

import ssl
from functools import cache

import httpx


@cache
def trusted() -> ssl.SSLContext:
    """Return what checks certificates; reading the authorities takes as long as dozens of answers, so it is kept."""
    return httpx.create_ssl_context(trust_env=False)
