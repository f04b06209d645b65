"""Lively hours: people, programs and works beyond the ordinary, all of them welcome and all of them served."""

from .... import effects as fx
from ....builder import Builder, Slow, WorkerShift
from ....scenario import Told
from ._parts import (
    AGENTS,
    FILES,
    LISTS,
    PAGES,
    announced,
    guests,
    homes,
    hour,
    line,
    minutes,
    sign_ins,
    since,
    still,
)


def replica_swap(b: Builder) -> Told:
    """A reading copy of the database is changed for a bigger one, at the hour that was announced."""
    hour(b, b.between("swap", 4.9, 5.8))
    announced(b, 60, "05:00-06:00 reading copy fra-2 is replaced by fra-5 (more memory), no effect expected; Ines")
    announced(b, 1, "fra-2 leaves now, fra-5 warms up; Ines")
    works = minutes(b, b.between("works", 12, 18))
    fx.slow(b, Slow(key="swap", hits=fx.needing("database", 0.3), span=works, factor=1.12, service="database"))
    fx.database(b, works, avgQueryTime=(1.1, 0.0), activeConnections=(1.25, 0.5), p95QueryTime=(1.1, 0.0))
    line(
        b,
        "database/copies",
        2.5,
        works,
        "fra-2 takes no new readers, {small} left",
        "fra-5 is {ms} ms behind the primary, not among the readers yet",
        level="warn",
    )
    return Told()


def new_app(b: Builder) -> Told:
    """Version 6 of the app is in the stores: phones register anew, and a few very old ones are asked to update."""
    hour(b, b.between("app", 17.8, 19.2))
    span = since(b, 1.0, ramp_s=1800)
    new = ("Pitchey/6.0.0 (iOS 19.1; iPhone17,2)", "Pitchey/6.0.0 (Android 15; SM-S938B)")
    who = homes(b, "app", 600)
    rate = b.between("app", 9, 16)
    fx.surge(b, span, b.between("app rush", 1.15, 1.35), LISTS)
    guests(b, "/api/app/config", rate, span, who, new, {200: 1.0}, logged=0.4, took_ms=18.0)
    guests(b, "/api/app/devices", rate * 0.5, span, who, new, {201: 0.98, 409: 0.02}, method="POST", took_ms=55.0)
    old = ("Pitchey/3.9.4 (Android 11)",)
    guests(b, "/api/app/config", 0.5, span, homes(b, "old app", 25), old, {426: 1.0}, label="old ", logged=1.0)
    line(
        b,
        "notification/push",
        1.5,
        span,
        "push address of {user} changed with the new app, old one forgotten",
        level="warn",
    )
    line(b, "notification/push", 3.0, span, "app 6.0.0 on device {hex} says hello ({device})")
    return Told()


def archive_import(b: Builder) -> Told:
    """A film archive hands over its old titles by night, one after another; some of them we have already."""
    hour(b, b.between("archive", 22.2, 23.4))
    announced(b, 90, "tonight from 22:00: archive Lichtspiel sends about 6,000 titles (account partner-lichtspiel)")
    span = since(b, 0.2, ramp_s=120)
    agent = ("lichtspiel-handover/0.8 (libcurl 8.9)",)
    who = ("203.0.113.140",)
    rate = b.between("archive", 14, 24)
    outcomes = {201: 0.9, 200: 0.07, 409: 0.03}
    guests(b, "/api/partner/titles", rate, span, who, agent, outcomes, method="POST", logged=0.7, took_ms=95.0)
    fx.database(b, span, queryCount=(1.35, 0.0), avgQueryTime=(1.04, 0.0))
    line(b, "search-index/intake", 2.0, span, "intake {hex}: {n} titles of the archive taken into the next refresh")
    line(
        b,
        "pitch/intake",
        1.2,
        span,
        "title {id} has no year, put on the editors' list",
        "title {id} is known already under {id2}, kept ours",
        level="warn",
    )
    return Told()


def market_hall(b: Builder) -> Told:
    """Two hundred buyers sit in the hall of a film market, behind the hall's two addresses, and look around."""
    hour(b, b.between("hall", 10.3, 12.0))
    span = since(b, 0.3, ramp_s=1200)
    hall = ("192.0.2.61", "192.0.2.62")
    rate = b.between("hall", 1.8, 3.0)
    for path in (*PAGES[:2], *LISTS, *FILES, "/api/notifications"):
        guests(
            b,
            path,
            rate * b.between(f"hall {path}", 1.0, 2.2),
            span,
            hall,
            AGENTS,
            {200: 0.995, 404: 0.005},
            logged=0.3,
        )
    sign_ins(b, "hall", b.between("hall in", 1.5, 2.5), span, 0.07, hall)
    line(b, "auth/session", 1.0, span, "{user} is signed in at the hall and at home, both go on")
    return Told()


