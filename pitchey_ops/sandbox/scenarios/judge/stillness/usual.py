"""Ordinary hours of ordinary days, with the small scraps that any production has."""

from .... import effects as fx
from ....builder import DAY, MINUTE, Builder, Silence, Slow, Span
from ....scenario import Told
from ....world import Behaviour
from ._parts import AGENTS, LISTS, PAGES, PHONES, guests, homes, hour, line, minutes, scraps, sign_ins, since, still


def noon(b: Builder) -> Told:
    """A Wednesday at noon: a video house answers at the second try, somebody has a typing error, all is served."""
    hour(b, b.between("noon", 11.8, 12.9))
    scraps(
        b, ("/api/creator/dashboard", "/api/messages"), 0.003, "widget of {user}: empty reply, {route} given up once"
    )
    sign_ins(b, "noon", b.between("noon in", 0.5, 1.0), since(b, 3.0), 0.14)
    line(
        b,
        "upload/encoder",
        b.between("encoder", 0.3, 0.7),
        b.always(),
        "clip {hex}: no word from the encoder within 8 s, asked again, taken over",
        "clip {hex}: encoder says 'busy', second attempt went through in {ms} ms",
        level="warn",
    )
    return Told()


def small_hours(b: Builder) -> Told:
    """Before dawn hardly anyone is there; the database tidies up and copies itself, as every night."""
    hour(b, b.between("small", 3.1, 4.3))
    for day in range(7):
        start = b.onset_ms - day * DAY
        span = Span(start, start + 35 * MINUTE)
        fx.database(b, span, queryCount=(1.3, 6.0), slowQueries=(1.0, 0.8), p99QueryTime=(1.15, 0.0))
        line(
            b,
            "database/housekeeping",
            1.6,
            span,
            "vacuum of {table} removed {n} pages, {id} rows stay",
            "copy to the vault at {n} percent, {size} bytes so far",
            key=f"night {day}",
        )
    text = "vacuum passed over {table}, in use, next night"
    line(b, "database/housekeeping", 0.3, minutes(b, 35), text, level="warn")
    sign_ins(b, "small", 0.15, since(b, 5.0), 0.2)
    return Told()


def search_release(b: Builder) -> Told:
    """A release weighs titles above loglines in the search: other orders of hits, the same times, nobody complains."""
    hour(b, b.between("search", 14.5, 16.0))
    fx.deploy(b, fx.PRODUCTION, b.onset_ms, "search: titles weigh more than loglines")
    after = since(b)
    fx.slow(b, Slow(key="weights", hits={"/api/pitches/search": 0.5}, span=after, factor=1.06, service="pitch"))
    fx.database(b, after, avgQueryTime=(1.03, 0.0))
    line(b, "pitch/search", 4.0, after, "ranking profile 'titles-first' in use, {n} candidates weighed")
    line(b, "pitch/search", 0.4, minutes(b, 6), "profile cache cold for genre {small}, filled", level="warn")
    scraps(b, ("/api/pitches/search",), 0.002, "cursor {hex} has an older page size, the page asks again without it")
    return Told()


def saturday(b: Builder) -> Told:
    """Saturday after breakfast: sofas, phones and tablets; posters that somebody made with a phone, too."""
    hour(b, b.between("saturday", 9.2, 10.6))
    fx.surge(b, since(b, 2.0, ramp_s=5400), b.between("sofas", 1.15, 1.4), (*PAGES, *LISTS))
    fx.vitals(b, since(b, 2.0), {"lcp": (1.06, 0.0), "ttfb": (1.04, 0.0)}, device=("mobile",))
    line(
        b,
        "upload/posters",
        b.between("posters", 0.8, 1.6),
        since(b, 2.0),
        "poster for {id} is only {n}0 px wide, shown with a frame",
        level="warn",
    )
    scraps(b, ("/api/upload/complete",), 0.006, "phone went away in the middle of part {small}, upload {hex} resumable")
    sign_ins(b, "saturday", 0.8, since(b, 2.0), 0.12, agents=PHONES)
    return Told()


