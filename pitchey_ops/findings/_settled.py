"""
Lines of level error that are none of ours to mend: what they tell of is settled, somebody's wish, or nothing at all.

A level says through which channel a line came, not what became of the work. Runtimes and databases put remarks on the
channel of errors; libraries call it an error that a file was not there and go on with what they have; a server writes
an error for each visitor who closes his browser. Such a line says itself what was done instead. It is believed only
while users are served as before, of a service that works on, and never where it tells of loss, or of what is worn out.

How it looks if the source lied, was empty, late or cut: words that reassure may be false, which is why the ones who
count requests have the last word; without requests that were seen to succeed nobody asks here, and all are errors.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from ._levels import HARD, WARNED
from ._masking import rough_keys
from ._new_warnings import GOOD_END, GRAVE, HARM, NO_END

if TYPE_CHECKING:
    from .case import Case

NOTICE = (
    r"(?:^|[\s:\"'=\]])(?:NOTICE|Note \d{4}):?\s"
    r"|(?i)\balready exists,? (?:skipp(?:ing|ed)|ignor(?:ing|ed)|not created|nothing to do)"
    r"|\bdoes not exist,? (?:skipp|ignor)(?:ing|ed)"
)
"""What a database tells of a step that was done before; for it no severity is lower and still shown."""
IN_NOTICES = (
    r"(?i)\b(?:already exists|does not exist|is not (?:there|present))\b.{0,4}\b(?:skipp|ignor)(?:ing|ed)"
    r"|\bwill be truncated to\b|\bidentifier\b.{0,120}\btruncat\w+"
)
OLD_AGE = (
    r"\b(?:Pending)?DeprecationWarning\b|\bFutureWarning\b|\bExperimentalWarning\b|\[[A-Z_]*DEP\d{2,5}\]"
    r"|\bE_(?:USER_)?DEPRECATED\b|(?:^|\bPHP |[\s:\]])Deprecated: |\bDEPRECATION(?: WARNING)?\b|\bDEPRECATED:"
    r"|(?i)--trace-(?:deprecation|warnings)\b|\bnpm warn(?:ing)? deprecated\b"
)
"""How runtimes mark what a later version will do without."""
AGES = (
    r"(?i)\b(?:is|are|was|were|been|being) deprecated\b|\bdeprecated (?:and|since|as of|in favou?r|api|call|option|use)"
    r"|\bwill be (?:removed|dropped|an error) in (?:a (?:future|later)|version|the next|v?\d)"
)
CLIENT_GONE = (
    r"(?i)\b(?:client|browser|visitor|viewer|downloader|uploader) (?:(?:has|had|is|was) )?"
    r"(?:gone|went away|disconnected|hung up|left|aborted|cancell?ed|navigated)\b"
    r"|\b(?:client|browser|visitor) (?:(?:has|had) )?(?:premature\w* )?(?:closed|reset|dropped)(?: \w+)? "
    r"(?:connection|request|stream|socket|download|upload|tab|page|window)"
    r"|\b(?:abort|cancell?|clos|reset|interrupt|terminat|dropp|stopp)ed (?:early )?by (?:the )?"
    r"(?:client|user|browser|visitor|viewer)\b"
    r"|\bclient[ _-]?(?:abort|disconnect)(?:ed)?(?:exception|error)?\b|\bclient closed request\b"
    r"|\bwhile (?:reading client request|sending (?:response )?to (?:the )?client|waiting for client)\b"
    r"|\bbadrequesterror: request aborted\b|\bhttp: abort handler\b|\bthe client reset the request stream\b"
    r"|\buser (?:navigated away|left the page|closed the (?:tab|page|window))\b|\(visibilitychange\)"
)
"""A visitor who does not wait for the rest: how servers, proxies and stores write it."""
OF_A_LIBRARY = (
    r"(?i)\b(?:redis|valkey|db|database|pg|postgres\w*|mysql|sql|s3|r2|kafka|mqtt|grpc|smtp|amqp|mongo\w*|prisma|cache"
    r"|kv|memcache\w*|http|api|sdk|storage) client\b|\bnot queryable\b|^(?:database|cache|alert):"
)
GAVE_UP = (
    r"(?i)\btime?d?[ -]?out|\btimeout|\bwait(?:ed|ing)\b.{0,20}\d|\b\d{4,} ?ms\b|\bafter \d+(?:\.\d+)? ?s\b|\bslow"
)
"""Who left because it took so long tells of what took so long."""
MISSING_TEXT = (
    r"(?i)\bmissing[_ -]?translation|\btranslations? (?:is |are )?missing\b|\bmissingkey\b|\buntranslated\b"
    r"|\bmissing (?:message|text|string|translation|key)s?\b.{0,80}\b(?:locale|language|translation)"
    r"|\bno translations? (?:was |were )?(?:found )?for\b|\[(?:intlify|vue-i18n)\].{0,24}\bnot found\b"
    r"|\b(?:translation|message|i18n) key\b.{0,80}\bnot found\b|\bcould not find (?:a )?translation\b"
)
"""A text that nobody has put into somebody's language yet, as libraries of translations say it."""
WEAK_END = (
    r"(?i)\b(?:an? )?(?:empty|default|neutral|partial) (?:list|array|set|map|result|answer|response|object|page)s?"
    r" (?:(?:is|was) )?(?:returned|served|sent|used)\b"
    r"|\breturn(?:ing|ed|s) (?:an? |the )?(?:empty|default|cached|previous) ?\w*|\bskipping(?: \w+)?\b"
    r"|\b(?:killed|disabled|switched off|turned off|blocked) by (?:\w+ )?(?:flag|toggle|switch|config\w*)\b"
    r"|\b(?:named|listed|noted|marked|reported|recorded) (?:in|on|as) [\w./-]+\W*$"
    r"|\b(?:row|field|part|section) hidden\b|, hidden\W*$"
)
"""What was done instead, where that alone does not tell whether anybody misses something."""
ABSENCE = (
    r"(?i)\b(?:was |were |is |are )?not found\b|\bno ?such ?(?:key|object|file|entry|blob|item|version)\b|\bENOENT\b"
    r"|\bblobnotfound\b|\b404\b|\bdoes not exist\b|\bmissing\b|\bhas no \w+"
)
"""That something is not there harms nobody by itself."""
FRESH = r"(?i)\bread[- ]after[- ]write\b|\b(?:stored|written|uploaded|saved|put|created) (?:\d|just|moments?|seconds?)"
"""Unless it was put there just now."""
BUSY = r"(?i)\b5\d\d\b|\bslow ?\w*|\bthrottl\w*|\btoo many\b|\bstale\b|\binternal\b"
CLASS_NAME = r"\b[A-Za-z_.$]*(?:Error|Exception|Failure)\b:?"
SEVERITY_SAID = (
    r"(?i)\b(?:level|severity|lvl)[\"']?[=:]\s?[\"']?(?:info|notice|debug|trace)\b"
    r"|^(?:stderr: ?)?\[?(?-i:INFO|DEBUG|TRACE|info|debug|trace)\]?[:\s]"
)
"""The severity that a line gives itself, whatever channel it came through."""

