"""Others that we lean on, and people who are not recognised."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Slow, Tracked
from ....platform import ROUTES
from ....scenario import Told
from ..unseen_once._parts import ERRORS, at_hour
from ._parts import deprecations, hourly_job, stranger, usual_guessers

PRIVATE = [r.path for r in ROUTES if r.private and r.path != "/ws"]


def search_hosts(b: Builder) -> Told:
    """The company that searches for us cannot be reached; its library blames the name of our account."""
    at_hour(b, 18.4)
    hourly_job(b)
    span = b.until_mended(b.onset_ms, ramp_s=150.0)
    path = "/api/pitches/search"
    fx.fail(
        b,
        Fault(
            key="search hosts",
            hits={path: b.between("share", 0.82, 0.94)},
            span=span,
            status=503,
            took_ms=6400.0,
            body={"success": False, "message": "Search is not available"},
            entries=(
                Entry(
                    component="algolia",
                    metadata='{{"vendor":"algolia","hosts_tried":4}}',
                    texts=(
                        "RetryError: Unreachable hosts - your application id may be incorrect. "
                        "If the error persists, contact support@algolia.com.",
                        "algoliasearch: PX2C1-dsn, PX2C1-1, PX2C1-2, PX2C1-3.algolianet.com each timed out (2000 ms)",
                    ),
                ),
            ),
            tracked=Tracked(
                type="RetryError",
                value="Unreachable hosts - your application id may be incorrect.",
                culprit="createRetryError(@algolia/transporter)",
            ),
        ),
    )
    fx.slow(b, Slow(key="search hosts", hits={path: 1.0}, span=span, add_ms=3100.0))
    batch = Entry(
        service="search-index",
        component="indexer",
        request=False,
        texts=("saveObjects of {n} records: 503 {{}} after 4 hosts, kept for later", "algolia batch {hex} postponed"),
        metadata='{{"vendor":"algolia"}}',
    )
    fx.say(b, "search batches", batch, 1.6, span)
    return Told(services=("pitch",), routes=(path,), severity="P2")


def lost_cookie(b: Builder) -> Told:
    """A rule at the edge changed the cookie's scope; browsers do not send it any more, people sign in in circles."""
    at_hour(b, 20.0)
    usual_guessers(b)
    span = b.until_mended(b.onset_ms, ramp_s=600.0)
    share = b.between("share", 0.5, 0.65)
    hits = fx.of(("/api/auth/refresh", *PRIVATE), share)
    fx.fail(
        b,
        Fault(
            key="lost cookie",
            hits=hits,
            span=span,
            status=401,
            took_ms=7.0,
            body={"success": False, "message": "Please sign in"},
            entries=(
                Entry(
                    service="auth",
                    level="warn",
                    component="session",
                    share=0.5,
                    texts=(
                        "{method} {route} without __Host-sid although sign-in of {ip} succeeded {n} s ago",
                        "no session cookie on {route} (sec-fetch-site: cross-site)",
                    ),
                ),
            ),
        ),
    )
    fx.surge(b, span, b.between("circles", 4.0, 6.0), ("/api/auth/login", "/login"))
    return Told(services=("auth",), routes=tuple(hits), severity="P1")


def other_instance(b: Builder) -> Told:
    """The Worker holds the key of the provider's test instance: reasons in codes, and nothing else."""
    at_hour(b, 7.4)
    deprecations(b)
    span = b.until_mended(b.onset_ms)
    share = b.between("share", 0.9, 0.98)
    hits = fx.of(("/api/auth/verify", "/api/auth/refresh", *PRIVATE), share)
    fx.fail(
        b,
        Fault(
            key="other instance",
            hits=hits,
            span=span,
            status=401,
            took_ms=12.0,
            body={"success": False, "message": "Unauthenticated"},
            entries=(
                Entry(
                    service="auth",
                    level="warn",
                    component="clerk",
                    most_per_min=80,
                    texts=(
                        "x-clerk-auth-reason=jwk-kid-mismatch x-clerk-auth-status=signed-out {route}",
                        "Unable to find a signing key in JWKS that matches the kid='ins_2hYVBIXY' of the provided "
                        "session token. (reason=jwk-kid-mismatch, token-carrier=header)",
                    ),
                ),
            ),
            tracked=Tracked(
                type="TokenVerificationError",
                value="jwk-kid-mismatch",
                culprit="loadClerkJWKFromRemote(@clerk/backend)",
                share=0.3,
            ),
        ),
    )
    fx.surge(b, b.until_mended(b.onset_ms, ramp_s=180.0), 2.6, ("/api/auth/login", "/login"))
    return Told(services=("auth",), routes=tuple(hits), severity="P1")


SCENARIOS = (
    stranger(
        "odd_search_hosts",
        "The search company cannot be reached",
        "third_party_outage",
        search_hosts,
        ERRORS,
        onset_min=(15, 26),
        beside=("crawler_visit",),
    ),
    stranger(
        "odd_lost_cookie",
        "People sign in in circles",
        "auth_fault",
        lost_cookie,
        ERRORS,
        onset_min=(24, 38),
        beside=("unrelated_deployment",),
    ),
    stranger(
        "odd_other_instance",
        "Tokens checked with another instance's keys",
        "auth_fault",
        other_instance,
        ERRORS,
        onset_min=(11, 19),
        beside=("noisy_neighbour",),
    ),
)