def talk_show(b: Builder) -> Told:
    """A talk show mentions the platform: more than twice the people within minutes, and machines enough for them."""
    hour(b, b.between("show", 19.8, 20.6))
    span = since(b, ramp_s=240)
    rush = b.between("show", 2.0, 2.7)
    fx.surge(b, span, rush, ("/", "/pitches", *FILES, *LISTS))
    fx.surge(b, span, 1.3, ("/login", "/api/auth/register", "/api/auth/verify", "/api/pitches/search"))
    fx.worker(b, WorkerShift(script=fx.PRODUCTION, span=span, cpu=1.06))
    fx.slow(b, Slow(key="show", hits=fx.of(LISTS, 0.3), span=minutes(b, 4), factor=1.2))
    line(
        b,
        "api-gateway/capacity",
        1.5,
        span,
        "more instances asked for, {n} of {n} serving after {small} s",
        "queue at the door empty, longest wait {ms} ms",
    )
    return Told()


def poster_purge(b: Builder) -> Told:
    """All posters got a new frame, so the edge forgets the old ones; a minute later it has the new ones."""
    hour(b, b.between("purge", 13.6, 14.8))
    announced(b, 3, "14:00 posters with the new frame: edge copies of /api/media and /pitches dropped once; Miro")
    short = minutes(b, b.between("purge", 0.9, 1.4))
    paths = ("/api/media/thumbnail", "/pitches", "/api/browse")
    b.edge_cache.append((paths, short, 0.1))
    fx.slow(b, Slow(key="purge", hits=fx.of(paths, 0.5), span=short, factor=1.3, add_ms=30.0))
    fx.vitals(b, short, {"lcp": (1.15, 0.0), "ttfb": (1.2, 0.0)}, url=("/pitches",))
    line(b, "upload/edge", 20.0, short, "poster {hex} not at the edge yet, sent from the store", level="warn")
    line(b, "upload/edge", 3.0, minutes(b, 2, after=2), "posters at the edge again: {n} of the last 60 s came from it")
    return Told()


def come_back(b: Builder) -> Told:
    """A kind letter to people who were away for a year: they forgot their passwords, ask for a link, and are in."""
    hour(b, b.between("letter", 9.6, 11.0))
    announced(b, 12, "letter 'your drafts miss you' goes out to 2,400 members until noon; Ines")
    span = since(b, ramp_s=600)
    rate = b.between("letter", 2.0, 3.4)
    who = homes(b, "letter", 500)
    ways = {"/api/auth/forgot": {202: 1.0}, "/api/auth/reset": {200: 0.97, 410: 0.03}}
    for path, outcomes in ways.items():
        guests(b, path, rate, span, who, AGENTS, outcomes, method="POST", logged=1.0, took_ms=140.0)
    sign_ins(b, "letter", rate, span, 0.11)
    fx.surge(b, span, 1.25, ("/", "/login", "/dashboard", "/api/creator/dashboard"))
    line(b, "email/letters", 6.0, span, "letter 'drafts' taken over by the mail house for {email}")
    line(
        b,
        "auth/links",
        0.4,
        span,
        "second link for {user} within the hour, the first one no longer opens",
        level="warn",
    )
    return Told()


def second_watcher(b: Builder) -> Told:
    """We try another house that watches sites: twelve cities ask all day, one of the paths is not ours."""
    hour(b, b.between("watcher", 12.8, 14.2))
    announced(b, 30, "trial of Leuchtturm monitoring, 12 cities, 30 s; path /status to be corrected; Dana")
    span = since(b, 0.4)
    cities = fx.strangers(b, "cities", 12, "198.51.100.")
    agent = ("LeuchtturmBot/4.2 (availability; +https://leuchtturm.example/bot)",)
    for path, outcome, method in (("/api/health", 200, "GET"), ("/", 200, "HEAD"), ("/status", 404, "GET")):
        guests(
            b, path, b.between(f"watch {path}", 5, 9), span, cities, agent, {outcome: 1.0}, method=method, took_ms=9.0
        )
    line(b, "monitoring/trial", 0.5, span, "Leuchtturm and our own probe agree for the last {n} min")
    line(
        b,
        "monitoring/trial",
        0.3,
        span,
        "Leuchtturm: /status is 404 in {small} cities (known, path is wrong)",
        level="warn",
    )
    return Told()


SCENARIOS = (
    still("replica_swap", "A reading copy replaced", replica_swap, ("database", "triage"), (6, 25)),
    still("new_app", "Version 6 of the app", new_app, ("triage", "frontend"), (15, 40)),
    still(
        "archive_import",
        "An archive hands over titles",
        archive_import,
        ("triage", "database"),
        (15, 45),
        ("unrelated_deployment",),
    ),
    still("market_hall", "The hall of a film market", market_hall, ("security", "triage"), (20, 45)),
    still("talk_show", "Named in a talk show", talk_show, ("triage", "outage", "performance"), (7, 18)),
    still(
        "poster_purge", "Posters with a new frame", poster_purge, ("performance", "frontend"), (12, 30), ("logs_lost",)
    ),
    still("come_back", "A letter to those who were away", come_back, ("triage", "security"), (15, 40)),
    still("second_watcher", "Another house watches us", second_watcher, ("monitoring", "triage"), (20, 45)),
)
