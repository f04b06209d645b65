"""What a message says, before a channel's own dress: pieces of ours, and pieces that strangers wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ...diagnosis.hypotheses import BY_ID
from ...panels.safe import split_quoted
from ...panels.words import percent, span_words
from ...postmortem.calendar import PROMISES_MINUTES, Calendar, respond_by
from ...steps import steps as all_steps
from .notice import Notice, Story

STATE_WORDS = {"incident": "▲ INCIDENT", "healthy": "● HEALTHY", "inconclusive": "? INCONCLUSIVE"}


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of text; *quoted* says that strangers wrote it."""

    text: str
    quoted: bool = False


Words = Sequence[Part]


def headline(story: Story) -> list[Part]:
    """Return state, severity and runbook in a few words."""
    latest = story.latest
    words = STATE_WORDS["inconclusive"] if latest is None else STATE_WORDS[latest.told["state"]]
    if story.since("resolved"):
        words = f"✓ RESOLVED (last verdict: {words[2:].lower()})"
    return [Part(f"{story.severity} {words}"), *([] if latest is None else [Part(f" · {runbook_words(latest)}")])]


def summary(notice: Notice) -> list[Part]:
    """Return the verdict's sentence, with what it quotes marked as such."""
    before, quoted, after = split_quoted(str(notice.told["summary"]))
    return [Part(before), *([Part(quoted, quoted=True)] if quoted else []), *([Part(after)] if after else [])]


def facts(story: Story, notice: Notice, days: Calendar) -> list[tuple[str, list[Part]]]:
    """Return what a responder asks first, as names and answers; unknown is said to be unknown."""
    told = notice.told
    return [
        ("Cause", _cause(notice)),
        ("Since", [Part(_since(notice))]),
        ("Who is hurt", _hurt(notice)),
        ("Response clock", clock(story, days)),
        ("Next step", [Part(step_words(str(told["next_step"])))]),
        ("Could not be seen", _unseen(notice)),
    ]


def clock(story: Story, days: Calendar) -> list[Part]:
    """Return until when somebody must respond, or who did when; a moment, since a message does not tick."""
    level, since = story.severity, story.first_alert
    minutes = PROMISES_MINUTES.get(level)
    promise = "by the next business day"
    if minutes is not None:
        promise = f"within {minutes} min" if minutes % 60 else f"within {minutes // 60} h"
    if since is None:
        return [Part(f"{level}: no alert was sent; the promise is a response {promise}")]
    end = respond_by(level, since, days)
    answered, ended = story.since("acknowledged"), story.since("resolved")
    words: list[Part] = []
    if answered is not None:
        words.append(Part(f"acknowledged {moment(answered.at)}{_kept(answered.at, since, end)}"))
        words += [Part(" by "), Part(answered.told["by"], quoted=True)] if answered.told.get("by") else []
    if ended is not None:
        words.append(Part(f"{'; ' if words else ''}resolved {moment(ended.at)} (after {_span(ended.at - since)})"))
        words += [Part(" by "), Part(ended.told["by"], quoted=True)] if ended.told.get("by") else []
    return words or [Part(f"respond by {moment(end, since)} ({level}: {promise} of {moment(since)})")]


def runbook_words(notice: Notice) -> str:
    """Return the name of a verdict's runbook as words."""
    return str(notice.told["runbook"]).replace("_", " ")


def step_words(step: str) -> str:
    """Return a step of a runbook as its words."""
    known = all_steps().get(step)
    words = known.to_do if known is not None else step.replace(".", " ").replace("_", " ").replace("-", " ")
    return f"{words[:1].upper()}{words[1:]}" or "none named"


def cause_words(cause: str | None) -> str:
    """Return a cause as its words."""
    if cause is None:
        return "not settled"
    known = BY_ID.get(cause)
    words = known.title if known is not None else cause.replace("_", " ")
    return f"{words[:1].upper()}{words[1:]}"


def moment(at: datetime, beside: datetime | None = None) -> str:
    """Return *at* as ``14:03 UTC``, with the day where it is not the one of *beside*."""
    at = at.astimezone(UTC)
    same = beside is None or at.date() == beside.astimezone(UTC).date()
    return f"{at:%H:%M} UTC" if same else f"{at:%a %d %b %H:%M} UTC"


def _cause(notice: Notice) -> list[Part]:
    told = notice.told
    sure = "" if told["confidence"] is None else f" ({percent(told['confidence'])} likely)"
    if told["state"] == "healthy":
        return [Part("nothing wrong was found")]
    return [Part(cause_words(told["cause"]) + (sure if told["cause"] else ""))]


def _since(notice: Notice) -> str:
    onset = notice.told["onset"]
    if not onset:
        return "nothing changed for the worse" if notice.told["state"] == "healthy" else "no onset found"
    at = datetime.fromisoformat(onset)
    return f"{at:%H:%M:%S} UTC, {at:%a %d %b}"


def _hurt(notice: Notice) -> list[Part]:
    told = notice.told
    share, users = told["failing_share"], told["users"]
    words = "unknown share of requests" if share is None else f"{percent(share)} of requests fail"
    words += ", users: unknown" if users is None else f", about {users:,} users"
    names = [*told["routes"], *told["services"]][:4]
    parts = [Part(words)]
    for at, name in enumerate(names):
        parts += [Part(" · " if at == 0 else " "), Part(name, quoted=True)]
    return parts


def _unseen(notice: Notice) -> list[Part]:
    told = notice.told
    rules = f"{told['not_checked']} rule{'s' if told['not_checked'] != 1 else ''} could not be applied"
    if not told["unseen"]:
        return [Part(rules if told["not_checked"] else "nothing: every configured source answered")]
    more = f" and {told['unseen_more']} more" if told["unseen_more"] else ""
    return [Part(", ".join(told["unseen"]) + more + (f"; {rules}" if told["not_checked"] else ""))]


def _kept(at: datetime, since: datetime, end: datetime) -> str:
    return f" (after {_span(at - since)}, promise {'kept' if at <= end else 'missed'})"


def _span(span: timedelta) -> str:
    return span_words(span.total_seconds())
