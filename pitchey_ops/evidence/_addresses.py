"""Where e-mail and network addresses stand in a text: needed only where the policy says that they are hashed."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from .patterns import Span

EMAIL_RUST = r"(?-u:[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,253}\.[A-Za-z]{2,24})"
ADDRESS_RUST = r"(?-u:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]{0,40}:[0-9A-Fa-f]{0,4})"

_EMAIL = re.compile(rb"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}")
_V4 = re.compile(rb"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)")
_V6 = re.compile(rb"(?<![\w:.])[0-9A-Fa-f:]{2,39}(?:\d{1,3}(?:\.\d{1,3}){3})?(?![\w:])")
_PRODUCT = re.compile(rb"[A-Za-z]/\Z")


def email_spans(data: bytes) -> Iterator[Span]:
    """Yield the places of e-mail addresses."""
    for found in _EMAIL.finditer(data):
        yield found.start(), found.end(), "email"


def address_spans(data: bytes) -> Iterator[Span]:
    """Yield the places of IPv4 and IPv6 addresses; a browser's version (``Chrome/120.0.0.0``) is none."""
    for found in _V4.finditer(data):
        if found.group().endswith(b".0.0") and _PRODUCT.search(data[max(0, found.start() - 2) : found.start()]):
            continue
        if _is_address(found.group()):
            yield found.start(), found.end(), "address"
    for found in _V6.finditer(data):
        if found.group().count(b":") >= 2 and _is_address(found.group()):
            yield found.start(), found.end(), "address"


def _is_address(text: bytes) -> bool:
    try:
        ipaddress.ip_address(text.decode("ascii"))
    except ValueError:
        return False
    return True
