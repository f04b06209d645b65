"""What the imagined platform consists of: routes, services, jobs, scripts and ordinary noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["api", "page", "asset", "socket"]


@dataclass(frozen=True, slots=True)
class Route:
    """
    One route at the edge.

    Attributes
    ----------
    path, method
        As the edge and the request log name it.
    service
        The platform service that answers it and logs it.
    per_min
        Mean requests a minute over the week, times `TRAFFIC`.
    median_ms
        Median answer time in normal operation.
    uses
        What it needs besides its own service, with the share of its requests that do (the rest comes
        from a cache or needs nothing).
    kind
        ``api`` and ``socket`` run in the Worker ``pitchey-production``; ``page`` and ``asset`` are static.
    cache
        Share served from the edge cache.
    refused, refusal
        Ordinary share of 4xx answers and their status.
    private
        Whether it needs a signed-in user.
    """

    path: str
    method: str
    service: str
    per_min: float
    median_ms: float
    uses: tuple[tuple[str, float], ...] = ()
    kind: Kind = "api"
    cache: float = 0.0
    refused: float = 0.004
    refusal: int = 404
    ok: int = 200
    private: bool = False
    kilobytes: float = 4.0


_DB = ("database", 1.0)
_DB_HALF = ("database", 0.5)
_CACHE = ("cache", 0.6)

ROUTES: tuple[Route, ...] = (
    Route("/api/pitches", "GET", "pitch", 24, 95, (_DB_HALF, _CACHE), kilobytes=18),
    Route("/api/pitches/trending", "GET", "pitch", 14, 60, (("database", 0.3), ("cache", 0.8)), kilobytes=14),
    Route("/api/pitches/search", "GET", "pitch", 9, 160, (_DB,), kilobytes=11),
    Route(
        "/api/pitches/create",
        "POST",
        "pitch",
        1.4,
        220,
        (_DB,),
        ok=201,
        private=True,
        refused=0.02,
        refusal=422,
    ),
    Route("/api/auth/login", "POST", "auth", 1.3, 210, (_DB,), refused=0.0, refusal=401),
    Route("/api/auth/verify", "POST", "auth", 12, 35, (_CACHE,), refused=0.03, refusal=401),
    Route("/api/auth/refresh", "POST", "auth", 5, 55, (_DB_HALF, _CACHE), refused=0.03, refusal=401),
    Route(
        "/api/auth/register",
        "POST",
        "auth",
        0.5,
        280,
        (_DB, ("sendgrid", 1.0)),
        ok=201,
        refused=0.05,
        refusal=422,
    ),
    Route("/api/browse", "GET", "browse", 18, 80, (_DB_HALF, _CACHE), cache=0.2, kilobytes=16),
    Route("/api/browse/genres", "GET", "browse", 7, 30, (("cache", 0.9), ("database", 0.1)), cache=0.5),
    Route("/api/investor/portfolio", "GET", "investor", 5, 130, (_DB,), private=True, refused=0.012, refusal=401),
    Route(
        "/api/investor/interest",
        "POST",
        "investor",
        1.2,
        150,
        (_DB,),
        ok=201,
        private=True,
        refused=0.02,
        refusal=403,
    ),
    Route(
        "/api/creator/dashboard",
        "GET",
        "creator",
        5,
        140,
        (_DB, _CACHE),
        private=True,
        refused=0.012,
        refusal=401,
    ),
    Route("/api/creator/pitches", "GET", "creator", 3, 110, (_DB,), private=True, refused=0.01, refusal=401),
    Route(
        "/api/payments/checkout",
        "POST",
        "payments",
        1.6,
        420,
        (("stripe", 1.0), ("database", 0.8)),
        private=True,
        refused=0.05,
        refusal=402,
    ),
    Route("/api/payments/webhook", "POST", "payments", 1.0, 90, (_DB,), refused=0.004, refusal=400),
    Route("/api/upload/presign", "POST", "upload", 1.2, 70, (("storage", 1.0), ("database", 0.3)), private=True),
    Route(
        "/api/upload/complete",
        "POST",
        "upload",
        1.0,
        380,
        (("storage", 1.0), ("mux", 0.7), ("database", 0.4)),
        ok=201,
        private=True,
        refused=0.02,
        refusal=413,
    ),
    Route("/api/media/thumbnail", "GET", "upload", 9, 45, (("storage", 0.6),), cache=0.4, kilobytes=38),
    Route(
        "/api/notifications",
        "GET",
        "notification",
        8,
        50,
        (_DB_HALF, _CACHE),
        private=True,
        refused=0.02,
        refusal=401,
    ),
    Route("/api/analytics/track", "POST", "analytics", 16, 25, (("database", 0.05),), ok=204),
    Route("/api/messages", "GET", "messaging", 3, 85, (_DB,), private=True, refused=0.01, refusal=401),
    Route("/ws", "GET", "websocket", 3, 40, (), "socket", ok=101, private=True),
    Route("/api/health", "GET", "api-gateway", 3, 12, (), refused=0.0),
    Route("/api/health/db", "GET", "api-gateway", 1.5, 30, (_DB,), refused=0.0),
    Route("/", "GET", "frontend", 12, 70, (), "page", cache=0.85, kilobytes=22),
    Route("/pitches", "GET", "frontend", 11, 75, (), "page", cache=0.8, kilobytes=24),
    Route("/login", "GET", "frontend", 4, 60, (), "page", cache=0.85, kilobytes=15),
    Route("/dashboard", "GET", "frontend", 6, 80, (), "page", cache=0.6, kilobytes=26),
    Route(
        "/assets/index-4f9c2a1b.js", "GET", "frontend", 28, 25, (), "asset", cache=0.97, refused=0.001, kilobytes=310
    ),
    Route(
        "/assets/index-b27d90ee.css", "GET", "frontend", 26, 20, (), "asset", cache=0.97, refused=0.001, kilobytes=48
    ),
    Route(
        "/assets/browse-1c7be205.js", "GET", "frontend", 30, 22, (), "asset", cache=0.96, refused=0.001, kilobytes=90
    ),
)
INDEX: dict[str, int] = {route.path: i for i, route in enumerate(ROUTES)}
"""Position of each route by path."""

TRAFFIC = 0.6
"""Factor on every route's ``per_min``: about 115 requests a minute reach the Worker, mean over the week."""

