"""Days that only look up for a moment: people work, machines knock, something is rehearsed, and users are served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ... import effects as fx
from ...builder import DAY, HOUR, MINUTE, Builder, Crowd, Entry, Fault, Silence, Slow, Span
from ...platform import BROWSERS
from ...scenario import Scenario, Steps, Told
from ...world import Behaviour

ANY_BROWSER = tuple(agent for agent, _ in BROWSERS)
DESKTOPS = (BROWSERS[0][0], BROWSERS[3][0])


def _clock_at(b: Builder, hour: float) -> None:
    """Move the audience's daily rhythm so that it is *hour* o'clock (0-24) for them now."""
    shift = round(((b.now_ms % DAY) / HOUR - hour) % 24 * 60)
    index = np.arange(len(b.level)) - shift
    b.level = b.level[np.where(index < 0, index + DAY // MINUTE, index)]


def _from_onset(b: Builder, **shape: float) -> Span:
    """Return the time from the onset until hours after now."""
    return Span(b.onset_ms, b.now_ms + 6 * HOUR, **shape)


def _lines(
    b: Builder, key: str, who: tuple[str, str], per_min: float, span: Span, *texts: str, level: str = "info"
) -> None:
    """Let a component of a service (*who*) write one of *texts* now and then."""
    service, component = who
    entry = Entry(service=service, component=component, level=level, texts=texts, request=False)
    fx.say(b, f"lull {key}", entry, per_min, span)


def _callers(
    b: Builder,
    key: str,
    route: str,
    per_min: float,
    span: Span,
    addresses: Sequence[str],
    outcomes: Mapping[int, float],
    **more: Any,
) -> None:
    """Let somebody call *route* beyond the ordinary; *more* are further fields of `Crowd`."""
    agents = more.pop("agents", ANY_BROWSER)
    one = Crowd(
        key=f"lull {key}",
        route=route,
        per_min=per_min,
        span=span,
        addresses=addresses,
        agents=agents,
        outcomes=outcomes,
        **more,
    )
    fx.crowd(b, one)


def _slips(b: Builder, per_min: float = 0.3) -> None:
    """All week somebody types a password wrong now and then, at home, and right the next time."""
    _callers(
        b,
        "slips",
        "/api/auth/login",
        per_min,
        b.always(),
        fx.strangers(b, "lull slips", 40),
        {401: 0.5, 200: 0.5},
        method="POST",
        accounts=tuple(f"u{(37 + 11 * i) % 5000:05d}" for i in range(400)),
        logged=1.0,
        users=True,
    )


def four_at_night(b: Builder) -> Told:
    """Hardly anybody is awake; the week's statistics of the tables are taken anew, and an old sitemap is replaced."""
    _clock_at(b, b.between("hour", 3.6, 4.5))
    span = Span(b.onset_ms, b.onset_ms + int(b.between("analyze", 6, 9) * MINUTE), ramp_s=40)
    _lines(
        b,
        "analyze",
        ("database", "upkeep"),
        b.between("tables", 3, 5),
        span,
        "ANALYZE {table}: sampled {size} rows, planner statistics replaced",
        "ANALYZE {table} put off, row counts moved by less than a tenth",
    )
    fx.database(b, span, queryCount=(1.25, 0.0), avgQueryTime=(1.08, 0.0))
    _lines(
        b,
        "sitemap",
        ("search-index", "sitemap"),
        1.2,
        _from_onset(b),
        "sitemap part {small} written, {n} urls dropped because their pitch is a draft again",
    )
    _lines(
        b,
        "twice",
        ("payments", "webhooks"),
        0.6,
        b.always(),
        "event evt_{hex} came twice, the second put aside",
        "event evt_{hex} came before its charge, looked at again after {small} s and booked",
        level="warn",
    )
    return Told()


