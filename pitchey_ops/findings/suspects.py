"""
Which service is at fault?

Five witnesses are heard, each sees other kinds of faults:

``behaviour``  log lines or calls to others that appear in, or vanish from, a service's part of a request
``own_time``   time spent inside the service itself, without waiting for others
``network``    the caller's time minus the server's time, on all calls from and to the service
``saturation`` cpu or memory use far outside its own past
``errors``     error lines that were there before and are there still; breaks ties only

A fault shows in its callers' behaviour too, but not in their own time or saturation. So what a service's
callees (direct or not) have against them is taken off what its behaviour has against it: the deepest
service that explains the others stays on top. The network witness names a pair, caller and callee; summed
over all pairs of a service, it is the service with all its pairs slow that stands out.

The time of the fault is not known: evidence is averaged over all candidate times, which the caller of
this module gives as a span (from an alert that came soon after, or from a known onset).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from pitchey_ops.findings._suspect_visits import (
    ERROR_LEVELS,
    MATERIAL_MS,
    TIMES_OVER,
    Floats,
    Tested,
    calls,
    log_bayes_factor_if_new,
    log_chance_of_first,
    log_mean_exp,
    patterns,
    slow,
    visits,
    weigh,
)
from pitchey_ops.frames import Frames
from pitchey_ops.models.finding import Finding, NotChecked, RuleResult, Severity

RULE = "suspects"

STEP_S = 5.0
"""Distance of candidate times: well below the minute that matters, above the length of a request."""

ALERT_LAG_S = (15.0, 180.0)
"""An alert that averages over a minute or two fires this long after the fault."""

LOOK_BACK_S, LOOK_AHEAD_S = 3600.0, 600.0
"""What is longer ago is no baseline of this hour; what is much later may be recovery or the next fault."""

FASTER = -3.0
"""Log prior odds (nats) of a fault that makes a service quicker (it returns early) against slower."""

FREEDOM = 3.0
"""Degrees of freedom of Student's t for saturation: machine series have heavy tails."""

FULL = 80.0
"""Percent from which a resource counts as full: a request takes five times its service time there (M/M/1)."""

FEW = 5
"""Fewer values than this are no baseline."""

SATURATES = ("cpu_usage", "memory_usage", "cpu", "memory", "utilization", "utilisation")

MATERIAL = 1
"""Index in `TIMES_OVER` from which slowness tells a time: half as slow again comes and goes within any minute."""

OFTEN = 3
"""An error that fewer visits show is one person's retry."""

BY_TIME = "by time"

Evidence = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """
    A service and what speaks against it.

    Attributes
    ----------
    score
        0-1: ``1 - exp(-weight / 10)``, for display.
    weight
        Sum of `parts` (nats).
    parts
        Weight by witness (nats), only what is above 0.
    because
        Sentences with the numbers behind each part, strongest first. Quoted log text is as it came.
    evidence
        Observation ids, sorted.
    """

    service: str
    score: float
    weight: float
    parts: Mapping[str, float]
    because: tuple[str, ...]
    evidence: tuple[str, ...] = ()
    tie_break: tuple[float, ...] = field(default=(), repr=False)


def rank_suspects(
    frames: Frames,
    *,
    alert_at: datetime,
    onset: tuple[datetime, float] | None = None,
    until: datetime | None = None,
) -> list[Suspect]:
    """
    Rank services by what speaks against them, best first; those with nothing against them are left out.

    Parameters
    ----------
    frames
        Logs, spans and metrics; any of them may be empty. Log lines without a trace id are weighed as
        shares of their service's lines, spans without one only for network time.
    alert_at
        When the alert fired (UTC). The fault is looked for 15-180 s before.
    onset
        When the fault began (UTC) and its uncertainty (s), where that is known; replaces the alert's span.
    until
        Ignore what came later (UTC). By default all that the frames hold, up to ten minutes after the alert.

    Returns
    -------
    list of Suspect
        Empty when nothing changed, and also when there was nothing to look at: `suspects` tells which.
        If a source lied or was late, its witness is silent and the others decide; a store that went blind
        at the time of the fault looks like lines that vanished, in all its services at once.
    """
    zero = alert_at
    logs, spans, metrics = (around(frame, zero, until) for frame in (frames.logs, frames.spans, frames.metrics))
    if logs.is_empty() and spans.is_empty() and metrics.is_empty():
        return []
    if onset is None:
        times = alert_span()
    else:
        centre, half = (onset[0] - zero).total_seconds(), max(abs(onset[1]), STEP_S)
        times = np.linspace(centre - half, centre + half, min(int(2 * half / STEP_S) + 2, 60))
    case = Witnesses(times)
    case.hear_visits(logs, spans)
    case.hear_lines(logs)
    case.hear_network(spans)
    case.hear_saturation(metrics)
    case.hear_standing_errors(logs)
    return case.ranked(spans, {"logs": logs, "spans": spans, "metrics": metrics})


