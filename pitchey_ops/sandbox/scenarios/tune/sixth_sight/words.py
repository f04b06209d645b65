"""Days on which programs speak of errors more than before, and there are not more of them than before."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Span, Tracked
from ....scenario import Told
from ._parts import (
    EVERY_AGENT,
    all_day,
    at_hour,
    audited,
    day,
    homes,
    long_over,
    onward,
    remarked,
    reported,
    told,
    visits,
    wait_a_little,
)


def next_runtime(b: Builder) -> Told:
    """Production moves to the next runtime, which warns of old modules on the channel that counts as errors."""
    at_hour(b, 9.6)
    fx.deploy(b, fx.PRODUCTION, b.onset_ms, "node 24 LTS", author="ci@pitchey.example", source="ci")
    span = onward(b, ramp_s=90)
    for service in ("creator", "messaging", "notification"):
        told(
            b, f"old modules {service}", service, "stderr", b.between(f"old modules {service}", 3, 7), span,
            "(node:{n}) [DEP0040] DeprecationWarning: The `punycode` module is deprecated. Please use a userland "
            "alternative instead.",
            "(node:{n}) [DEP0174] DeprecationWarning: Calling promisify on a function that returns a Promise is likely "
            "a mistake.",
            "(Use `node --trace-deprecation ...` to show where the warning was created)",
        )  # fmt: skip
    wait_a_little(b, "first calls", ("/api/messages", "/api/creator/dashboard"),
                  Span(b.onset_ms, b.onset_ms + 2 * MINUTE), 40.0)  # fmt: skip
    return Told()


def each_one_counted(b: Builder) -> Told:
    """One in twenty handled errors was written down until now; since a while it is each one, for a study of a day."""
    at_hour(b, 19.1)
    audited(b, "study", b.onset_ms, "log sampling of handled errors 0.05 -> 1.0 for 24 h (miro, OPS-2210)")
    studied = (
        ("payments", "form", "BadRequestError: card number is incomplete ({device})"),
        ("upload", "r2", "AbortError: This operation was aborted (client gone after {size} bytes)"),
        ("investor", "portfolio", "QuoteMissingError: no rate of the day for pitch {id}, that of yesterday shown"),
        ("auth", "session", "TokenExpiredError: jwt expired ({user}), refreshed"),
    )
    for service, component, text in studied:
        rate = b.between(f"study {service}", 2.5, 5.0)
        told(b, f"sampled {service}", service, component, rate / 20, Span(b.start_ms, b.onset_ms), text)
        told(b, f"counted {service}", service, component, rate, onward(b), text)
    return Told()


def half_in_polish(b: Builder) -> Told:
    """The site speaks Polish since today, apart from what nobody has translated yet, which comes in English."""
    at_hour(b, 20.8)
    fx.deploy(b, "pitchey-frontend", b.onset_ms, "locale pl (beta)")
    span = onward(b, ramp_s=600)
    told(
        b, "untranslated", "frontend", "i18n", b.between("untranslated", 9, 16), span,
        "[@formatjs/intl Error MISSING_TRANSLATION] Missing message: \"browse.filter.{hex}\" for locale \"pl\", using "
        "default message as fallback.",
        "i18next::translator: missingKey pl legal terms.section{small}",
    )  # fmt: skip
    visits(
        b, "texts", "/locales/pl/legal.json", 4.0, span, homes(b, "texts", 150), EVERY_AGENT, {404: 1.0},
        service="frontend", took_ms=7.0,
    )  # fmt: skip
    issue = Tracked(
        type="MissingTranslationError",
        value="Missing message for locale pl",
        culprit="formatMessage(@formatjs/intl)",
        project="pitchey-frontend",
    )
    reported(b, "untranslated", issue, 2.0, span, 140)
    return Told()


def smaller_pictures(b: Builder) -> Told:
    """Thumbnails come in a smaller format from now on; each is drawn once, and old files are said to be corrupt."""
    at_hour(b, 16.4)
    fx.deploy(b, fx.PRODUCTION, b.onset_ms, "thumbnails: avif first, webp as before")
    path = "/api/media/thumbnail"
    warming = Span(b.onset_ms, b.onset_ms + 11 * MINUTE)
    b.edge_cache.append(((path,), warming, 0.55))
    wait_a_little(b, "drawn", (path,), warming, 60.0)
    fx.vitals(b, warming, {"lcp": (1.06, 40.0)}, url=("/pitches", "/"))
    remarked(
        b, "drawn", {path: 0.5}, warming, "sharp",
        "VipsJpeg: Corrupt JPEG data: {small} extraneous bytes before marker 0xd9",
        "VipsForeignLoad: media/{hex}: no sRGB profile, assumed",
        "heifsave: media/{hex} not ready within 250 ms, webp sent instead",
        level="warn",
    )  # fmt: skip
    text = "Input buffer contains unsupported image format: media/{hex}, original kept"
    told(b, "orphans", "upload", "sharp", 2.0, onward(b), text)
    return Told()


def eager_watcher(b: Builder) -> Told:
    """A new watcher is set up after a stumble of this afternoon; it asks for much that we never had, and says so."""
    at_hour(b, 14.9)
    long_over(
        b, "stumble", {"/api/browse": 0.5}, b.between("stumble", 100, 120), 80.0,
        "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
    )  # fmt: skip
    audited(b, "watcher set", b.onset_ms, "blackbox exporter rolled out, alerts silenced until reviewed (ines)")
    span, who, agent = onward(b), ("198.51.100.33", "198.51.100.34"), ("Blackbox Exporter/0.27.0",)
    for method, path, status in (
        ("GET", "/api/readyz", 404),
        ("GET", "/api/livez", 404),
        ("HEAD", "/api/auth/login/", 405),
        ("GET", "/api/metrics", 403),
        ("GET", "/api/health", 200),
    ):
        visits(b, f"watcher {path}", path, 4.0, span, who, agent, {status: 1.0}, method=method, logged=0.9, took_ms=5.0)
    told(
        b, "watcher", "monitoring", "blackbox", 5.0, span,
        'level=error msg="Invalid HTTP response status code, wanted 2xx" target=/api/readyz status_code=404',
        'level=error msg="Probe failed" module=http_2xx target=/api/metrics duration_seconds=0.0{n}',
        'alert ProbeFailed{{target="/api/livez"}} firing, matched silence {hex} (onboarding)',
    )  # fmt: skip
    return Told()


def game_day(b: Builder) -> Told:
    """On staging the payment house is cut off on purpose, to see breakers open; staging logs into the same store."""
    at_hour(b, 10.9)
    audited(b, "game", b.onset_ms - 4 * MINUTE, "game day 'no stripe' begins on staging, until noon (all of payments)")
    span = Span(b.onset_ms, b.now_ms + 2 * HOUR)
    told(
        b, "breakers", "payments-staging", "resilience4j", b.between("breakers", 12, 20), span,
        "CircuitBreaker 'stripe' is OPEN and does not permit further calls",
        "java.net.SocketTimeoutException: Read timed out (toxiproxy: stripe, latency 30000)",
        "CircuitBreaker 'stripe' changed state from HALF_OPEN to OPEN",
        "fallback: checkout {hex} put into the outbox",
        level="ERROR",
    )  # fmt: skip
    told(
        b, "callers", "gateway-staging", "router", 5.0, span,
        "503 POST /api/payments/checkout: upstream payments-staging unavailable",
    )  # fmt: skip
    text = "payment intent pi_{hex} succeeded amount={amount} provider=stripe"
    told(b, "real ones", "payments", "stripe", 0.3, all_day(b), text, level="info")
    return Told()


def switched_off(b: Builder) -> Told:
    """The row of recommendations is switched off for good, as planned; whoever still asks gets an empty list."""
    at_hour(b, 21.5)
    note = "flag recommendations-row: 100 % -> off, kill planned in RFC 61 (too dear), banner not needed (ines)"
    audited(b, "flag", b.onset_ms, note)
    span = onward(b, ramp_s=60)
    who, path = homes(b, "rows", 500), "/api/recommendations"
    before = Span(b.start_ms, b.onset_ms)
    rate = b.between("rows", 7, 12)
    visits(b, "rows", path, rate, before, who, EVERY_AGENT, {200: 1.0}, service="browse", logged=0.2, took_ms=140.0)
    visits(b, "no rows", path, rate, span, who, EVERY_AGENT, {204: 1.0}, service="browse", logged=0.4, took_ms=4.0)
    told(
        b, "no rows", "browse", "recommend", rate * 0.7, span,
        "RecommendationsDisabledError: killed by flag recommendations-row, empty list returned",
        "FeatureFlagError: variant 'off' has no model, skipping scorer",
    )  # fmt: skip
    told(b, "placeholder", "frontend", "rows", 2.0, span, "row 'For you' has no items, hidden", level="warn")
    fx.database(b, span, queryCount=(0.88, 0.0))
    return Told()


SCENARIOS = (
    day("next_runtime", "The next runtime", next_runtime, "triage", "error_rate", onset_min=(10, 30)),
    day("each_one_counted", "Each one counted", each_one_counted, "triage", "error_rate", onset_min=(15, 40)),
    day("half_in_polish", "Half in Polish", half_in_polish, "triage", "frontend", beside=("unrelated_deployment",)),
    day("smaller_pictures", "Smaller pictures", smaller_pictures, "frontend", "performance", onset_min=(9, 22)),
    day("eager_watcher", "A watcher that asks for much", eager_watcher, "triage", "outage", onset_min=(20, 40)),
    day("game_day", "Game day on staging", game_day, "triage", "outage", onset_min=(12, 30)),
    day("switched_off", "Switched off for good", switched_off, "triage", "frontend", beside=("noisy_neighbour",)),
)
