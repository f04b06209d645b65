"""
The live channel: the only place from which this package touches the network.

It owns what every read has in common: who may be asked (an allow-list), how long (a time-out a request
and the run's budget over all), how often (retries of reads with backoff and jitter, ``Retry-After``), how
much (a limit after decompression), how many at once (slots), what is shared between runs, what is never
let through (redirects to other hosts), and that everything is redacted and recorded before anybody sees it.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http.cookiejar import DefaultCookiePolicy
from itertools import islice
from typing import Any, Protocol, TypeVar, cast, runtime_checkable
from urllib.parse import urljoin, urlsplit

import httpx
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_result,
    wait_exponential_jitter,
)

from ..clock import Clock
from ..models.exchange import Attempt, Exchange, Outcome, Question
from ..models.observation import Reason
from ..settings import SERVICES, Settings
from ._answers import Answers
from ._budget import Budget
from ._history_db import History, history_of
from ._slots import Slots
from ._sql import Database, reason_of
from ._tail import AROUND_S, BUDGET_SHARE, TailFault, Watch
from ._trust import trusted
from ._wire import Ask, Connection, Plain, connected

# httpcore looks for sniffio anew on every request; told once that it is not there, it takes asyncio at once
sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]

T = TypeVar("T")
Origin = tuple[str, str, int | None]

ATTEMPTS = 3
PASSING_STATUSES = frozenset({429, 502, 503, 504, 520, 521, 522, 523, 524})
"""Statuses that a second try may cure. A plain 500 is an answer of the platform's own (contract)."""
RETRY_AFTER_MAX_S = 10.0
"""A source that asks for a longer pause gets it: it is not asked again by this question."""
REDIRECTS = 3
SILENT_AFTER = 4
"""After so many questions in a row without an answer a source is left alone for the rest of the run."""
MANY_FROM = 8
"""From so many small reads of one host on, connections of their own are worth it."""
MANY_AT_A_TIME = 16
"""Small reads that a connection does before it lets go of its slot."""
LARGE_BYTES = 64 * 1024
"""Larger answers are redacted and packed beside the asking, by code that lets other threads run meanwhile."""
SMALL_BYTES = 1024 * 1024
"""Larger answers are left to the careful client."""
REFUSED, NOT_FOUND = "connection refused", "the host name was not found"
LONGEST_DETAIL = 400
"""Characters of why there is no answer."""
USER_AGENT = "pitchey-ops/1 (incident runbook; read-only)"


class Redacts(Protocol):
    """Takes secrets out of what is about to be kept."""

    def text(self, value: str, /) -> str:
        """Return *value* without secrets."""
        ...

    def url(self, value: str, /) -> str:
        """Return the address without secrets."""
        ...

    def headers(self, value: Mapping[str, str], /) -> dict[str, str]:
        """Return the headers without secrets."""
        ...

    def body(self, value: bytes, content_type: str | None, /) -> bytes:
        """Return the body without secrets; JSON stays JSON of the same shape."""
        ...

    def harmless(self, values: Sequence[bytes], /) -> list[bool]:
        """Tell of each text whether `text` and `body` would certainly leave it as it is."""
        ...


class Records(Protocol):
    """Keeps exchanges."""

    def exchange(self, exchange: Exchange) -> None:
        """Keep *exchange*."""
        ...


@runtime_checkable
class RecordsMany(Records, Protocol):
    """Keeps many exchanges at once."""

    def many(self, exchanges: Sequence[Exchange]) -> None:
        """Keep *exchanges*."""
        ...


class Closes(Protocol):
    """Holds files open until it is told to let go of them."""

    def close(self) -> None:
        """Let go of every file."""
        ...


