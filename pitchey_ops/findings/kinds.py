"""
What kinds of errors are new or rising since the onset?

The words of an error message are a stranger's, so no single line decides anything: a kind counts by its
share of all the errors that came up since the onset, in patterns that were counted, and it takes a
minimum of entries and (for a strong signal) more than one user, address or trace. A line that only
imitates an error weighs as one line among the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib.resources import files

import polars as pl

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from ..models.observation import Observed
from ..yaml_text import read_yaml
from ._grouping import group_messages
from ._levels import HARD, WARNED
from ._masking import rough_keys
from ._new_warnings import PAUSE_MIN, PAUSES, crowd_came, new_warnings
from ._no_error import from_elsewhere, names_none, works_beside
from ._payloads import ascii_only
from ._settled import (
    ALERT_NAME,
    EVERY_NAME,
    MISSING_TEXT,
    absent,
    harmless,
    probes_of_nothing,
    resampled,
    settled,
    silenced,
)
from ._sieve import Sieve
from ._troubles import OTHERS, VAGUE, signals_of
from .auth import get_in_as_before
from .case import SIGN_IN, Case, observation_ids
from .onset import Onset
from .users import failing_all_along, served_as_before

RULE = "kinds"
ENTRIES_MIN = 5
LONG_MIN = 15
"""The same over the whole window, where nothing tells when it began."""
RISE = 3.0
"""How many times as many a minute as before the onset count as rising."""
TEXT_LIMIT = 2_000
FAILING_SHARE = 0.1
"""Failing share (0-1) of a service's logged requests from which its warnings count as errors."""
LOST = (400, 409, 415, 422, 424)
"""Refusals that are a service's own word about what it was sent, or about what it depends on."""
ONE_CLIENT = 0.6
"""Part of these by one house, from which they are its own affair."""
ENDED = 0.3
"""Strength that is left of what has ended, while users are served as before."""
DOUBT_S = 300.0
"""An onset that is known less closely dates no kind of error."""
COUNTED_MIN = 5.0
"""Minutes before the onset from which a rate is taken."""
BROWSERS = "js_errors_new"
EXTENSIONS = (
    r"(?i)\b(?:chrome|moz|safari(?:-web)?|edge|opera|ms-browser)-extension:|webkit-masked-url:"
    r"|extension context invalidated|resizeobserver loop|webkit\.messagehandlers|__gcrweb|\btranslated-(?:ltr|rtl)\b"
    r"|_autofillcallbackhandler|instantsearchsdkjsbridge|object not found matching id|fb_xd_fragment|\btop\.globals\b"
    r"|originalcreatenotification|conduitpage|atomicfindclose|bmi_safeaddonload|ebcallbackmessagereceived"
)
"""
What extensions, translators, in-app browsers and mail scanners of visitors throw on any site, as error trackers list it
(Sentry's filter of browser extensions), and what browsers say of no fault at all.
"""
OWN_FILES = r"(?i)(?:https?://|/assets/)[^\s:?#]+\.m?js\b"
"""An error with a file of ours in it is ours to explain, whoever's extension stands beside it in the stack."""
SCRIPT_ERRORS = (
    r"(?i)(?:type|reference|range|syntax|eval|uri|aggregate|internal|invariant|chunk)error|\berror: |uncaught|unhandled"
    r"|undefined|\bnull\b|is not (?:a|an|defined|iterable)|cannot |can't |call stack|recursion|minified|hydrat|react"
    r"|\bvue\b|svelte|\bng0?\d{3}|component|render|\bhooks?\b|\bprops?\b|\brouter?\b"
    r"|invalid (?:hook|element|prop|date|time|value)|unexpected (?:token|end|identifier)|customelement|web ?assembly"
    r"|worker script|script error"
)
"""What engines and frameworks say of code that fails."""
VAGUE_SHARE = 0.55
"""What browser errors in other words are worth for the page's own code: it may be its files, or what it asks for."""
NEW_MIN = 10
NEW_VOICES = 6
"""Entries and people that say what no browser said before, from which it is a fault of the page."""
CODE_SHARE = 0.2
"""Part of the lines of a wording from which what they say by a standard's code is said, and no number by chance."""
SAMPLE_MIN = 50
"""Entries of a service from before the onset from which a share is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of error; see ``kinds.yaml`` for the meaning of each field."""

    signal: str
    words: str
    level: str
    matches: str
    frontend: bool | None = None
    counts: bool = False
    unless: str | None = None

    def found_in(self, text: pl.Expr) -> pl.Expr:
        """Return whether *text* is of this kind; never null."""
        found = text.str.contains(self.matches)
        if self.unless is not None:
            found = found & ~text.str.contains(self.unless)
        return found.fill_null(value=False)