def alert_span() -> Floats:
    """Return the candidate times (s from the alert) of a fault that an alert tells of, of shape (times,)."""
    return np.arange(-ALERT_LAG_S[1], -ALERT_LAG_S[0] + STEP_S / 2, STEP_S)


def around(frame: pl.DataFrame, zero: datetime, until: datetime | None = None) -> pl.DataFrame:
    """Return what *frame* holds of services within reach of *zero*, with ``t`` (s from there)."""
    if frame.is_empty():
        return frame.hstack([pl.Series("t", [], pl.Float64)])
    start, end = zero - timedelta(seconds=LOOK_BACK_S), zero + timedelta(seconds=LOOK_AHEAD_S)
    end = end if until is None else min(end, until)
    return frame.filter(pl.col("at").is_between(start, end), pl.col("service").is_not_null()).with_columns(
        t=(pl.col("at") - zero).dt.total_milliseconds() / 1000.0
    )


def suspects(frames: Frames, ranked: Sequence[Suspect]) -> RuleResult:
    """
    Return the first five of *ranked* as findings, or why nobody could be suspected.

    With nobody, and no logs, spans and metrics of services in *frames*, there was nothing to compare, which is
    `NotChecked`; with data and no change the list is empty.
    """
    if not ranked and frames.logs.is_empty() and frames.spans.is_empty() and frames.metrics.is_empty():
        return NotChecked(rule=RULE, because="no logs, spans or metrics of any service were seen")
    found = []
    for place, suspect in enumerate(ranked[:5], start=1):
        found.append(
            Finding(
                id=f"{RULE}/{place}",
                rule=RULE,
                claim=f"Suspect {place}: {suspect.service}. {suspect.because[0]}",
                severity=Severity.WARNING if place == 1 else Severity.INFO,
                evidence=suspect.evidence,
                service=suspect.service,
                data={
                    "score": suspect.score,
                    "weight_nats": suspect.weight,
                    "parts_nats": dict(suspect.parts),
                    "because": list(suspect.because),
                },
            )
        )
    return found


def merged(ranked: Sequence[Suspect], more: Sequence[Suspect]) -> list[Suspect]:
    """Return both lists as one, best first; a service that is in both keeps its stronger entry."""
    best: dict[str, Suspect] = {}
    for suspect in (*ranked, *more):
        known = best.get(suspect.service)
        if known is None or suspect.weight > known.weight:
            best[suspect.service] = suspect
    return sorted(best.values(), key=lambda s: -s.weight) if more else list(ranked)


