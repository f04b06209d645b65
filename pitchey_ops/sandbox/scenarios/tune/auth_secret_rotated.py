"""The secret that signs tokens was rotated: everybody's token is refused."""

from ...builder import Builder, Tracked
from ...causes import outside
from ...scenario import Scenario, Told


def steps(b: Builder) -> Told:
    """Refuse nearly every token; people sign in again and are refused again."""
    return outside.tokens(
        b,
        share=b.between("share", 0.85, 0.97),
        texts=(
            "JWT verification failed: invalid signature",
            "JWT verification failed: signature mismatch for kid {hex}",
        ),
        caller_texts=("request of {user} rejected: invalid token ({method} {route})",),
        tracked=Tracked(type="JsonWebTokenError", value="invalid signature", culprit="verify(src/auth/jwt)"),
    )


RUNBOOKS = ("triage", "error_rate")
SCENARIOS = (
    Scenario(
        name="auth_secret_rotated",
        title="Token secret rotated",
        cause="auth_fault",
        steps=steps,
        runbooks=RUNBOOKS,
        seeds=3,
    ),
    Scenario(
        name="auth_secret_rotated_noisy",
        title="Token secret rotated beside a noisy neighbour",
        cause="auth_fault",
        steps=steps,
        runbooks=RUNBOOKS,
        beside=("noisy_neighbour",),
    ),
)