PROBED: tuple[str, ...] = (
    "/",
    "/api/health",
    "/api/health/db",
    "/api/pitches",
    "/api/auth/verify",
    "/api/browse",
)
"""Routes that our probe outside visits once a minute; ``/api/auth/verify`` gets a bad token (401 is right)."""

DATABASE_TABLES = (
    "pitches",
    "users",
    "sessions",
    "investments",
    "ndas",
    "messages",
    "media",
    "notifications",
)

SCRIPTS: tuple[tuple[str, float, float], ...] = (
    ("pitchey-monitoring", 6.0, 2600.0),
    ("pitchey-logs", 22.0, 3100.0),
    ("pitchey-apm", 34.0, 1500.0),
    ("pitchey-alerts", 0.4, 1200.0),
    ("pitchey-security", 5.0, 1100.0),
    ("pitchey-infra", 1.2, 2100.0),
)
"""Worker scripts beside ``pitchey-production``: name, invocations a minute, median CPU in µs."""

PAGES: tuple[tuple[str, float], ...] = (
    ("/", 0.34),
    ("/pitches", 0.33),
    ("/dashboard", 0.2),
    ("/login", 0.13),
)
"""Pages that send Web Vitals, with their share."""

DEVICES: tuple[tuple[str, float, float], ...] = (
    ("mobile", 0.56, 1.25),
    ("desktop", 0.38, 0.8),
    ("tablet", 0.06, 1.05),
)
"""Device, share of the page views, factor on the times."""

VITALS_NORMAL: dict[str, tuple[float, float]] = {
    "lcp": (1250.0, 0.38),
    "fid": (14.0, 0.7),
    "inp": (80.0, 0.55),
    "cls": (0.035, 0.7),
    "fcp": (800.0, 0.36),
    "ttfb": (310.0, 0.45),
}
"""Median and log-normal sigma of each vital in normal operation: good at p75 (web-vitals 6.0)."""


@dataclass(frozen=True, slots=True)
class Noise:
    """An ordinary, long-standing kind of log entry; ``per_day`` at 200,000 entries a week."""

    service: str
    level: str
    text: str
    per_day: float
    component: str = ""
    with_rhythm: bool = True
    metadata: str = ""
    third_party: str = ""
    stack: str = ""


