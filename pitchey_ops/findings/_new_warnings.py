"""
Does somebody warn, lastingly and in numbers, of what nobody warned of before?

What fails in good order is often only warned of, in words that no kind of error knows. It names no cause; but where it
is new, goes on and tells of harm, nothing is called healthy. What only remarks, or says itself how it came to a good
end, is told and stands in nobody's way: a day without a new remark is rare. Not so where the one who warns does less of
its work than before, or where somebody asks far more of one route than before: then no words reassure.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from ..models.finding import Finding, Severity
from ..models.observation import Observed
from ._grouping import group_messages
from ._levels import WARNED
from ._requests import LATE, route_of, z_score
from .case import SIGN_IN, Case, observation_ids
from .refused import of_strangers

COUNT_MIN = 12
MINUTES_MIN = 4
"""Distinct minutes with such an entry: one burst is one event."""
SHARE_MIN = 0.1
"""Part of all that the service said since the first of them: less is nobody's trouble."""
KNOWN_MIN = 50
"""Entries of the service from before, from which a wording is new there."""
RECENT = timedelta(hours=6)
"""What began within so many hours before the window is new, too: nobody looked at it yet."""
PAUSE_MIN = timedelta(minutes=5)
PAUSES = 5.0
"""It is over when the newest entry is so many of its usual gaps old, and five minutes."""
OTHERS_OWN = (
    r"(?i)\bbounc\w*|\bmailbox|grey-?list|\b[45]\.[12]\.\d{1,2}\b|unsubscrib|\bunregistered\b"
    r"|subscription (?:gone|expired)|\bcards? (?:was |were )?declined|insufficient.funds|do.not.honou?r|\bdeprecat"
    r"|\bDEP\d{4}\b|managed rule|blocked request|\b(?:wrong|invalid|incorrect) (?:password|credentials)"
)
"""What a recipient's mailbox, phone or card says, what a firewall did, and what a library says of its age: affairs of
others (RFC 3463 numbers addresses X.1 and mailboxes X.2), of which campaigns and releases bring more."""
HARM = (
    r"(?i)\bfail\w*|\berrors?\b|\w(?:error|exception)\b|\bexception|\bcannot\b|\bunable\b|\bg(?:ave|iving) up\b"
    r"|\b(?:could|can|did|would)(?: not|n[o']?t)\b|\bno (?:answer|reply|response|room|longer|route)\b"
    r"|\b(?:not|never|nothing) (?:\w+ )?(?:sent|stored|saved|written|kept|delivered|reach\w*|found|there|read|available"
    r"|applied|answer\w*|accepted|evaluated|counted|consulted|checked|charged|limited)\b"
    r"|\blos(?:t|s|ing)\b"
    r"|\bdropp?(?:ed|ing) (?:\d+ )?\w*(?:entr|message|event|request|packet|connection|row|point|batch|job)"
    r"|\bdiscard\w*|\bcorrupt\w*|\btruncat\w*|\bincomplete|\binconsisten\w*|\brefus\w*|\breject\w*|\bden(?:y|ied)\b"
    r"|\bforbidden|\bunauthori\w*|\btimed?[ -]?out|\bunavailable|\bunreachable|\bexhaust\w*|\bexpired\b|\boverload\w*"
    r"|\bbacklog|\bfall\w* behind|\bdegrad\w*|\babort\w*|\bkilled|\bcrash\w*|\bpanic\w*|\bleak\w*|\bdeadlock\w*"
    r"|\b(?:is|are|was|were|went|goes|marked|still) down\b|(?-i:\bDOWN\b)"
    r"|\b(?:host|node|peer|server|upstream|backend|replica|service|site|link|cluster)s? down\b"
    r"|\bdisconnect\w*|\breset by\b|\brevok\w*|\bsuspicio\w*|\battack\w*|\babus\w*"
    r"|\bbroken\b|\bout of (?:memory|space|sync|range)\b"
    r"|\b(?:http(?:/\d(?:\.\d)?)?|status(?: ?code)?|returned|answer\w*|got|with)\W{0,3}(?:5\d\d|40[138]|429)\b"
    r"|\b5\d\d (?:internal|bad gateway|service|gateway|origin|web server)"
    r"|\be[a-z]{3,}(?:refused|reset|timedout|unreach|notfound|pipe)\b|\bSQLSTATE\b"
    r"|\b(?:nicht|keine?|fehl\w*|konnte|échec|échou\w*|impossible|erreur|aucune?|niet|geen|mislukt|fallo|falló|falha|falhou"
    r"|fallit\w*|impossibile|nie|brak|błąd|nelze|chyba|hata)\b|\bне\b|ошибк|失败|失敗|エラー|错误|오류|실패"
)
"""
Words that say that work was not done: failures, refusals, losses, HTTP's statuses of failure, the names of errno. That
something is odd, late, repeated, to be slowed down or near a limit is a remark.
"""
UNREAD = r"\b[a-z]*[^\x00-\x7f\W\d_]"
"""A word in a tongue whose words of harm nobody lists here."""
GRAVE = (
    r"(?i)\bcorrupt\w*|\bdata loss\b|\blosing\b|\bchecksum\b.{0,30}\b(?:mismatch|fail|wrong)|\bread-only\b"
    r"|split[- ]brain|\bwraparound|\bnot renewed|\bquota\b"
    r"|\b(?:no|out of|low on|running out of|not enough) (?:\w+ )?(?:space|memory|disk|inodes|connections|descriptors"
    r"|handles|workers|threads|budget|credits?)\b"
    r"|\b(?:disk|volume|tablespace|heap|queue|buffer|pool|table|storage)\b.{0,40}(?:\bfull\b"
    r"|\b(?:8|9)\d(?:\.\d+)? ?%|\b100 ?%)"
    r"|\b(?:will )?(?:expires?|runs? out|ends?) (?:in|on|at|within)\b"
    r"|\bbypass\w*|\bevad\w*|\bspoof\w*|\bcircumvent\w*|\bforged?\b|\bimpersonat\w*"
    r"|\b\d{2,} (?:different |distinct )?(?:accounts?|addresses|devices|keys|sessions|tokens)\b"
)
"""What comes or is done whatever else the line says: loss, exhaustion ahead, one who hides behind many."""
ENDS = r"(?:served|shown|used|kept|taken|applied|repeated|sent|stored|saved|written|exported|imported|delivered|filed)"
GOOD_END = (
    r"(?i)\b(?:ignored|tolerated|expected|intended|harmless|informed|recovered|re-?connected|re-?opened|resumed|restored"
    r"|committed|completed|confirmed|succeeded|delivered|caught up|opened again|went on|goes on|by design|on purpose"
    r"|on schedule|no action|nothing (?:is |was )?(?:lost|missing|wrong|to do|else)"
    r"|(?:none|no \w+) (?:is |was |were )?lost"
    r"|as (?:usual|ever|before|planned|announced|agreed|ordered|meant|designed|always|scheduled|configured|last \w+)"
    r"|(?:at|on) (?:the )?(?:2nd|3rd|second|third|next|last|\d+th) (?:try|attempt)"
    r"|(?:(?:2nd|3rd|second|third|next|last|\d+th) (?:try|attempt)|retry|(?:try|attempt) \d+)"
    r" (?:(?:was|is|has) )?(?:ok|fine|worked|went through|succe\w+)"
    r"|put (?:back|in its place)|dry[- ]run|shadow|rehears\w*|action=log|would have"
    r"|us(?:ing|es) (?:the |its |that of )?(?:cached|previous|defaults?|last|fall ?back|stub|built-in|yesterday|stale)"
    r"|(?:fall(?:s|ing|en)? back|fell back|default(?:s|ing|ed)) (?:to|on)"
    r"|(?:default|built-?in|previous|cached|local|last known|old) (?:[\w.-]+ ){0,3}(?:apply|applies|applied)"
    r"|(?:default|fall ?back|stub|previous|original|placeholder)\b.{0,24}\b(?:used|returned|served|shown|kept|taken))\b"
    r"|, (?:refreshed|renewed|re-?issued|re-?tried)\W*$|\b" + ENDS + r"(?: \w+){0,3} instead\b"
    r"|\b" + ENDS + r"\b(?: \w+){0,3}\W*$"
)
"""How a line says that what it tells of was meant so, made good, or kept from everybody."""
NO_END = r"(?i)(?:\b(?:not|never|nothing|none|nobody|without being|yet to be)|n['o]?t) (?:\w+ ){0,2}" + ENDS + r"\b"
WORKS_ON = 0.6
"""Its other entries a minute against before, from which the one who warns works as before."""
EXPECTED_MIN = 15.0
LESS_Z = 2.0
"""How sure it must be that it does less: of a dozen lines, half may be missing by chance."""
HOUSE_MIN = 10
"""Accounts that one address got into, from which its requests are those of a house full of people."""
STOPPED = (403, 429)
"""What the edge answers those whom it lets in nowhere: nothing was asked of a route by them."""
REFUSED = (401, 403, 404, 410, 429)
REFUSED_MIN = 5
REFUSAL = r"(?i)\b(?:refus|reject|den(?:y|ied)|forbidden|unauthori)\w*"
EACH = 1.5
"""Lines for each refused request that was logged, up to which they are about these."""
FEW_NAMES = 3
NAMED_SHARE = 0.9
ADDRESS = r"\b((?:\d{1,3}\.){3}\d{1,3})\b"
CROWD_SHARE = 0.15
"""Part of all requests that come to one route beyond its usual share, from which somebody asks differently."""
CROWD_Z = 5.0
SHOWN = 5
TEXT_LIMIT = 500


