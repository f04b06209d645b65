"""Whom and what nobody may block: pure checks, applied when a plan is made and again when it is applied."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from ..findings._clients import IPNetwork, why_never_blocked

MOST_ADDRESSES = 50
"""Rules of one plan; more addresses need a rule on behaviour (tighten, Under Attack mode)."""
WIDEST_V4 = 24
"""An IPv4 range is a /24 at most: Cloudflare also takes /16, which is a whole provider."""
WIDEST_V6 = 64
HOURS_MOST = 24 * 7


def target_of(text: str) -> tuple[str, str, str]:
    """
    Return an address or range as Cloudflare takes it, with its kind, or why it is refused.

    Returns
    -------
    ``(kind, value, "")`` with kind ``ip``, ``ip6`` or ``ip_range``, or ``("", text, why)``.
    """
    try:
        network = ipaddress.ip_network(text.strip(), strict=True)
    except ValueError:
        return "", text, "is no address or network"
    if network.prefixlen == network.max_prefixlen:
        return ("ip" if network.version == 4 else "ip6"), str(network.network_address), ""
    wanted = WIDEST_V4 if network.version == 4 else WIDEST_V6
    if network.prefixlen != wanted:
        return "", text, f"is a range that is not allowed: single addresses and /{wanted} only"
    return "ip_range", str(network), ""


def why_not_blocked(text: str, protected: Sequence[IPNetwork]) -> str:
    """Return why nobody may block *text*, or an empty text."""
    _, value, why = target_of(text)
    if why:
        return why
    network = ipaddress.ip_network(value)
    if isinstance(network, ipaddress.IPv6Network) and (mapped := network.network_address.ipv4_mapped) is not None:
        return f"is the IPv4 address {mapped}, written as IPv6: name it so"
    for address in (network.network_address, network.broadcast_address):
        found = why_never_blocked(str(address), protected)
        if found:
            return found
    held = [one for one in protected if one.version == network.version and one.overlaps(network)]
    return f"it holds the protected {held[0]}" if held else ""
