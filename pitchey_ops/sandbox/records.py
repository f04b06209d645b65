"""The log: requests, logins, errors, jobs and chatter, as the services would have sent them."""

from __future__ import annotations

import json

import numpy as np
import polars as pl

from .builder import DAY, MINUTE, Builder, Crowd, Entry, Fault, Floats, Ints
from .columns import shaped
from .entries import People, base36_text, gather, hex_text, object_text, piece, render, whole_ms
from .platform import BACKGROUND_ERRORS, CRAWLERS, INDEX, JOBS, MONITORS, NOISE, ROUTES
from .traffic import IS_WORKER, Failed, Gathered, Traffic, fault_took, latency
from .world import LOGS

PATHS = tuple(r.path for r in ROUTES)
OWNERS = tuple(r.service for r in ROUTES)
METHODS = tuple(r.method for r in ROUTES)
LOGIN = INDEX["/api/auth/login"]
REQUEST_SHARE = 0.45
"""Share of the week's entries that are request logs; the rest is chatter, jobs and logins."""

_LOGGED = np.array([(r.kind == "api" or r.path in ("/", "/pitches")) and r.path != "/api/auth/login" for r in ROUTES])
_CRAWLED = frozenset(INDEX[p] for p in ("/api/pitches", "/api/browse", "/", "/pitches", "/api/pitches/trending"))
_HEALTH = frozenset(INDEX[p] for p in ("/api/health", "/api/health/db"))


def sampling(b: Builder) -> float:
    """Return the share of requests in the request log, so that a week holds about ``b.entries`` entries."""
    per_week = sum(b.expected(r.path)[:10_080].sum() for r, logged in zip(ROUTES, _LOGGED, strict=True) if logged)
    return min(1.0, REQUEST_SHARE * b.entries / float(per_week))


def _spread(b: Builder, key: str, minutes: Ints, start_ms: int | None = None, end_ms: int | None = None) -> Ints:
    """Return a time within each of *minutes*, inside *start_ms* and *end_ms*."""
    low = minutes if start_ms is None else np.maximum(minutes, start_ms)
    high = minutes + MINUTE if end_ms is None else np.minimum(minutes + MINUTE, end_ms)
    return (low + b.rng(f"when {key}").random(len(minutes)) * np.maximum(high - low, 1)).astype(np.int64)


def _requests(b: Builder, key: str, at: Ints, route: Ints, status: Ints, took: Floats, people: People) -> pl.DataFrame:
    """Return request-log entries: one a request, level after status, users after the route."""
    rng = b.rng(f"who {key}")
    n = len(at)
    who = people.pick(n, rng)
    user, address, agent = (c.gather(pl.Series(who)) for c in (people.ids, people.addresses, people.agents))
    private = np.array([r.private for r in ROUTES])[route]
    signed_in = pl.Series(private | (rng.random(n) < 0.5))
    crawled = np.isin(route, list(_CRAWLED)) & (rng.random(n) < 0.06)
    watched = np.isin(route, list(_HEALTH))
    robot = np.where(crawled, rng.integers(0, len(CRAWLERS), n), 0)
    watcher = rng.integers(0, len(MONITORS), n)
    tail = pl.Series(rng.integers(2, 250, n)).cast(pl.String)
    crawler_ip = gather([p for _, p in CRAWLERS], robot) + tail
    is_crawler, is_watcher, crawler = pl.Series(crawled), pl.Series(watched), pl.Series(crawled | watched)
    method, path = gather(METHODS, route), gather(PATHS, route)
    code = pl.Series(status)
    ms = whole_ms(took)
    traced = pl.Series(rng.random(n) < 0.25)
    frame = pl.DataFrame(
        {
            "at": at,
            "method": method,
            "path": path,
            "statusCode": code,
            "responseTime": ms,
            "user": user,
            "ip": address,
            "agent": agent,
            "signed": signed_in & ~crawler,
            "crawled": is_crawler,
            "watched": is_watcher,
            "crawler_ip": crawler_ip,
            "crawler": gather([a for a, _ in CRAWLERS], robot),
            "monitor": gather([a for a, _ in MONITORS], watcher),
            "monitor_ip": gather([a for _, a in MONITORS], watcher),
            "service": gather(OWNERS, route),
            "trace": hex_text(n, 16, rng),
            "traced": traced,
            "query": pl.Series(rng.integers(1, 9, n)).cast(pl.String),
        }
    )
    col, when = pl.col, pl.when
    return frame.select(
        "at",
        "service",
        when(col("statusCode") >= 500)
        .then(pl.lit("error"))
        .when(col("statusCode") >= 400)
        .then(pl.lit("warn"))
        .otherwise(pl.lit("info"))
        .alias("level"),
        pl.format("{} {} {} {}ms", "method", "path", "statusCode", col("responseTime").round(0).cast(pl.Int64)).alias(
            "message"
        ),
        pl.lit("http").alias("component"),
        when("signed").then("user").alias("userId"),
        when("signed").then(pl.format("s-{}", col("user"))).alias("sessionId"),
        when("traced").then("trace").alias("traceId"),
        when("crawled").then("crawler_ip").when("watched").then("monitor_ip").otherwise("ip").alias("ipAddress"),
        when("crawled").then("crawler").when("watched").then("monitor").otherwise("agent").alias("userAgent"),
        when(col("path").is_in(["/api/pitches", "/api/browse", "/api/pitches/search"]))
        .then(pl.format("{}?page={}", "path", "query"))
        .otherwise("path")
        .alias("url"),
        "method",
        col("statusCode").cast(pl.Int32),
        "responseTime",
    )


