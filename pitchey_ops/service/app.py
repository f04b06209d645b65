"""The service's web application: hooks, pages, health and metrics, behind limits that hold for all of them."""

from __future__ import annotations

from fastapi import FastAPI

from .state import State


def create(state: State) -> FastAPI:
    """
    Return the application for *state*; ``app.state.service`` is that state.

    Raises
    ------
    ConfigError
        The catalogue of routes or a secret is wrong; every fault is listed.
    """
    app = FastAPI(title="pitchey-ops", docs_url=None, redoc_url=None)
    app.state.service = state
    return app
