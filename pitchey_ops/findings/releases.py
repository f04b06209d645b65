"""Which release do the failing entries belong to?"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from .case import ERROR_LEVELS, Case, observation_ids

RULE = "releases"
SIGNALS = ("errors_of_new_release", "errors_of_all_releases")
ENTRIES_MIN = 8
NEW_SHARE = 0.8
"""Share of the failing entries from which they "belong to" one release."""
LOOK_BACK = timedelta(minutes=60)
ONLY_ERRORS = 0.6
"""Strength when only failing entries name a release: then it cannot be told how the sound ones are spread."""


def releases(case: Case) -> RuleResult:
    """
    Compare the releases that failing entries name with the one that was deployed just before the onset.

    An entry names its release itself, so it can lie; what counts is the share among many entries and a
    release that Cloudflare or Sentry lists too. `NotChecked` when no failing entry names a release (an empty or
    cut log looks like that) or when there is no onset. A late source lacks the newest entries only.
    """
    if case.onset is None:
        return NotChecked(rule=RULE, because="there is no onset to compare releases around")
    since = case.onset.at - timedelta(seconds=min(120.0, max(30.0, case.onset.uncertainty_s)))
    named = case.frames.logs.filter((pl.col("at") >= since) & pl.col("release").is_not_null())
    bad = named.filter(pl.col("level").is_in(list(ERROR_LEVELS)) | (pl.col("status") >= 500))
    if bad.height < ENTRIES_MIN:
        return NotChecked(rule=RULE, because="too few failing entries name a release, or none does")
    good = named.filter(~pl.col("level").is_in(list(ERROR_LEVELS)) & (pl.col("status").fill_null(200) < 500))
    counts = bad.group_by("release").len().sort(["len", "release"], descending=[True, False])
    leader, n = str(counts["release"][0]), int(counts["len"][0])
    share = n / bad.height
    deployed = case.frames.deployments.filter(pl.col("version").is_not_null())
    fresh = deployed.filter(pl.col("at").is_between(case.onset.at - LOOK_BACK, case.onset.at + timedelta(minutes=5)))
    new = _same(leader, fresh)
    known = _same(leader, deployed)
    good_share = good.filter(pl.col("release") == leader).height / good.height if good.height >= ENTRIES_MIN else None
    data = {
        "releases": [{"release": r, "failing": k} for r, k in counts.head(8).iter_rows()],
        "share": share,
        "share_of_sound_entries": good_share,
        "known_release": known,
    }
    evidence = observation_ids(bad)
    if new and share >= NEW_SHARE and (good_share is None or share - good_share >= 0.2):
        strength = ONLY_ERRORS + 0.4 * min(1.0, bad.height / 50) if good_share is None else 1.0
        return [
            Finding(
                id=f"{RULE}/new",
                rule=RULE,
                claim=f"{share:.0%} of {bad.height} failing entries are of the release just deployed, “{leader}”",
                severity=Severity.WARNING,
                evidence=evidence,
                signals=(Signal(name="errors_of_new_release", strength=strength),),
                data=data,
            )
        ]
    spread = share < NEW_SHARE or (good_share is not None and share - good_share < 0.2)
    old = known and not new
    words = "an older release" if old else "several releases alike" if spread else "a release that nobody lists"
    return [
        Finding(
            id=f"{RULE}/all",
            rule=RULE,
            claim=f"{bad.height} failing entries belong to {words} (most: “{leader}”, {share:.0%})",
            severity=Severity.INFO,
            evidence=evidence,
            signals=(Signal(name="errors_of_all_releases", strength=0.8 if old else 0.6),) if old or spread else (),
            data=data,
        )
    ]


def _same(release: str, deployed: pl.DataFrame) -> bool:
    """Whether *release* is the version of a deployment, or the number of one (``name@1.200.0``)."""
    wanted = release.rpartition("@")[2].lower()
    for version in deployed.get_column("version").drop_nulls().to_list():
        text = str(version).lower()
        if (
            text == release.lower()
            or text.rpartition("@")[2] == wanted
            or (len(wanted) >= 7 and text.startswith(wanted))
        ):
            return True
    return False