def _ordinary(b: Builder, traffic: Traffic, people: People) -> list[pl.DataFrame]:
    share = sampling(b) * _LOGGED
    parts: list[tuple[Ints, Ints, Ints]] = []
    good = np.array([r.ok for r in ROUTES])
    refusal = np.array([r.refusal for r in ROUTES])
    wrong = np.full(len(ROUTES), 500)
    for key, table, status in (
        ("ok", traffic.good, good),
        ("refused", traffic.refused, refusal),
        ("background", traffic.background, wrong),
    ):
        logged = b.rng(f"logged {key}").binomial(table, share[None, :])
        rows, columns = np.nonzero(logged)
        times = logged[rows, columns]
        rows, columns = np.repeat(rows, times), np.repeat(columns, times)
        parts.append((_spread(b, key, b.minutes[rows]), columns, status[columns]))
    at, route, status_of = (np.concatenate(c).astype(np.int64) for c in zip(*parts, strict=True))
    order = np.argsort(at, kind="stable")
    at, route, status_of = at[order], route[order], status_of[order]
    took = latency(b, "requests", at, route)
    frames = [_requests(b, "requests", at, route, status_of, took, people)]
    rows, columns = np.nonzero(traffic.background)
    times = traffic.background[rows, columns]
    rows, columns = np.repeat(rows, times), np.repeat(columns, times)
    at = _spread(b, "background entries", b.minutes[rows])
    rng = b.rng("background entries")
    for service in sorted({OWNERS[c] for c in columns.tolist()}):
        mine = np.array([OWNERS[c] == service for c in columns.tolist()])
        texts = BACKGROUND_ERRORS.get(service, ("request failed: {route}, no further detail",))
        which = rng.integers(0, len(texts), int(mine.sum()))
        for i, text in enumerate(texts):
            when = at[mine][which == i]
            path = gather(PATHS, columns[mine][which == i])
            frames.append(
                piece(
                    when,
                    service=service,
                    level="error",
                    message=render(text, len(when), rng, {"route": path}),
                    component="handler",
                    url=path,
                    traceId=hex_text(len(when), 16, rng),
                )
            )
    return frames