ALERT_NAME = r"\b(?i:alert(?:name)?)(?:[ =:]{1,2}[\"']?)[A-Z][a-z0-9]+[A-Z]\w*[\"']?"
"""An alert is named for what it watches: HighErrorRate, ProbeFailed."""
SILENCED = (
    r"(?i)\b(?:match(?:ed|es|ing)? (?:a |the )?(?:silence|mute|inhibit\w*)|(?:silenc|mut|inhibit|snooz|suppress)ed"
    r" (?:by|until|for|during|while|through)|silence [0-9a-f-]{6,}|in (?:a )?maintenance(?: window)?)\b"
)
"""An alert that somebody wished not to hear."""
NOT_DELIVERED = (
    r"(?i)\bfail\w*|\berrors?\b|\brefus|\breject|\bundeliver|\bnot (?:sent|delivered|accepted)|\btime?d?[ -]?out"
    r"|\b(?:40[0134]|410|422|429|5\d\d)\b|\bby mistake\b|\bunable\b|\bcould not\b|\bdropped\b"
)
EVERY_NAME = 3
"""Different alerts that are silenced, from which it may be all of them, and a mistake."""

PROBE = (
    r"(?i)\bprobe\b.{0,80}\b(?:failed|40[1345]|410)\b|\bstatus(?:[ _]code)?[\"']?[:=]? ?(?:40[1345]|410)\b"
    r"|\binvalid http response status code\b|\b(?:broken|dead) link|\blink[- ]?check\w*\b.{0,80}\b(?:40[1345]|410)\b"
)
"""What a watcher says of an answer that it did not want."""
SENDS = (
    r"(?i)\b(?:remote|push\w*|writ\w+|wrote|ingest\w*|send\w*|sent|export\w*|deliver\w*|ship\w*|flush\w*|forward\w*"
    r"|upload\w*|report\w*|scrap\w+|wal|buffer\w*|queue\w*|disk|store\w*)\b"
)
"""A path to which the monitoring brings what it keeps, or from which it takes it, is no page."""
PATH = r"(?:^|[\s\"'=(]|https?://[\w.-]+)(/[A-Za-z][\w/.-]*)"

