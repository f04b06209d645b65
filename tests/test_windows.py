"""How a person names a span of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pitchey_ops.errors import UsageError
from pitchey_ops.runbooks.windows import DEFAULT, LONGEST, parse

NOW = datetime(2026, 11, 23, 12, 30, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("", DEFAULT),
        ("  ", DEFAULT),
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("30min", timedelta(minutes=30)),
        (" 1 h ", timedelta(hours=1)),
        ("7d", timedelta(days=7)),
    ],
)
def test_a_span_ends_now(text: str, span: timedelta) -> None:
    """What people type most."""
    window = parse(text, now=NOW)

    assert (window.start, window.end) == (NOW - span, NOW)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-11-23T08:00/2026-11-23T09:00", "2026-11-23T08:00+00:00", "2026-11-23T09:00+00:00"),
        ("2026-11-23T08:00Z/2026-11-23T09:00Z", "2026-11-23T08:00+00:00", "2026-11-23T09:00+00:00"),
        ("2026-11-23T08:00+02:00/2026-11-23T09:00", "2026-11-23T06:00+00:00", "2026-11-23T09:00+00:00"),
        ("2026-11-23/2026-11-23T09:00:30.250Z", "2026-11-23T00:00+00:00", "2026-11-23T09:00:30.250+00:00"),
        ("20261123T080000Z/", "2026-11-23T08:00+00:00", NOW.isoformat()),
    ],
)
def test_start_and_end_are_utc_unless_they_say_otherwise(text: str, start: str, end: str) -> None:
    """A time that was read in the reader's zone would look at the wrong hour."""
    window = parse(text, now=NOW)

    assert (window.start, window.end) == (datetime.fromisoformat(start), datetime.fromisoformat(end))
    assert window.start.utcoffset() == window.end.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1 week", "neither a span nor START/END"),
        ("-1h", "neither a span nor START/END"),
        ("1h30m", "neither a span nor START/END"),
        ("\u0661h", "neither a span nor START/END"),
        ("yesterday/today", "is no ISO 8601 time"),
        ("/2026-11-23T09:00", "is no ISO 8601 time"),
        ("2026-11-23T09:00/2026-11-23T08:00", "does not end after it starts"),
        ("2026-11-23T09:00/2026-11-23T09:00", "does not end after it starts"),
        ("0m", "does not end after it starts"),
        ("8d", "longer than 7 days"),
        ("999999d", "longer than 7 days"),
        ("2020-01-01/2026-11-23", "longer than 7 days"),
        ("2026-11-23T08:00/2026-11-23T09:00/2026-11-23T10:00", "is no ISO 8601 time"),
    ],
)
def test_what_is_no_window_says_why_with_examples(text: str, why: str) -> None:
    """What, where, likely cause; and nothing was run."""
    with pytest.raises(UsageError) as caught:
        parse(text, now=NOW)

    assert why in str(caught.value)
    assert "1h or 30m" in str(caught.value)
    assert "Nothing was run." in str(caught.value)


@given(
    text=st.one_of(st.text(max_size=200), st.from_regex(r"[0-9]{1,12}[smhd]{1,2}(/[0-9TZ:+-]{0,30})?", fullmatch=True))
)
def test_any_text_is_a_window_or_a_usage_error(text: str) -> None:
    """The text may come from an alert."""
    try:
        window = parse(text, now=NOW)
    except UsageError:
        return
    assert timedelta(0) < window.end - window.start <= LONGEST


@given(
    start=st.datetimes(NOW.replace(tzinfo=None) - timedelta(days=300), NOW.replace(tzinfo=None)),
    seconds=st.integers(1, int(LONGEST.total_seconds())),
    offset=st.integers(-720, 720).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_what_is_written_is_read_back(start: datetime, seconds: int, offset: timezone) -> None:
    """The recorded window is the one that a replay parses."""
    begin = start.replace(tzinfo=offset)
    end = begin + timedelta(seconds=seconds)
    window = parse(f"{begin.isoformat()}/{end.isoformat()}", now=NOW)

    assert (window.start, window.end) == (begin, end)


def test_the_extremes_of_the_calendar_are_usage_errors() -> None:
    """Arithmetic at the edge overflows."""
    for text in ("0001-01-01T00:00+14:00/0001-01-01T01:00+14:00", "9999-12-31T23:00-14:00/9999-12-31T23:59-14:00"):
        with pytest.raises(UsageError):
            parse(text, now=NOW)
