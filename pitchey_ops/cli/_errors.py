"""``errors``: how many, where, which, and what of it is new."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ._look import WHOLE, Look, Section, apply, ask, nobody_answered, now, ready, serious, sight, word

if TYPE_CHECKING:
    from ..findings.case import Case
    from ..models.finding import Finding
    from ..settings import Settings

PROBES = (
    "logs.services",
    "logs.found",
    "logs.unfiltered",
    "r2.prefixes",
    "r2.archive",
    "cloudflare_api.traffic",
)
RULES = ("users", "patterns", "kinds")
SHOWN = 15
SEEN_ENOUGH = 0.5
"""Share of the window from which a source counts as having seen it (the runbooks' needs say the same)."""


def errors(settings: Settings, window_text: str) -> Look:
    """
    Count error entries by service and failing requests by route, and group errors into patterns.

    Entries are asked for service by service and healed from the log archive, and filtered here: a level filter of
    the platform's comes after its cut (contract, trap 2) and ``/logs/stats`` counts what its cut saw (trap 4). The
    share of the window that was seen stands beside every count; a count of a cut source is a lower bound.
    """
    from ..runbooks import windows

    ready()
    began, started = time.monotonic(), now()
    window = windows.parse(window_text, now=started)
    case = ask(settings, window, PROBES, started=started, budget_s=settings.budget_s)
    found, unable = apply(case, RULES)
    services, totals = _by_service(case)
    routes, vantage = _by_route(case)
    patterns = _patterns(case)
    state, outcome, summary = _conclusion(case, found, unable, services, totals)
    return Look(
        command="errors",
        state=state,
        outcome=outcome,  # type: ignore[arg-type]
        summary=summary,
        environment=settings.environment,
        asked_at=started,
        took_s=time.monotonic() - began,
        window=window,
        sections=(
            Section(
                name="by_service",
                title="Error entries by service",
                columns=(
                    ("service", "service", "text"),
                    ("errors", "errors", "count"),
                    ("entries", "entries seen", "count"),
                    ("share", "share", "share"),
                    ("status", "status", "status"),
                    ("seen_share", "of the window", "share"),
                ),
                rows=services,
                empty="no entry of any service was seen",
            ),
            Section(
                name="by_route",
                title=f"Failing requests by route ({vantage or 'not seen'})",
                columns=(
                    ("route", "route", "text"),
                    ("failing", "failing", "count"),
                    ("requests", "requests", "count"),
                    ("share", "share", "share"),
                ),
                rows=routes,
                empty="no requests were seen" if vantage is None else "no request failed among those that were seen",
            ),
            Section(
                name="patterns",
                title="Error patterns",
                columns=(
                    ("count", "count", "count"),
                    ("news", "since the onset", "status"),
                    ("service", "service", "text"),
                    ("last_at", "last", "text"),
                    ("pattern", "pattern", "text"),
                ),
                rows=patterns,
                empty="no errors among the entries that were seen",
            ),
            sight(case),
        ),
        notes=_notes(case, unable),
        facts={
            "total": totals,
            "onset": None if case.onset is None else case.onset.at.isoformat(),
            "onset_uncertainty_s": None if case.onset is None else case.onset.uncertainty_s,
            "findings": [{"id": f.id, "severity": f.severity.word, "claim": f.claim} for f in serious(found)],
        },
    )


def _by_service(case: Case) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    import polars as pl

    from ..findings.case import ERROR_LEVELS
    from ..models.observation import Observed

    frame = case.frames.logs.filter(pl.col("at").is_between(case.window.start, case.window.end))
    counted = {
        row["service"]: row
        for row in frame.group_by("service")
        .agg(pl.len().alias("entries"), pl.col("level").is_in(list(ERROR_LEVELS)).sum().alias("errors"))
        .iter_rows(named=True)
    }
    best: dict[str, tuple[str, float | None]] = {}
    for key, observation in sorted(case.observations.items()):
        if not key.startswith(("logs/service/", "r2/archive/")):
            continue
        value = observation.value if isinstance(observation, Observed) else None
        service = getattr(value, "service", None) or key.split("/", 2)[2]
        share = observation.coverage.share if isinstance(observation, Observed) else None
        now_best = best.get(service)
        if now_best is None or _rank(word(observation), share) > _rank(*now_best):
            best[service] = (word(observation), share)
    rows = []
    for service in sorted({*best, *(name for name in counted if name is not None)}):
        status, share = best.get(service, ("in part", None))
        if status == "seen" and share is not None and share < WHOLE:
            status = "in part"
        row = counted.get(service)
        entries, bad = (int(row["entries"]), int(row["errors"])) if row else (0, 0)
        unknown = not entries and status not in ("seen", "in part", "no data")
        rows.append(
            {
                "service": service,
                "errors": None if unknown else bad,
                "entries": None if unknown else entries,
                "share": bad / entries if entries else None,
                "status": status,
                "seen_share": share,
            }
        )
    rows.sort(key=lambda row: (-(row["errors"] or 0), -(row["entries"] or 0), row["service"]))
    entries, bad = (sum(int(row[name]) for row in counted.values()) for name in ("entries", "errors"))
    total = {"entries": entries, "errors": bad, "share": bad / entries if entries else None}
    return rows, total


def _rank(status: str, share: float | None) -> tuple[int, float]:
    order = ("not configured", "not asked", "unavailable", "blind", "constant", "no data", "in part", "seen")
    return order.index(status) if status in order else 0, share if share is not None else -1.0


def _by_route(case: Case) -> tuple[list[dict[str, Any]], str | None]:
    from ..findings._requests import requests

    seen = requests(case)
    if seen is None:
        return [], None
    table = seen.by_route(case.window.start, case.end)
    rows = [
        {"route": row["route"], "failing": row["failing"], "requests": row["requests"], "share": row["share"]}
        for row in table.iter_rows(named=True)
        if row["failing"] > 0
    ]
    where = "the edge's estimate" if seen.vantage == "edge" else "requests in the logs that were seen"
    return rows[:SHOWN], where


def _patterns(case: Case) -> list[dict[str, Any]]:
    rows = []
    when = "%H:%M:%S" if case.window.start.date() == case.window.end.date() else "%d %b %H:%M:%S"
    for row in case.error_changes.head(SHOWN).iter_rows(named=True):
        news = "new" if row["is_new"] else "rising" if row["is_rising"] else "as before"
        rows.append(
            {
                "count": int(row["count"]),
                "news": news if case.onset is not None else "no onset",
                "service": row["service"],
                "first_at": row["first_at"].isoformat(),
                "last_at": f"{row['last_at']:{when}}",
                "pattern": row["template"][:2000],
            }
        )
    return rows


def _conclusion(
    case: Case,
    found: dict[str, list[Finding]],
    unable: dict[str, str],
    services: list[dict[str, Any]],
    totals: dict[str, Any],
) -> tuple[str, str, str]:
    """
    Return state, outcome and sentence.

    Bad news takes a finding of the rules; "as before" takes requests that were seen to fail no more than before, or
    logs that saw at least half the window for at least half the services that were named.
    """
    if nobody_answered(case):
        return "unknown", "unknown", "Nothing answered at all: it may be our own network. Nothing is known."
    bad = serious(found)
    users = next((f for f in found.get("users", ()) if f.signals), None)
    enough = [row for row in services if (row["seen_share"] or 0.0) >= SEEN_ENOUGH]
    counted = f"{_count(totals['errors'], 'error')} in {_count(totals['entries'], 'entry', 'entries')} that were seen"
    unseen = len(services) - len(enough)
    part = f"; {unseen} of {_count(len(services), 'service')} were not seen well enough" if unseen else ""
    if bad:
        return "rising", "bad", f"{bad[0].claim}. {counted[0].upper()}{counted[1:]}."
    if users is None and (not services or len(enough) < len(services) / 2):
        return (
            "unknown",
            "unknown",
            f"Cannot tell: {len(enough)} of {len(services)} services were seen well enough, and no requests of users"
            f" were seen; {counted}.",
        )
    if "users" in found and users is None and not enough:
        return "unknown", "unknown", f"Cannot tell: too little of the window was seen; {counted}."
    told = f"{users.claim}. " if users is not None else ""
    if not totals["entries"]:
        return "as before", "fine", f"{told}No log entry was seen{part}: what services log is not known."
    news = "" if not totals["errors"] or case.onset is None else ", none of it new or rising"
    return "as before", "fine", f"{told}{counted[0].upper()}{counted[1:]}{news}{part}."


def _count(n: int, one: str, many: str = "") -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def _notes(case: Case, unable: dict[str, str]) -> tuple[str, ...]:
    notes = [
        "Counted here, service by service; counts of what was seen in part are lower bounds.",
        "A service that nobody names stays hidden; the archive's prefixes and the log itself add names.",
    ]
    if case.onset is None:
        notes.append("No onset was found: patterns stand by count, and none is called new.")
    else:
        notes.append(
            f"New and rising since {case.onset.at:%Y-%m-%d %H:%M:%S} UTC (± {case.onset.uncertainty_s:.0f} s)."
        )
    notes += [f"Not checked: {rule} ({because})." for rule, because in sorted(unable.items())]
    return tuple(notes)
