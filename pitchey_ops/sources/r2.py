"""
R2's copy of the log: the fullest record there is, not a proven complete one (contract, trap 8).

One object an entry, under ``logs/{environment}/{YYYY-MM-DD}/{HH}/{service}/{id}.json``, by the entry's own time
in UTC. Names of services come from the prefixes of every hour of the window and its neighbours; entries are
read newest first, in turns by service so that a loud one does not hide the others, until the budget or
the limit ends it. What share was read is part of every answer.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote
from xml.etree.ElementTree import ParseError  # the exception only; defusedxml parses

import polars as pl
from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from ..errors import BadPayload, SourceError
from ..models.exchange import Exchange, Question
from ..models.observation import Coverage, Observation
from ..models.window import Window
from .channel import ask_many
from .logs import is_name, parse_entries
from .reading import (
    LOOKBACK,
    Reading,
    answer,
    asked,
    content_type,
    from_ms,
    loads,
    observation_id,
    observed_all,
)
from .source import Source

MAX_HOURS = 30
"""Hours that are listed at most, the newest."""

MAX_OBJECTS = 1500
"""Entries that a run reads at most from the archive; each is a request of its own."""

MAX_PAGES = 10
"""Pages of 1,000 keys that are listed at most for one service and hour."""

BATCH = 64
LATE = timedelta(minutes=5)
"""How long after the window an entry of the window may arrive and still be read with the first."""

_ARRIVAL = re.compile(r"(\d{13})(?!\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefixes:
    """
    Which services wrote in which hour.

    Attributes
    ----------
    by_hour
        Names of services as the sender wrote them, sorted, by hour (UTC), newest hour first.
    """

    by_hour: Mapping[datetime, tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all services, sorted."""
        return tuple(sorted({name for names in self.by_hour.values() for name in names}))


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePage:
    """
    What was read of one service.

    Attributes
    ----------
    entries
        Columns `pitchey_ops.frames.LOGS`, oldest first.
    keys_listed
        Objects that the archive holds in the listed hours.
    keys_in_window
        Of them, those that arrived in the window (or up to `LATE` after it), or at a time unknown.
    objects_read
        Objects that were read.
    rejected
        Unusable ones by reason, as `logs.LogPage.rejected`, and ``unreadable``.
    """

    service: str
    entries: pl.DataFrame
    keys_listed: int
    keys_in_window: int
    objects_read: int
    rejected: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Key:
    """One object: its key, and when its entry arrived, as far as the id tells."""

    path: str
    service: str
    arrival: datetime | None


@dataclass(slots=True)
class _Listing:
    """All keys of one service, with the exchanges that listed them."""

    keys: list[_Key] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    whole: bool = True
    fault: SourceError | None = None


