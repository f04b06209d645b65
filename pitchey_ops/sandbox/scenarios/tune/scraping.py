"""Somebody copies the catalogue."""

from ... import effects as fx
from ...builder import Builder
from ...causes import attack
from ...scenario import Scenario, Told


def steps(b: Builder) -> Told:
    """Walk through all pages of the catalogue from a hosting network."""
    return attack.scraping(
        b,
        paths={"/api/pitches": ("/api/pitches?page={id}",), "/api/browse": ("/api/browse?page={id}&limit=100",)},
        addresses=fx.strangers(b, "scrape", 5, "45.129.14."),
        agents=("python-httpx/0.28.1",),
        per_min=b.between("rate", 60, 130),
    )


RUNBOOKS = ("triage", "security")
SCENARIOS = (
    Scenario(name="scraping", title="Catalogue scraped", cause="scraping", steps=steps, runbooks=RUNBOOKS),
    Scenario(
        name="scraping_crawler",
        title="Catalogue scraped beside a polite crawler",
        cause="scraping",
        steps=steps,
        runbooks=RUNBOOKS,
        beside=("crawler_visit",),
    ),
)
