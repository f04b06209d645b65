"""
In which ways a route is asked (its path and the names of its parameters), and which of them nobody used before.

Who asks as no browser of the site ever did, in numbers, and is never signed in where others are, is a program, however
many addresses it has. Names of parameters decide nothing by themselves: only that they are new, how many ask so, that
they ask for ever other things, and that nobody of them is known.

How it looks if the source lied, was empty, late or cut: without requests from before the window nothing is new, and
nobody is accused; in logs that name no user being nobody tells nothing; a cut shows fewer of them, never innocent ones.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from ._attack_web import ASSET, NAME_KEYS
from ._clients import agent_kind

USUAL: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "service": pl.String,
    "shape": pl.String,
    "requests": pl.Int64,
    "known": pl.Int64,  # of them, those that name a user
}
"""One row a service and shape: what was asked before."""
CARRIED: Final = (
    "^(?:utm_.*|gclid|fbclid|msclkid|ttclid|dclid|wbraid|gbraid|mc_[ce]id|_ga|_gl|ref|referrer|source|src|campaign|cid"
    "|v|ver|version|_|t|ts|cb|rnd|nocache|lang|locale|hl)$"
)
"""Parameters that letters, advertisements and releases add to any address."""
MARKS: Final = (
    r"(?i)[?&;](?:utm_\w+|gclid|fbclid|msclkid|ttclid|dclid|[wg]braid|mc_[ce]id|_ga|_gl|_|t|ts|cb|rnd)=[^&#]*"
)
SEEN_BEFORE_MIN: Final = 200
"""Requests of a service from before, from which something is new there."""
REQUESTS_MIN: Final = 60
SHARE_MIN: Final = 0.1
"""Part of all requests of the service since it was seen, from which a shape is more than somebody's try."""
NEW_SHARE: Final = 0.02
"""Its part of the requests before, relative to now, up to which it is new."""
DISTINCT_MIN: Final = 30
DISTINCT_SHARE: Final = 0.3
ADDRESSES_MIN: Final = 3
CHANCE_NATS: Final = 14.0
"""One in a million: that so many ordinary visitors happen to be signed in as nobody."""
ODD_Z: Final = 5.0
ODD_TOP: Final = 0.5
SIGN_IN: Final = r"(?i)/(?:auth|log-?in|sign-?in|sessions?|token|oauth|register|sign-?up)(?:/|\?|$)"


def shape_of(page: pl.Expr) -> pl.Expr:
    """Return path with ids as ``:id`` and the sorted names of the parameters that say what is asked for."""
    text = page.str.slice(0, 600)
    path = (
        text.str.replace(r"[?#](?s:.*)$", "")
        .str.replace_all(r"/(?:\d+|[0-9a-fA-F-]{8,}|[A-Za-z0-9_-]{24,})(/|$)", "/:id$1")
        .str.slice(0, 120)
    )
    names = (
        text.str.extract_all(r"[?&;][\w.\[\]%$-]{1,60}=")
        .list.eval(pl.element().str.strip_chars("?&;=").str.to_lowercase())
        .list.eval(pl.element().filter(~pl.element().str.contains(CARRIED)))
        .list.unique()
        .list.sort()
        .list.head(8)
        .list.join("&")
    )
    return pl.when(names == "").then(path).otherwise(pl.concat_str(path, names, separator="?"))


def _shaped(rows: pl.DataFrame) -> pl.DataFrame:
    """Return *rows* (with ``page``) with their ``shape``, and ``what`` is asked for: without who asks, and marks."""
    what = pl.col("page").str.replace_all(MARKS, "").str.replace_all(NAME_KEYS, "")
    pages = rows.select("page").unique().with_columns(shape_of(pl.col("page")).alias("shape"), what.alias("what"))
    return rows.join(pages, on="page", how="left", maintain_order="left")


def usual_shapes(logs: pl.DataFrame) -> pl.DataFrame:
    """Return `USUAL` of the requests in *logs* (`frames.LOGS`)."""
    asked = logs.filter(pl.col("url").is_not_null() & pl.col("status").is_not_null()).select(
        "service", "user_id", pl.col("url").str.slice(0, 1024).str.replace(r"(?i)^https?://[^/?#]*", "").alias("page")
    )
    return (
        _shaped(asked)
        .group_by("service", "shape")
        .agg(pl.len().cast(pl.Int64).alias("requests"), pl.col("user_id").count().cast(pl.Int64).alias("known"))
        .sort("service", "shape")
    )


def asked_of(logs: pl.DataFrame) -> pl.DataFrame:
    """Return the requests in *logs* (`frames.LOGS`) with what `new_shapes` reads of them."""
    rows = logs.filter(pl.col("url").is_not_null() & pl.col("status").is_not_null()).select(
        "at",
        "service",
        "user_id",
        "user_agent",
        "method",
        "status",
        pl.col("ip").alias("address"),
        pl.col("url").str.slice(0, 1024).str.replace(r"(?i)^https?://[^/?#]*", "").alias("page"),
    )
    agents = rows.select("user_agent").unique().with_columns(agent_kind(pl.col("user_agent")).alias("agent_kind"))
    path = pl.col("page").str.replace(r"[?#](?s:.*)$", "")
    return rows.join(agents, on="user_agent", how="left", nulls_equal=True, maintain_order="left").with_columns(
        path.str.contains(ASSET).alias("asset")
    )


