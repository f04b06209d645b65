"""Sentry: issues and releases. A ``next`` link exists even on the last page; only ``results="true"`` goes "
"on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx
import polars as pl

from ..errors import SourceError
from ..frames import DEPLOYMENTS, ISSUES
from ..models.exchange import Exchange, Question
from ..models.observation import Coverage, Observation
from ..models.window import Window
from .cloudflare import Deployments
from .reading import (
    Reading,
    count,
    header,
    json_of,
    mapping,
    moment_iso,
    objects,
    observation_id,
    observed_all,
    text_of,
)
from .source import Source

T = TypeVar("T")

MAX_PAGES = 3
PERIOD = "24h"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issues:
    """Sentry issues, most events first; columns `pitchey_ops.frames.ISSUES`."""

    table: pl.DataFrame


class Sentry(Source):
    """Reads of one organization."""

    name = "sentry"

    async def issues(self) -> Observation[Issues]:
        """Read the unresolved issues of the last 24 h, most frequent first, at most `MAX_PAGES` pages."""
        params = [("project", name) for name in self.settings.sentry_projects]
        params += [("statsPeriod", PERIOD), ("query", "is:unresolved"), ("sort", "freq"), ("limit", "100")]
        return await self._pages("issues", "issues/", params, self._read_issues)

    async def releases(self) -> Observation[Deployments]:
        """Read the newest releases, as deployments of source ``sentry``; a release's ``script`` is its "
        "projects."""
        params = [("project", name) for name in self.settings.sentry_projects]
        return await self._pages("releases", "releases/", [*params, ("per_page", "50")], self._read_releases)

    async def _pages(
        self,
        probe: str,
        path: str,
        params: list[tuple[str, str]],
        reader: Callable[[list[Exchange], bool], Reading[T]],
    ) -> Observation[T]:
        key = observation_id(self.name, probe)
        organization = self.settings.sentry_organization
        if organization is None:
            return self.missing(key, "sentry_organization")
        place = f"/organizations/{quote(organization, safe='')}/{path}"
        question = self.question(observation_id(self.name, probe, "1"), place, params)
        if question is None:
            return self.missing(key, "sentry_url")
        exchanges = [await self.channel.ask(question)]
        following = _next(exchanges[-1], question)
        while following is not None and len(exchanges) < MAX_PAGES:
            exchanges.append(
                await self.channel.ask(
                    Question(
                        key=observation_id(self.name, probe, str(len(exchanges) + 1)),
                        source=self.name,
                        url=following,
                        timeout_s=question.timeout_s,
                        share_for_s=question.share_for_s,
                    )
                )
            )
            following = _next(exchanges[-1], question)
        more = following is not None
        return observed_all(key, self.name, exchanges, self.window.end, lambda: reader(exchanges, more))

    def _read_issues(self, exchanges: list[Exchange], more: bool) -> Reading[Issues]:
        return read_issues(exchanges, self.window, observation=observation_id(self.name, "issues"), more=more)

    def _read_releases(self, exchanges: list[Exchange], more: bool) -> Reading[Deployments]:
        observation = observation_id(self.name, "releases")
        return read_releases(exchanges, self.window, observation=observation, more=more)


def read_issues(exchanges: list[Exchange], window: Window, *, observation: str, more: bool) -> Reading[Issues]:
    """
    Read pages of issues; a later page that failed only makes the answer cut.

    Raises
    ------
    SourceError
        The first page could not be read.
    """
    items, whole = _items(exchanges)
    rows = [
        {
            "id": text_of(item.get("id")),
            "title": text_of(item.get("title")),
            "culprit": text_of(item.get("culprit")),
            "level": text_of(item.get("level")),
            "project": text_of(mapping(item.get("project")).get("slug")),
            "first_seen": moment_iso(item.get("firstSeen")),
            "last_seen": moment_iso(item.get("lastSeen")),
            "count": _counted(item.get("count")),
            "users": _counted(item.get("userCount")),
            "permalink": text_of(item.get("permalink")),
            "observation": observation,
        }
        for item in items
        if item.get("id") is not None
    ]
    table = pl.DataFrame(rows, schema=ISSUES).unique("id", keep="first", maintain_order=True)
    table = table.sort("count", "id", descending=[True, False], nulls_last=True)
    seen = table["last_seen"].drop_nulls()
    in_window = table.filter((pl.col("last_seen") >= window.start) & (pl.col("first_seen") < window.end))
    return Reading(
        value=Issues(table=table),
        status="observed" if table.height else "no_data",
        coverage=Coverage(
            asked_start=window.start,
            asked_end=window.end,
            seen_end=max(seen.to_list(), default=None),
            count=in_window.height,
            cut=more or not whole,
            rejected=len(items) - len(rows),
        ),
    )


def read_releases(exchanges: list[Exchange], window: Window, *, observation: str, more: bool) -> Reading[Deployments]:
    """Read pages of releases, oldest first; ``at`` is ``dateCreated``, when the release was made."""
    items, whole = _items(exchanges)
    rows: list[dict[str, Any]] = []
    for item in items:
        at, version = moment_iso(item.get("dateCreated")), text_of(item.get("version"))
        if at is None or version is None:
            continue
        projects = sorted(name for project in objects(item.get("projects")) if (name := text_of(project.get("slug"))))
        rows.append(
            {
                "at": at,
                "script": " ".join(projects) or None,
                "version": version,
                "previous": None,
                "author": None,
                "message": text_of(item.get("shortVersion")),
                "source": "sentry",
                "observation": observation,
            }
        )
    rows.sort(key=lambda row: (row["at"], row["version"], row["script"] or ""))
    newest: dict[str | None, str] = {}
    for row in rows:
        row["previous"] = newest.get(row["script"])
        newest[row["script"]] = row["version"]
    table = pl.DataFrame(rows, schema=DEPLOYMENTS)
    return Reading(
        value=Deployments(table=table),
        status="observed" if rows else "no_data",
        coverage=Coverage(
            asked_end=window.end,
            seen_start=rows[0]["at"] if rows else None,
            seen_end=rows[-1]["at"] if rows else None,
            count=sum(row["at"] in window for row in rows),
            cut=more or not whole,
            rejected=len(items) - len(rows),
        ),
    )


def _items(exchanges: list[Exchange]) -> tuple[list[dict[str, Any]], bool]:
    items = objects(json_of(exchanges[0], "list"))
    for exchange in exchanges[1:]:
        try:
            items += objects(json_of(exchange, "list"))
        except SourceError:
            return items, False
    return items, True


def _counted(value: Any) -> int | None:
    """Return a count that Sentry gives as text (issues) or as a number (users)."""
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) <= 15 else None
    return count(value)


def _next(exchange: Exchange, question: Question) -> str | None:
    """Return the next page's address when there is one on the host that was asked, else None."""
    link = header(exchange, "link")
    if not exchange.answered or exchange.status != 200 or link is None or len(link) > 8000:
        return None
    following = httpx.Response(200, headers={"link": link}).links.get("next", {})
    url = following.get("url", "")
    if following.get("results") != "true":
        return None
    try:
        there, here = urlsplit(url), urlsplit(question.url)
        same = (there.scheme, there.hostname, there.port) == (here.scheme, here.hostname, here.port)
    except ValueError:
        return None
    return url if same and there.path == here.path and there.username is None else None
