"""Days on which doors are tried or tested, as ever or as ordered, and nothing is wrong."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Span
from ....scenario import Told
from ._parts import around, at_hour, audited, calm, knocking, onward, sleepy_tabs, told, visits


def ordered_scan(b: Builder) -> Told:
    """The auditors' quarterly scan, ordered and announced, walks past all doors from its own address; all are shut."""
    at_hour(b, 11.1)
    audited(
        b,
        "order",
        b.onset_ms - 10 * MINUTE,
        "quarterly ASV scan by Prüfwerk AG begins 11:00, ends 12:30 (order 2026-Q4-17, source 203.0.113.161)",
        "firewall: 203.0.113.161 tagged 'asv-scan', logged, not challenged",
    )
    span = Span(b.onset_ms, b.now_ms + HOUR)
    who = ("203.0.113.161",)
    agents = ("Pruefwerk-ASV/11.4 (order 2026-Q4-17; asv@pruefwerk.example)",)
    for path, per_min, outcomes in (
        ("/.git/HEAD", 3.0, {404: 1.0}),
        ("/server-status", 3.0, {404: 1.0}),
        ("/api/", 4.0, {404: 0.9, 405: 0.1}),
        ("/login", 4.0, {200: 1.0}),
        ("/backup.zip", 3.0, {404: 1.0}),
    ):
        visits(b, f"scan {path}", path, per_min, span, who, agents, outcomes, logged=0.8, took_ms=5.0)
    told(
        b,
        "scan",
        "security",
        "scanner",
        1.2,
        span,
        "asv-scan 203.0.113.161: TLS 1.0 refused, TLS 1.1 refused, HSTS present (report item {n}: passed)",
        "asv-scan 203.0.113.161: {small} open ports of 65535 (80, 443), as last quarter",
        level="warn",
    )
    fx.security_events(b, "suspicious_login_attempt", span, 0.4)
    return Told()


def guessed_as_ever(b: Builder) -> Told:
    """A release came minutes ago, and at the door the world guesses passwords as it did all week, at the same pace."""
    at_hour(b, 23.4)
    knocking(b, 2.1)
    fx.deploy(b, fx.PRODUCTION, b.onset_ms, "order of fields in the export")
    told(
        b,
        "mail server",
        "mail-relay",
        "postfix",
        3.0,
        b.always(),
        "warning: unknown[{ip}]: SASL LOGIN authentication failed: UGFzc3dvcmQ6",
        "lost connection after AUTH from unknown[{ip}]",
        "NOQUEUE: reject: RCPT from unknown[{ip}]: 454 4.7.1 Relay access denied",
        level="warning",
    )
    told(
        b,
        "weekly sum",
        "security",
        "digest",
        0.15,
        around(b, 1.0),
        "guesses at unknown accounts: 2{small}{small}{small} a day, week before 24{n}, none with an existing name",
        level="info",
    )
    return Told()


def rule_on_trial(b: Builder) -> Told:
    """A new rule of the firewall is on trial: it says what it would have stopped, stops nothing, and is often wrong."""
    at_hour(b, 16.0)
    sleepy_tabs(b)
    audited(b, "rule", b.onset_ms, "managed ruleset 2026-11-20: 4 new rules, action log for 14 days (dana)")
    told(
        b,
        "trial",
        "security",
        "waf",
        7.0,
        onward(b, ramp_s=120),
        "rule 100781 (action=log) would have matched POST /api/messages: 'SELECT committee, union rules' score 18",
        "rule 100783 (action=log) would have matched {route}: accept-language of unusual length, score 12",
        "rule 100780 (action=log): false positive marked by dana, threshold 20 -> 25",
        level="warn",
    )
    return Told()


SCENARIOS = (
    calm("quiet_ordered_scan", "A scan that was ordered", ordered_scan, onset_min=(20, 40)),
    calm("quiet_guessed_as_ever", "Guesses as ever", guessed_as_ever, onset_min=(6, 14)),
    calm("quiet_rule_on_trial", "A rule on trial", rule_on_trial, onset_min=(18, 40), beside=("crawler_visit",)),
)