def _logins(b: Builder, traffic: Traffic, people: People) -> pl.DataFrame:
    """Return the audit entries of sign-ins: all of them, with the typos that people make."""
    counts = traffic.good[:, LOGIN]
    rows = np.repeat(np.arange(len(counts)), counts)
    rng = b.rng("logins")
    at = _spread(b, "logins", b.minutes[rows])
    n = len(at)
    who = people.pick(n, rng)
    tries = np.where(rng.random(n) < 0.09, rng.integers(1, 4, n), 0)
    tries = np.where(rng.random(n) < 0.0006, rng.integers(5, 8, n), tries)  # forgot it, found it in the end
    before = np.repeat(np.arange(n), tries)
    gaps = rng.integers(6_000, 25_000, len(before))
    step = np.arange(len(before)) - np.repeat(np.cumsum(tries) - tries, tries) + 1
    fail_at = at[before] - gaps * 0 - step * 14_000 - rng.integers(0, 5_000, len(before))
    given_up = np.flatnonzero(rng.random(n) < 0.012)
    when = np.concatenate([at, fail_at, at[given_up] + 31_000])
    person = np.concatenate([who, who[before], people.pick(len(given_up), rng)])
    ok = np.concatenate([np.ones(n, bool), np.zeros(len(fail_at) + len(given_up), bool)])
    return _login_entries(
        b,
        "logins",
        when,
        people.ids.gather(pl.Series(person)),
        people.addresses.gather(pl.Series(person)),
        people.agents.gather(pl.Series(person)),
        pl.Series(ok),
    )


def _login_entries(
    b: Builder, key: str, at: Ints, account: pl.Series, address: pl.Series, agent: pl.Series, ok: pl.Series
) -> pl.DataFrame:
    rng = b.rng(f"login entries {key}")
    took = np.round(MEDIAN_LOGIN_MS * np.exp(rng.normal(0, 0.3, len(at))), 1)
    frame = pl.DataFrame({"at": at, "account": account, "ip": address, "agent": agent, "ok": ok, "took": took})
    col, when = pl.col, pl.when
    event = when("ok").then(pl.lit("login_ok")).otherwise(pl.lit("login_failed"))
    return frame.select(
        "at",
        pl.lit("auth").alias("service"),
        when("ok").then(pl.lit("info")).otherwise(pl.lit("warn")).alias("level"),
        when("ok")
        .then(pl.format("login ok for {}", "account"))
        .otherwise(pl.format("login failed for {}: invalid credentials", "account"))
        .alias("message"),
        pl.lit("login").alias("component"),
        when("ok").then("account").alias("userId"),
        col("ip").alias("ipAddress"),
        col("agent").alias("userAgent"),
        pl.lit("/api/auth/login").alias("url"),
        pl.lit("POST").alias("method"),
        when("ok").then(200).otherwise(401).cast(pl.Int32).alias("statusCode"),
        col("took").alias("responseTime"),
        pl.concat_str([pl.lit('{"event":"'), event, pl.lit('","user":"'), col("account"), pl.lit('"}')]).alias(
            "metadata"
        ),
    )


MEDIAN_LOGIN_MS = 210.0


def _failures(b: Builder, one: Failed, people: People) -> list[pl.DataFrame]:
    """Return what one fault leaves: a share of request-log entries, its own entries with the same trace."""
    fault = one.fault
    rows, columns = np.nonzero(one.counts)
    times = one.counts[rows, columns]
    rows, columns = np.repeat(rows, times), np.repeat(columns, times)
    route = one.routes[columns]
    at = _spread(b, f"fault {fault.key}", b.minutes[one.low + rows], fault.span.start_ms, fault.span.end_ms)
    order = np.argsort(at, kind="stable")
    at, route = at[order], route[order]
    if fault.span.every_s > 0:
        kept = fault.span.strength(at) > 0
        at, route = at[kept], route[kept]
    n = len(at)
    if not n or fault.outcome == "none":
        return []
    lot = b.rng(f"fault entries {fault.key}")
    took = fault_took(fault, n, lot)
    requests = _requests(b, f"fault {fault.key}", at, route, np.full(n, fault.status, dtype=np.int64), took, people)
    requests = requests.with_columns(traceId=hex_text(n, 16, lot))
    if fault.release:
        requests = requests.with_columns(metadata=pl.lit(object_text({"release": fault.release})))
    logged = pl.Series((lot.random(n) < sampling(b)) & IS_WORKER[route])
    frames = [requests.filter(logged)] if fault.status else []
    for i, entry in enumerate(fault.entries):
        frames += _left_behind(b, f"{fault.key} {i}", entry, requests, fault.release)
    return frames


