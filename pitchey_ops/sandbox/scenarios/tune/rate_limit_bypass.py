"""One client forges the header that the rate limit believes."""

from ... import effects as fx
from ...builder import Builder
from ...causes import attack
from ...scenario import Scenario, Told


def steps(b: Builder) -> Told:
    """Send each request with another forged X-Forwarded-For, from one address."""
    return attack.bypass(
        b,
        path="/api/pitches/search",
        per_min=b.between("rate", 70, 140),
        addresses=fx.strangers(b, "bypass", 1),
        agent="axios/1.7.9",
        metadata='{{"x_forwarded_for":"{ip}"}}',
        user="u04711",
        urls=("/api/pitches/search?q={hex}",),
        texts=("rate limit key taken from x-forwarded-for, not from the connecting address {ip}",),
    )


RUNBOOKS = ("triage", "security")
SCENARIOS = (
    Scenario(
        name="rate_limit_bypass",
        title="Rate limit bypassed by a forged header",
        cause="rate_limit_bypass",
        steps=steps,
        runbooks=RUNBOOKS,
    ),
    Scenario(
        name="rate_limit_bypass_busy",
        title="Rate limit bypassed on a busy evening",
        cause="rate_limit_bypass",
        steps=steps,
        runbooks=RUNBOOKS,
        beside=("busy_evening",),
    ),
)
