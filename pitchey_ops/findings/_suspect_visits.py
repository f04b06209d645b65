"""
What changed in the way services do their work, told from single requests.

A *visit* is one service's part in one trace. Visits are compared only with visits of the same kind (same
service, called by the same operations), so a change in the mix of traffic is no change. Of every visit
we note features that are there or not: a log pattern was written, another service was called, the time
spent was above a threshold. For each feature and each candidate time of change the shares before and
after are weighed by the Bayes factor of two binomials with Jeffreys' prior against one:

    log BF = ln B(b+½, n-b+½) + ln B(a+½, m-a+½) - ln B(½, ½) - ln B(a+b+½, n+m-a-b+½)

with b of n visits before and a of m after. Requests that come together are alike, so counts are first
reduced to an effective number n / (1 + (n-1) rho) (the design effect of cluster sampling, Kish 1965): a
busy service does not drown a quiet one by its sheer number of requests.

Names are only ever compared for equality; nothing is read out of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import betaln, gammaln, logsumexp

from ._exact import exact_sum

Floats = npt.NDArray[np.float64]

CORRELATION = 0.05
"""Assumed correlation of requests within one stretch: at most 1 / 0.05 = 20 effective visits a side."""

JEFFREYS = 0.5

TIMES_OVER = (1.5, 3.0, 6.0, 12.0, 25.0, 50.0, 100.0)
"""A time is noted as slow at these multiples of what is quick for its kind: the 10th percentile, or 1 ms."""

MATERIAL_MS = 3.0
"""... and this much on top: a few milliseconds more never made an alert fire."""

ERROR_LEVELS = ("error", "fatal", "critical", "crit", "alert", "emerg", "emergency", "severe", "panic")

_KEYS = ("kind", "service", "caller", "context", "feature", "times", "limit_ms")
_WITH_DIGIT = r"\S*\d\S*"
_MESSAGE_CHARS, _KEY_CHARS = 160, 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """
    Features of visits, weighed at every candidate time.

    Attributes
    ----------
    features
        One row a feature: ``kind`` (``error``, ``pattern``, ``call``, ``slow``, ``gap``), ``service``,
        ``caller``, ``context``, ``feature`` and ``log_bf`` (nats, averaged over the candidate times).
    log_bf
        Of shape (features, times).
    before, before_of, after, after_of
        Of shape (features, times): visits with the feature, and all visits of that kind.
    """

    features: pl.DataFrame
    log_bf: Floats
    before: Floats
    before_of: Floats
    after: Floats
    after_of: Floats


def log_mean_exp(values: Floats, axis: int | None = None) -> Floats:
    """Return ln(mean(exp(values))) without overflow."""
    count = values.size if axis is None else values.shape[axis]
    return np.asarray(logsumexp(values, axis=axis) - np.log(count), dtype=np.float64)


def _effective(count: Floats, of: Floats) -> tuple[Floats, Floats]:
    scale = 1.0 / (1.0 + np.maximum(of - 1.0, 0.0) * CORRELATION)
    return count * scale, of * scale


def log_bayes_factor(before: Floats, before_of: Floats, after: Floats, after_of: Floats) -> Floats:
    """Return the log Bayes factor (nats) of "the share changed", counts discounted for their correlation."""
    b, n = _effective(before, before_of)
    a, m = _effective(after, after_of)
    j = JEFFREYS
    two = betaln(b + j, n - b + j) + betaln(a + j, m - a + j)
    one = betaln(a + b + j, n + m - a - b + j) + betaln(j, j)
    return np.asarray(two - one, dtype=np.float64)


def log_bayes_factor_if_new(tested: Tested) -> Floats:
    """
    Return, of shape (features, times), the log Bayes factor (nats) of "it had never been there, and now is".

    Half of the odds go to a share of exactly nothing before, half to any other share (`log_bayes_factor`): errors of
    a fault are mostly of a kind that was never written, which makes their first one tell the time.
    """
    a, m = _effective(tested.after, tested.after_of)
    _, n = _effective(tested.before, tested.before_of)
    j = JEFFREYS
    new = betaln(a + j, m - a + j) - betaln(a + j, n + m - a + j)
    either = np.where(tested.before > 0, tested.log_bf, np.logaddexp(tested.log_bf, new))
    return np.asarray(either - np.log(2.0), dtype=np.float64)


def log_chance_of_first(tested: Tested) -> Floats:
    """
    Return, of shape (features,), the log of the chance that a feature shows up so late and then so often.

    Were the k visits that show it drawn from all n by lot, none of them would be among the first f with the chance
    C(n-f, k) / C(n, k) (exact; no rate is assumed, and no time is sought). 0, which is certainty, where it showed
    before the first candidate time, or not before the last.
    """
    k, n = tested.before[:, -1] + tested.after[:, -1], tested.before_of[:, -1] + tested.after_of[:, -1]
    f = np.where(tested.before == 0, tested.before_of, 0.0).max(axis=1)
    late = gammaln(n - f + 1) - gammaln(n - f - k + 1) - gammaln(n + 1) + gammaln(n - k + 1)
    return np.asarray(np.where(tested.before[:, -1] > 0, late, 0.0), dtype=np.float64)


def visits(logs: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """
    Return one row a visit: ``trace_id``, ``service``, ``context``, ``t`` (s, when it began), ``own_ms``.

    ``own_ms`` is the server's time minus the time it waited for others, null without spans.
    """
    served = spans.group_by("trace_id", "service").agg(
        context=pl.col("operation").fill_null("").unique().sort().str.join("\n"),
        t=pl.col("t").min(),
        served_ms=exact_sum(pl.col("duration_ms")),
    )
    waited = (
        spans.filter(pl.col("caller").is_not_null())
        .group_by("trace_id", service="caller")
        .agg(waited_ms=exact_sum(pl.coalesce("client_ms", "duration_ms")))
    )
    logged = logs.group_by("trace_id", "service").agg(logged_t=pl.col("t").min())
    return (
        served.join(logged, on=["trace_id", "service"], how="full", coalesce=True)
        .join(waited, on=["trace_id", "service"], how="left")
        .select(
            "trace_id",
            "service",
            context=pl.col("context").fill_null(""),
            t=pl.min_horizontal("t", "logged_t"),
            own_ms=(pl.col("served_ms") - pl.col("waited_ms").fill_null(0.0)).clip(0.0),
        )
    )


def patterns(logs: pl.DataFrame) -> pl.DataFrame:
    """Return ``trace_id``, ``service``, ``kind``, ``feature``: which kinds of lines each visit wrote."""
    kind = pl.when(pl.col("level").is_in(ERROR_LEVELS)).then(pl.lit("error")).otherwise(pl.lit("pattern"))
    text = pl.col("message").str.slice(0, _MESSAGE_CHARS).str.replace_all(_WITH_DIGIT, "#").str.slice(0, _KEY_CHARS)
    base = logs.with_columns(kind=kind, text=text, level=pl.col("level").fill_null(""))
    keys = ["trace_id", "service", "kind"]
    return pl.concat(
        [
            base.filter(pl.col("component").fill_null("") != "").select(
                *keys, feature=pl.concat_str("level", "component", separator=" at ")
            ),
            base.select(*keys, feature=pl.concat_str("level", "text", separator=": ")),
        ]
    ).unique()


def calls(spans: pl.DataFrame) -> pl.DataFrame:
    """Return ``trace_id``, ``service``, ``kind``, ``feature``: whom each visit called for what."""
    return (
        spans.filter(pl.col("caller").is_not_null())
        .select(
            "trace_id",
            service="caller",
            kind=pl.lit("call"),
            feature=pl.concat_str("service", pl.col("operation").fill_null(""), separator=" "),
        )
        .unique()
    )


def weigh(units: pl.DataFrame, noted: pl.DataFrame, times: Floats) -> Tested:
    """
    Weigh every feature at every candidate time.

    Parameters
    ----------
    units
        ``unit`` (0..n-1), ``group`` (0..k-1) and ``t`` (s): everything that could show a feature.
    noted
        ``unit``, ``kind``, ``service``, ``caller``, ``context``, ``feature``: which unit showed what.
    times
        Candidate times of change (s), ascending.
    """
    slots = len(times)
    slot = np.searchsorted(times, units["t"].to_numpy(), side="right")
    group = units["group"].to_numpy()
    of = np.zeros((int(group.max()) + 1 if group.size else 0, slots + 1))
    np.add.at(of, (group, slot), 1.0)
    of = of.cumsum(axis=1)
    keys = ["group", *(key for key in _KEYS if key in noted.columns)]
    placed = noted.drop("group", "t", strict=False).join(
        units.select("unit", "group", slot=pl.Series(slot)), on="unit", how="inner"
    )
    features = placed.select(keys).unique().sort(keys, nulls_last=False).with_row_index("row")  # ties: the first one
    rows = placed.join(features, on=keys, how="inner", nulls_equal=True)
    count = np.zeros((features.height, slots + 1))
    np.add.at(count, (rows["row"].to_numpy(), rows["slot"].to_numpy()), 1.0)
    count = count.cumsum(axis=1)
    all_of = of[features["group"].to_numpy()]
    before, before_of = count[:, :-1], all_of[:, :-1]
    after, after_of = count[:, -1:] - before, all_of[:, -1:] - before_of
    log_bf = log_bayes_factor(before, before_of, after, after_of)
    return Tested(features=features, log_bf=log_bf, before=before, before_of=before_of, after=after, after_of=after_of)


def slow(units: pl.DataFrame, value: str) -> pl.DataFrame:
    """
    Return a row for each unit and each limit that its *value* (ms) is above.

    ``times`` is one of `TIMES_OVER`, ``limit_ms`` the limit that it makes for the unit's group.
    """
    timed = units.filter(pl.col(value).is_not_null())
    quick = timed.group_by("group").agg(quick=pl.col(value).quantile(0.1).clip(1.0))
    timed = timed.join(quick, on="group")
    return pl.concat(
        [
            timed.with_columns(times=pl.lit(times), limit_ms=(pl.col("quick") * times + MATERIAL_MS).round(1)).filter(
                pl.col(value) > pl.col("limit_ms")
            )
            for times in TIMES_OVER
        ]
    )