def _whole(case: Case, service: str | None) -> bool:
    """Whether the store showed all that *service* said in the days that it keeps: then the first is the first."""
    told = case.observations.get(f"logs/service/{service}")
    return isinstance(told, Observed) and told.status == "observed" and not told.coverage.cut


def new_warnings(case: Case, warned: pl.DataFrame, logs: pl.DataFrame) -> list[Finding]:
    """
    Return findings about warnings that are new in the window, or shortly before it, and go on; none without any.

    *warned* holds warnings that no kind of error claimed, also from before the window; *logs* all entries. If the
    source lied or was late the newest are missing and it may look over; where it was cut, or a service was not seen
    before, nothing is new there; one that was empty warns of nothing. Words that reassure may lie, too: they are
    believed only of somebody who works on, while nobody asks differently.
    """
    inside = pl.col("at") >= case.window.start - RECENT
    warned = warned.filter(~pl.col("message").str.slice(0, 500).str.contains(OTHERS_OWN).fill_null(value=False))
    if warned.filter(inside).height < COUNT_MIN:
        return []
    told = warned.with_columns(pattern=group_messages(warned.get_column("message")).pattern_ids)
    text = pl.col("message").str.slice(0, TEXT_LIMIT)
    unread = text.str.contains(HARM) | text.str.contains(UNREAD)
    well = text.str.contains(GOOD_END) & ~text.str.contains(NO_END)
    harm = text.str.contains(GRAVE) | (unread & ~well)
    counts = (
        told.group_by("service", "pattern")
        .agg(
            (~inside).sum().alias("before"),
            inside.sum().alias("count"),
            pl.col("at").filter(inside).min().alias("first"),
            pl.col("at").filter(inside).max().alias("last"),
            pl.col("at").filter(inside).dt.truncate("1m").n_unique().alias("minutes"),
            pl.col("message").filter(inside).first().alias("example"),
            harm.filter(inside).any().alias("harm"),
        )
        .filter((pl.col("before") == 0) & (pl.col("count") >= COUNT_MIN) & (pl.col("minutes") >= MINUTES_MIN))
        .sort(["count", "service", "pattern"], descending=[True, False, False], nulls_last=True)
    )
    grave: list[dict[str, Any]] = []
    remarks: list[dict[str, Any]] = []
    for row in counts.iter_rows(named=True):
        first, last = row["first"], row["last"]
        mine = logs.filter(pl.col("service") == row["service"])
        earlier = mine.filter(~inside).height
        since = mine.filter(pl.col("at") >= first).height
        gap = (last - first) / max(1, row["count"] - 1)
        goes_on = case.now - last <= max(PAUSE_MIN, PAUSES * gap)
        if (earlier >= KNOWN_MIN or _whole(case, row["service"])) and row["count"] >= SHARE_MIN * since and goes_on:
            own = pl.col("pattern") == row["pattern"]
            lines = told.filter(inside & own)
            harmful = bool(row["harm"]) and not (_of_the_refused(case, lines) or _of_strangers(case, lines, first))
            in_way = harmful or not _works_on(case, mine, first) or crowd_came(case, first)
            (grave if in_way else remarks).append(row)
    found = []
    for rows, name, severity in ((grave, "warnings-new", Severity.WARNING), (remarks, "remarks-new", Severity.INFO)):
        if rows:
            found.append(_finding(rows, name, severity, told.filter(inside)))
    return found


