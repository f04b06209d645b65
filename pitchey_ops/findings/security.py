"""Who attacks, from where, with what, did anybody get in; and what blocking them would cost."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from ._attack_logins import attempts
from ._attack_web import GUESSES_TOGETHER
from ._clients import in_any
from ._levels import HARD, WARNED
from ._requests import LATE, poisson_z
from .attacks import ACCUSED_DB, BlockPlan, attackers, block_list, indicators
from .case import SIGN_IN, Case, observation_ids
from .kinds import GENERAL

RULE = "security"
SIGNALS = (
    "brute_force_seen",
    "success_after_failures",
    "injection_seen",
    "scanner_seen",
    "scraping_seen",
    "rate_bypass_seen",
    "no_attack_seen",
)
LOGIN_KINDS = frozenset({"success_after_failures", "password_spraying", "credential_stuffing", "brute_force"})
OTHER_KINDS = {"rate_limit_bypass": "bypass", "scraping": "scraping", "scanner": "scanner", "port_scan": "scanner"}
GROUPS = {
    "logins": ("brute_force_seen", "guessing passwords", "a guesser"),
    "payloads": ("injection_seen", "sending attack payloads", "a sender of payloads"),
    "scanner": ("scanner_seen", "scanning", "a scanner"),
    "scraping": ("scraping_seen", "copying the catalogue", "a scraper"),
    "bypass": ("rate_bypass_seen", "passing the rate limit as one client under many addresses or names", "a bypass"),
}
"""Group of kinds -> signal, words, one of them."""
FULL_PER_MIN = 3.0
"""Deeds a minute of all accused together from which an attack may be what somebody was alerted for."""
SLOW_PER_MIN = 1.0
SLOWEST = 0.1
"""Below this pace it is the background that every site has (doors are tried at any time); strength that is left."""
OURS_SHARE = 0.4
"""Strength left where every accused address is our own or a monitor's: then somebody here knows, or must be asked."""
KNOWN_MIN = timedelta(minutes=30)
"""So long a stretch of former days must be seen, before the door is known to be tried as ever."""
REQUESTS_MIN = 100
"""And so many requests to a service, before a share of them is known."""
LATELY = timedelta(minutes=20)
MORE = 1.3
Z_MORE = 3.0
"""Failed sign-ins against then, and how sure, from which somebody tries more than ever."""
FEW_TRIES = 5
GUARDS = (
    r"(?i)\b(?:security|waf|firewall|(?:api[-_ ]?)?gateway|edge|auth\w*|(?:rate[-_ ]?)?limit(?:s|er|ing)?"
    r"|ratelimit\w*|throttl\w*|quotas?|bots?|fraud|abuse|risk|guards?|sign-?ups?|registrations?|key[-_]?auth|api[-_]?keys?)\b"
)
"""Services and their parts whose work it is to look at who asks."""
HEARD_MIN = 5
HEARD_RISE = 3.0
"""Lines of guards, and how many times their usual share of what the service says, from which something is going on."""
USUAL_MIN = 50
HEARD = 0.8
"""Strength of what a guard says by itself, which no requests show: it may not know of a permission."""
BACKGROUND = frozenset({"logins", "scanner"})
STOPS = ("block", "drop", "challenge", "managed_challenge", "jschallenge")
"""What the edge's firewall does to whom it lets in nowhere."""
HEAVY_MIN = 60
HEAVY_SHARE = 0.03
"""Requests of suspicious addresses, and their share of all, from which nothing is called calm."""
MOSTLY = 0.5
"""Share of an address' requests that are sign-ins, from which it is a guesser and nothing else."""
ADDRESSES_MIN = 5
"""From so many addresses that were looked at on, "nobody stands out" is said with full strength at ten times."""


def _inside(case: Case, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("at").is_between(case.window.start, case.end, closed="left"))


def plan(case: Case) -> BlockPlan:
    """Return proposed blocks with their side effects, and accused addresses that are refused; nothing is sent."""
    table = case.clients
    if table is None:
        return BlockPlan(proposed=(), refused=())
    return block_list(table, _inside(case, case.frames.logs), protected=case.protected)