def month_end(b: Builder) -> Told:
    """The last day of the month: subscriptions are renewed, receipts fetched, some cards have no money on them."""
    hour(b, b.between("month", 16.6, 18.2))
    paying = ("/api/payments/checkout", "/api/payments/webhook", "/api/investor/portfolio")
    span = since(b, 4.0, ramp_s=3600)
    fx.surge(b, span, b.between("paying", 1.5, 2.0), paying)
    who = homes(b, "receipts", 300)
    rate = b.between("receipts", 4.0, 7.0)
    guests(b, "/api/payments/receipts", rate, span, who, AGENTS, {200: 0.99, 404: 0.01}, took_ms=120.0)
    fx.database(b, span, queryCount=(1.2, 0.0), slowQueries=(1.0, 0.3))
    line(
        b,
        "payments/renewals",
        b.between("renewals", 1.0, 2.0),
        span,
        "renewal of {user}: bank wants a second look, mail sent, plan goes on for 7 days",
        "tax number of {user} could not be looked up before 18:00, asked again by night",
        level="warn",
    )
    line(b, "payments/renewals", 5.0, span, "renewal of {user} booked, receipt {id}")
    return Told()


def half_time(b: Builder) -> Told:
    """A final is on television: streets and pages are empty until half-time, then everybody looks in at once."""
    hour(b, b.between("final", 20.6, 21.2))
    fx.surge(b, Span(b.onset_ms - 48 * MINUTE, b.onset_ms, ramp_s=300), b.between("playing", 0.62, 0.75))
    fx.surge(b, minutes(b, 17, ramp_s=60), b.between("pause", 1.4, 1.75))
    line(b, "websocket/presence", 3.0, minutes(b, 17), "room {room} grew from {small} to {n} within a minute")
    line(
        b,
        "notification/queue",
        0.8,
        minutes(b, 8),
        "queue {n} deep, oldest {small} s, second consumer woken",
        level="warn",
    )
    scraps(b, ("/ws",), 0.004, "session {hex} dropped while the phone changed from wifi, resumed")
    return Told()


def full_drawer(b: Builder) -> Told:
    """The log's own query service holds too much to read it in one go, as known for weeks; users never see it."""
    hour(b, b.between("drawer", 15.3, 16.4))
    text = "Too many API requests by single worker invocation."
    share = b.between("drawer share", 0.2, 0.4)
    for path in ("/logs/query", "/logs/stats"):
        known = Behaviour(
            service="logs",
            path=path,
            start_ms=b.start_ms,
            end_ms=b.now_ms + DAY,
            share=share,
            status=500,
            kind="text",
            body=text,
        )
        fx.answer(b, known)
    scraps(b, ("/api/browse",), 0.0015, "shelf {hex} came back without its first row, the page asks again")
    sign_ins(b, "drawer", 0.6, since(b, 2.0), 0.15)
    return Told()


def figures_gap(b: Builder) -> Told:
    """The service of figures was released anew and missed two minutes; before and after they stand as always."""
    hour(b, b.between("gap", 10.2, 11.7))
    fx.deploy(b, "pitchey-apm", b.onset_ms, "histograms: finer steps below 50 ms")
    gap = minutes(b, 2.0)
    for what in ("metrics", "db_posts", "vitals"):
        fx.silence(b, Silence(key=f"gap {what}", what=what, span=gap))
    line(b, "apm/intake", 4.0, gap, "intake paused for the change of version, senders keep their points", level="warn")
    line(
        b, "apm/intake", 6.0, minutes(b, 1, after=2.0), "intake open, {n} senders back, points older than 60 s left out"
    )
    return Told()


SCENARIOS = (
    still("noon", "A weekday at noon", noon, ("triage", "error_rate", "monitoring"), (10, 25)),
    still("small_hours", "Before dawn", small_hours, ("outage", "database"), (8, 25), ("clock_skew",)),
    still(
        "search_release", "Another order of hits", search_release, ("triage", "performance"), (12, 30), ("logs_lost",)
    ),
    still("saturday", "Saturday after breakfast", saturday, ("triage", "frontend"), (15, 40), ("noisy_neighbour",)),
    still("month_end", "The last day of the month", month_end, ("triage", "database"), (15, 40), ("crawler_visit",)),
    still("half_time", "Half-time of a final", half_time, ("triage", "outage", "performance"), (5, 11)),
    still("full_drawer", "More log than one reading takes", full_drawer, ("triage", "outage"), (10, 30)),
    still(
        "figures_gap",
        "Two minutes without figures",
        figures_gap,
        ("monitoring", "triage"),
        (14, 35),
        ("slow_sidekick",),
    ),
)