NOISE: tuple[Noise, ...] = (
    Noise("database", "info", "query ok table={table} rows={n} in {ms} ms", 1500, "pool"),
    Noise("database", "debug", "prepared statement cache hit {hex}", 260, "pool"),
    Noise("database", "info", "checkpoint complete: wrote {size} buffers", 190, "maintenance", False),
    Noise("database", "warn", "slow query: select on {table} took {slow_ms} ms", 14, "pool"),
    Noise("database", "error", "canceling statement due to statement timeout on {table}", 1.8, "pool"),
    Noise("database", "error", "deadlock detected between transactions {id} and {id2}", 0.5, "pool"),
    Noise("cache", "debug", "cache hit key=pitch:{id}", 1700, "kv"),
    Noise("cache", "debug", "cache miss key=browse:{hex}", 420, "kv"),
    Noise("cache", "warn", "kv write rate limited key=trending retrying in {ms} ms", 6, "kv"),
    Noise("api-gateway", "info", "routed {method} to {target} in {small} ms", 1700, "router"),
    Noise("api-gateway", "debug", "rate limit bucket {ip} at {n} of 100", 180, "limits"),
    Noise("api-gateway", "warn", "client closed request before the answer, {ms} ms", 26, "router"),
    Noise("websocket", "info", "client connected room={room} session={hex}", 420, "rooms"),
    Noise("websocket", "info", "client left room={room} after {n} min", 400, "rooms"),
    Noise("websocket", "error", "socket closed abnormally code=1006 session={hex}", 3.5, "rooms"),
    Noise(
        "email",
        "info",
        "sent template={template} to {email} provider=sendgrid",
        330,
        "sender",
        metadata='{{"provider":"sendgrid"}}',
    ),
    Noise("email", "warn", "soft bounce from {domain}: mailbox full", 9, "sender"),
    Noise(
        "email",
        "error",
        "sendgrid API error: 429 too many requests, will retry",
        1.2,
        "sender",
        metadata='{{"provider":"sendgrid","status":429}}',
    ),
    Noise(
        "payments",
        "info",
        "payment intent pi_{hex} succeeded amount={amount} provider=stripe",
        210,
        "stripe",
        metadata='{{"provider":"stripe"}}',
    ),
    Noise("payments", "warn", "card declined intent=pi_{hex} code=insufficient_funds", 13, "stripe"),
    Noise(
        "payments",
        "ERROR",
        "stripe API error: 409 idempotency key in use",
        0.8,
        "stripe",
        metadata='{{"provider":"stripe","status":409}}',
    ),
    Noise("pitch", "info", "pitch {id} viewed by {user}", 900, "views"),
    Noise("pitch", "warn", "thumbnail missing for pitch {id}, using the placeholder", 14, "media"),
    Noise(
        "pitch",
        "error",
        "failed to parse budget of pitch {id}: not a number",
        2.6,
        "validator",
        stack="ValidationError: not a number\n    at parseBudget (src/pitch/validate.ts:88:13)",
    ),
    Noise("auth", "debug", "session {hex} touched", 320, "session"),
    Noise("auth", "warn", "jwt expired for {user}", 42, "jwt"),
    Noise("auth", "error", "JWT malformed: token has {small} segments", 1.6, "jwt"),
    Noise("investor", "info", "portfolio of {user} computed, {n} positions", 380, "portfolio"),
    Noise("investor", "error", "valuation missing for pitch {id}", 1.2, "portfolio"),
    Noise("creator", "info", "dashboard of {user} assembled from {small} parts", 300, "dashboard"),
    Noise("upload", "info", "object stored media/{hex} size={size}", 190, "r2"),
    Noise("upload", "error", "upload {hex} aborted by the client after {size} bytes", 2.2, "r2"),
    Noise("notification", "info", "queued {n} notifications for {user}", 340, "queue"),
    Noise("notification", "warn", "push subscription gone for {user}", 12, "push"),
    Noise("analytics", "info", "flushed {n} events in {ms} ms", 480, "flush"),
    Noise("analytics", "warn", "late event dropped, {n} min old", 16, "flush"),
    Noise("messaging", "info", "conversation {id} opened by {user}", 260, "inbox"),
    Noise("frontend", "info", "page view {page} {device}", 900, "browser"),
    Noise("frontend", "error", "ResizeObserver loop completed with undelivered notifications", 4, "browser"),
    Noise("frontend", "error", "NetworkError when attempting to fetch resource", 3.2, "browser"),
    Noise("security", "info", "scan finished, {n} requests looked at", 140, "scanner", False),
    Noise("security", "warn", "blocked request from {ip}: managed rule {rule}", 42, "waf"),
    Noise("nda", "info", "nda {id} signed by {user}", 34, "documents"),
    Noise("search-index", "info", "index refreshed, {n} documents changed", 60, "indexer", False),
)
"""What the services say week in, week out, faults or not."""

