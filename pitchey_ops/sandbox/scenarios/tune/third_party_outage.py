"""The payment provider is down."""

from ...builder import Builder, Tracked
from ...causes import outside
from ...scenario import Scenario, Told


def steps(b: Builder) -> Told:
    """Let Stripe answer 503 or nothing: checkouts fail after a wait."""
    return outside.third_party(
        b,
        provider="stripe",
        service="payments",
        share=b.between("share", 0.75, 0.95),
        texts=(
            "stripe API error: 503 Service Unavailable (api.stripe.com/v1/payment_intents)",
            "external api error: stripe did not answer within {long_ms} ms",
        ),
        caller_texts=("checkout of {user} failed: payment provider unavailable",),
        breaker_text="circuit breaker stripe opened after {n} failures",
        tracked=Tracked(
            type="StripeConnectionError",
            value="stripe API error: 503 Service Unavailable",
            culprit="charge(src/payments/stripe)",
        ),
    )


RUNBOOKS = ("triage", "error_rate")
SCENARIOS = (
    Scenario(
        name="third_party_outage",
        title="Payment provider down",
        cause="third_party_outage",
        steps=steps,
        runbooks=RUNBOOKS,
        seeds=3,
    ),
    Scenario(
        name="third_party_outage_deployment",
        title="Payment provider down, production deployed half an hour before",
        cause="third_party_outage",
        steps=steps,
        runbooks=RUNBOOKS,
        beside=("harmless_production_deployment",),
    ),
)
