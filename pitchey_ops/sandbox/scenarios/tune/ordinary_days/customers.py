"""Days on which a customer's own machines or cards do not work, ours do, and nothing is wrong."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Span
from ....scenario import Told
from ._parts import at_hour, calm, deprecations, onward, phone_in_tunnel, told, visits


def expired_key(b: Builder) -> Told:
    """One customer's program has asked with its run-out key for weeks; its owner knows, and no person waits for it."""
    at_hour(b, 12.1)
    agents = ("northlight-sync/0.9 python-requests/2.32.3",)
    path = "/api/partner/v1/films"
    urls = (path + "?updated_since={id}", path + "/{id}")
    visits(
        b,
        "expired key",
        path,
        6.0,
        b.always(),
        ("91.198.44.12",),
        agents,
        {401: 1.0},
        urls=urls,
        took_ms=5.0,
        logged=1.0,
    )
    told(
        b,
        "expired key",
        "api-gateway",
        "keys",
        3.0,
        b.always(),
        "API key pk_live_****7Q2d of northlight-studio has expired (2026-11-06), 401; owner told by mail 4 times",
        level="warn",
    )
    return Told()


def declined_cards(b: Builder) -> Told:
    """A sale brings twice the buyers, and banks say no to as many in a hundred as ever: twice the refused cards."""
    at_hour(b, 19.0)
    span = onward(b, ramp_s=600)
    fx.surge(b, span, b.between("sale", 1.9, 2.3), ("/api/payments/checkout", "/api/payments/webhook", "/pitches", "/"))
    told(
        b,
        "declined",
        "payments",
        "stripe",
        2.2,
        span,
        "StripeCardError: Your card was declined. code=card_declined decline_code=insufficient_funds intent=pi_{hex}",
        "StripeCardError: Your card's security code is incorrect. code=incorrect_cvc intent=pi_{hex}",
        "intent pi_{hex} requires_action: authentication_required, buyer sent to the bank",
        level="warn",
    )
    told(
        b,
        "paid",
        "payments",
        "stripe",
        16.0,
        span,
        "payment intent pi_{hex} succeeded amount={amount} provider=stripe coupon=BLACKWEEK",
        level="info",
    )
    return Told()


def deaf_endpoint(b: Builder) -> Told:
    """A customer's own server does not take the messages that it ordered; ours try again for a day, as they should."""
    at_hour(b, 6.3)
    deprecations(b)
    told(
        b,
        "deaf",
        "webhooks",
        "delivery",
        8.0,
        Span(b.onset_ms - 7 * HOUR, b.now_ms + 5 * HOUR),
        "POST https://hooks.oldmill-films.example/pitchey failed: 503 Service Unavailable, attempt {small} of 12, "
        "next in {n} min",
        "POST https://hooks.oldmill-films.example/pitchey failed: connect ETIMEDOUT 192.0.2.80:443, "
        "attempt {small} of 12",
        "endpoint we_{hex} (oldmill-films) is failing, owner notified; other 211 endpoints deliver",
    )
    return Told()


def festival_import(b: Builder) -> Told:
    """A festival brings its programme as a table with many slips; good rows go in, bad ones go back to its clerk."""
    at_hour(b, 14.7)
    phone_in_tunnel(b)
    span = Span(b.onset_ms, b.onset_ms + 35 * MINUTE)
    agents = ("FestivalDesk/4.2 (import; desk@lakesidefest.example)",)
    path = "/api/import/films"
    outcomes = {201: 0.88, 422: 0.1, 409: 0.02}
    visits(
        b,
        "import",
        path,
        25.0,
        span,
        ("193.99.12.70",),
        agents,
        outcomes,
        method="POST",
        service="import",
        took_ms=120.0,
    )
    told(
        b,
        "import",
        "import",
        "rows",
        7.0,
        span,
        'row {id}: "runtime" must be an integer, got "92 min" (row skipped)',
        'row {id}: duplicate key value violates unique constraint "films_external_id_key" (row known, left alone)',
        'row {id}: invalid byte sequence for encoding "UTF8": 0xe9 0x6c 0x69 (read as latin-1)',
        level="warn",
    )
    fx.database(b, span, queryCount=(1.25, 0.0), activeConnections=(1.0, 1.0))
    return Told()


SCENARIOS = (
    calm("day_expired_key", "A customer's key that ran out", expired_key, beside=("unrelated_deployment",)),
    calm("day_declined_cards", "Refused cards on a day of sales", declined_cards, onset_min=(30, 60)),
    calm("day_deaf_endpoint", "A customer's deaf server", deaf_endpoint, beside=("crawler_visit",)),
    calm("day_festival_import", "A festival's programme", festival_import, onset_min=(15, 30), beside=("clock_skew",)),
)
