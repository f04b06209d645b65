"""The record of a run: written as it happens, without secrets, unaltered, replayable."""