def _read() -> tuple[Kind, ...]:
    text = files("pitchey_ops.findings").joinpath("kinds.yaml").read_text(encoding="utf-8")
    return tuple(
        Kind(
            signal=row["signal"],
            words=row["words"],
            level=row["level"],
            matches="|".join(f"(?:{one})" for one in row["matches"])
            if row.get("case")
            else "(?i)" + "|".join(f"(?:{ascii_only(one)})" for one in row["matches"]),
            frontend=row.get("frontend"),
            counts=row.get("counts", False),
            unless="|".join(f"(?:{one})" for one in row["unless"]) if row.get("unless") else None,
        )
        for row in read_yaml(text)["kinds"]
    )


KINDS = _read()
_SIEVE = Sieve(
    {
        **{(kind, "matches"): kind.matches for kind in KINDS},
        **{(kind, "unless"): kind.unless for kind in KINDS if kind.unless is not None},
    }
)


def told_by(texts: pl.Series) -> Callable[[Kind], pl.Series]:
    """Return what tells of a kind which of *texts* are of it, as `Kind.found_in` does: of many kinds sooner."""
    sifted = _SIEVE.on(texts)

    def told(kind: Kind) -> pl.Series:
        found = sifted.matches((kind, "matches"))
        return found if kind.unless is None or not found.any() else found & ~sifted.matches((kind, "unless"))

    return told


GENERAL = {kind.signal: kind for kind in KINDS}
"""Signal -> its last kind, whose words hold for all of them."""
SIGNALS = (*dict.fromkeys(kind.signal for kind in KINDS), "errors_unexplained", "db_errors", "monitoring_failing")
FRONTEND_SERVICES = ("frontend", "web", "browser", "client", "ui", "spa")


def kinds(case: Case) -> RuleResult:
    """
    Return one finding for each kind of error that is new or rising since the onset.

    Where requests failed all along, since the window's start, against what older entries were seen.
    `NotChecked` when no log entry of the window was seen. If the logs lied, the kind is one finding among
    the others; if they were late or cut, the counts are of what was seen and the coverage stands beside
    them; an empty answer is no entry and so no all-clear.
    """
    logs = case.frames.logs
    inside = logs.filter(pl.col("at") >= case.window.start)
    if inside.is_empty():
        return NotChecked(rule=RULE, because=case.why_missing("logs/service", "r2/archive"))
    since = case.since if not failing_all_along(case) else case.window.start
    if case.onset is not None:
        since -= timedelta(seconds=min(120.0, case.onset.uncertainty_s))
    usual = _Usual.of(case, since)
    errors = _texts(logs).filter(pl.col("at") < case.end)
    errors = _without_attackers(case, _taken_seriously(case, errors, since))
    served = served_as_before(case)
    errors, elsewhere_said = _without_strangers(case, errors) if served else (errors, [])
    errors, harmless_said = _without_harmless(case, errors) if served else (errors, [])
    handled = _handled(case, errors) if served else pl.Series([False] * errors.height, dtype=pl.Boolean)
    message = pl.col("message").str.slice(0, TEXT_LIMIT)
    not_there = errors.select((absent(message) if served else pl.repeat(False, pl.len())).alias("_")).get_column("_")
    claimed = missed = pl.Series([False] * errors.height, dtype=pl.Boolean)
    rows: list[tuple[Kind, pl.DataFrame, int, float]] = []
    matched: dict[str, tuple[Kind, pl.Series]] = {}
    watching = errors.select(_of_monitoring()).get_column("chosen")
    stores = errors.select(_of_stores()).get_column("chosen")
    elsewhere = errors.get_column("text").str.contains(OTHER_STORE).fill_null(value=False)
    guessed = errors.get_column("ip").is_in(_guessers(case)).fill_null(value=False)
    fits = _fits(errors)
    for kind in KINDS:
        match = fits(kind) & ~claimed
        if kind.signal in OWN_TROUBLE:
            match = match & ~watching
        if kind.signal == "worker_limits":
            match = match & ~stores
        if kind.signal.startswith("db_"):
            match = match & ~elsewhere
        if kind.signal == "credentials_rejected":
            match = match & ~guessed
        claimed = claimed | match
        if kind.signal in HANDLED:
            match = match & ~handled
        if kind.signal == "storage_errors" and served:
            missed = missed | (match & not_there)
            match = match & ~not_there
        known = matched.get(kind.signal)
        spoken = kind if known is None or match.sum() >= known[1].sum() else known[0]
        matched[kind.signal] = (spoken, match if known is None else known[1] | match)
    strange = [name for name, n in usual.entries_before.items() if n < SAMPLE_MIN and not usual.long_seen(name)]
    left = claimed | watching | not_there if served else claimed | watching
    claimed = claimed | _by_standard(errors, left, matched, strange, since, dated=case.onset is not None)
    hard = errors.get_column("hard") & ~errors.get_column("visit")
    of_monitoring = watching & hard & ~claimed
    if served:
        probes = of_monitoring & probes_of_nothing(case, errors.get_column("message"))
        of_monitoring = of_monitoring & ~probes
        harmless_said += _told_probes(case, errors.filter(probes))
    matched[MONITORING.signal] = (MONITORING, of_monitoring)
    in_words = claimed
    claimed = claimed | watching
    for kind, match in matched.values():
        if match.sum() < ENTRIES_MIN:
            continue
        mine = errors.filter(match)
        hits = mine.filter(pl.col("at") >= since)
        expected = usual.expected(mine.filter(pl.col("at") < since), hits)
        if hits.height < ENTRIES_MIN or (kind.signal == BROWSERS and not usual.known(hits, case)):
            continue
        if hits.height >= RISE * expected:
            rows.append((kind, hits, hits.height, expected))
        elif kind.frontend and kind.signal == BROWSERS:
            fresh = _never_said_before(mine, since)
            if fresh.height >= NEW_MIN and _voices(fresh) >= NEW_VOICES:
                rows.append((kind, fresh, fresh.height, 0.0))
    rows += _all_window(case, errors, matched, {kind.signal for kind, *_ in rows}, since)
    rest = errors.filter(~claimed & pl.col("hard") & ~pl.col("visit") & ~handled)
    rest, nothing_said = _without_empty(case, rest) if served else (rest, [])
    total = sum(max(0.0, n - expected) for kind, _, n, expected in rows if kind.level == "error" or kind.counts) or 1.0
    found = [_finding(kind, hits, n, expected, total, case) for kind, hits, n, expected in rows]
    unknown = _unexplained(rest, since, usual, case)
    found += [_finding(kind, hits, n, expected, total + n - expected, case) for kind, hits, n, expected in unknown]
    told = zip(found, [*rows, *unknown], strict=True)
    found = [_passed(one) if served and _is_over(hits, case) else one for one, (_, hits, *_) in told]
    warned = errors.filter(~in_words & ~pl.col("hard") & ~pl.col("visit"))
    found += elsewhere_said + harmless_said + _told_handled(case, errors.filter(handled)) + nothing_said
    found += _told_missed(errors.filter(missed), since, usual)
    return found + new_warnings(case, warned, logs.filter(pl.col("at") < case.end))


