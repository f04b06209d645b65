"""A chunk that the page names is gone."""

from ...builder import Builder, Tracked
from ...causes import browser
from ...scenario import Scenario, Told


def steps(b: Builder) -> Told:
    """Answer 404 for a lazy chunk, for most visitors."""
    return browser.assets_missing(
        b,
        share=b.between("share", 0.5, 0.9),
        path="/assets/browse-1c7be205.js",
        live="/assets/browse-1c7be205.js",
        message="new chunk names",
        lead_s=b.between("lead", 15, 90),
        texts=(
            "ChunkLoadError: Loading chunk {small} failed (missing: https://pitchey.pages.dev/assets/browse-1c7be205.js)",
            "Failed to fetch dynamically imported module: https://pitchey.pages.dev/assets/browse-1c7be205.js",
        ),
        tracked=Tracked(
            type="ChunkLoadError",
            value="Loading chunk failed",
            culprit="import(src/routes)",
            project="pitchey-frontend",
            share=0.8,
        ),
    )


RUNBOOKS = ("triage", "frontend")
SCENARIOS = (
    Scenario(
        name="frontend_assets",
        title="A chunk of the frontend is missing",
        cause="frontend_assets",
        steps=steps,
        runbooks=RUNBOOKS,
    ),
    Scenario(
        name="frontend_assets_noisy",
        title="A chunk of the frontend is missing, another service complains",
        cause="frontend_assets",
        steps=steps,
        runbooks=RUNBOOKS,
        beside=("noisy_neighbour",),
    ),
)