LINES_MIN = 8
SERVICES_MIN = 3
FACTOR_MIN = 4.0
CHANCE = 2.5
SPREAD = 0.5
"""How far one wording's factor may be off that of all (in natural logarithms): by chance, and by its own affairs."""
QUIET_MIN = 20
"""Other lines of a service before, against which its errors are held."""
STEP = timedelta(minutes=2)
BEFORE_MIN = 2
EDGE = timedelta(minutes=5)
NEW_SHARE = 0.2
"""Part of what rose that nobody said before, from which it is not the logging that changed."""


def harmless(text: pl.Expr) -> pl.Expr:
    """Return whether *text* tells of no failure of anybody: notices, old age, a visitor who left; never null."""
    grave = text.str.contains(GRAVE)
    rest = text.str.replace_all(IN_NOTICES, " ")
    notice = text.str.contains(NOTICE) & ~rest.str.contains(HARM)
    old = text.str.contains(OLD_AGE) | (text.str.contains(AGES) & ~text.str.contains(HARM))
    return ((notice | old) & ~grave | gone(text)).fill_null(value=False)


def gone(text: pl.Expr) -> pl.Expr:
    """Return whether a visitor left, without having waited for long; never null."""
    left = text.str.contains(CLIENT_GONE) & ~text.str.contains(OF_A_LIBRARY)
    return (left & ~text.str.contains(GAVE_UP) & ~text.str.contains(GRAVE)).fill_null(value=False)


def absent(text: pl.Expr) -> pl.Expr:
    """Return whether *text* tells that something is not there, what was done instead, and of no other harm."""
    rest = _beside(text)
    quiet = ~(rest.str.contains(HARM) | rest.str.contains(GRAVE) | text.str.contains(FRESH) | rest.str.contains(BUSY))
    told = text.str.contains(WEAK_END) | (text.str.contains(GOOD_END) & ~text.str.contains(NO_END))
    return (text.str.contains(ABSENCE) & told & quiet).fill_null(value=False)


def settled(text: pl.Expr) -> pl.Expr:
    """Return whether *text* says itself what was done instead, or that it is no error at all; never null."""
    well = text.str.contains(GOOD_END) & ~text.str.contains(NO_END)
    quiet = ~_beside(text).str.contains(HARM)
    said = text.str.contains(SEVERITY_SAID) & ~text.str.contains(HARM)
    done = well | (text.str.contains(WEAK_END) & quiet) | said | text.str.contains(MISSING_TEXT)
    return (done & ~text.str.contains(GRAVE)).fill_null(value=False) | harmless(text)


def _beside(text: pl.Expr) -> pl.Expr:
    """Return what *text* says besides an error's name, what is not there, and what was done instead."""
    return text.str.replace_all(CLASS_NAME, " ").str.replace_all(WEAK_END, " ").str.replace_all(ABSENCE, " ")


def silenced(text: pl.Expr) -> pl.Expr:
    """Return whether *text* is of an alert that somebody wished not to hear; never null."""
    rest = text.str.replace_all(ALERT_NAME, "alert")
    return (
        text.str.contains(r"(?i)\balert") & text.str.contains(SILENCED) & ~rest.str.contains(NOT_DELIVERED)
    ).fill_null(value=False)


def probes_of_nothing(case: Case, text: pl.Series) -> pl.Series:
    """
    Return which of *text* tell of a watcher's probe of a path at which nobody was ever seen to be served.

    A watcher that is set up anew asks for what is not there. What people used is a failure once it is there no more.
    """
    frame = pl.DataFrame({"text": text})
    path = pl.col("text").str.extract(PATH, 1).str.strip_chars_end("/.")
    asks = pl.col("text").str.contains(PROBE) & ~pl.col("text").str.contains(SENDS)
    paths = frame.select(pl.when(asks).then(path).alias("path")).get_column("path")
    edge = case.frames.edge.filter(pl.col("route").is_not_null() & (pl.col("status") < 400))
    used = {str(route).rstrip("/") for route in edge.get_column("route").unique()}
    nobody = [one for one in paths.drop_nulls().unique() if not any(_under(one, route) for route in used)]
    return paths.is_in(nobody).fill_null(value=False) if used else pl.Series([False] * text.len(), dtype=pl.Boolean)