def _by_standard(
    errors: pl.DataFrame,
    claimed: pl.Series,
    matched: dict[str, tuple[Kind, pl.Series]],
    strange: list[str],
    since: datetime,
    *,
    dated: bool,
) -> pl.Series:
    """
    Add to *matched* what no kind's wording knows and subject and trouble tell (`_troubles`); return what was added.

    Not of browsers, whose errors speak of stores only as they were told, and not of lines of requests. Of partners and
    receivers only by services that were seen before (not *strange*), of partners only where something else tells the
    time, too (*dated*): somebody's feed fails at any time, and nobody feels it.
    """
    left = errors.select(~pl.col("visit") & ~pl.col("frontend")).to_series() & ~claimed
    told = signals_of(errors.get_column("text").filter(left))
    others = told.get_column("subject").is_in(list(OTHERS))
    partner = (told.get_column("subject") == OTHERS[0]).fill_null(value=False)
    text = errors.get_column("text").filter(left)
    unsure = (told.get_column("trouble") == VAGUE) | others | text.str.contains(NO_OBJECT).fill_null(value=False)
    vague = unsure & ~errors.get_column("hard").filter(left)
    vague = vague | (others & errors.get_column("service").is_in(strange).fill_null(value=True).filter(left))
    vague = vague | partner if not dated else vague
    found = told.get_column("signal").zip_with(~vague.fill_null(value=False), pl.Series([None], dtype=pl.String))
    found = _without_numbers(found, errors.filter(left), since)
    places = pl.Series(range(errors.height), dtype=pl.UInt32).filter(left)
    added = pl.Series([False] * errors.height, dtype=pl.Boolean)
    for name in found.drop_nulls().unique().sort().to_list():
        kind, match = matched[name]
        if not match.any():
            kind = GENERAL[name]
        mine = pl.Series(range(errors.height), dtype=pl.UInt32).is_in(places.filter(found == name).implode())
        matched[name] = (kind, match | mine)
        added = added | mine
    return added


def _without_numbers(found: pl.Series, lines: pl.DataFrame, since: datetime) -> pl.Series:
    """
    Return *found* without what few of a wording's *lines* since then say: a code is the same in each of its lines.

    A number that differs from one line to the next (a process, an order, a client's port) is a standard's code by
    chance now and then: of five digits, one in a hundred is of SQLSTATE's class 42.
    """
    if found.null_count() == found.len():
        return found
    told = pl.DataFrame({"found": found, "wording": rough_keys(lines.get_column("message")), "at": lines["at"]})
    late = pl.col("at") >= since
    share = (late & pl.col("found").is_not_null()).sum().over("wording") / late.sum().over("wording")
    return told.select(pl.when((share >= CODE_SHARE).fill_null(value=True)).then("found")).to_series()


