"""
Lines of level error that tell of no trouble of ours: those that name no error, and those of another environment.

Languages and libraries write an outcome as an error that is empty: ``err=<nil>``, ``error: null``, ``code 0``. A new
logger that takes the field for the level calls each success an error; its lines then come with every piece of work,
hold its result, and the work goes on beside them. And a log shared by mistake takes in what a staging or test system
says: a name that nobody saw before and that says of itself where it runs, of which no request of ours knows.

How it looks if the source lied, was empty, late or cut: what cannot be told is left among the errors. A service of
which only a part was seen may have been here ever; where its other entries were not seen, nobody knows that it works.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from ..models.observation import Observed
from ._levels import HARD, WARNED
from ._new_warnings import ENDS, GRAVE, HARM, UNREAD
from .case import Case

EMPTY_ERROR = (
    r"(?i)(?:^|[^\w.-])(?:err(?:or)?s?|errno|exception|(?:err(?:or)?|exit|return|result)[ _-]?(?:code|status|no))"
    r"[\"']?\s*[:=]?\s*(?:<nil>|\(?nil\)?|null|none|undefined|0|\"\"|''|\[\]|\{\}|no error)"
    r"(?:\s*$|\s*[,;|)\]}]|\s*:\s*(?:ok|success|done|no error)\b|\s+\(?[\w.-]+[=:])"
)
"""An error whose value is empty, and behind it the line's end, its next field, or a word that all went well."""
VAGUE = r"(?i)\b(?:null|undefined|none)\b"
"""Values that are written, too, where an error was lost on its way; then no good end stands beside them."""
RESULT = r"(?i)\b(?:ok|done|succe(?:ss|eded)\w*|queued|committed|" + ENDS + r")\b"
WORKS_MIN = 3
"""Other entries since the first such line, from which a service is seen at work."""
WORKS_ON = 0.6

ELSEWHERE = r"(?i)(?:^|[-_./: ])(?:staging|stg|pre-?prod(?:uction)?|uat)(?:$|[-_./: \d])"
"""A name that says that it runs in another environment than the one that people use."""
TAGGED = (
    r"(?i)^\[(?:staging|stage|stg|pre-?prod(?:uction)?|uat|qa|testing|test|dev|development)\]"
    r"|^\[(?:\w+[-_])*(?:rehearsal|dry[-_]?run|staging|uat|sandbox|shadow)(?:[-_]\w+)*\]"
    r"|\benv(?:ironment)?[=:]\W?(?:staging|stage|stg|pre-?prod|uat|qa|test|dev)"
)
"""An entry that says the same of itself; words that name other things, too, count only so."""
TAGGED_SHARE = 0.9
NEW = timedelta(hours=6)
SHIPPED = timedelta(minutes=10)
"""A deployment so shortly before the first of them may have brought it: then it is ours until somebody knows better."""


def names_none(text: pl.Expr) -> pl.Expr:
    """Return whether a line names an error that is empty, and no harm besides; never null."""
    rest = text.str.replace_all(EMPTY_ERROR, " ")
    harm = rest.str.contains(HARM) | rest.str.contains(GRAVE) | rest.str.contains(UNREAD)
    told = ~text.str.contains(VAGUE) | text.str.contains(RESULT)
    return (text.str.contains(EMPTY_ERROR) & told & ~harm).fill_null(value=False)


def works_beside(case: Case, service: str, first: datetime) -> bool:
    """Whether *service* is seen to do its other work since *first*, and no less of it than just before."""
    quiet = case.frames.logs.filter((pl.col("service") == service) & ~pl.col("level").is_in([*HARD, *WARNED]))
    since = quiet.filter(pl.col("at").is_between(first, case.end, closed="left")).height
    start = max(case.frames.log_seen_from.get(service, case.counted_from), first - timedelta(hours=1))
    minutes = [(first - start).total_seconds() / 60, (case.now - first).total_seconds() / 60]
    before = quiet.filter(pl.col("at").is_between(start, first, closed="left")).height
    expected = before / minutes[0] * minutes[1] if minutes[0] >= 1 else 0.0
    return since >= WORKS_MIN and since >= WORKS_ON * expected


def from_elsewhere(case: Case) -> list[str]:
    """Return the services in the log that say that they run in another environment, and that are none of ours."""
    if case.settings.environment not in ("production", "sandbox"):
        return []
    logs = case.frames.logs.filter(pl.col("service").is_not_null() & (pl.col("at") < case.end))
    asked = pl.any_horizontal(pl.col("url", "status", "ip", "user_id").is_not_null())
    new = (
        logs.group_by("service")
        .agg(pl.col("at").min().alias("first"), asked.any().alias("asked"))
        .filter((pl.col("first") >= case.window.start - NEW) & ~pl.col("asked"))
    )
    tagged = pl.col("message").str.slice(0, 300).str.contains(TAGGED).fill_null(value=False).mean()
    told = (
        logs.join(new, on="service")
        .group_by("service")
        .agg(pl.col("first").first(), tagged.alias("tagged"))
        .filter(pl.col("service").str.contains(ELSEWHERE) | (pl.col("tagged") >= TAGGED_SHARE))
        .sort("service")
    )
    return [
        row["service"]
        for row in told.iter_rows(named=True)
        if _seen_whole(case, row["service"]) and not _ours(case, row["service"], row["first"])
    ]


def _seen_whole(case: Case, service: str) -> bool:
    """Whether the store showed all that *service* ever said: then its first entry is the first."""
    told = case.observations.get(f"logs/service/{service}")
    return isinstance(told, Observed) and told.status == "observed" and not told.coverage.cut


def _ours(case: Case, service: str, first: datetime) -> bool:
    """Whether requests of ours go through *service*, or a deployment of ours may have brought it."""
    logs, spans = case.frames.logs, case.frames.spans
    mine = logs.filter(pl.col("service") == service).get_column("trace_id").drop_nulls().unique()
    if logs.filter((pl.col("service") != service) & pl.col("trace_id").is_in(mine.implode())).height:
        return True
    if spans.filter((pl.col("service") == service) | (pl.col("caller") == service)).height:
        return True
    shipped = case.frames.deployments.filter(pl.col("at").is_between(first - SHIPPED, first))
    return bool(shipped.height)
