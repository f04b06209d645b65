"""How do pages feel to people: Web Vitals at the 75th percentile, by device and route, and against before."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from ..frames import UTC_MS
from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from ._compare import shift, shifts_at
from ._page_words import changed_pages, said_slow
from ._pages_used import used_as_before
from ._requests import route_of
from .case import Case, observation_ids

RULE = "vitals"
RELEASE_RULE = "site-release"
SIGNALS = ("vitals_poor", "vitals_normal")
LINES = {
    "web.lcp": ("LCP", 2_500.0, 4_000.0, "ms"),
    "web.cls": ("CLS", 0.1, 0.25, ""),
    "web.inp": ("INP", 200.0, 500.0, "ms"),
    "web.ttfb": ("TTFB", 800.0, 1_800.0, "ms"),
    "web.fcp": ("FCP", 1_800.0, 3_000.0, "ms"),
    "web.fid": ("FID", 100.0, 300.0, "ms"),
}
"""Metric -> name, good up to, poor beyond, unit: https://web.dev/articles/defining-core-web-vitals-thresholds"""
CORE = frozenset({"web.lcp", "web.cls", "web.inp"})
RETIRED = "web.fid"
"""FID was replaced by INP in March 2024 (trap 13): shown where it is recorded, never evidence of good pages."""
SAMPLES_MIN = 20
GROUP_MIN = 10
Z_CLEAR = 4.0
RATIO_FID = 2.0
"""FID spreads more than the others, and a small one may double unnoticed; from this ratio on it speaks."""
RATIO_WORSE = 1.25
"""P75 against before from which a vital got worse."""
RELEASE_MIN = timedelta(minutes=120)
BASE_MIN = timedelta(minutes=90)
"""
Shorter known, "as before" says little: what got worse earlier looks usual. Then only good vitals are normal.
"""
WITHOUT_INP = 0.7
"""Strength of "as before" where nobody recorded how pages answer to touches (this platform never does)."""
Z_SEARCHED = 5.0
"""z from which a change counts whose time was searched for: some thirty looks, each one in three million."""
SEARCH_STEP = timedelta(minutes=5)
REACH_MS = 4 * 3_600_000
"""How far back a moment is compared with."""
FRONTEND = ("frontend", "web", "pages")
IN_WORDS = 0.85
"""Strength of many lines by which browsers themselves tell of slow pages, where no figure can be seen."""


def table(points: pl.DataFrame) -> list[dict[str, Any]]:
    """Return P75 (linear) of each vital, overall and by device and route with at least `GROUP_MIN` samples."""
    rows = []
    keyed = points.with_columns(route=route_of(pl.col("route")))
    for by in ([], ["device"], ["route"], ["device", "route"]):
        grouped = (
            keyed.filter(pl.all_horizontal(*(pl.col(name).is_not_null() for name in by)) if by else pl.lit(value=True))
            .group_by("name", *by)
            .agg(pl.col("value").quantile(0.75, "linear").alias("p75"), pl.len().alias("samples"))
            .sort("name", *by)
        )
        for row in grouped.iter_rows(named=True):
            if row["samples"] < (GROUP_MIN if by else 1):
                continue
            name, good, poor, _ = LINES[row["name"]]
            rows.append(
                {
                    "vital": name,
                    "device": row.get("device") or "",
                    "route": row.get("route") or "",
                    "p75": row["p75"],
                    "samples": row["samples"],
                    "level": "good" if row["p75"] <= good else "poor" if row["p75"] > poor else "needs improvement",
                }
            )
    return rows