def _all_window(
    case: Case,
    errors: pl.DataFrame,
    matched: dict[str, tuple[Kind, pl.Series]],
    found: set[str],
    since: datetime,
) -> list[tuple[Kind, pl.DataFrame, int, float]]:
    """
    Return what no series dates and what is older than the later half of the window, against long before.

    Also where what dates it is in doubt: a trouble that grows slowly is felt long after it began, and its own entries
    lie before the onset that was found. Only kinds that words tell by themselves, of services whose entries before the
    window were seen: a remainder of last week, or an answer that holds all that the service ever said.
    """
    if (case.onset is not None and not _doubtful(case.onset)) or since <= case.window.start:
        return []
    usual = _Usual.of(case, case.window.start)
    rows = []
    for kind, match in matched.values():
        if kind.signal in found or kind.signal == BROWSERS:
            continue
        mine = errors.filter(match)
        hits = mine.filter(pl.col("at") >= case.window.start)
        seen = [
            name
            for name in hits.get_column("service").drop_nulls().unique().to_list()
            if _seen_before(case, usual, name)
        ]
        hits = hits.filter(pl.col("service").is_in(seen))
        expected = usual.expected(mine.filter(pl.col("at") < case.window.start), hits)
        if hits.height >= LONG_MIN and hits.height >= RISE * expected:
            rows.append((kind, hits, hits.height, expected))
    return rows


def _doubtful(onset: Onset) -> bool:
    """Whether one symptom alone tells the onset, or none tells it closely."""
    return len(onset.symptoms) <= 1 or onset.uncertainty_s >= DOUBT_S


def _seen_before(case: Case, usual: _Usual, service: str) -> bool:
    if usual.entries_before[service] >= SAMPLE_MIN:
        return True
    told = case.observations.get(f"logs/service/{service}")
    return isinstance(told, Observed) and told.status == "observed" and not told.coverage.cut


def _voices(hits: pl.DataFrame) -> int:
    """Return how many different people, addresses or requests say *hits*."""
    return max(hits.get_column(name).drop_nulls().n_unique() for name in ("trace_id", "user_id", "ip"))


def _never_said_before(mine: pl.DataFrame, since: datetime) -> pl.DataFrame:
    """
    Return the entries since then whose pattern no earlier entry has; none where too few earlier ones were seen.

    Browsers complain all day about extensions and networks, which hides a new error in the sum of all.
    """
    if mine.filter(pl.col("at") < since).height < SAMPLE_MIN:
        return mine.clear()
    told = mine.with_columns(pattern=group_messages(mine.get_column("message")).pattern_ids)
    known = told.filter(pl.col("at") < since).get_column("pattern").unique().to_list()
    return told.filter((pl.col("at") >= since) & ~pl.col("pattern").is_in(known)).drop("pattern")


OTHER = Kind(signal="errors_unexplained", words="trouble in words that no kind knows", level="error", matches="")
DATABASE = Kind(
    signal="db_errors", words="trouble of the database in words that no kind knows", level="error", matches=""
)


MONITORING = Kind(signal="monitoring_failing", words="trouble of the monitoring itself", level="error", matches="")
MONITORING_SERVICES = ("monitoring", "monitor", "logs", "log-ingest", "logging", "apm", "metrics", "telemetry")
OWN_TROUBLE = (
    *("code_exceptions_new", "cache_errors", "storage_errors", "auth_failing", "worker_limits"),
    "credentials_rejected",
)
"""Kinds that, in entries of the monitoring services, tell of these and not of what users meet."""


def _of_monitoring() -> pl.Expr:
    return pl.col("service").str.to_lowercase().is_in(list(MONITORING_SERVICES)).fill_null(value=False).alias("chosen")


def _of_stores() -> pl.Expr:
    names = [name for place in ("database", "cache", "object storage") for name in PLACES[place]]
    return pl.col("service").str.to_lowercase().is_in(names).fill_null(value=False).alias("chosen")


def _without_attackers(case: Case, errors: pl.DataFrame) -> pl.DataFrame:
    """
    Leave out errors of requests by addresses that are accused of payloads or scanning.

    What nonsense brings about is told with the attack; what it breaks for others is in the others' entries.
    """
    table = case.clients
    if table is None or errors.get_column("ip").drop_nulls().is_empty():
        return errors
    sends = (pl.col("payload_kinds").list.len() > 0) | (pl.col("kind") == "scanner")
    accused = table.filter((pl.col("verdict") == "accused") & sends).get_column("address").to_list()
    if not accused:
        return errors
    return errors.filter(~pl.col("ip").is_in(accused).fill_null(value=False))


