"""
What kinds of errors are new or rising since the onset?

The words of an error message are a stranger's, so no single line decides anything: a kind counts by its
share of all the errors that came up since the onset, in patterns that were counted, and it takes a
minimum of entries and (for a strong signal) more than one user, address or trace. A line that only
imitates an error weighs as one line among the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files

import polars as pl

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from ..yaml_text import read_yaml
from .case import Case, observation_ids
from .users import failing_all_along

RULE = "kinds"
ENTRIES_MIN = 5
RISE = 3.0
"""How many times as many a minute as before the onset count as rising."""
TEXT_LIMIT = 2_000
COUNTED_MIN = 5.0
"""Minutes before the onset from which a rate is taken."""
SAMPLE_MIN = 50
"""Entries of a service from before the onset from which a share is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of error; see ``kinds.yaml`` for the meaning of each field."""

    signal: str
    words: str
    level: str
    matches: str
    frontend: bool | None = None


def _read() -> tuple[Kind, ...]:
    text = files("pitchey_ops.findings").joinpath("kinds.yaml").read_text(encoding="utf-8")
    return tuple(
        Kind(
            signal=row["signal"],
            words=row["words"],
            level=row["level"],
            matches=("" if row.get("case") else "(?i)") + "|".join(f"(?:{one})" for one in row["matches"]),
            frontend=row.get("frontend"),
        )
        for row in read_yaml(text)["kinds"]
    )


KINDS = _read()
SIGNALS = (*dict.fromkeys(kind.signal for kind in KINDS), "errors_unexplained", "db_errors")
FRONTEND_SERVICES = ("frontend", "web", "browser", "client", "ui", "spa")


def kinds(case: Case) -> RuleResult:
    """
    Return one finding for each kind of error that is new or rising since the onset.

    Where requests failed all along, since the window's start, against what older entries were seen.
    `NotChecked` when no log entry of the window was seen. If the logs lied, the kind is one finding among
    the others; if they were late or cut, the counts are of what was seen and the coverage stands beside
    them; an empty answer is no entry and so no all-clear.
    """
    logs = case.frames.logs
    inside = logs.filter(pl.col("at") >= case.window.start)
    if inside.is_empty():
        return NotChecked(rule=RULE, because=case.why_missing("logs/service", "r2/archive"))
    since = case.since if not failing_all_along(case) else case.window.start
    if case.onset is not None:
        since -= timedelta(seconds=min(120.0, case.onset.uncertainty_s))
    usual = _Usual.of(case, since)
    errors = _texts(logs).filter(pl.col("at") < case.end)
    claimed = pl.Series([False] * errors.height, dtype=pl.Boolean)
    rows: list[tuple[Kind, pl.DataFrame, int, float]] = []
    matched: dict[str, tuple[Kind, pl.Series]] = {}
    for kind in KINDS:
        match = _mask(errors, kind) & ~claimed
        claimed = claimed | match
        known = matched.get(kind.signal)
        matched[kind.signal] = (kind, match) if known is None else (known[0], known[1] | match)
    for kind, match in matched.values():
        mine = errors.filter(match)
        hits = mine.filter(pl.col("at") >= since)
        expected = usual.expected(mine.filter(pl.col("at") < since), hits)
        if hits.height >= ENTRIES_MIN and hits.height >= RISE * expected:
            rows.append((kind, hits, hits.height, expected))
    rest = errors.filter(~claimed & pl.col("hard") & ~pl.col("visit"))
    total = sum(max(0.0, n - expected) for kind, _, n, expected in rows if kind.level == "error") or 1.0
    found = [_finding(kind, hits, n, expected, total, case) for kind, hits, n, expected in rows]
    for kind, hits, n, expected in _unexplained(rest, since, usual):
        found.append(_finding(kind, hits, n, expected, total + n - expected, case))
    return found


OTHER = Kind(signal="errors_unexplained", words="trouble in words that no kind knows", level="error", matches="")
DATABASE = Kind(
    signal="db_errors", words="trouble of the database in words that no kind knows", level="error", matches=""
)


def _unexplained(rest: pl.DataFrame, since: datetime, usual: _Usual) -> list[tuple[Kind, pl.DataFrame, int, float]]:
    """
    Return what is new among the errors that no kind claimed: that something is wrong needs no words that we know.

    Lines of requests (with their status) are left out: what fails for users is counted elsewhere.
    """
    found = []
    database = pl.col("service").str.to_lowercase().is_in(list(PLACES["database"])).fill_null(value=False)
    for kind, chosen in ((DATABASE, database), (OTHER, ~database)):
        mine = rest.filter(chosen)
        for name in mine.get_column("service").drop_nulls().unique().sort().to_list():
            of = mine.filter(pl.col("service") == name)
            hits = of.filter(pl.col("at") >= since)
            expected = usual.expected(of.filter(pl.col("at") < since), hits)
            if hits.height >= ENTRIES_MIN and hits.height >= RISE * expected:
                found.append((kind, hits, hits.height, expected))
    best: dict[str, tuple[Kind, pl.DataFrame, int, float]] = {}
    for row in sorted(found, key=lambda row: -row[2]):
        best.setdefault(row[0].signal, row)
    return [best[name] for name in sorted(best)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Usual:
    """
    What was usual before *since*, service by service.

    Where a service's entries are all there for at least `COUNTED_MIN` before, by their rate. Elsewhere (the
    store's remainder of last week, an archive that was read in part) by the kind's share among the entries of
    the service: a remainder is a sample of what the service says, whatever part of the time it covers.
    """

    since: datetime
    minutes_after: float
    counted_from: dict[str, datetime]
    entries_before: dict[str, int]
    entries_after: dict[str, int]

    @classmethod
    def of(cls, case: Case, since: datetime) -> _Usual:
        logs = case.frames.logs.filter(pl.col("service").is_not_null() & (pl.col("at") < case.end))
        counts = (
            logs.group_by("service")
            .agg((pl.col("at") < since).sum().alias("before"), (pl.col("at") >= since).sum().alias("after"))
            .sort("service")
        )
        names = counts.get_column("service").to_list()
        whole_from = case.counted_from
        return cls(
            since=since,
            minutes_after=max(1.0, (case.now - since).total_seconds() / 60),
            counted_from={name: max(case.frames.log_seen_from.get(name, whole_from), whole_from) for name in names},
            entries_before=dict(zip(names, counts.get_column("before").to_list(), strict=True)),
            entries_after=dict(zip(names, counts.get_column("after").to_list(), strict=True)),
        )

    def expected(self, before: pl.DataFrame, hits: pl.DataFrame) -> float:
        """Return how many entries of a kind were to be expected since then among the services of *hits*."""
        total = 0.0
        for name in hits.get_column("service").drop_nulls().unique().sort().to_list():
            mine = before.filter(pl.col("service") == name)
            start = self.counted_from[name]
            minutes = (self.since - start).total_seconds() / 60
            if minutes >= COUNTED_MIN:
                total += mine.filter(pl.col("at") >= start).height / minutes * self.minutes_after
            elif self.entries_before[name] >= SAMPLE_MIN:
                total += mine.height / self.entries_before[name] * self.entries_after[name]
        return total


PLACES = {
    "database": ("database", "db", "postgres", "postgresql", "sql", "hyperdrive", "neon"),
    "cache": ("cache", "kv", "redis"),
    "object storage": ("storage", "r2", "object-store", "object-storage", "media-store", "s3"),
    "alert": ("alerts", "alerting", "alertmanager", "alert-manager", "pager", "notifier"),
}
"""Word that is put before an entry's text -> services whose entries are about it, whatever words they choose."""
AMBIGUOUS = ("pool", "lock", "locks", "session", "token", "query", "connection")
"""Components whose name is a symptom's word, too: said of every entry there, it would say nothing."""
QUERY = r"\?[^\s\"'<>]*"
"""A query string: what a visitor typed is not what the platform says."""