def vitals(case: Case) -> RuleResult:
    """
    Compare the window's Web Vitals with the good and poor lines and, since the onset, with before.

    From the samples themselves, never from the summary, which reads the alphabetically first hundred sessions of a
    month (trap 29). In ordinary operation the metric is blind (trap 9): `NotChecked`; see `unseen_release`. FID
    alone never makes pages "as before". Where the figures are blind, what browsers write of slow pages
    (`_page_words`) can tell that they are poor, never that they are well. An empty answer is what a failing store
    gives, too (trap 10): not checked. A late source lacks the newest samples; a cut one is blind; one that lied with
    text in place of numbers had these rejected.
    """
    names = [name for name in LINES if name != RETIRED]
    points = case.frames.metrics.filter(pl.col("name").is_in(list(LINES)) & pl.col("value").is_not_null())
    inside = points.filter(pl.col("at") >= case.window.start)
    # FID is not a Core Web Vital any more, but where it got worse, so did what INP would tell
    judged = inside.filter(pl.col("name").is_in(names))
    if judged.height < SAMPLES_MIN:
        said = _in_words(case)
        because = "too few Web Vitals in the window were seen: " + _why(case)
        return [said] if said is not None else NotChecked(rule=RULE, because=because)
    since = _since(case, judged, points)
    found: list[Finding] = []
    rows = table(inside.filter(pl.col("at") >= since))
    for metric in LINES:
        one = _vital(case, points, metric, since)
        if one is not None:
            found.append(one)
    if not any(f.signals for f in found):
        found += _by_route(case, points, since)
    poor = [row for row in rows if row["level"] == "poor" and row["vital"] != "FID"]
    if not any(f.signals for f in found):
        core = [row for row in rows if not row["device"] and not row["route"] and row["vital"] != "FID"]
        earlier = points.filter((pl.col("name") == "web.lcp") & (pl.col("at") < since))
        compared = earlier.height >= SAMPLES_MIN
        good = all(row["level"] == "good" for row in core)
        first = earlier.get_column("at").min()
        long_known = isinstance(first, datetime) and since - first >= BASE_MIN
        seen = {row["vital"] for row in core}
        words = ", ".join(f"{r['vital']} {r['p75']:,.4g}" for r in core)
        found.append(
            Finding(
                id=f"{RULE}/as-before",
                rule=RULE,
                claim=f"Web Vitals at the 75th percentile are as before: {words}"
                if compared
                else f"Web Vitals at the 75th percentile: {words}; nothing to compare with",
                severity=Severity.INFO,
                evidence=observation_ids(judged),
                signals=(Signal(name="vitals_normal", strength=1.0 if "INP" in seen else WITHOUT_INP),)
                if compared and (good or (long_known and all(row["level"] != "poor" for row in core)))
                else (),
            )
        )
    groups = [row for row in poor if row["device"] or row["route"]]
    if groups:
        worst = groups[0]
        found.append(
            Finding(
                id=f"{RULE}/poor-groups",
                rule=RULE,
                claim=f"{len(groups)} groups of page views are beyond the poor line, e.g. {worst['vital']}"
                f" {worst['p75']:,.4g} on {worst['device'] or 'all devices'}, “{worst['route'] or 'all routes'}”",
                severity=Severity.INFO,
                evidence=observation_ids(judged),
                data={"groups": groups[:50]},
            )
        )
    return found


def _in_words(case: Case) -> Finding | None:
    """Return what browsers themselves say of slow pages since they began to, None where they say nothing new."""
    said = said_slow(case)
    if said is None:
        return None
    return Finding(
        id=f"{RULE}/in-words",
        rule=RULE,
        claim=f"{said.count} entries of browsers since {said.at:%H:%M} UTC tell of pages that jump, hang or paint late,"
        f" which none or few did before: “{said.example}”",
        severity=Severity.WARNING,
        at=said.at,
        evidence=said.evidence,
        signals=(Signal(name="vitals_poor", strength=IN_WORDS),),
        data={"entries": said.count, "before": said.before, "example": said.example},
    )