def sunday_brunch(b: Builder) -> Told:
    """Late on a Sunday morning people read on the sofa; infra was released by its robot, and a mail house dawdles."""
    _clock_at(b, b.between("hour", 10.4, 11.6))
    _slips(b)
    fx.deploy(b, "pitchey-infra", b.onset_ms, "weekly base image", author="ci@pitchey.example")
    fx.surge(b, _from_onset(b, ramp_s=1500), b.between("sofa", 1.15, 1.4), ("/pitches", "/api/pitches", "/api/browse"))
    _lines(
        b,
        "greylisted",
        ("email", "sender"),
        b.between("grey", 1.0, 2.2),
        Span(b.onset_ms - 2 * HOUR, b.now_ms + 2 * HOUR),
        "{domain} greylists newcomers (450 4.2.0), {template} for {email} waits {n} s",
        "{template} for {email} accepted by {domain} at the second knock",
        level="warn",
    )
    _lines(
        b,
        "infra boot",
        ("infra", "boot"),
        3.0,
        Span(b.onset_ms, b.onset_ms + 3 * MINUTE),
        "old isolate retired after its last answer, {small} left",
    )
    return Told()


def sampled_vitals(b: Builder) -> Told:
    """Since a release of the site only every third page view sends its vitals, as the team had decided."""
    _clock_at(b, b.between("hour", 15.0, 16.5))
    _slips(b)
    fx.deploy(b, "pitchey-frontend", b.onset_ms, "beacons: keep one page view in three")
    fx.silence(b, Silence(key="lull beacons", what="vitals", span=_from_onset(b), share=0.66))
    _lines(
        b,
        "beacons",
        ("frontend", "beacon"),
        b.between("beacons", 2, 4),
        _from_onset(b),
        "vitals of {page} not drawn (rate 0.33, {browser})",
        level="debug",
    )
    _lines(
        b,
        "autoplay",
        ("frontend", "player"),
        1.3,
        b.always(),
        "NotAllowedError: play() needs a gesture first, showing the still ({browser})",
        level="warn",
    )
    return Told()


def competition_closes(b: Builder) -> Told:
    """A short film competition closes at midnight: thrice the uploads, a few films too large, sent again smaller."""
    _clock_at(b, b.between("hour", 22.6, 23.4))
    span = _from_onset(b, ramp_s=900)
    factor = b.between("entries", 2.4, 3.2)
    fx.surge(b, span, factor, ("/api/upload/presign", "/api/upload/complete", "/api/pitches/create"))
    fx.surge(b, span, 1.5, ("/dashboard", "/api/creator/dashboard", "/api/creator/pitches"))
    large = Entry(
        level="info",
        component="limits",
        texts=("film of {user} is {size} kB, over the competition's limit; export settings suggested",),
    )
    fx.fail(
        b,
        Fault(
            key="lull too large",
            hits={"/api/upload/complete": 0.06},
            span=span,
            status=413,
            body={"success": False, "message": "File too large"},
            entries=(large,),
        ),
    )
    fx.slow(b, Slow(key="lull parts", hits={"/api/upload/complete": 0.5}, span=span, factor=1.3, add_ms=60.0))
    _lines(
        b,
        "isolates",
        ("upload", "scaler"),
        0.8,
        span,
        "{small} more upload isolates warmed for short-film-award, queue empty",
    )
    return Told()


def new_building(b: Builder) -> Told:
    """A production house moved: its sixty people come from one new address, and a few mistype at new keyboards."""
    _clock_at(b, b.between("hour", 8.8, 9.6))
    house = ("203.0.113.140",)
    accounts = tuple(f"u{(1460 + 3 * i) % 5000:05d}" for i in range(60))
    first = Span(b.onset_ms, b.onset_ms + int(b.between("arrive", 14, 20) * MINUTE))
    _callers(
        b,
        "house in",
        "/api/auth/login",
        b.between("arrivals", 2.4, 3.6),
        first,
        house,
        {200: 0.9, 401: 0.1},
        method="POST",
        accounts=accounts,
        logged=1.0,
        agents=DESKTOPS,
    )
    _callers(b, "house reads", "/api/browse", 14.0, _from_onset(b, ramp_s=600), house, {200: 1.0}, agents=DESKTOPS)
    _callers(b, "house ws", "/ws", 2.0, first, house, {101: 1.0}, agents=DESKTOPS)
    _lines(
        b,
        "house place",
        ("auth", "places"),
        2.2,
        first,
        "{user} comes from a place not seen before (203.0.113.140), confirmed with the phone",
        "notice about a new place sent to {email}",
    )
    return Told()


