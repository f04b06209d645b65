"""Those who try passwords that are not theirs: slowly, in bursts, by lists, and once with success."""

from .... import effects as fx
from ....builder import Builder, Entry
from ....scenario import Told
from ._parts import ATTACKS, LOGIN, at_hour, fault, later, told, visits

CAUSE = "brute_force"


def drip_and_burst(b: Builder) -> Told:
    """One common password at every door: two tries a minute, and every nine minutes half a minute in a hurry."""
    at_hour(b, 4.2)
    span = b.until_mended(b.onset_ms)
    gusts = b.until_mended(b.onset_ms + 70_000, every_s=540.0, on_s=b.between("on", 38, 55))
    rng = b.rng("drip")
    accounts = [f"u{i:05d}" for i in sorted(rng.choice(5000, 900, replace=False).tolist())]
    who = [*fx.strangers(b, "drip 1", 28, "80.94.95."), *fx.strangers(b, "drip 2", 28, "141.98.11.")]
    agents = ("Mozilla/5.0 (Windows NT 6.1; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/88.0.4324.190",)
    for key, per_min, when, names in (
        ("drip", b.between("rate", 2.2, 3.4), span, accounts[:450]),
        ("burst", b.between("burst", 42, 60), gusts, accounts[450:]),
    ):
        visits(b, key, LOGIN, per_min, when, who, agents, {401: 1.0}, method="POST", logged=1.0, accounts=names)
    told(
        b,
        "drip says",
        "auth",
        "fail2ban.filter",
        2.0,
        span,
        "INFO [pitchey-login] Found 80.94.95.{n} (1 of 5 within 10m, other account each time)",
        "INFO [pitchey-login] Found 141.98.11.{n} (2 of 5 within 10m, other account each time)",
        level="info",
    )
    told(
        b,
        "drip words",
        "auth",
        "pwned",
        1.0,
        span,
        "{user}: refused password is on the list of the 100 commonest, as of {waiting} other accounts in this hour",
        level="warn",
    )
    return Told(services=("auth",), routes=(LOGIN,), severity="P2")


def one_door_opens(b: Builder) -> Told:
    """Passwords for one manager's account from a dozen places, until one fits and the house is gone through."""
    at_hour(b, 13.2)
    name, who = "investor.relations", fx.strangers(b, "one door", 12)
    agents = (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0",
    )
    after = b.between("after", 17, 23)
    tries = later(b, 0, after)
    visits(
        b, "one door", LOGIN, b.between("rate", 5.5, 8.0), tries, who, agents, {401: 1.0},
        method="POST", logged=1.0, accounts=(name,),
    )  # fmt: skip
    visits(
        b, "one door opens", LOGIN, 5.0, later(b, after, 1), who[3:4], agents, {200: 1.0},
        method="POST", logged=1.0, accounts=(name,),
    )  # fmt: skip
    inside = b.until_mended(later(b, after + 1, 1).start_ms)
    for path, method, per_min in (
        ("/api/investor/portfolio", "GET", 6.0),
        ("/api/account/export", "POST", 1.2),
        ("/api/account/email", "PUT", 0.4),
    ):
        visits(
            b, f"inside {path}", path, per_min, inside, who[3:4], agents, {200: 0.95, 403: 0.05},
            method=method, logged=1.0, user=name, urls=(path + "?n={id}",),
        )  # fmt: skip
    told(
        b,
        "one door says",
        "auth",
        "keycloak.events",
        2.0,
        tries,
        'type="USER_DISABLED_BY_TEMPORARY_LOCKOUT" realmName="pitchey" username="investor.relations"',
        'type="LOGIN_ERROR" realmName="pitchey" clientId="web" error="invalid_user_credentials" '
        'username="investor.relations"',
        level="WARN",
    )
    told(
        b,
        "inside says",
        "auth",
        "keycloak.events",
        0.6,
        inside,
        'type="UPDATE_EMAIL" username="investor.relations" new device, country not seen before, mail to {email}',
        "export {id} of investor.relations ready ({size} bytes), third within {n} min",
        level="INFO",
    )
    return Told(services=("auth",), routes=(LOGIN,), severity="P1")


def phones_door(b: Builder) -> Told:
    """The old app's own way in asks no riddle: pairs from a leak are tried there from everywhere, and a few fit."""
    at_hour(b, 1.6)
    span = b.until_mended(b.onset_ms, ramp_s=1100.0)
    path = "/api/v1/mobile/login"
    visits(
        b,
        "phones door",
        path,
        b.between("rate", 30, 44),
        span,
        fx.strangers(b, "phones door", 380),
        ("Pitchey/3.1.0 (Android 9)", "Pitchey/3.1.0 (iOS 12.5)"),
        {401: 0.978, 200: 0.012, 423: 0.01},
        method="POST",
        service="auth",
        logged=0.9,
        took_ms=230.0,
        entries=(
            Entry(
                service="auth",
                level="warn",
                component="o.s.s.authentication",
                share=0.6,
                most_per_min=40,
                metadata='{{"event":"AuthenticationFailureBadCredentialsEvent","channel":"mobile-v1"}}',
                texts=(
                    "BadCredentialsException: Bad credentials [principal={email}, remoteAddress={ip}]",
                    "UsernameNotFoundException hidden as Bad credentials [principal={email}, remoteAddress={ip}]",
                ),
            ),
        ),
    )
    told(
        b,
        "phones door sum",
        "security",
        "risk",
        0.7,
        span,
        "mobile-v1: {waiting} different accounts tried in 5 min, one try each, {small} signed in from a country that "
        "is new for them (usual day: 40 sign-ins)",
        level="warn",
    )
    return Told(services=("auth",), routes=(path,), severity="P1")


SCENARIOS = (
    fault("drip_and_burst", "Slowly, then in a hurry", CAUSE, drip_and_burst, ATTACKS, 42, 56, beside=("logs_lost",)),
    fault("one_door_opens", "One door opens", CAUSE, one_door_opens, ATTACKS, 32, 44, beside=("few_typists",)),
    fault(
        "phones_door",
        "The old app's way in",
        CAUSE,
        phones_door,
        ATTACKS,
        34,
        48,
        beside=("harmless_production_deployment",),
    ),
)
