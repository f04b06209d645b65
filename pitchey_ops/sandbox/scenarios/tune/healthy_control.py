"""Nothing is wrong: an ordinary day."""

from ...builder import Builder
from ...scenario import Scenario, Told


def steps(b: Builder) -> Told:
    """Do nothing beyond the ordinary week."""
    return Told(severity="P4")


SCENARIOS = (Scenario(name="healthy_control", title="Ordinary day, nothing wrong", cause="none", steps=steps, seeds=4),)
