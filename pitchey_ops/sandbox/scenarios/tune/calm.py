"""Times without a fault that look like one."""

from ... import effects as fx
from ...builder import Builder, Span
from ...distractors import busy_evening, crawler_visit, noisy_neighbour
from ...scenario import Scenario, Told

HOUR = 3_600_000


def busy(b: Builder) -> Told:
    """More people than usual, all served."""
    busy_evening(b)
    return Told()


def deployed(b: Builder) -> Told:
    """Production was deployed minutes ago, and all is well."""
    fx.deploy(b, fx.PRODUCTION, b.onset_ms, "raise a cache lifetime")
    return Told()


def crawled(b: Builder) -> Told:
    """A search engine visits."""
    crawler_visit(b)
    return Told()


def night(b: Builder) -> Told:
    """Hardly anybody is awake."""
    fx.surge(b, Span(b.now_ms - 4 * HOUR, b.now_ms + 4 * HOUR, ramp_s=5400), b.between("night", 0.2, 0.35))
    return Told()


def noisy(b: Builder) -> Told:
    """A quiet service complains for hours, nobody is hurt."""
    noisy_neighbour(b)
    return Told()


SCENARIOS = (
    Scenario(name="calm_busy_evening", title="Busy evening", cause="none", steps=busy, seeds=4),
    Scenario(name="calm_deployment", title="Harmless deployment", cause="none", steps=deployed, seeds=4),
    Scenario(name="calm_crawler", title="Crawler visit", cause="none", steps=crawled, seeds=4),
    Scenario(name="calm_night", title="Quiet night", cause="none", steps=night, seeds=4),
    Scenario(name="calm_noisy_neighbour", title="A noisy neighbour", cause="none", steps=noisy, seeds=4),
)
