"""Somebody guesses the password of a few accounts."""

from ... import effects as fx
from ...builder import Builder
from ...causes import attack
from ...scenario import Scenario, Told


def steps(b: Builder) -> Told:
    """Guess from three addresses until one account opens (two seeds of three)."""
    accounts = ["admin", "admin.dana", "investor.relations"]
    return attack.logins(
        b,
        key="brute",
        addresses=fx.strangers(b, "brute", 3),
        agents=("python-requests/2.32.3",),
        accounts=accounts,
        per_min=b.between("rate", 25, 60),
        broken_in=accounts[1] if b.seed % 3 != 2 else "",
    )


RUNBOOKS = ("triage", "security")
SCENARIOS = (
    Scenario(
        name="brute_force",
        title="Passwords guessed from three addresses",
        cause="brute_force",
        steps=steps,
        runbooks=RUNBOOKS,
        seeds=3,
    ),
    Scenario(
        name="brute_force_typist",
        title="Passwords guessed, and an administrator who forgot his own",
        cause="brute_force",
        steps=steps,
        runbooks=RUNBOOKS,
        beside=("few_typists",),
    ),
)
