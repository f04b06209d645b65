"""Panels about the site in people's browsers: errors, issues, vitals, assets, and what to do about them."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from ...findings._grouping import group_messages
from ...findings.assets import advice, on_the_wire
from ...findings.case import Case
from ...findings.kinds import FRONTEND_SERVICES
from ..base import Cell, Column, Panel, Table, no_data
from ..charts.latency import web_vitals
from ..charts.people import PersonStep, checklist
from ..view import View
from ..words import count
from . import changes
from ._tables import with_notes
from .performance import vitals_rows

SHOWN = 30
BEFORE_ONSET = timedelta(minutes=5)
BROWSERS = (
    ("Edge", r"Edg(?:e|A|iOS)?/(\d+)"),
    ("Firefox", r"(?:Firefox|FxiOS)/(\d+)"),
    ("Chrome", r"(?:Chrome|CriOS)/(\d+)"),
    ("Safari", r"Version/(\d+)[\d.]* (?:Mobile/\S+ )?Safari"),
)


def browser_of(agent: pl.Expr) -> pl.Expr:
    """Return browser and major version of a user agent, ``other`` where it is none of the four families."""
    text = agent.str.slice(0, 400)
    found = [
        pl.when(text.str.contains(pattern)).then(pl.format(f"{name} {{}}", text.str.extract(pattern, 1)))
        for name, pattern in BROWSERS
    ]
    return pl.when(agent.is_null()).then(pl.lit("not told")).otherwise(pl.coalesce(*found, pl.lit("other")))


def errors(view: View) -> Panel:
    """Show browser errors by pattern, release and browser, most first."""
    question = "Which errors do browsers report, of which release and browser?"
    logs = view.case.frames.logs.filter(
        pl.col("service").is_in(list(FRONTEND_SERVICES)) & (pl.col("at") >= view.case.window.start)
    )
    if logs.is_empty():
        return no_data("browser-errors", question, view.why_unseen("logs", "r2"), what="entries of browsers")
    bad = logs.filter(pl.col("level").is_in(["error", "fatal", "critical"]))
    if bad.is_empty():
        return Panel(
            id="browser-errors",
            question=question,
            title=f"No errors among {logs.height:,} entries of browsers",
            sentence="As far as browsers could send them: a page that does not load sends nothing.",
        )
    table = (
        bad.with_columns(
            pattern=group_messages(bad.get_column("message")).pattern_ids,
            browser=browser_of(pl.col("user_agent")),
        )
        .group_by("pattern")
        .agg(
            pl.len().alias("n"),
            pl.col("message").first(),
            pl.col("release").drop_nulls().unique().sort().alias("releases"),
            pl.col("browser").value_counts(sort=True).alias("browsers"),
            pl.col("at").min().alias("first"),
            pl.col("at").max().alias("last"),
            pl.col("at").filter(pl.col("at") >= view.case.since).len().alias("since"),
        )
        .sort(["n", "pattern"], descending=[True, False])
    )
    rows: list[tuple[Cell, ...]] = [
        (
            row["n"],
            row["since"],
            row["message"],
            ", ".join(row["releases"][:4]) or "not told",
            ", ".join(f"{one['browser']} ({one['count']})" for one in row["browsers"][:4]),
            row["first"],
            row["last"],
        )
        for row in table.head(SHOWN).iter_rows(named=True)
    ]
    first = table.row(0, named=True)
    return Panel(
        id="browser-errors",
        question=question,
        title=f"{count(bad.height, 'error')} in {count(table.height, 'pattern')};"
        f" the most frequent came {count(first['n'], 'time')}",
        sentence=f"Errors among {logs.height:,} entries of browsers in the window; one example of each pattern.",
        table=Table(
            columns=(
                Column(name="errors", align="right"),
                Column(name="since the onset", align="right"),
                Column(name="example", telemetry=True),
                Column(name="releases", telemetry=True),
                Column(name="browsers"),
                Column(name="first seen", unit="UTC"),
                Column(name="last seen", unit="UTC"),
            ),
            rows=tuple(rows),
        ),
    )


def _news_from(case: Case) -> datetime:
    """
    Return from when an issue is new: a little before the onset, whose moment is an estimate, else the whole window.

    As the rule ``issues`` does: else a panel would say that nothing is new beside a finding that names it.
    """
    return case.onset.at - BEFORE_ONSET if case.onset is not None else case.window.start


def sentry(view: View) -> Panel:
    """Show Sentry's issues of the frontend's projects, new ones first."""
    projects = set(view.settings.sentry_frontend_projects)
    frame = view.case.frames.issues.filter(pl.col("project").is_in(sorted(projects))) if projects else None
    if frame is None or frame.is_empty():
        return changes.sentry(view)
    since = _news_from(view.case)
    table = frame.with_columns(new=pl.col("first_seen") >= since).sort(
        ["new", "count", "id"], descending=[True, True, False], nulls_last=True
    )
    new = int(table.get_column("new").sum())
    when = "since shortly before the onset" if view.case.onset is not None else "in the window"
    return Panel(
        id="frontend-issues",
        question="Which frontend issues does Sentry list?",
        title=f"{new} of {count(table.height, 'frontend issue')} {'is' if new == 1 else 'are'} new {when}"
        if new
        else f"None of {count(table.height, 'frontend issue')} is new {when}",
        sentence="Sentry lags by a minute or two and drops events over its quota: a short list is no all-clear.",
        table=Table(
            columns=(
                Column(name="new"),
                Column(name="issue", telemetry=True),
                Column(name="where", telemetry=True),
                Column(name="events", align="right"),
                Column(name="users", align="right"),
                Column(name="first seen", unit="UTC"),
                Column(name="last seen", unit="UTC"),
            ),
            rows=tuple(
                (
                    "★" if r["new"] else "",
                    r["title"],
                    r["culprit"],
                    r["count"],
                    r["users"],
                    r["first_seen"],
                    r["last_seen"],
                )
                for r in table.head(SHOWN).iter_rows(named=True)
            ),
        ),
    )


def vitals(view: View) -> Panel:
    """Show Web Vitals against the good and poor lines, by device and route."""
    panel = web_vitals(vitals_rows(view), why_empty=view.why_not("vitals") or view.why_unseen("apm"))
    return with_notes(panel, *(f.claim for f in view.rule("site-release")))


def assets(view: View) -> Panel:
    """Show the page's real assets: size, compression, cache, and what is missing."""
    question = "Do the page's assets load, and what do they cost?"
    looked = view.case.one("frontend/assets")
    if looked is None:
        return no_data("assets", question, view.why_unseen("frontend"), what="assets")
    rows: list[tuple[Cell, ...]] = []
    for asset in sorted(looked.value, key=lambda a: (a.problem is None, -on_the_wire(a), a.url)):
        said = [asset.problem.replace("_", " ")] if asset.problem else advice(asset)
        rows.append(
            (
                asset.url,
                asset.role,
                asset.status,
                on_the_wire(asset) / 1024,
                (asset.size_bytes or 0) / 1024,
                asset.encoding or "none",
                asset.cache_control or "none",
                asset.cache_status or "none",
                asset.took_ms,
                "; ".join(said) or "as it should be",
            )
        )
    gone = [a for a in looked.value if a.problem]
    heavy = [a for a in looked.value if not a.problem and advice(a)]
    wire = sum(on_the_wire(a) for a in looked.value) / 1024
    return Panel(
        id="assets",
        question=question,
        title=f"{len(gone)} of {len(looked.value)} assets do not load"
        if gone
        else f"All {len(looked.value)} assets load, {wire:,.0f} kB on the wire; {len(heavy)} could be lighter",
        sentence="Fetched once from here, as the page names them; others may get them from another place of the CDN.",
        table=Table(
            columns=(
                Column(name="asset", telemetry=True),
                Column(name="role"),
                Column(name="status", align="right"),
                Column(name="on the wire", unit="kB", align="right"),
                Column(name="unpacked", unit="kB", align="right"),
                Column(name="compression", telemetry=True),
                Column(name="cache-control", telemetry=True),
                Column(name="CDN cache", telemetry=True),
                Column(name="took", unit="ms", align="right"),
                Column(name="to do"),
            ),
            rows=tuple(rows),
        ),
        notes=tuple(f.claim for f in view.rule("assets") if f.id.endswith("/edge")),
    )