def _works_on(case: Case, mine: pl.DataFrame, first: datetime) -> bool:
    """Whether the one who warns says as much else as before; True where too little was to be expected to tell."""
    other = mine.filter(~pl.col("level").is_in(WARNED))
    start = max(case.counted_from, first - timedelta(hours=2))
    minutes = [(first - start).total_seconds() / 60, (case.now - first).total_seconds() / 60]
    if minutes[0] < 1:
        return True
    before, after = (
        other.filter(pl.col("at").is_between(*span, closed="left")).height
        for span in ((start, first), (first, case.now))
    )
    expected = before / minutes[0] * minutes[1]
    if before < EXPECTED_MIN or expected < EXPECTED_MIN or after >= WORKS_ON * expected:
        return True
    both, part = before + after, minutes[1] / sum(minutes)
    return both * part - after < LESS_Z * math.sqrt(both * part * (1 - part))


def crowd_came(case: Case, first: datetime) -> bool:
    """
    Whether one route got far more than its usual share of all requests since then, as the edge counts them.

    Whom the edge stopped asked nothing of a route (only at the doors is a refusal a try), and a house full of people
    who were seen to get in is no stranger. Both only lessen a crowd that was seen; where the edge lied or was late it
    looks smaller, where it was empty or cut there is none.
    """
    until = case.now - LATE
    edge = case.frames.edge.filter(pl.col("route").is_not_null())
    at_doors = pl.col("route").str.contains(SIGN_IN).fill_null(value=False)
    edge = edge.filter(at_doors | ~pl.col("status").is_in(STOPPED).fill_null(value=False))
    sides = [
        dict(part.group_by("route").agg(pl.col("requests").sum()).sort("route").iter_rows())
        for part in (
            edge.filter(pl.col("at").is_between(start, end, closed="left"))
            for start, end in ((first - timedelta(hours=2), first), (first, until))
        )
    ]
    total_0, total_1 = (sum(side.values()) for side in sides)
    if total_0 <= 0 or total_1 <= 0:
        return False
    for route, counted in sides[1].items():
        usual = sides[0].get(route, 0.0) / total_0
        if counted / total_1 - usual < CROWD_SHARE:
            continue
        n = counted * (1.0 - _share_of_houses(case, route, first))
        if n / total_1 - usual >= CROWD_SHARE and z_score(n, total_1, sides[0].get(route, 0.0), total_0) >= CROWD_Z:
            return True
    return False