def _by_route(case: Case, points: pl.DataFrame, since: datetime) -> list[Finding]:
    """Return the clearest change on one route, where no vital got worse as a whole: one page of many."""
    keyed = points.with_columns(route_of(pl.col("route")).alias("place")).filter(pl.col("place").is_not_null())
    busiest = keyed.group_by("place").len().sort(["len", "place"], descending=[True, False])
    for route in busiest.get_column("place").head(6).to_list():
        of = keyed.filter(pl.col("place") == route).drop("place")
        when = since if case.onset is not None else _searched(case, of) or since
        for metric in LINES:
            one = _vital(case, of, metric, when, route=route)
            if one is not None and one.at is not None:
                return [one]
    return []


def _vital(
    case: Case, points: pl.DataFrame, metric: str, since: datetime, *, route: str | None = None
) -> Finding | None:
    name, good, poor, unit = LINES[metric]
    mine = points.filter(pl.col("name") == metric)
    after = mine.filter(pl.col("at") >= since)
    if after.height < SAMPLES_MIN:
        return None
    if route is not None:
        name = f"{name} on “{route}”"
    before = mine.filter((pl.col("at") < since) & (pl.col("at") >= since - timedelta(hours=4)))
    p75 = float(after.get_column("value").quantile(0.75, "linear") or 0.0)
    earlier = float(before.get_column("value").quantile(0.75, "linear") or 0.0) if before.height else None
    moved = shift(
        mine.select("at", "value", pl.col("device").fill_null("").alias("group")),
        (since - timedelta(hours=4), since),
        (since, case.end),
    )
    worse = (
        earlier is not None
        and before.height >= SAMPLES_MIN
        and moved.z >= Z_CLEAR
        and p75 >= RATIO_WORSE * earlier
        and p75 > (0.7 if metric != RETIRED else 0.4) * good
    )
    beyond = p75 > poor and metric != RETIRED
    if metric == RETIRED:
        worse = worse and p75 >= RATIO_FID * (earlier or p75)
    if not worse and not beyond:
        return None
    fits = f"{p75:,.4g} {unit}".strip()
    past = "" if earlier is None else f", {earlier:,.4g} before".rstrip()
    level = "poor" if beyond else "in need of improvement" if p75 > good else "still good, but worse"
    return Finding(
        id=f"{RULE}/{LINES[metric][0].lower()}",
        rule=RULE,
        claim=f"{name} at the 75th percentile is {fits} since {since:%H:%M} UTC{past}: {level}",
        severity=Severity.WARNING,
        at=since if worse else None,
        evidence=observation_ids(after),
        signals=(
            Signal(
                name="vitals_poor",
                strength=(1.0 if worse and beyond else 0.8 if worse else 0.6)
                * (1.0 if metric in CORE or metric == RETIRED else 0.8),
            ),
        ),
        data={"vital": name, "p75": p75, "p75_before": earlier, "samples": after.height, "good": good, "poor": poor},
    )


def _searched(case: Case, points: pl.DataFrame) -> datetime | None:
    """
    Return when the vitals themselves got worse most clearly, None when they never did.

    Pages can get slow without any request that fails or waits, so that no other symptom tells the time.
    """
    first = points.get_column("at").min()
    if not isinstance(first, datetime):
        return None
    at = max(case.window.start - timedelta(hours=2), first + SEARCH_STEP)
    moments = []
    while at < case.end - SEARCH_STEP:
        moments.append(at)
        at += SEARCH_STEP
    best: tuple[float, datetime] | None = None
    keyed = points.with_columns(pl.col("device").fill_null("").alias("group"))
    for metric in sorted(set(points.get_column("name").unique().to_list())):
        mine = keyed.filter(pl.col("name") == metric).select("at", "value", "group")
        early = mine.get_column("at").sort().search_sorted(pl.Series(moments, dtype=UTC_MS), side="left").to_list()
        looked = [at for at, n in zip(moments, early, strict=True) if min(n, mine.height - n) >= SAMPLES_MIN]
        for at, z in zip(looked, shifts_at(mine, looked, reach_ms=REACH_MS, end=case.end), strict=True):
            if z >= Z_SEARCHED and (best is None or (z, best[1]) > (best[0], at)):
                best = (z, at)
    return None if best is None else best[1]


