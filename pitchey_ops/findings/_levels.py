"""Levels of log entries."""

from __future__ import annotations

from typing import Final

WARNED: Final = ("warn", "warning", "wrn")
HARD: Final = ("error", "fatal", "critical", "err", "crit", "severe", "alert", "emerg", "emergency", "panic")
"""Levels of errors: as our services write them, and as syslog (RFC 5424), Java and PostgreSQL do."""
