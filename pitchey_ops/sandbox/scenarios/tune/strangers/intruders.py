"""Those who want in."""

from .... import effects as fx
from ....builder import MINUTE, Builder, Crowd, Entry
from ....platform import BROWSERS
from ....scenario import Told
from ..unseen_once._parts import ATTACKS, at_hour, homes
from ._parts import hourly_job, retired_check, stranger, usual_guessers

LOGIN = "/api/auth/login"


def six_digits(b: Builder) -> Told:
    """The password is known; the six digits of the second step are guessed from sixty homes, until they are found."""
    at_hour(b, 2.6)
    hourly_job(b)
    span = b.until_mended(b.onset_ms, ramp_s=60.0)
    people = homes(b, "six digits", 60)
    agents = tuple(agent for agent, _ in BROWSERS[:3])
    fx.crowd(
        b,
        Crowd(
            key="six digits",
            route=LOGIN,
            method="POST",
            per_min=b.between("rate", 38, 54),
            span=span,
            addresses=people,
            agents=agents,
            urls=("/api/auth/login?step=totp",),
            outcomes={401: 1.0},
            logged=1.0,
            took_ms=60.0,
            entries=(
                Entry(
                    service="auth",
                    level="warn",
                    component="second-factor",
                    texts=(
                        "otp mismatch account=u00042 ip={ip}",
                        "one-time code for u00042 not accepted, challenge {hex} still open",
                    ),
                ),
            ),
        ),
    )
    opened = b.onset_ms + int(b.between("opened", 11, 14) * MINUTE)
    fx.crowd(
        b,
        Crowd(
            key="six digits in",
            route=LOGIN,
            method="POST",
            per_min=3.0,
            span=b.until_mended(opened, opened + MINUTE),
            addresses=people[:1],
            agents=agents[:1],
            accounts=("u00042",),
            outcomes={200: 1.0},
            logged=1.0,
        ),
    )
    return Told(services=("auth",), routes=(LOGIN,), severity="P1")


def in_gusts(b: Builder) -> Told:
    """A minute of guesses in every eight, from ever other addresses, at the accounts of investors."""
    at_hour(b, 14.8)
    usual_guessers(b)
    span = b.until_mended(b.onset_ms, every_s=480.0, on_s=60.0)
    fx.crowd(
        b,
        Crowd(
            key="in gusts",
            route=LOGIN,
            method="POST",
            per_min=b.between("rate", 70, 95),
            span=span,
            addresses=fx.strangers(b, "in gusts", 140),
            agents=("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/137.0.0.0 Safari/537.36",),
            accounts=[f"u{i:05d}" for i in range(700, 960)],
            outcomes={401: 1.0},
            logged=1.0,
        ),
    )
    return Told(services=("auth",), routes=(LOGIN,), severity="P2")


INSIDE = (
    "/api/media/thumbnail?src=http://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "/api/media/thumbnail?src=gopher://127.0.0.1:6379/_CONFIG%20SET%20dir%20/tmp",
    "/api/media/thumbnail?src=http://[::ffff:a9fe:a9fe]/latest/api/token",
)
OBJECTS = (
    "/api/creator/pitches?filter[__proto__][isAdmin]=true",
    "/api/creator/pitches?where=%7B%22owner%22:%7B%22$gt%22:%22%22%7D%7D",
    "/api/creator/pitches?sort=title%0d%0aSet-Cookie:%20role=admin",
    "/api/creator/pitches?data=rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcA{hex}",
)


def inner_addresses(b: Builder) -> Told:
    """A signed-in stranger lets our servers ask inner addresses, and tries objects that turn into code."""
    at_hour(b, 8.8)
    retired_check(b)
    span = b.until_mended(b.onset_ms, ramp_s=30.0)
    for key, path, urls, per_min in (
        ("inner", "/api/media/thumbnail", INSIDE, b.between("rate", 9, 13)),
        ("objects", "/api/creator/pitches", OBJECTS, b.between("objects", 6, 9)),
    ):
        fx.crowd(
            b,
            Crowd(
                key=key,
                route=path,
                per_min=per_min,
                span=span,
                addresses=fx.strangers(b, "inner", 2),
                agents=tuple(agent for agent, _ in BROWSERS[3:4]),
                urls=urls,
                user="u04418",
                outcomes={400: 0.62, 403: 0.1, 200: 0.2, 500: 0.08},
                logged=0.9,
                entries=(
                    Entry(
                        service="api-gateway",
                        level="warn",
                        component="schema",
                        share=0.5,
                        most_per_min=8,
                        texts=("query of {ip} not valid: unexpected property", "fetch of a private address refused"),
                    ),
                ),
            ),
        )
    fx.security_events(b, "anomalous_behavior", span, 1.5)
    return Told(
        services=("api-gateway", "security"), routes=("/api/media/thumbnail", "/api/creator/pitches"), severity="P2"
    )


SCENARIOS = (
    stranger(
        "odd_six_digits",
        "Six digits guessed until they are found",
        "brute_force",
        six_digits,
        ATTACKS,
        onset_min=(18, 30),
        beside=("harmless_production_deployment",),
    ),
    stranger(
        "odd_in_gusts",
        "A minute of guesses in every eight",
        "brute_force",
        in_gusts,
        ATTACKS,
        onset_min=(42, 56),
        beside=("noisy_neighbour",),
    ),
    stranger(
        "odd_inner_addresses",
        "Inner addresses asked through us",
        "injection_attack",
        inner_addresses,
        ATTACKS,
        onset_min=(20, 34),
        beside=("crawler_visit",),
    ),
)