class LiveChannel:
    """Asks for real. One per run; used inside one event loop. *owned* is closed with it."""

    def __init__(
        self,
        settings: Settings,
        *,
        budget: Budget,
        clock: Clock,
        redactor: Redacts,
        recorder: Records,
        slots: Slots,
        answers: Answers,
        transport: httpx.AsyncBaseTransport | None = None,
        database: Database | None = None,
        owned: Sequence[Closes] = (),
    ) -> None:
        self._owned = owned
        self._settings = settings
        self._budget = budget
        self._clock = clock
        self._redactor = redactor
        self._recorder = recorder
        self._slots = slots
        self._answers = answers
        configured = (settings.url(service) for service in SERVICES)
        self._hosts = frozenset(_origin(url) for url in configured if url is not None)
        self._pool = _pool(settings)
        self._silent: dict[str, int] = {}
        self._closed = _Closed()
        self._wires: dict[str, list[Connection]] = {}
        self._rough: set[str] = set()
        self._open_names: dict[tuple[str, ...], bool] = {}
        self._archive_since_s: float | None = None
        self._sockets = transport is None
        self._http = httpx.AsyncClient(
            transport=_Unfollowed(transport),
            follow_redirects=False,
            trust_env=False,
            headers={"user-agent": USER_AGENT, "accept-encoding": "gzip, deflate"},
        )
        # every question is independent: no session that one answer begins may colour the next
        self._http.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        if database is None and settings.database_url is not None:
            url = settings.database_url.get_secret_value()
            database = Database(url, statement_timeout_s=settings.statement_timeout_s)
        self._database = database
        self._history: History | None = None
        self._hurried = asyncio.Event()
        self._worker: ThreadPoolExecutor | None = None

    async def _aside(self, work: Callable[..., T], *given: Any) -> T:
        """Have *work* done in the one thread for what takes long: each other one would compile all patterns anew."""
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, "aside")
        return await asyncio.get_running_loop().run_in_executor(self._worker, work, *given)

    def hurry(self) -> None:
        """Say that all else is answered: a live tail that showed enough ends."""
        self._hurried.set()

    async def close(self) -> None:
        """Close every connection, and what else is this channel's own."""
        for one in self._owned:
            one.close()
        if self._worker is not None:
            self._worker.shutdown()  # what it writes down belongs to this run
            self._worker = None
        for connection in (one for many in self._wires.values() for one in many):
            connection.abort()
        await self._http.aclose()
        if self._database is not None:
            await self._database.close()
        if self._history is not None:
            await self._history.close()

    async def ask(self, question: Question) -> Exchange:
        """Put *question*, record what came of it, and return that."""
        exchange = await self._asked_or_shared(question)
        if self._sockets and len(exchange.body) > LARGE_BYTES:  # packing it must not keep other answers waiting
            await self._aside(self._recorder.exchange, exchange)
        else:
            self._recorder.exchange(exchange)
        return exchange

    async def ask_many(self, questions: Sequence[Question]) -> list[Exchange]:
        """
        Put many small reads of one host and return their exchanges in the same order.

        Plain answers come over kept connections, each holding one slot of the host. Whatever is not plain, and
        everything else, is put by `ask`, so that limits, retries and words are the same for both ways.
        """
        found: dict[int, Exchange] = {}
        for place, question in enumerate(questions):
            shared = self._shared(question) if question.share_for_s > 0 else None
            if shared is not None:
                found[place] = shared
        asked = [place for place in range(len(questions)) if place not in found]
        streamed = await self._streamed([questions[place] for place in asked])
        for number, exchange in streamed.items():
            question = questions[asked[number]]
            found[asked[number]] = exchange
            if question.share_for_s > 0 and _may_be_shared(question, exchange):
                self._answers.put(self._as_shared(question), exchange)
        if isinstance(self._recorder, RecordsMany):
            self._recorder.many(list(found.values()))
        else:
            for exchange in found.values():
                self._recorder.exchange(exchange)
        left = [place for place in asked if place not in found]
        found.update(zip(left, await asyncio.gather(*(self.ask(questions[place]) for place in left)), strict=True))
        return [found[place] for place in range(len(questions))]

    async def kept(self, question: Question) -> Exchange:
        """Return what a run was answered within ``question.share_for_s``, recorded; it is not asked again."""
        exchange = self._shared(question) or self._unasked(
            question, "not_asked", "no run asked this within its interval, and this look leaves it alone"
        )
        self._recorder.exchange(exchange)
        return exchange

    async def _asked_or_shared(self, question: Question) -> Exchange:
        if question.share_for_s <= 0:
            return await self._asked(question)
        if question.minimum_interval:  # not looked for before it is our turn: who asks now has left word, no answer
            return await self._asked_alone(question)
        shared = self._shared(question)
        if shared is not None:
            return shared
        exchange = await self._asked(question)
        if _may_be_shared(question, exchange):
            self._answers.put(self._as_shared(question), exchange)
        return exchange

    async def _asked_alone(self, question: Question) -> Exchange:
        """Ask what has a minimum interval: never by two at once, and never without leaving word of it first."""
        unsure = "whether its minimum interval has passed cannot be told: no shared store"
        if not self._answers.usable:
            return self._unasked(question, "not_asked", unsure)
        pooled = self._as_shared(question)
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self._allowed_s(question)):
                    await stack.enter_async_context(self._answers.alone(pooled))
            except TimeoutError:
                return self._unasked(question, "not_asked", "another run is asking this at the moment")
            except OSError:
                return self._unasked(question, "not_asked", unsure)
            shared = self._shared(question)
            if shared is not None:
                return shared
            # a run that dies while it asks must not make the next one ask again
            left = self._unasked(question, "not_asked", "another run began to ask this and left no answer")
            if not self._answers.usable or not self._answers.put(pooled, left):
                return self._unasked(question, "not_asked", unsure)
            exchange = await self._asked(question)
            if exchange.outcome in ("not_asked", "not_allowed", "not_configured"):
                self._answers.drop(pooled)
            else:
                self._answers.put(pooled, exchange)
            return exchange

    def _as_shared(self, question: Question) -> Question:
        """Return *question* so that only runs that would get and keep the very same answer share it."""
        return replace(question, url=f"{self._pool} {question.url}")

    def _shared(self, question: Question) -> Exchange | None:
        kept = self._answers.get(self._as_shared(question), self._clock.now())
        return None if kept is None else replace(kept, key=question.key, source=question.source, shared=True)

    def _allowed_s(self, question: Question) -> float:
        return max(0.0, min(question.timeout_s, self._budget.asking_left_s()))

    async def _asked(self, question: Question) -> Exchange:
        if self._budget.asking_left_s() <= 0:
            return self._unasked(question, "not_asked", "the run's time for asking was used up")
        if question.source == "r2" and self._archive_left_s() <= 0:
            return self._unasked(question, "not_asked", "the time for reading the archive was used up")
        if question.kind == "sql":
            return await self._ask_database(question)
        refusal = self._refusal(question.url)
        if refusal is not None:
            return self._unasked(question, "not_allowed", refusal)
        if question.kind == "tail":
            return await self._ask_tail(question)
        silent = self._silent.get(self._slot(question), 0)
        if question.retry and silent >= SILENT_AFTER:
            return self._unasked(
                question, "not_asked", f"the source left {silent} questions in a row without an answer"
            )
        attempts: list[Attempt] = []
        last: Exchange | None = None
        again = _Again(self._closed, _origin(question.url), connect_s=self._settings.connect_timeout_s)

        async def once() -> Exchange:
            nonlocal last
            with again.attempt() as told:
                last = await self._once(question)
                told(_refused(last))
            attempts.extend(last.attempts)
            return last

        def patience_s() -> float:
            return max(0.0, self._budget.asking_left_s() - 0.5)

        async def pause(seconds: float) -> None:
            refused = last is not None and _refused(last)
            await (again.turn(seconds, patience_s()) if refused else asyncio.sleep(seconds))

        try:
            exchange = await once()
            if question.retry and _refused(exchange):
                await again.others(patience_s())
            if question.retry and _may_pass(exchange):
                exchange = await self._repeated(exchange, once, pause)
            again.give_up()
        except _StillRefused:
            assert last is not None
            exchange = last
        finally:
            again.let_go()
        self._note(question, exchange)
        return replace(exchange, attempts=tuple(attempts))

    async def _streamed(self, questions: Sequence[Question]) -> dict[int, Exchange]:
        """Put *questions* over connections of their own; return the plain answers by place."""
        base = self._one_host(questions) if self._sockets and len(questions) >= MANY_FROM else None
        if base is None:
            return {}
        first = questions[0]
        slot = self._slot(first)
        if slot in self._rough or (first.source == "r2" and self._archive_left_s() <= 0):
            return {}
        headers = self._token(first, first.url)
        asks = iter(
            [
                Ask(place=place, target=question.url[len(base) :], headers={**question.headers, **headers})
                for place, question in enumerate(questions)
            ]
        )
        answers: list[tuple[int, datetime, Plain]] = []

        def answered(ask: Ask, plain: Plain) -> None:
            answers.append((ask.place, self._clock.now() - timedelta(seconds=plain.took_s), plain))

        def while_time(some: Iterator[Ask]) -> Iterator[Ask]:
            for ask in some:
                if self._allowed_s(first) <= 0 or (first.source == "r2" and self._archive_left_s() <= 0):
                    return
                yield ask

        async def work() -> None:
            connection = await self._wire(first.url, slot)
            while connection is not None and connection.usable:
                async with AsyncExitStack() as stack:
                    if not await self._held(first, stack):
                        break
                    some = list(islice(asks, MANY_AT_A_TIME))
                    await connection.run(while_time(iter(some)), answered, silent_s=first.timeout_s)
                if len(some) < MANY_AT_A_TIME:
                    break
            if connection is not None and connection.usable:
                self._wires.setdefault(slot, []).append(connection)
            else:  # it will not be tried again: what comes from there is not plain
                self._rough.add(slot)

        await asyncio.gather(*(work() for _ in range(self._settings.concurrency_per_host)))
        return self._plain_exchanges(questions, answers)

    async def _wire(self, url: str, slot: str) -> Connection | None:
        """Return a kept connection to the host of *url*, or a new one."""
        kept = self._wires.get(slot)
        while kept:
            connection = kept.pop()
            if connection.usable:
                return connection
        parts = httpx.URL(url)
        return await connected(
            parts.scheme,
            parts.host,
            _origin(url)[2] or 0,
            netloc=parts.netloc.decode("ascii"),
            user_agent=USER_AGENT,
            max_bytes=min(SMALL_BYTES, self._settings.max_answer_bytes),
            connect_s=self._settings.connect_timeout_s,
        )

    def _one_host(self, questions: Sequence[Question]) -> str | None:
        """Return what the addresses of *questions* have in common before their paths, if all are plain reads of it."""
        first = questions[0]
        if self._refusal(first.url) is not None:
            return None
        path = httpx.URL(first.url).raw_path.decode("ascii")
        base = first.url.removesuffix(path)
        if first.url == base or not base.endswith(httpx.URL(first.url).netloc.decode("ascii")):
            return None
        for question in questions:
            plain = question.kind == "http" and question.method == "GET" and question.body is None
            alike = question.source == first.source and not question.minimum_interval and question.sample == 0
            if not (plain and alike and question.url.startswith(base) and _TARGET.fullmatch(question.url, len(base))):
                return None
        return base

    def _plain_exchanges(
        self, questions: Sequence[Question], answers: Sequence[tuple[int, datetime, Plain]]
    ) -> dict[int, Exchange]:
        """Return the exchanges of plain *answers*, redacted: those that cannot hold a secret all at once."""
        redactor = self._redactor
        texts = [
            b"\n".join((questions[place].url.encode("ascii"), *(v.encode("ascii") for v in plain.headers.values())))
            + b"\n\0\n"
            + plain.body
            for place, _, plain in answers
        ]
        found: dict[int, Exchange] = {}
        for (place, at, plain), harmless in zip(answers, redactor.harmless(texts), strict=True):
            question, headers, body = questions[place], plain.headers, plain.body
            url = question.url
            names = tuple(headers)
            known = self._open_names.get(names)
            if known is None:
                blank = dict.fromkeys(names, "x")
                known = self._open_names[names] = "referer" not in blank and redactor.headers(blank) == blank
            if not (harmless and known) or "?" in url:  # parameters are looked at one by one, whatever they hold
                url = redactor.url(url)
            if not (harmless and known):
                headers = redactor.headers(headers)
            if not harmless or body[:2] == b"\x1f\x8b":
                body = redactor.body(body, headers.get("content-type"))
            took_ms = round(plain.took_s * 1000, 3)
            found[place] = Exchange(
                key=question.key,
                source=question.source,
                kind="http",
                method="GET",
                url=url,
                at=at,
                took_ms=took_ms,
                outcome="answered",
                status=200,
                headers=headers,
                body=body,
                request_headers=redactor.headers(question.headers) if question.headers else {},
                attempts=(Attempt(at=at, took_ms=took_ms, outcome="answered", status=200),),
            )
        return found

    def _archive_left_s(self) -> float:
        """Seconds left for the archive: thousands of small reads must not take the run's time from the rest."""
        now_s = _tick()
        if self._archive_since_s is None:
            self._archive_since_s = now_s
        return self._settings.archive_time_s - (now_s - self._archive_since_s)

    def _slot(self, question: Question) -> str:
        """Name what counts as one host; the sandbox's one origin plays many."""
        host = "{}://{}:{}".format(*_origin(question.url))
        played = question.source in SERVICES and getattr(self._settings, f"{question.source}_url") is None
        return f"{host}/{question.source}" if played else host

    def _note(self, question: Question, exchange: Exchange) -> None:
        slot = self._slot(question)
        if exchange.outcome in ("timeout", "unreachable"):
            self._silent[slot] = self._silent.get(slot, 0) + 1
        elif exchange.outcome != "not_asked":
            self._silent[slot] = 0

    async def _repeated(
        self, first: Exchange, once: Callable[[], Awaitable[Exchange]], pause: Callable[[float], Awaitable[None]]
    ) -> Exchange:
        """Return what comes of trying again after *first*, the last answer in any case."""
        last, known = first, True  # the first attempt is made

        async def attempt() -> Exchange:
            nonlocal last, known
            last, known = last if known else await once(), False
            return last

        retrying = AsyncRetrying(
            sleep=pause,
            stop=self._stop,
            wait=self._wait,
            retry=retry_if_result(_may_pass),
            retry_error_callback=lambda _: last,
        )
        return cast(Exchange, await retrying(attempt))

    def _stop(self, state: RetryCallState) -> bool:
        too_long = state.upcoming_sleep > min(RETRY_AFTER_MAX_S, self._budget.asking_left_s() - 0.5)
        return too_long or state.attempt_number >= ATTEMPTS

    def _wait(self, state: RetryCallState) -> float:
        backoff = wait_exponential_jitter(multiplier=0.2, max=3.0, jitter=0.2)(state)
        result = state.outcome.result() if state.outcome is not None else None
        asked = _retry_after_s(result.headers, self._clock.now()) if isinstance(result, Exchange) else None
        return backoff if asked is None else max(asked, backoff)

    def _refusal(self, url: str) -> str | None:
        try:
            known = _origin(url) in self._hosts
        except (httpx.InvalidURL, ValueError):
            return "the address is no valid address; it was not asked"
        if not known:
            return "the address is not one of the configured hosts; it was not asked"
        if _address(url).userinfo:
            return "the address carries a user name or password; it was not asked"
        return None

    def _token(self, question: Question, url: str) -> dict[str, str]:
        """Return the source's token, for the host that it is configured for and no other."""
        if question.source not in SERVICES:
            return {}
        base, token = self._settings.url(question.source), self._settings.token(question.source)
        if token is None or base is None or _origin(base) != _origin(url):
            return {}
        scheme = {"pagerduty": "Token token={}", "statuspage": "OAuth {}"}.get(question.source, "Bearer {}")
        return {"authorization": scheme.format(token.get_secret_value())}

    async def _once(self, question: Question) -> Exchange:
        asked_at, began = self._clock.now(), _tick()
        allowed_s = self._allowed_s(question)
        status: int | None = None
        headers: dict[str, str] = {}
        body = b""
        outcome: Outcome = "answered"
        detail = ""
        try:
            async with AsyncExitStack() as stack:
                if not await self._held(question, stack):
                    return self._unasked(
                        question, "not_asked", "other questions to this host left no room for it in the run's time"
                    )
                asked_at, began, allowed_s = self._clock.now(), _tick(), self._allowed_s(question)
                async with asyncio.timeout(allowed_s):
                    status, headers, body = await self._exchange(question)
        except TimeoutError:
            outcome, detail = "timeout", f"no whole answer within {allowed_s:.1f} s"
        except httpx.TimeoutException as exc:
            outcome, detail = "timeout", _words(exc, "no answer in time")
        except _TooLarge as exc:
            outcome, detail = "too_large", str(exc)
        except (_Unreadable, httpx.DecodingError) as exc:
            outcome, detail = "bad_payload", _words(exc, "the answer could not be decompressed")
        except httpx.TransportError as exc:
            outcome, detail = "unreachable", _words(exc, "no connection")
        except (httpx.InvalidURL, httpx.StreamError, OSError, ssl.SSLError) as exc:
            outcome, detail = "unreachable", _words(exc, "the answer could not be read")
        took_ms = round((_tick() - began) * 1000, 3)
        redactor = self._redactor
        detail = redactor.text(detail)[:LONGEST_DETAIL]  # whole before: half a secret looks like none
        if outcome != "answered":
            body = b""
        elif self._sockets and len(body) > LARGE_BYTES:
            body = await self._aside(redactor.body, body, headers.get("content-type"))
        else:
            body = redactor.body(body, headers.get("content-type"))
        attempt = Attempt(at=asked_at, took_ms=took_ms, outcome=outcome, status=status, detail=detail)
        return Exchange(
            key=question.key,
            source=question.source,
            kind="http",
            method=question.method,
            url=redactor.url(question.url),
            at=asked_at,
            took_ms=took_ms,
            outcome=outcome,
            detail=detail,
            status=status if outcome == "answered" else None,
            headers=redactor.headers(headers),
            body=body,
            request_headers=redactor.headers(question.headers),
            request_body=None if question.body is None else redactor.body(question.body, "application/json"),
            attempts=(attempt,),
        )

    async def _held(self, question: Question, stack: AsyncExitStack) -> bool:
        """
        Wait for a slot of the question's host; False when the time for asking ended first.

        The wait is not part of the answer's time: that we kept ourselves waiting says nothing about the host.
        """
        try:
            async with asyncio.timeout(max(0.0, self._budget.asking_left_s())):
                await stack.enter_async_context(self._slots.hold(self._slot(question)))
        except TimeoutError:
            return False
        return True

    async def _exchange(self, question: Question) -> tuple[int, dict[str, str], bytes]:
        url = question.url
        timeout = httpx.Timeout(
            question.timeout_s, connect=min(self._settings.connect_timeout_s, question.timeout_s), pool=None
        )
        for hop in range(REDIRECTS + 1):
            headers = {**question.headers, **self._token(question, url)}
            async with self._http.stream(
                question.method,
                _address(url),
                headers=headers,
                content=question.body,
                timeout=timeout,
                extensions={"slot": self._slot(question)},
            ) as response:
                target: str | None = response.extensions.get("location")
                moved = response.status_code in (301, 302, 303, 307, 308) and hop < REDIRECTS
                readable = question.method in ("GET", "HEAD")
                following = _same_host(url, target) if target and moved and readable else None
                if following is not None:
                    url = following
                    continue
                body = await self._read(response, question.max_bytes)
                told = {} if target is None else {"location": target}
                return response.status_code, dict(response.headers) | told, body
        raise AssertionError("unreachable")

    async def _read(self, response: httpx.Response, max_bytes: int) -> bytes:
        limit = min(max_bytes, self._settings.max_answer_bytes)
        packed = [word.strip().lower() for word in response.headers.get("content-encoding", "").split(",")]
        packed = [word for word in packed if word not in ("", "identity")]
        # one layer grows a thousandfold at most, so that what arrives at once stays small; two need not stay so
        if len(packed) > 1 or any(word not in ("gzip", "x-gzip", "deflate") for word in packed):
            raise _Unreadable(f"content encoding {', '.join(packed)[:80]!r} was not asked for; not read")
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.aiter_bytes(64 * 1024):
            size += len(chunk)
            if size > limit:
                raise _TooLarge(f"the answer is larger than {limit / 2**20:.0f} MB after decompression; not read on")
            chunks.append(chunk)
        return b"".join(chunks)

    async def _ask_database(self, question: Question) -> Exchange:
        database: Database | History | None = self._database
        if question.source == "history":
            database = self._history = self._history or history_of(self._settings)
        if database is None:
            variable = "PITCHEY_OPS_HISTORY_URL" if question.source == "history" else "PITCHEY_OPS_DATABASE_URL"
            return self._unasked(question, "not_configured", f"{variable} is not set")
        asked_at, began = self._clock.now(), _tick()
        outcome: Outcome = "answered"
        detail, body = "", b""
        try:
            async with asyncio.timeout(self._allowed_s(question)):
                body = await database.read(question.statement or "")
            if len(body) > question.max_bytes:
                outcome, detail, body = "too_large", "the result is larger than the limit", b""
        except TimeoutError:
            outcome, detail = "timeout", "no result in time"
        except Exception as exc:
            reason = reason_of(exc)
            if reason is None:
                raise
            outcome, state = reason
            detail = f"{state or 'no connection'}: {_words(exc, 'the statement failed')}"
        took_ms = round((_tick() - began) * 1000, 3)
        detail = self._redactor.text(detail)[:LONGEST_DETAIL]
        return Exchange(
            key=question.key,
            source=question.source,
            kind="sql",
            method="GET",
            url=question.url,
            at=asked_at,
            took_ms=took_ms,
            outcome=outcome,
            detail=detail,
            body=self._redactor.body(body, "application/json"),
            statement=question.statement,
            attempts=(Attempt(at=asked_at, took_ms=took_ms, outcome=outcome, detail=detail),),
        )

    async def _ask_tail(self, question: Question) -> Exchange:
        """Watch alone: a Worker has ten places for viewers, and who waited takes what the other has seen."""
        if not self._sockets:
            return self._unasked(question, "not_asked", "there is no live tail in this transport")
        pooled = self._as_shared(question)
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(max(0.0, BUDGET_SHARE * self._budget.total_s + AROUND_S)):
                    await stack.enter_async_context(self._answers.alone(pooled))
            except (TimeoutError, OSError):
                return self._unasked(question, "not_asked", "another run is watching this tail at the moment")
            shared = self._shared(question)
            if shared is not None:
                return shared
            exchange = await self._watched(question)
            if _may_be_shared(question, exchange):
                self._answers.put(pooled, exchange)
            return exchange

    async def _watched(self, question: Question) -> Exchange:
        left_s = self._budget.asking_left_s() - AROUND_S
        limit_s = min(self._settings.tail_seconds, BUDGET_SHARE * self._budget.total_s, left_s)
        if limit_s <= 0:
            return self._unasked(question, "not_asked", "the run's time for asking is too short for a live tail")
        asked_at, began = self._clock.now(), _tick()
        outcome: Outcome = "answered"
        detail, body = "", b""
        status: int | None = 200
        watch = Watch(
            self._http,
            self._redactor,
            headers={**question.headers, **self._token(question, question.url)},
            refusal=lambda url: self._tail_refusal(question, url),
            hold=lambda: self._slots.hold(self._slot(question)),
            user_agent=USER_AGENT,
            hurried=self._hurried,
        )
        try:
            async with asyncio.timeout(self._allowed_s(question)):
                body = await watch.run(question, limit_s=limit_s)
        except TailFault as exc:
            outcome, detail, status = exc.reason, str(exc), exc.status
        except TimeoutError:
            outcome, detail, status = "timeout", "the watch did not end in time", None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as exc:
            outcome, detail, status = "unreachable", _words(exc, "no connection"), None
        took_ms = round((_tick() - began) * 1000, 3)
        detail = self._redactor.text(detail)[:LONGEST_DETAIL]
        return Exchange(
            key=question.key,
            source=question.source,
            kind="tail",
            method=question.method,
            url=self._redactor.url(question.url),
            at=asked_at,
            took_ms=took_ms,
            outcome=outcome,
            detail=detail,
            status=status,
            headers={"content-type": "application/json"} if body else {},
            body=self._redactor.body(body, "application/json"),
            request_headers=self._redactor.headers(question.headers),
            request_body=question.body,
            attempts=(Attempt(at=asked_at, took_ms=took_ms, outcome=outcome, status=status, detail=detail),),
        )

    def _tail_refusal(self, question: Question, url: str) -> str | None:
        """Return why the socket at *url*, an address out of an answer, may not be opened; None when it may."""
        try:
            parts = urlsplit(url)
            own = bool(parts.username or parts.password)
            scheme, host, port = _origin(url)
        except (httpx.InvalidURL, ValueError):
            return "the tail's address is no address; it was not opened"
        http = {"wss": "https", "ws": "http"}.get(scheme)
        port = port if port is not None else {"wss": 443, "ws": 80}.get(scheme)
        listed = scheme == "wss" and port == 443 and host in self._settings.cloudflare_tail_hosts
        if not own and (listed or (http, host, port) == _origin(question.url)):
            return None
        return "the tail's address is neither at the API's host nor at one of cloudflare_tail_hosts; it was not opened"

    def _unasked(self, question: Question, reason: Reason, detail: str) -> Exchange:
        return Exchange(
            key=question.key,
            source=question.source,
            kind=question.kind,
            method=question.method,
            url=self._redactor.url(question.url.encode("utf-8", "replace").decode()),
            at=self._clock.now(),
            took_ms=0.0,
            outcome=reason,
            detail=detail,
            request_headers=self._redactor.headers(question.headers),
            statement=question.statement,
        )


