"""Days on which there is much coming and going at the door, all of it by right, and nothing is wrong."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Span
from ....platform import BROWSERS
from ....scenario import Told
from ._parts import (
    at_hour,
    audited,
    calm,
    doorknobs,
    onward,
    phone_in_tunnel,
    told,
    typists,
    usual_guessers,
    visits,
)

PHONES = (BROWSERS[1][0], BROWSERS[2][0])


def conference(b: Builder) -> Told:
    """A hall full of producers signs up and in from phones behind one Wi-Fi, with thumbs that slip; all get in."""
    at_hour(b, 9.9)
    phone_in_tunnel(b)
    address = fx.strangers(b, "hall", 1, "195.37.142.")[0]
    span = Span(b.onset_ms, b.now_ms + 40 * MINUTE, ramp_s=300)
    typists(b, "hall", address, BROWSERS[1][0], 70, span)
    signed_up = {201: 0.84, 422: 0.12, 409: 0.04}
    visits(b, "hall signs up", "/api/auth/register", 4.0, span, (address,), PHONES, signed_up, method="POST")
    visits(b, "hall reads", "/api/browse", 30.0, span, (address,), PHONES, {200: 1.0}, logged=0.3)
    told(
        b,
        "hall",
        "api-gateway",
        "limits",
        2.0,
        span,
        f"rate limit bucket {address} at {{n}} of 600 (event allowance 'producers-day', until 19:00)",
        level="warn",
    )
    return Told()


def single_sign_on(b: Builder) -> Told:
    """A big customer comes in by its own door from today: many redirects, a few stale answers, second tries."""
    at_hour(b, 8.2)
    usual_guessers(b)
    who = fx.strangers(b, "customer", 40, "212.77.160.")
    agents = (BROWSERS[0][0], BROWSERS[3][0])
    span = onward(b, ramp_s=900)
    for path, method, outcomes in (
        ("/api/auth/sso/northlight", "GET", {302: 1.0}),
        ("/api/auth/sso/northlight/acs", "POST", {302: 0.95, 401: 0.05}),
        ("/api/auth/verify", "POST", {200: 0.98, 401: 0.02}),
    ):
        visits(b, f"sso {path}", path, 11.0, span, who, agents, outcomes, method=method, service="auth")
    told(
        b,
        "sso",
        "auth",
        "saml",
        3.0,
        span,
        "saml northlight: InResponseTo is of an earlier request (back button), {user} sent to the IdP again",
        "saml northlight: SAML assertion NotOnOrAfter passed {small} s ago, {user} sent to the IdP again",
        "saml northlight: {user} linked to an existing account, password sign-in still possible",
        level="warn",
    )
    audited(b, "sso enabled", b.onset_ms, "SSO connection northlight (Entra ID) enabled as planned: OPS-588")
    return Told()


def password_manager(b: Builder) -> Told:
    """A company's password manager renews thirty passwords in a row, and asks first for what should not be there."""
    at_hour(b, 13.4)
    address = fx.strangers(b, "manager", 1, "185.66.204.")
    agents = (BROWSERS[0][0],)
    span = Span(b.onset_ms, b.now_ms + 10 * MINUTE)
    strange = "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200"
    for path, method, per_min, outcomes in (
        (strange, "GET", 1.5, {404: 1.0}),
        ("/.well-known/change-password", "GET", 1.5, {302: 1.0}),
        ("/api/account/password", "POST", 1.6, {200: 0.9, 422: 0.1}),
    ):
        visits(b, f"manager {path}", path, per_min, span, address, agents, outcomes, method=method, logged=1.0)
    typists(b, "manager", address[0], BROWSERS[0][0], 30, span)
    told(
        b,
        "manager",
        "auth",
        "accounts",
        1.5,
        span,
        "password of {user} changed by its owner, {small} other sessions ended",
        "new password of {user} is one of the last five, refused (422)",
        level="info",
    )
    return Told()


def support_desk(b: Builder) -> Told:
    """The support desk works through a morning of tickets: accounts reset, links run out, people helped one by one."""
    at_hour(b, 10.1)
    span = Span(b.onset_ms - HOUR, b.now_ms + 2 * HOUR)
    desk = ("198.51.100.66",)
    agents = (BROWSERS[3][0],)
    outcomes = {202: 0.86, 404: 0.08, 409: 0.06}
    path = "/api/admin/accounts/reset"
    urls = (path + "?account={user}&ticket={id}",)
    visits(b, "desk", path, 1.4, span, desk, agents, outcomes, method="POST", urls=urls, user="u00007")
    told(
        b,
        "desk",
        "auth",
        "accounts",
        1.8,
        span,
        "reset of {user} begun by support.lena (ticket {id})",
        "reset link of {user} had run out after 30 min, support.lena sent another",
        "account {user} unlocked by support.lena: locked after 5 wrong passwords, owner called",
        level="warn",
    )
    return Told()


def usual_door(b: Builder) -> Told:
    """The world's machines rattle at every door, all week, a little and in vain, as they do everywhere."""
    at_hour(b, 22.4)
    usual_guessers(b)
    doorknobs(b)
    told(
        b,
        "bastion",
        "bastion",
        "sshd",
        2.2,
        b.always(),
        "Failed password for invalid user admin from {ip} port {id} ssh2",
        "Connection closed by invalid user oracle {ip} port {id} [preauth]",
        "Unable to negotiate with {ip} port {id}: no matching host key type found. Their offer: ssh-rsa [preauth]",
        level="warn",
    )
    return Told()


SCENARIOS = (
    calm("day_conference", "A conference behind one Wi-Fi", conference, onset_min=(25, 45)),
    calm("day_single_sign_on", "A customer's own door", single_sign_on, onset_min=(30, 55), beside=("clock_skew",)),
    calm("day_password_manager", "A password manager at work", password_manager, onset_min=(12, 22)),
    calm("day_support_desk", "A morning at the support desk", support_desk, beside=("few_typists",)),
    calm("day_usual_door", "The usual rattling at the door", usual_door, beside=("harmless_production_deployment",)),
)