def hotfix(view: View) -> Panel:
    """Prepare the hotfix or rollback of the Pages deployment."""
    frame = view.case.frames.deployments
    projects = [*view.settings.sentry_frontend_projects, "frontend"]
    mine = frame.filter(
        pl.any_horizontal(*(pl.col("script").str.contains(p, literal=True) for p in projects)).fill_null(value=False)
    ).sort("at", descending=True)
    last = mine.row(0, named=True) if mine.height else None
    told = (
        f"the newest release that was seen: {last['version']} of {last['at']:%d %b %H:%M} UTC; before it"
        f" {last['previous'] or 'unknown'}"
        if last
        else "no release of the site was seen"
    )
    likely = view.analysis.verdict.cause in ("frontend_build", "frontend_assets", "web_vitals_regression")
    why = view.analysis.verdict.summary.rstrip(".") if likely else "the leading cause is another one: look at it first"
    account = view.settings.cloudflare_account
    place = f"https://dash.cloudflare.com/{account}/pages" if account else "https://dash.cloudflare.com"
    return checklist(
        [
            PersonStep(
                step="frontend.hotfix",
                what=f"Roll the Pages deployment back, or ship a hotfix ({told})",
                how=f"Pages > project > Deployments > the one before > Rollback. {why}. Keep old chunks served.",
                link=place,
            )
        ]
    )


def improve(view: View) -> Panel:
    """Prepare advice that names the assets."""
    looked = view.case.one("frontend/assets")
    steps = []
    if looked is not None:
        ranked = sorted(looked.value, key=lambda a: (-on_the_wire(a), a.url))
        steps = [
            PersonStep(
                step="frontend.improve", what=f"{asset.url.rpartition('/')[2][:80]}: {'; '.join(said)}", how=_how(said)
            )
            for asset in ranked
            if (said := advice(asset))
        ]
    if looked is not None and not steps:
        return Panel(
            id="checklist",
            question="Which assets should be made lighter?",
            title=f"None of the {len(looked.value)} assets of the start page that were read needs work",
            sentence="Size, compression and caching were looked at; what only other pages load was not.",
        )
    return checklist(steps[:20], why_empty=view.why_unseen("frontend"))


def _how(said: list[str]) -> str:
    words = " ".join(said)
    ways = []
    if "large" in words:
        ways.append("split it by route, load what is below the fold later")
    if "not compressed" in words:
        ways.append("serve it with brotli or gzip")
    if "cached" in words or "bypasses" in words:
        ways.append("cache-control: public, max-age=31536000, immutable")
    return "; ".join(ways)
