"""Errors that are none, each beside the harm that is worded like it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from hand_cases import END, LATER, START, Row, case

from pitchey_ops import frames
from pitchey_ops.findings import issues, kinds, top_patterns
from pitchey_ops.findings._settled import harmless, resampled, settled, silenced
from pitchey_ops.models.finding import Finding, Severity
from pitchey_ops.models.observation import Coverage, Observed


def said(result: Any) -> dict[str, Finding]:
    """Return findings by id."""
    return {one.id: one for one in result}


def signals(found: dict[str, Finding]) -> set[str]:
    """Return all that *found* says to the diagnosis."""
    return {signal.name for one in found.values() for signal in one.signals}


def served(failing: float = 0.0, *routes: str) -> list[Row]:
    """Return what the edge counts: everybody is served, or a part is not since then."""
    minutes = [(END - timedelta(minutes=n), 200, 60.0) for n in range(120)]
    minutes += [(LATER + timedelta(minutes=n), 500, 60.0 * failing) for n in range(20) if failing]
    return [
        {"at": at, "route": route, "status": status, "requests": count}
        for at, status, count in minutes
        for route in ("/api/browse", *routes)
    ]


def says(message: str, service: str = "pitch", level: str = "error", *, works: bool = True) -> list[Row]:
    """Return a service that says *message* twice a minute since a while, and its work before and beside it."""
    end = END if works else LATER
    done: list[Row] = [
        {"at": START + timedelta(seconds=40 * n), "service": service, "level": "info", "message": f"did {n}"}
        for n in range(int((end - START).total_seconds() // 40))
    ]
    before = [row | {"at": row["at"] - timedelta(days=7)} for row in done]
    lines = [
        {"at": LATER + timedelta(seconds=30 * n), "service": service, "level": level, "message": message}
        for n in range(40)
    ]
    return before + done + lines


def holds(expression: Any, text: str) -> bool:
    """Return what *expression* says of *text*."""
    return bool(pl.DataFrame({"t": [text]}).select(expression(pl.col("t"))).item())


HARMLESS = [
    "(node:41) [DEP0040] DeprecationWarning: The `punycode` module is deprecated. Please use a userland alternative.",
    "(Use `node --trace-warnings ...` to show where the warning was created)",
    "PHP Deprecated:  Function utf8_encode() is deprecated in /srv/app/feed.php on line 81",
    "/srv/nda/render.py:12: FutureWarning: elementwise comparison failed in a way that a later version will refuse",
    "DEPRECATION WARNING: update_attributes is deprecated and will be removed from Rails 8.2",
    "gorm: this call is deprecated since v2.1, use Session",
    'NOTICE:  column "tagline" of relation "pitches" already exists, skipping',
    'psql:0212.sql:8: NOTICE:  constraint "chk" of relation "pitches" does not exist, skipping',
    'NOTICE:  identifier "fk_a_very_long_name" will be truncated to "fk_a_very"',
    "Table 'genres' already exists, ignored",
    "AbortError: This operation was aborted (client gone after 81920 bytes)",
    "upload bc0e aborted by the client after 8182890 bytes",
    "recv() failed (104: Connection reset by peer) while reading client request body",
    "org.apache.catalina.connector.ClientAbortException: java.io.IOException: Broken pipe",
    "BadRequestError: request aborted",
    "http: abort Handler",
]
HARMS = [
    "NOTICE:  checkpoint is late, data loss is possible",
    'ERROR:  relation "pitches" does not exist',
    "API version 1 is deprecated: request refused with 410",
    "redis client disconnected",
    "Client was closed and is not queryable",
    "S3 client aborted the upload",
    "client gone after waiting 30000 ms for the first byte",
    "client timed out (110: Connection timed out) while reading client request headers",
    "aborted by the server after 300 bytes",
]


@pytest.mark.parametrize(("text", "none"), [*((one, True) for one in HARMLESS), *((one, False) for one in HARMS)])
def test_notices_old_age_and_a_visitor_who_left_are_no_failure(text: str, none: bool) -> None:
    """The channel of errors holds them all; what is lost, refused or slow is not among them."""
    assert holds(harmless, text) is none


@pytest.mark.parametrize("text", HARMLESS)
@pytest.mark.parametrize("failing", [0.0, 0.2])
def test_they_are_left_out_only_while_users_are_served(text: str, failing: float) -> None:
    """Where requests fail, nothing that calls itself an error is left out."""
    found = said(kinds.kinds(case(logs=says(text), edge=served(failing))))
    assert ("kinds/harmless" in found) is (failing == 0.0)
    assert any(one.severity >= Severity.WARNING for one in found.values()) is (failing > 0.0)


@pytest.mark.parametrize(
    ("text", "done"),
    [
        ("TokenExpiredError: jwt expired (u02704), refreshed", True),
        ("QuoteMissingError: no rate of the day for pitch 12, that of yesterday shown", True),
        ("Input buffer contains unsupported image format: media/77, original kept", True),
        ("heifsave: media/77 not ready in time, webp sent instead", True),
        ("could not load remote settings (404), built-in settings 4.0.2 apply", True),
        ("HTTPError: Request failed with status code 404: GET /sdk/settings.json, using defaults", True),
        ("[LaunchDarkly] Unknown feature flag, falling back to the default value", True),
        ("RecommendationsDisabledError: killed by flag row-2, empty list returned", True),
        ("FeatureFlagError: variant 'off' has no model, skipping scorer", True),
        ("[@formatjs/intl Error MISSING_TRANSLATION] Missing message for locale pl", True),
        ("i18next::translator: missingKey pl legal terms.section4", True),
        ("[vue-i18n] Not found 'terms.title' key in 'pl' locale messages.", True),
        ("ActionView::MissingTranslation translation missing: pl.terms.title", True),
        ("level=info msg=compacted blocks=12", True),
        ("index corrupt, using the previous one", False),
        ("search failed, empty list returned", False),
        ("could not be refreshed", False),
        ("payment declined by gateway, skipping receipt: write lost", False),
        ("message not sent", False),
    ],
)
def test_a_line_that_says_what_was_done_instead_is_settled(text: str, done: bool) -> None:
    """Unless it tells of loss, or the way out leaves a failure as it was."""
    assert holds(settled, text) is done


@pytest.mark.parametrize(("works", "failing", "told"), [(True, 0.0, True), (False, 0.0, False), (True, 0.2, False)])
def test_it_is_believed_of_a_service_that_works_on_while_users_are_served(
    works: bool, failing: float, told: bool
) -> None:
    """Words that reassure are false of somebody who does less than before."""
    rows = says("QuoteMissingError: no rate of the day, that of yesterday shown", works=works)
    found = said(kinds.kinds(case(logs=rows, edge=served(failing))))
    assert ("kinds/handled" in found) is told
    assert ("errors_unexplained" in signals(found)) is not told


def test_a_store_or_a_partner_that_fails_does_though_somebody_makes_up_for_it() -> None:
    """That an old copy is shown is how people do not feel it yet."""
    text = "stripe: 503 Service Unavailable, using the cached price list"
    assert "third_party_errors" in signals(said(kinds.kinds(case(dated=True, logs=says(text), edge=served()))))


def test_code_that_fails_in_browsers_is_not_made_good_by_what_is_shown_instead() -> None:
    """An error boundary shows something, too."""
    text = "TypeError: Cannot read properties of undefined (reading 'id'), fallback shown"
    assert "js_errors_new" in signals(said(kinds.kinds(case(logs=says(text, "frontend"), edge=served()))))


@pytest.mark.parametrize(
    ("text", "level", "failing_store"),
    [
        ("parcel of u1: object media/77 not found (NoSuchKey), named in missing.txt", "warn", False),
        ("parcel of u1: object media/77 not found (NoSuchKey), named in missing.txt", "error", False),
        ("export: object media/77 not found (NoSuchKey)", "warn", False),
        ("NoSuchKey: The specified key does not exist. media/77 (stored 2 s ago)", "error", True),
        ("GetObject media/77: 503 SlowDown, NoSuchKey once, named in missing.txt", "error", True),
    ],
)
def test_an_object_that_is_not_there_is_no_failing_store(text: str, level: str, failing_store: bool) -> None:
    """What was put there just now, and what is slow besides, is."""
    found = said(kinds.kinds(case(logs=says(text, "privacy", level), edge=served())))
    assert ("storage_errors" in signals(found)) is failing_store


@pytest.mark.parametrize(
    ("text", "quiet"),
    [
        ('alert ProbeFailed{target="/api/livez"} firing, matched silence 5bf118e4 (onboarding)', True),
        ("alertname=HighErrorRate muted by ines until 14:00", True),
        ("alert HighErrorRate suppressed during maintenance window", True),
        ("alert HighErrorRate silenced by mistake", False),
        ("alert HighErrorRate: delivery to pagerduty failed, silence 5bf118e4 is over", False),
        ("alert HighErrorRate firing", False),
        ("the payment house is in maintenance, try again later", False),
    ],
)
def test_a_silenced_alert_is_somebodys_wish(text: str, quiet: bool) -> None:
    """Not one that could not be delivered."""
    assert holds(silenced, text) is quiet


def test_few_silenced_alerts_weigh_little_and_many_more() -> None:
    """It may be all of them by mistake."""
    text = "alert {} firing, matched silence 5bf118e4 (onboarding)"
    one = says(text.format("ProbeFailed"), "monitoring")
    many = one + says(text.format("HighErrorRate"), "monitoring") + says(text.format("DiskFull"), "monitoring")
    strengths = []
    for rows, severity in ((one, Severity.INFO), (many, Severity.WARNING)):
        found = said(kinds.kinds(case(logs=rows, edge=served())))["kinds/silenced"]
        assert found.severity == severity
        strengths.append(found.signals[0].strength)
    assert 0.0 < strengths[0] < strengths[1] < 1.0


@pytest.mark.parametrize(("text", "failing"), [("alert ProbeFailed firing", False), ("alert not sent: 500", True)])
def test_an_alert_is_named_for_what_it_watches(text: str, failing: bool) -> None:
    """That of failed probes comes through a channel that works."""
    assert ("alerts_failing" in signals(said(kinds.kinds(case(logs=says(text, "watch"), edge=served()))))) is failing


@pytest.mark.parametrize("text", ['level=error msg="Probe failed" target={} status_code=404', "broken link: {} 404"])
@pytest.mark.parametrize(("path", "blind"), [("/api/readyz", False), ("/api/browse", True)])
def test_a_probe_of_what_nobody_uses_is_no_failing_monitor(text: str, path: str, blind: bool) -> None:
    """A new watcher asks for what is not there; what people use was there."""
    rows = says(text.format(path), "monitoring")
    assert ("monitoring_failing" in signals(said(kinds.kinds(case(logs=rows, edge=served()))))) is blind


@pytest.mark.parametrize(
    "text",
    [
        "remote write failed target=/api/v1/push status_code=404",
        "disk full target=/data/wal",
        "probe of /data/wal failed",
    ],
)
def test_a_monitor_that_cannot_keep_what_it_sees_fails(text: str) -> None:
    """Where it brings its figures to is no page that nobody asks for."""
    rows = says(text, "monitoring")
    assert any(one.severity >= Severity.WARNING for one in kinds.kinds(case(logs=rows, edge=served())))


def sampled(*, new: bool = False, factors: tuple[int, ...] = (20, 20, 20)) -> list[Row]:
    """Return three services that say what they always said, one of so many lines until now and each one since."""
    rows: list[Row] = []
    texts = ("card number is odd", "portfolio has no base", "deck came twice")
    for service, text, factor in zip(("payments", "investor", "upload"), texts, factors, strict=True):
        done: list[Row] = [
            {"at": START + timedelta(seconds=30 * n), "service": service, "level": "info", "message": f"did {n}"}
            for n in range(120)
        ]
        for n in range(80):
            done.append(
                {"at": LATER + timedelta(seconds=15 * n), "service": service, "level": "error", "message": text}
            )
        every = 15 * factor
        first = START - timedelta(hours=2)
        for n in range(int((LATER - first).total_seconds() // every)):
            at = first + timedelta(seconds=every * n)
            done.append({"at": at, "service": service, "level": "error", "message": text})
        done += [row | {"at": row["at"] - timedelta(hours=1), "message": "did"} for row in done[:120]]
        rows += done
    if new:
        rows += says("payout with no receiver", "payouts")
    return rows


@pytest.mark.parametrize(
    ("rows", "failing", "told"),
    [
        (sampled(), 0.0, True),
        (sampled(), 0.2, False),
        (sampled(factors=(300, 5, 20)), 0.0, False),
        (sampled(factors=(20, 20, 1)), 0.0, False),
    ],
)
def test_what_is_only_written_down_more_often_is_no_trouble(rows: list[Row], failing: float, told: bool) -> None:
    """One factor for unrelated wordings of several services, while users are served: the logging changed."""
    found = said(kinds.kinds(case(logs=rows, edge=served(failing))))
    assert ("kinds/logging-changed" in found) is told
    assert ("errors_unexplained" in signals(found)) is not told


def test_who_says_something_new_besides_has_a_trouble() -> None:
    """It is counted by itself, whatever else is written down more often."""
    found = said(kinds.kinds(case(logs=sampled(new=True), edge=served())))
    assert "errors_unexplained" in signals(found)


def test_no_entries_are_no_change_of_the_logging() -> None:
    """An empty source tells nothing."""
    empty = case(edge=served())
    assert resampled(empty, empty.frames.logs) is None


@pytest.mark.parametrize(("failing", "calm"), [(0.0, True), (0.2, False)])
def test_an_issue_whose_lines_say_what_was_done_instead_is_settled_with_them(failing: float, calm: bool) -> None:
    """The tracker cuts off the end of the line."""
    rows = says("HTTPError: Request failed with status code 404: GET /sdk/settings.json, using defaults", "frontend")
    issue = {
        "id": "1", "title": "HTTPError: Request failed with status code 404", "culprit": "loadSettings(sdk)",
        "project": "pitchey-frontend", "first_seen": LATER, "count": 30, "users": 30, "observation": "sentry/issues",
    }  # fmt: skip
    plain = case(logs=rows, edge=served(failing), observations=tracker())
    made = replace(plain, frames=replace(plain.frames, issues=pl.DataFrame([issue], schema=frames.ISSUES)))
    found = said(issues.issues(made))["issues/1"]
    assert (found.severity == Severity.INFO) is calm
    assert (not found.signals) is calm


def tracker() -> dict[str, Any]:
    """Return that the error tracker was read."""
    seen = Observed(
        id="sentry/issues", source="sentry", at=END, value=None, status="observed", coverage=Coverage(cut=False)
    )
    return {seen.id: seen}


def test_a_new_wording_that_is_settled_is_listed_without_alarm() -> None:
    """It is new, and nothing is left to do."""
    rows = says("Input buffer contains unsupported image format: media/77, original kept")
    earlier = [row | {"level": "error", "message": "odd"} for row in rows if row["at"] < START + timedelta(minutes=9)]
    found = said(top_patterns.top_patterns(case(dated=True, logs=rows + earlier, edge=served())))
    assert found
    assert all(one.severity == Severity.INFO for one in found.values())


@pytest.mark.parametrize(
    ("service", "text", "signal"),
    [
        ("pitch", "canceling statement due to conflict with recovery code=40001", "db_slow"),
        ("pitch", "User was holding a relation lock for too long.", "db_slow"),
        ("database", "read replica is 41 s behind the primary", "db_slow"),
        ("database", "Seconds_Behind_Master: 310", "db_slow"),
        ("pitch", "MongoServerError: no secondary within maxStalenessSeconds=90, secondary too stale", "db_slow"),
        ("pitch", "could not serialize access due to concurrent update code=40001", "db_locks"),
        ("upload", "GET /media/1 from rgw.b: upstream prematurely closed connection after 9000 ms", "storage_errors"),
        ("upload", "minio: Read failed. Insufficient number of drives online", "storage_errors"),
        ("upload", "osd.17 reporting 12 slow ops, oldest blocked for 41 sec", "storage_errors"),
        ("upload", "radosgw answered 503 after 3 tries", "storage_errors"),
        (
            "frontend",
            "PUT https://up.r2.cloudflarestorage.com/1 403 (Forbidden) AccessDenied Request has expired",
            "storage_errors",
        ),
        ("frontend", "upload: 403 AuthenticationFailed https://x/y?se=2026&sig=1 signed url", "storage_errors"),
        ("frontend", "<Error><Code>RequestTimeTooSkewed</Code>", "storage_errors"),
        ("frontend", "GET https://cdn.r2.cloudflarestorage.com/app.js 403 (Forbidden)", "js_errors_new"),
    ],
)
def test_words_of_standbys_and_stores_are_put_where_they_belong(service: str, text: str, signal: str) -> None:
    """A standby that replays holds no lock, and a store that refuses is no fault of the page."""
    found = said(kinds.kinds(case(dated=True, logs=says(text, service), edge=served(0.1))))
    assert signal in signals(found)
    assert not signals(found) & ({"db_slow", "db_locks", "storage_errors", "third_party_errors"} - {signal})


@pytest.mark.parametrize(
    ("tag", "theirs"), [("[pitchey_rehearsal]", True), ("[api-staging-2]", True), ("[pitch]", False)]
)
def test_a_rehearsal_says_in_each_line_that_it_is_one(tag: str, theirs: bool) -> None:
    """What fails on a copy fails nobody."""
    rows = [row for row in says(f'{tag} ERROR: column "a" does not exist', "migrations") if row["level"] == "error"]
    seen = Observed(
        id="logs/service/migrations", source="logs", at=END, value=None, status="observed", coverage=Coverage(cut=False)
    )
    found = said(kinds.kinds(case(logs=says("odd") + rows, edge=served(), observations={seen.id: seen})))
    assert ("kinds/elsewhere" in found) is theirs
    assert ("schema_errors" in signals(found)) is not theirs


def test_new_errors_about_objects_that_are_not_there_forbid_an_all_clear() -> None:
    """The store answers, so it is no failing store; but a bucket may have been emptied that few asked of until now."""
    text = "object media/77 not found (NoSuchKey), named in missing.txt"
    found = said(kinds.kinds(case(dated=True, logs=says(text, "privacy"), edge=served())))
    assert "storage_errors" not in signals(found)
    assert found["kinds/not-there"].severity is Severity.WARNING
    assert found["kinds/not-there"].data["entries"] == 40
    warned = said(kinds.kinds(case(dated=True, logs=says(text, "privacy", "warn"), edge=served())))
    assert "storage_errors" not in signals(warned)
    assert "kinds/warnings-new" in warned  # as any other warning that nobody knew
