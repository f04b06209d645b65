"""Are users turned away (4xx) where they were served before: politely, and without one error of the server?"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from ..models.finding import Finding, Severity, Signal
from ._changepoint import TooFewPoints
from ._onset_series import Series
from ._requests import LATE, route_of
from .case import SIGN_IN, Case, observation_ids
from .onset import Onset, _onset, _search

OTHERS = (401, 429)
"""Who is not signed in, and who asks too often: told by `auth` and `traffic`."""
ASSET = r"(?i)\.(?:m?js|css|map|png|jpe?g|gif|webp|avif|svg|woff2?|ttf|ico|json|txt|xml|webmanifest)$"
REFUSED_MIN = 6.0
"""Refused requests of a route since then, from which it counts."""
BEFORE_MIN = 15.0
SERVED_SHARE = 0.6
"""A route must have answered this share of its requests before: what never answered is no loss."""
SHARE_MIN = 0.2
RISE_MIN = 0.15
"""Rise of the refused share of a route: forms that are mistyped, and things that others took, come and go below."""
NATS = 8.5
"""Gain in log-likelihood of two shares over one (G test): one chance in 40,000, over some forty routes."""
LOGGED_MIN = 5
"""Refused requests in the logs, from which they tell whose requests these are."""
SHADY_SHARE = 0.5
ONE_CLIENT = 0.6
"""Part of them by one client, from which it is that client's own affair."""
PEOPLE_MIN = 3
QUARTER = timedelta(minutes=15)
HISTORY = timedelta(hours=2)
NEVER_SERVED = 5
"""Logged requests of an address, each of them refused, from which it was never served."""
STRANGERS_SHARE = 0.9
"""Part of the refusals by such addresses, from which they are these strangers' own."""
AS_MANY = 0.8
SERVED_MIN = 8.0
"""Served requests of the routes against before, and how many must be expected, from which nobody is missing."""
UNKNOWN = 0.7
"""Strength where nobody can tell who is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """
    A route whose requests are refused since then.

    ``share`` and ``was`` are shares (0-1) of its requests after and before, ``requests`` those after, ``gain`` the
    log-likelihood (nats) of the change, ``statuses`` the refusals' own, most frequent first.
    """

    route: str
    share: float
    was: float
    requests: float
    gain: float
    statuses: tuple[int, ...]


def _counted(case: Case) -> pl.DataFrame:
    """Return ``at`` (minute), ``route``, ``status``, ``requests`` of the edge, else of the logs, without page files."""
    edge = case.frames.edge
    if edge.is_empty() and case.bad_requests.is_empty():
        return edge
    if edge.filter(pl.col("at") >= case.window.start).is_empty():
        edge = case.bad_requests.select(
            pl.col("at").dt.truncate("1m"),
            route_of(pl.coalesce("url", "component", "service")).alias("route"),
            "status",
            pl.lit(1.0).alias("requests"),
            "observation",
        )
    asked = edge.filter(pl.col("route").is_not_null() & (pl.col("requests") > 0))
    return asked.filter(~pl.col("route").str.contains(ASSET))


def _refusal() -> pl.Expr:
    status = pl.col("status")
    at_the_door = status.is_in([400, 403, 404, 422]) & pl.col("route").str.contains(SIGN_IN)
    return status.is_between(400, 499) & ~status.is_in(list(OTHERS)) & ~at_the_door


def turned_away(
    table: pl.DataFrame, before: tuple[datetime, datetime], after: tuple[datetime, datetime]
) -> list[Turned]:
    """Return routes of *table* (``at, route, status, requests``) that refuse far more than before, clearest first."""
    if table.is_empty():
        return []
    sides = []
    for start, end in (before, after):
        part = table.filter(pl.col("at").is_between(start, end, closed="left"))
        sides.append(
            part.group_by("route").agg(
                pl.col("requests").sum().alias("n"),
                pl.col("requests").filter(_refusal()).sum().alias("k"),
                pl.col("requests").filter(pl.col("status") < 400).sum().alias("served"),
                pl.col("status").filter(_refusal()).unique(maintain_order=True).head(3).alias("statuses"),
            )
        )
    both = sides[1].join(sides[0], on="route", how="inner", suffix="_0").sort("route")
    found = []
    for row in both.iter_rows(named=True):
        k, n, k_0, n_0 = (float(row[name]) for name in ("k", "n", "k_0", "n_0"))
        if k < REFUSED_MIN or n_0 < BEFORE_MIN or row["served_0"] < SERVED_SHARE * n_0:
            continue
        share, was = k / n, k_0 / n_0
        gain = _nats(k, n) + _nats(k_0, n_0) - _nats(k + k_0, n + n_0)
        if share >= SHARE_MIN and share - was >= RISE_MIN and gain >= NATS:
            found.append(
                Turned(
                    route=row["route"],
                    share=share,
                    was=was,
                    requests=n,
                    gain=gain,
                    statuses=tuple(row["statuses"]),
                )
            )
    return sorted(found, key=lambda one: (-one.gain, one.route))


def _nats(k: float, n: float) -> float:
    return sum(part * math.log(part / n) for part in (k, n - k) if part > 0)


def _logged(case: Case, routes: list[str], since: datetime) -> pl.DataFrame:
    """Return the logged refusals: below a route, too (``/api/pitches/undefined``), as the edge counts them for it."""
    mine = case.bad_requests.filter(pl.col("at") >= since).with_columns(
        route_of(pl.coalesce("url", "component", "service")).alias("route")
    )
    below = [pl.col("route").str.starts_with(f"{route}/") for route in routes if route.strip("/")]
    return mine.filter(pl.any_horizontal(pl.col("route").is_in(routes), *below) & _refusal())


def _whose(case: Case, mine: pl.DataFrame) -> tuple[int, float, bool]:
    """Return how many *mine* are, the share (0-1) of accused and odd addresses, and whether it is one client."""
    if mine.is_empty():
        return 0, 0.0, False
    table = case.clients
    odd = [] if table is None else table.filter(pl.col("verdict") != "benign").get_column("address").to_list()
    shady = mine.get_column("ip").is_in(odd).fill_null(value=False).sum() / mine.height
    who = mine.select(pl.coalesce("user_id", "ip").alias("who")).drop_nulls()
    top = who.group_by("who").len().get_column("len").max() if who.height else 0
    alone = who.height >= LOGGED_MIN and isinstance(top, int) and top >= ONE_CLIENT * who.height
    return mine.height, float(shady), alone


def of_strangers(case: Case, mine: pl.DataFrame, routes: list[str], since: datetime) -> bool:
    """
    Whether those who are refused were never served, and as many as before are served beside them.

    Whom we shut out was served once, and is missing among the served; who only came to be refused never had anything.
    An address tells that only by several requests, each of them refused; False where they or the edge show too few.
    """
    names = mine.get_column("ip").drop_nulls().unique().to_list()
    theirs = case.bad_requests.filter(pl.col("ip").is_in(names)).group_by("ip")
    never = theirs.agg(pl.len().alias("n"), pl.col("status").is_between(400, 499).all().alias("refused"))
    never = never.filter((pl.col("n") >= NEVER_SERVED) & pl.col("refused"))
    strange = mine.get_column("ip").is_in(never.get_column("ip").implode()).fill_null(value=False).sum()
    if strange < STRANGERS_SHARE * mine.height:
        return False
    served = _counted(case).filter(pl.col("route").is_in(routes) & (pl.col("status") < 400))
    spans = ((since - HISTORY, since), (since, case.now - LATE))
    earliest = case.frames.edge.get_column("at").min()
    if not isinstance(earliest, datetime):
        return False
    rates = []
    for start, end in spans:
        part = served.filter(pl.col("at").is_between(start, end, closed="left")).get_column("requests").sum()
        minutes = (end - max(start, earliest)).total_seconds() / 60
        rates.append((float(part), max(1.0, minutes)))
    expected = rates[0][0] / rates[0][1] * rates[1][1]
    return expected >= SERVED_MIN and rates[1][0] >= AS_MANY * expected


def _of_users(case: Case, routes: list[str], since: datetime) -> float:
    """Return how sure it is that people are refused, 0-1: 0 where the logs show that others are."""
    mine = _logged(case, routes, since)
    n, shady, alone = _whose(case, mine)
    if n >= LOGGED_MIN and (shady >= SHADY_SHARE or alone or of_strangers(case, mine, routes, since)):
        return 0.0
    return 1.0 if n >= LOGGED_MIN else UNKNOWN


def refused_onset(case: Case) -> Onset | None:
    """
    Return since when users are turned away, None where they are not, or where no change can be told.

    From the requests themselves, minute by minute, of the routes that refuse now.
    """
    table = _counted(case)
    late = max(case.now - LATE, case.window.start)
    split = late - QUARTER
    routes = [one.route for one in turned_away(table, (split - HISTORY, split), (split, late))]
    if not routes or not _of_users(case, routes, split):
        return None
    mine = table.filter(pl.col("route").is_in(routes) & pl.col("at").is_between(late - HISTORY, late, closed="left"))
    minutes = (
        mine.group_by(pl.col("at").dt.truncate("1m"))
        .agg(pl.col("requests").sum().alias("n"), pl.col("requests").filter(_refusal()).sum().alias("k"))
        .sort("at")
    )
    series = Series(
        symptom=f"refused:{routes[0]}",
        kind="share",
        at_ms=minutes["at"].dt.epoch("ms").to_numpy().astype(np.float64),
        values=minutes["k"].to_numpy().astype(np.float64),
        of=minutes["n"].to_numpy().astype(np.float64),
        bin_ms=60e3,
        unit="share of requests",
        observations=observation_ids(mine),
    )
    try:
        found = _search(series)
    except TooFewPoints:
        return None
    return None if found is None else replace(_onset(series, found), symptoms=(series.symptom,))


def refusals(case: Case, before: tuple[datetime, datetime], after: tuple[datetime, datetime]) -> list[Finding]:
    """
    Report routes that turn users away (4xx) since then and served them before.

    A validation, a rule at the edge or a missing object refuses in good order: no server error tells. What accused or
    odd addresses, one client alone, or those who were never served are refused is theirs. How it looks if the source
    misled: an edge that was late lacks its last minutes, logs that were cut cannot tell whose requests these were (then
    it weighs less), an empty table has no route and says nothing, a source that lied about statuses says what no entry
    of a service confirms.
    """
    table = _counted(case)
    found = turned_away(table, before, after)
    sure = _of_users(case, [one.route for one in found], after[0]) if found else 0.0
    if not sure:
        return []
    first = found[0]
    more = f", and {len(found) - 1} more routes" if len(found) > 1 else ""
    told = "/".join(str(status) for status in first.statuses)
    return [
        Finding(
            id="users/refused",
            rule="users",
            claim=f"{first.share:.0%} of {first.requests:,.0f} requests for {first.route} are refused with {told} since"
            f" {after[0]:%H:%M} UTC ({first.was:.1%} before){more}",
            severity=Severity.WARNING,
            at=after[0],
            evidence=observation_ids(table.filter(pl.col("route") == first.route)),
            signals=(Signal(name="users_refused", strength=sure),),
            data={
                "routes": [
                    {
                        "route": one.route,
                        "share": one.share,
                        "share_before": one.was,
                        "requests": one.requests,
                        "statuses": list(one.statuses),
                    }
                    for one in found[:12]
                ]
            },
        )
    ]
