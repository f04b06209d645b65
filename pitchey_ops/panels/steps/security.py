"""Panels about attacks: events, blocks, guessers, payloads, limits, and what is kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from ...findings.security import LOGIN_KINDS, OTHER_KINDS, groups_of, plan
from ..base import Cell, Column, Panel, Table, no_data
from ..charts.attackers import AttackerRow
from ..charts.attackers import attackers as attackers_chart
from ..view import View
from ._tables import with_notes

NOT_KEPT = "never recorded by the service itself: zero during a real attack, too"


def events(view: View) -> Panel:
    """Show the security service's counters with what they are worth, and the edge's events as a rate."""
    question = "How many security events are there, against the day?"
    rows: list[tuple[Cell, ...]] = []
    seen = view.case.one("security/metrics")
    if seen is not None:
        for name, event in sorted(seen.value.events.items()):
            worth = NOT_KEPT if event.constant else "grows until a day passes without one, so it may be weeks old"
            rows.append((name, event.count, None, event.last_seen, worth))
    edge = view.case.frames.firewall
    start, now = view.case.window.start, view.case.now
    if edge.height:
        hours = max(0.1, (now - start).total_seconds() / 3600)
        later, earlier = edge.filter(pl.col("at") >= start).height, edge.filter(pl.col("at") < start).height
        last = edge.get_column("at").max()
        newest = last if isinstance(last, datetime) else None
        words = f"an estimate (sampled); {earlier} in the hour before the window"
        rows.append(("edge firewall events", later, round(later / hours, 1), newest, words))
    if not rows:
        return no_data("security-events", question, view.why_unseen("security", "cloudflare_api"), what="events")
    recent = [row for row in rows if isinstance(row[3], datetime) and row[3] >= start]
    return Panel(
        id="security-events",
        question=question,
        title=f"{len(recent)} of {len(rows)} kinds of events have one inside the window",
        sentence="Only the difference of two readings of a counter is a rate: the follow-up runs give it.",
        table=Table(
            columns=(
                Column(name="event", telemetry=True),
                Column(name="count", align="right"),
                Column(name="an hour", align="right"),
                Column(name="last", unit="UTC"),
                Column(name="what that is worth"),
            ),
            rows=tuple(rows),
        ),
    )


def blocked(view: View) -> Panel:
    """Show what is blocked now, and what would be proposed."""
    question = "Who is blocked already, and who would be?"
    rules = view.case.one("cloudflare_api/access_rules")
    blocks = plan(view.case)
    rows: list[tuple[Cell, ...]] = []
    if rules is not None:
        rows = [(r.mode, r.value, r.notes, r.created_at, "") for r in rules.value[:100]]
    rows += [("proposed", b.target, b.reason, None, b.side_effects) for b in blocks.proposed[:100]]
    rows += [("must not be", address, why, None, "") for address, why in blocks.refused[:50]]
    known = rules is not None
    if not rows and not known and view.why_not("security"):
        return no_data("blocked", question, view.why_unseen("cloudflare_api"), what="access rules")
    standing = f"{len(rules.value)} access rules stand" if rules is not None else "Access rules were not seen"
    return Panel(
        id="blocked",
        question=question,
        title=f"{standing}; {len(blocks.proposed)} blocks are proposed, {len(blocks.refused)} addresses are refused",
        sentence="Proposals only: nothing was sent. Each has an end; networks are never proposed, our own never.",
        table=Table(
            columns=(
                Column(name="what"),
                Column(name="address", telemetry=True),
                Column(name="why", telemetry=True),
                Column(name="since", unit="UTC"),
                Column(name="side effects"),
            ),
            rows=tuple(rows),
        ),
        notes=(f"Firewall events by rule: {view.case.frames.firewall.height:,} since an hour before the window.",),
    )


def brute_force(view: View) -> Panel:
    """Show who guesses passwords, and whether anybody got in."""
    return _attackers(view, {"logins"}, "Who guesses passwords, and did anybody get in?", "guessing passwords")


def injection(view: View) -> Panel:
    """Show who sends payloads and who scans."""
    panel = _attackers(
        view, {"payloads", "scanner"}, "Who sends payloads, and who scans?", "sending payloads or scanning"
    )
    table = view.case.clients
    samples: list[str] = []
    if table is not None:
        samples = (
            table.filter(pl.col("verdict") == "accused")
            .get_column("payload_samples")
            .explode(empty_as_null=True)
            .drop_nulls()
            .unique()
            .sort()
            .head(4)
            .to_list()
        )
    return with_notes(panel, *(f"A payload, as it came: “{one[:160]}”" for one in samples))


def bypass(view: View) -> Panel:
    """Show who passes the rate limit as one client with many addresses, and who copies the catalogue."""
    return _attackers(
        view,
        {"bypass", "scraping"},
        "Who passes the rate limit, and who copies the catalogue?",
        "passing the rate limit or copying the catalogue",
    )


def rate_limits(view: View) -> Panel:
    """Show rate-limit figures: the platform's (usually empty), and 429 at the edge by route."""
    question = "Who meets the rate limit?"
    edge = view.case.frames.edge.filter(pl.col("at") >= view.case.window.start)
    rows: list[tuple[Cell, ...]] = []
    for row in (
        edge.group_by("route")
        .agg(
            pl.col("requests").sum(),
            pl.col("requests").filter(pl.col("status") == 429).sum().alias("refused"),
        )
        .filter(pl.col("refused") > 0)
        .sort(["refused", "route"], descending=[True, False])
        .head(30)
        .iter_rows(named=True)
    ):
        rows.append(
            ("edge, 429", row["route"], row["requests"], row["refused"], 100 * row["refused"] / row["requests"])
        )
    own = view.case.one("infra/rate_limits")
    if own is not None:
        rows += [
            ("infra/rate-limits", limit.endpoint, limit.requests, limit.throttled, None) for limit in own.value[:30]
        ]
    if edge.is_empty() and own is None:
        why = view.why_unseen("infra", "cloudflare_api")
        return no_data("rate-limits", question, why, what="rate-limit figures")
    turned = float(edge.filter(pl.col("status") == 429).get_column("requests").sum())
    return Panel(
        id="rate-limits",
        question=question,
        title=f"About {turned:,.0f} requests of the window were turned away with 429"
        if turned
        else "No request of the window was turned away with 429 in what was seen",
        sentence="The platform's own list of rate limits is empty in practice, which proves nothing.",
        table=Table(
            columns=(
                Column(name="seen by"),
                Column(name="route", telemetry=True),
                Column(name="requests", align="right"),
                Column(name="turned away", align="right"),
                Column(name="share", unit="%", align="right"),
            ),
            rows=tuple(rows),
        ),
    )


