"""Is there more traffic than usual, or less, and does it come from few?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from ._attack_shapes import asked_of, shifted
from ._requests import LATE, Requests, poisson_z, requests, spans
from .case import Case, observation_ids

RULE = "traffic"
SIGNALS = ("traffic_surge", "traffic_from_few", "traffic_normal", "rate_limited_users")
SURGE = 2.0
"""Requests per minute against before, from which traffic counts as a surge."""
FLOOD = 3.5
"""From here on more traffic is a symptom by itself; below, a newsletter brings as many."""
NORMAL = 1.5
RATE_LIMITED_SHARE = 0.02
LIMITED_MIN = 10
LIMIT = 429
MOST = 0.9
"""Part of the refusals after which the time that was refused is over."""
LATELY = timedelta(minutes=5)
HALF = 0.5
HELD_SHARE = 0.2
"""Part of its latest requests up to which a client that was told to wait keeps the limit."""
ONE_CLIENT = 0.9
"""Part of the logged 429s by one client, from which nobody else is limited."""
DESERTED_MIN = 25.0
"""Requests to be expected since then, from which a route is busy enough to be missed."""
DESERTED_SHARE = 0.2
EMPTY_SHARE = 0.4
"""And of all routes together: no rhythm of a day falls to this within two hours."""
Z_CLEAR = 5.0
FEW_SHARE = 0.5
"""Share of the requests after the onset that the ten busiest addresses send, from which they are "few"."""


def traffic(case: Case) -> RuleResult:
    """
    Compare requests per minute after the onset with before, at the edge or in the logs.

    And tell whether what is asked is made up as before (`_made_up`). Medians over minutes, so that a short gap or
    spike decides nothing. `NotChecked` without any minutes before or after. If the edge was late, its last two minutes
    are left out; if logs are cut, both spans are; a source that lies low shows a drop, which is no signal of anything
    here.
    """
    seen = requests(case)
    if seen is None:
        return NotChecked(rule=RULE, because=case.why_missing("cloudflare_api/traffic", "logs/service"))
    since = case.since
    per_minute = seen.minutes.group_by("at").agg(pl.col("requests").sum()).sort("at")
    before = per_minute.filter(pl.col("at").is_between(since - timedelta(hours=2), since - timedelta(minutes=5)))
    after = per_minute.filter(pl.col("at").is_between(since, case.now - LATE))
    if before.height < 5 or after.height < 2:
        return NotChecked(rule=RULE, because="too few minutes with requests before or after the onset to compare")
    rate_0 = float(before.get_column("requests").median() or 0.0)  # type: ignore[arg-type]
    rate_1 = float(after.get_column("requests").quantile(0.75) or 0.0)
    ratio = rate_1 / max(rate_0, 1.0)
    data = {"requests_per_minute_before": rate_0, "requests_per_minute_after": rate_1, "ratio": ratio}
    found: list[Finding] = []
    if ratio >= SURGE:
        found.append(
            Finding(
                id=f"{RULE}/surge",
                rule=RULE,
                claim=f"{ratio:.1f} times as many requests as before ({rate_1:,.0f} a minute, {rate_0:,.0f} before)",
                severity=Severity.WARNING if ratio >= FLOOD else Severity.INFO,
                at=since,
                evidence=seen.evidence,
                signals=(Signal(name="traffic_surge", strength=min(1.0, 0.5 + (ratio - SURGE) / 4.0)),),
                data=data,
            )
        )
        found += _few(case)
    elif ratio <= NORMAL:
        found.append(
            Finding(
                id=f"{RULE}/normal",
                rule=RULE,
                claim=f"As many requests as before ({rate_1:,.0f} a minute, {rate_0:,.0f} before)",
                severity=Severity.INFO,
                evidence=seen.evidence,
                signals=(Signal(name="traffic_normal"),),
                data=data,
            )
        )
    return found + _limited(case) + _made_up(case) + _deserted(case, seen)


def _made_up(case: Case) -> list[Finding]:
    """
    Say when much of what is asked of a service is asked in a way that is new there, and not by people as they are.

    It accuses nobody (`findings.security` does): it keeps a day from being called ordinary.
    """
    inside = case.frames.logs.filter(pl.col("at").is_between(case.window.start, case.end, closed="left"))
    odd = shifted(asked_of(inside), case.usual_shapes)
    if odd.is_empty():
        return []
    held = [_held_back(case, row) for row in odd.iter_rows(named=True)]
    top = odd.row(held.index(False) if False in held else 0, named=True)
    yields = "; told to wait, it asks less now: the limit does what it is for" if all(held) else ""
    return [
        Finding(
            id=f"{RULE}/made-up",
            rule=RULE,
            claim=f"{top['share']:.0%} of what is asked of {top['service']} since {top['since']:%H:%M} UTC is asked in"
            f" a way that was never used before, {top['odd']}{yields}: “{top['shape']}”",
            severity=Severity.INFO if all(held) else Severity.WARNING,
            at=top["since"],
            service=top["service"],
            evidence=observation_ids(inside.filter(pl.col("service") == top["service"])),
            data={"shapes": odd.select("service", "shape", "requests", "share", "addresses", "odd").head(8).to_dicts()},
        )
    ]


def _held_back(case: Case, row: dict[str, Any]) -> bool:
    """
    Whether who asks so is one client that says who it is, was told to wait (429), and has asked less ever since.

    A new program that asks too fast is held by the limit that is there for it. Who takes more than is meant for him
    comes from elsewhere, under another name or as nobody, or goes on as before; so this asks for one user, one address
    and one in each request, and lately for half the pace of the time that was refused and hardly a refusal. False
    where too few refusals were logged: who was never told to wait was never held.
    """
    if row["users"] != 1 or row["addresses"] != 1 or row["known"] != row["requests"]:
        return False
    asked = case.bad_requests.filter((pl.col("user_id") == row["client"]) & (pl.col("service") == row["service"]))
    asked = asked.filter(pl.col("at").is_between(case.window.start, case.end, closed="left"))
    refused = asked.filter(pl.col("status") == LIMIT)
    if refused.height < LIMITED_MIN:
        return False
    times: list[datetime] = refused.get_column("at").sort().to_list()
    first, last, lately = times[0], times[int(MOST * (len(times) - 1))], case.now - LATELY
    if last >= lately or last <= first:
        return False
    hasty = asked.filter(pl.col("at").is_between(first, last)).height / (last - first).total_seconds()
    now = asked.filter(pl.col("at") >= lately)
    told = now.filter(pl.col("status") == LIMIT).height
    return now.height / LATELY.total_seconds() <= HALF * hasty and told <= HELD_SHARE * now.height


def _deserted(case: Case, seen: Requests) -> list[Finding]:
    """
    Say when a busy route, or the whole, is hardly asked any more: who cannot even ask gets no error.

    Only at the edge, which counts everybody; a sign-in form that does not load, a page that calls nothing, a partner
    that went silent look like that. It names no cause, and nothing is called healthy beside it.
    """
    if seen.vantage != "edge":
        return []
    before_start, before_end, after_start, after_end = spans(case)
    minutes = [
        (end - start).total_seconds() / 60 for start, end in ((before_start, before_end), (after_start, after_end))
    ]
    earlier = {row["route"]: float(row["requests"]) for row in seen.by_route(before_start, before_end).to_dicts()}
    later = {row["route"]: float(row["requests"]) for row in seen.by_route(after_start, after_end).to_dicts()}
    quiet = []
    for route, n in sorted(earlier.items()):
        expected, got = n / minutes[0] * minutes[1], later.get(route, 0.0)
        if expected >= DESERTED_MIN and got <= DESERTED_SHARE * expected and poisson_z(got, expected) <= -Z_CLEAR:
            quiet.append((route, expected, got))
    expected, got = sum(earlier.values()) / minutes[0] * minutes[1], sum(later.values())
    if expected >= 2 * DESERTED_MIN and got <= EMPTY_SHARE * expected and poisson_z(got, expected) <= -Z_CLEAR:
        quiet.insert(0, ("everything", expected, got))
    if not quiet:
        return []
    route, expected, got = quiet[0] if quiet[0][0] == "everything" else max(quiet, key=lambda one: (one[1], one[0]))
    more = f", and {len(quiet) - 1} more" if len(quiet) > 1 else ""
    return [
        Finding(
            id=f"{RULE}/deserted",
            rule=RULE,
            claim=f"“{route}” was asked for {got:,.0f} times since {after_start:%H:%M} UTC where {expected:,.0f} were"
            f" to be expected{more}: whoever cannot ask gets no error",
            severity=Severity.WARNING,
            at=after_start,
            evidence=seen.evidence,
            data={"routes": [{"route": name, "expected": e, "requests": k} for name, e, k in quiet[:12]]},
        )
    ]


def _few(case: Case) -> list[Finding]:
    logs = case.frames.logs.filter((pl.col("at") >= case.since) & pl.col("ip").is_not_null())
    if logs.height < 100:
        return []
    by_address = logs.group_by("ip").len().sort(["len", "ip"], descending=[True, False])
    share = float(by_address.head(10).get_column("len").sum()) / logs.height
    if share < FEW_SHARE:
        return []
    return [
        Finding(
            id=f"{RULE}/few",
            rule=RULE,
            claim=f"Ten addresses send {share:.0%} of the requests that were logged since then",
            severity=Severity.WARNING,
            evidence=observation_ids(logs),
            signals=(Signal(name="traffic_from_few", strength=min(1.0, share)),),
            data={"addresses": by_address.head(10).get_column("ip").to_list(), "share": share},
        )
    ]


def _limited(case: Case) -> list[Finding]:
    edge = case.frames.edge.filter(pl.col("at") >= case.since)
    total = float(edge.get_column("requests").sum())
    turned_away = float(edge.filter(pl.col("status") == 429).get_column("requests").sum())
    if not total or turned_away / total < RATE_LIMITED_SHARE:
        return []
    alone = _one_is_limited(case)
    return [
        Finding(
            id=f"{RULE}/limited",
            rule=RULE,
            claim=f"{turned_away / total:.1%} of requests are turned away with 429"
            + (", all of one client: the limit does what it is for" if alone else ""),
            severity=Severity.INFO if alone else Severity.WARNING,
            evidence=observation_ids(edge),
            signals=() if alone else (Signal(name="rate_limited_users", strength=min(1.0, turned_away / total / 0.1)),),
            data={"share": turned_away / total},
        )
    ]


def _one_is_limited(case: Case) -> bool:
    """Whether the logs show one client behind nearly all that is turned away; False where they show too few."""
    turned = case.bad_requests.filter((pl.col("at") >= case.since) & (pl.col("status") == 429))
    who = turned.select(pl.coalesce("user_id", "ip").alias("who")).drop_nulls()
    most = who.group_by("who").len().get_column("len").max() if who.height else 0
    return who.height >= LIMITED_MIN and isinstance(most, int) and most >= ONE_CLIENT * who.height