def _without_strangers(case: Case, errors: pl.DataFrame) -> tuple[pl.DataFrame, list[Finding]]:
    """Leave out what another environment writes into our log (`_no_error`), while users are served, and tell of it."""
    names = from_elsewhere(case)
    theirs = pl.col("service").is_in(names).fill_null(value=False)
    mine = errors.filter(theirs & (pl.col("at") >= case.window.start))
    if mine.is_empty():
        return errors, []
    claim = f"{mine.height} warnings and errors of {_named(names)} say that they come from another environment"
    return errors.filter(~theirs), [_told(mine, "elsewhere", f"{claim}: ask who sends them to our log")]


def _without_empty(case: Case, rest: pl.DataFrame) -> tuple[pl.DataFrame, list[Finding]]:
    """Leave out the lines that name an error that is empty, of services that work on, and tell of them."""
    empty = rest.select(names_none(pl.col("message").str.slice(0, TEXT_LIMIT)).alias("chosen")).get_column("chosen")
    mine = rest.filter(empty & (pl.col("at") >= case.window.start))
    firsts = mine.group_by("service").agg(pl.col("at").min().alias("first")).sort("service").drop_nulls()
    working = [name for name, first in firsts.iter_rows() if works_beside(case, name, first)]
    chosen = empty & rest.get_column("service").is_in(working).fill_null(value=False)
    mine = mine.filter(pl.col("service").is_in(working))
    if mine.is_empty():
        return rest, []
    claim = f"{mine.height} lines of {_named(working)} are written as errors and name none"
    return rest.filter(~chosen), [_told(mine, "no-error", f"{claim}; their work goes on")]


HANDLED = (BROWSERS, "token_signature_errors", "auth_failing")
"""Kinds of which a line is none that says what was done instead; a store that fails does, whoever makes up for it."""
SILENCED_STRENGTH = 0.2
ALL_SILENCED_STRENGTH = 0.5


def _without_harmless(case: Case, errors: pl.DataFrame) -> tuple[pl.DataFrame, list[Finding]]:
    """
    Leave out what tells of no failure (`_settled`), what is only written down more often, and silenced alerts.

    Only for a case in which users are served as before.
    """
    found = []
    inside = pl.col("at") >= case.window.start
    text = pl.col("message").str.slice(0, TEXT_LIMIT).fill_null("")
    mine = errors.select(harmless(text).alias("chosen")).get_column("chosen")
    if mine.any():
        lines = errors.filter(mine & errors.select(inside.alias("in")).get_column("in"))
        if lines.height >= ENTRIES_MIN:
            claim = (
                f"{lines.height} lines of {_named(_services(lines))} tell of no failure: notices, what a later version"
            )
            found.append(_told(lines, "harmless", f"{claim} will do without, visitors who left"))
        errors = errors.filter(~mine)
    quiet = errors.select(silenced(text).alias("chosen")).get_column("chosen")
    lines = errors.filter(quiet).filter(inside)
    if lines.height >= ENTRIES_MIN:
        found.append(_of_silence(lines))
    errors = errors.filter(~quiet)
    more = resampled(case, errors)
    if more is not None:
        chosen, at, factor = more
        lines = errors.filter(chosen).filter(inside)
        claim = f"Since {at:%H:%M} UTC known errors of {_named(_services(lines))} are written down about {factor:.0f}"
        found.append(_told(lines, "logging-changed", f"{claim} times as often, all at once: it looks like the logging"))
        errors = errors.filter(~chosen)
    return errors, found


def _of_silence(lines: pl.DataFrame) -> Finding:
    """Return what silenced alerts are worth: little, unless it may be all of them."""
    names = lines.get_column("message").str.extract(f"({ALERT_NAME})", 1).drop_nulls().n_unique()
    many = names >= EVERY_NAME
    told = _told(
        lines, "silenced", f"{lines.height} alerts of {_named(_services(lines))} match a silence of somebody's"
    )
    strength = ALL_SILENCED_STRENGTH if many else SILENCED_STRENGTH
    return replace(
        told,
        severity=Severity.WARNING if many else Severity.INFO,
        signals=(Signal(name="alerts_failing", strength=strength),),
    )


def _services(lines: pl.DataFrame) -> list[str]:
    by_service = lines.group_by("service").len().sort(["len", "service"], descending=[True, False])
    return [str(name) for name in by_service.get_column("service").drop_nulls()]


def _handled(case: Case, errors: pl.DataFrame) -> pl.Series:
    """
    Return which errors say themselves what was done instead, of services that work on while nobody asks differently.

    What a browser says of code that fails is not made good by what it shows in its place.
    """
    text = pl.col("message").str.slice(0, TEXT_LIMIT).fill_null("")
    fails = names_none(text) | pl.col("frontend") & text.str.contains(SCRIPT_ERRORS) & ~text.str.contains(MISSING_TEXT)
    chosen = errors.select((settled(text) & ~fails & ~pl.col("visit")).alias("chosen")).get_column("chosen")
    mine = errors.filter(chosen).filter(pl.col("at") >= case.window.start)
    firsts = mine.group_by("service").agg(pl.col("at").min().alias("first")).sort("service").drop_nulls()
    working = [
        name for name, first in firsts.iter_rows() if works_beside(case, name, first) and not crowd_came(case, first)
    ]
    return chosen & errors.get_column("service").is_in(working).fill_null(value=False)


