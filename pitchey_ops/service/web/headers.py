"""What browsers are told to refuse."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
FILE_POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'"
COMMON: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
PAGE: Mapping[str, str] = {**COMMON, "content-security-policy": PAGE_POLICY, "x-frame-options": "DENY"}
FILE: Mapping[str, str] = {**COMMON, "content-security-policy": FILE_POLICY, "x-frame-options": "DENY"}
_STYLE = re.compile(rb"<style>(.*?)</style>", re.DOTALL)


def report_headers(page: bytes) -> dict[str, str]:
    """
    Return the headers under which an archived report is shown: in a frame of ours, as a document of its own origin.

    Its one style block is allowed by its digest; nothing else is, not even by the page's own word.
    """
    found = _STYLE.search(page)
    style = b"" if found is None else found[1]
    digest = base64.b64encode(hashlib.sha256(style).digest()).decode("ascii")
    policy = (
        f"sandbox; default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'self'"
    )
    return {**COMMON, "content-security-policy": policy, "x-frame-options": "SAMEORIGIN"}