def monitor(view: View) -> Panel:
    """Show whether attack events subside; the watch itself is a series of follow-up runs."""
    question = "Do the events subside?"
    table = view.case.clients
    if table is None:
        return no_data("security-watch", question, view.why_not("security"), what="requests with addresses")
    logs = _events(view, table.filter(pl.col("verdict") == "accused").get_column("address").to_list())
    now = view.case.now
    spans = [(now - timedelta(minutes=b), now - timedelta(minutes=a)) for a, b in ((0, 5), (5, 10), (10, 20))]
    counts = [logs.filter(pl.col("at").is_between(a, b, closed="left")).height for a, b in spans]
    rates = [counts[0] / 5, counts[1] / 5, counts[2] / 10]
    word = "none" if not any(counts) else "falling" if rates[0] < 0.7 * rates[1] else "going on"
    return Panel(
        id="security-watch",
        question=question,
        title=f"Events of accused addresses: {word} ({rates[0]:.1f} a minute in the newest five)",
        sentence="The service looks again every 30 s, each time as a run of its own, until the events subside.",
        table=Table(
            columns=(
                Column(name="span"),
                Column(name="events", align="right"),
                Column(name="a minute", align="right"),
            ),
            rows=(
                ("newest 5 minutes", counts[0], rates[0]),
                ("5 to 10 minutes ago", counts[1], rates[1]),
                ("10 to 20 minutes ago", counts[2], rates[2]),
            ),
        ),
    )


