"""What takes secrets out of everything that is kept, as the settings ask for it."""

from __future__ import annotations

from functools import lru_cache

from ..evidence.archive import Archive
from ..evidence.redact import Policy, Redactor
from ..settings import Settings


def redactor_for(settings: Settings, *, sparing: bool = False) -> Redactor:
    """
    Return the redactor that *settings* ask for; hashing uses the archive's own key, so that counting works.

    *sparing* as `Redactor.fresh`.
    """
    hashing = "hash" in (settings.redact_addresses, settings.redact_emails)
    key = Archive(settings.archive_root()).redaction_key() if hashing else None
    return _made(tuple(settings.secrets()), settings.redact_addresses, settings.redact_emails, key).fresh(
        sparing=sparing
    )


@lru_cache(maxsize=4)
def _made(secrets: tuple[str, ...], addresses: Policy, emails: Policy, key: bytes | None) -> Redactor:
    """Make a redactor once: all that it looks for is put together then, which takes as long as redacting a megabyte."""
    return Redactor(secrets, addresses=addresses, emails=emails, key=key)