def _share_of_houses(case: Case, route: str, first: datetime) -> float:
    """Return the part of a route's logged requests since then by addresses where many get in and nobody is accused."""
    table = case.clients
    if table is None:
        return 0.0
    people = (pl.col("verdict") == "benign") & (pl.col("own_accounts") >= HOUSE_MIN)
    houses = table.filter(people).get_column("address")
    asked = case.bad_requests.filter((pl.col("at") >= first) & pl.col("status").is_not_null())
    asked = asked.filter(route_of(pl.col("url")) == route)
    return asked.filter(pl.col("ip").is_in(houses.implode())).height / asked.height if asked.height else 0.0


def _of_the_refused(case: Case, lines: pl.DataFrame) -> bool:
    """
    Whether nearly all *lines* name somebody who was refused each time, as far back as was seen, and is not accused.

    What a door says of one who has no key is his affair. One who was let in once may have been shut out by us, and of
    one who was not seen to ask nothing is known: both are harm. A log that lied would have to lie in each request.
    """
    named = pl.coalesce("ip", pl.col("message").str.slice(0, TEXT_LIMIT).str.extract(ADDRESS, 1))
    who = lines.select(named.alias("who")).get_column("who").drop_nulls()
    names = who.unique().to_list()
    if who.len() < NAMED_SHARE * lines.height or len(names) > FEW_NAMES:
        return False
    table = case.clients
    odd = table.filter(pl.col("verdict") != "benign").get_column("address").to_list() if table is not None else []
    asked = case.frames.logs.filter(pl.col("ip").is_in(names) & pl.col("status").is_not_null())
    for name in names:
        theirs = asked.filter(pl.col("ip") == name)
        if name in odd or theirs.height < REFUSED_MIN or not theirs.get_column("status").is_in(REFUSED).all():
            return False
    return True


