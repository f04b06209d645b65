"""Code that should have stayed at home."""

from ... import effects as fx
from ...builder import MINUTE, Builder, Fault
from ...scenario import Told
from ._parts import (
    OUTAGES,
    api_issue,
    door_rattling,
    idle_guesser,
    index_backlog,
    judged,
    left,
    local_hour,
    morning_blip,
    no_figures,
    pages_shipped,
    shipped,
    warp_trouble,
)

CAUSE = "bad_deployment"


def percent_sign(b: Builder) -> Told:
    """Whoever searches with an accent or a percent sign gets an error since the release."""
    local_hour(b, 15.7)
    index_backlog(b)
    path = "/api/pitches/search"
    release = shipped(b, fx.PRODUCTION, "search: decode filters on our side", 35, 90)
    fx.fail(
        b,
        Fault(
            key="percent sign",
            hits={path: b.between("share", 0.24, 0.36)},
            span=b.until_mended(b.onset_ms, ramp_s=30.0),
            status=500,
            took_ms=18.0,
            release=release,
            body={"success": False, "error": "Internal Server Error"},
            entries=(
                left(
                    "URIError: URI malformed at decodeURIComponent ({method} {route})",
                    stack="URIError: URI malformed\n    at decodeURIComponent (<anonymous>)\n"
                    "    at parseFilters (src/pitch/search/filters.ts:27:18)\n    at search (src/pitch/search.ts:44)",
                ),
            ),
            tracked=api_issue("URIError: URI malformed", "parseFilters(src/pitch/search/filters)", 0.9),
        ),
    )
    return Told(services=("pitch",), routes=(path,), severity="P3")


def rolled_out(b: Builder) -> Told:
    """A gradual release: a few percent of the requests first, half of them a quarter of an hour later."""
    local_hour(b, 11.1)
    warp_trouble(b)
    paths = ("/api/investor/portfolio", "/api/creator/dashboard", "/api/creator/pitches", "/api/messages")
    first = shipped(b, fx.PRODUCTION, "gradual 10%: typed responses", 15, 45)
    second_at = b.onset_ms + int(b.between("second", 13, 17) * MINUTE)
    second = fx.release_name(fx.deploy(b, fx.PRODUCTION, second_at, "gradual 50%: typed responses"))
    texts = (
        "ZodError: invalid_type: expected number, received null at [positions,0,share] serving {route}",
        'ZodError: unrecognized_keys: "legacyId" in response of {method} {route}',
    )
    half = b.between("half", 0.44, 0.53)
    for key, share, span, release, culprit in (
        ("ten", 0.1, b.until_mended(b.onset_ms, second_at), first, "parse(src/http/respond)"),
        ("fifty", half, b.until_mended(second_at), second, "respond(src/http/respond)"),
    ):
        fx.fail(
            b,
            Fault(
                key=f"rolled out {key}",
                hits=fx.of(paths, share),
                span=span,
                status=500,
                took_ms=95.0,
                release=release,
                entries=(left(*texts, component="respond", most_per_min=80),),
                tracked=api_issue("ZodError: invalid_type: expected number, received null", culprit),
            ),
        )
    return Told(services=("investor", "creator", "messaging"), routes=paths, severity="P2")


def no_base_url(b: Builder) -> Told:
    """A variable of the environment was not carried over; the bell of the page stays silent."""
    local_hour(b, 8.3)
    door_rattling(b)
    no_figures(b)
    path = "/api/notifications"
    release = shipped(b, fx.PRODUCTION, "move vars to wrangler.jsonc", 8, 30)
    fx.fail(
        b,
        Fault(
            key="no base url",
            hits={path: b.between("share", 0.9, 1.0)},
            span=b.until_mended(b.onset_ms),
            status=500,
            took_ms=11.0,
            release=release,
            entries=(
                left("TypeError: Invalid URL: 'undefined/v2/inbox' in {method} {route}", component="feed"),
                left(
                    "notification fan-out skipped for {user}: NOTIFY_BASE is not configured",
                    component="feed",
                    level="warn",
                    share=0.5,
                ),
            ),
            tracked=api_issue("TypeError: Invalid URL", "feedUrl(src/notification/feed)"),
        ),
    )
    return Told(services=("notification",), routes=(path,), severity="P2")


def read_twice(b: Builder) -> Told:
    """Whatever sends a body fails at once and in every service; whatever only reads is well."""
    local_hour(b, 20.2)
    pages_shipped(b)
    morning_blip(b)
    idle_guesser(b)
    paths = (
        "/api/pitches/create",
        "/api/investor/interest",
        "/api/payments/checkout",
        "/api/payments/webhook",
        "/api/upload/presign",
        "/api/analytics/track",
        "/api/auth/register",
    )
    release = shipped(b, fx.PRODUCTION, "compatibility_date 2026-11-01, audit log of writes", 20, 60)
    fx.fail(
        b,
        Fault(
            key="read twice",
            hits=fx.of(paths, b.between("share", 0.7, 0.95)),
            span=b.until_mended(b.onset_ms, ramp_s=10.0),
            status=500,
            page="cloudflare_html",
            body=1101,
            outcome="scriptThrewException",
            took_ms=22.0,
            release=release,
            entries=(
                left(
                    "Uncaught (in promise) TypeError: Body has already been used. It can only be used once. "
                    "Use tee() first if you need to read it twice. ({method} {route})",
                    component="audit",
                    stack="TypeError: Body has already been used.\n    at audit (src/middleware/audit.ts:14:31)\n"
                    "    at handle (src/worker.ts:58:11)",
                ),
            ),
            tracked=api_issue("TypeError: Body has already been used.", "audit(src/middleware/audit)"),
        ),
    )
    return Told(services=("payments", "pitch", "upload", "analytics", "investor"), routes=paths, severity="P1")


def genre_names(b: Builder) -> Told:
    """Shipped in the afternoon, noticed in the evening: names of genres fail for some languages."""
    local_hour(b, 18.9)
    paths = ("/api/browse", "/api/browse/genres")
    release = shipped(b, fx.PRODUCTION, "browse: Intl.DisplayNames for genres", 20, 50)
    fx.fail(
        b,
        Fault(
            key="display names",
            hits=fx.of(paths, b.between("share", 0.13, 0.2)),
            span=b.until_mended(b.onset_ms),
            status=500,
            took_ms=33.0,
            release=release,
            entries=(
                left(
                    "RangeError: Incorrect locale information provided ({route})",
                    "RangeError: invalid_argument at Intl.DisplayNames.of in {method} {route}",
                    component="genres",
                ),
            ),
            tracked=api_issue("RangeError: Incorrect locale information provided", "label(src/browse/genres)"),
        ),
    )
    return Told(services=("browse",), routes=paths, severity="P3")


SCENARIOS = (
    judged(
        "ship_percent_sign", "Searches with special characters fail", CAUSE, percent_sign, OUTAGES, onset_min=(20, 32)
    ),
    judged("ship_rolled_out", "A release worse by steps", CAUSE, rolled_out, OUTAGES, onset_min=(32, 44), seeds=1),
    judged(
        "ship_no_base_url",
        "A variable was not carried over",
        CAUSE,
        no_base_url,
        OUTAGES,
        onset_min=(11, 19),
        beside=("harmless_production_deployment",),
    ),
    judged("ship_read_twice", "Everything that sends a body fails", CAUSE, read_twice, OUTAGES, onset_min=(7, 12)),
    judged(
        "ship_display_names",
        "One page in seven, for three hours already",
        CAUSE,
        genre_names,
        OUTAGES,
        onset_min=(170, 200),
        seeds=1,
    ),
)