def security(case: Case) -> RuleResult:
    """
    Say who attacks in this window, one finding for each sort of attack.

    Weighed in `findings.attacks`, which knows persons, administrators and declared crawlers. `NotChecked` when no
    entry names an address. The platform's own counters are never looked at: they stay zero during real attacks
    (trap 19). If the logs lied, single lines weigh little; if they were cut or late, attackers look slower than
    they are (suspicious instead of accused), never innocent persons guilty; if they were empty, nothing is said.
    "Nobody stands out" takes request entries of several addresses.
    """
    table = case.clients
    if table is None:
        return NotChecked(
            rule=RULE,
            because="no log entry names an address: " + case.why_missing("logs/service", "r2/archive"),
        )
    accused = table.filter(pl.col("verdict") == "accused")
    members: dict[str, list[dict[str, Any]]] = {}
    for row in accused.iter_rows(named=True):
        for group in sorted(groups_of(row)):
            members.setdefault(group, []).append(row)
    found = [_finding(case, group, rows) for group, rows in sorted(members.items())]
    suspicious = table.filter(pl.col("verdict") == "suspicious")
    if suspicious.height:
        found.append(_suspicious(case, suspicious))
    found += _heard(case)
    if not members:
        found.append(_calm(case))
    else:
        found.append(_kept(case, table))
    return found


def _heard(case: Case) -> list[Finding]:
    """
    Say what the guards of the platform say of one who passes for many, in lines that are no warnings.

    A limiter that lets through and a list of new accounts are written as information: nothing failed. Warnings are
    read in `findings.kinds`. Only lines that are no request of a visitor, of services whose work it is, several of
    them, and not as ever. Where little was seen of before it is said, and weighs nothing.
    """
    kind = GENERAL["rate_bypass_seen"]
    part = pl.concat_str("service", "component", separator=" ", ignore_nulls=True)
    said = case.frames.logs.filter(
        pl.col("message").is_not_null()
        & pl.col("status").is_null()
        & ~pl.col("level").is_in([*HARD, *WARNED]).fill_null(value=False)
        & part.str.contains(GUARDS)
        & (pl.col("at") < case.end)
    ).with_columns(pl.col("service").fill_null(""), pl.col("at") >= case.window.start)
    if said.is_empty():
        return []
    told = pl.concat_str("component", "message", separator=": ", ignore_nulls=True).str.slice(0, 2_000)
    said = said.with_columns(kind.found_in(told).alias("_hit"))
    found: list[Finding] = []
    for name in said.filter(pl.col("_hit")).get_column("service").unique().sort().to_list():
        mine = said.filter(pl.col("service") == name)
        now, before = mine.filter("at"), mine.filter(~pl.col("at"))
        hits, usual = now.filter("_hit"), before.filter("_hit").height / max(1, before.height)
        if hits.height < HEARD_MIN or hits.height < HEARD_RISE * usual * now.height:
            continue
        known = before.height >= USUAL_MIN
        example = str(hits.get_column("message")[-1])[:200]
        found.append(
            Finding(
                id=f"{RULE}/heard-{len(found) + 1}",
                rule=RULE,
                claim=f"{hits.height} lines of “{name}” tell of {kind.words}: “{example}”",
                severity=Severity.WARNING,
                evidence=observation_ids(hits),
                signals=(Signal(name=kind.signal, strength=HEARD),) if known else (),
                data={"entries": hits.height, "before": round(usual, 6), "example": example},
            )
        )
    return found


