"""Other people's services that fail us."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Slow, Tracked
from ....scenario import Told
from ._parts import ERRORS, case, deprecated, earlier_release, hour_is, other_products, stale_customers

CAUSE = "third_party_outage"


def hosted_search(b: Builder) -> Told:
    """The hosted search does not answer on any of its hosts, and says that our name may be wrong."""
    hour_is(b, 12.7)
    earlier_release(b)
    stale_customers(b)
    span = b.until_mended(b.onset_ms, ramp_s=30.0)
    hits = {"/api/pitches/search": b.between("share", 0.8, 0.92), "/api/browse": 0.22}
    text = (
        "RetryError: Unreachable hosts - your application id may be incorrect. If the error persists, please reach "
        "out to the Algolia Support team: https://alg.li/support."
    )
    fx.fail(
        b,
        Fault(
            key="hosted search",
            hits=hits,
            span=span,
            status=503,
            took_ms=7200.0,
            body={"success": False, "message": "Search is unavailable"},
            entries=(
                Entry(
                    component="algolia",
                    texts=(
                        text,
                        "algolia: TimeoutError after 2000 ms host=PITCHEY-dsn.algolia.net, next host",
                        "algolia: 503 from PITCHEY-{small}.algolianet.com for {route}, marked down",
                    ),
                    metadata='{{"provider":"algolia","hosts":4}}',
                ),
            ),
            tracked=Tracked(type="RetryError", value="Unreachable hosts", culprit="createRetryableRequest(algolia)"),
        ),
    )
    index = Entry(
        service="search-index",
        level="error",
        component="indexer",
        request=False,
        texts=("saveObjects(pitches, {n} records): " + text, "index refresh postponed, algolia unreachable"),
        metadata='{{"provider":"algolia"}}',
    )
    fx.say(b, "hosted index", index, 1.6, span)
    fx.slow(
        b,
        Slow(
            key="hosted search",
            hits={"/api/pitches/search": 0.9, "/api/browse": 0.25},
            span=span,
            add_ms=3100.0,
            service="algolia",
        ),
    )
    return Told(services=("pitch", "browse", "search-index"), routes=tuple(hits), severity="P2")


def second_factor(b: Builder) -> Told:
    """Codes by text message do not go out for minutes on end; whoever signs in with one cannot."""
    hour_is(b, 9.6)
    deprecated(b)
    other_products(b)
    span = b.until_mended(b.onset_ms, every_s=420.0, on_s=b.between("on", 240, 300))
    hits = {"/api/auth/login": b.between("share", 0.48, 0.62), "/api/auth/register": 0.7}
    texts = (
        "TwilioRestException: HTTP 503 error: Unable to create record: Service is unavailable. Please try again",
        "RestException [Error]: Service is unavailable. Please try again code=20503 "
        "moreInfo=https://www.twilio.com/docs/errors/20503",
        "verify.v2.services(VA{hex}).verifications.create -> 503 after {long_ms} ms",
    )
    metadata = '{{"provider":"twilio","status":503,"code":20503}}'
    fx.fail(
        b,
        Fault(
            key="second factor",
            hits=hits,
            span=span,
            status=502,
            took_ms=8200.0,
            body={"success": False, "message": "We could not send your code"},
            entries=(Entry(service="auth", component="sms", texts=texts, metadata=metadata),),
            tracked=Tracked(
                type="RestException",
                value="Service is unavailable. Please try again (20503)",
                culprit="success(node_modules/twilio/lib/base/Version)",
                share=0.9,
            ),
        ),
    )
    resend = Entry(
        service="notification",
        component="sms",
        level="error",
        request=False,
        texts=("sms to +44*******{n} not accepted: 20503 Service is unavailable", *texts[1:2]),
        metadata=metadata,
    )
    fx.say(b, "second factor", resend, 3.0, span)
    fx.surge(b, span, 1.9, ("/api/auth/login",))
    fx.slow(
        b,
        Slow(key="second factor", hits={"/api/auth/login": 0.35}, span=span, add_ms=3600.0, service="twilio"),
    )
    return Told(services=("auth", "notification"), routes=tuple(hits), severity="P2")


SCENARIOS = (
    case("hosted_search", "The hosted search is gone", CAUSE, hosted_search, ERRORS, onset_min=(11, 17)),
    case("second_factor", "No codes by text message", CAUSE, second_factor, ERRORS, onset_min=(38, 50)),
)