def _told_probes(case: Case, lines: pl.DataFrame) -> list[Finding]:
    mine = lines.filter(pl.col("at") >= case.window.start)
    if mine.height < ENTRIES_MIN:
        return []
    claim = f"{mine.height} failed probes of {_named(_services(mine))} ask for paths at which nobody was ever served"
    return [_told(mine, "probes-of-nothing", claim)]


def _told_missed(lines: pl.DataFrame, since: datetime, usual: _Usual) -> list[Finding]:
    """
    Tell of objects that are not there: no failing store, but where errors say so anew, some may have been lost.

    That users are served shows nothing of what nobody asked for yet, so new errors of this kind forbid an all-clear.
    """
    mine = lines.filter(pl.col("at") >= since)
    if mine.height < ENTRIES_MIN:
        return []
    hard = mine.filter("hard")
    known = usual.expected(lines.filter((pl.col("at") < since) & pl.col("hard")), hard)
    grave = hard.height >= ENTRIES_MIN and hard.height >= RISE * known
    told = _told(
        mine, "not-there", f"{mine.height} lines of {_named(_services(mine))} tell of objects that are not there"
    )
    return [replace(told, severity=Severity.WARNING if grave else Severity.INFO)]


def _told_handled(case: Case, lines: pl.DataFrame) -> list[Finding]:
    mine = lines.filter((pl.col("at") >= case.window.start) & pl.col("hard"))
    if mine.is_empty():
        return []
    return [_told(mine, "handled", f"{mine.height} errors of {_named(_services(mine))} say what was done instead")]


