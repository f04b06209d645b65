"""One who passes for many: by addresses, headers, keys, tokens or customers, below every limit that counts them."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Entry, Span
from ....scenario import Told
from ._parts import ATTACKS, at_hour, fault, homes, told, visits

CAUSE = "rate_limit_bypass"
SEARCH, BROWSE, PITCHES = "/api/pitches/search", "/api/browse", "/api/pitches"
PORTFOLIO = "/api/investor/portfolio"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)


def says(component: str, level: str, *texts: str) -> tuple[Entry, ...]:
    """Return what the gateway says of some of the requests of a crowd."""
    return (Entry(service="api-gateway", level=level, component=component, share=0.2, most_per_min=10, texts=texts),)


def whole_street(b: Builder) -> Told:
    """Every address of one small network asks twice a minute, by turns, with one and the same handshake."""
    at_hour(b, 14.7)
    span = b.until_mended(b.onset_ms, ramp_s=120.0)
    visits(
        b,
        "whole street",
        BROWSE,
        b.between("rate", 150, 210),
        span,
        fx.strangers(b, "whole street", 240, "185.246.130."),
        (CHROME,),
        {200: 0.996, 429: 0.004},
        urls=(BROWSE + "?genre=drama&offset={id}&limit=48",),
        logged=0.4,
        metadata='{{"ratelimit":"60;w=60","remaining":5{small},"ja4":"t13d1516h2_8daaf6152771_b186095e22b6"}}',
        took_ms=92.0,
        entries=says(
            "ratelimit",
            "info",
            "ratelimit: key=ip:{ip} hits=2 limit=60 window=60s allowed",
            "ratelimit: new key ip:{ip}, {waiting} keys of 185.246.130.0/24 alive, sum {id} hits in 10 min",
        ),
    )
    fx.database(b, span, queryCount=(1.5, 0.0), avgQueryTime=(1.06, 0.0))
    return Told(services=("api-gateway", "browse"), routes=(BROWSE,), severity="P3")


def every_header(b: Builder) -> Told:
    """One client was held back for an hour; then it writes another's address into three headers, and is not."""
    at_hour(b, 22.1)
    span = b.until_mended(b.onset_ms)
    who, agents, urls = ("45.153.34.71",), ("Go-http-client/2.0",), (SEARCH + "?q={hex}&page={small}",)
    before = Span(b.onset_ms - HOUR, b.onset_ms + MINUTE)
    visits(b, "held back", SEARCH, 50.0, before, who, agents, {429: 0.86, 200: 0.14}, urls=urls, took_ms=12.0)
    visits(
        b,
        "every header",
        SEARCH,
        b.between("rate", 140, 190),
        span,
        who,
        agents,
        {200: 0.99, 429: 0.01},
        urls=urls,
        logged=0.4,
        metadata='{{"x-forwarded-for":"{ip}","true-client-ip":"{ip}","x-real-ip":"{ip}","socket":"45.153.34.71"}}',
        took_ms=185.0,
    )
    told(
        b,
        "every header says",
        "api-gateway",
        "express-rate-limit",
        1.5,
        span,
        "ValidationError: The Express 'trust proxy' setting is true, which allows anyone to trivially bypass IP-based "
        "rate limiting. code: 'ERR_ERL_PERMISSIVE_TRUST_PROXY'",
        "req.ip={ip} differs from socket 45.153.34.71, counted as {ip} (1 of 30)",
        level="warn",
    )
    fx.database(b, span, queryCount=(1.8, 0.0), avgQueryTime=(1.25, 0.0), p95QueryTime=(1.3, 0.0))
    return Told(services=("api-gateway", "pitch"), routes=(SEARCH,), severity="P3")


