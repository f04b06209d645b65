"""Too much to carry: for queries, for tables, for Workers."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Slow, Tracked, WorkerShift
from ....causes._who import felt, owners
from ....scenario import Told
from ..unseen_once._parts import LIMITS, SLOWNESS, WRITES, at_hour
from ._parts import hourly_job, retired_check, stranger, yellow_index


def big_studio(b: Builder) -> Told:
    """One studio brought forty thousand titles: its people's pages, and all like them, take ever longer."""
    at_hour(b, 10.2)
    yellow_index(b)
    span = b.until_mended(b.onset_ms, ramp_s=2400.0)
    paths = ("/api/creator/dashboard", "/api/creator/pitches")
    waits = fx.of(paths, 0.85)
    fx.slow(b, Slow(key="big studio", hits=waits, span=span, add_ms=b.between("add", 4600, 6400), service="database"))
    fx.fail(
        b,
        Fault(
            key="big studio given up",
            hits=fx.of(paths, b.between("share", 0.05, 0.09)),
            span=span,
            status=504,
            took_ms=15_000.0,
            body={"success": False, "message": "Timed out"},
            entries=(
                Entry(level="warn", component="deadline", texts=("deadline of 15 s passed in {route} ({user})",)),
            ),
        ),
    )
    lines = Entry(
        service="database",
        level="warn",
        component="kysely",
        request=False,
        texts=(
            '{{"lvl":40,"sql":"select * from pitches where studio_id = $1 order by lower(title)","ms":{long_ms}}}',
            '{{"lvl":40,"sql":"select count(*) from media m join pitches p on …","ms":{slow_ms},"rows":4{id}}}',
        ),
    )
    fx.say(b, "big studio", lines, 8.0, span)
    fx.database(
        b,
        span,
        slowQueries=(1.0, 9.0),
        avgQueryTime=(1.9, 45.0),
        p95QueryTime=(3.2, 1300.0),
        p99QueryTime=(3.0, 4300.0),
        activeConnections=(1.4, 1.0),
    )
    return Told(services=("database", "creator"), routes=paths, severity="P3")


def view_rebuilt(b: Builder) -> Told:
    """A view is rebuilt every ten minutes under a lock for itself alone; lists wait and give up, in German."""
    at_hour(b, 17.8)
    hourly_job(b)
    span = b.until_mended(b.onset_ms, every_s=600.0, on_s=b.between("on", 170, 220))
    hits = {"/api/pitches/trending": 0.27, "/api/browse": 0.42, "/api/pitches/search": b.between("share", 0.8, 0.92)}
    fx.fail(
        b,
        Fault(
            key="view rebuilt",
            hits=hits,
            span=span,
            status=500,
            took_ms=4050.0,
            entries=(
                Entry(
                    service="database",
                    component="postgres",
                    request=False,
                    texts=(
                        "FEHLER:  storniere Anfrage wegen Zeitüberschreitung einer Sperre",
                        "LOG:  Prozess {id} wartet immer noch auf AccessShareLock-Sperre auf Relation 24711 "
                        "der Datenbank 16389 nach 1000,1{n} ms",
                    ),
                ),
                Entry(component="repo", level="ERROR", share=0.7, texts=("sqlstate 55P03 {route} after {ms} ms",)),
            ),
            tracked=Tracked(
                type="PostgresError",
                value="storniere Anfrage wegen Zeitüberschreitung einer Sperre",
                culprit="list(src/db/ranking)",
            ),
        ),
    )
    holder = Entry(
        service="database",
        level="info",
        component="postgres",
        request=False,
        texts=("LOG:  Dauer: {long_ms},204 ms  Anweisung: REFRESH MATERIALIZED VIEW ranking",),
    )
    fx.say(b, "view rebuilt", holder, 0.4, span)
    fx.database(
        b,
        span,
        lockWaits=(1.0, 26.0),
        activeConnections=(1.5, 5.0),
        p95QueryTime=(2.0, 900.0),
        p99QueryTime=(2.0, 3800.0),
        slowQueries=(1.0, 5.0),
        errorRate=(1.0, 0.12),
    )
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P2")


def costly_passwords(b: Builder) -> Told:
    """Passwords are to be hashed with more rounds than a Worker has time for: signing in ends at the runtime."""
    at_hour(b, 12.6)
    retired_check(b)
    span = b.until_mended(b.onset_ms, ramp_s=20.0)
    hits = {"/api/auth/login": b.between("share", 0.75, 0.9), "/api/auth/register": 0.85}
    fx.fail(
        b,
        Fault(
            key="costly passwords",
            hits=hits,
            span=span,
            status=503,
            page="cloudflare_html",
            body=1102,
            outcome="exceededResources",
            took_ms=3400.0,
        ),
    )
    fx.worker(b, WorkerShift(script=fx.PRODUCTION, span=span, cpu=1.12))
    fx.surge(b, b.until_mended(b.onset_ms, ramp_s=240.0), 2.2, ("/api/auth/login", "/login"))
    return Told(services=("auth",), routes=tuple(hits), severity="P1")


SCENARIOS = (
    stranger(
        "odd_big_studio",
        "One studio's titles weigh on all studios",
        "database_slow",
        big_studio,
        SLOWNESS,
        onset_min=(44, 56),
        beside=("unrelated_deployment",),
    ),
    stranger(
        "odd_view_rebuilt",
        "A view rebuilt under a lock, in German",
        "database_locked",
        view_rebuilt,
        WRITES,
        onset_min=(34, 48),
        beside=("harmless_production_deployment",),
    ),
    stranger(
        "odd_costly_passwords",
        "Signing in takes more computing than there is",
        "worker_limits",
        costly_passwords,
        LIMITS,
        onset_min=(14, 24),
        beside=("noisy_neighbour",),
    ),
)