class Witnesses:
    """
    Collects what the witnesses say.

    Attributes
    ----------
    times
        Candidate times of the fault (s), ascending; of shape (times,).
    parts, reasons
        By service and witness: the weight (nats, averaged over `times`) and the sentence behind it.
    curves
        By service and witness: what it says of each candidate time (nats; of shape (times,)), from that alone which
        tells a time: see `_behaviour` and `_times`. `_request_change` reads them.
    firsts
        Of each error of a service's own that some visits show and the earliest do not: the service and the log of
        the chance of that (`log_chance_of_first`).
    """

    def __init__(self, times: Floats) -> None:
        self.times = times
        self.parts: dict[str, Evidence] = {}
        self.reasons: dict[str, dict[str, str]] = {}
        self.curves: dict[str, dict[str, Floats]] = {}
        self.firsts: list[tuple[str, float]] = []

    def say(self, service: str, witness: str, weight: float, reason: str) -> None:
        """Note the stronger of what was said before and this."""
        if weight > self.parts.setdefault(service, {}).get(witness, 0.0):
            self.parts[service][witness] = weight
            self.reasons.setdefault(service, {})[witness] = reason

    def time(self, service: str, witness: str, curve: Floats) -> None:
        """Note the stronger of what was said before of the candidate times and this."""
        of = self.curves.setdefault(service, {})
        if witness not in of or log_mean_exp(curve) > log_mean_exp(of[witness]):
            of[witness] = curve

    def hear_visits(self, logs: pl.DataFrame, spans: pl.DataFrame) -> None:
        """Behaviour and own time, from requests that can be followed."""
        traced_logs = logs.filter(pl.col("trace_id").is_not_null())
        traced_spans = spans.filter(pl.col("trace_id").is_not_null())
        units = visits(traced_logs, traced_spans)
        if units.is_empty():
            return
        units = units.with_row_index("unit").with_columns(
            group=pl.struct("service", "context").rank("dense").cast(pl.Int64) - 1
        )
        noted = (
            pl.concat([patterns(traced_logs), calls(traced_spans)])
            .join(units.select("unit", "trace_id", "service", "context"), on=["trace_id", "service"])
            .with_columns(caller=pl.lit(None, pl.String))
        )
        if noted.height:
            self._behaviour(weigh(units, noted, self.times), single=True)
        late = slow(units, "own_ms")
        if late.height:
            tested = weigh(units, late.with_columns(kind=pl.lit("slow"), caller=pl.lit(None, pl.String)), self.times)
            self._times(tested, "own_time", "Own time", faster=FASTER)

    def hear_lines(self, logs: pl.DataFrame) -> None:
        """Behaviour from lines that belong to no request: their share among the service's lines."""
        lines = logs.filter(pl.col("trace_id").is_null())
        if lines.is_empty():
            return
        units = lines.with_row_index("unit").with_columns(group=pl.col("service").rank("dense").cast(pl.Int64) - 1)
        named = units.with_columns(trace_id=pl.col("unit").cast(pl.String))
        noted = patterns(named).select(
            "service",
            "kind",
            "feature",
            unit=pl.col("trace_id").cast(pl.UInt32),
            caller=pl.lit(None, pl.String),
            context=pl.lit(""),
        )
        self._behaviour(weigh(units, noted, self.times))
        self._error_rate(lines)

    def _error_rate(self, lines: pl.DataFrame) -> None:
        """Error lines by slices of time: sees a service whose lines are all errors, only more of them."""
        errors = lines.filter(pl.col("level").is_in(ERROR_LEVELS))
        if errors.is_empty():
            return
        low, high = float(lines["t"].min()), float(lines["t"].max())  # type: ignore[arg-type]
        slices = np.arange(np.floor(low / STEP_S), np.floor(high / STEP_S) + 1)
        names = errors["service"].unique(maintain_order=True)
        units = pl.DataFrame({"slice": slices}).join(
            pl.DataFrame({"service": names, "group": np.arange(len(names))}), how="cross"
        )
        units = units.with_row_index("unit").with_columns(t=(pl.col("slice") + 0.5) * STEP_S)
        noted = (
            errors.select("service", slice=(pl.col("t") / STEP_S).floor())
            .unique()
            .join(units, on=["service", "slice"])
            .with_columns(
                kind=pl.lit("error"),
                caller=pl.lit(None, pl.String),
                context=pl.lit(BY_TIME),
                feature=pl.format("any error line within {} s", pl.lit(STEP_S)),
            )
        )
        self._behaviour(weigh(units, noted, self.times))

    def _behaviour(self, tested: Tested, *, single: bool = False) -> None:
        """
        Weigh what services do; *single* where every unit is a visit.

        For the time of the fault a service's own words count alone: what several services write alike, as the
        framework that they share does when it cannot reach a neighbour, comes and goes without any fault of theirs.
        """
        best = np.argmax(tested.log_bf, axis=1)
        pick = (np.arange(len(best)), best)
        share_before = tested.before[pick] / np.maximum(tested.before_of[pick], 1.0)
        share_after = tested.after[pick] / np.maximum(tested.after_of[pick], 1.0)
        same = np.column_stack([tested.features["group"].to_numpy(), tested.before, tested.after])
        table = tested.features.with_columns(
            row=pl.int_range(pl.len()),
            log_bf=pl.Series(log_mean_exp(tested.log_bf, axis=1)),
            rises=pl.Series(share_after > share_before),
            own=pl.col("kind").eq("call")
            | pl.col("context").eq(BY_TIME)
            | pl.col("service").n_unique().over("kind", "feature").eq(1),
            often=pl.Series(tested.before[:, 0] + tested.after[:, 0]),
            first=pl.Series(log_chance_of_first(tested)),
            twin=pl.Series(np.unique(same, axis=0, return_inverse=True)[1].reshape(-1)),
            words=pl.Series(
                [
                    f"{int(b)} of {int(n)} before, {int(a)} of {int(m)} after"
                    for b, n, a, m in zip(
                        tested.before[pick],
                        tested.before_of[pick],
                        tested.after[pick],
                        tested.after_of[pick],
                        strict=True,
                    )
                ]
            ),
        )
        fewer_errors = (pl.col("kind") == "error") & ~pl.col("rises")
        recovering = table.filter(fewer_errors & (pl.col("log_bf") > 0))["group"].unique()
        table = table.filter(~fewer_errors, ~pl.col("group").is_in(recovering.implode()))
        table = table.sort("log_bf", descending=True, maintain_order=True).unique(
            ["kind", "twin"], keep="first", maintain_order=True
        )
        new = pl.col("kind").eq("error") & pl.col("own") & pl.col("often").ge(OFTEN)
        if single:
            self.firsts += list(table.filter(new).select("service", "first").iter_rows())
        timed = np.where(
            (tested.features["kind"].to_numpy() == "error")[:, None], log_bayes_factor_if_new(tested), tested.log_bf
        )
        log_bf, rows, owns = table["log_bf"].to_numpy(), table["row"].to_numpy(), table["own"].to_numpy()
        by_service: dict[str, dict[str, list[int]]] = {}
        for place, (service, kind) in enumerate(table.select("service", "kind").iter_rows()):
            by_service.setdefault(service, {}).setdefault(kind, []).append(place)
        for service, by_kind in by_service.items():
            kinds, curves = [], []
            for places in map(np.array, by_kind.values()):
                kinds.append(float(log_mean_exp(log_bf[places])))
                own = rows[places[owns[places]]]
                curves += [log_mean_exp(timed[own], axis=0)] if own.size else []
            top = table.row(next(iter(by_kind.values()))[0], named=True)
            verb = "now" if top["rises"] else "no longer"
            what = {"call": "calls", "error": "logs", "pattern": "logs"}[top["kind"]]
            weight = float(log_mean_exp(np.array(kinds)))
            self.say(str(service), "behaviour", weight, f"It {verb} {what} “{top['feature']}”: {top['words']}.")
            if curves:
                self.time(str(service), "behaviour", log_mean_exp(np.array(curves), axis=0))

    def hear_network(self, spans: pl.DataFrame) -> None:
        """Time between caller and server, over all pairs of a service."""
        pairs = spans.filter(pl.col("caller").is_not_null(), pl.col("client_ms").is_not_null())
        if pairs.is_empty():
            return
        units = pairs.with_row_index("unit").with_columns(
            group=pl.struct("caller", "service", "operation").rank("dense").cast(pl.Int64) - 1,
            gap_ms=(pl.col("client_ms") - pl.col("duration_ms")).clip(0.0),
            context=pl.col("operation").fill_null(""),
        )
        late = slow(units, "gap_ms")
        if late.height:
            tested = weigh(units, late.with_columns(kind=pl.lit("gap")), self.times)
            self._times(tested, "network", "Time on the network", faster=None)

        self._hear_slow_pairs(pairs)

    def _hear_slow_pairs(self, pairs: pl.DataFrame) -> None:
        """
        Where a service's calls have no past to compare with, all other pairs are the yardstick.

        Unlike own time, time on the network is alike for all pairs in one place. A service counts by its
        middle pair, so that one slow partner does not make it suspect.
        """
        middle = float(self.times.mean())
        table = (
            pairs.group_by("caller", "service")
            .agg(
                past=(pl.col("t") < middle).sum(),
                gap=(pl.col("client_ms") - pl.col("duration_ms")).filter(pl.col("t") >= middle).median(),
            )
            .drop_nulls("gap")
            .with_columns(log_gap=(pl.col("gap").clip(0.0) + MATERIAL_MS).log())
        )
        if table.height < FEW * 2:
            return
        usual = float(np.median(table["log_gap"].to_numpy()))
        spread = 1.4826 * float(np.median(np.abs(table["log_gap"].to_numpy() - usual))) + 0.3
        ends = pl.concat(
            [
                table.with_columns(name="service"),
                table.filter(pl.col("caller") != pl.col("service")).with_columns(name="caller"),
            ]
        )
        nodes = ends.group_by("name").agg(pl.col("past").sum(), pl.col("log_gap").median(), pl.col("gap").median())
        for name, _, log_gap, gap in nodes.filter(pl.col("past") < FEW).iter_rows():
            z = (log_gap - usual) / spread
            self.say(
                name,
                "network",
                _outlying(z, nodes.height),
                f"Time on the network is {gap:.3g} ms on its middle pair of callers and callees, "
                f"{np.exp(usual) - MATERIAL_MS:.3g} ms on that of all services; it has no past of its own.",
            )

    def _times(self, tested: Tested, witness: str, what: str, *, faster: float | None) -> None:
        """
        Weigh all that a service has a part in as one: the same moment, the same factor.

        *faster* is the log prior odds for getting quicker; None lets it speak against the service.
        """
        rises = tested.after * tested.before_of > tested.before * tested.after_of
        signed = np.where(
            rises, tested.log_bf, np.minimum(tested.log_bf, 0.0) if faster is None else tested.log_bf + faster
        )
        table = tested.features.select("service", "caller", "group", "times", "limit_ms", "context")
        level = np.searchsorted(np.array(TIMES_OVER), table["times"].to_numpy())
        callees, callers = table["service"].to_list(), table["caller"].to_list()
        members: dict[str, list[int]] = {}
        for row, ends in enumerate(zip(callees, callers, strict=True)):
            for name in set(ends) - {None}:
                members.setdefault(name, []).append(row)
        for service, rows in members.items():
            groups = table["group"].to_numpy()[rows]
            each = np.zeros((len(np.unique(groups)), len(TIMES_OVER), len(self.times)))
            each[np.unique(groups, return_inverse=True)[1], level[rows]] = signed[rows]
            # all of its calls as one, one operation alone, and all that are asked of it, or that it asks, as one
            ways = [each.sum(axis=0)[None], each]
            for side in (callees, callers) if witness == "network" else ():
                mine = [row for row in rows if side[row] == service]
                one_way = np.zeros((1, len(TIMES_OVER), len(self.times)))
                np.add.at(one_way[0], level[mine], signed[mine])
                ways.append(one_way)
            weights = [float(log_mean_exp(way)) for way in ways]
            weight, way = max(weights), ways[int(np.argmax(weights))]
            top = rows[int(np.argmax(signed[rows].max(axis=1)))]
            at = (top, int(np.argmax(signed[top])))
            to, _, _, _, limit, operation = table.row(top)
            where = f"to {to} " if witness == "network" else ""
            self.say(
                service,
                witness,
                weight,
                f"{what} {where}above {limit:g} ms ({operation[:80]}): "
                f"{int(tested.before[at])} of {int(tested.before_of[at])} before, "
                f"{int(tested.after[at])} of {int(tested.after_of[at])} after.",
            )
            self.time(service, witness, log_mean_exp(way[:, MATERIAL:].reshape(-1, len(self.times)), axis=0))

    def hear_saturation(self, metrics: pl.DataFrame) -> None:
        """Use of cpu or memory, against the service's own past."""
        series = metrics.filter(pl.col("name").is_in(SATURATES))
        if series.is_empty():
            return
        services = max(series["service"].n_unique(), 1)
        first, last = float(self.times[0]), float(self.times[-1])
        for (service, name), of in series.group_by("service", "name", maintain_order=True):
            past = of.filter(pl.col("t") < first)["value"].to_numpy()
            now = of.filter(pl.col("t") >= (first + last) / 2 - STEP_S)["value"].to_numpy()
            if past.size < FEW or now.size < 1:
                continue
            usual = float(np.median(past))
            spread = 1.4826 * float(np.median(np.abs(past - usual))) + 0.1 * abs(usual) + 1.0
            z = (float(now.max()) - usual) / spread
            weight = _outlying(z, services) * min(float(now.max()) / FULL, 1.0)
            self.say(
                str(service),
                "saturation",
                weight,
                f"{name} is {now.max():.3g} where {usual:.3g} was usual ({z:.1f} deviations).",
            )

    def hear_standing_errors(self, logs: pl.DataFrame) -> None:
        """Error lines since the earliest candidate time, changed or not: at most 1 nat, to break ties."""
        recent = logs.filter(pl.col("t") >= float(self.times[0]))
        table = recent.group_by("service").agg(errors=pl.col("level").is_in(ERROR_LEVELS).sum(), lines=pl.len())
        for service, errors, lines in table.filter(pl.col("errors") > 0).iter_rows():
            weight = (errors / (errors + 10.0)) * (errors / lines) ** 0.5
            self.say(service, "errors", weight, f"{errors} of its {lines} recent log lines are errors.")

    def ranked(self, spans: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> list[Suspect]:
        """Take off what callees explain, add up, sort by evidence alone."""
        below = _descendants(spans)
        raw = {service: sum(parts.values()) for service, parts in self.parts.items()}
        busy = {
            name: dict(frame.group_by("service").agg(pl.len(), pl.col("t").min()).select("service", "len").iter_rows())
            for name, frame in tables.items()
        }
        found = []
        for service, said in self.parts.items():
            explained = max((raw.get(callee, 0.0) for callee in below.get(service, ())), default=0.0)
            parts = dict(said)
            if "behaviour" in parts:
                parts["behaviour"] -= explained
            parts = {witness: round(weight, 6) for witness, weight in parts.items() if weight > 1e-6}
            weight = round(sum(parts.values()), 6)
            if weight <= 0:
                continue
            order = sorted(parts, key=lambda witness: (-parts[witness], witness))
            found.append(
                Suspect(
                    service=service,
                    score=round(1.0 - float(np.exp(-weight / 10.0)), 6),
                    weight=weight,
                    parts={witness: parts[witness] for witness in order},
                    because=tuple(self.reasons[service][witness] for witness in order),
                    evidence=_observations(service, tables),
                    tie_break=(raw[service], *(float(busy[name].get(service, 0)) for name in sorted(busy))),
                )
            )
        return sorted(found, key=lambda s: (-s.weight, *(-round(x, 6) for x in s.tie_break), s.service))


def _outlying(z: float, among: int) -> float:
    """Return the log-likelihood ratio (nats) against *z* as the largest of *among* draws of Student's t."""
    return (FREEDOM + 1.0) / 2.0 * float(np.log1p(max(z, 0.0) ** 2 / FREEDOM)) - float(np.log(max(among, 1)))


def _descendants(spans: pl.DataFrame) -> dict[str, set[str]]:
    """Return for every service all that it calls, directly or not, without itself."""
    direct: dict[str, set[str]] = {}
    for caller, service in spans.select("caller", "service").unique().drop_nulls().iter_rows():
        direct.setdefault(caller, set()).add(service)
    below = {}
    for service in direct:
        seen: set[str] = set()
        todo = [service]
        while todo:
            for callee in direct.get(todo.pop(), ()):
                if callee not in seen:
                    seen.add(callee)
                    todo.append(callee)
        below[service] = seen - {service}
    return below


def _observations(service: str, tables: Mapping[str, pl.DataFrame]) -> tuple[str, ...]:
    ids: set[str] = set()
    for frame in tables.values():
        ids.update(frame.filter(pl.col("service") == service)["observation"].drop_nulls().unique())
    return tuple(sorted(ids))