def new_shapes(asked: pl.DataFrame, usual: pl.DataFrame) -> pl.DataFrame:
    """
    Return what is asked now and was not before: one row a service and shape, busiest first.

    Parameters
    ----------
    asked
        `_attack_web.requests` of the window.
    usual
        `USUAL` of the time before it.

    Returns
    -------
    DataFrame
        ``service, shape, requests, share`` (of the service's since it was first seen), ``addresses, pages`` (distinct),
        ``known`` (name a user), ``users`` (distinct), ``client`` (the busiest user), ``usually_known`` (share before,
        of the service), ``top`` (part of the busiest client).
    """
    people = asked.filter(
        pl.col("agent_kind").is_in(["other", "script", "none"])
        & ~pl.col("asset")
        & (pl.col("status").is_null() | (pl.col("status") < 400) | (pl.col("status") == 404))
    )
    busy = _shaped(people.select("at", "service", "address", "user_id", "method", "page"))
    counted = (
        busy.group_by("service", "shape")
        .agg(
            pl.len().alias("requests"),
            pl.col("at").min().alias("since"),
            pl.col("address").n_unique().alias("addresses"),
            pl.col("what").n_unique().alias("pages"),
            pl.col("user_id").count().alias("known"),
            pl.col("user_id").n_unique().alias("users"),
            pl.col("user_id").drop_nulls().mode().sort().first().alias("client"),
            (pl.coalesce("user_id", "address").value_counts().struct.field("count").max() / pl.len()).alias("top"),
            pl.col("method").drop_nulls().str.to_uppercase().is_in(["GET", "HEAD"]).all().alias("reads"),
        )
        .filter(pl.col("requests") >= REQUESTS_MIN)
        .sort("requests", "service", "shape", descending=[True, False, False])
    )
    if counted.is_empty():
        return counted.with_columns(share=pl.lit(0.0), usually_known=pl.lit(0.0))
    before = usual.group_by("service").agg(
        pl.col("requests").sum().alias("before"), pl.col("known").sum().alias("known_before")
    )
    rows = counted.join(before, on="service", how="inner").join(
        usual.select("service", "shape", pl.col("requests").alias("was")), on=["service", "shape"], how="left"
    )
    served = busy.select("service", "at")
    shares = []
    for row in rows.iter_rows(named=True):
        whole = served.filter((pl.col("service") == row["service"]) & (pl.col("at") >= row["since"])).height
        shares.append(row["requests"] / max(1, whole))
    rows = rows.with_columns(
        pl.Series("share", shares, dtype=pl.Float64), (pl.col("known_before") / pl.col("before")).alias("usually_known")
    )
    return rows.filter(
        (pl.col("before") >= SEEN_BEFORE_MIN)
        & (pl.col("share") >= SHARE_MIN)
        & (pl.col("was").fill_null(0) <= NEW_SHARE * pl.col("share") * pl.col("before"))
    )


def nobodies(asked: pl.DataFrame, usual: pl.DataFrame) -> pl.DataFrame:
    """Return ``address, strange`` (pages in ten minutes) of those who ask a new way in numbers and are never known."""
    found = new_shapes(asked, usual).filter(
        (pl.col("known") <= 0.01 * pl.col("requests"))
        & (pl.col("usually_known") < 1)
        & (pl.col("requests") * (1 / (1 - pl.col("usually_known"))).log() >= CHANCE_NATS)
        & (pl.col("pages") >= pl.max_horizontal(pl.lit(DISTINCT_MIN), DISTINCT_SHARE * pl.col("requests")))
        & (pl.col("addresses") >= ADDRESSES_MIN)
        & pl.col("reads")
        & ~pl.col("shape").str.contains(SIGN_IN)
    )
    if found.is_empty():
        return pl.DataFrame(schema={"address": pl.String, "strange": pl.Int64})
    mine = _shaped(asked.filter(pl.col("agent_kind").is_in(["other", "script", "none"])))
    mine = mine.join(found.select("service", "shape"), on=["service", "shape"], how="semi")
    busiest = (
        mine.group_by("service", "shape", "slot")
        .agg(pl.col("what").n_unique().alias("_pages"))
        .group_by("service", "shape")
        .agg(pl.col("_pages").max())
    )
    return (
        mine.join(busiest, on=["service", "shape"])
        .group_by("address")
        .agg(pl.col("_pages").max().cast(pl.Int64).alias("strange"))
        .sort("address")
    )


def shifted(asked: pl.DataFrame, usual: pl.DataFrame) -> pl.DataFrame:
    """
    Return of `new_shapes` what is not asked by people as they usually are, with ``odd`` (why).

    A new release of the site asks in new ways, too: through everybody's browser, of whom as many are signed in as ever.
    Who asks for the same few pages again and again (a check, a test of the load) takes nothing away.
    """
    found = new_shapes(asked, usual).filter(pl.col("pages") >= DISTINCT_MIN)
    n, p = pl.col("requests"), pl.col("usually_known").clip(0.02, 0.98)
    z = (pl.col("known") - n * p).abs() / (n * p * (1 - p)).sqrt()
    odd = (
        pl.when(pl.col("top") >= ODD_TOP)
        .then(pl.lit("by one client"))
        .when((z >= ODD_Z) & (pl.col("known") < n * p))
        .then(pl.lit("by people who are not signed in"))
        .when((z >= ODD_Z) & (pl.col("users") <= 3))
        .then(pl.lit("by very few users"))
    )
    return found.with_columns(odd.alias("odd")).filter(pl.col("odd").is_not_null())
