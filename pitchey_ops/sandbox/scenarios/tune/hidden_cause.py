"""Users fail and nothing that can be seen says why: log, archive, tracker and database figures keep silent."""

from ... import effects as fx
from ...builder import Builder, Fault, Silence
from ...scenario import Scenario, Told


def steps(b: Builder) -> Told:
    """Let writers block each other in the dark."""
    span = b.until_mended(b.onset_ms, ramp_s=30.0)
    paths = fx.owned_by("investor", "creator")
    fx.fail(
        b, Fault(key="hidden", hits=fx.of(paths, b.between("share", 0.4, 0.6)), span=span, status=500, took_ms=4000.0)
    )
    for what in ("logs", "archive", "db_posts", "metrics"):
        fx.silence(b, Silence(key=f"hidden {what}", what=what, span=span))
    return Told(services=("investor", "creator"), routes=tuple(paths), severity="P2")


SCENARIOS = (
    Scenario(
        name="hidden_cause",
        title="Users fail, nothing says why",
        cause="database_locked",
        steps=steps,
        runbooks=("triage", "error_rate"),
        inconclusive_is_right=True,
    ),
)
