"""Machines that guess what opens a door, and machines that carry away what lies open."""

from .... import effects as fx
from ....builder import Builder, Entry
from ....scenario import Told
from ._parts import ATTACKS, at_hour, grey_library, sleepy_tabs, stranger, told, visits

LOGIN = "/api/auth/login"


def token_door(b: Builder) -> Told:
    """Beside the form there is a door for programs, where passwords may be handed in too: there the list is tried."""
    at_hour(b, 2.8)
    sleepy_tabs(b)
    span = b.until_mended(b.onset_ms, ramp_s=90.0)
    path = "/api/oauth/token"
    visits(
        b,
        "token door",
        path,
        b.between("rate", 62, 88),
        span,
        fx.strangers(b, "token door", 44, "193.32.162."),
        ("okhttp/3.14.9", "Dart/3.5 (dart:io)"),
        {400: 0.962, 429: 0.035, 200: 0.003},
        method="POST",
        logged=0.8,
        service="auth",
        took_ms=215.0,
        blocked=0.12,
        rule="ratelimit-oauth",
        entries=(
            Entry(
                service="auth",
                level="warn",
                component="oauth",
                share=0.7,
                metadata='{{"event":"token_refused","grant_type":"password","error":"invalid_grant"}}',
                texts=(
                    "invalid_grant: resource owner {email} could not be authenticated (client pitchey-ios-legacy)",
                    "invalid_grant for {email}, {small} earlier refusals",
                ),
            ),
        ),
    )
    told(
        b,
        "token door sum",
        "auth",
        "oauth",
        0.6,
        span,
        "grant password: {waiting} refused, 0 to {small} issued a minute",
        level="warn",
    )
    return Told(services=("auth",), routes=(path,), severity="P1")


def patient_guess(b: Builder) -> Told:
    """A dozen tries a minute, never two in a row from one address or for one name: each alone looks like a slip."""
    at_hour(b, 10.9)
    grey_library(b)
    span = b.until_mended(b.onset_ms, ramp_s=900.0)
    rng = b.rng("patient guess")
    accounts = [f"u{i:05d}" for i in rng.choice(5000, 420, replace=False).tolist()]
    who = [*fx.strangers(b, "patient 1", 90, "45.88.186."), *fx.strangers(b, "patient 2", 90, "45.88.187.")]
    visits(
        b,
        "patient guess",
        LOGIN,
        b.between("rate", 11.0, 15.0),
        span,
        who,
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/64.0.3282.140 Edge/18.17763",),
        {401: 0.994, 200: 0.006},
        method="POST",
        logged=1.0,
        accounts=accounts,
    )
    told(
        b,
        "patient locks",
        "auth",
        "sperre",
        1.1,
        span,
        "Konto {user} für 15 min gesperrt: 4 Fehlversuche seit gestern, zuletzt aus 45.88.186.0/23 (Hosting)",
        "Anmeldeversuch mit 'Herbst2026!' für {user} abgewiesen (Liste häufiger Kennwörter)",
        level="warnung",
    )
    return Told(services=("auth",), routes=(LOGIN,), severity="P1")


def day_by_day(b: Builder) -> Told:
    """Somebody asks the search for each day since it began, all pages of it, oldest first, from one rented rack."""
    at_hour(b, 5.9)
    span = b.until_mended(b.onset_ms)
    path = "/api/pitches/search"
    visits(
        b,
        "day by day",
        path,
        b.between("rate", 58, 80),
        span,
        fx.strangers(b, "day by day", 31, "159.69.84."),
        ("colly - https://github.com/gocolly/colly/v2",),
        {200: 0.99, 404: 0.01},
        urls=(
            path + "?created_from=2021-0{small}-1{small}&days=1&sort=oldest&page={n}",
            path + "?created_from=2022-0{small}-2{small}&days=1&sort=oldest&page={n}",
        ),
        logged=0.5,
        took_ms=150.0,
    )
    told(
        b,
        "day by day pages",
        "pitch",
        "search",
        1.5,
        span,
        "filter created_from without text used {waiting} times in 5 min, no page of the site does that",
        level="info",
    )
    fx.database(b, span, queryCount=(1.9, 0.0), avgQueryTime=(1.15, 0.0))
    return Told(services=("pitch",), routes=(path,), severity="P3")


def collector(b: Builder) -> Told:
    """Stills in full size and the texts beside them go into somebody's collection, more each minute, day and night."""
    at_hour(b, 14.2)
    grey_library(b)
    span = b.until_mended(b.onset_ms, ramp_s=1300.0)
    who = [*fx.strangers(b, "collector 1", 26, "51.159.204."), *fx.strangers(b, "collector 2", 26, "163.172.90.")]
    agents = ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:72.0) Gecko/20100101 Firefox/72.0 (compatible; img2dataset)",)
    for path, urls, per_min in (
        ("/api/media/thumbnail", ("/api/media/thumbnail?id={hex}&w=2048&fmt=jpg",), 85.0),
        ("/api/pitches", ("/api/pitches/{id}?fields=logline,synopsis,cast", "/api/pitches/{id}?fields=stills"), 45.0),
    ):
        outcomes = {200: 0.93, 404: 0.07}
        visits(b, f"collector {path}", path, per_min, span, who, agents, outcomes, urls=urls, logged=0.5, took_ms=75.0)
    told(
        b,
        "collector notes",
        "security",
        "bots",
        0.9,
        span,
        "robots.txt and ai.txt refuse img2dataset, X-Robots-Tag noai sent, 51.159.204.{n} goes on",
        "media egress of the last 10 min: {n} GB, usual {small} GB",
        level="info",
    )
    fx.database(b, span, queryCount=(1.35, 0.0))
    return Told(services=("upload", "pitch"), routes=("/api/media/thumbnail", "/api/pitches"), severity="P3")


SCENARIOS = (
    stranger("second_token_door", "The door for programs", "brute_force", token_door, ATTACKS, onset_min=(16, 30)),
    stranger(
        "second_patient_guess",
        "A patient guesser",
        "brute_force",
        patient_guess,
        ATTACKS,
        onset_min=(42, 55),
        beside=("few_typists",),
    ),
    stranger(
        "second_day_by_day",
        "Every day since the first",
        "scraping",
        day_by_day,
        ATTACKS,
        onset_min=(28, 48),
        beside=("noisy_neighbour",),
    ),
    stranger(
        "second_collector",
        "A collection of stills and texts",
        "scraping",
        collector,
        ATTACKS,
        onset_min=(40, 58),
        beside=("crawler_visit",),
    ),
)