def _left_behind(b: Builder, key: str, entry: Entry, requests: pl.DataFrame, release: str = "") -> list[pl.DataFrame]:
    """Return the entries that *requests* leave behind, within the logger's own limit."""
    rng = b.rng(f"entry {key}")
    at = requests["at"].to_numpy()
    n = len(at)
    if not n:
        return []
    minute = (at - b.start_ms) // MINUTE
    busy = np.bincount(np.maximum(minute, 0))[np.maximum(minute, 0)]
    kept = rng.random(n) < np.minimum(1.0, entry.most_per_min / np.maximum(busy * entry.share, 1e-9)) * entry.share
    which = rng.integers(0, len(entry.texts), n)
    later = (entry.delay_ms * np.exp(rng.normal(0, 0.4, n))).astype(np.int64)
    frames = []
    for i, text in enumerate(entry.texts):
        mask = kept & (which == i)
        some = requests.filter(pl.Series(mask))
        if some.is_empty():
            continue
        m = len(some)
        path = some["url"].str.split("?").list.first()
        given = {
            "route": path,
            "user": some["userId"],
            "ip": some["ipAddress"],
            "method": some["method"],
            "ms": some["responseTime"].round(0).cast(pl.Int64),
        }
        metadata: pl.Series | None = None
        if entry.metadata:
            metadata = render(entry.metadata, m, rng, given)
        elif release:
            metadata = pl.repeat(object_text({"release": release}), m, dtype=pl.String, eager=True)
        extra: dict[str, pl.Series | str | int | float | None] = {}
        if entry.request:
            extra = {c: some[c] for c in ("userId", "sessionId", "ipAddress", "userAgent", "url", "method")}
        frames.append(
            piece(
                some["at"].to_numpy() + later[mask],
                service=entry.service or some["service"],
                level=entry.level,
                message=render(text, m, rng, given),
                component=entry.component or None,
                traceId=some["traceId"],
                errorStack=entry.stack or None,
                metadata=metadata,
                **extra,
            )
        )
    return frames


def _crowd(b: Builder, one: Gathered, people: People) -> list[pl.DataFrame]:
    """Return what a crowd leaves in the platform's log; what the firewall stopped leaves nothing."""
    crowd = one.crowd
    frames: list[pl.DataFrame] = []
    reaches = {s: share for s, share in crowd.outcomes.items() if share > 0}
    seen = np.zeros(len(one.counts), dtype=np.int64)
    for k, status in enumerate(one.statuses):
        if status in reaches:
            seen = seen + one.counts[:, k]
    rng = b.rng(f"crowd entries {crowd.key}")
    logged = rng.binomial(seen, crowd.logged)
    at = _spread(
        b,
        f"crowd {crowd.key}",
        np.repeat(b.minutes[one.low : one.low + len(seen)], logged),
        crowd.span.start_ms,
        crowd.span.end_ms,
    )
    at.sort()
    n = len(at)
    if not n:
        return frames
    who, agent = _crowd_members(crowd, n, rng, people)
    shares = np.array(list(reaches.values()))
    status_of = rng.choice(np.array(list(reaches)), n, p=shares / shares.sum())
    if crowd.accounts:
        turn = np.arange(n) % len(crowd.accounts)
        account = gather(list(crowd.accounts), turn)
        return [_login_entries(b, crowd.key, at, account, who, agent, pl.Series(status_of == 200))]
    urls = crowd.urls or (crowd.route,)
    which = rng.integers(0, len(urls), n)
    took = np.round(crowd.took_ms * np.exp(rng.normal(0, 0.4, n)), 1)
    route = INDEX.get(crowd.route)
    service = OWNERS[route] if route is not None else crowd.service
    for i, url in enumerate(urls):
        mask = which == i
        m = int(mask.sum())
        if not m:
            continue
        text = render(url, m, rng, {"ip": who.filter(pl.Series(mask))})
        code = pl.Series(status_of[mask])
        short = text.str.slice(0, 400)
        message = (
            pl.DataFrame({"u": short, "s": code, "t": np.round(took[mask]).astype(np.int64)})
            .select(pl.format(crowd.method + " {} {} {}ms", "u", "s", "t"))
            .to_series()
        )
        level = pl.select(
            pl.when(code >= 500).then(pl.lit("error")).when(code >= 400).then(pl.lit("warn")).otherwise(pl.lit("info"))
        ).to_series()
        frames.append(
            piece(
                at[mask],
                service=service,
                level=level,
                message=message,
                component="http",
                ipAddress=who.filter(pl.Series(mask)),
                userAgent=agent.filter(pl.Series(mask)),
                url=text,
                method=crowd.method,
                statusCode=code,
                responseTime=pl.Series(took[mask]),
                userId=crowd.user or None,
                traceId=hex_text(m, 16, rng),
                metadata=render(crowd.metadata, m, rng) if crowd.metadata else None,
            )
        )
    if crowd.entries:
        requests = pl.concat(frames, how="diagonal").sort("at").with_columns(sessionId=pl.lit(None, pl.String))
        requests = requests.with_columns(userId=pl.col("userId").cast(pl.String))
        for i, entry in enumerate(crowd.entries):
            frames += _left_behind(b, f"{crowd.key} {i}", entry, requests)
    return frames