def document(view: View) -> Panel:
    """Show what is kept with the incident: addresses, networks, agents, payload kinds, times."""
    question = "What is kept of the attack?"
    found = next((f for f in view.rule("security") if f.id.endswith("/indicators")), None)
    if found is None:
        why = view.why_not("security")
        if why:
            return no_data("indicators", question, why, what="indicators")
        return Panel(
            id="indicators",
            question=question,
            title="Nobody is accused, so there is nothing to keep",
            sentence="Indicators are kept as data with the incident as soon as an address is accused.",
        )
    kept: dict[str, Any] = found.data["indicators"]
    rows: list[tuple[Cell, ...]] = [
        (
            "network",
            one["network"],
            f"{one['accused']} accused of {one['addresses']}",
            one["first_seen"],
            one["last_seen"],
        )
        for one in kept["networks"][:20]
    ]
    rows += [("agent", text, "", None, None) for text in kept["agents"][:20]]
    rows += [("payload kind", text, "", None, None) for text in kept["payload_kinds"][:20]]
    rows += [("account entered", text, "", None, None) for text in kept["accounts_entered"][:20]]
    rows += [
        ("address", one["address"], ", ".join(one["kinds"]), one["first_seen"], one["last_seen"])
        for one in kept["addresses"][:40]
    ]
    counts = kept["counts"]
    return Panel(
        id="indicators",
        question=question,
        title=f"{counts['accused']} accused and {counts['suspicious']} suspicious addresses are kept as data",
        sentence="The whole list is in report.json under this finding; texts from outside are escaped to ASCII.",
        table=Table(
            columns=(
                Column(name="what"),
                Column(name="value", telemetry=True),
                Column(name="detail"),
                Column(name="first seen", telemetry=True),
                Column(name="last seen", telemetry=True),
            ),
            rows=tuple(rows),
        ),
    )


def _attackers(view: View, groups: set[str], question: str, of: str) -> Panel:
    table = view.case.clients
    why = view.why_not("security")
    if table is None:
        return attackers_chart((), view.marks, why_empty=why, question=question)
    judged = list(table.filter(pl.col("verdict") != "benign").iter_rows(named=True))
    rows = [_row(row) for row in judged if groups_of(row) & groups]
    return attackers_chart(
        rows,
        view.marks,
        events=_events(view, [row.address for row in rows]).select("at", "ip"),
        looked=True,
        question=question,
        of=of,
        elsewhere=sum(row["verdict"] == "accused" and not groups_of(row) & groups for row in judged),
    )


def _row(row: dict[str, Any]) -> AttackerRow:
    groups = groups_of(row)  # says which of its kinds are an attack of their own
    mine = [
        one for one in row["kinds"] if ("logins" if one in LOGIN_KINDS else OTHER_KINDS.get(one, "payloads")) in groups
    ]
    return AttackerRow(
        address=row["address"],
        accused=row["verdict"] == "accused",
        kinds=tuple(kind.replace("_", " ") for kind in (mine or row["kinds"])[:4]),
        events=max(row["failures"], row["requests"], row["strong"]),
        first_seen=row["first_seen"],
        last_seen=row["last_seen"],
        network=row["network"] or "",
        touched=tuple([*row["accounts_entered"], *row["accounts_tried"], *row["routes"]][:6]),
        evidence=row["reason"],
        succeeded=bool(row["critical"]),
    )


def _events(view: View, addresses: list[str]) -> pl.DataFrame:
    return view.case.frames.logs.filter(pl.col("ip").is_in(addresses) & (pl.col("at") >= view.case.window.start))