def _named(names: list[str]) -> str:
    """Return the first three *names*, fenced: whoever writes a log names his service as he likes."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(f"“{name}”" for name in names[:3]) + more


def _told(lines: pl.DataFrame, name: str, claim: str) -> Finding:
    """Return what is told of *lines* and weighs nothing."""
    first = lines.get_column("at").min()
    return Finding(
        id=f"{RULE}/{name}",
        rule=RULE,
        claim=claim,
        severity=Severity.INFO,
        at=first if isinstance(first, datetime) else None,
        evidence=observation_ids(lines),
        data={"entries": lines.height, "example": str(lines.get_column("message")[0] or "")[:300]},
    )


def _guessers(case: Case) -> list[str]:
    """Return the addresses that are accused of guessing passwords: what is rejected there is theirs, and not ours."""
    if case.clients is None:
        return []
    accused = case.clients.filter((pl.col("verdict") == "accused") & (pl.col("failures") > 0))
    return [str(address) for address in accused.get_column("address").to_list()]


def _taken_seriously(case: Case, errors: pl.DataFrame, since: datetime) -> pl.DataFrame:
    """
    Take the warnings of services whose requests fail for their errors: some call nothing else an error.

    Before and after alike, so that what they always warn of stays usual. What one client or one house (a /24) alone is
    refused is its own affair: a script, a trial, a class; so is what is refused at the doors, where people mistype and
    forms are sent half filled, as long as the edge counts as many that get in as before.
    """
    at_the_door = pl.col("url").str.contains(SIGN_IN).fill_null(value=False) & get_in_as_before(case)
    served = case.bad_requests.filter(pl.col("at") >= since).with_columns(
        lost=pl.col("failed") | (pl.col("status").is_in(list(LOST)).fill_null(value=False) & ~at_the_door),
        who=pl.coalesce(pl.col("ip").str.extract(r"^(\d+\.\d+\.\d+)\.\d+$"), "ip", "user_id"),
    )
    refused = served.filter(pl.col("lost") & ~pl.col("failed"))
    alone = (
        refused.filter(pl.col("who").is_not_null())
        .group_by("service", "who")
        .len()
        .group_by("service")
        .agg(pl.col("len").max() >= ONE_CLIENT * pl.col("len").sum())
        .filter("len")
        .get_column("service")
    )
    lost = pl.col("failed") | (pl.col("lost") & ~pl.col("service").is_in(alone.implode()).fill_null(value=False))
    failing = (
        served.group_by("service")
        .agg(lost.sum().alias("n"), lost.mean().alias("share"))
        .filter((pl.col("n") >= ENTRIES_MIN) & (pl.col("share") >= FAILING_SHARE))
    )
    names = failing.get_column("service").drop_nulls().to_list()
    return errors.with_columns(hard=pl.col("hard") | pl.col("service").is_in(names).fill_null(value=False))


def _unexplained(
    rest: pl.DataFrame, since: datetime, usual: _Usual, case: Case
) -> list[tuple[Kind, pl.DataFrame, int, float]]:
    """
    Return what is new among the errors that no kind claimed: that something is wrong needs no words that we know.

    Lines of requests (with their status) are left out: what fails for users is counted elsewhere.
    """
    found = []
    database = pl.col("service").str.to_lowercase().is_in(list(PLACES["database"])).fill_null(value=False)
    for kind, chosen in ((DATABASE, database), (OTHER, ~database)):
        mine = rest.filter(chosen)
        for name in mine.get_column("service").drop_nulls().unique().sort().to_list():
            of = mine.filter(pl.col("service") == name)
            hits = of.filter(pl.col("at") >= since)
            expected = usual.expected(of.filter(pl.col("at") < since), hits)
            if hits.height >= ENTRIES_MIN and hits.height >= RISE * expected and usual.known(hits, case):
                found.append((kind, hits, hits.height, expected))
    best: dict[str, tuple[Kind, pl.DataFrame, int, float]] = {}
    for row in sorted(found, key=lambda row: -row[2]):
        best.setdefault(row[0].signal, row)
    return [best[name] for name in sorted(best)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Usual:
    """
    What was usual before *since*, service by service.

    Where a service's entries are all there for at least `COUNTED_MIN` before, by their rate. Elsewhere (the
    store's remainder of last week, an archive that was read in part) by the kind's share among the entries of
    the service: a remainder is a sample of what the service says, whatever part of the time it covers.
    """

    since: datetime
    minutes_after: float
    counted_from: dict[str, datetime]
    entries_before: dict[str, int]
    entries_after: dict[str, int]

    @classmethod
    def of(cls, case: Case, since: datetime) -> _Usual:
        logs = case.frames.logs.filter(pl.col("service").is_not_null() & (pl.col("at") < case.end))
        counts = (
            logs.group_by("service")
            .agg((pl.col("at") < since).sum().alias("before"), (pl.col("at") >= since).sum().alias("after"))
            .sort("service")
        )
        names = counts.get_column("service").to_list()
        whole_from = case.counted_from
        return cls(
            since=since,
            minutes_after=max(1.0, (case.now - since).total_seconds() / 60),
            counted_from={name: max(case.frames.log_seen_from.get(name, whole_from), whole_from) for name in names},
            entries_before=dict(zip(names, counts.get_column("before").to_list(), strict=True)),
            entries_after=dict(zip(names, counts.get_column("after").to_list(), strict=True)),
        )

    def long_seen(self, service: str) -> bool:
        """Whether all that *service* said in the minutes before *since* was seen."""
        return (self.since - self.counted_from[service]).total_seconds() / 60 >= COUNTED_MIN

    def known(self, hits: pl.DataFrame, case: Case) -> bool:
        """
        Return whether *hits* can be called new: something dates the trouble, or their services were seen before.

        What every service always says a little of is new in any sight that begins after *since*.
        """
        if case.onset is not None:
            return True
        names = hits.get_column("service").drop_nulls().unique().to_list()
        return all(
            (self.since - self.counted_from[name]).total_seconds() / 60 >= COUNTED_MIN
            or self.entries_before[name] >= SAMPLE_MIN
            for name in names
        )

    def expected(self, before: pl.DataFrame, hits: pl.DataFrame) -> float:
        """Return how many entries of a kind were to be expected since then among the services of *hits*."""
        total = 0.0
        for name in hits.get_column("service").drop_nulls().unique().sort().to_list():
            mine = before.filter(pl.col("service") == name)
            start = self.counted_from[name]
            minutes = (self.since - start).total_seconds() / 60
            if minutes >= COUNTED_MIN:
                total += mine.filter(pl.col("at") >= start).height / minutes * self.minutes_after
            elif self.entries_before[name] >= SAMPLE_MIN:
                total += mine.height / self.entries_before[name] * self.entries_after[name]
        return total


OTHER_STORE = r"^(?:cache|object storage):"
"""Entries of stores that are no database: a read that is slow there is their own."""
PLACES = {
    "database": (
        *("database", "db", "postgres", "postgresql", "sql", "hyperdrive", "neon", "mysql", "mariadb", "mongo"),
        *("mongodb", "pgbouncer", "pooler", "db-proxy", "planetscale", "cockroach", "turso", "d1", "rds", "aurora"),
    ),
    "cache": ("cache", "kv", "redis", "valkey", "memcached", "upstash", "dragonfly", "keydb", "cache-proxy"),
    "object storage": (
        *("storage", "r2", "object-store", "object-storage", "media-store", "s3", "minio", "blob", "blobs", "bucket"),
        *("gcs", "file-store", "filestore"),
    ),
    "alert": (
        *("alerts", "alerting", "alertmanager", "alert-manager", "alert-router", "pager", "pagerduty", "opsgenie"),
        *("notifier", "oncall", "on-call"),
    ),
}
"""Word that is put before an entry's text -> services whose entries are about it, whatever words they choose."""
NO_OBJECT = r"(?i)\bno ?such ?key\b|\bblobnotfound\b|\bobject\b.{0,80}\bnot found\b"
"""An object that is not there: a warning of it tells nothing of the store."""
AMBIGUOUS = ("pool", "lock", "locks", "session", "token", "query", "connection")
"""Components whose name is a symptom's word, too: said of every entry there, it would say nothing."""
QUERY = r"\?[^\s\"'<>]*"
"""A query string: what a visitor typed is not what the platform says."""