def rehearsed_load(b: Builder) -> Told:
    """Our own load generator rehearses next week's market, as announced: double the reading, every answer good."""
    _clock_at(b, b.between("hour", 10.2, 11.8))
    start = Span(b.onset_ms - 2 * MINUTE, b.onset_ms)
    _lines(
        b,
        "rehearsal",
        ("security", "audit"),
        2.5,
        start,
        "load rehearsal market-week approved by miro, generators 198.51.100.200-207, stops by itself at 2x",
    )
    generators = [f"198.51.100.{n}" for n in range(200, 208)]
    span = _from_onset(b, ramp_s=420)
    for path, rate in (("/api/browse", 26.0), ("/api/pitches", 24.0), ("/api/pitches/trending", 16.0), ("/", 18.0)):
        _callers(
            b,
            f"generator {path}",
            path,
            rate * b.between(f"stage {path}", 0.8, 1.2),
            span,
            generators,
            {200: 1.0},
            agents=("k6/1.4.0 (https://k6.io/; pitchey market-week)",),
            logged=0.2,
        )
    fx.database(b, span, queryCount=(1.4, 0.0), activeConnections=(1.15, 1.0))
    _lines(
        b,
        "stages",
        ("apm", "k6"),
        0.5,
        span,
        "market-week stage {small}: p(95)={ms} ms, all checks green",
    )
    return Told()


def archive_replay(b: Builder) -> Told:
    """A web archive shows last winter's site to its readers; its pages ask us for bundles that ended long ago."""
    _clock_at(b, b.between("hour", 17.0, 18.4))
    span = Span(b.onset_ms - int(b.between("since", 5, 11) * HOUR), b.now_ms + 6 * HOUR)
    readers = fx.strangers(b, "replay", 40)
    outcomes = {404: 1.0}
    for path in ("/assets/index-0a77d3c5.js", "/assets/index-58ee10bd.css"):
        _callers(
            b,
            f"replay {path}",
            path,
            b.between(f"replay {path}", 0.7, 1.2),
            span,
            readers,
            outcomes,
            service="frontend",
            logged=0.5,
            took_ms=9.0,
            metadata='{{"referer":"https://replay.webmuseum.example/20251211/pitchey"}}',
        )
    _lines(
        b,
        "museum",
        ("frontend", "static"),
        0.8,
        span,
        "referer replay.webmuseum.example wants a bundle of release 1.{n}, retired; plain 404 without fallback",
    )
    return Told()


def pager_rehearsal(b: Builder) -> Told:
    """The pager is rehearsed as every month: test pages ring, are marked as tests, and the people on call answer."""
    _clock_at(b, b.between("hour", 13.8, 14.8))
    span = Span(b.onset_ms, b.onset_ms + int(b.between("rings", 10, 14) * MINUTE))
    _lines(
        b,
        "rings",
        ("alerts", "rehearsal"),
        1.2,
        span,
        "[REHEARSAL] critical page {hex} to the first on call, please answer within 5 min",
        "[REHEARSAL] page {hex} answered by phone after {n} s",
        level="warn",
    )
    _lines(
        b,
        "calendar",
        ("monitoring", "calendar"),
        0.4,
        span,
        "entry 'monthly pager rehearsal' is running, pages marked REHEARSAL mean nothing else",
    )
    fx.answer(
        b,
        Behaviour(service="alerts", path="", start_ms=span.start_ms, end_ms=span.end_ms, latency_ms=180.0),
    )
    return Told()


