"""What the scenarios of this set share: whose runbooks, the hour of the day, and company for the faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from .... import effects as fx
from ....builder import DAY, HOUR, MINUTE, Builder, Crowd, Entry, Fault, Silence, Span
from ....entries import addresses
from ....scenario import Scenario, Steps, Told
from ....world import StatusIncident

SERVING = ("triage", "outage", "error_rate")
DATA = (*SERVING, "database")
WRITES = ("triage", "error_rate", "database")
SLOWNESS = ("triage", "performance", "database")
ERRORS = ("triage", "error_rate")
CACHES = ("triage", "performance")
LIMITS = ("triage", "outage", "performance")
CROWDS = ("triage", "outage", "security", "performance")
BROWSER = ("triage", "frontend")
PAINT = ("triage", "frontend", "performance")
ATTACKS = ("triage", "security")
WATCHERS = ("triage", "monitoring")


def judged(name: str, title: str, cause: str, steps: Steps, runbooks: tuple[str, ...], **more: Any) -> Scenario:
    """Return a scenario of this set; *more* are further fields of `Scenario`."""
    return Scenario(name=name, title=title, cause=cause, steps=steps, runbooks=runbooks, split="tune", **more)


def calm(name: str, title: str, steps: Steps, **more: Any) -> Scenario:
    """Return a control of this set."""
    return judged(name, title, "none", steps, ("triage",), **more)


def in_words(steps: Steps, words: Mapping[str, str]) -> Steps:
    """Return *steps* whose log entries and tracked errors say *words* (old text → new) instead."""

    def entry(one: Entry) -> Entry:
        return replace(one, texts=tuple(words.get(text, text) for text in one.texts))

    def fault(one: Fault) -> Fault:
        tracked = one.tracked
        if tracked is not None:
            tracked = replace(tracked, value=words.get(tracked.value, tracked.value))
        return replace(one, entries=tuple(entry(e) for e in one.entries), tracked=tracked)

    def reworded(b: Builder) -> Told:
        told = steps(b)
        b.faults[:] = [fault(one) for one in b.faults]
        b.stumbles[:] = [fault(one) for one in b.stumbles]
        b.crowds[:] = [replace(one, entries=tuple(entry(e) for e in one.entries)) for one in b.crowds]
        b.sayings[:] = [replace(one, entry=entry(one.entry)) for one in b.sayings]
        return told

    return reworded


def at_hour(b: Builder, hour: float) -> None:
    """Let the audience live elsewhere: its daily rhythm stands at *hour* (0-24) now, and so in all the week."""
    back = round(((b.now_ms % DAY) / HOUR - hour) % 24 * 60)
    source = np.arange(len(b.level)) - back
    b.level = b.level[np.where(source < 0, source + DAY // MINUTE, source)]


def frontend_deployed(b: Builder) -> None:
    """The frontend was deployed minutes before, and is fine."""
    fx.deploy(b, "pitchey-frontend", b.onset_ms - int(b.between("frontend age", 3, 11) * MINUTE), "footer links")


def elsewhere(b: Builder) -> None:
    """Cloudflare's status page names trouble in a product that we do not use."""
    fx.status_page(
        b,
        StatusIncident(
            start_ms=b.onset_ms - int(b.between("elsewhere", 30, 90) * MINUTE),
            end_ms=None,
            name="Delays in Registrar domain transfers",
            impact="minor",
            components=("Registrar",),
            component_status="degraded_performance",
        ),
    )


def doorknobs(b: Builder) -> None:
    """The internet's usual rattling at doors that we do not have; the edge stops most of it."""
    for path in ("/wp-login.php", "/.env", "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php"):
        fx.crowd(
            b,
            Crowd(
                key=f"doorknob {path}",
                route=path,
                per_min=b.between(f"doorknob {path}", 0.5, 1.5),
                span=b.always(),
                addresses=fx.strangers(b, f"doorknob {path}", 40),
                agents=("Mozilla/5.0 zgrab/0.x", "curl/7.88.1"),
                outcomes={404: 1.0},
                logged=0.5,
                blocked=0.6,
                rule="managed-913100",
            ),
        )


def bounces(b: Builder) -> None:
    """The mail service complains of full mailboxes since a big mailing yesterday."""
    entry = Entry(
        service="email",
        level="warn",
        component="sender",
        request=False,
        texts=("bounce 452 4.2.2 {email}: mailbox over quota", "deferred by {domain}: greylisted, trying again"),
    )
    span = Span(b.onset_ms - 20 * HOUR, b.now_ms + 5 * HOUR)
    fx.say(b, "bounces", entry, b.between("bounces", 3, 7), span)


def clumsy_partner(b: Builder) -> None:
    """A partner's program asks for pages that are not there, all week long."""
    fx.crowd(
        b,
        Crowd(
            key="clumsy partner",
            route="/api/pitches",
            per_min=b.between("clumsy", 3, 6),
            span=b.always(),
            addresses=("193.141.27.60",),
            agents=("FestivalHub-Sync/2.1 (partners@festivalhub.example)",),
            urls=("/api/pitches?external_id={id}", "/api/pitches?since={hex}"),
            outcomes={404: 0.6, 400: 0.2, 200: 0.2},
            logged=0.5,
        ),
    )


def extensions(b: Builder) -> None:
    """Extensions of some visitors' browsers throw on our pages, as ever."""
    entry = Entry(
        service="frontend",
        component="browser",
        request=False,
        texts=(
            "TypeError: Cannot redefine property: ethereum (chrome-extension://{hex}/inpage.js)",
            "Error: Extension context invalidated.",
        ),
    )
    fx.say(b, "extensions", entry, b.between("extensions", 0.8, 1.6), b.always())


def no_figures(b: Builder) -> None:
    """The APM service has kept nothing for days, and everybody knows."""
    for what in ("metrics", "db_posts", "vitals"):
        fx.silence(b, Silence(key=f"no figures {what}", what=what, span=b.always()))


def holes(b: Builder) -> None:
    """A quarter of the archive's objects never arrived, all week."""
    fx.silence(b, Silence(key="holes", what="archive", span=b.always(), share=0.25))


def homes(b: Builder, key: str, count: int) -> list[str]:
    """Return *count* addresses such as ordinary people have."""
    return addresses(count, b.rng(f"homes {key}"))
