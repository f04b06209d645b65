"""Until when somebody must have responded: the severity's promise on the business calendar of the settings."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

PROMISES_MINUTES = {"P1": 15, "P2": 60, "P3": 240}
"""Minutes to a response; P4 by the next business day (written runbook, Response Times)."""
REVIEW_DAYS = {"P1": (3, False), "P2": (5, True)}
"""Days to the review meeting, and whether only business days count (PagerDuty's post-mortem process)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """
    When people work.

    Attributes
    ----------
    start, end
        Business hours in *zone*.
    days
        Business days, Monday is 0.
    holidays
        Days off, in *zone*.
    """

    zone: tzinfo = UTC
    start: time = time(9)
    end: time = time(18)
    days: Collection[int] = (0, 1, 2, 3, 4)
    holidays: Collection[date] = ()

    def is_business_day(self, day: date) -> bool:
        """Whether people work on *day*."""
        return day.weekday() in self.days and day not in self.holidays

    def is_open(self, at: datetime) -> bool:
        """Whether *at* is within business hours."""
        local = at.astimezone(self.zone)
        return self.is_business_day(local.date()) and self.start <= local.time() < self.end

    def next_business_day(self, day: date, number: int = 1) -> date:
        """Return the *number*-th business day after *day*; without any business day, the day after a week."""
        found = day
        for _ in range(number):
            for _ in range(400):
                found += timedelta(days=1)
                if self.is_business_day(found):
                    break
            else:
                return day + timedelta(days=7)
        return found

    def closing(self, day: date) -> datetime:
        """Return the end of business hours on *day* (UTC)."""
        return datetime.combine(day, self.end, tzinfo=self.zone).astimezone(UTC)


def calendar(zone: str, start: time, end: time, holidays: Collection[date] = ()) -> Calendar:
    """Return the calendar of these settings; an unknown zone is UTC."""
    try:
        known: tzinfo = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = UTC
    return Calendar(zone=known, start=start, end=end, holidays=frozenset(holidays))


def respond_by(severity: str, since: datetime, days: Calendar) -> datetime:
    """Return until when somebody must have responded to what was reported at *since* (UTC)."""
    minutes = PROMISES_MINUTES.get(severity)
    if minutes is not None:
        return since.astimezone(UTC) + timedelta(minutes=minutes)
    return days.closing(days.next_business_day(since.astimezone(days.zone).date()))


def review_by(severity: str, ended: datetime, days: Calendar) -> datetime | None:
    """Return until when the review meeting is to be held (UTC); None for severities that need none."""
    if severity not in REVIEW_DAYS:
        return None
    number, business = REVIEW_DAYS[severity]
    day = ended.astimezone(days.zone).date()
    return days.closing(days.next_business_day(day, number) if business else day + timedelta(days=number))
