"""Moved to `pitchey_ops.steps`."""

from ..steps import Step, steps, steps_of

__all__ = ["Step", "steps", "steps_of"]