def _of_strangers(case: Case, lines: pl.DataFrame, first: datetime) -> bool:
    """
    Whether *lines* tell of refusals alone, by a service that refuses only those whom nobody ever served.

    They name nobody, but there are no more of them than refused requests of that service, and those who are served
    there are as many as before: nobody is missing.
    """
    rest = pl.col("message").str.slice(0, TEXT_LIMIT).str.replace_all(REFUSAL, " ")
    other = rest.str.contains(HARM) | rest.str.contains(GRAVE) | rest.str.contains(UNREAD)
    if lines.select(other.any()).item():
        return False
    service = lines.get_column("service")[0]
    asked = case.bad_requests.filter((pl.col("service") == service) & (pl.col("at") >= first - PAUSE_MIN))
    refused = asked.filter(pl.col("status").is_between(400, 499)).with_columns(route=route_of(pl.col("url")))
    routes = refused.get_column("route").drop_nulls().unique().sort().to_list()
    enough = refused.height >= REFUSED_MIN and lines.height <= EACH * refused.height
    return enough and of_strangers(case, refused, routes, first)


def _finding(rows: list[dict[str, Any]], name: str, severity: Severity, told: pl.DataFrame) -> Finding:
    top = rows[0]
    began: datetime = min(row["first"] for row in rows[:SHOWN])
    more = f", and {len(rows) - 1} more wordings" if len(rows) > 1 else ""
    kept = "" if severity >= Severity.WARNING else "; none tells of harm that is left"
    return Finding(
        id=f"kinds/{name}",
        rule="kinds",
        claim=f"{top['count']} warnings of {top['service']} since {began:%H:%M} UTC say what it never said before"
        f" and go on{kept}: “{top['example'][:160]}”{more}",
        severity=severity,
        at=began,
        service=top["service"],
        evidence=observation_ids(told.filter(pl.col("pattern").is_in([row["pattern"] for row in rows]))),
        data={
            "wordings": [
                {"service": row["service"], "count": row["count"], "example": row["example"][:300]}
                for row in rows[:SHOWN]
            ]
        },
    )
