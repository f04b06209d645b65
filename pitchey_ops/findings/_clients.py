# ruff: noqa: E501  (a pattern is read best on one line)
"""Who calls: addresses made canonical, their networks, ranges that nobody may block, kinds of user agents."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import Final

import polars as pl

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

CLOUDFLARE: Final[tuple[IPNetwork, ...]] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "173.245.48.0/20", "103.21.244.0/22", "103.22.200.0/22", "103.31.4.0/22", "141.101.64.0/18",
        "108.162.192.0/18", "190.93.240.0/20", "188.114.96.0/20", "197.234.240.0/22", "198.41.128.0/17",
        "162.158.0.0/15", "104.16.0.0/13", "104.24.0.0/14", "172.64.0.0/13", "131.0.72.0/22",
        "2400:cb00::/32", "2606:4700::/32", "2803:f800::/32", "2405:b500::/32", "2405:8100::/32",
        "2a06:98c0::/29", "2c0f:f248::/32",
    )
)  # fmt: skip
"""Cloudflare's published ranges (cloudflare.com/ips): every visitor may come through them."""

ATTACK_TOOLS: Final = (
    r"(?i)\b(?:sqlmap|nikto|acunetix|netsparker|invicti|nessus|openvas|w3af|arachni|skipfish|wpscan|joomscan|droopescan"
    r"|dirbuster|gobuster|dirsearch|dirb\b|feroxbuster|ffuf|wfuzz|fuzz faster|nuclei|jaeles|commix|havij|xsser|dalfox"
    r"|hydra|medusa|patator|brutus|zmeu|morfeus|jorgee|muieblackcat|whatweb|wapiti|vega/|burp(?:suite|collaborator)?"
    r"|zaproxy|owasp.?zap|nmap|appscan|webinspect|qualys|paros|grabber|uniscan|golismero|sqlninja|bbqsql|jsql"
    r"|webshag|fimap|padbuster|metasploit|cobalt ?strike|siege|slowloris|goldeneye|masscan|fhscan|l9explore|l9tcpid"
    r"|hakai|mirai|gbotnet|xmrig|blackwidow|pangolin|webbandit|n-stealth|cgichk|dotdotpwn|absinthe|bsqlbf|mysqloit"
    r"|sf spider|toata dragostea|datacha0s|httpscan|zeus-scanner|tplmap|xspear|subjack|hello,? ?world)"
)
"""Programs whose only use against a site that did not order it is an attack. A name proves nothing absent."""

MASS_SCANNERS: Final = (
    r"(?i)\b(?:zgrab|censys\w*|shodan|internet-?measurement|expanse|paloaltonetworks|netsystemsresearch|project.?discovery"
    r"|leakix|binaryedge|stretchoid|shadowserver|rapid7|onyphe|internettl|netcraftsurvey|securitytrails|modatscanner"
    r"|odin|criminalip|fofa|zoomeye|the-?recyber|visionheight|researchscan|cyberresilience|httpx/?\s?-|- open-source project)"
)
"""Programs that look at the whole internet; a visit alone harms nobody."""

CRAWLERS: Final = (
    r"(?i)bot\b|bot[/;_-]|bot$|crawl|spider|slurp|feed|rss|atom|reader|fetch|archiv|monitor|uptime|pingdom|preview"
    r"|facebookexternalhit|mediapartners|validator|libwww|heritrix|ia_archiver|yandex|baidu|sogou|bingbot|googleother"
    r"|google-|applebot|duckduck|embedly|quora link|whatsapp|telegram|slack|discord|twitter|linkedin|pinterest"
    r"|newsblur|tiny|planet|aggregat|universalfeedparser|wordpress/|drupal|netvibes|bloglines|blekko|linkcheck"
)
"""Programs that say who they are. A claim anybody can make: it excuses volume, never a payload."""

CRAWLER_NETWORKS: Final[dict[str, tuple[IPNetwork, ...]]] = {
    "googlebot": tuple(
        ipaddress.ip_network(text)
        for text in ("66.249.64.0/19", "64.233.160.0/19", "72.14.192.0/18", "74.125.0.0/16", "192.178.4.0/22", "34.64.0.0/10",
                     "2001:4860:4801::/48")
    ),
    "bingbot": tuple(
        ipaddress.ip_network(text)
        for text in ("13.64.0.0/11", "20.0.0.0/8", "40.64.0.0/10", "51.8.0.0/16", "52.96.0.0/11", "65.52.0.0/14", "131.253.0.0/16",
                     "157.54.0.0/15", "199.30.16.0/20", "207.46.0.0/16")
    ),
}  # fmt: skip
"""
Where the two great crawlers come from, wider than the ranges that their owners publish for checking
(developers.google.com/search, bing.com/toolbox): who names one of them from elsewhere is somebody else.
"""

SCRIPTS: Final = (
    r"(?i)^(?:curl|wget|python|go-http|java/|okhttp|axios|node|ruby|perl|php|lwp|httpie|aiohttp|scrapy|mechanize"
    r"|libcurl|apache-httpclient|guzzle|undici|got\b|postman|insomnia|headless|phantomjs)|headlesschrome|phantomjs|puppeteer|playwright|selenium"
)

