"""
Who attacks: every address that tried, how sure that is, what it touched, and what blocking it would cost.

No single threshold accuses. What an address did is weighed as evidence in **decibans** (ten times the
decimal logarithm of a likelihood ratio: +10 dB makes "attacker" ten times likelier), added to a prior of
-10 dB, per track (logins, requests, scraping, evasion). The strongest track counts whole, other tracks
half, because one program often causes both. From +10 dB (ten to one) an address is **accused**; from
+3 dB (two to one) it is **suspicious** (low and slow ones are there); below, **benign**, with the reason.

`WEIGHTS` lists every weight with its ground. They are judgements, set by the shapes of real auth and
access logs (a person who knows the account gets in within five tries; guessing programs do not stop), not
fitted to one file. Everything is a pure function of its input; the heavy part is columnar.

How it looks if a source lied, was empty, was late or cut: an empty frame yields no address and
`attack_findings` answers `NotChecked`, never "nobody attacks"; a cut log makes attackers look slower than
they are (suspicious instead of accused), never innocent persons guilty.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import polars as pl

from .. import frames
from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from ..models.window import Window
from . import _attack_logins, _attack_shapes, _attack_web, _clients
from ._clients import IPNetwork

PRIOR_DB: Final = -10.0
ACCUSED_DB: Final = 10.0
SUSPICIOUS_DB: Final = 3.0

BY_HAND: Final = 0.35
"""What a failure weighs when it came slowly (5 s and more), unevenly, on one ordinary account: persons do that."""
RENEWED_TRIES: Final = 40
"""So many wrong passwords one may try by hand who then asks for another one; whoever goes on longer has no memory to
search, and a request for another password costs nobody anything."""
HOUSE_ACCOUNTS: Final = 5
HOUSE_SHARE: Final = 0.6
HOUSE_TRIES: Final = 3.0
HOUSE_MOST: Final = 2 * _attack_logins.PERSON_STREAK
IN_A_HOUSE: Final = 0.1
"""
What a failure weighs behind an address where many accounts get in: at least three for each five that have not yet, in
few tries each, none tried without end, and not as even as a clock. Of stolen lists a few in a hundred fit.
"""

WEIGHTS: Final[dict[str, tuple[float, float, str]]] = {
    # name: (decibans per unit, largest total in decibans either way, ground)
    "failed_logins": (
        3.7,
        45.0,
        "each failure on an account that the address never got into: persons give up or get in, four in "
        "ten at every try",
    ),
    "who_was_tried": (
        1.0,
        7.0,
        "accounts that do not exist, several accounts, names that programs guess, neighbours that do the"
        " same (one evidence: they go together)",
    ),
    "tried_together": (
        12.0,
        12.0,
        "one of many addresses that try the same account in the same hour, again and again, and do nothing else",
    ),
    "machine_pace": (2.0, 4.0, "median gap of at most 3 s, or gaps as even as a clock"),
    "further_days": (2.0, 6.0, "back on another day, still without success"),
    "streak_then_success": (4.5, 45.0, "each failure in a row before the first success on an account, beyond four"),
    "known_account": (
        0.3,
        9.0,
        "each failure on an account that it had been let into before: a stale saved password at worst",
    ),
    "regular_use": (
        -1.0,
        8.0,
        "each successful login beyond two: guessers that got in seldom come and go by the door",
    ),
    "own_accounts": (
        -20.0,
        20.0,
        "share of the accounts it used that it got into within five tries, or of its logins that "
        "succeeded: persons and administrators do",
    ),
    "left_before_login": (
        2.0,
        24.0,
        "connections that ended in the login exchange, beyond the failures that were written",
    ),
    "looked_at_the_port": (
        1.0,
        9.0,
        "connections that ended before a name was given: key and port scans, but also health checks",
    ),
    "attack_payload": (
        25.0,
        45.0,
        "a payload of a shape that ordinary text does not have: 25 for the first, 5 for each further "
        "kind, 1 for each further text",
    ),
    "odd_text": (6.0, 14.0, "text that is part of payloads but also occurs by accident"),
    "attack_tool": (24.0, 24.0, "the user agent names a program that is only used to attack"),
    "tool_traces": (16.0, 16.0, "asked for a path that only scanning programs make up"),
    "mass_scanner": (11.0, 11.0, "the user agent names a scanner of the whole internet"),
    "probed_places": (
        1.8,
        30.0,
        "each distinct place where other software keeps its secrets, asked for without success",
    ),
    "missing_paths": (
        12.0,
        30.0,
        "distinct missing paths that hardly anybody else asked for: 12 for every tenfold over five, times their share",
    ),
    "burst": (6.0, 6.0, "many missing paths at a median gap under 2 s"),
    "odd_methods": (4.0, 12.0, "methods that neither browsers nor our programs send"),
    "login_pages": (2.0, 8.0, "login failures of the same address beside probing"),
    "pages_fast": (20.0, 30.0, "for every tenfold over 40 distinct pages in ten minutes: more than a person reads"),
    "sustained": (2.0, 8.0, "each further ten minutes of it"),
    "even_gaps": (5.0, 5.0, "at least 50 requests with gaps as even as a clock"),
    "counting_up": (6.0, 6.0, "numeric ids asked for in order"),
    "one_program": (
        8.0,
        8.0,
        "one program on several addresses asks for nothing but the catalogue's pages, each once, signed in as nobody",
    ),
    "strangers_way": (
        24.0,
        24.0,
        "asks a route in a way that nobody used before, with many others, for ever other things, and none of them is"
        " ever signed in",
    ),
    "script_agent": (4.0, 4.0, "the user agent is a programming library, or none"),
    "declared_crawler": (
        -14.0,
        14.0,
        "says that it is a crawler, feed reader or monitor: excuses volume and dead links, never payloads",
    ),
    "one_client_many_addresses": (
        24.0,
        24.0,
        "member of a group of addresses that behaves as one client and so passes the rate limit",
    ),
    "limit_refusals": (0.3, 9.0, "each 429 it met and went on"),
    "blocked_at_edge": (0.5, 5.0, "each event of the edge's firewall about it"),
}
"""Weights of evidence in decibans: per unit, cap, ground."""

_LOGIN: Final = (
    "failed_logins",
    "who_was_tried",
    "tried_together",
    "machine_pace",
    "further_days",
    "streak_then_success",
    "known_account",
    "regular_use",
    "own_accounts",
    "left_before_login",
    "looked_at_the_port",
)
_PROBE: Final = (
    "attack_payload",
    "odd_text",
    "attack_tool",
    "tool_traces",
    "mass_scanner",
    "probed_places",
    "missing_paths",
    "burst",
    "odd_methods",
    "login_pages",
    "declared_crawler_probe",
    "blocked_at_edge",
)
_SCRAPE: Final = (
    "pages_fast",
    "one_program",
    "sustained",
    "even_gaps",
    "counting_up",
    "strangers_way",
    "script_agent",
    "declared_crawler",
)
_EVADE: Final = ("one_client_many_addresses", "limit_refusals")
_TRACKS: Final = {"logins": _LOGIN, "requests": _PROBE, "scraping": _SCRAPE, "evasion": _EVADE}

_COUNTS: Final = (
    "failures",
    "accounts",
    "unknown_tries",
    "unknown_accounts",
    "dictionary_accounts",
    "successes",
    "foreign_failures",
    "foreign_accounts",
    "own_accounts",
    "known_before",
    "streak",
    "most_on_one",
    "joint",
    "days",
    "failures_before_success",
    "ended",
    "probes",
    "requests",
    "ok_requests",
    "errors",
    "limited",
    "missing",
    "rare_missing",
    "probed",
    "tool_paths",
    "distinct_paths",
    "odd_methods",
    "strong",
    "weak",
    "busiest",
    "busy_slots",
    "busiest_crew",
    "copied",
    "strange",
    "bypass_addresses",
    "firewall_events",
    "neighbours",
)

_KEPT: Final = 2000
"""Evidence is written out for at most this many addresses, strongest first; the rest keep their numbers."""


def _w(name: str, units: pl.Expr) -> pl.Expr:
    unit, cap, _ = WEIGHTS[name]
    return (units.cast(pl.Float64).fill_null(0.0).fill_nan(0.0) * unit).clip(-cap, cap)


def _flag(condition: pl.Expr) -> pl.Expr:
    return condition.fill_null(False).cast(pl.Float64)


def _n(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64)


def _by_hand() -> pl.Expr:
    """Slow and uneven tries on one ordinary account: these may be fingers that search their memory."""
    return (
        (pl.col("accounts") <= 1)
        & (pl.col("unknown_accounts") == 0)
        & (pl.col("dictionary_accounts") == 0)
        & (pl.col("gap_s") >= 5.0)
        & (pl.col("gap_spread") >= 0.3)
        & (pl.col("joint") == 0)
    ).fill_null(False)


def _renewed() -> pl.Expr:
    """
    Whether an address tried one account by hand, in vain, then had its password renewed or asked for it, and got in.

    So does a person who forgot. It may be one who guesses and reads the mail, too: never accused for it, never benign.
    Where the log lied, was late or was cut the renewal is missing, and it is judged as before.
    """
    others = [f"t_{name}" for name in _TRACKS if name != "logins"]
    return (
        _by_hand()
        & (pl.col("failures") <= RENEWED_TRIES)
        & (pl.col("successes") > 0)
        & (pl.col("renewed_at") > pl.col("last_failure"))
        & (pl.col("last_success") >= pl.col("renewed_at"))
        & (pl.max_horizontal(others) <= 0)
    ).fill_null(False)


def _weights() -> dict[str, pl.Expr]:
    """Decibans of each piece of evidence, as expressions over the counts of an address."""
    used = (_n("foreign_accounts") + _n("own_accounts")).clip(lower_bound=1)
    got_in = _n("successes") / (_n("successes") + _n("foreign_failures")).clip(lower_bound=1)
    own_share = pl.max_horizontal(_n("own_accounts") / used, got_in * _flag(pl.col("own_accounts") > 0))
    identity = (
        (1.5 * _n("unknown_accounts")).clip(upper_bound=6)
        + (_n("foreign_accounts") - 1).clip(0, 5)
        + 2.0 * _flag(pl.col("dictionary_accounts") > 0)
        + (1.5 * _n("neighbours")).clip(upper_bound=4)
    ) * _flag(pl.col("foreign_failures") > 0)
    several = pl.col("foreign_failures") >= 4
    pace = _flag(several & (pl.col("gap_s") <= 3.0)) + _flag(
        (pl.col("foreign_failures") >= 8) & (pl.col("gap_spread") <= 0.25)
    )
    crawler = pl.col("agent_kinds").list.contains("crawler").fill_null(False) & ~(
        pl.col("agent_kinds").list.contains("attack_tool").fill_null(False)
    )
    script = pl.col("agent_kinds").list.contains("script") | pl.col("agent_kinds").list.contains("none")
    share_missing = (_n("rare_missing") / _n("distinct_paths").clip(lower_bound=1)).clip(0, 1)
    payload = (
        _flag(pl.col("strong") > 0)
        + 0.2 * (pl.col("payload_kinds").list.len().cast(pl.Float64).fill_null(0) - 1).clip(lower_bound=0)
        + 0.04 * (_n("strong") - 1).clip(lower_bound=0)
    )
    pages = pl.max_horizontal(_n("busiest"), _n("busiest_crew") * _flag(pl.col("busiest") >= 10), _n("copied"))
    fast = pl.when(pages > 40).then((pages / 40.0).log10()).otherwise(0.0)
    by_hand = _by_hand()
    # behind the address of an office most get in; no list of stolen passwords fits so often
    house = (
        (pl.col("own_accounts") >= HOUSE_ACCOUNTS)
        & (pl.col("own_accounts") >= HOUSE_SHARE * pl.col("foreign_accounts"))
        & (pl.col("failures") <= HOUSE_TRIES * (pl.col("own_accounts") + pl.col("foreign_accounts")))
        & (pl.col("most_on_one").fill_null(0) <= HOUSE_MOST)
        & ~((pl.col("gap_spread") <= 0.25).fill_null(False) & (pl.col("foreign_failures") >= 8))
        & (pl.col("unknown_accounts") == 0)
        & (pl.col("dictionary_accounts") == 0)
    ).fill_null(False)
    effort = pl.when(house).then(IN_A_HOUSE).when(by_hand).then(BY_HAND).otherwise(1.0)
    missing = (
        pl.when(pl.col("rare_missing") > 5).then((_n("rare_missing") / 5.0).log10() * share_missing).otherwise(0.0)
    )
    return {
        "failed_logins": _w("failed_logins", _n("foreign_failures") * effort),
        "who_was_tried": _w("who_was_tried", identity),
        "tried_together": _w("tried_together", _flag(pl.col("joint") > 0)),
        "machine_pace": _w("machine_pace", pace),
        "further_days": _w(
            "further_days",
            (_n("days") - 1).clip(lower_bound=0) * _flag((pl.col("foreign_failures") > 0) & (pl.col("successes") == 0)),
        ),
        "streak_then_success": _w("streak_then_success", (_n("streak") - 4).clip(lower_bound=0) * effort),
        "known_account": _w("known_account", _n("known_before")),
        "regular_use": _w("regular_use", (_n("successes") - 2).clip(lower_bound=0) * _flag(pl.col("joint") == 0)),
        "own_accounts": _w("own_accounts", own_share),
        "left_before_login": _w(
            "left_before_login", (_n("ended") - _n("failures") - _n("successes")).clip(lower_bound=0)
        ),
        "looked_at_the_port": _w(
            "looked_at_the_port", (_n("probes") - _n("failures") - _n("successes") - 2).clip(lower_bound=0)
        ),
        "attack_payload": _w("attack_payload", payload),
        "odd_text": _w("odd_text", _n("weak")),
        "attack_tool": _w("attack_tool", _flag(pl.col("agent_kinds").list.contains("attack_tool"))),
        "tool_traces": _w("tool_traces", _n("tool_paths")),
        "mass_scanner": _w("mass_scanner", _flag(pl.col("agent_kinds").list.contains("mass_scanner"))),
        "probed_places": _w("probed_places", _n("probed")),
        "missing_paths": _w("missing_paths", missing),
        "burst": _w("burst", _flag((pl.col("rare_missing") >= 20) & (pl.col("web_gap_s") < 2.0))),
        "odd_methods": _w("odd_methods", _n("odd_methods")),
        "login_pages": _w(
            "login_pages", _n("failures") * _flag((pl.col("probed") > 0) | (pl.col("strong") > 0)) * 0.25
        ),
        "declared_crawler_probe": _w(
            "declared_crawler", _flag(crawler & (pl.col("strong") == 0) & (pl.col("probed") < 12))
        ),
        "blocked_at_edge": _w("blocked_at_edge", _n("firewall_events")),
        "pages_fast": _w("pages_fast", fast),
        "sustained": _w("sustained", (_n("busy_slots") - 1).clip(lower_bound=0)),
        "even_gaps": _w(
            "even_gaps",
            _flag((pl.col("requests") >= 50) & (pl.col("web_gap_spread") <= 0.3) & (pl.col("busiest") > 20)),
        ),
        "counting_up": _w("counting_up", _flag((pl.col("steps") >= 0.6) & (pl.col("busiest") > 20))),
        "one_program": _w("one_program", _flag(pl.col("copied") > 0)),
        "strangers_way": _w("strangers_way", _flag(pl.col("strange") > 0)),
        "script_agent": _w("script_agent", _flag(script & (pages > 40))),
        "declared_crawler": _w("declared_crawler", _flag(crawler)),
        "one_client_many_addresses": _w("one_client_many_addresses", _flag(pl.col("bypass").is_not_null())),
        "limit_refusals": _w("limit_refusals", _n("limited")),
    }


def _prepared(logs: pl.DataFrame, firewall: pl.DataFrame | None, window: Window | None) -> pl.DataFrame:
    """Rows of logs and of the edge's firewall, canonical addresses beside them."""
    extra = [pl.col("forwarded").cast(pl.String)] if "forwarded" in logs.columns else []
    rows = logs.select([pl.col(name) for name in frames.LOGS] + extra).with_columns(pl.lit(False).alias("_edge"))
    if firewall is not None and firewall.height:
        edge = firewall.select(
            "at",
            "ip",
            "user_agent",
            pl.col("path").alias("url"),
            pl.lit(True).alias("_edge"),
            pl.when(pl.col("action").is_in(["block", "drop", "managed_challenge", "jschallenge", "challenge"]))
            .then(pl.lit(403, pl.Int32))
            .alias("status"),
            "observation",
        )
        rows = pl.concat([rows, edge], how="diagonal")
    if window is not None:
        rows = rows.filter(pl.col("at").is_between(window.start, window.end, closed="left"))
    return rows.sort("at", maintain_order=True)


