"""Those who copy the catalogue patiently."""

from itertools import pairwise

from .... import effects as fx
from ....builder import AHEAD, MINUTE, Builder, Crowd
from ....platform import BROWSERS
from ....scenario import Told
from ..unseen_once._parts import ATTACKS, at_hour, homes
from ._parts import deprecations, retired_check, stranger

CAUSE = "scraping"
BLOCK = 10
"""Minutes of one stretch of the count."""


def counted_up(b: Builder) -> Told:
    """Two hundred homes share the numbers from one upwards: each asks once in a few minutes, none asks twice."""
    at_hour(b, 13.4)
    deprecations(b)
    rate = b.between("rate", 52, 66)
    people = homes(b, "counted up", 210)
    agents = tuple(agent for agent, _ in BROWSERS)
    starts = range(b.onset_ms, b.now_ms + AHEAD + BLOCK * MINUTE, BLOCK * MINUTE)
    first = 41_000
    for block, (start, end) in enumerate(pairwise(starts)):
        many = int(rate * BLOCK)
        numbers = range(first + block * many, first + (block + 1) * many, 12)  # a dozen of neighbours each
        fx.crowd(
            b,
            Crowd(
                key=f"counted up {block}",
                route="/api/pitches",
                per_min=rate,
                span=b.until_mended(start, end),
                addresses=people,
                agents=agents,
                urls=tuple(f"/api/pitches?id={number}&expand=all" for number in numbers),
                outcomes={200: 0.88, 404: 0.12},
                logged=0.6,
                took_ms=85.0,
            ),
        )
    fx.database(b, b.until_mended(b.onset_ms), queryCount=(1.35, 0.0))
    return Told(services=("pitch",), routes=("/api/pitches",), severity="P3")


def site_map(b: Builder) -> Told:
    """Browsers without a screen walk down the site map, page and pictures, evenly, for hours of the night."""
    at_hour(b, 3.4)
    retired_check(b)
    span = b.until_mended(b.onset_ms)
    agents = (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
    )
    addresses = fx.strangers(b, "site map", 34, "162.55.71.")
    for path, per_min, urls in (
        ("/sitemap.xml", 0.4, ("/sitemap.xml", "/sitemap-pitches-{small}.xml")),
        ("/pitches", 17.0, ("/pitches?slug={hex}-{id}",)),
        ("/api/pitches", 17.0, ("/api/pitches?slug={hex}-{id}",)),
        ("/api/media/thumbnail", 30.0, ("/api/media/thumbnail?pitch={id}&w=1280",)),
    ):
        fx.crowd(
            b,
            Crowd(
                key=f"site map {path}",
                route=path,
                per_min=per_min,
                span=span,
                addresses=addresses,
                agents=agents,
                urls=urls,
                outcomes={200: 0.994, 404: 0.006},
                logged=0.5,
                service="frontend",
                took_ms=110.0,
            ),
        )
    fx.database(b, span, queryCount=(1.6, 0.0))
    return Told(services=("pitch", "frontend", "upload"), routes=("/pitches", "/api/pitches"), severity="P3")


def alphabet(b: Builder) -> Told:
    """The search is asked for aa, ab, ac and so on, each time from another home, with every result wanted."""
    at_hour(b, 16.0)
    span = b.until_mended(b.onset_ms, ramp_s=900.0)
    letters = "abcdefghijklmnoprstuvw"
    urls = tuple(
        f"/api/pitches/search?q={one}{two}&limit=500&offset={{id}}" for one in letters[:8] for two in letters[::2]
    )
    fx.crowd(
        b,
        Crowd(
            key="alphabet",
            route="/api/pitches/search",
            per_min=b.between("rate", 40, 56),
            span=span,
            addresses=homes(b, "alphabet", 900),
            agents=tuple(agent for agent, _ in BROWSERS[1:3]),
            urls=urls,
            outcomes={200: 0.99, 429: 0.01},
            logged=0.6,
            took_ms=420.0,
        ),
    )
    fx.database(b, span, queryCount=(1.7, 0.0), avgQueryTime=(1.25, 0.0), p95QueryTime=(1.3, 0.0))
    return Told(services=("pitch",), routes=("/api/pitches/search",), severity="P3")


SCENARIOS = (
    stranger(
        "odd_counted_up",
        "Numbers counted up from many homes",
        CAUSE,
        counted_up,
        ATTACKS,
        onset_min=(38, 52),
        beside=("noisy_neighbour",),
    ),
    stranger(
        "odd_site_map",
        "The site map walked at night",
        CAUSE,
        site_map,
        ATTACKS,
        onset_min=(150, 200),
        beside=("few_typists",),
    ),
    stranger(
        "odd_alphabet",
        "The search asked for the alphabet",
        CAUSE,
        alphabet,
        ATTACKS,
        onset_min=(48, 58),
        beside=("crawler_visit",),
    ),
)