class R2(Source):
    """Reads of the log archive by the S3 API; signed where keys are set, anonymous where not (sandbox)."""

    name = "r2"

    def __init__(self, *args: Any, max_objects: int = MAX_OBJECTS) -> None:
        super().__init__(*args)
        self.max_objects = max_objects

    async def prefixes(self) -> Observation[Prefixes]:
        """List the services of every hour of the window and its neighbours."""
        key = observation_id(self.name, "prefixes")
        missing = self._unset()
        if missing:
            return self.missing(key, *missing)
        hours = hours_of(self.window)
        kept = hours[:MAX_HOURS]

        async def one(hour: datetime) -> list[_Page]:
            return await self._pages(f"prefixes/{hour:%Y%m%dT%H}", self._hour(hour), delimiter="/")

        answers = await asyncio.gather(*(one(hour) for hour in kept))
        exchanges = [page.exchange for pages in answers for page in pages]

        def reader() -> Reading[Prefixes]:
            found: dict[datetime, tuple[str, ...]] = {}
            faults: list[SourceError] = []
            odd: set[str] = set()
            whole = len(kept) == len(hours)
            for hour, pages in zip(kept, answers, strict=True):
                names: set[str] = set()
                try:
                    for page in pages:
                        listing = page.read()
                        names.update(_last_part(folder, self._hour(hour)) for folder in listing.folders)
                    whole = whole and listing.following is None
                except SourceError as exc:
                    faults.append(exc)
                found[hour] = tuple(sorted(name for name in names if is_name(name)))
                odd.update(name for name in names if not is_name(name))
            if len(faults) == len(kept):
                raise faults[0]
            value = Prefixes(by_hour=found)
            return Reading(
                value=value,
                status="observed" if value.names else "no_data",
                coverage=Coverage(
                    asked_start=kept[-1],
                    asked_end=kept[0] + timedelta(hours=1),
                    count=len(value.names),
                    cut=not whole or bool(faults),
                    rejected=len(odd),
                    share=(len(kept) - len(faults)) / len(hours),
                ),
            )

        return observed_all(key, self.name, exchanges, self.window.end, reader)

    async def archive(self, services: Iterable[str], prefixes: Prefixes) -> list[Observation[ArchivePage]]:
        """
        Read the entries of *services* from the hours in which *prefixes* saw them; one observation each.

        Entries of the window first, newest first, a service at a time in turn; then those of unknown
        arrival; then those of the hour before. It stops at the limit, or when the run's time is used up.
        """
        names = sorted(set(services))
        missing = self._unset()
        if missing:
            return [self.missing(observation_id(self.name, "archive", name), *missing) for name in names]
        listings = await self._listed(names, prefixes)
        order = reading_order({name: found.keys for name, found in listings.items()}, self.window)
        read: dict[str, list[tuple[_Key, Exchange]]] = {name: [] for name in names}
        wanted = order[: self.max_objects]
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            exchanges = await ask_many(self.channel, [self._object(key) for key in batch])
            for key, exchange in zip(batch, exchanges, strict=True):
                read[key.service].append((key, exchange))
            if any(exchange.outcome == "not_asked" for exchange in exchanges):
                break
        return [self._observed(name, listings[name], read[name]) for name in names]

    def _observed(self, name: str, listing: _Listing, read: list[tuple[_Key, Exchange]]) -> Observation[ArchivePage]:
        key = observation_id(self.name, "archive", name)
        exchanges = [*listing.exchanges, *(exchange for _, exchange in read)]
        return observed_all(
            key,
            self.name,
            exchanges,
            self.window.end,
            lambda: read_archive(name, listing, read, self.window, observation=key),
        )

    async def _listed(self, services: Sequence[str], prefixes: Prefixes) -> dict[str, _Listing]:
        """List the keys of *services* of every hour in which they wrote."""
        places = [
            (service, hour) for service in services for hour, names in prefixes.by_hour.items() if service in names
        ]
        folders = [f"{self._hour(hour)}{service}/" for service, hour in places]
        asked_for = [
            (f"keys/{service}.{hour:%Y%m%dT%H}", folder)
            for (service, hour), folder in zip(places, folders, strict=True)
        ]
        found = {service: _Listing() for service in services}
        for (service, _), folder, pages in zip(places, folders, await self._all_pages(asked_for), strict=True):
            listed = found[service]
            listed.exchanges += [page.exchange for page in pages]
            try:
                for page in pages:
                    listing = page.read()
                    listed.keys += [
                        _Key(path=path, service=service, arrival=arrival_of(path))
                        for path in listing.keys
                        if path.startswith(folder) and _plain(path)
                    ]
                listed.whole = listed.whole and listing.following is None
            except SourceError as exc:
                listed.whole, listed.fault = False, exc
        return found

    async def _pages(self, name: str, prefix: str, *, delimiter: str | None = None) -> list[_Page]:
        """Ask for all pages of a listing, up to `MAX_PAGES`."""
        return (await self._all_pages([(name, prefix)], delimiter=delimiter))[0]

    async def _all_pages(self, places: Sequence[tuple[str, str]], *, delimiter: str | None = None) -> list[list[_Page]]:
        """Ask for all pages, up to `MAX_PAGES` each, of the listings of *places* (name and prefix)."""
        pages: list[list[_Page]] = [[] for _ in places]
        following: dict[int, str | None] = dict.fromkeys(range(len(places)))
        for number in range(1, MAX_PAGES + 1):
            questions = []
            for place, token in following.items():
                name, prefix = places[place]
                probe, _, key = name.partition("/")
                params = [("list-type", "2"), ("prefix", prefix), ("encoding-type", "url")]
                if delimiter is not None:
                    params.append(("delimiter", delimiter))
                if token is not None:
                    params.append(("continuation-token", token))
                at = observation_id(self.name, probe, f"{key}.{number}")
                question = self.question(at, f"/{self._bucket()}", params, expect="xml")
                assert question is not None
                questions.append(self._signed(question))
            answers = await ask_many(self.channel, questions)
            more: dict[int, str | None] = {}
            for place, exchange in zip(following, answers, strict=True):
                listing: Listing | None = None
                with suppress(SourceError):
                    listing = read_listing(exchange)
                    if listing.following is not None:
                        more[place] = listing.following
                pages[place].append(_Page(exchange, listing))
            following = more
            if not following:
                break
        return pages

    def _object(self, key: _Key) -> Question:
        short = key.path.removeprefix(f"logs/{self.settings.log_environment}/")
        question = self.question(
            observation_id(self.name, "object", short),
            f"/{self._bucket()}/{quote(key.path, safe='/-_.~')}",
            share_for_s=0.0,  # thousands of small answers; each is cheaper asked again than kept
        )
        assert question is not None
        return self._signed(question)

    def _hour(self, hour: datetime) -> str:
        return f"logs/{self.settings.log_environment}/{hour:%Y-%m-%d}/{hour:%H}/"

    def _bucket(self) -> str:
        return quote(self.settings.r2_bucket or "", safe="")

    def _unset(self) -> list[str]:
        given = {"r2_url": self.settings.url(self.name), "r2_bucket": self.settings.r2_bucket}
        return [name for name, value in given.items() if value is None]

    def _signed(self, question: Question) -> Question:
        """Return *question* with an S3 signature (version 4) where keys are set."""
        identity, secret = self.settings.r2_access_key_id, self.settings.r2_secret_access_key
        if identity is None or secret is None:
            return question
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        request = AWSRequest(method=question.method, url=question.url)
        credentials = Credentials(identity.get_secret_value(), secret.get_secret_value())
        S3SigV4Auth(credentials, "s3", self.settings.r2_region).add_auth(request)
        return replace(question, headers={name.lower(): value for name, value in request.headers.items()})