def analyst_branch(b: Builder) -> Told:
    """An analyst reckons the year on a branch of the database, with queries of minutes; production feels nothing."""
    _clock_at(b, b.between("hour", 11.0, 12.2))
    _lines(
        b,
        "branch made",
        ("security", "audit"),
        4.0,
        Span(b.onset_ms - MINUTE, b.onset_ms),
        "branch yearly-review of the database made by dana, own compute, removed on Friday",
    )
    _lines(
        b,
        "branch",
        ("reporting", "branch"),
        b.between("queries", 2.5, 5.0),
        _from_onset(b),
        "yearly-review: join over all of {table} took {long_ms} ms on the branch's own compute",
        "yearly-review: query {hex} cancelled by its author, columns were wrong",
        "yearly-review: spilled {size} kB to the branch's disk while sorting",
        level="warn",
    )
    return Told()


def thumbnail_blip(b: Builder) -> Told:
    """An hour and a half ago some thumbnails failed for less than a minute; browsers asked again, and it was over."""
    _clock_at(b, b.between("hour", 18.8, 19.8))
    start = b.now_ms - int(b.between("ago", 84, 110) * MINUTE)
    span = Span(start, start + 50_000)
    unread = Entry(
        level="error",
        component="images",
        texts=("thumbnail {hex}: body ended after {n} kB, asked the bucket once more in vain",),
    )
    fx.fail(
        b,
        Fault(
            key="lull thumbnails",
            hits={"/api/media/thumbnail": 0.7},
            span=span,
            status=503,
            took_ms=350.0,
            body={"success": False, "message": "Please retry"},
            entries=(unread,),
        ),
    )
    _lines(
        b,
        "well again",
        ("upload", "images"),
        2.0,
        Span(span.end_ms, span.end_ms + 2 * MINUTE),
        "bucket media reads whole objects again, stills given back to their pages",
    )
    return Told()


def _lull(name: str, title: str, steps: Steps, runbooks: tuple[str, ...], **more: Any) -> Scenario:
    """Return a control of this module."""
    return Scenario(
        name=f"lull_{name}", title=title, cause="none", steps=steps, split="judge", seeds=2, runbooks=runbooks, **more
    )


SCENARIOS: tuple[Scenario, ...] = (
    _lull(
        "four_at_night",
        "Statistics of the tables before dawn",
        four_at_night,
        ("database", "triage"),
        onset_min=(10, 20),
        beside=("logs_lost",),
    ),
    _lull(
        "sunday_brunch",
        "A late Sunday morning",
        sunday_brunch,
        ("performance", "triage"),
        onset_min=(20, 45),
        beside=("crawler_visit",),
    ),
    _lull("sampled_vitals", "Fewer beacons on purpose", sampled_vitals, ("frontend", "monitoring"), onset_min=(15, 40)),
    _lull(
        "competition_closes",
        "The last hour of a competition",
        competition_closes,
        ("error_rate", "performance"),
        onset_min=(20, 40),
    ),
    _lull(
        "new_building",
        "A production house at a new address",
        new_building,
        ("security", "triage"),
        onset_min=(22, 40),
        beside=("clock_skew",),
    ),
    _lull("rehearsed_load", "A rehearsal of load", rehearsed_load, ("performance", "outage"), onset_min=(15, 30)),
    _lull("archive_replay", "A web archive asks for old bundles", archive_replay, ("frontend", "triage")),
    _lull(
        "pager_rehearsal", "The pager's monthly rehearsal", pager_rehearsal, ("monitoring", "triage"), onset_min=(8, 18)
    ),
    _lull("analyst_branch", "Long queries on a branch", analyst_branch, ("database", "triage"), onset_min=(15, 35)),
    _lull("thumbnail_blip", "A blip that ended long ago", thumbnail_blip, ("outage", "error_rate"), onset_min=(15, 30)),
)
