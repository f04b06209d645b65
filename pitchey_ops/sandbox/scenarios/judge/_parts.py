"""What the judging scenarios share: who should find them, short forms, the audience's clock, and everyday company."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from ... import effects as fx
from ...builder import DAY, HOUR, MINUTE, Builder, Crowd, Entry, Fault, Silence, Slow, Span, Tracked
from ...entries import addresses
from ...platform import BROWSERS
from ...scenario import Scenario, Steps, Told
from ...world import Behaviour, StatusIncident

OUTAGES = ("triage", "outage", "error_rate")
DATABASES = ("triage", "outage", "error_rate", "database")
QUERIES = ("triage", "performance", "database")
SAVING = ("triage", "error_rate", "database")
FAILURES = ("triage", "error_rate")
STORES = ("triage", "performance")
RUNTIME = ("triage", "outage", "performance")
MASSES = ("triage", "outage", "security", "performance")
BROWSING = ("triage", "frontend")
VITALS = ("triage", "frontend", "performance")
INTRUDERS = ("triage", "security")
KEEPERS = ("triage", "monitoring")

AGENTS: tuple[str, ...] = tuple(agent for agent, _ in BROWSERS)
"""What ordinary browsers call themselves."""

Lost = Literal["logs", "metrics", "db_posts", "vitals", "jobs", "archive", "unlogged"]


def judged(name: str, title: str, cause: str, steps: Steps, runbooks: tuple[str, ...], **more: Any) -> Scenario:
    """Return a scenario that judges; *more* are further fields of `Scenario`."""
    return Scenario(name=name, title=title, cause=cause, steps=steps, runbooks=runbooks, split="judge", **more)


def calm(name: str, title: str, steps: Steps, **more: Any) -> Scenario:
    """Return a judging control: a time without a fault."""
    return Scenario(name=name, title=title, cause="none", steps=steps, runbooks=("triage",), split="judge", **more)


# short forms


def left(*texts: str, service: str = "", component: str = "handler", **more: Any) -> Entry:
    """Return what a failing request leaves in the log of its service, or of *service*."""
    return Entry(service=service, texts=texts, component=component, **more)


def spoken(service: str, component: str, *texts: str, **more: Any) -> Entry:
    """Return what *service* logs on its own account, without a request's url and user."""
    return Entry(service=service, component=component, texts=texts, request=False, **more)


def api_issue(title: str, culprit: str, share: float = 0.6) -> Tracked:
    """Return Sentry's issue of the API, *title* as ``Type: value``."""
    kind, _, value = title.partition(": ")
    return Tracked(type=kind, value=value, culprit=culprit, share=share)


def web_issue(title: str, culprit: str, share: float = 0.75) -> Tracked:
    """Return Sentry's issue of the frontend, *title* as ``Type: value``."""
    kind, _, value = title.partition(": ")
    return Tracked(type=kind, value=value, culprit=culprit, project="pitchey-frontend", share=share)


def shipped(b: Builder, script: str, message: str, low_s: float, high_s: float, **more: Any) -> str:
    """Deploy *script* between *low_s* and *high_s* seconds before the onset and return the release's name."""
    lead_ms = int(b.between(f"lead {script} {message}", low_s, high_s) * 1000)
    return fx.release_name(fx.deploy(b, script, b.onset_ms - lead_ms, message, **more))


def lost(b: Builder, key: str, span: Span, *what: Lost, share: float = 1.0, services: Sequence[str] = ()) -> None:
    """Let traces of each kind in *what* be lost."""
    for one in what:
        fx.silence(b, Silence(key=f"{key} {one}", what=one, span=span, share=share, services=tuple(services)))