def ring_of_keys(b: Builder) -> Told:
    """One customer makes a new key whenever the last one is refused, every few minutes, and asks on without a pause."""
    at_hour(b, 10.4)
    span = b.until_mended(b.onset_ms)
    minutes = 6
    for i in range(34):
        start = b.onset_ms + i * minutes * MINUTE
        part = Span(min(start, span.end_ms), min(start + minutes * MINUTE, span.end_ms))
        visits(
            b,
            f"key {i}",
            PORTFOLIO,
            b.between(f"rate {i}", 78, 96),
            part,
            ("89.58.14.202", "89.58.14.203"),
            ("python-requests/2.32.5",),
            {200: 0.93, 429: 0.07},
            urls=(PORTFOLIO + "?holder={id}&as_of=2026-0{small}-01",),
            logged=0.5,
            user="u01442",
            metadata=f'{{{{"consumer":"u01442","key":"pk_live_{i:02d}{{hex}}","x-ratelimit-limit-hour":"500"}}}}',
            took_ms=138.0,
        )
    told(
        b,
        "ring of keys",
        "api-gateway",
        "key-auth",
        1.6,
        span,
        "API rate limit exceeded for key of u01442 (500 per hour); next request with another key of u01442 accepted",
        "consumer u01442: key {n} of the day issued, quota 500 of 500 left, first use {small} s later",
        level="info",
    )
    fx.database(b, span, queryCount=(1.6, 0.0), activeConnections=(1.1, 0.0))
    return Told(services=("api-gateway", "investor"), routes=(PORTFOLIO,), severity="P3")


def fresh_tokens(b: Builder) -> Told:
    """Limits count tokens; one phone's session has itself a new token made for every few questions."""
    at_hour(b, 17.4)
    span = b.until_mended(b.onset_ms, ramp_s=60.0)
    rate = b.between("rate", 110, 150)
    who, agents = ("109.43.177.12",), ("okhttp/4.12.0",)
    more = {"user": "u03310", "logged": 0.5}
    visits(
        b,
        "tokens made",
        "/api/auth/refresh",
        rate / 8,
        span,
        who,
        agents,
        {200: 1.0},
        method="POST",
        metadata='{{"event":"token_refreshed","sub":"u03310","jti":"{hex}{hex}"}}',
        took_ms=48.0,
        **more,
    )
    visits(
        b,
        "tokens used",
        PITCHES,
        rate,
        span,
        who,
        agents,
        {200: 0.994, 429: 0.006},
        urls=(PITCHES + "/{id}/full", PITCHES + "?after={hex}&limit=100"),
        metadata='{{"sub":"u03310","bucket":"jti:{hex}{hex}","used":{small},"of":10}}',
        took_ms=101.0,
        entries=says(
            "throttler",
            "info",
            "ThrottlerGuard: tracker jti:{hex}, hit {small} of 10, reset after first use of the next token",
            "sub u03310 has {waiting} living tokens, issued within 15 min from 109.43.177.12",
        ),
        **more,
    )
    fx.database(b, span, queryCount=(1.4, 0.0))
    return Told(services=("api-gateway", "pitch"), routes=(PITCHES,), severity="P3")


def plus_family(b: Builder) -> Told:
    """Thirty customers of one evening share a mailbox and a screen; each asks little, from another home every time."""
    at_hour(b, 19.3)
    span = b.until_mended(b.onset_ms, ramp_s=1200.0)
    who = homes(b, "plus family", 420)
    for i in range(30):
        account = f"u{5210 + 3 * i:05d}"
        visits(
            b,
            f"plus {i}",
            SEARCH,
            b.between(f"rate {i}", 3.6, 4.6),
            span,
            who,
            ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/138.0.0.0",),
            {200: 1.0},
            urls=(SEARCH + "?genre={hex}&page={n}&size=50",),
            logged=0.5,
            user=account,
            metadata=f'{{{{"mail":"maria.k+{i:02d}@mail.example","print":"fp-9d20","minute":"{{small}} of 10"}}}}',
            took_ms=165.0,
        )
    told(
        b,
        "plus family says",
        "security",
        "signups",
        0.8,
        span,
        "fingerprint fp-9d20 on 30 accounts (maria.k+00 to +29@mail.example), {waiting} addresses, each below 10 a min",
        level="info",
    )
    fx.database(b, span, queryCount=(1.5, 0.0), avgQueryTime=(1.1, 0.0))
    return Told(services=("api-gateway", "pitch"), routes=(SEARCH,), severity="P3")


SCENARIOS = (
    fault("whole_street", "A whole street asks", CAUSE, whole_street, ATTACKS, 22, 36, beside=("crawler_visit",)),
    fault("every_header", "Three headers", CAUSE, every_header, ATTACKS, 18, 30),
    fault("ring_of_keys", "A ring of keys", CAUSE, ring_of_keys, ATTACKS, 30, 46, beside=("unrelated_deployment",)),
    fault("fresh_tokens", "A token for a few questions", CAUSE, fresh_tokens, ATTACKS, 20, 34),
    fault("plus_family", "One family, thirty names", CAUSE, plus_family, ATTACKS, 40, 55, beside=("busy_evening",)),
)
