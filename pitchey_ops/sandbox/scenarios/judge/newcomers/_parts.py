"""What these scenarios share: whose runbooks, the hour of the audience, and what goes on beside a fault."""

from __future__ import annotations

from typing import Any

import numpy as np

from .... import effects as fx
from ....builder import DAY, HOUR, MINUTE, Builder, Crowd, Entry, Silence, Span, Tracked
from ....entries import addresses
from ....scenario import Scenario, Steps
from ....world import StatusIncident

SERVING = ("triage", "outage", "error_rate")
DATA = (*SERVING, "database")
QUERIES = ("triage", "performance", "database")
WRITES = ("triage", "error_rate", "database")
ERRORS = ("triage", "error_rate")
SPEED = ("triage", "performance")
BROWSER = ("triage", "frontend")
PAINT = ("triage", "frontend", "performance")
ATTACKS = ("triage", "security")
CROWDS = ("triage", "outage", "security", "performance")
WATCHERS = ("triage", "monitoring")


def case(name: str, title: str, cause: str, steps: Steps, runbooks: tuple[str, ...], **more: Any) -> Scenario:
    """Return a scenario that judges; *more* are further fields of `Scenario`."""
    return Scenario(
        name=f"new_{name}", title=title, cause=cause, steps=steps, runbooks=runbooks, split="judge", seeds=1, **more
    )


def fine(name: str, title: str, steps: Steps, **more: Any) -> Scenario:
    """Return a control that judges."""
    return case(name, title, "none", steps, ("triage",), **more)


def hour_is(b: Builder, hour: float) -> None:
    """Let it be *hour* (0-24) where the audience lives: its daily rhythm is moved accordingly, all week."""
    shift = round(((b.now_ms % DAY) / HOUR - hour) % 24 * 60)
    place = np.arange(len(b.level)) - shift
    b.level = b.level[np.where(place < 0, place + DAY // MINUTE, place)]


def people(b: Builder, key: str, count: int) -> list[str]:
    """Return *count* addresses of the kind that people have at home."""
    return addresses(count, b.rng(f"people {key}"))


def unheard(b: Builder, key: str, span: Span, *services: str, share: float = 1.0) -> None:
    """Let *services* say nothing while *span* lasts: their entries are never sent."""
    fx.silence(b, Silence(key=key, what="unlogged", span=span, share=share, services=services))


def earlier_release(b: Builder) -> None:
    """Production was deployed within the last hour, and works."""
    fx.deploy(b, fx.PRODUCTION, b.onset_ms - int(b.between("earlier", 17, 38) * MINUTE), "i18n: Portuguese strings")


def helper_release(b: Builder) -> None:
    """A helper of the platform was deployed a few minutes before."""
    script = b.choose("helper", ("pitchey-infra", "pitchey-security", "pitchey-alerts"))
    fx.deploy(b, script, b.onset_ms - int(b.between("helper age", 2, 9) * MINUTE), "chore(deps): hono 4.10 -> 4.11")


def page_release(b: Builder) -> None:
    """The frontend was deployed a few minutes before, and works."""
    fx.deploy(b, "pitchey-frontend", b.onset_ms - int(b.between("page age", 4, 13) * MINUTE), "pricing table: spacing")


def deprecated(b: Builder) -> None:
    """Libraries complain of their future, all week."""
    entry = Entry(
        service="creator",
        level="warning",
        component="runtime",
        request=False,
        texts=(
            "(node:{small}) [DEP0040] DeprecationWarning: The `punycode` module is deprecated.",
            "(node:{small}) MaxListenersExceededWarning: Possible EventTarget memory leak detected. 11 abort listeners",
        ),
    )
    fx.say(b, "deprecated", entry, b.between("deprecated", 0.7, 1.5), b.always())


def strict_policy(b: Builder) -> None:
    """Browsers report what the page's own policy forbids, as they have for months."""
    entry = Entry(
        service="frontend",
        level="error",
        component="csp",
        request=False,
        texts=(
            "[Report Only] Refused to load the script 'https://www.googletagmanager.com/gtm.js' because it violates "
            'the following Content Security Policy directive: "script-src self".',
            '{{"csp-report":{{"violated-directive":"style-src-elem","blocked-uri":"inline","line-number":{line}}}}}',
        ),
    )
    fx.say(b, "policy", entry, b.between("policy", 0.8, 1.8), b.always())


def stale_customers(b: Builder) -> None:
    """A nightly list of customers that the payment provider forgot is worked off all day."""
    entry = Entry(
        service="payments",
        level="error",
        component="reconcile",
        request=False,
        texts=("StripeInvalidRequestError: No such customer: 'cus_{hex}'; skipped", "reconcile: {id} has no customer"),
        metadata='{{"provider":"stripe","status":404}}',
    )
    fx.say(b, "stale customers", entry, b.between("stale", 0.5, 1.2), b.always())


def old_client(b: Builder) -> None:
    """A partner's program sends a token that ran out in spring, every few seconds, all week."""
    fx.crowd(
        b,
        Crowd(
            key="old client",
            route="/api/notifications",
            per_min=b.between("old client", 2.5, 5),
            span=b.always(),
            addresses=("185.12.64.19",),
            agents=("slate-sync/0.9 (axios/0.21.1)",),
            outcomes={401: 1.0},
            logged=0.5,
        ),
    )


def other_products(b: Builder) -> None:
    """Cloudflare's status page names trouble in something that we do not use."""
    fx.status_page(
        b,
        StatusIncident(
            start_ms=b.onset_ms - int(b.between("other", 25, 110) * MINUTE),
            end_ms=None,
            name="Increased latency for Zaraz and Web Analytics",
            impact="minor",
            components=("Zaraz",),
            component_status="degraded_performance",
        ),
    )


def healed(b: Builder) -> None:
    """Another issue was loud three hours ago, and is closed."""
    rng = b.rng("healed")
    end = b.onset_ms - 2 * HOUR
    fx.issue(
        b,
        "healed",
        Tracked(type="AbortError", value="The user aborted a request.", culprit="poll(src/notification/poll)"),
        rng.integers(end - 40 * MINUTE, end, 160).tolist(),
    )
