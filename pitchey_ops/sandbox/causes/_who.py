"""Whom a cause hits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..platform import ROUTES


def owners(paths: Sequence[str]) -> tuple[str, ...]:
    """Return the services that answer *paths*, in the catalogue's order."""
    return tuple(dict.fromkeys(r.service for r in ROUTES if r.path in paths))


def felt(hits: Mapping[str, float], least: float = 0.08) -> tuple[str, ...]:
    """Return the routes of which at least *least* fail: those that a truth should name."""
    return tuple(path for path, share in hits.items() if share >= least)


def writes() -> list[str]:
    """Return the routes that write to the database."""
    return [r.path for r in ROUTES if r.method == "POST" and any(name == "database" for name, _ in r.uses)]
