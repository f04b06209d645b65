"""One client that passes for many, or asks in a way that nobody counts."""

from .... import effects as fx
from ....builder import Builder, Entry
from ....scenario import Told
from ..second_sight._parts import ATTACKS, at_hour, knocking, sleepy_tabs, stranger, told, visits

CAUSE = "rate_limit_bypass"


def wide_prefix(b: Builder) -> Told:
    """Limits count each IPv6 address; one customer of a hoster has more of them than there are stars."""
    at_hour(b, 14.2)
    span = b.until_mended(b.onset_ms, ramp_s=60.0)
    path = "/api/pitches/search"
    addresses = [f"2a0e:b107:740:{i:x}::{i * 7919 % 65521:x}" for i in range(1, 900)]
    visits(
        b,
        "wide prefix",
        path,
        b.between("rate", 95, 140),
        span,
        addresses,
        ("node-fetch/3.3.2 (+https://github.com/node-fetch/node-fetch)",),
        {200: 0.985, 429: 0.015},
        urls=(path + "?q={hex}&page={small}",),
        logged=0.4,
        metadata='{{"prefix":"2a0e:b107:740::/48","bucket":"{ip}","left":59,"of":60}}',
        took_ms=150.0,
        entries=(
            Entry(
                service="api-gateway",
                level="info",
                component="limiter",
                share=0.2,
                most_per_min=10,
                texts=(
                    "new bucket for {ip}, 59 of 60 left ({waiting} buckets made in the last minute, all of one /48)",
                ),
            ),
        ),
    )
    fx.database(b, span, queryCount=(1.6, 0.0), avgQueryTime=(1.1, 0.0))
    return Told(services=("api-gateway", "pitch"), routes=(path,), severity="P3")


def said_so_itself(b: Builder) -> Told:
    """The limiter believes the first address of a header that the client writes itself, another one each time."""
    at_hour(b, 22.3)
    sleepy_tabs(b)
    span = b.until_mended(b.onset_ms)
    path = "/api/browse"
    visits(
        b,
        "said so itself",
        path,
        b.between("rate", 150, 210),
        span,
        fx.strangers(b, "said so itself", 600),
        ("curl/8.14.1",),
        {200: 0.99, 429: 0.01},
        urls=(path + "?sort=new&offset={id}",),
        logged=0.3,
        metadata='{{"x-forwarded-for":"{ip}, 193.142.59.14","ja4":"t13d1516h2_8daaf6152771","client":"xff[0]"}}',
        took_ms=95.0,
    )
    told(
        b,
        "hops",
        "api-gateway",
        "proxy",
        2.0,
        span,
        "x-forwarded-for has {small} hops, the edge adds one: leftmost taken as client (peer 193.142.59.14)",
        level="debug",
    )
    fx.database(b, span, queryCount=(1.5, 0.0))
    return Told(services=("api-gateway", "browse"), routes=(path,), severity="P3")


def forty_trials(b: Builder) -> Told:
    """Forty trial accounts of one evening, made at two addresses, and each stays just below what it may."""
    at_hour(b, 19.0)
    knocking(b)
    span = b.until_mended(b.onset_ms, ramp_s=240.0)
    path = "/api/creator/pitches"
    for i in range(40):
        visits(
            b,
            f"trial {i}",
            path,
            b.between(f"rate {i}", 2.6, 3.0),
            span,
            ["45.131.194.20", "45.131.194.21"],
            ("python-httpx/0.28.1",),
            {200: 0.995, 429: 0.005},
            urls=(path + "?all=1&limit=100&after={hex}",),
            logged=0.5,
            user=f"trial-{7300 + i}",
            metadata='{{"plan":"trial","account":"' + f"trial-{7300 + i}" + '","minute":"{small} of 30"}}',
            took_ms=130.0,
        )
    told(
        b,
        "trials",
        "auth",
        "accounts",
        1.5,
        span,
        "{waiting} trial accounts active from 45.131.194.20/31, none over its own limit of 30 a minute",
        level="info",
    )
    fx.database(b, span, queryCount=(1.5, 0.0), activeConnections=(1.1, 0.0))
    return Told(services=("api-gateway", "creator"), routes=(path,), severity="P3")


def other_spelling(b: Builder) -> Told:
    """A route is counted by how it is written; written with a slash more, it is served and not counted."""
    at_hour(b, 10.6)
    span = b.until_mended(b.onset_ms, ramp_s=30.0)
    path = "/api/pitches/trending"
    visits(
        b,
        "other spelling",
        path,
        b.between("rate", 170, 230),
        span,
        fx.strangers(b, "other spelling", 2, "91.240.118."),
        ("axios/1.12.2",),
        {200: 0.99, 404: 0.01},
        urls=("/api//pitches/./trending?r={hex}", "/api/pitches/trending/?r={hex}", "/api/pitches/%74rending?r={hex}"),
        logged=0.35,
        metadata='{{"rule":"none matched","normalised":"/api/pitches/trending"}}',
        took_ms=70.0,
    )
    fx.database(b, span, queryCount=(1.2, 0.0))
    return Told(services=("api-gateway", "pitch"), routes=(path,), severity="P3")


SCENARIOS = (
    stranger("faint_wide_prefix", "More addresses than stars", CAUSE, wide_prefix, ATTACKS, onset_min=(20, 34)),
    stranger(
        "faint_said_so_itself", "An address of one's own choice", CAUSE, said_so_itself, ATTACKS, onset_min=(24, 38)
    ),
    stranger("faint_forty_trials", "Forty trials of one evening", CAUSE, forty_trials, ATTACKS, onset_min=(30, 44)),
    stranger("faint_other_spelling", "A slash too many", CAUSE, other_spelling, ATTACKS, onset_min=(16, 28)),
)
