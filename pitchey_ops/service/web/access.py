"""
Who may see the page, and whose words a write is.

Either a token (of the environment or a file), given once at the login form and kept as a signed cookie, or the name
that a reverse proxy vouches for, taken from a header of connections that come from configured addresses and from no
others. Without either the page is closed. Sessions are signed with a key made from the token, so a token that is
taken out of the configuration ends them.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response

from ...errors import ConfigError
from ...panels.safe import one_line
from ..config import secret

SESSION_S = 12 * 3600
"""A session's length: one shift."""
TOKEN_AT_LEAST = 16
NAME_LIMIT = 60
TRIES, TRIES_S = 10, 60.0
"""Wrong tokens that one address may give within so many seconds."""
ADDRESSES_KEPT = 10_000
CLOSED = (
    "This page is closed: neither PITCHEY_OPS_WEB_TOKEN (or PITCHEY_OPS_WEB_TOKEN_FILE) nor PITCHEY_OPS_WEB_PROXIES is "
    "set. Set one of them and start serve again; nothing else is affected."
)


@dataclass(frozen=True, slots=True)
class Visitor:
    """
    Who asks.

    Attributes
    ----------
    name
        As records have it: what a person called themselves, or what the proxy vouches for.
    nonce
        Of the session; empty with a proxy.
    ambient
        Whether the browser proves it by itself (cookie, proxy), so that a write needs a token of its form.
    """

    name: str
    nonce: str
    ambient: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessConfig:
    """What decides about access. ``tokens``: one, or two while they are changed; the first is the new one."""

    tokens: tuple[str, ...] = field(default=(), repr=False)
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    identity_header: str = "x-forwarded-user"
    public_url: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether anybody can come in at all."""
        return bool(self.tokens or self.proxies)


def load_access(public_url: str | None = None, environment: Mapping[str, str] | None = None) -> AccessConfig:
    """
    Read ``PITCHEY_OPS_WEB_TOKEN``, ``_WEB_PROXIES`` and ``_WEB_IDENTITY_HEADER``.

    Raises
    ------
    ConfigError
        Listing every fault at once.
    """
    values = os.environ if environment is None else environment
    faults: list[str] = []
    tokens: tuple[str, ...] = ()
    try:
        tokens = tuple((secret("PITCHEY_OPS_WEB_TOKEN", values) or "").split())
    except ConfigError as exc:
        faults += exc.faults
    if len(tokens) > 2 or any(len(one) < TOKEN_AT_LEAST or not one.isascii() for one in tokens):
        faults.append(
            f"PITCHEY_OPS_WEB_TOKEN: expected one token (two while they are changed) of {TOKEN_AT_LEAST} characters or "
            "more, such as `openssl rand -hex 24` gives"
        )
    proxies = []
    for text in values.get("PITCHEY_OPS_WEB_PROXIES", "").replace(",", " ").split():
        try:
            proxies.append(ip_network(text, strict=False))
        except ValueError:
            faults.append(f"PITCHEY_OPS_WEB_PROXIES: {text[:60]!r}: expected an address or a network")
        else:
            if proxies[-1].prefixlen == 0:
                faults.append(f"PITCHEY_OPS_WEB_PROXIES: {text[:60]!r} is everybody; name the proxies")
    header = values.get("PITCHEY_OPS_WEB_IDENTITY_HEADER", "").strip().lower() or "x-forwarded-user"
    if not header.replace("-", "").isalnum() or not header.isascii():
        faults.append("PITCHEY_OPS_WEB_IDENTITY_HEADER: expected the name of a header such as X-Forwarded-User")
    if faults:
        raise ConfigError("the web page's variables", faults)
    return AccessConfig(tokens=tokens, proxies=tuple(proxies), identity_header=header, public_url=public_url)


class Access:
    """Answers who a request is from, and keeps the sessions' signatures."""

    def __init__(self, config: AccessConfig, *, fallback_key: bytes = b"") -> None:
        self.config = config
        keys = [_key(one.encode()) for one in reversed(config.tokens)]  # the last one signs
        if not keys:
            keys = [_key(fallback_key or secrets.token_bytes(32))]
        self._sessions = URLSafeTimedSerializer(keys, salt="session", signer_kwargs=_SIGNER)
        self._forms = URLSafeTimedSerializer(keys, salt="form", signer_kwargs=_SIGNER)
        self._secure = (config.public_url or "").startswith("https://")
        self.cookie = "__Host-pitchey_ops" if self._secure else "pitchey_ops"
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def visitor(self, request: Request) -> Visitor | None:
        """Return who *request* is from, None where nobody vouches for it."""
        vouched = self._vouched(request)
        if vouched is not None:
            return Visitor(name=vouched, nonce="", ambient=True)
        if not self.config.tokens:
            return None
        given = request.cookies.get(self.cookie)
        if given:
            return self._of_cookie(given)
        kind, _, bearer = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self.is_token(bearer.strip()):
            return Visitor(name="token", nonce="", ambient=False)
        return None

    def is_token(self, text: str) -> bool:
        """Whether *text* is a token, in a time that does not tell how much of it is right."""
        given = hashlib.sha256(text.encode("utf-8", "replace")).digest()
        known = [hashlib.sha256(one.encode()).digest() for one in self.config.tokens]
        return sum(hmac.compare_digest(given, one) for one in known) > 0  # all are compared

    def may_try(self, request: Request) -> bool:
        """Whether the address may try another token; counts as a try."""
        address = _address(request)
        now = time.monotonic()
        with self._lock:
            tries = self._tries.setdefault(address, deque())
            self._tries.move_to_end(address)
            while len(self._tries) > ADDRESSES_KEPT:
                self._tries.popitem(last=False)
            while tries and tries[0] < now - TRIES_S:
                tries.popleft()
            if len(tries) >= TRIES:
                return False
            tries.append(now)
            return True

    def forgive(self, request: Request) -> None:
        """Forget the tries of an address that gave the right token."""
        with self._lock:
            self._tries.pop(_address(request), None)

    def let_in(self, response: Response, name: str) -> None:
        """Set the session's cookie on *response*."""
        value = self._sessions.dumps({"w": clean_name(name), "n": secrets.token_hex(12)})
        response.set_cookie(
            self.cookie,
            value if isinstance(value, str) else value.decode(),
            max_age=SESSION_S,
            httponly=True,
            samesite="lax",
            secure=self._secure,
            path="/",
        )

    def let_out(self, response: Response) -> None:
        """Take the session's cookie away."""
        response.delete_cookie(self.cookie, path="/", secure=self._secure, httponly=True, samesite="lax")

    def form_token(self, visitor: Visitor) -> str:
        """Return what a form carries so that it is known as ours."""
        value = self._forms.dumps([visitor.name, visitor.nonce])
        return value if isinstance(value, str) else value.decode()

    def is_our_form(self, request: Request, visitor: Visitor, token: str) -> bool:
        """Whether a write comes from a form that this visitor was shown, on this site."""
        if not visitor.ambient or not self.same_site(request):
            return False
        try:
            made = self._forms.loads(token, max_age=SESSION_S)
        except BadData:
            return False
        return bool(made == [visitor.name, visitor.nonce])

    def same_site(self, request: Request) -> bool:
        """Whether the browser says, where it says anything, that our own page sent *request*."""
        site = request.headers.get("sec-fetch-site")
        if site is not None and site != "same-origin":
            return False
        origin = request.headers.get("origin")
        if origin is None:
            return True
        asked = urlsplit(origin)
        ours = {request.headers.get("host", "").lower()}
        if self.config.public_url:
            ours.add(urlsplit(self.config.public_url).netloc.lower())
        return asked.scheme in ("http", "https") and asked.netloc.lower() in ours

    def _vouched(self, request: Request) -> str | None:
        if not self.config.proxies or request.client is None:
            return None
        try:
            address = ip_address(request.client.host)
        except ValueError:
            return None
        if not any(address in network for network in self.config.proxies):
            return None
        names = request.headers.getlist(self.config.identity_header)
        if len(names) != 1 or not names[0].strip():
            return None
        return clean_name(names[0])

    def _of_cookie(self, given: str) -> Visitor | None:
        try:
            session = self._sessions.loads(given, max_age=SESSION_S)
            name, nonce = session["w"], session["n"]
        except (BadData, KeyError, TypeError):
            return None
        return Visitor(name=str(name), nonce=str(nonce), ambient=True)


_SIGNER = {"key_derivation": "hmac", "digest_method": hashlib.sha256}


def clean_name(name: str) -> str:
    """Return a person's name as it goes into records: one readable line."""
    return one_line(" ".join(name.split()), NAME_LIMIT) or "somebody"


def _key(material: bytes) -> bytes:
    return hmac.new(material, b"pitchey-ops web session 1", hashlib.sha256).digest()


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else "?"


def next_place(text: Sequence[str] | str | None) -> str:
    """Return a place of ours to go on to; anything that could lead elsewhere is the first page."""
    place = text if isinstance(text, str) else ""
    ours = place.startswith("/") and not place.startswith(("//", "/\\")) and place.isascii() and place.isprintable()
    return place if ours and "\\" not in place and len(place) < 500 else "/"