def _under(path: str, route: str) -> bool:
    """Whether *path* is *route*, or below it where a route stands for many paths."""
    return path == route or (route.count("/") >= 2 and path.startswith(route + "/"))


def resampled(case: Case, errors: pl.DataFrame) -> tuple[pl.Series, datetime, float] | None:
    """
    Return which *errors* are written down more often since a change of the logging, its time, and the factor.

    Several wordings of several services, each known from before, rise at one time by about one factor against what
    their services say else, and hardly anything is said that was not said before: the world does not know which lines
    a sampler lets through. None where it is not so. A store that shows a part of what was said shows a part of both.
    """
    start, end = case.window.start, case.end
    hard = errors.filter(pl.col("level").is_in(list(HARD)) & pl.col("service").is_not_null())
    keyed = hard.select("at", "service", wording=rough_keys(hard.get_column("message")))
    many = keyed.filter(pl.col("at") >= start).group_by("service", "wording").len().filter(pl.col("len") >= LINES_MIN)
    if many["service"].n_unique() < SERVICES_MIN or many["wording"].n_unique() < SERVICES_MIN:
        return None
    keyed = keyed.join(many, on=["service", "wording"], how="semi")
    names = many["service"].unique()
    logs = case.frames.logs.filter(pl.col("service").is_in(names.implode()) & (pl.col("at") < end))
    quiet = logs.filter(~pl.col("level").is_in([*HARD, *WARNED])).select("at", "service")
    best: tuple[float, datetime, pl.DataFrame] | None = None
    at = start + EDGE
    while at <= end - EDGE:
        rose = _rose(keyed, quiet, at)
        gain = float((rose["after"] * rose["factor"].clip(1.0).log()).sum()) if rose.height else 0.0
        if gain > (best[0] if best is not None else 0.0):
            best = (gain, at, rose)
        at += STEP
    return None if best is None else _common(best[1], best[2], errors)


def _rose(keyed: pl.DataFrame, quiet: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """Return how often each wording came before and since *at*, and how often it was to come, where it rose."""
    late = pl.col("at") >= at
    sides = [(~late).sum().alias("before"), late.sum().alias("after")]
    others = quiet.group_by("service").agg((~late).sum().alias("quiet_before"), late.sum().alias("quiet_after"))
    rows = keyed.group_by("service", "wording").agg(*sides).join(others, on="service")
    rows = rows.filter((pl.col("quiet_before") >= QUIET_MIN) & (pl.col("quiet_after") > 0))
    ratio = pl.col("quiet_after") / pl.col("quiet_before")
    rows = rows.with_columns(factor=pl.col("after") / ((pl.col("before") + 0.5) * ratio), ratio=ratio)
    return rows.filter((pl.col("after") >= LINES_MIN) & (pl.col("factor") >= FACTOR_MIN))


def _common(at: datetime, rose: pl.DataFrame, errors: pl.DataFrame) -> tuple[pl.Series, datetime, float] | None:
    """Return what of *rose* is one rise of known wordings, as `resampled` does."""
    old = rose.filter(pl.col("before") >= BEFORE_MIN)
    if old["service"].n_unique() < SERVICES_MIN or old["wording"].n_unique() < SERVICES_MIN:
        return None
    if int(old["after"].sum()) < (1 - NEW_SHARE) * int(rose["after"].sum()):
        return None
    factor = float(old.select(pl.col("factor").log().mean().exp()).item())
    off = (pl.col("factor") / factor).log().abs()
    chance = CHANCE * (1 / pl.col("after") + 1 / pl.col("before")).sqrt()
    if not old.select((off <= chance + SPREAD).all()).item():
        return None
    mine = errors.select("service", wording=rough_keys(errors.get_column("message"))).with_row_index("row")
    rows = mine.join(old, on=["service", "wording"], how="semi").get_column("row")
    return pl.Series(range(errors.height), dtype=pl.UInt32).is_in(rows.implode()), at, factor
