"""Cloudflare in front of us."""

from ....builder import Builder
from ....causes import edge
from ....scenario import Told
from ._parts import SERVING, at_hour, bounces, frontend_deployed, in_words, judged, no_figures

CAUSE = "cloudflare_incident"


def one_city(b: Builder) -> Told:
    """One city of Cloudflare drops an eighth of the requests; nothing is announced."""
    at_hour(b, 18.5)
    return edge.cloudflare(
        b,
        share=b.between("share", 0.1, 0.15),
        status=520,
        code=520,
        incident="",
        components=(),
        lag_min=None,
        severity="P2",
    )


def late_words(b: Builder) -> None:
    """The frontend was released shortly before; the status page comes last."""
    frontend_deployed(b)


def handshakes(b: Builder) -> Told:
    """Handshakes fail between Cloudflare and itself; the status page says so a quarter of an hour later."""
    late_words(b)
    return edge.cloudflare(
        b,
        share=b.between("share", 0.28, 0.42),
        status=525,
        code=525,
        incident="TLS handshake failures for some zones",
        components=("CDN/Cache", "SSL Certificate Provisioning"),
        lag_min=15.0,
        ramp_s=300.0,
    )


def worldwide(b: Builder) -> Told:
    """Nearly everything everywhere, before dawn."""
    at_hour(b, 5.0)
    bounces(b)
    no_figures(b)
    return edge.cloudflare(
        b,
        share=b.between("share", 0.8, 0.93),
        status=500,
        code=500,
        incident="Cloudflare Global Network experiencing issues",
        impact="critical",
        components=("CDN/Cache", "Workers", "Pages", "Workers KV", "Dashboard", "API"),
        lag_min=8.0,
        ramp_s=10.0,
    )


KV = "kv get failed: internal error; reference = {hex}"
CITY_WORDS = {KV: "Error: Network connection lost. (PITCH_CACHE, ref {hex})"}
HANDSHAKE_WORDS = {KV: "KV: upstream handshake failed, ref {hex}"}
WORLD_WORDS = {KV: "internal error; reference = {hex}"}

SCENARIOS = (
    judged(
        "net_one_city",
        "An eighth of everything, unannounced",
        CAUSE,
        in_words(one_city, CITY_WORDS),
        SERVING,
        onset_min=(18, 28),
        beside=("logs_lost",),
    ),
    judged(
        "net_handshakes",
        "Handshakes fail, words come late",
        CAUSE,
        in_words(handshakes, HANDSHAKE_WORDS),
        SERVING,
        onset_min=(11, 22),
        beside=("busy_evening", "clock_skew"),
    ),
    judged(
        "net_worldwide",
        "Nearly everything everywhere",
        CAUSE,
        in_words(worldwide, WORLD_WORDS),
        SERVING,
        onset_min=(9, 14),
        beside=("noisy_neighbour",),
    ),
)
