"""
One who passes for many, told by what people and their devices do not do, wherever a limit counts.

Whoever is counted by address, account or token can only be one of many if he changes them. People stay on their
network between two clicks, and a session's token lives minutes to hours: who leaves both behind with every few
requests is one program, however little each of its names asks for.

How it looks if the source lied, was empty, late or cut: entries without users or renewals show nothing, and nobody is
accused; a cut shows fewer changes, never more. A user agent that is made up anew each time hides the first sign.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from . import _clients

MOVES_MIN: Final = 20
"""Steps from one request to the next of the same account, in all, from which their networks are compared."""
MOVED: Final = 0.7
"""Part of these steps that lead to a network where the account was not before in these ten minutes."""
MOVERS_MIN: Final = 8
"""Accounts that move so: one person in a train, or behind a relay, is no crowd of them."""
RENEWED_MIN: Final = 30
"""Tokens or keys that one session has made within ten minutes; they live minutes to hours, and what keeps a session
alive does it every half minute at most."""
RENEWER_PAGES: Final = 40
"""Distinct pages in the same ten minutes: more than a person reads. A browser that renews in a loop reads none."""
RENEWER_REFUSED: Final = 0.05
"""Part of its requests that is refused with 401 or 403, from which it renews because its token is not accepted."""
RENEWS: Final = (
    r"(?i)/(?:refresh(?:[-_]?(?:token|session))?|renew(?:[-_]?(?:token|session))?|tokens?/(?:new|create|issue|rotate)"
    r"|(?:api|access)[-_]?(?:keys?|tokens?)(?:/(?:new|create|issue|rotate))?|guest(?:s|[-_]?(?:session|token))?"
    r"|anonymous(?:[-_]?(?:session|token))?)/?$"
)
"""Where a session has itself another token or key made."""


def wandering(asked: pl.DataFrame) -> pl.DataFrame:
    """
    Return ``address, _n`` (accounts) of accounts that ask one route from another network with nearly every request.

    Of each account's requests to one path with one user agent within ten minutes only the steps count, so that neither
    many visitors nor people with one request each look like it. People at home, at work and on a phone make few
    steps to another network, whatever browser they share with others. Where a log names Cloudflare's or our own
    inner addresses instead of the visitors', everybody seems to wander, and nobody is told.
    """
    named = asked.filter(
        pl.col("user_id").is_not_null() & ~pl.col("asset") & (pl.col("agent_kind") != "crawler")
    ).drop_nulls(["network", "user_agent"])
    who = ["user_agent", "path", "user_id"]
    each = (
        named.group_by([*who, "slot"])
        .agg((pl.len() - 1).alias("_steps"), (pl.col("network").n_unique() - 1).alias("_moves"))
        .filter(pl.col("_steps") > 0)
        .group_by(who)
        .agg(pl.col("_steps").sum(), pl.col("_moves").sum())
    )
    groups = (
        each.group_by("user_agent", "path")
        .agg(
            pl.col("_steps").sum().alias("_all_steps"),
            pl.col("_moves").sum().alias("_all_moves"),
            (pl.col("_moves") >= MOVED * pl.col("_steps")).sum().alias("_n"),
        )
        .filter(
            (pl.col("_all_steps") >= MOVES_MIN)
            & (pl.col("_all_moves") >= MOVED * pl.col("_all_steps"))
            & (pl.col("_n") >= MOVERS_MIN)
        )
    )
    movers = each.filter(pl.col("_moves") >= MOVED * pl.col("_steps")).join(groups, on=["user_agent", "path"])
    mine = named.join(movers.select([*who, "_n"]), on=who)
    found = mine.group_by("address").agg(pl.col("_n").max()).sort("address")
    theirs = [_clients.why_never_blocked(address, ()) is None for address in found.get_column("address").to_list()]
    return found.filter(pl.Series(theirs, dtype=pl.Boolean))


def renewing(asked: pl.DataFrame) -> pl.DataFrame:
    """
    Return ``address, _n`` (tokens) of sessions that have token after token made, ask on, and were never refused.

    One address and user agent, whose requests name one user. A browser that cannot use its token renews in a loop, and
    is refused in between; an office behind one address names many users; who reads like a person needs no more than
    its session.
    """
    posted = pl.col("method").is_null() | pl.col("method").str.to_uppercase().is_in(["POST", "PUT"])
    renews = pl.col("path").str.contains(RENEWS) & posted
    status = pl.col("status")
    well = status < 400
    asks = pl.col("status").is_not_null() & ~pl.col("asset")
    found = (
        asked.filter(asks & pl.col("user_agent").is_not_null() & (pl.col("agent_kind") != "crawler"))
        .group_by("address", "user_agent", "slot")
        .agg(
            (renews & well).sum().alias("_n"),
            pl.col("page").filter(~renews & well).n_unique().alias("_pages"),
            status.is_in([401, 403]).mean().alias("_refused"),
            pl.col("user_id").drop_nulls().n_unique().alias("_users"),
        )
        .filter(
            (pl.col("_n") >= RENEWED_MIN)
            & (pl.col("_pages") > RENEWER_PAGES)
            & (pl.col("_refused") <= RENEWER_REFUSED)
            & (pl.col("_users") == 1)
        )
    )
    return found.group_by("address").agg(pl.col("_n").max()).sort("address")
