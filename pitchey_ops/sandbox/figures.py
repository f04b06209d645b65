"""The figures: response times, error rate, spans, database posts, Web Vitals, and the edge's firewall."""

from __future__ import annotations

import numpy as np
import polars as pl

from .builder import DAY, MINUTE, Builder, Floats, Shift
from .columns import shaped
from .entries import addresses, gather, hex_text
from .platform import BROWSERS, DEVICES, INDEX, PAGES, ROUTES, VITALS_NORMAL
from .traffic import IS_WORKER, Traffic, fault_took, latency
from .world import DB_POSTS, FIREWALL, METRICS, VITALS

POOL_SIZE = 20


def _lost(
    b: Builder, what: str, at: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    gone = np.zeros(len(at), bool)
    for silence in b.silences:
        if silence.what == what:
            gone |= b.rng(f"silence {silence.key}").random(len(at)) < silence.share * silence.span.strength(at)
    return gone


def metrics(b: Builder, traffic: Traffic, fresh_since_ms: int | None = None) -> pl.DataFrame:
    """Return APM points: each minute a response time a route, the error rate, two spans."""
    count = len(b.minutes)
    api = np.flatnonzero(IS_WORKER)
    total = traffic.total()
    bad = traffic.background.astype(np.float64)
    for one in traffic.failed:
        if one.fault.status >= 500:
            bad[one.low : one.low + len(one.counts), one.routes] += one.counts
    rng = b.rng("points")
    route = np.tile(api, count)
    at = np.repeat(b.minutes, len(api)) + rng.integers(0, MINUTE, count * len(api))
    seen = total[:, api].ravel() > 0
    at, route = at[seen], route[seen]
    took = latency(b, "points", at, route)
    for fault in b.faults:
        share = np.zeros(len(ROUTES))
        for path, value in fault.hits.items():
            share[INDEX[path]] = value
        inside = np.flatnonzero((at >= fault.span.start_ms) & (at < fault.span.end_ms) & (share[route] > 0))
        if len(inside) and fault.outcome != "none":
            lot = b.rng(f"points {fault.key}")
            failing = lot.random(len(inside)) < share[route[inside]] * fault.span.strength(at[inside])
            took[inside] = np.where(failing, fault_took(fault, len(inside), lot), took[inside])
    tags = [f'{{"endpoint":"{r.path}","method":"{r.method}","service":"{r.service}"}}' for r in ROUTES]
    parts = [
        pl.DataFrame({"at": at, "value": np.round(took, 2), "tags": gather(tags, route)}).with_columns(
            name=pl.lit("response_time"), type=pl.lit("timer"), unit=pl.lit("ms")
        )
    ]
    rate = bad[:, api].sum(axis=1) / np.maximum(total[:, api].sum(axis=1), 1)
    parts.append(
        pl.DataFrame({"at": b.minutes + 59_000, "value": np.round(rate, 5)}).with_columns(
            name=pl.lit("error_rate"), type=pl.lit("gauge"), unit=pl.lit("ratio"), tags=pl.lit("{}")
        )
    )
    parts.append(_spans(b))
    table = pl.concat(parts, how="diagonal_relaxed").sort("at", maintain_order=True)
    stored = ~_lost(b, "metrics", table["at"].to_numpy())
    if fresh_since_ms is not None:
        stored &= table["at"].to_numpy() >= fresh_since_ms
    table = table.with_columns(stored=pl.Series(stored))
    odd = b.rng("odd points").integers(0, len(table), 6)
    is_odd = pl.Series(np.isin(np.arange(len(table)), odd))
    as_text = [
        pl.lit('{"name":"'),
        "name",
        pl.lit('","value":"'),
        pl.col("value").cast(pl.String),
        pl.lit('","timestamp":'),
        pl.col("at").cast(pl.String),
        pl.lit(',"tags":'),
        "tags",
        pl.lit(',"type":"timer"}'),
    ]
    table = table.with_columns(raw=pl.when(is_odd).then(pl.concat_str(as_text)))
    return shaped(table, METRICS).filter(pl.col("at") < b.end_ms)


CALLS: tuple[tuple[str, str, str, float], ...] = (
    ("api-gateway", "pitch", "GET /pitches", 70),
    ("pitch", "database", "select pitches", 12),
    ("pitch", "cache", "get", 4),
    ("api-gateway", "auth", "verify", 22),
    ("auth", "database", "select sessions", 9),
    ("auth", "cache", "get", 4),
    ("api-gateway", "browse", "GET /browse", 60),
    ("browse", "database", "select pitches", 14),
    ("api-gateway", "investor", "portfolio", 95),
    ("investor", "database", "select investments", 16),
    ("api-gateway", "creator", "dashboard", 100),
    ("creator", "database", "select pitches", 15),
    ("api-gateway", "payments", "checkout", 310),
    ("payments", "stripe", "create intent", 220),
    ("api-gateway", "upload", "complete", 240),
    ("upload", "storage", "put", 85),
    ("upload", "mux", "create asset", 150),
    ("api-gateway", "notification", "list", 35),
    ("email", "sendgrid", "send", 130),
    ("api-gateway", "messaging", "inbox", 60),
    ("messaging", "database", "select messages", 11),
)
"""Who calls whom: caller, callee, operation, the callee's median time in ms."""


def _spans(b: Builder) -> pl.DataFrame:
    """Return spans: two calls a minute of the whole, the callee's own time and the caller's time for it."""
    rng = b.rng("spans")
    n = 2 * len(b.minutes)
    at = np.sort(np.repeat(b.minutes, 2) + rng.integers(0, MINUTE, n))
    call = rng.integers(0, len(CALLS), n)
    own: Floats = np.array([c[3] for c in CALLS])[call] * np.exp(rng.normal(0, 0.35, n))
    waiting = 1.5 * np.exp(rng.normal(0, 0.5, n))
    for slow in b.slows:
        if not slow.service:
            continue
        mine = np.array([c[1] == slow.service for c in CALLS])
        above = np.array([any(d[0] == c[1] and d[1] == slow.service for d in CALLS) for c in CALLS])
        strength = slow.span.strength(at)
        lot = b.rng(f"spans {slow.key}")
        share = max(slow.hits.values(), default=0.0)
        extra = np.where(
            lot.random(n) < share,
            strength * ((slow.factor - 1) * own + slow.add_ms * np.exp(lot.normal(0, 0.35, n))),
            0.0,
        )
        if slow.external:
            waiting += np.where(mine[call], extra, 0.0)
        else:
            own += np.where(mine[call], extra, 0.0)
        own += np.where(above[call], extra, 0.0)
    trace = hex_text(n, 16, rng)
    frame = pl.DataFrame(
        {
            "at": at,
            "value": np.round(own, 2),
            "client": np.round(own + waiting, 2),
            "trace": trace,
            "service": gather([c[1] for c in CALLS], call),
            "caller": gather([c[0] for c in CALLS], call),
            "operation": gather([c[2] for c in CALLS], call),
        }
    )
    text = [
        pl.lit('{"service":"'),
        "service",
        pl.lit('","caller":"'),
        "caller",
        pl.lit('","operation":"'),
        "operation",
        pl.lit('","client_ms":'),
        pl.col("client").cast(pl.String),
        pl.lit(',"traceId":"'),
        "trace",
        pl.lit('"}'),
    ]
    return frame.select(
        "at",
        "value",
        pl.concat_str(text).alias("tags"),
        pl.lit("span.duration").alias("name"),
        pl.lit("histogram").alias("type"),
        pl.lit("ms").alias("unit"),
    )


def shifted(
    b: Builder,
    values: dict[str, Floats],
    shifts: list[Shift],
    at: np.ndarray[tuple[int], np.dtype[np.int64]],
    attributes: dict[str, pl.Series] | None = None,
) -> None:
    """Change columns in place as *shifts* say."""
    for shift in shifts:
        strength = shift.span.strength(at)
        for name, allowed in shift.where.items():
            assert attributes is not None
            strength = strength * attributes[name].is_in(list(allowed)).to_numpy()
        old = values[shift.column]
        goal = old * shift.factor + shift.add if shift.to is None else np.full(len(old), shift.to)
        values[shift.column] = old + (goal - old) * strength


def db_posts(b: Builder, traffic: Traffic) -> pl.DataFrame:
    """Return the database's figures, one post a minute."""
    rng = b.rng("db posts")
    n = len(b.minutes)
    at = b.minutes + 30_000
    need = np.array([dict(r.uses).get("database", 0.0) for r in ROUTES])
    queries = traffic.total() @ need * 2.6 + rng.normal(0, 6, n)
    load = queries / max(float(queries.mean()), 1.0)
    avg = 14.0 * (1 + 0.1 * (load - 1)) * np.exp(rng.normal(0, 0.09, n))
    values: dict[str, Floats] = {
        "activeConnections": 2.0 + 3.2 * load + rng.gamma(2.0, 0.6, n),
        "queryCount": np.maximum(queries, 4.0),
        "slowQueries": rng.poisson(0.12, n).astype(np.float64),
        "avgQueryTime": avg,
        "p95QueryTime": avg * 3.4 * np.exp(rng.normal(0, 0.08, n)),
        "p99QueryTime": avg * 7.5 * np.exp(rng.normal(0, 0.14, n)),
        "errorRate": np.clip(rng.gamma(1.2, 0.0006, n), 0, 0.01),
        "deadlocks": (rng.random(n) < 0.0004).astype(np.float64),
        "lockWaits": rng.poisson(0.3, n).astype(np.float64),
        "connectionPoolSize": np.full(n, float(POOL_SIZE)),
    }
    shifted(b, values, b.database, at)
    pool = np.round(values["connectionPoolSize"])
    active = np.clip(np.round(values["activeConnections"]), 0, pool)
    columns = {
        name: np.maximum(np.round(values[name]), 0) for name in ("queryCount", "slowQueries", "deadlocks", "lockWaits")
    }
    frame = pl.DataFrame(
        {
            "at": at,
            "connectionPoolSize": pool,
            "activeConnections": active,
            "idleConnections": np.maximum(pool - active, 0),
            **columns,
            **{name: np.round(values[name], 2) for name in ("avgQueryTime", "p95QueryTime", "p99QueryTime")},
            "errorRate": np.clip(np.round(values["errorRate"], 5), 0, 1),
            "stored": ~_lost(b, "db_posts", at),
        }
    )
    return shaped(frame, DB_POSTS)


def vitals(b: Builder) -> pl.DataFrame:
    """Return Web Vitals beacons: about three a minute."""
    rng = b.rng("vitals")
    page_rate = sum(b.expected(p) for p, _ in PAGES) / len(PAGES)
    counts = rng.poisson(page_rate * 0.62)
    rows = np.repeat(np.arange(len(b.minutes)), counts)
    at = np.sort(b.minutes[rows] + rng.integers(0, MINUTE, len(rows)))
    n = len(at)
    page = rng.choice(len(PAGES), n, p=np.array([w for _, w in PAGES]))
    device = rng.choice(len(DEVICES), n, p=np.array([w for _, w, _ in DEVICES]))
    factor = np.array([f for *_, f in DEVICES])[device]
    attributes = {
        "url": gather([p for p, _ in PAGES], page),
        "device": gather([d for d, *_ in DEVICES], device),
    }
    common = rng.normal(0, 0.2, n)
    values: dict[str, Floats] = {}
    for name, (median, sigma) in VITALS_NORMAL.items():
        scale = factor if name != "cls" else np.ones(n)
        values[name] = median * scale * np.exp(common * (name != "cls") + rng.normal(0, sigma, n))
    values["lcp"] = np.maximum(values["lcp"], values["fcp"] * 1.02)
    shifted(b, values, b.vitals, at, attributes)
    session = pl.Series(at).cast(pl.String) + "-" + hex_text(n, 8, rng)
    frame = pl.DataFrame(
        {
            "at": at,
            "session": session,
            **attributes,
            **{name: np.round(v, 4 if name == "cls" else 1) for name, v in values.items()},
            "stored": ~_lost(b, "vitals", at),
        }
    )
    return shaped(frame, VITALS)


def firewall(b: Builder, traffic: Traffic) -> pl.DataFrame:
    """Return firewall events: the internet's ordinary scanners, and what it stopped of each crowd."""
    rng = b.rng("firewall")
    days = (b.minutes[-1] - b.minutes[0]) / DAY
    n = int(rng.poisson(380 * days))
    paths = (
        "/wp-login.php",
        "/.env",
        "/xmlrpc.php",
        "/admin",
        "/.git/config",
        "/phpmyadmin/",
        "/api/pitches",
        "/api/auth/login",
    )
    rules = ("managed-913100", "managed-920350", "managed-942100", "bot-fight")
    agents = (
        "Mozilla/5.0 zgrab/0.x",
        "python-requests/2.32",
        "Go-http-client/1.1",
        "curl/8.9.1",
        BROWSERS[0][0],
    )
    countries = ("US", "CN", "RU", "NL", "BR", "IN", "VN", "DE")
    frames = [
        pl.DataFrame(
            {
                "at": np.sort(rng.integers(b.start_ms, b.end_ms, n)),
                "clientIP": addresses(n, rng),
                "clientRequestPath": gather(paths, rng.integers(0, len(paths), n)),
                "ruleId": gather(rules, rng.integers(0, len(rules), n)),
                "userAgent": gather(agents, rng.integers(0, len(agents), n)),
                "clientCountryName": gather(countries, rng.integers(0, len(countries), n)),
                "clientAsn": pl.Series(rng.integers(3000, 64_000, n)).cast(pl.String),
                "action": gather(("block", "managed_challenge"), rng.integers(0, 2, n)),
            }
        ).with_columns(clientRequestQuery=pl.lit(""), source=pl.lit("firewallManaged"))
    ]
    for one in traffic.crowds:
        crowd = one.crowd
        if not crowd.blocked:
            continue
        lot = b.rng(f"firewall {crowd.key}")
        stopped = one.counts[:, one.statuses.index(403)]
        stopped = np.minimum(stopped, 120)  # what the events' sampling shows of a minute
        minutes = np.repeat(b.minutes[one.low : one.low + len(stopped)], stopped)
        m = len(minutes)
        who = lot.integers(0, len(crowd.addresses), m)
        low = np.maximum(minutes, crowd.span.start_ms)
        high = np.minimum(minutes + MINUTE, crowd.span.end_ms)
        frames.append(
            pl.DataFrame(
                {
                    "at": (low + lot.random(m) * np.maximum(high - low, 1)).astype(np.int64),
                    "clientIP": gather(list(crowd.addresses), who),
                    "userAgent": gather(list(crowd.agents), who % len(crowd.agents)),
                    "clientAsn": pl.Series(45_000 + who % 17).cast(pl.String),
                    "clientCountryName": gather(countries, who % len(countries)),
                }
            ).with_columns(
                action=pl.lit("block"),
                clientRequestPath=pl.lit(crowd.route),
                clientRequestQuery=pl.lit(""),
                source=pl.lit("ratelimit" if "rate" in crowd.rule else "firewallManaged"),
                ruleId=pl.lit(crowd.rule or "managed-942100"),
            )
        )
    return pl.concat([shaped(f, FIREWALL) for f in frames]).sort("at", maintain_order=True)