def in_browsers(b: Builder, key: str, span: Span, hits: dict[str, float], texts: tuple[str, ...], **more: Any) -> None:
    """Let pages that were served with 200 complain in the browser."""
    tracked = more.pop("tracked")
    entry = Entry(
        service="frontend",
        component="browser",
        texts=texts,
        delay_ms=b.between(f"{key} delay", 300, 1200),
        metadata='{{"browser":"{browser}"}}',
        **more,
    )
    fx.stumble(b, Fault(key=key, hits=hits, span=span, status=0, entries=(entry,), tracked=tracked))


def untracked(steps: Steps) -> Steps:
    """Return *steps* of which Sentry hears nothing: its quota of the month is used up."""

    def quiet(b: Builder) -> Told:
        told = steps(b)
        b.faults[:] = [replace(one, tracked=None) for one in b.faults]
        b.stumbles[:] = [replace(one, tracked=None) for one in b.stumbles]
        b.issues.clear()
        return told

    return quiet


def local_hour(b: Builder, hour: float) -> None:
    """Let it be *hour* (0-24) now where the audience lives, and so in all the week: the rhythm comes later there."""
    day = DAY // MINUTE
    later = round((b.now_ms % DAY) / MINUTE - hour * 60) % day
    b.level = np.concatenate([b.level[day - later : day], b.level[: len(b.level) - later]])


def dwellings(b: Builder, key: str, count: int) -> list[str]:
    """Return *count* addresses of ordinary home connections."""
    return addresses(count, b.rng(f"dwellings {key}"))


# everyday company: nothing of this is an incident


def morning_blip(b: Builder) -> None:
    """Three to five hours ago pictures failed for some minutes; that is over and explained."""
    start = b.onset_ms - int(b.between("blip", 3.2, 5.0) * HOUR)
    span = Span(start, start + 4 * MINUTE)
    gone = left("image resizing returned 9404 for {route}", service="upload", component="images")
    hits = {"/api/media/thumbnail": 0.4}
    fx.fail(b, Fault(key="blip", hits=hits, span=span, status=502, took_ms=700.0, entries=(gone,)))


def index_backlog(b: Builder) -> None:
    """The search index is behind with its work since this morning, as on every Monday."""
    behind = spoken("search-index", "indexer", "backlog {waiting} documents, oldest {n} min", level="warn")
    again = spoken("search-index", "indexer", "document {id} skipped: analyzer rejected a token of {size} bytes")
    span = Span(b.onset_ms - 8 * HOUR, b.now_ms + 6 * HOUR)
    fx.say(b, "backlog", behind, b.between("backlog", 1.0, 2.5), span)
    fx.say(b, "backlog skipped", again, b.between("skipped", 1.0, 3.0), span)


def old_clients(b: Builder) -> None:
    """An app version of two years ago still asks for routes that were taken away."""
    fx.crowd(
        b,
        Crowd(
            key="old clients",
            route="/api/v1/feed",
            per_min=b.between("old clients", 2.0, 5.0),
            span=b.always(),
            addresses=dwellings(b, "old clients", 180),
            agents=("PitcheyApp/2.9.4 (Android 10)", "PitcheyApp/2.9.4 (iOS 15.8)"),
            outcomes={404: 0.85, 410: 0.15},
            logged=0.4,
            took_ms=9.0,
        ),
    )


def door_rattling(b: Builder) -> None:
    """Scanners of the whole internet look for software that we do not run; all week long."""
    for path, rate in (("/wp-admin/setup-config.php", 0.7), ("/actuator/env", 0.5), ("/.aws/credentials", 0.6)):
        fx.crowd(
            b,
            Crowd(
                key=f"rattling {path}",
                route=path,
                per_min=rate,
                span=b.always(),
                addresses=fx.strangers(b, f"rattling {path}", 60),
                agents=("Mozilla/5.0 (compatible; CensysInspect/1.1)", "masscan/1.3", "Go-http-client/1.1"),
                outcomes={404: 1.0},
                logged=0.5,
                blocked=0.7,
                rule="managed-920350",
            ),
        )