JOBS: tuple[tuple[str, int], ...] = (
    ("health-sweep", 1),
    ("metrics-rollup", 5),
    ("alert-evaluation", 5),
    ("log-retention", 60),
    ("digest-mails", 60),
)
"""Scheduled jobs and their period in minutes."""

BACKGROUND_ERRORS: dict[str, tuple[str, ...]] = {
    "pitch": (
        "Unhandled rejection in GET {route}: response body already read",
        "pitch {id} not readable: draft lock",
    ),
    "auth": ("session store answered late, {slow_ms} ms", "could not decode cookie of {user}"),
    "browse": ("facet count failed for filter {hex}",),
    "payments": ("payment intent pi_{hex} in unexpected state requires_action",),
    "upload": ("multipart boundary missing in upload {hex}",),
}
"""What lies behind the few 5xx of normal operation, by service; others say ``request failed``."""

STANDING_ISSUES: tuple[tuple[str, str, str, str, float], ...] = (
    ("ValidationError", "not a number", "parseBudget(src/pitch/validate)", "pitchey-api", 2.6),
    ("Error", "socket closed abnormally code=1006", "onClose(src/websocket/room)", "pitchey-api", 3.5),
    (
        "Error",
        "ResizeObserver loop completed with undelivered notifications",
        "window.onerror",
        "pitchey-frontend",
        9.0,
    ),
    ("TypeError", "Failed to fetch", "request(src/lib/http)", "pitchey-frontend", 7.0),
    (
        "TypeError",
        "Cannot read properties of null (reading 'play')",
        "Player.resume(src/player)",
        "pitchey-frontend",
        1.5,
    ),
    (
        "QueryTimeout",
        "canceling statement due to statement timeout",
        "query(src/db/pool)",
        "pitchey-api",
        1.8,
    ),
    ("JsonWebTokenError", "jwt malformed", "verify(src/auth/jwt)", "pitchey-api", 1.6),
    ("StripeIdempotencyError", "idempotency key in use", "charge(src/payments/stripe)", "pitchey-api", 0.8),
)
"""Sentry's old acquaintances: type, value, culprit, project, events a day."""

_MOZILLA = "Mozilla/5.0 "
_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 "
_APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 "
BROWSERS: tuple[tuple[str, float], ...] = (
    (_MOZILLA + "(Windows NT 10.0; Win64; x64) " + _WEBKIT + "Safari/537.36", 0.3),
    (_MOZILLA + "(iPhone; CPU iPhone OS 19_1 like Mac OS X) " + _APPLE + "Mobile/15E148 Safari/604.1", 0.27),
    (_MOZILLA + "(Linux; Android 15; Pixel 9) " + _WEBKIT + "Mobile Safari/537.36", 0.23),
    (_MOZILLA + "(Macintosh; Intel Mac OS X 10_15_7) " + _APPLE + "Safari/605.1.15", 0.13),
    (_MOZILLA + "(X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0", 0.07),
)
"""Browsers of ordinary users, with their share."""
CRAWLERS: tuple[tuple[str, str], ...] = (
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "66.249.66."),
    ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "157.55.39."),
    ("Mozilla/5.0 (compatible; DuckDuckBot/1.1; +http://duckduckgo.com/duckduckbot.html)", "20.191.45."),
    ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", "54.36.148."),
)
"""Crawlers that say who they are, and where they come from."""

MONITORS: tuple[tuple[str, str], ...] = (
    ("pitchey-ops-probe/1.0 (+ops@pitchey.example)", "198.51.100.21"),
    ("Pitchey-Monitoring/1.0", "198.51.100.22"),
    ("UptimeWatch/2.3 (+https://uptime.example)", "203.0.113.77"),
)
"""The ops team's own monitors: agent and address."""

DEPLOYERS = ("dana@pitchey.example", "miro@pitchey.example", "ci@pitchey.example")

HARMLESS_CHANGES = (
    "copy changes on the investor page",
    "bump dependencies",
    "add a feature flag, off",
    "log line wording",
    "tidy imports",
    "raise a cache lifetime",
    "new icon set",
    "metrics label renamed",
    "retry budget of mails",
)
