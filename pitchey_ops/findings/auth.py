"""Can people who may sign in still do so, and do their sessions hold?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from ._requests import requests, route_of, spans, z_score
from .case import SIGN_IN, Case, observation_ids

RULE = "auth"
SIGNALS = ("auth_failing", "auth_normal")
REFUSED = (401, 403)
Z_CLEAR = 5.0
TRIES_MIN = 8
REFUSED_EXCESS = 0.03
"""Rise of the refused share of all other requests that counts."""
SUCCESS_DROP = 0.35
AS_MANY = 0.8
"""Successful sign-ins a minute against before, from which nobody is locked out."""
IDENTITY = (
    r"(?i)/(?:auth|oauth|sso|session|sessions|token|tokens|login|log-in|signin|sign-in|verify|refresh|identity)(?:/|$)"
)
"""Routes at which people sign in or have their session checked."""
BROKEN_SHARE = 0.1
"""Rise of the failing share (5xx) of these routes that counts."""
BROKEN_MORE = 4.0
"""And it must be so many times that of all other routes: else the fault is not theirs alone."""


def auth(case: Case) -> RuleResult:
    """
    Compare three things with before: sign-ins that succeed, other requests that are refused (401, 403), and the
    sign-in service's own routes that break (5xx) far more than all others do.

    Sign-ins of addresses that `findings.attacks` accuses or suspects are left out, so that a guesser's failures
    do not look like broken sign-ins. Refusals of other routes are counted at the edge, else in the logs: when
    everybody's token is refused they rise for all private routes at once. `NotChecked` when neither was seen
    after the onset. If the logs were empty or cut, the edge decides alone; an edge that was late lacks its last
    two minutes; logs that lie about single sign-ins need many to matter.
    """
    parts = [part for part in (_sign_ins(case), _refusals(case), _broken(case)) if part is not None]
    if not parts:
        return NotChecked(
            rule=RULE,
            because="neither sign-ins nor refused requests were seen: "
            + case.why_missing("logs/service/auth", "cloudflare_api/traffic"),
        )
    bad = [finding for finding in parts if finding.signals and finding.signals[0].name == "auth_failing"]
    if bad:
        return bad
    tried = [finding for finding in parts if finding.severity >= Severity.WARNING]
    if tried:
        return tried
    shut_out = any(part.data.get("share_getting_in_after", 1.0) < 0.5 or part.data.get("hurt", False) for part in parts)
    strength = 1.0 if sum(bool(part.data["enough"]) for part in parts) == 2 else 0.5
    return [
        Finding(
            id=f"{RULE}/normal",
            rule=RULE,
            claim="; ".join(part.claim for part in parts),
            severity=Severity.INFO,
            evidence=tuple(sorted({id_ for part in parts for id_ in part.evidence}))[:12],
            signals=(Signal(name="auth_normal", strength=strength),)
            if any(p.data["enough"] for p in parts) and not shut_out
            else (),
            data={part.id.partition("/")[2]: dict(part.data) for part in parts},
        )
    ]


def _sign_ins(case: Case) -> Finding | None:
    if case.frames.logs.is_empty():
        return None
    tried = case.frames.logs.filter(
        pl.col("event").is_in(["login_ok", "login_failed"])
        | (
            (pl.col("method") == "POST")
            & pl.col("url").str.contains(SIGN_IN).fill_null(value=False)
            & pl.col("status").is_not_null()
        )
    ).with_columns(
        ok=pl.when(pl.col("event").is_not_null()).then(pl.col("event") == "login_ok").otherwise(pl.col("status") < 400)
    )
    table = case.clients
    shady = table.filter(pl.col("verdict") != "benign").get_column("address").to_list() if table is not None else []
    tried = tried.filter(~pl.col("ip").is_in(shady).fill_null(value=False))
    before_start, before_end, after_start, after_end = spans(case)
    before = _people(tried.filter(pl.col("at").is_between(before_start, before_end, closed="left")))
    after = _people(tried.filter(pl.col("at").is_between(after_start, after_end + timedelta(minutes=2))))
    if not after.height:
        return None
    n_0, n_1 = before.height, after.height
    bad_0, bad_1 = (float((~f.get_column("ok")).sum()) for f in (before, after))
    share_0, share_1 = (1 - bad_0 / n_0 if n_0 else None), 1 - bad_1 / n_1
    fewer = (
        n_1 >= TRIES_MIN
        and (share_0 or 0.9) - share_1 >= SUCCESS_DROP
        and (z_score(bad_1, n_1, bad_0, n_0) >= 3.0 if n_0 >= TRIES_MIN else share_1 <= 0.3)
    )
    as_many = get_in_as_before(case) if fewer else False
    failing = fewer and not as_many
    data: dict[str, Any] = {
        "people_before": n_0,
        "people_after": n_1,
        "share_getting_in_before": share_0,
        "share_getting_in_after": share_1,
        "left_out_addresses": len(shady),
        "enough": n_1 >= TRIES_MIN and not fewer,
    }
    earlier = "" if share_0 is None else f", {share_0:.0%} of {n_0} before"
    return Finding(
        id=f"{RULE}/sign-ins",
        rule=RULE,
        claim=f"{share_1:.0%} of {n_1} people who tried to sign in since {after_start:%H:%M} UTC got in{earlier}"
        + ("; as many get in as ever, so the others are strangers who try" if as_many else ""),
        severity=Severity.CRITICAL if failing else Severity.WARNING if as_many else Severity.INFO,
        at=after_start if fewer else None,
        evidence=observation_ids(tried.filter(pl.col("at") >= after_start)),
        signals=(Signal(name="auth_failing", strength=min(1.0, 0.5 + (share_0 or 0.9) - share_1)),) if failing else (),
        data=data,
    )


def get_in_as_before(case: Case) -> bool:
    """
    Whether as many sign-ins succeed at the edge as before: then nobody is locked out, however many fail beside them.

    False where the edge was not seen, or counted too few: what cannot be told excuses nothing.
    """
    before_start, before_end, after_start, after_end = spans(case)
    doors = case.frames.edge.filter(
        pl.col("route").str.contains(IDENTITY).fill_null(value=False)
        & pl.col("route").str.contains(SIGN_IN).fill_null(value=False)
        & pl.col("route").str.contains(r"^/(?:api|auth|v\d+|graphql)\b")
        & (pl.col("status") < 400)
    )
    rates = []
    for start, end in ((before_start, before_end), (after_start, after_end)):
        n = float(doors.filter(pl.col("at").is_between(start, end, closed="left")).get_column("requests").sum())
        rates.append((n, n / max(1.0, (end - start).total_seconds() / 60)))
    return rates[0][0] >= TRIES_MIN and rates[1][1] >= AS_MANY * rates[0][1]


def _broken(case: Case) -> Finding | None:
    """Return a finding when routes of identity fail with 5xx and the rest of the platform hardly does."""
    before_start, before_end, after_start, after_end = spans(case)
    seen = requests(case)
    if seen is None:
        return None
    own = pl.col("route").str.contains(IDENTITY).fill_null(value=False)
    figures = []
    for start, end in ((before_start, before_end), (after_start, after_end)):
        part = seen.minutes.filter(pl.col("at").is_between(start, end, closed="left"))
        for chosen in (own, ~own):
            rows = part.filter(chosen)
            figures.append((float(rows.get_column("requests").sum()), float(rows.get_column("failing").sum())))
    (n_0, bad_0), _, (n_1, bad_1), (others, bad_others) = figures
    if n_1 < TRIES_MIN:
        return None
    share_1, elsewhere = bad_1 / n_1, bad_others / others if others else 0.0
    excess = share_1 - (bad_0 / n_0 if n_0 else 0.0)
    failing = (
        excess >= BROKEN_SHARE and share_1 >= BROKEN_MORE * elsewhere and z_score(bad_1, n_1, bad_0, n_0) >= Z_CLEAR
    )
    hurt = excess >= REFUSED_EXCESS and z_score(bad_1, n_1, bad_0, n_0) >= 3.0
    return Finding(
        id=f"{RULE}/broken",
        rule=RULE,
        claim=f"{share_1:.1%} of requests to sign-in, session and token routes break with 5xx,"
        f" {elsewhere:.1%} of all others",
        severity=Severity.CRITICAL if failing else Severity.INFO,
        at=after_start if failing else None,
        evidence=seen.evidence,
        signals=(Signal(name="auth_failing", strength=min(1.0, 0.5 + excess)),) if failing else (),
        # routes of identity that break, for whatever reason, are no sign that signing in works as before
        data={"share": share_1, "elsewhere": elsewhere, "enough": False, "hurt": hurt},
    )


def _people(tried: pl.DataFrame) -> pl.DataFrame:
    """One row a person (account, else address): whether any try got in."""
    who = pl.coalesce("account", "user_id", "ip", "id").fill_null("?")
    return tried.group_by(who.alias("who")).agg(pl.col("ok").any())


def _refusals(case: Case) -> Finding | None:
    before_start, before_end, after_start, after_end = spans(case)
    edge = case.frames.edge
    if edge.filter(pl.col("at") >= after_start).is_empty():
        logs = case.bad_requests
        edge = logs.select(
            "at",
            route_of(pl.coalesce("url", "component", "service")).alias("route"),
            "status",
            pl.lit(1.0).alias("requests"),
            "observation",
        )
    if edge.is_empty():
        return None
    edge = edge.filter(~pl.col("route").str.contains(SIGN_IN).fill_null(value=False))
    sides = [
        edge.filter(pl.col("at").is_between(start, end, closed="left"))
        for start, end in ((before_start, before_end), (after_start, after_end))
    ]
    totals = [float(side.get_column("requests").sum()) for side in sides]
    bad = [float(s.filter(pl.col("status").is_in(REFUSED)).get_column("requests").sum()) for s in sides]
    if totals[1] <= 0:
        return None
    share_0, share_1 = (bad[0] / totals[0] if totals[0] else None), bad[1] / totals[1]
    excess = share_1 - (share_0 or 0.0)
    routes = (
        sides[1]
        .group_by("route")
        .agg(
            pl.col("requests").sum(),
            pl.col("requests").filter(pl.col("status").is_in(REFUSED)).sum().alias("refused"),
        )
        .with_columns(share=pl.col("refused") / pl.col("requests"))
        .filter((pl.col("refused") >= 3) & (pl.col("share") >= 0.3))
        .sort(["refused", "route"], descending=[True, False])
    )
    failing = (
        totals[0] > 0
        and excess >= REFUSED_EXCESS
        and z_score(bad[1], totals[1], bad[0], totals[0]) >= Z_CLEAR
        and routes.height >= 2
    )
    earlier = "" if share_0 is None else f" ({share_0:.1%} before)"
    return Finding(
        id=f"{RULE}/refused",
        rule=RULE,
        claim=f"{share_1:.1%} of requests other than sign-ins are refused with 401 or 403{earlier}"
        + (f", on {routes.height} routes" if failing else ""),
        severity=Severity.CRITICAL if failing and excess >= case.settings.thresholds.error_share else Severity.INFO,
        at=after_start if failing else None,
        evidence=observation_ids(edge),
        signals=(Signal(name="auth_failing", strength=min(1.0, 0.5 + 4 * excess)),) if failing else (),
        data={
            "refused_share_before": share_0,
            "refused_share_after": share_1,
            "routes": routes.get_column("route").head(12).to_list(),
            "enough": totals[0] >= 100 and totals[1] >= 50,
        },
    )
