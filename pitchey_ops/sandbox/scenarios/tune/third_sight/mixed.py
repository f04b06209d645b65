"""Days of few people or many, with something missing or something odd beside, and nothing is wrong."""

from .... import effects as fx
from ....builder import DAY, HOUR, MINUTE, Builder, Fault, Silence, Span
from ....scenario import Told
from ....world import Behaviour
from ._parts import (
    EVERY_AGENT,
    READ,
    around,
    at_hour,
    audited,
    calm,
    festival,
    homes,
    newsletter,
    onward,
    told,
    visits,
)


def deep_night(b: Builder) -> Told:
    """Hardly anybody is awake: a tenth of the usual requests, since hours."""
    at_hour(b, 4.4)
    fx.surge(b, around(b, 5.0), b.between("few", 0.1, 0.2))
    return Told()


def saturday_peak(b: Builder) -> Told:
    """Saturday evening with rain: twice as many as on other evenings, for three hours already."""
    at_hour(b, 20.6)
    fx.surge(b, Span(b.onset_ms - 3 * HOUR, b.now_ms + 3 * HOUR, ramp_s=5400), b.between("rain", 1.8, 2.3))
    told(b, "rain", "websocket", "rooms", 3.0, around(b, 2.0), "room screening has {waiting} of 200 places taken",
         level="warn")  # fmt: skip
    return Told()


def holiday(b: Builder) -> Told:
    """A public holiday: offices are closed, investors away, and those who come watch rather than work."""
    at_hour(b, 11.0)
    fx.surge(b, around(b, 11.0), b.between("holiday", 0.35, 0.5))
    offices = ("/api/investor/portfolio", "/api/investor/interest", "/api/payments/checkout", "/api/creator/dashboard")
    fx.surge(b, around(b, 11.0), 0.25, offices)
    told(b, "holiday", "payments", "payouts", 0.5, around(b, 11.0), "payout batch skipped: TARGET2 closed today",
         level="warn")  # fmt: skip
    return Told()


def lossy_festival(b: Builder) -> Told:
    """The festival's office signs in, the newsletter is out, and three in a hundred lines of the log are lost."""
    at_hour(b, 10.0)
    festival(b, onward(b, ramp_s=300), 4.0)
    newsletter(b, onward(b, ramp_s=600), 1.6)
    return Told()


def no_pager(b: Builder) -> Told:
    """The pager's house refuses our reading token, which only says who is on call; the day is an ordinary one."""
    at_hour(b, 15.5)
    fx.answer(
        b,
        Behaviour(
            service="pagerduty",
            path="",
            start_ms=b.start_ms,
            end_ms=b.now_ms + 5 * HOUR,
            status=401,
            body={"error": {"message": "Access Denied", "code": 2006}},
        ),
    )
    fx.deploy(b, "pitchey-frontend", b.onset_ms, "new footer")
    return Told()


def catalogue_import(b: Builder) -> Told:
    """A distributor sends its catalogue: ten thousand titles by a program, some refused for their form."""
    at_hour(b, 13.0)
    span = onward(b, ramp_s=60)
    path = "/api/partner/titles"
    outcomes = {201: 0.86, 422: 0.1, 409: 0.04}
    agents = ("NordlichtImport/1.9 (python-httpx/0.28)",)
    visits(b, "import", path, b.between("titles", 40, 70), span, ("62.96.11.4",), agents, outcomes, method="POST")
    fx.database(b, span, queryCount=(1.6, 0.0), activeConnections=(1.2, 1.0), avgQueryTime=(1.1, 0.0))
    told(b, "import", "pitch", "import", 5.0, span, "title {id} refused: year is not a number (row {n})",
         "title {id} exists under another spelling, kept apart", level="warn")  # fmt: skip
    return Told()


def stopped_at_the_edge(b: Builder) -> Told:
    """A swarm of machines comes, and the edge's own wall stops every one of them; nobody inside notices."""
    at_hour(b, 16.7)
    span = onward(b, ramp_s=90)
    who = fx.strangers(b, "swarm", 220)
    agents = ("Mozilla/5.0 (X11; Linux) HeadlessChrome/118.0", "Java/1.8.0_292")
    visits(b, "swarm", "/api/browse", b.between("swarm", 180, 320), span, who, agents, {403: 1.0}, blocked=1.0,
           rule="managed-bot-fight", logged=0.0)  # fmt: skip
    told(b, "swarm", "security", "waf", 2.0, span, "blocked {waiting} requests of AS{id} at the edge", level="warn")
    return Told()


def curious_browser(b: Builder) -> Told:
    """A browser's new version asks each site for a file that hardly any site has: 404, a dozen a minute, all day."""
    at_hour(b, 19.7)
    path = "/.well-known/appspecific/com.chrome.devtools.json"
    visits(b, "curious", path, b.between("curious", 9, 16), around(b, 10.0), homes(b, "curious", 400), EVERY_AGENT,
           {404: 1.0})  # fmt: skip
    told(b, "curious", "frontend", "static", 4.0, around(b, 10.0), "no file for {page}/.well-known, 404 served",
         level="warn")  # fmt: skip
    return Told()


def day_after(b: Builder) -> Told:
    """Yesterday at this time many requests failed for half an hour; today it is written up, and all works."""
    at_hour(b, 12.0)
    start = b.now_ms - DAY - 20 * MINUTE
    fx.fail(
        b,
        Fault(key="yesterday", hits=fx.needing("database", 0.3), span=Span(start, start + 30 * MINUTE), status=500),
    )
    told(b, "write-up", "security", "audit", 0.2, around(b, 2.0), "draft of the review of yesterday's outage saved",
         level="info")  # fmt: skip
    return Told()


def everything_at_once(b: Builder) -> Told:
    """A release, a crawler, a chatty neighbour, a retried webhook and a lost tenth of the vitals, on a Friday."""
    at_hour(b, 17.6)
    fx.deploy(b, fx.PRODUCTION, b.onset_ms, "sort order of the inbox")
    audited(b, "many", b.onset_ms, "deploy approved by ines")
    fx.silence(b, Silence(key="vitals lost", what="vitals", span=around(b, 2.0), share=0.1))
    told(b, "webhook", "payments", "stripe", 2.0, around(b, 1.0), "event evt_{hex} delivered twice, second ignored",
         level="warn")  # fmt: skip
    fx.surge(b, onward(b), 1.2, READ)
    return Told()


SCENARIOS = (
    calm("third_deep_night", "Hardly anybody awake", deep_night, onset_min=(20, 40)),
    calm("third_saturday_peak", "A rainy Saturday", saturday_peak, onset_min=(20, 40)),
    calm("third_holiday", "A public holiday", holiday, onset_min=(20, 40)),
    calm("third_lossy_festival", "Mistypers, a mail and lost lines", lossy_festival, beside=("logs_lost",)),
    calm("third_no_pager", "A pager that we may not read", no_pager, onset_min=(10, 30)),
    calm("third_catalogue_import", "A distributor's catalogue", catalogue_import, onset_min=(20, 40)),
    calm("third_stopped_at_the_edge", "Stopped at the edge", stopped_at_the_edge, onset_min=(15, 35)),
    calm("third_curious_browser", "A curious browser", curious_browser, onset_min=(20, 40), beside=("clock_skew",)),
    calm("third_day_after", "The day after", day_after, onset_min=(20, 40)),
    calm(
        "third_everything_at_once",
        "Much at once",
        everything_at_once,
        onset_min=(15, 30),
        beside=("crawler_visit", "noisy_neighbour"),
    ),
)
