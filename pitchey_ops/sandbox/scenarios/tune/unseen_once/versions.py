"""Versions that should not have gone out."""

from .... import effects as fx
from ....builder import MINUTE, Builder, Tracked
from ....causes import release
from ....scenario import Told
from ._parts import SERVING, at_hour, bounces, clumsy_partner, doorknobs, elsewhere, frontend_deployed, in_words, judged

CAUSE = "bad_deployment"


def inbox(b: Builder) -> Told:
    """Messages break with the release; the frontend was released a little before and is fine."""
    at_hour(b, 11.4)
    frontend_deployed(b)
    return release.release(
        b,
        service="messaging",
        share=b.between("share", 0.55, 0.75),
        lead_s=b.between("lead", 20, 70),
        texts=(
            "TypeError: thread.participants is not iterable ({method} {route})",
            "TypeError: Cannot read properties of null (reading 'unreadCount') for {user}",
        ),
        stack="TypeError: thread.participants is not iterable\n    at fold (src/messaging/threads.ts:52:28)",
        tracked=Tracked(
            type="TypeError", value="thread.participants is not iterable", culprit="fold(src/messaging/threads)"
        ),
        message="group conversations",
    )


def cents(b: Builder) -> Told:
    """The new version sends amounts that the payment provider rightly refuses."""
    at_hour(b, 18.4)
    return release.release(
        b,
        service="payments",
        paths=("/api/payments/checkout",),
        share=b.between("share", 0.85, 1.0),
        lead_s=b.between("lead", 40, 120),
        texts=(
            "StripeInvalidRequestError: Invalid integer: 19.99 (param: amount)",
            "StripeInvalidRequestError: Invalid integer: NaN (param: amount) at toIntent",
        ),
        stack="StripeInvalidRequestError: Invalid integer: 19.99\n    at toIntent (src/payments/intent.ts:23:11)",
        tracked=Tracked(
            type="StripeInvalidRequestError", value="Invalid integer: 19.99", culprit="toIntent(src/payments/intent)"
        ),
        message="prices with VAT",
        severity="P1",
    )


def time_bomb(b: Builder) -> Told:
    """What was deployed hours ago breaks when its first batch of data comes of age."""
    at_hour(b, 19.6)
    elsewhere(b)
    return release.release(
        b,
        service="pitch",
        paths=("/api/pitches/trending", "/api/pitches"),
        share=b.between("share", 0.4, 0.6),
        lead_s=b.between("lead", 8500, 11_500),
        ramp_s=90.0,
        texts=(
            "RangeError: Invalid time value while scoring {route}",
            "TypeError: scores.at(-1).decay is not a function in {method} {route}",
        ),
        stack="RangeError: Invalid time value\n    at decay (src/pitch/trending/score.ts:17:40)",
        tracked=Tracked(type="RangeError", value="Invalid time value", culprit="decay(src/pitch/trending/score)"),
        message="trending: score with decay",
    )


def middleware(b: Builder) -> Told:
    """One request in fifteen, whatever it wants, ends in the runtime's own page."""
    at_hour(b, 13.2)
    bounces(b)
    paths = tuple(p for p in fx.in_worker() if p not in ("/ws", "/api/health/db"))
    return release.release(
        b,
        service="api-gateway",
        paths=paths,
        share=b.between("share", 0.055, 0.09),
        lead_s=b.between("lead", 30, 100),
        ramp_s=0.0,
        uncaught=True,
        texts=("TypeError: Illegal invocation: function called with incorrect `this` reference ({method} {route})",),
        stack="TypeError: Illegal invocation\n    at trace (src/middleware/trace.ts:9:14)",
        tracked=Tracked(type="TypeError", value="Illegal invocation", culprit="trace(src/middleware/trace)"),
        message="request tracing, sampled",
    )


def taken_back(b: Builder) -> Told:
    """Broken for some minutes and taken back before anybody looks."""
    at_hour(b, 17.2)
    clumsy_partner(b)
    end = b.now_ms - int(b.between("since", 3, 5) * MINUTE)
    told = release.release(
        b,
        service="notification",
        share=b.between("share", 0.75, 0.95),
        lead_s=b.between("lead", 15, 60),
        end_ms=end,
        texts=("ReferenceError: Temporal is not defined ({method} {route})",),
        stack="ReferenceError: Temporal is not defined\n    at since (src/notification/list.ts:6:3)",
        tracked=Tracked(type="ReferenceError", value="Temporal is not defined", culprit="since(src/notification/list)"),
        message="notifications: relative times",
        severity="P3",
    )
    fx.deploy(b, fx.PRODUCTION, end - 15_000, 'Revert "notifications: relative times"')
    return told


def sockets(b: Builder) -> Told:
    """Live rooms cannot be opened since the release; everything else is well."""
    at_hour(b, 21.6)
    doorknobs(b)
    return release.release(
        b,
        service="websocket",
        share=b.between("share", 0.65, 0.9),
        lead_s=b.between("lead", 25, 90),
        texts=(
            "Error: Can't call WebSocket send() after close(). room handshake of {user}",
            "TypeError: this.state.acceptWebSocket is not a function (RoomDurableObject)",
        ),
        stack="TypeError: this.state.acceptWebSocket is not a function\n    at fetch (src/websocket/room.ts:31:16)",
        tracked=Tracked(
            type="TypeError", value="this.state.acceptWebSocket is not a function", culprit="fetch(src/websocket/room)"
        ),
        message="rooms: hibernation",
    )


BOMB_WORDS = {"upstream pitch answered 500 for {method} {route}": "pitch: 500 passed on to the client ({route})"}
INBOX_WORDS = {"upstream messaging answered 500 for {method} {route}": "router: {method} {route} -> 500"}
CENTS_WORDS = {"upstream payments answered 500 for {method} {route}": "bad gateway answer from payments on {route}"}

SCENARIOS = (
    judged(
        "version_inbox",
        "Messages break with a release",
        CAUSE,
        in_words(inbox, INBOX_WORDS),
        SERVING,
        onset_min=(14, 24),
        beside=("crawler_visit",),
    ),
    judged(
        "version_cents",
        "Amounts that the provider refuses",
        CAUSE,
        in_words(cents, CENTS_WORDS),
        SERVING,
        onset_min=(18, 30),
        beside=("few_typists",),
    ),
    judged(
        "version_time_bomb",
        "Deployed hours before it breaks",
        CAUSE,
        in_words(time_bomb, BOMB_WORDS),
        SERVING,
        onset_min=(10, 18),
        beside=("busy_evening",),
    ),
    judged(
        "version_middleware",
        "One request in fifteen",
        CAUSE,
        middleware,
        SERVING,
        onset_min=(16, 26),
        beside=("slow_sidekick",),
        seeds=3,
    ),
    judged(
        "version_taken_back",
        "Broken and taken back",
        CAUSE,
        taken_back,
        SERVING,
        onset_min=(16, 22),
        beside=("logs_lost",),
    ),
    judged(
        "version_sockets",
        "Live rooms cannot be opened",
        CAUSE,
        sockets,
        SERVING,
        onset_min=(16, 26),
        beside=("logs_unseen",),
    ),
)
