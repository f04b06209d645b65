"""Days on which it is the visitors who are unusual, and each of them gets what he came for."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Span, Tracked
from ....scenario import Told
from ._parts import (
    EVERY_AGENT,
    LOGIN,
    READ,
    all_day,
    around,
    at_hour,
    audited,
    day,
    homes,
    onward,
    provider_page,
    reported,
    told,
    visits,
    wait_a_little,
)


def wall_of_screens(b: Builder) -> Told:
    """A broadcaster tries its new wall of screens with hundreds of made-up viewers, as agreed; all are served."""
    at_hour(b, 10.2)
    note = "load test by Kanal Vest agreed: key ck_****4c, up to 600 per minute, two hours, contact ines"
    audited(b, "wall agreed", b.onset_ms - 35 * MINUTE, note)
    span = Span(b.onset_ms, b.now_ms + HOUR, ramp_s=600)
    machines = ("13.48.201.7", "13.48.201.8", "16.170.92.40")
    rate = b.between("wall", 75, 120)
    for path, share in (("/api/pitches/trending", 0.5), ("/api/browse/genres", 0.3), ("/api/media/thumbnail", 0.2)):
        visits(
            b, f"wall {path}", path, rate * share, span, machines, ("k6/0.57.0 (https://k6.io/)",),
            {200: 0.985, 304: 0.015}, logged=0.2,
        )  # fmt: skip
    fx.database(b, span, queryCount=(1.25, 0.0), activeConnections=(1.15, 1.0))
    wait_a_little(b, "wall", ("/api/pitches/trending", "/api/browse/genres"), span, 8.0)
    told(b, "wall", "api-gateway", "limits", 3.0, span, "key ck_****4c at {n}0 of 600 per minute", level="warn")
    return Told()


def library_misses(b: Builder) -> Told:
    """A new client library looks for settings that hardly any customer has, and calls its own 404 an error."""
    at_hour(b, 15.9)
    fx.deploy(b, "pitchey-frontend", b.onset_ms, "pitchey-sdk 4.0 (remote settings)")
    span = onward(b, ramp_s=240)
    path = "/sdk/settings.json"
    rate = b.between("library", 8, 13)
    visits(
        b, "library", path, rate, span, homes(b, "library", 320), EVERY_AGENT, {404: 0.94, 200: 0.06},
        service="frontend", took_ms=8.0,
    )  # fmt: skip
    told(
        b, "library", "frontend", "sdk", rate * 0.8, span,
        "[pitchey-sdk] HTTPError: Request failed with status code 404: GET /sdk/settings.json, using defaults",
        "[pitchey-sdk] could not load remote settings (404), built-in settings 4.0.{small} apply",
    )  # fmt: skip
    issue = Tracked(
        type="HTTPError",
        value="Request failed with status code 404",
        culprit="loadSettings(@pitchey/sdk)",
        project="pitchey-frontend",
        level="warning",
    )
    reported(b, "library", issue, 1.5, span, 210)
    return Told()


def long_time_no_see(b: Builder) -> Told:
    """A mail to those who were not here for a year: many come back, few remember their password, all get a link."""
    at_hour(b, 18.3)
    audited(b, "mail out", b.onset_ms - 6 * MINUTE, "campaign 'long time no see' handed over: 21,480 addresses (jana)")
    span = onward(b, ramp_s=900)
    who = homes(b, "returners", 900)
    rate = b.between("returners", 8, 13)
    names = tuple(f"u{(17 + 4 * i) % 5000:05d}" for i in range(1100))
    visits(
        b, "returners", LOGIN, rate, span, who, EVERY_AGENT, {200: 0.63, 401: 0.37},
        method="POST", logged=1.0, accounts=names,
    )  # fmt: skip
    for path, share, outcomes in (
        ("/api/auth/forgot", 0.4, {202: 0.96, 429: 0.04}),
        ("/api/auth/reset", 0.36, {200: 0.93, 410: 0.07}),
    ):
        visits(
            b, f"returners {path}", path, rate * share, span, who, EVERY_AGENT, outcomes,
            method="POST", logged=1.0, service="auth",
        )  # fmt: skip
    fx.surge(b, span, 1.35, READ)
    told(
        b, "returners", "auth", "dormant", 3.0, span,
        "{user} was dormant, confirmation by mail asked once",
        "reset link of {user} used twice, second use refused (410)",
        level="warn",
    )  # fmt: skip
    return Told()


def first_week(b: Builder) -> Told:
    """In his first week an intern's script has a line break after its password; after a dozen tries it works."""
    at_hour(b, 14.3)
    desk, agent = ("198.51.100.64",), ("python-requests/2.32.3",)
    tries = Span(b.onset_ms, b.onset_ms + 7 * MINUTE)
    after = Span(tries.end_ms + MINUTE, b.now_ms + 3 * HOUR)
    for key, status, per_min, span in (("wrong", 401, 1.9, tries), ("right", 200, 0.2, after)):
        visits(
            b, f"script {key}", LOGIN, per_min, span, desk, agent, {status: 1.0},
            method="POST", logged=1.0, accounts=("svc-reports",),
        )  # fmt: skip
    visits(
        b, "script reads", "/api/creator/pitches", b.between("script", 4, 8), after, desk, agent, {200: 1.0},
        urls=("/api/creator/pitches?owner={id}&fields=title,budget",), user="u00044", logged=0.9,
    )  # fmt: skip
    text = "svc-reports: 5 wrong passwords in a row from 198.51.100.64 (office network), owner told"
    told(b, "script", "auth", "guard", 0.7, tries, text)
    return Told()


