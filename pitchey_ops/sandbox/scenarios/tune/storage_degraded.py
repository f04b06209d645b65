"""R2 fails: uploads break, thumbnails vanish, the log archive has holes."""

from ...builder import Builder
from ...causes import edge
from ...scenario import Scenario, Told


def steps(b: Builder) -> Told:
    """Fail most writes and many reads of R2."""
    return edge.storage(
        b,
        share=b.between("share", 0.55, 0.85),
        texts=(
            "r2 put failed: InternalError (10001) key=media/{hex}",
            "r2 get failed: we encountered an internal error, please try again",
        ),
        caller_texts=("upload of {user} not stored ({method} {route})",),
    )


RUNBOOKS = ("triage", "error_rate")
SCENARIOS = (
    Scenario(name="storage_degraded", title="R2 degraded", cause="storage_degraded", steps=steps, runbooks=RUNBOOKS),
    Scenario(
        name="storage_degraded_busy",
        title="R2 degraded on a busy evening",
        cause="storage_degraded",
        steps=steps,
        runbooks=RUNBOOKS,
        beside=("busy_evening",),
    ),
)