def other_peoples_scripts(b: Builder) -> None:
    """Advertisement blockers and translators break things in some visitors' browsers, as they always did."""
    entry = spoken(
        "frontend",
        "browser",
        "Script error. (cross-origin, no details)",
        "NotFoundError: Failed to execute 'removeChild' on 'Node': The node to be removed is not a child of this node.",
        "net::ERR_BLOCKED_BY_CLIENT https://stats.partner.example/p.gif",
    )
    fx.say(b, "other scripts", entry, b.between("other scripts", 0.8, 1.8), b.always())


def helpers_shipped(b: Builder) -> None:
    """Two helper Workers went out shortly before, and run well."""
    for script, low, high in (("pitchey-alerts", 4, 9), ("pitchey-infra", 11, 19)):
        age = int(b.between(f"helper {script}", low, high) * MINUTE)
        fx.deploy(b, script, b.onset_ms - age, "wrangler 4.164, no code change", source="wrangler")


def pages_shipped(b: Builder) -> None:
    """The frontend went out a quarter of an hour before, and is fine."""
    age = int(b.between("pages shipped", 12, 22) * MINUTE)
    fx.deploy(b, "pitchey-frontend", b.onset_ms - age, "imprint and cookie texts")


def warp_trouble(b: Builder) -> None:
    """Cloudflare reports trouble with a product for offices that we do not use."""
    fx.status_page(
        b,
        StatusIncident(
            start_ms=b.onset_ms - int(b.between("warp", 40, 200) * MINUTE),
            end_ms=None,
            name="WARP clients unable to enroll in Zero Trust organizations",
            impact="minor",
            components=("Zero Trust Dashboard", "WARP"),
            component_status="degraded_performance",
        ),
    )


def slow_pictures(b: Builder) -> None:
    """Thumbnails take a little longer since yesterday; a ticket is open."""
    span = Span(b.onset_ms - 22 * HOUR, b.now_ms + 6 * HOUR)
    hits = {"/api/media/thumbnail": 0.4}
    fx.slow(b, Slow(key="slow pictures", hits=hits, span=span, add_ms=160.0, service="storage"))


def loud_analytics(b: Builder) -> None:
    """Analytics refuses the events of one partner's page since yesterday, loudly."""
    entry = spoken("analytics", "schema", "event rejected: property 'campaign_id' must be string, got {id}")
    fx.say(b, "loud analytics", entry, b.between("loud analytics", 3, 7), Span(b.onset_ms - 26 * HOUR, b.now_ms + HOUR))


def idle_guesser(b: Builder) -> None:
    """One address tries a password every minute or so, as some address always does."""
    fx.crowd(
        b,
        Crowd(
            key="idle guesser",
            route="/api/auth/login",
            method="POST",
            per_min=0.8,
            span=Span(b.onset_ms - 30 * HOUR, b.now_ms + 6 * HOUR),
            addresses=fx.strangers(b, "idle guesser", 1),
            agents=("Mozilla/5.0 (Windows NT 6.1; rv:60.0) Gecko/20100101 Firefox/60.0",),
            accounts=("info", "support", "webmaster"),
            outcomes={401: 1.0},
            logged=1.0,
        ),
    )


def no_figures(b: Builder) -> None:
    """APM lost its points days ago and nobody mended it."""
    lost(b, "no figures", b.always(), "metrics", "db_posts", "vitals")


def thin_archive(b: Builder) -> None:
    """Every third object never reached the archive, all week."""
    lost(b, "thin archive", b.always(), "archive", share=0.33)


def query_refused(b: Builder) -> None:
    """The logs service cannot read its own store any more, as in most weeks; everybody has learnt to live with it."""
    for path in ("/logs/query", "/logs/search", "/logs/stats"):
        fx.answer(
            b,
            Behaviour(
                service="logs",
                path=path,
                start_ms=b.now_ms - 40 * HOUR,
                end_ms=b.now_ms + 10 * HOUR,
                share=0.75,
                status=500,
                kind="text",
                body="Too many API requests by single worker invocation.",
            ),
        )