def _suspicious(case: Case, suspicious: pl.DataFrame) -> Finding:
    """Return who looks odd; where they ask for much of all, that is no calm day, even if nobody is accused."""
    everything = _inside(case, case.frames.logs).filter(pl.col("url").is_not_null() & pl.col("ip").is_not_null()).height
    theirs = int(suspicious.get_column("requests").sum())
    heavy = theirs >= max(HEAVY_MIN, HEAVY_SHARE * everything)
    claim = f"{suspicious.height} addresses look odd but did too little to be accused"
    if heavy:
        claim += f"; they send {theirs / max(1, everything):.0%} of the requests that were logged"
    if heavy and _odd_as_ever(case, suspicious):
        heavy = False
        claim += ", as much as last week"
    forgot = suspicious.filter(pl.col("score_db") >= ACCUSED_DB)
    if forgot.height:
        tries = int(forgot.get_column("failures").sum())
        claim += (
            f"; {forgot.height} got in after {tries} wrong passwords, by hand, once another one had been asked for: ask"
            " the owner"
        )
    return Finding(
        id=f"{RULE}/suspicious",
        rule=RULE,
        claim=claim,
        severity=Severity.WARNING if heavy or forgot.height else Severity.INFO,
        evidence=_cited(suspicious.iter_rows(named=True)),
        data={"addresses": suspicious.get_column("address").head(50).to_list(), "requests": theirs},
    )


def _odd_as_ever(case: Case, suspicious: pl.DataFrame) -> bool:
    """Whether odd addresses ask each service for no more of all than in the days that the stores still show."""
    asked = pl.col("url").is_not_null() & pl.col("ip").is_not_null() & pl.col("service").is_not_null()
    logs = case.frames.logs.filter(asked)
    earlier, window = logs.filter(pl.col("at") < case.window.start), _inside(case, logs)
    theirs = window.filter(pl.col("ip").is_in(suspicious.get_column("address").implode()))
    then = attackers(earlier, protected=case.protected)
    odd = then.filter(pl.col("verdict") != "benign").get_column("address").implode()
    expected = 0.0
    for name in theirs.get_column("service").unique().sort().to_list():
        mine = earlier.filter(pl.col("service") == name)
        if mine.height < REQUESTS_MIN:
            return False
        share = mine.filter(pl.col("ip").is_in(odd)).height / mine.height
        expected += share * window.filter(pl.col("service") == name).height
    return theirs.height <= MORE * expected or poisson_z(theirs.height, expected) < Z_MORE


def groups_of(row: dict[str, Any]) -> set[str]:
    """Return the groups (keys of `GROUPS`) that an accused address belongs to."""
    groups = set()
    for kind in row["kinds"]:
        groups.add("logins" if kind in LOGIN_KINDS else OTHER_KINDS.get(kind, "payloads"))
    if row["bypass"] == GUESSES_TOGETHER or ("logins" in groups and _mostly_logins(row)):
        groups.discard("bypass")  # many addresses are how passwords are guessed, not a second attack
        groups.add("logins")
    if "payloads" in groups and not row["critical"] and not _mostly_logins(row):
        groups -= {"logins", "scraping"}  # payloads are tried on sign-in pages, too, and each in an address of its own
    return groups


def _mostly_logins(row: dict[str, Any]) -> bool:
    """Whether an address did little but try to sign in."""
    tries = int(row.get("failures") or 0) + int(row.get("successes") or 0)
    return tries >= MOSTLY * max(1, int(row.get("requests") or 0))


def _deeds(row: dict[str, Any], group: str) -> int:
    """Return how much an accused address did of what *group* is about."""
    if group == "logins":
        return int(row["failures"]) + int(row["successes"])
    return int(row["requests"]) or int(row["firewall_events"])


