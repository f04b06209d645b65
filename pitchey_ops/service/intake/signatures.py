"""Who sends: signatures over the raw bytes and shared secrets, compared in constant time, two of each in rotation."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime

from slack_sdk.signature import Clock as SlackClock
from slack_sdk.signature import SignatureVerifier

from .told import REPLAY_S, Refused

SECRET_HEADER = "x-pitchey-ops-secret"  # noqa: S105 - the header's name


def hmac_sha256(secret: str, body: bytes) -> str:
    """Return the hexadecimal HMAC-SHA-256 of *body*."""
    return hmac.new(secret.encode("utf-8"), body, hashlib.sha256).hexdigest()


def signed(secrets: Sequence[str], body: bytes, given: Sequence[str]) -> bool:
    """Whether any of *given* is the HMAC-SHA-256 of *body* under any of *secrets*; always compares all of them."""
    good = False
    for secret in secrets:
        expected = hmac_sha256(secret, body).encode()
        for signature in given[:8]:
            good |= hmac.compare_digest(expected, signature.encode("utf-8", "replace"))
    return good


def needs_signature(secrets: Sequence[str], body: bytes, given: Sequence[str], header: str) -> None:
    """
    Let a signed request pass.

    Raises
    ------
    Refused
        401: no signature, or none that fits.
    """
    if not given:
        raise Refused(401, f"no {header} header; nothing was stored")
    if not signed(secrets, body, given):
        raise Refused(401, f"{header} does not fit the body under any configured secret; nothing was stored")


def needs_secret(
    secrets: Sequence[str], headers: Mapping[str, str], in_path: str | None, *, path_allowed: bool
) -> None:
    """
    Let a request pass that carries one of *secrets*: as bearer token, as a password, in our header or in the path.

    Raises
    ------
    Refused
        401: it carries none, or a wrong one.
    """
    given = [headers.get(SECRET_HEADER, "")]
    if path_allowed and in_path is not None:
        given.append(in_path)
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        given.append(token.strip())
    elif scheme.lower() == "basic":
        given.append(_password(token.strip()))
    good = False
    for secret in secrets:
        for one in given:
            good |= hmac.compare_digest(_digest(secret), _digest(one)) and bool(one)
    if not good:
        what = "a wrong secret" if any(given) else "no secret"
        where = "Authorization: Bearer, or the password of Authorization: Basic"
        raise Refused(401, f"{what}; expected it in {where}, or in {SECRET_HEADER}; nothing was stored")


def needs_slack(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """
    Let a request of Slack pass: its signature covers its time, which may be five minutes off.

    Raises
    ------
    Refused
        401: no signature, one that does not fit, or an old one.
    """
    clock = _Fixed(now)
    good = False
    for secret in secrets:
        try:
            good |= SignatureVerifier(secret, clock).is_valid_request(body, dict(headers))
        except (ValueError, TypeError, UnicodeError):  # the verifier raises on odd headers and bodies
            continue
    if not good:
        raise Refused(401, "X-Slack-Signature does not fit, or the request is older than 5 minutes; nothing was done")


def needs_fresh(sent: datetime, now: datetime, *, within_s: float = REPLAY_S) -> None:
    """
    Let a request pass that was sent just now.

    Raises
    ------
    Refused
        401: it is older, or from the future.
    """
    off_s = abs((now - sent).total_seconds())
    if off_s > within_s:
        raise Refused(401, f"the request's time is {off_s:.0f} s off, {within_s:.0f} s are allowed; nothing was stored")


def _password(token: str) -> str:
    try:
        return base64.b64decode(token, validate=True).decode("utf-8").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()


class _Fixed(SlackClock):  # type: ignore[misc, unused-ignore]
    def __init__(self, at: datetime) -> None:
        self._at = at.timestamp()

    def now(self) -> float:
        return self._at
