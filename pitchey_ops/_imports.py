"""Modules that other libraries import at a price and that nothing of ours needs."""

from __future__ import annotations

import sys

UNNEEDED = (
    "rfc3987_syntax",  # jsonschema parses a grammar for a second; it only adds checks of IRIs
    "httpx._main",  # httpx's command line, with rich and pygments
)


def lighten() -> None:
    """
    Make the imports of `UNNEEDED` fail at once, which their importers take as "not installed".

    Called by our own processes only, before anything else is imported; other programs are not changed.
    """
    for name in UNNEEDED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
