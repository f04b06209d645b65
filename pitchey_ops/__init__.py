"""Executable incident runbooks for the Pitchey platform."""