def learned_readers(b: Builder) -> Told:
    """The crawlers of six houses that train models come in one night, read slowly, and keep to what robots.txt says."""
    at_hour(b, 3.2)
    span = around(b, 2.0)
    head = "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; "
    houses = (
        (head + "GPTBot/1.2; +https://openai.com/gptbot)", "20.171.207."),
        (head + "ClaudeBot/1.0; +claudebot@anthropic.com)", "216.73.216."),
        (head + "PerplexityBot/1.0; +https://perplexity.ai/perplexitybot)", "18.97.9."),
        (head + "Amazonbot/0.1; +https://developer.amazon.com/support/amazonbot)", "52.70.240."),
        ("CCBot/2.0 (https://commoncrawl.org/faq/)", "18.97.14."),
        ("meta-externalagent/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)", "57.141.4."),
    )
    for i, (agent, network) in enumerate(houses):
        who = fx.strangers(b, f"readers {i}", 12, network)
        rate = b.between(f"readers {i}", 4, 8)
        tails = ("/pitches?page={n}", "/pitches?genre={small}&page={n}", "/pitches?id={id}")
        outcomes = {200: 0.78, 304: 0.18, 404: 0.03, 429: 0.01}
        visits(b, f"readers {i}", "/pitches", rate, span, who, (agent,), outcomes, urls=tails, logged=0.4)
        visits(b, f"rules {i}", "/robots.txt", 0.1, span, who, (agent,), {200: 1.0}, service="frontend", logged=1.0)
        visits(b, f"llms {i}", "/llms.txt", 0.05, span, who, (agent,), {404: 1.0}, service="frontend", logged=1.0)
    told(
        b, "readers", "security", "bots", 1.5, span,
        "verified bot AS{id}: {n} pages in 10 min, Crawl-delay kept",
        "bots ask for 4{small} % of all pages in this hour (limit of the report: 30 %)",
        level="warn",
    )  # fmt: skip
    return Told()


def is_it_us(b: Builder) -> Told:
    """Half of the internet stands still in Virginia; people come to see whether we stand too, and we do not."""
    at_hour(b, 17.0)
    span = onward(b, ramp_s=300)
    words = "'Increased Error Rates and Latencies' in us-east-1 (not among our providers)"
    provider_page(b, "virginia", "Amazon Web Services", words, span)
    rate = b.between("worried", 16, 28)
    who = homes(b, "worried", 700)
    visits(b, "worried", "/status", rate, span, who, EVERY_AGENT, {200: 0.9, 304: 0.1}, service="frontend", logged=0.3)
    visits(b, "pollers", "/api/health", 9.0, span, who[:60], ("curl/8.9.1", "Go-http-client/2.0"), {200: 1.0})
    visits(
        b, "subscribers", "/api/status/subscribe", rate * 0.3, span, who, EVERY_AGENT,
        {202: 0.83, 409: 0.12, 422: 0.05}, method="POST", service="notification",
    )  # fmt: skip
    told(
        b, "subscribers", "notification", "status-page", 4.0, span,
        "confirmation 'status updates' sent to {email}",
        "{email} is subscribed already, nothing sent",
        level="info",
    )  # fmt: skip
    text = "inbound polling of /api/health at {n} times the usual rate, served from memory"
    told(b, "pollers", "monitoring", "inbound", 0.5, span, text, level="warn")
    return Told()


def early_birds(b: Builder) -> Told:
    """Cheap passes for the festival go on sale; a waiting room lets people in by turns, and banks ask for a code."""
    at_hour(b, 12.0)
    audited(b, "sale", b.onset_ms - 15 * MINUTE, "sale 'early bird' armed: 1,500 passes, waiting room on (team events)")
    span = Span(b.onset_ms, b.now_ms + 2 * HOUR, ramp_s=90)
    fx.surge(b, span, b.between("sale", 2.3, 3.1), ("/api/payments/checkout", "/api/payments/webhook"))
    fx.surge(b, span, 1.6, ("/", "/login", LOGIN, "/api/auth/verify", "/dashboard"))
    visits(
        b, "queueing", "/api/queue/early-bird", b.between("queueing", 30, 50), span, homes(b, "queueing", 800),
        EVERY_AGENT, {200: 0.9, 425: 0.1}, service="payments", logged=0.15, took_ms=6.0,
    )  # fmt: skip
    told(
        b, "queueing", "payments", "waiting-room", 6.0, span,
        "queue early-bird: {waiting} waiting, {n} let in, place of session {hex} kept",
        "queue early-bird: session {hex} came too early, asked to wait (425)",
        level="warn",
    )  # fmt: skip
    told(
        b, "codes", "payments", "stripe", 1.4, span,
        "payment intent pi_{hex} requires_action (3D Secure), buyer sent to the bank",
        "payment intent pi_{hex} canceled by the buyer at the bank's page, pass given back",
        level="info",
    )  # fmt: skip
    told(b, "sold", "payments", "inventory", 0.4, all_day(b, 2.0), "early-bird: {id} units left over all", level="info")
    return Told()


SCENARIOS = (
    day("wall_of_screens", "A load test that is served", wall_of_screens, "triage", "performance", onset_min=(18, 40)),
    day("library_misses", "A library that looks for settings", library_misses, "triage", "error_rate"),
    day("long_time_no_see", "Long time no see", long_time_no_see, "triage", "security", onset_min=(20, 45)),
    day("first_week", "An intern's script", first_week, "security", "error_rate", onset_min=(14, 30)),
    day("learned_readers", "Readers that learn", learned_readers, "security", "performance", beside=("logs_lost",)),
    day("is_it_us", "Is it us?", is_it_us, "triage", "outage", onset_min=(20, 45)),
    day("early_birds", "Early birds", early_birds, "triage", "performance", onset_min=(10, 25)),
)