def _crowd_members(crowd: Crowd, n: int, rng: np.random.Generator, people: People) -> tuple[pl.Series, pl.Series]:
    if crowd.users:
        who = pl.Series(people.pick(n, rng))
        return people.addresses.gather(who), people.agents.gather(who)
    index = rng.integers(0, len(crowd.addresses), n)
    return gather(list(crowd.addresses), index), gather(list(crowd.agents), index % len(crowd.agents))


def _chatter(b: Builder) -> list[pl.DataFrame]:
    """Return what the services say without being asked."""
    frames = []
    weight = np.cumsum(b.level)
    factor = b.entries / 200_000
    days = (b.minutes[-1] - b.minutes[0]) / DAY
    for i, noise in enumerate(NOISE):
        rng = b.rng(f"noise {i}")
        n = int(rng.poisson(noise.per_day * days * factor))
        place = rng.random(n)
        minute = np.searchsorted(weight, place * weight[-1]) if noise.with_rhythm else (place * len(weight)).astype(int)
        at = b.minutes[np.minimum(minute, len(b.minutes) - 1)] + rng.integers(0, MINUTE, n)
        frames.append(
            piece(
                at,
                service=noise.service,
                level=noise.level,
                message=render(noise.text, n, rng),
                component=noise.component or None,
                errorStack=noise.stack or None,
                metadata=render(noise.metadata, n, rng) if noise.metadata else None,
            )
        )
    return frames