class _StillRefused(Exception):
    """Another question of this origin tried again for all, and its connections are still refused."""


@dataclass(slots=True)
class _Closed:
    """
    Origins that refuse connections.

    Attributes
    ----------
    trying
        Of each that a question tries again: whether its connections are taken now, once that is known.
    refused_s
        When such a question last gave up, on the loop's clock.
    """

    trying: dict[Origin, asyncio.Future[bool]] = field(default_factory=dict)
    refused_s: dict[Origin, float] = field(default_factory=dict)


class _Again:
    """
    One question's part in trying an origin again that refused its connection.

    One question tries for all of its origin. The others wait for what it finds and go on where connections are taken
    again: sixty questions that each knock three times tell no more than one does, and are no help to who comes back.
    """

    def __init__(self, closed: _Closed, origin: Origin, *, connect_s: float) -> None:
        self._closed = closed
        self._origin = origin
        self._connect_s = connect_s
        self._ours: asyncio.Future[bool] | None = None
        self._waited = False
        self._began_s = 0.0

    @contextmanager
    def attempt(self) -> Iterator[Callable[[bool], None]]:
        """Surround one attempt; what is yielded takes whether its connection was refused."""
        self._began_s = _tick()
        # a refusal comes at once: who is still at it then waits for an answer, and has a connection
        timer = None if self._ours is None else asyncio.get_running_loop().call_later(self._connect_s, self._tell, True)

        def told(refused: bool) -> None:
            if not refused:
                self._tell(True)

        try:
            yield told
        finally:
            if timer is not None:
                timer.cancel()

    async def others(self, wait_s: float) -> None:
        """
        Wait for who tries for all, if somebody does.

        Raises
        ------
        _StillRefused
            Who tried for all gave up, or is still at it after *wait_s* seconds.
        """
        if self._ours is not None:
            return
        if self._closed.refused_s.get(self._origin, -1.0) >= self._began_s:
            raise _StillRefused
        other = self._closed.trying.get(self._origin)
        if other is not None:
            done, _ = await asyncio.wait((other,), timeout=wait_s)
            if not done or not other.result():
                raise _StillRefused
            self._waited = True

    async def turn(self, seconds: float, wait_s: float) -> None:
        """
        Return when the next attempt is due: after *seconds* for who tries for all, at once for who waited for that.

        Raises
        ------
        _StillRefused
            As `others`.
        """
        if not self._waited:
            await self.others(wait_s)
        if self._waited:
            self._waited = False
            return
        if self._ours is None:
            self._ours = self._closed.trying[self._origin] = asyncio.get_running_loop().create_future()
        await asyncio.sleep(seconds)

    def give_up(self) -> None:
        """Tell those who wait that no further attempt is made, where the last one was refused, too."""
        if self._ours is not None:
            self._closed.refused_s[self._origin] = _tick()
            self._tell(False)

    def let_go(self) -> None:
        """Leave those who wait to themselves, where this question ended before it found anything."""
        self._tell(True)

    def _tell(self, taken: bool) -> None:
        if self._ours is not None:
            del self._closed.trying[self._origin]
            self._ours.set_result(taken)
            self._ours = None