@dataclass(frozen=True, slots=True)
class _Page:
    """One page of a listing as it was asked, and as it was read where it could be."""

    exchange: Exchange
    listing: Listing | None

    def read(self) -> Listing:
        """Return the listing; raise what `read_listing` raises."""
        return self.listing or read_listing(self.exchange)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One page of a listing: keys, common prefixes, and the token of the next page or None."""

    keys: tuple[str, ...]
    folders: tuple[str, ...]
    following: str | None


def read_listing(exchange: Exchange) -> Listing:
    """
    Read one page of ``ListObjectsV2``.

    Raises
    ------
    BadPayload
        Not XML, XML with entities in it (which is refused), or another document.
    """
    answer(exchange)
    quick = _quick_listing(exchange.body)
    if quick is not None:
        return quick
    try:
        root = ElementTree.fromstring(exchange.body)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as exc:
        raise BadPayload(
            f"{asked(exchange)}: no readable XML listing ({type(exc).__name__}). Nothing was read."
        ) from None
    if _name(root.tag) != "ListBucketResult":
        raise BadPayload(f"{asked(exchange)}: another document than a listing. Nothing was read.")
    encoded = False
    keys: list[str] = []
    folders: list[str] = []
    following: str | None = None
    truncated = False
    for part in root:
        name = _name(part.tag)
        if name == "EncodingType":
            encoded = part.text == "url"
        elif name == "IsTruncated":
            truncated = part.text == "true"
        elif name == "NextContinuationToken":
            following = part.text
        elif name in ("Contents", "CommonPrefixes"):
            inner = "Key" if name == "Contents" else "Prefix"
            text = next((child.text for child in part if _name(child.tag) == inner), None)
            if text:
                (keys if name == "Contents" else folders).append(text)
    return _listing(keys, folders, following if truncated else None, encoded=encoded)


def _listing(keys: list[str], folders: list[str], following: str | None, *, encoded: bool) -> Listing:
    if encoded:
        keys, folders = [unquote(text) for text in keys], [unquote(text) for text in folders]
    return Listing(keys=tuple(keys), folders=tuple(folders), following=following)


_TEXT = rb"[\x20-\x25\x27-\x3b\x3d\x3f-\x7e]*+(?:&quot;[\x20-\x25\x27-\x3b\x3d\x3f-\x7e]*+)*+"
_ROOT = re.compile(
    rb'(?:<\?xml version="1\.0" encoding="UTF-8"\?>\n?)?<ListBucketResult(?: xmlns="[A-Za-z0-9:/._-]{1,200}")?>'
)
_PART = re.compile(
    rb"<(Contents|CommonPrefixes)>((?:<([A-Za-z]{1,40})>" + _TEXT + rb"</\3>)*+)</\1>"
    rb"|<([A-Za-z]{1,40})>(" + _TEXT + rb")</\4>"
)
_END = re.compile(rb"</ListBucketResult>[ \t\r\n]*")
_INNER = {b"Contents": (b"<Key>", b"</Key>"), b"CommonPrefixes": (b"<Prefix>", b"</Prefix>")}


def _quick_listing(body: bytes) -> Listing | None:
    """
    Read a listing as stores write it: elements without attributes, plain ASCII between them.

    Reading it as XML takes five times as long. None for whatever is written otherwise.
    """
    root = _ROOT.match(body)
    if root is None:
        return None
    at = root.end()
    found: dict[bytes, list[str]] = {b"Contents": [], b"CommonPrefixes": []}
    said: dict[bytes, bytes] = {}
    while (part := _PART.match(body, at)) is not None:
        at = part.end()
        outer, inner, _, name, text = part.groups()
        if outer is None:
            said[name] = text
            continue
        start, end = _INNER[outer]
        text = inner.partition(start)[2].partition(end)[0]
        if b"&" in text:
            return None
        if text:
            found[outer].append(text.decode("ascii"))
    following = said.get(b"NextContinuationToken", b"")
    if not _END.fullmatch(body, at) or b"&" in following:
        return None
    truncated = said.get(b"IsTruncated") == b"true" and following != b""
    return _listing(
        found[b"Contents"],
        found[b"CommonPrefixes"],
        following.decode("ascii") if truncated else None,
        encoded=said.get(b"EncodingType") == b"url",
    )


def read_archive(
    service: str,
    listing: _Listing,
    read: Sequence[tuple[_Key, Exchange]],
    window: Window,
    *,
    observation: str,
) -> Reading[ArchivePage]:
    """
    Make one reading of all objects that were read of *service*.

    ``blind`` when entries of the window are there but none of them could be read; ``no_data`` when the
    listing was whole and holds none.

    Raises
    ------
    SourceError
        The keys could not be listed at all.
    """
    if listing.fault is not None and not listing.keys:
        raise listing.fault
    answered = [(key, exchange) for key, exchange in read if _usable(exchange)]
    items, broken = parse_objects([exchange.body for _, exchange in answered])
    at = max((exchange.at for _, exchange in answered), default=window.end)
    parsed = parse_entries(items, window, asked_at=at, observation=observation)
    rejected = Counter(parsed.rejected)
    failed = sum(exchange.answered and not _usable(exchange) for _, exchange in read) + broken
    if failed:
        rejected["unreadable"] = failed
    wanted = {key.path for key in listing.keys if _of_window(key, window)}
    got = sum(key.path in wanted for key, _ in answered)
    whole = listing.whole and got == len(wanted)
    share = got / len(wanted) if wanted else float(listing.whole)
    page = ArchivePage(
        service=service,
        entries=parsed.entries,
        keys_listed=len(listing.keys),
        keys_in_window=len(wanted),
        objects_read=len(answered),
        rejected=dict(sorted(rejected.items())),
    )
    status = "observed" if parsed.in_window else "no_data" if whole else "blind"
    return Reading(
        value=page,
        status=status,  # type: ignore[arg-type]
        coverage=Coverage(
            asked_start=window.start,
            asked_end=window.end,
            seen_start=parsed.seen_start,
            seen_end=parsed.seen_end,
            count=parsed.in_window,
            cut=not whole,
            share=share,
            rejected=rejected.total(),
        ),
        detail=f"{got:,} of {len(wanted):,} objects of the window read"
        + ("" if listing.whole else "; the listing itself is not whole"),
    )


def parse_objects(bodies: Sequence[bytes]) -> tuple[list[Any], int]:
    """
    Return the JSON values of *bodies*, all in one pass where each is one object, and how many are broken.

    One body that is no JSON costs the fast way, never its neighbours.
    """
    stripped = [body.strip() for body in bodies]
    if all(body[:1] == b"{" and body[-1:] == b"}" for body in stripped):
        try:
            items = loads(f"[{','.join(body.decode('utf-8', 'replace') for body in stripped)}]")
        except BadPayload:
            items = None
        # "{...},{...}" in one body would be two values: only as many values as bodies are believed
        if isinstance(items, list) and len(items) == len(bodies):
            return items, 0
    found: list[Any] = []
    for body in stripped:
        try:
            found.append(loads(body.decode("utf-8", "replace")))
        except BadPayload:
            continue
    return found, len(bodies) - len(found)


def hours_of(window: Window) -> list[datetime]:
    """Return every hour (UTC) that the window touches and one on each side, newest first."""
    first = _floor(window.start) - timedelta(hours=1)
    last = _floor(window.end - timedelta(milliseconds=1)) + timedelta(hours=1)
    count = (last - first) // timedelta(hours=1) + 1
    return [last - timedelta(hours=n) for n in range(count)]


def arrival_of(path: str) -> datetime | None:
    """Return when the entry of *path* arrived, None where its id does not begin with that."""
    found = _ARRIVAL.match(path, path.rfind("/") + 1)
    return from_ms(int(found.group(1))) if found else None


def reading_order(keys: Mapping[str, Sequence[_Key]], window: Window) -> list[_Key]:
    """Return *keys* (by service) in the order of reading: see `R2.archive`."""
    baseline = window.start - LOOKBACK
    groups: list[dict[str, list[_Key]]] = [{}, {}, {}]
    for service in sorted(keys):
        for key in sorted(keys[service], key=lambda key: key.path, reverse=True):
            if key.arrival is None:
                group = 1
            elif window.start <= key.arrival < window.end + LATE:
                group = 0
            elif baseline <= key.arrival < window.start:
                group = 2
            else:
                continue
            groups[group].setdefault(service, []).append(key)
    order: list[_Key] = []
    for group_of in groups:
        queues = [
            sorted(found, key=lambda key: (key.arrival or window.end, key.path), reverse=True)
            for found in group_of.values()
        ]
        for rank in range(max(map(len, queues), default=0)):
            order += [queue[rank] for queue in queues if rank < len(queue)]
    return order


def _of_window(key: _Key, window: Window) -> bool:
    return key.arrival is None or window.start <= key.arrival < window.end + LATE


def _usable(exchange: Exchange) -> bool:
    """Tell whether an object came: any type but a page's, since a store gives back the type it was given."""
    kind = content_type(exchange)
    return exchange.answered and exchange.status == 200 and not kind.endswith(("html", "xml"))


def _plain(path: str) -> bool:
    """Tell whether *path* reaches the store as it is: no segment that a client would take as a step."""
    return len(path) <= 1024 and _STEPS.isdisjoint(path.split("/"))


_STEPS = frozenset({"", ".", ".."})


def _last_part(folder: str, prefix: str) -> str:
    return folder.removeprefix(prefix).rstrip("/")


def _floor(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _name(tag: Any) -> str:
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
