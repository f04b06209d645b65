"""Caches that were emptied on purpose and are full again a minute or two later."""

from .... import effects as fx
from ....builder import MINUTE, Builder, Slow, Span
from ....scenario import Told
from ._parts import READ, at_hour, audited, day, told, wait_a_little


def _warming(b: Builder, key: str, seconds: float, add_ms: float) -> Span:
    """Return the time in which a cache fills again; until then what it kept is made anew."""
    span = Span(b.onset_ms, b.onset_ms + int(seconds * 1000))
    wait_a_little(b, key, READ, span, add_ms)
    b.edge_cache.append((READ, span, 0.08))
    return span


def emptied_and_told(b: Builder) -> Told:
    """Keys get a new form, so all old ones are dropped; each miss is logged until the new ones are there."""
    at_hour(b, 15.2)
    audited(b, "keys purge", b.onset_ms, "cache purge all (key format v7, announced in #platform, dana)")
    span = _warming(b, "keys", b.between("keys", 60, 95), 160.0)
    told(b, "keys", "cache", "kv", 110.0, span, "cache miss pitch:{id}, filled from database in {ms} ms", level="warn")
    return Told()


def emptied_with_figures(b: Builder) -> Told:
    """After a purge of pages the cache counts its hits aloud, and finds them few for a minute."""
    at_hour(b, 11.4)
    audited(b, "pages purge", b.onset_ms, "purge everything on pitchey.com (new header, change 4471, on-call knows)")
    span = _warming(b, "pages", b.between("pages", 50, 80), 320.0)
    told(
        b,
        "pages",
        "cache",
        "ratio",
        14.0,
        span,
        "hit ratio 0.{small} below 0.60, warming after purge",
        "{n} entries refilled, {small} to go",
        level="warn",
    )
    after = Span(span.end_ms, span.end_ms + 2 * MINUTE)
    told(b, "warm", "cache", "ratio", 2.0, after, "warm again, hit ratio 0.9{small}", level="info")
    return Told()


def emptied_and_felt(b: Builder) -> Told:
    """The whole edge forgets; for a minute the first visitors of each page wait for nearly a second more."""
    at_hour(b, 19.7)
    audited(b, "edge purge", b.onset_ms, "purge everything by api token deploy-bot (rebrand, go-live 19:40)")
    span = _warming(b, "edge", b.between("edge", 45, 75), 780.0)
    told(b, "edge", "browse", "render", 60.0, span, "cache miss for list {hex}, rendered in {slow_ms} ms", level="info")
    return Told()


def emptied_and_waited(b: Builder) -> Told:
    """Pages and lists are forgotten at a quiet moment; the first ones to ask wait two seconds, a minute long."""
    at_hour(b, 10.6)
    audited(b, "all purge", b.onset_ms, "purge everything: images moved to new names (announced, ticket 5120)")
    span = Span(b.onset_ms, b.onset_ms + int(b.between("all", 50, 75) * 1000))
    b.edge_cache.append((READ, span, 0.05))
    fx.slow(b, Slow(key="all", hits=fx.of(READ, 0.9), span=span, factor=1.2, add_ms=b.between("add", 1400, 2300)))
    fx.vitals(b, span, {"ttfb": (1.9, 900.0), "lcp": (1.5, 1400.0)}, url=("/pitches", "/"))
    told(b, "all", "cache", "edge", 45.0, span, "cache miss {hex}: origin asked, {slow_ms} ms", level="info")
    warm = Span(span.end_ms, span.end_ms + 15 * MINUTE)
    told(b, "full", "cache", "edge", 20.0, warm, "cache hit {hex} in {small} ms", level="info")
    return Told()


SCENARIOS = (
    day("emptied_and_waited", "Images move", emptied_and_waited, "performance", "frontend", onset_min=(9, 22)),
    day("emptied_and_told", "Keys in a new form", emptied_and_told, "performance", onset_min=(8, 20)),
    day(
        "emptied_with_figures",
        "A new header everywhere",
        emptied_with_figures,
        "performance",
        onset_min=(9, 18),
        beside=("logs_lost",),
    ),
    day("emptied_and_felt", "A new brand goes live", emptied_and_felt, "performance", onset_min=(12, 25)),
)