STATE = r"(?i)\b(durable objects?) storage\b"
"""What an object keeps beside the Worker is no object storage."""


def _texts(logs: pl.DataFrame) -> pl.DataFrame:
    frontend = pl.col("service").is_in(list(FRONTEND_SERVICES)).fill_null(False)
    service = pl.col("service").str.to_lowercase()
    part = pl.col("component").str.to_lowercase()
    place = pl.coalesce(
        *(pl.when(service.is_in(list(names))).then(pl.lit(word + ":")) for word, names in PLACES.items())
    )
    whole = pl.concat_str("message", "stack", separator=" ", ignore_nulls=True).str.slice(0, TEXT_LIMIT)
    extension = whole.str.contains(EXTENSIONS) & ~whole.str.contains(OWN_FILES)
    said = pl.col("level").is_in([*HARD, *WARNED]) & ~(frontend & extension)
    return logs.filter(said).with_columns(
        text=pl.concat_str(
            place,
            pl.when(~part.is_in(list(AMBIGUOUS))).then(pl.col("component") + ":"),
            pl.col("message")
            .str.slice(0, TEXT_LIMIT)
            .str.replace_all(QUERY, "?")
            .str.replace_all(STATE, "$1 state")
            .str.replace_all(ALERT_NAME, "alert"),
            pl.col("stack").str.slice(0, 300),
            separator=" ",
            ignore_nulls=True,
        ),
        frontend=frontend,
        visit=pl.col("status").is_not_null() & pl.col("url").is_not_null(),
        hard=pl.col("level").is_in(list(HARD)),
    )


def _fits(errors: pl.DataFrame) -> Callable[[Kind], pl.Series]:
    """Return what tells of a kind which of *errors* (`_texts`) are of it."""
    tells_of = told_by(errors.get_column("text"))

    def fits(kind: Kind) -> pl.Series:
        match = tells_of(kind)
        if kind.frontend is not None:
            match = match & (errors.get_column("frontend") == kind.frontend)
        return match & errors.get_column("hard") if kind.level == "error" else match

    return fits


def _is_over(hits: pl.DataFrame, case: Case) -> bool:
    """Whether the newest of *hits* is so old that it goes on no more: five minutes, and five of their usual gaps."""
    first, last = hits.get_column("at").min(), hits.get_column("at").max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return False
    return case.now - last > max(PAUSE_MIN, PAUSES * (last - first) / max(1, hits.height - 1))


def _passed(found: Finding) -> Finding:
    """Return *found* as what has passed and left no user unserved: told, and of little weight."""
    return replace(
        found,
        claim=f"{found.claim}; it has ended, and users are served as before",
        severity=Severity.INFO,
        signals=tuple(replace(one, strength=one.strength * ENDED) for one in found.signals),
    )


def _finding(kind: Kind, hits: pl.DataFrame, n: int, expected: float, total: float, case: Case) -> Finding:
    share = min(1.0, (n - expected) / total)
    voices = max(hits.get_column(name).drop_nulls().n_unique() for name in ("trace_id", "user_id", "ip", "at"))
    strength = min(1.0, 0.35 + share) if voices > 1 else 0.2
    if kind.signal == BROWSERS:
        in_words = hits.get_column("text").str.contains(SCRIPT_ERRORS).fill_null(value=False)
        of_code = float(in_words.sum()) / hits.height
        strength *= VAGUE_SHARE + (1 - VAGUE_SHARE) * of_code
    by_service = hits.group_by("service").len().sort(["len", "service"], descending=[True, False])
    services = by_service.get_column("service").drop_nulls().to_list()
    place = services[0] if services else "no named service"
    example = hits.sort(["at", "message"]).get_column("message").drop_nulls()
    first = hits.get_column("at").min()
    return Finding(
        id=f"{RULE}/{kind.signal.replace('_', '-')}",
        rule=RULE,
        claim=f"{n} entries tell of {kind.words} since the onset ({expected:.0f} expected), mostly from {place}",
        severity=Severity.CRITICAL if share >= 0.5 and n >= 20 else Severity.WARNING,
        at=first if isinstance(first, datetime) else None,
        evidence=observation_ids(hits),
        signals=(Signal(name=kind.signal, strength=strength),),
        service=services[0] if services else None,
        data={
            "entries": n,
            "expected": expected,
            "share_of_new_errors": share,
            "services": services[:8],
            "example": example[0][:500] if example.len() else "",
        },
    )
