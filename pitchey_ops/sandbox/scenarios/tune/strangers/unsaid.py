"""Users are hurt, and what could say why keeps silent."""

from .... import effects as fx
from ....builder import Builder, Fault, Silence
from ....scenario import Told
from ..unseen_once._parts import ERRORS, at_hour
from ._parts import retired_check, stranger


def unnamed_partner(b: Builder) -> Told:
    """Somebody whom we ask for messages and notes is away; those who ask wait, end in 504 and say nothing."""
    at_hour(b, 21.4)
    retired_check(b)
    span = b.until_mended(b.onset_ms, ramp_s=90.0)
    paths = ("/api/messages", "/api/notifications", "/api/investor/portfolio")
    fx.fail(
        b,
        Fault(
            key="unnamed partner",
            hits=fx.of(paths, b.between("share", 0.35, 0.55)),
            span=span,
            status=504,
            took_ms=9800.0,
        ),
    )
    for what in ("logs", "archive", "metrics", "db_posts"):
        fx.silence(b, Silence(key=f"unnamed {what}", what=what, span=span))
    return Told(services=("messaging", "notification", "investor"), routes=paths, severity="P2")


SCENARIOS = (
    stranger(
        "odd_unnamed_partner",
        "Waiting for somebody, nothing says for whom",
        "third_party_outage",
        unnamed_partner,
        ERRORS,
        onset_min=(16, 28),
        beside=("noisy_neighbour",),
        inconclusive_is_right=True,
    ),
)
