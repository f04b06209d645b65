"""Runbooks rehearsed on incidents with known causes. Nothing that a run uses may import this package."""
