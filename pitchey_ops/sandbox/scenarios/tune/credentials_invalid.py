"""The database's password was rotated, the Worker still has the old one."""

from ...builder import Builder, Tracked
from ...causes import outside
from ...scenario import Scenario, Told


def steps(b: Builder) -> Told:
    """Refuse every new connection for its password."""
    return outside.database_credentials(
        b,
        share=b.between("share", 0.85, 0.97),
        db_texts=(
            'password authentication failed for user "pitchey_app"',
            'connection refused by pg_hba: no entry for role "pitchey_app" with this credential',
        ),
        caller_texts=("could not open a database session for {route}: authentication failed",),
        tracked=Tracked(
            type="DatabaseError",
            value='password authentication failed for user "pitchey_app"',
            culprit="connect(src/db/pool)",
        ),
    )


RUNBOOKS = ("triage", "outage", "error_rate", "database")
SCENARIOS = (
    Scenario(
        name="credentials_invalid",
        title="Database password rotated",
        cause="credentials_invalid",
        steps=steps,
        runbooks=RUNBOOKS,
    ),
    Scenario(
        name="credentials_invalid_noisy",
        title="Database password rotated beside a noisy neighbour",
        cause="credentials_invalid",
        steps=steps,
        runbooks=RUNBOOKS,
        beside=("noisy_neighbour",),
    ),
)