class _Unfollowed(httpx.AsyncBaseTransport):
    """
    Keeps ``location`` from httpx, which takes an answer for broken when it cannot read where that leads.

    Connections are kept by slot: httpx looks at every kept connection whenever a request begins or ends, and with
    those of all sources together that is most of its work.
    """

    def __init__(self, given: httpx.AsyncBaseTransport | None) -> None:
        self._given = given
        self._by_slot: dict[str, httpx.AsyncBaseTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._of(request.extensions.get("slot", "")).handle_async_request(request)
        if "location" in response.headers:
            response.extensions["location"] = response.headers.pop("location")
        return response

    def _of(self, slot: str) -> httpx.AsyncBaseTransport:
        if self._given is not None:
            return self._given
        if slot not in self._by_slot:
            self._by_slot[slot] = httpx.AsyncHTTPTransport(trust_env=False, verify=trusted())
        return self._by_slot[slot]

    async def aclose(self) -> None:
        for inner in (self._given, *self._by_slot.values()):
            if inner is not None:
                await inner.aclose()


class _TooLarge(Exception):
    """The body went over the limit."""


class _Unreadable(Exception):
    """The body is packed in a way that was not asked for."""


_TARGET = re.compile(r"/[A-Za-z0-9/_.~%-]*(?:\?[A-Za-z0-9/_.~%&=+*-]*)?")


def _may_be_shared(question: Question, exchange: Exchange) -> bool:
    """
    Tell whether another run may take this answer.

    Failures are asked anew, so that a passing one does not spread. Own samples are shared with their failures:
    to ask only the failing ones again would make a partial failure look smaller in every next run.
    """
    if question.sample:
        return exchange.outcome in ("answered", "timeout", "unreachable")
    return exchange.answered and (exchange.status or 200) < 500


def _pool(settings: Settings) -> str:
    """Name who shares: runs that read the same database and keep the same of what they read."""
    database = settings.database_url.get_secret_value() if settings.database_url is not None else ""
    whole = "\0".join((database, settings.redact_emails, settings.redact_addresses))
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _may_pass(exchange: Exchange) -> bool:
    if exchange.outcome == "answered":
        return exchange.status in PASSING_STATUSES
    return exchange.outcome == "unreachable"


def _refused(exchange: Exchange) -> bool:
    """Whether there is nobody at that address: no time-out, and no answer of any kind."""
    return exchange.outcome == "unreachable" and exchange.detail in (REFUSED, NOT_FOUND)


def _retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (TypeError, ValueError):
        return None


_address = lru_cache(maxsize=128)(httpx.URL)
"""Each question's address is read by the parser once, however often it is looked at."""


@lru_cache(maxsize=4096)
def _origin(url: str) -> Origin:
    """
    Return scheme, host and port, read by the very parser that connects: two could be made to disagree.

    Raises
    ------
    httpx.InvalidURL
        It is no address.
    """
    parts = _address(url)
    port = parts.port if parts.port is not None else {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, parts.raw_host.decode("ascii"), port


def _same_host(url: str, target: str) -> str | None:
    """Return where a redirect leads, None when that is another host, or no address at all."""
    try:
        following = urljoin(url, target)
        if _origin(following) == _origin(url) and not httpx.URL(following).userinfo:
            return following
    except (httpx.InvalidURL, ValueError):
        pass
    return None


def _words(exc: BaseException, otherwise: str) -> str:
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return NOT_FOUND
        if isinstance(cause, ConnectionRefusedError):
            return REFUSED
        cause = cause.__cause__ or cause.__context__
    first = str(exc).strip().splitlines()
    return f"{type(exc).__name__}: {first[0]}" if first else f"{type(exc).__name__}: {otherwise}"


def _tick() -> float:
    """Return seconds on the running loop's clock, which a virtual loop moves by itself."""
    return asyncio.get_running_loop().time()