_V4: Final = r"^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$"


_IN_NAME: Final = re.compile(r"(?<![0-9A-Za-z])([0-9]{1,3})[.-]([0-9]{1,3})[.-]([0-9]{1,3})[.-]([0-9]{1,3})(?![0-9])")


def parse_address(text: str) -> IPAddress | None:
    """The address in a field as servers write it: with port, brackets, zone, mapped IPv4, or a forwarding list."""
    token = text[:200].split(",", 1)[0].strip().strip('"')
    if token.startswith("["):
        token = token[1:].split("]", 1)[0]
    elif token.count(":") == 1:
        token = token.split(":", 1)[0]
    token = token.split("%", 1)[0]
    try:
        address = ipaddress.ip_address(token)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def canonical(addresses: pl.Series) -> pl.DataFrame:
    """
    Distinct values of a column of addresses as ``ip`` (as written), ``address``, ``network``.

    ``network`` is the /24 of an IPv4 and the /64 of an IPv6 address: what one customer usually holds.
    A host name that spells out an address which occurs too (``ec2-192-0-2-7.example``) is that address;
    any other text stands for itself, without a network.
    """
    distinct = pl.DataFrame({"ip": addresses.drop_nulls().unique().sort()}, schema={"ip": pl.String})
    quick = distinct.filter(pl.col("ip").str.contains(_V4)).with_columns(
        pl.col("ip").alias("address"),
        (pl.col("ip").str.extract(r"^(\d+\.\d+\.\d+)\.", 1) + pl.lit(".0/24")).alias("network"),
    )
    rest = distinct.filter(~pl.col("ip").str.contains(_V4))["ip"].to_list()
    present = set(quick["ip"])
    rows: list[tuple[str, str, str | None]] = []
    for text in rest:
        address = parse_address(text)
        if address is None:
            name = text.strip()[:253]
            written = _IN_NAME.search(name)
            inside = ".".join(written.groups()) if written else ""
            if inside in present:
                rows.append((text, inside, str(ipaddress.ip_network(f"{inside}/24", strict=False))))
            elif name and name.lower() not in {"-", "unknown", "null", "none", "undefined"}:
                rows.append((text, name, None))
        else:
            rows.append((text, str(address), str(network_of(address))))
    schema = {"ip": pl.String, "address": pl.String, "network": pl.String}
    return pl.concat([quick, pl.DataFrame(rows, schema=schema, orient="row")])


def network_of(address: IPAddress) -> IPNetwork:
    """The /24 (IPv4) or /64 (IPv6) that *address* lies in."""
    return ipaddress.ip_network(f"{address}/{24 if address.version == 4 else 64}", strict=False)


def why_never_blocked(address: str, protected: Sequence[IPNetwork]) -> str | None:
    """Why *address* must not be blocked, or None; *protected* are our own and the monitors' networks."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "not an address"
    for network in CLOUDFLARE:
        if parsed.version == network.version and parsed in network:
            return f"Cloudflare's own range {network}"
    for network in protected:
        if parsed.version == network.version and parsed in network:
            return f"protected range {network}"
    if parsed.is_loopback:
        return "loopback"
    if parsed.is_private or not parsed.is_global:
        return "private or reserved, not an address of the internet"
    if parsed.is_multicast:
        return "multicast"
    return None


def in_any(address: str, networks: Iterable[IPNetwork]) -> bool:
    """Whether *address* lies in one of *networks*."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed.version == network.version and parsed in network for network in networks)


def _crawlers(callers: pl.DataFrame, *, at_home: bool) -> list[str]:
    found = set()
    for name, networks in CRAWLER_NETWORKS.items():
        agent = pl.col("user_agent").str.slice(0, 512).str.to_lowercase()
        claims = callers.filter(agent.str.contains(name, literal=True))
        for address in claims.get_column("address").unique().to_list():
            if parse_address(address) is not None and in_any(address, networks) is at_home:
                found.add(address)
    return sorted(found)


def false_crawlers(callers: pl.DataFrame) -> list[str]:
    """Return the addresses of *callers* (``address``, ``user_agent``) that name a crawler whose owner is elsewhere."""
    return _crawlers(callers, at_home=False)


def true_crawlers(callers: pl.DataFrame) -> list[str]:
    """Return the addresses of *callers* that name a great crawler and lie in its owner's networks."""
    return _crawlers(callers, at_home=True)


def agent_kind(agent: pl.Expr) -> pl.Expr:
    """``attack_tool``, ``mass_scanner``, ``crawler``, ``script``, ``none`` or ``other`` (mostly browsers)."""
    text = agent.str.slice(0, 512)
    return (
        pl.when(text.is_null() | (text.str.strip_chars(" -") == ""))
        .then(pl.lit("none"))
        .when(text.str.contains(ATTACK_TOOLS))
        .then(pl.lit("attack_tool"))
        .when(text.str.contains(MASS_SCANNERS))
        .then(pl.lit("mass_scanner"))
        .when(text.str.contains(SCRIPTS))
        .then(pl.lit("script"))
        .when(text.str.contains(CRAWLERS))
        .then(pl.lit("crawler"))
        .otherwise(pl.lit("other"))
    )