EMPTY_SCHEMA: Final[dict[str, Any]] = {
    "address": pl.String,
    "network": pl.String,
    "verdict": pl.String,
    "kind": pl.String,
    "kinds": pl.List(pl.String),
    "critical": pl.Boolean,
    "score_db": pl.Float64,
    "reason": pl.String,
    "evidence": pl.String,
    "first_seen": frames.UTC_MS,
    "last_seen": frames.UTC_MS,
    "accounts_tried": pl.List(pl.String),
    "accounts_entered": pl.List(pl.String),
    "entered_at": frames.UTC_MS,
    "routes": pl.List(pl.String),
    "agents": pl.List(pl.String),
    "payload_kinds": pl.List(pl.String),
    "payload_samples": pl.List(pl.String),
    "bypass": pl.String,
    **dict.fromkeys(_COUNTS, pl.Int64),
    "observations": pl.List(pl.String),
}
"""Columns of `attackers`."""


def attackers(
    logs: pl.DataFrame,
    *,
    protected: Sequence[IPNetwork] = (),
    window: Window | None = None,
    firewall: pl.DataFrame | None = None,
    usual: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """
    Judge every address that did anything worth judging.

    Parameters
    ----------
    logs
        A `frames.LOGS` frame; any order, millions of rows. Where it also has a column ``forwarded`` (the
        address that a forwarding header claims), addresses whose claims keep changing are told by it.
    protected
        Our own and the monitors' networks. Their addresses are judged like all others, because a taken
        machine attacks too; they are marked in the reason and `block_list` never proposes them.
    window
        Only entries in it; None takes all.
    firewall
        A `frames.FIREWALL` frame: what the edge saw, read beside the logs.
    usual
        How routes were asked before (`_attack_shapes.usual_shapes`); without it no way of asking is new.

    Returns
    -------
    DataFrame
        Columns `EMPTY_SCHEMA`, accused first, strongest first. Addresses without any sign (no failure, no
        payload, no probing, no volume) are left out. ``evidence`` is JSON: ``[{"what", "units_db", "ground"}]``.
        ``critical``: accused, and let in after its failures.

    Raises
    ------
    polars.exceptions.ColumnNotFoundError
        A declared column is missing: a bug in `frames`, not a finding.
    """
    rows = _prepared(logs, firewall, window)
    tries = _attack_logins.attempts(rows)
    probes = _attack_logins.probes(rows)
    known = _clients.canonical(pl.concat([rows["ip"], tries["ip"], probes["ip"]]))
    if known.is_empty():
        return pl.DataFrame(schema=EMPTY_SCHEMA)
    rows = rows.join(known, on="ip", how="inner", maintain_order="left")
    tries = tries.join(known, on="ip", how="inner", maintain_order="left")
    logins = _attack_logins.by_address(tries)
    ended = tries.filter(pl.col("channel") == "ended").group_by("address").agg(pl.len().alias("ended"))
    probes = probes.join(known, on="ip").group_by("address").agg(pl.col("probes").sum())
    kinds = (
        rows.select("user_agent").unique().with_columns(_clients.agent_kind(pl.col("user_agent")).alias("agent_kind"))
    )
    asked = _attack_web.requests(rows).join(kinds, on="user_agent", how="left", nulls_equal=True, maintain_order="left")
    posing = _clients.false_crawlers(rows.select("address", "user_agent").unique(maintain_order=True))
    posing += _attack_web.greedy_crawlers(asked)
    asked = asked.with_columns(
        pl.when(pl.col("address").is_in(posing))
        .then(pl.lit("none"))
        .otherwise(pl.col("agent_kind"))
        .alias("agent_kind")
    )
    hits = _attack_web.payload_hits(rows)
    web = _attack_web.by_address(asked, hits)
    if usual is not None:
        web = web.join(_attack_shapes.nobodies(asked, usual), on="address", how="full", coalesce=True)
    bypass = _attack_web.shared_clients(asked, tries, rows)
    spans = rows.group_by("address").agg(
        pl.col("at").min().alias("first_seen"),
        pl.col("at").max().alias("last_seen"),
        pl.col("_edge").sum().alias("firewall_events"),
    )
    spans_tries = tries.group_by("address").agg(pl.col("at").min().alias("_first"), pl.col("at").max().alias("_last"))
    table = known.select("address", "network").unique("address", maintain_order=True)
    renewals = _attack_logins.renewals(rows)
    joint = _attack_logins.together(tries, asked)
    for part in (spans, spans_tries, logins, joint, ended, probes, web, bypass, renewals):
        table = table.join(part, on="address", how="left")
    table = table.with_columns(
        pl.min_horizontal("first_seen", "_first").alias("first_seen"),
        pl.max_horizontal("last_seen", "_last").alias("last_seen"),
    )
    missing = [name for name in _COUNTS if name not in table.columns]
    table = table.with_columns([pl.lit(0, pl.Int64).alias(name) for name in missing])
    table = table.with_columns([pl.col(name).cast(pl.Int64).fill_null(0) for name in _COUNTS])
    restless = (pl.col("foreign_failures") > 0) | (pl.col("strong") > 0) | (pl.col("probed") >= 3)
    around = (
        table.filter(restless & pl.col("network").is_not_null()).group_by("network").agg(pl.len().alias("_restless"))
    )
    table = table.join(around, on="network", how="left").with_columns(
        (pl.col("_restless").fill_null(0) - restless.cast(pl.Int64))
        .cast(pl.Int64)
        .clip(lower_bound=0)
        .alias("neighbours")
    )
    who = _attack_web.agents_of(rows).with_columns(
        pl.when(pl.col("address").is_in(posing))
        .then(pl.concat_list(pl.lit("none")))
        .otherwise(pl.col("agent_kinds"))
        .alias("agent_kinds")
    )
    table = table.join(who, on="address", how="left").with_columns(**{f"w_{k}": e for k, e in _weights_named().items()})
    tracks = {name: pl.sum_horizontal([f"w_{key}" for key in keys]) for name, keys in _TRACKS.items()}
    table = table.with_columns(**{f"t_{name}": total for name, total in tracks.items()})
    totals = [f"t_{name}" for name in _TRACKS]
    best = pl.max_horizontal(totals)
    others = pl.sum_horizontal([pl.col(name).clip(lower_bound=0) for name in totals]) - best.clip(lower_bound=0)
    table = table.with_columns((PRIOR_DB + best + 0.5 * others).round(1).alias("score_db"))
    notable = (
        (pl.col("failures") > 0)
        | (pl.col("ended") > 0)
        | (pl.col("strong") > 0)
        | (pl.col("weak") > 0)
        | (pl.col("probed") > 0)
        | (pl.col("rare_missing") > 5)
        | (pl.col("busiest") > 40)
        | ((pl.col("busiest_crew") > 40) & (pl.col("busiest") >= 10))
        | (pl.col("copied") > 0)
        | (pl.col("strange") > 0)
        | pl.col("bypass").is_not_null()
        | (pl.col("odd_methods") > 0)
        | (pl.col("limited") > 0)
        | (pl.col("probes") > 2)
        | (pl.col("firewall_events") > 0)
        | pl.col("agent_kinds").list.contains("attack_tool").fill_null(False)
        | pl.col("agent_kinds").list.contains("mass_scanner").fill_null(False)
    )
    verdict = (
        pl.when((pl.col("score_db") >= ACCUSED_DB) & ~_renewed())
        .then(pl.lit("accused"))
        .when((pl.col("score_db") >= SUSPICIOUS_DB) | _quiet_guesser())
        .then(pl.lit("suspicious"))
        .otherwise(pl.lit("benign"))
    )
    table = (
        table.filter(notable)
        .with_columns(verdict.alias("verdict"), *_kind_columns())
        .with_columns(
            pl.col("kinds").list.first().fill_null("none").alias("kind"),
            (
                (pl.col("verdict") == "accused")
                & (pl.col("successes") > 0)
                & ((pl.col("failures_before_success") > _attack_logins.PERSON_STREAK) | (pl.col("joint") > 0))
                & (pl.col("t_logins") > 0)
            ).alias("critical"),
            pl.coalesce("routes", pl.lit([], pl.List(pl.String))).alias("routes"),
        )
    )
    rank = pl.col("verdict").replace_strict({"accused": 0, "suspicious": 1, "benign": 2}, return_dtype=pl.Int8)
    table = table.sort(rank, pl.col("critical").not_(), -pl.col("score_db"), "address")
    told = [_told(row, protected) for row in table.head(_KEPT).iter_rows(named=True)]
    told += [("see the numbers", "[]")] * (table.height - len(told))
    table = table.with_columns(
        pl.Series("reason", [reason for reason, _ in told], dtype=pl.String),
        pl.Series("evidence", [evidence for _, evidence in told], dtype=pl.String),
        pl.col("touched").alias("accounts_tried"),
        pl.when(pl.col("successes") > 0).then(pl.col("entered")).alias("accounts_entered"),
        pl.when(pl.col("successes") > 0).then(pl.col("last_success")).alias("entered_at"),
    )
    cited = (
        rows.join(table.select("address"), on="address", how="semi")
        .group_by("address")
        .agg(pl.col("observation").drop_nulls().unique().sort().head(20).alias("observations"))
    )
    table = table.join(cited, on="address", how="left", maintain_order="left")
    empty_list = pl.lit([], pl.List(pl.String))
    return table.select(
        [
            pl.col(name).fill_null(empty_list) if dtype == pl.List(pl.String) else pl.col(name).cast(dtype)
            for name, dtype in EMPTY_SCHEMA.items()
        ]
    )


def _weights_named() -> dict[str, pl.Expr]:
    return {name: expr.fill_null(0.0) for name, expr in _weights().items()}


def _quiet_guesser() -> pl.Expr:
    """Too few tries to accuse, yet no way that a person would take: shown as suspicious."""
    odd_account = (
        (pl.col("unknown_accounts") > 0) | (pl.col("dictionary_accounts") > 0) | (pl.col("foreign_accounts") > 1)
    )
    return (
        ((pl.col("foreign_failures") > 0) & (pl.col("successes") == 0) & odd_account)
        | ((pl.col("probed") >= 3) & ~pl.col("agent_kinds").list.contains("crawler"))
        | (pl.col("strong") > 0)
    ).fill_null(False)


def _kind_columns() -> list[pl.Expr]:
    """``kinds``, gravest first; only what there is evidence for."""
    tries_each = _n("failures") / _n("accounts").clip(lower_bound=1)
    many = (pl.col("foreign_accounts") >= 5) & (tries_each <= 3.0)
    slow = many & (pl.col("gap_s") >= 30.0)
    guessed = (_n("unknown_accounts") + _n("dictionary_accounts")) >= 0.5 * _n("accounts")
    login = pl.col("t_logins") > 0
    best = pl.max_horizontal([f"t_{name}" for name in _TRACKS])
    parts = [
        pl.when(
            login
            & (pl.col("successes") > 0)
            & ((pl.col("streak") > 8) | (pl.col("failures_before_success") > 8))
            & (pl.col("foreign_failures") + pl.col("streak") > 8)
        ).then(pl.lit("success_after_failures")),
        pl.when(login & slow).then(pl.lit("password_spraying")),
        pl.when(login & many & ~slow.fill_null(False) & ~guessed).then(pl.lit("credential_stuffing")),
        pl.when(
            login
            & (pl.col("foreign_failures") + pl.col("streak") > 0)
            & ~(slow.fill_null(False) | (many & ~guessed).fill_null(False))
        ).then(pl.lit("brute_force")),
        pl.when(pl.col("bypass").is_not_null()).then(pl.lit("rate_limit_bypass")),
        pl.when(
            (pl.col("probed") >= 3)
            | (pl.col("w_missing_paths") >= 8)
            | (pl.col("w_attack_tool") + pl.col("w_tool_traces") > 0)
            | (pl.col("w_mass_scanner") > 0)
            | (pl.col("odd_methods") >= 2)
        ).then(pl.lit("scanner")),
        pl.when(
            login & (pl.col("failures") == 0) & (pl.col("w_left_before_login") + pl.col("w_looked_at_the_port") > 0)
        ).then(pl.lit("port_scan")),
    ]
    empty = pl.lit([], pl.List(pl.String))
    found = pl.concat_list([pl.col("payload_kinds").fill_null(empty), pl.concat_list(parts).list.drop_nulls()])
    # what stands beside another deed must be found on its own, or every script that errs would be a copier
    copies = (pl.col("t_scraping") > 8) & (
        (pl.col("t_scraping") >= SUSPICIOUS_DB - PRIOR_DB) | (pl.col("t_scraping") >= best) | (found.list.len() == 0)
    )
    scraping = pl.when(copies).then(pl.lit(["scraping"], pl.List(pl.String))).otherwise(empty)
    return [pl.concat_list([found, scraping]).alias("kinds")]


def _told(row: dict[str, Any], protected: Sequence[IPNetwork]) -> tuple[str, str]:
    """Sentence and evidence (JSON) of one row; no text from the internet in the sentence but numbers."""
    evidence = []
    for name in sorted((key[2:] for key in row if key.startswith("w_")), key=lambda key: -abs(row[f"w_{key}"])):
        if abs(row[f"w_{name}"]) >= 0.05:
            known = WEIGHTS["declared_crawler" if name == "declared_crawler_probe" else name]
            evidence.append({"what": name, "db": round(row[f"w_{name}"], 1), "ground": known[2]})
    says: list[str] = []
    if row["failures"]:
        says.append(
            f"{row['failures']} failed logins on {max(row['accounts'], 1)} accounts, "
            f"{row['unknown_accounts']} of them unknown"
        )
    if row["successes"]:
        says.append(f"{row['successes']} successful logins, longest run of failures before one {row['streak']}")
    if row["joint"]:
        says.append(f"with others, from many networks, {row['joint']} failed logins on the same account")
    if row["strong"]:
        says.append(f"{row['strong']} texts with attack payloads ({', '.join(row['payload_kinds'] or [])})")
    elif row["weak"]:
        says.append(f"{row['weak']} odd texts that may be accidents")
    if row["probed"]:
        says.append(f"{row['probed']} places of other software probed")
    if row["rare_missing"] > 5:
        says.append(f"{row['rare_missing']} missing paths that hardly anybody else asks for")
    if row["busiest"] > 40:
        says.append(f"up to {row['busiest']} pages in ten minutes")
    if row["busiest_crew"] > max(row["busiest"], 40):
        says.append(f"up to {row['busiest_crew']} with the same program on its network")
    if row["copied"]:
        says.append(f"one program on several addresses, together {row['copied']} pages in ten minutes, each once")
    if row["strange"]:
        says.append(f"with others, {row['strange']} pages in ten minutes in a way of asking that nobody used before")
    if row["bypass"]:
        says.append(f"{row['bypass']} ({row['bypass_addresses']} in the group)")
    if row["w_attack_tool"] > 0:
        says.append("names itself an attack tool")
    if row["ended"] and not row["failures"]:
        says.append(f"{row['ended']} connections left during login")
    if row["verdict"] == "benign":
        if row["own_accounts"] and row["failures"]:
            says.append("gets into its own accounts within a few tries: a person's mistakes")
        elif row["w_declared_crawler"] < 0:
            says.append("a declared crawler, feed reader or monitor")
        elif row["failures"]:
            says.append("too few tries to tell from a mistake")
    elif row["verdict"] == "suspicious" and row["foreign_failures"]:
        says.append("low and slow: too little to accuse")
    if protected and _clients.in_any(row["address"], protected):
        says.append("one of our own or a monitor's addresses: look at that machine")
    return "; ".join(says) or "nothing notable", json.dumps(evidence, ensure_ascii=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """
    One address that could be blocked, and what that would cost.

    Attributes
    ----------
    target
        An IPv4 address or an IPv6 /64, never an IPv4 network.
    reason
        Why, in one sentence.
    ok_requests_address, ok_requests_network
        Successful requests and logins in the window from the target itself and from its neighbours: what a
        block of the address, or of the whole network, would have turned away.
    network_share
        Share of the network's successful requests that come from the target (None: the network had none).
    hours
        Proposed length; every block ends.
    """

    target: str
    address: str
    network: str | None
    kind: str
    reason: str
    hours: int
    ok_requests_address: int
    ok_requests_network: int
    network_share: float | None
    side_effects: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockPlan:
    """Proposed blocks, and accused addresses that are refused with the reason. Nothing is sent."""

    proposed: tuple[Block, ...]
    refused: tuple[tuple[str, str], ...]


def block_list(
    judged: pl.DataFrame,
    logs: pl.DataFrame,
    *,
    protected: Sequence[IPNetwork] = (),
    hours: int = 24,
    most: int = 500,
) -> BlockPlan:
    """
    Propose blocks for accused addresses, never for suspicious ones.

    Private, loopback and reserved addresses, Cloudflare's ranges (`_clients.CLOUDFLARE`) and *protected*
    ones (ours, the monitors') are refused. IPv6 attackers hold a whole /64, so that is the target; an IPv4
    network is never proposed, only its side effects are shown.

    Parameters
    ----------
    judged
        What `attackers` returned for *logs*.
    logs
        The same `frames.LOGS` frame, for the side effects.
    protected
        Networks that must never be blocked.
    hours
        Length of each block.
    most
        At most this many proposals, strongest first; the rest is refused as "list is full".
    """
    accused = judged.filter(pl.col("verdict") == "accused")
    if accused.is_empty():
        return BlockPlan(proposed=(), refused=())
    known = _clients.canonical(logs["ip"])
    ok = logs.filter((pl.col("status") < 400) | (pl.col("event") == "login_ok")).join(known, on="ip", how="inner")
    wanted = accused["network"].drop_nulls().unique()
    by_network = dict(
        ok.filter(pl.col("network").is_in(wanted.implode())).group_by("network").agg(pl.len()).iter_rows()
    )
    by_address = dict(
        ok.filter(pl.col("address").is_in(accused["address"].implode())).group_by("address").agg(pl.len()).iter_rows()
    )
    innocents = dict(
        ok.filter(pl.col("network").is_in(wanted.implode()) & ~pl.col("address").is_in(accused["address"].implode()))
        .group_by("network")
        .agg(pl.col("address").n_unique())
        .iter_rows()
    )
    proposed: dict[str, Block] = {}
    refused: list[tuple[str, str]] = []
    for row in accused.iter_rows(named=True):
        address, network = row["address"], row["network"]
        why_not = _clients.why_never_blocked(address, protected)
        target = network if network is not None and ":" in address else address
        if why_not is None and target != address:
            held = [
                other for other in protected if other.version == 6 and other.subnet_of(ipaddress.IPv6Network(target))
            ]
            why_not = f"its /64 holds the protected {held[0]}" if held else None
        if why_not is None and len(proposed) >= most and target not in proposed:
            why_not = f"the list is full ({most} addresses): use Under Attack mode or a rule on behaviour"
        if why_not is not None:
            refused.append((address, why_not))
            continue
        if target in proposed:
            continue
        ok_network = by_network.get(network, 0)
        ok_address = by_address.get(address, 0) if target == address else ok_network
        others = innocents.get(network, 0)
        effects = (
            f"{ok_address} successful requests from it in this time"
            + (
                f"; {others} other addresses of {network} were served and are not touched"
                if others and target == address
                else ""
            )
            + ("; it was let in, so end its sessions too" if row["critical"] else "")
        )
        proposed[target] = Block(
            target=target,
            address=address,
            network=network,
            kind=row["kind"],
            reason=f"{row['kind']}: {row['reason']}",
            hours=hours,
            ok_requests_address=ok_address,
            ok_requests_network=ok_network,
            network_share=ok_address / ok_network if ok_network else None,
            side_effects=effects,
        )
    return BlockPlan(proposed=tuple(proposed.values()), refused=tuple(refused))


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _visible(text: str, limit: int = 300) -> str:
    """Text as plain ASCII with everything else escaped, so that a record can be read in any terminal."""
    return text[:limit].encode("unicode_escape", "replace").decode("ascii")


def indicators(judged: pl.DataFrame, *, limit: int = 1000) -> dict[str, Any]:
    """
    What to keep with the incident, as JSON values: addresses, networks, agents, accounts, payloads.

    Texts from the internet are escaped to ASCII and cut at 300 characters. *limit* bounds the addresses of
    each verdict; ``counts`` always tells how many there were.
    """
    named = judged.filter(pl.col("verdict") != "benign")
    accused = named.filter(pl.col("verdict") == "accused")

    def entry(row: dict[str, Any]) -> dict[str, Any]:
        return {
            "address": _visible(row["address"]),
            "network": row["network"],
            "verdict": row["verdict"],
            "kinds": row["kinds"],
            "critical": row["critical"],
            "score_db": round(row["score_db"], 1),
            "reason": row["reason"],
            "evidence": json.loads(row["evidence"]),
            "first_seen": _iso(row["first_seen"]),
            "last_seen": _iso(row["last_seen"]),
            "failed_logins": row["failures"],
            "successful_logins": row["successes"],
            "accounts_tried": [_visible(name) for name in row["accounts_tried"]],
            "accounts_entered": [_visible(name) for name in row["accounts_entered"]],
            "routes": [_visible(path) for path in row["routes"]],
            "agents": [_visible(agent) for agent in row["agents"]],
            "payload_kinds": row["payload_kinds"],
            "payload_samples": [_visible(sample) for sample in row["payload_samples"]],
        }

    networks = (
        named.filter(pl.col("network").is_not_null())
        .group_by("network")
        .agg(
            pl.col("address").n_unique().alias("addresses"),
            (pl.col("verdict") == "accused").sum().alias("accused"),
            pl.col("first_seen").min(),
            pl.col("last_seen").max(),
        )
        .sort("accused", "addresses", "network", descending=[True, True, False])
    )

    def distinct(column: str) -> list[str]:
        return [
            _visible(text)
            for text in accused[column].explode(empty_as_null=True).drop_nulls().unique().sort().head(limit)
        ]

    return {
        "schema": "pitchey-indicators/1",
        "counts": {
            name: judged.filter(pl.col("verdict") == name).height for name in ("accused", "suspicious", "benign")
        },
        "addresses": [
            entry(row)
            for name in ("accused", "suspicious")
            for row in named.filter(pl.col("verdict") == name).head(limit).iter_rows(named=True)
        ],
        "networks": [
            {**row, "first_seen": _iso(row["first_seen"]), "last_seen": _iso(row["last_seen"])}
            for row in networks.head(limit).iter_rows(named=True)
        ],
        "agents": distinct("agents"),
        "accounts_tried": distinct("accounts_tried"),
        "accounts_entered": distinct("accounts_entered"),
        "payload_kinds": distinct("payload_kinds"),
        "payload_samples": distinct("payload_samples"),
    }


RULE: Final = "attacks"

_HYPOTHESES: Final = {
    "success_after_failures": "brute_force",
    "password_spraying": "brute_force",
    "credential_stuffing": "brute_force",
    "brute_force": "brute_force",
    "rate_limit_bypass": "rate_limit_bypass",
    "scraping": "scraping",
}
"""Which hypothesis of the diagnosis a kind speaks for; payloads and scanners speak for ``injection_attack``."""


def attack_findings(
    logs: pl.DataFrame,
    *,
    protected: Sequence[IPNetwork] = (),
    window: Window | None = None,
    firewall: pl.DataFrame | None = None,
) -> RuleResult:
    """
    Say who attacks, one finding for each sort of attack.

    Returns
    -------
    list of Finding, or NotChecked
        Critical first. ``[]``: there were addresses to judge and none is accused. `NotChecked`: no entry
        carries an address, so nothing can be said. Signals: ``attack_brute_force``, ``attack_injection_attack``,
        ``attack_scraping``, ``attack_rate_limit_bypass``; strength 1 if let in or at least three accused, else 0.7.
    """
    rows = _prepared(logs, firewall, window)
    if rows.is_empty():
        return NotChecked(rule=RULE, because="no log entries in the window: attacks can neither be seen nor ruled out")
    judged = attackers(logs, protected=protected, window=window, firewall=firewall)
    if judged.is_empty() and rows["ip"].null_count() == rows.height:
        return NotChecked(rule=RULE, because="no log entry names an address: attacks can neither be seen nor ruled out")
    accused = judged.filter(pl.col("verdict") == "accused")
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in accused.iter_rows(named=True):
        for name in sorted({_HYPOTHESES.get(kind, "injection_attack") for kind in row["kinds"]}):
            groups.setdefault(name, []).append(row)
    findings = []
    for name in sorted(groups):
        members = groups[name]
        let_in = [row for row in members if row["critical"]] if name == "brute_force" else []
        claim = f"{len(members)} address{'es' if len(members) > 1 else ''} accused of {name.replace('_', ' ')}"
        if let_in:
            claim += f"; {len(let_in)} let in after failures"
        findings.append(
            Finding(
                id=f"{RULE}/{name}",
                rule=RULE,
                claim=claim,
                severity=Severity.CRITICAL if let_in else Severity.WARNING,
                evidence=tuple(sorted({seen for row in members for seen in row["observations"]})),
                at=min(row["first_seen"] for row in members),
                signals=(Signal(name=f"attack_{name}", strength=1.0 if let_in or len(members) >= 3 else 0.7),),
                data={
                    "accused": len(members),
                    "let_in": [row["address"] for row in let_in],
                    "addresses": [row["address"] for row in members[:100]],
                    "failed_logins": sum(row["failures"] for row in members),
                    "payload_kinds": sorted({kind for row in members for kind in row["payload_kinds"]}),
                },
            )
        )
    return sorted(findings, key=lambda finding: (-finding.severity, finding.id))