def _finding(case: Case, group: str, rows: list[dict[str, Any]]) -> Finding:
    signal, words, _ = GROUPS[group]
    let_in = [row for row in rows if row["critical"]] if group == "logins" else []
    began = max(case.window.start, min(row["first_seen"] for row in rows))
    minutes = max(1.0, (case.end - began).total_seconds() / 60)
    pace = sum(_deeds(row, group) for row in rows) / minutes
    slow = not let_in and pace < SLOW_PER_MIN
    usual = group == "logins" and not let_in and _as_ever(case, rows)
    stopped = group in BACKGROUND and not let_in and _stopped(case, rows)
    slow = slow or usual
    ours = not let_in and all(in_any(row["address"], case.protected) for row in rows)
    pace_share = SLOWEST if usual or stopped else min(1.0, max(SLOWEST, pace / FULL_PER_MIN))
    share = 1.0 if let_in else pace_share * (OURS_SHARE if ours else 1.0)
    signals = [Signal(name=signal, strength=_strength(rows) * share)]
    if let_in:
        signals.append(Signal(name="success_after_failures"))
    claim = f"{len(rows)} address{'es' if len(rows) > 1 else ''} accused of {words}"
    if let_in:
        claim += f"; {len(let_in)} got in after failures: “{let_in[0]['address']}”"
    if stopped:
        claim += ", each of them stopped by the edge every time: nothing reached a door"
    elif slow:
        claim += (
            f", {'as last week' if usual else 'slowly'}: {pace:.1f} a minute all together, as the internet does"
            " at any time"
        )
    if ours:
        claim += ", all of them our own or our monitors': a test, or a machine that was taken; ask who runs it"
    payloads = sorted({kind for row in rows for kind in row["payload_kinds"]})
    if group == "payloads" and payloads:
        claim += f" ({', '.join(payloads[:5])})"
    return Finding(
        id=f"{RULE}/{group}",
        rule=RULE,
        claim=claim,
        severity=Severity.CRITICAL
        if let_in
        else Severity.INFO
        if stopped or (slow and group in BACKGROUND)
        else Severity.WARNING,
        at=min(row["first_seen"] for row in rows),
        evidence=_cited(rows),
        signals=tuple(signals),
        data={
            "accused": len(rows),
            "per_min": round(pace, 3),
            "let_in": [row["address"] for row in let_in],
            "accounts_entered": sorted({name for row in let_in for name in row["accounts_entered"]})[:20],
            "addresses": [row["address"] for row in rows[:100]],
            "failed_logins": sum(row["failures"] for row in rows),
            "payload_kinds": payloads,
        },
    )


def _stopped(case: Case, rows: list[dict[str, Any]]) -> bool:
    """
    Whether the edge stopped all that these addresses sent: what reaches no door tries none, however often it comes.

    An attack of which a part gets through is told by the platform's own entries of its addresses, or by more requests
    than ever to the same places and to the doors, beside those that were stopped. False where logs or edge were not
    seen, or too little of before; where the firewall's events were cut the stopped ones look like passed ones.
    """
    addresses = [row["address"] for row in rows]
    events = _inside(case, case.frames.firewall)
    theirs = events.filter(pl.col("ip").is_in(addresses))
    named = _inside(case, case.frames.logs).get_column("ip").drop_nulls()
    first = theirs.get_column("at").min()
    if named.is_empty() or named.is_in(addresses).any() or not isinstance(first, datetime):
        return False
    if (
        theirs.height < sum(row["firewall_events"] for row in rows)
        or not theirs.get_column("action").is_in(STOPS).all()
    ):
        return False
    paths = theirs.get_column("path").drop_nulls().unique().to_list()
    edge = case.frames.edge.filter(pl.col("route").is_in(paths) | pl.col("route").str.contains(SIGN_IN))
    start, seen_from = first.replace(second=0, microsecond=0), case.frames.edge.get_column("at").min()
    until = (case.now - LATE).replace(second=0, microsecond=0)
    if not isinstance(seen_from, datetime) or start - seen_from < KNOWN_MIN or until <= start:
        return False
    before = float(edge.filter(pl.col("at") < start).get_column("requests").sum())
    since = float(edge.filter(pl.col("at").is_between(start, until, closed="left")).get_column("requests").sum())
    passed = max(0.0, since - theirs.filter(pl.col("at") < until).height)
    expected = before / (start - seen_from).total_seconds() * (until - start).total_seconds()
    return passed <= MORE * expected or poisson_z(passed, expected) < Z_MORE


