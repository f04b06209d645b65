"""
Ed25519 signatures in DSSE envelopes (DSSE 1.0.2), with keys from files.

The private key is read from the file that ``PITCHEY_OPS_SIGNING_KEY_FILE`` names and never copied. Its public half
is put into the archive's ``keys/`` the first time it signs there. Rotation: point the setting at a new file; old
public keys stay, and old runs keep verifying.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ..errors import RecordError

PAYLOAD_TYPE = "application/vnd.in-toto+json"
KEYS = "keys"


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key and the id of its public half."""

    key: Ed25519PrivateKey

    @property
    def keyid(self) -> str:
        """SHA-256 of the public key's DER form, in hexadecimal."""
        return keyid_of(self.key.public_key())

    def envelope(self, payload: bytes) -> dict[str, Any]:
        """Return a DSSE envelope around *payload*."""
        signature = self.key.sign(pae(PAYLOAD_TYPE, payload))
        return {
            "payload": base64.b64encode(payload).decode("ascii"),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"keyid": self.keyid, "sig": base64.b64encode(signature).decode("ascii")}],
        }

    def publish(self, root: Path) -> None:
        """Put the public key into *root*'s ``keys/`` unless it is there."""
        target = root / KEYS / f"{self.keyid}.pem"
        if target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_bytes(_pem(self.key.public_key()))
        temporary.replace(target)


def read_signer(path: Path | None) -> Signer | None:
    """
    Return the signer whose private key (PEM, PKCS 8, Ed25519, no password) stands in *path*; None without a path.

    Raises
    ------
    RecordError
        When the file cannot be read or is no such key: a run must not go unsigned by accident.
    """
    if path is None:
        return None
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise RecordError(f"the signing key {path} cannot be used: {type(exc).__name__}: {exc}") from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise RecordError(f"the signing key {path} is no Ed25519 key")
    return Signer(key)


def new_key_pem() -> bytes:
    """Return a new private key as PEM; keep it outside the archive, readable for one user only."""
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def read_keys(root: Path) -> tuple[dict[str, Ed25519PublicKey], list[str]]:
    """Return the public keys under *root*'s ``keys/`` by id, and what is wrong with the files there."""
    keys: dict[str, Ed25519PublicKey] = {}
    faults: list[str] = []
    folder = root / KEYS
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        try:
            data = path.read_bytes()
            key = serialization.load_pem_public_key(data)
        except (OSError, ValueError, UnsupportedAlgorithm):
            faults.append(f"{KEYS}/{path.name}: not a public key")
            continue
        if not isinstance(key, Ed25519PublicKey) or path.name != f"{keyid_of(key)}.pem" or data != _pem(key):
            faults.append(f"{KEYS}/{path.name}: not the key, to the byte, that its name says")
            continue
        keys[keyid_of(key)] = key
    return keys, faults


def keyid_of(key: Ed25519PublicKey) -> str:
    """Return SHA-256 of the key's DER form (SubjectPublicKeyInfo), in hexadecimal."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def _pem(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding: what is really signed."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def opened(envelope: Mapping[str, Any], keys: Mapping[str, Ed25519PublicKey]) -> tuple[bytes, str]:
    """
    Return the payload of *envelope*, the very bytes that were verified, and the id of the key that signed it.

    Raises
    ------
    RecordError
        When no signature holds under any of *keys*, or the payload is of another type.
    """
    try:
        if envelope["payloadType"] != PAYLOAD_TYPE:
            raise RecordError(f"the signed payload is of type {str(envelope['payloadType'])[:60]!r}")
        payload = _decode(envelope["payload"])
        signatures = [_decode(entry["sig"]) for entry in envelope["signatures"]]
    except (KeyError, TypeError, ValueError, binascii.Error, AttributeError) as exc:
        raise RecordError(f"the signature is damaged: {type(exc).__name__}") from exc
    message = pae(PAYLOAD_TYPE, payload)
    for signature in signatures:
        for keyid, key in keys.items():  # the envelope's own keyid is a hint only
            try:
                key.verify(signature, message)
            except InvalidSignature:
                continue
            return payload, keyid
    raise RecordError("no signature holds under any key of the archive")


def _decode(text: str) -> bytes:
    return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