def _texts(logs: pl.DataFrame) -> pl.DataFrame:
    frontend = pl.col("service").is_in(list(FRONTEND_SERVICES)).fill_null(False)
    service = pl.col("service").str.to_lowercase()
    part = pl.col("component").str.to_lowercase()
    place = pl.coalesce(
        *(pl.when(service.is_in(list(names))).then(pl.lit(word + ":")) for word, names in PLACES.items())
    )
    return logs.filter(pl.col("level").is_in(["error", "fatal", "critical", "warn", "warning"])).with_columns(
        text=pl.concat_str(
            place,
            pl.when(~part.is_in(list(AMBIGUOUS))).then(pl.col("component") + ":"),
            pl.col("message").str.slice(0, TEXT_LIMIT).str.replace_all(QUERY, "?"),
            pl.col("stack").str.slice(0, 300),
            separator=" ",
            ignore_nulls=True,
        ),
        frontend=frontend,
        visit=pl.col("status").is_not_null() & pl.col("url").is_not_null(),
        hard=pl.col("level").is_in(["error", "fatal", "critical"]),
    )


def _mask(frame: pl.DataFrame, kind: Kind) -> pl.Series:
    chosen = pl.col("text").str.contains(kind.matches).fill_null(False)
    if kind.frontend is not None:
        chosen = chosen & (pl.col("frontend") == kind.frontend)
    if kind.level == "error":
        chosen = chosen & pl.col("hard")
    return frame.select(chosen.alias("chosen")).get_column("chosen")


def _finding(kind: Kind, hits: pl.DataFrame, n: int, expected: float, total: float, case: Case) -> Finding:
    share = min(1.0, (n - expected) / total)
    voices = max(hits.get_column(name).drop_nulls().n_unique() for name in ("trace_id", "user_id", "ip", "at"))
    strength = min(1.0, 0.35 + share) if voices > 1 else 0.2
    by_service = hits.group_by("service").len().sort(["len", "service"], descending=[True, False])
    services = by_service.get_column("service").drop_nulls().to_list()
    place = services[0] if services else "no named service"
    example = hits.sort(["at", "message"]).get_column("message").drop_nulls()
    first = hits.get_column("at").min()
    return Finding(
        id=f"{RULE}/{kind.signal.replace('_', '-')}",
        rule=RULE,
        claim=f"{n} entries tell of {kind.words} since the onset ({expected:.0f} expected), mostly from {place}",
        severity=Severity.CRITICAL if share >= 0.5 and n >= 20 else Severity.WARNING,
        at=first if isinstance(first, datetime) else None,
        evidence=observation_ids(hits),
        signals=(Signal(name=kind.signal, strength=strength),),
        service=services[0] if services else None,
        data={
            "entries": n,
            "expected": expected,
            "share_of_new_errors": share,
            "services": services[:8],
            "example": example[0][:500] if example.len() else "",
        },
    )