def _since(case: Case, judged: pl.DataFrame, points: pl.DataFrame) -> datetime:
    """Return the onset, or when vitals got worse, or the last release of the site in the window, or its middle."""
    if case.onset is not None:
        return case.onset.at
    searched = _searched(case, points)
    if searched is not None:
        return searched
    released = _releases(case).filter(pl.col("at").is_between(case.window.start, case.window.end))
    if released.height:
        at = released.get_column("at").max()
        if isinstance(at, datetime) and judged.filter(pl.col("at") >= at).height >= SAMPLES_MIN:
            return at
    return case.since


def _releases(case: Case) -> pl.DataFrame:
    projects = [*case.settings.sentry_frontend_projects, *FRONTEND]
    return case.frames.deployments.filter(
        pl.any_horizontal(*(pl.col("script").str.contains(p, literal=True) for p in projects)).fill_null(value=False)
    )


def unseen_release(case: Case) -> RuleResult:
    """
    Warn when the site was released or changed within two hours and nobody can see how pages feel since then.

    Changes that are no release of ours (a tag manager's container, a banner, an experiment) are told by the audit
    trail; the files that they bring are others', and nobody read them. A false all-clear would cost most there. A
    release of ours is only told, and leaves no doubt, where people are seen to use the pages as before it
    (`_pages_used`). ``[]`` when Web Vitals were seen or nothing was released; `NotChecked` when no deployments were
    seen at all (an empty, refused or unread list looks alike). A release that is listed late is missed until it is;
    one that a source invented only makes a run careful.
    """
    points = case.frames.metrics.filter(pl.col("name").is_in([n for n in LINES if n != RETIRED]))
    if points.filter(pl.col("at") >= case.window.start).height >= SAMPLES_MIN:
        return []
    changed = changed_pages(case, case.now - RELEASE_MIN)
    if changed.height:
        row = changed.row(changed.height - 1, named=True)
        return [
            Finding(
                id=f"{RELEASE_RULE}/unseen-change",
                rule=RELEASE_RULE,
                claim=f"The pages were changed at {row['at']:%H:%M} UTC, and nobody can see how they feel since then:"
                f" “{row['message'][:160]}”",
                severity=Severity.WARNING,
                at=row["at"],
                evidence=observation_ids(changed),
                data={"because": _why(case)},
            )
        ]
    if case.frames.deployments.is_empty():
        return NotChecked(rule=RELEASE_RULE, because=case.why_missing("sentry/releases", "cloudflare_api/deployments"))
    recent = _releases(case).filter(pl.col("at").is_between(case.now - RELEASE_MIN, case.now)).sort("at")
    if recent.is_empty():
        return []
    last = recent.row(recent.height - 1, named=True)
    used = used_as_before(case, recent.row(0, named=True)["at"], last["at"])
    claim = f"The site was released at {last['at']:%H:%M} UTC, and nobody can see how pages feel since then"
    if used is not None:
        claim += (
            f"; people go on as before: {used.views:,.0f} page views, {used.routes} routes are asked for"
            f" {used.ratio:.0%} as often as before"
        )
    evidence = (last["observation"],) if last["observation"] else ()
    return [
        Finding(
            id=f"{RELEASE_RULE}/unseen",
            rule=RELEASE_RULE,
            claim=claim,
            severity=Severity.WARNING if used is None else Severity.INFO,
            at=last["at"],
            evidence=(*evidence, *(used.evidence if used is not None else ())),
            data={"because": _why(case), "version": last["version"], "script": last["script"]},
        )
    ]


def _why(case: Case) -> str:
    seen = case.observations.get("apm/metrics/web.lcp")
    return seen.detail if seen is not None and seen.detail else case.why_missing("apm/metrics/web.lcp")