def _as_ever(case: Case, rows: list[dict[str, Any]]) -> bool:
    """
    Whether sign-ins fail no more often than in the days that the stores still show, and nobody tries more than then.

    Of the services that accused addresses called, now (as a whole and lately) against then. False where too little of
    then was seen.
    """
    logs = case.frames.logs.filter((pl.col("at") < case.end) & pl.col("service").is_not_null())
    earlier, window = (
        logs.filter(one) for one in (pl.col("at") < case.window.start, pl.col("at") >= case.window.start)
    )
    addresses = [row["address"] for row in rows]
    services = window.filter(pl.col("ip").is_in(addresses)).get_column("service").unique().sort().to_list()
    per_min, most_then = 0.0, 0
    for name in services:
        mine = earlier.filter(pl.col("service") == name)
        first, last = mine.get_column("at").min(), mine.get_column("at").max()
        if not isinstance(first, datetime) or not isinstance(last, datetime) or last - first < KNOWN_MIN:
            return False
        failed = _failed(mine)
        per_min += failed.height / ((last - first).total_seconds() / 60)
        most_then = max(most_then, _most(failed))
    failed = _failed(window.filter(pl.col("service").is_in(services)))
    start = max([case.frames.log_seen_from.get(name, case.window.start) for name in services] or [case.window.start])
    for since in (start, case.now - LATELY, case.now - LATELY / 2):
        minutes = (case.now - max(since, start)).total_seconds() / 60
        n, expected = failed.filter(pl.col("at") >= since).height, per_min * minutes
        if n > MORE * expected and poisson_z(n, expected) >= Z_MORE:
            return False
    return per_min > 0 and _most(failed) <= max(FEW_TRIES, MORE * most_then)


def _failed(logs: pl.DataFrame) -> pl.DataFrame:
    """Return the sign-ins that failed, one row each: ``at``, ``ip``."""
    return attempts(logs).filter(pl.col("outcome") != "ok").unique(["at", "ip", "account"], maintain_order=True)


def _most(failed: pl.DataFrame) -> int:
    """Return how many failed sign-ins the busiest address has."""
    return int(failed.group_by("ip").len().get_column("len").max() or 0) if failed.height else 0  # type: ignore[arg-type]


def _strength(rows: list[dict[str, Any]]) -> float:
    """One address just over the line is worth 0.7; three, or one far over it, 1."""
    best = max(row["score_db"] for row in rows)
    return 1.0 if len(rows) >= 3 or best >= 20 else 0.7 + 0.03 * max(0.0, best - 10)


def _cited(rows: Any) -> tuple[str, ...]:
    return tuple(sorted({seen for row in rows for seen in row["observations"]}))[:12]


def _calm(case: Case) -> Finding:
    logs = _inside(case, case.frames.logs).filter(pl.col("ip").is_not_null() & pl.col("status").is_not_null())
    people = logs.get_column("ip").n_unique() if logs.height else 0
    strength = min(1.0, people / (10 * ADDRESSES_MIN))
    return Finding(
        id=f"{RULE}/none",
        rule=RULE,
        claim=f"Nobody stands out among {people:,} addresses whose requests were logged",
        severity=Severity.INFO,
        evidence=tuple(logs.get_column("observation").drop_nulls().unique().sort().head(12).to_list()),
        signals=(Signal(name="no_attack_seen", strength=strength),) if people >= ADDRESSES_MIN else (),
        data={"addresses": people, "entries": logs.height},
    )


def _kept(case: Case, table: pl.DataFrame) -> Finding:
    """Indicators and proposed blocks, kept with the incident as data."""
    blocks = plan(case)
    return Finding(
        id=f"{RULE}/indicators",
        rule=RULE,
        claim=f"{len(blocks.proposed)} blocks could be proposed, {len(blocks.refused)} accused addresses must not be"
        " blocked",
        severity=Severity.INFO,
        evidence=_cited(table.filter(pl.col("verdict") == "accused").iter_rows(named=True)),
        data={
            "indicators": indicators(table, limit=200),
            "blocks": [
                {
                    "target": block.target,
                    "reason": block.reason,
                    "hours": block.hours,
                    "side_effects": block.side_effects,
                }
                for block in blocks.proposed[:200]
            ],
            "refused": [{"address": address, "because": why} for address, why in blocks.refused[:200]],
        },
    )