def _jobs(b: Builder) -> list[pl.DataFrame]:
    """Return the traces of the scheduled jobs: one entry a run, unless they stand still."""
    frames = []
    stops = [s.span for s in b.silences if s.what == "jobs"]
    for name, period in JOBS:
        rng = b.rng(f"job {name}")
        at = b.minutes[(b.minutes // MINUTE) % period == 0] + rng.integers(
            300, 4_000, (b.minutes // MINUTE % period == 0).sum()
        )
        took = rng.integers(40, 900, len(at))
        run = np.ones(len(at), bool)
        for span in stops:
            run &= span.strength(at) < 0.5
        at, took = at[run], took[run]
        message = pl.DataFrame({"t": took}).select(pl.format("job {} finished in {} ms", pl.lit(name), "t")).to_series()
        frames.append(
            piece(
                at,
                service="scheduler",
                level="info",
                message=message,
                component="cron",
                metadata=object_text({"job": name, "event": "job_finished", "period_min": period}),
            )
        )
    return frames


def _sayings(b: Builder) -> list[pl.DataFrame]:
    frames = []
    for saying in b.sayings:
        rng = b.rng(f"saying {saying.key}")
        counts = rng.poisson(saying.per_min * saying.span.by_minute(b.minutes))
        at = _spread(b, f"saying {saying.key}", np.repeat(b.minutes, counts), saying.span.start_ms, saying.span.end_ms)
        entry = saying.entry
        which = rng.integers(0, len(entry.texts), len(at))
        for i, text in enumerate(entry.texts):
            some = at[which == i]
            frames.append(
                piece(
                    some,
                    service=entry.service,
                    level=entry.level,
                    message=render(text, len(some), rng),
                    component=entry.component or None,
                    errorStack=entry.stack or None,
                    metadata=render(entry.metadata, len(some), rng) if entry.metadata else None,
                )
            )
    return frames


def _odd(b: Builder) -> pl.DataFrame:
    """Return entries whose shape is wrong, as an unchecked ingest lets them in (trap 27)."""
    rng = b.rng("odd")
    at = np.sort(rng.integers(b.start_ms, b.now_ms, 18)).astype(np.int64)
    raws = []
    for i, when in enumerate(at.tolist()):
        entry: dict[str, object] = {
            "level": "info",
            "message": "worker started",
            "timestamp": when,
            "service": "analytics",
            "environment": "production",
            "metadata": {},
            "tags": [],
        }
        match i % 6:
            case 0:
                entry["message"] = 42
            case 1:
                entry["timestamp"] = when // 1000
            case 2:
                entry["message"] = {"event": "flush", "count": i}
            case 3:
                entry["timestamp"] = str(np.datetime64(when, "ms")) + "Z"
            case 4:
                entry["timestamp"] = when + 400 * DAY
            case _:
                entry |= {"responseTime": "182ms", "statusCode": "200"}
        raws.append(entry)
    ids = base36_text(len(at), 9, rng)
    texts = [
        json.dumps({"id": f"{when}-{tail}", **raw}, separators=(",", ":"))
        for when, tail, raw in zip(at.tolist(), ids.to_list(), raws, strict=True)
    ]
    return piece(at, service="analytics", level="info", message="worker started", raw=pl.Series(texts))


def logs(b: Builder, traffic: Traffic, fresh_since_ms: int | None = None) -> pl.DataFrame:
    """
    Return all log entries of the world.

    Parameters
    ----------
    fresh_since_ms
        With a young store: entries before are in the archive only.
    """
    people = People(b)
    frames = [
        *_ordinary(b, traffic, people),
        _logins(b, traffic, people),
        *_chatter(b),
        *_jobs(b),
        *_sayings(b),
        _odd(b),
    ]
    for failed in (*traffic.failed, *traffic.stumbled):
        frames += _failures(b, failed, people)
    for crowd in traffic.crowds:
        frames += _crowd(b, crowd, people)
    table = pl.concat(frames, how="diagonal_relaxed").sort("at", maintain_order=True)
    rng = b.rng("store")
    at = table["at"].to_numpy()
    n = len(at)
    arrival = at + 60 + rng.exponential(420.0, n).astype(np.int64)
    archived = rng.random(n) >= 0.0004
    stored = np.ones(n, bool)
    kept = np.ones(n, bool)
    service = table["service"]
    for silence in b.silences:
        if silence.what not in ("logs", "archive", "unlogged"):
            continue
        hit = b.rng(f"silence {silence.key}").random(n) < silence.share * silence.span.strength(at)
        if silence.services:
            hit &= service.is_in(list(silence.services)).to_numpy()
        if silence.what == "logs":
            stored &= ~hit
        elif silence.what == "archive":
            archived &= ~hit
        else:
            kept &= ~hit
    if fresh_since_ms is not None:
        stored &= at >= fresh_since_ms
    shown = at.copy()
    for name, offset_ms, span in b.skews:
        shown = shown + offset_ms * ((service == name).to_numpy() & (span.strength(at) > 0.5))
    ids = pl.Series(arrival).cast(pl.String) + "-" + base36_text(n, 9, rng)
    table = table.with_columns(
        at=pl.Series(shown),
        arrival=pl.Series(arrival),
        id=ids,
        environment=pl.lit("production"),
        stored=pl.Series(stored),
        archived=pl.Series(archived),
    )
    table = shaped(table.filter(pl.Series(kept)), LOGS)
    return table.filter(pl.col("at") < b.end_ms).sort("at", maintain_order=True)


def failure_times(b: Builder, failed: Failed, share: float) -> Ints:
    """Return times at which the error tracker heard of a fault: *share* of the failing requests."""
    fault: Fault = failed.fault
    per_minute = failed.counts.sum(axis=1)
    counts = b.rng(f"tracked {fault.key}").binomial(per_minute, share)
    at = _spread(
        b,
        f"tracked {fault.key}",
        np.repeat(b.minutes[failed.low : failed.low + len(counts)], counts),
        fault.span.start_ms,
        fault.span.end_ms,
    )
    return np.sort(at)
