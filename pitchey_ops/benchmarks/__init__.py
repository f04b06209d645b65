"""
Scores on recorded data with known truth: pure functions from a data folder to figures.

Each module runs by itself, e.g. ``python -m pitchey_ops.benchmarks.suspects ../shared/datasets``.
"""
