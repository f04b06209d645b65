"""Names within a session's folder."""

from __future__ import annotations

VARIABLE = "PITCHEY_OPS_SESSION"
"""Names the session's folder to its server and kernels."""
SESSIONS = ".sessions"
FILE = "session.json"
RUNS = "runs.jsonl"
WORK = "work"
TWINS = "twins"
