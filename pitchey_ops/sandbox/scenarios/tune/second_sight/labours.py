"""Work that the runtime ends, and releases that were wrong."""

from .... import effects as fx
from ....builder import MINUTE, Builder, Entry, Fault, Slow, Tracked, WorkerShift
from ....scenario import Told
from ._parts import LIMITS, SERVING, at_hour, calls_home, knocking, sleepy_tabs, stranger, told

BROWSE = ("/api/pitches", "/api/pitches/trending", "/api/browse")


def too_many_errands(b: Builder) -> Told:
    """Creators with many titles: for each title the Worker runs an errand, and the runtime allows only so many."""
    at_hour(b, 16.8)
    knocking(b)
    span = b.until_mended(b.onset_ms, ramp_s=700.0)
    paths = ("/api/creator/dashboard", "/api/creator/pitches")
    words = "Too many subrequests by single Worker invocation."
    fx.fail(
        b,
        Fault(
            key="errands",
            hits={paths[0]: b.between("share", 0.36, 0.48), paths[1]: 0.25},
            span=span,
            status=500,
            page="cloudflare_html",
            body=1101,
            outcome="scriptThrewException",
            took_ms=3800.0,
            entries=(
                Entry(
                    service="api-gateway",
                    component="tail",
                    share=0.6,
                    texts=(
                        f"Error: {words} ({{route}})",
                        "fetch no. 1001 refused by the runtime in {route}: limit of subrequests",
                    ),
                ),
            ),
            tracked=Tracked(type="Error", value=words, culprit="stats(src/creator/titles)", share=0.5),
        ),
    )
    fx.slow(b, Slow(key="errands", hits=fx.of(paths, 0.4), span=span, factor=1.8, add_ms=900.0))
    told(
        b,
        "errands counted",
        "creator",
        "titles",
        1.5,
        span,
        "{user}: {waiting} titles, 9{n} fetches in one invocation (of 1000)",
        level="info",
    )
    return Told(services=("creator",), routes=paths, severity="P2")


def statements(b: Builder) -> Told:
    """Statements of the year are drawn as papers while the investor waits; the long ones need more than is allowed."""
    at_hour(b, 9.7)
    sleepy_tabs(b)
    span = b.until_mended(b.onset_ms, ramp_s=420.0)
    path = "/api/investor/portfolio"
    fx.fail(
        b,
        Fault(
            key="statements",
            hits={path: b.between("share", 0.34, 0.46)},
            span=span,
            status=503,
            page="cloudflare_html",
            body=1102,
            outcome="exceededResources",
            took_ms=3400.0,
            entries=(
                Entry(
                    service="api-gateway",
                    component="tail",
                    share=0.4,
                    most_per_min=15,
                    texts=(
                        "invocation ended by the runtime at limits.cpu_ms = 50, wall {ms} ms ({route}?format=pdf)",
                        "no answer to pass on for {route}: outcome of the invocation is exceededCpu",
                    ),
                ),
            ),
        ),
    )
    fx.slow(b, Slow(key="statements", hits={path: 0.5}, span=span, factor=1.6, add_ms=420.0))
    fx.surge(b, span, 1.5, (path,))
    fx.worker(b, WorkerShift(script=fx.PRODUCTION, span=span, cpu=1.7))
    told(
        b,
        "statements drawn",
        "investor",
        "pdf-lib",
        2.0,
        span,
        "statement 2026 of {user}: {n} pages, fonts subset in 3{small} ms of CPU, drawn in 1{small} ms of CPU",
        level="info",
    )
    return Told(services=("investor",), routes=(path,), severity="P2")


def not_an_instant(b: Builder) -> Told:
    """A release reads times in a new way, and times that were written by old apps are none: those inboxes break."""
    at_hour(b, 8.4)
    calls_home(b)
    one = fx.deploy(b, fx.PRODUCTION, b.onset_ms - 30_000, "dates: Temporal instead of dayjs")
    name = fx.release_name(one)
    span = b.until_mended(b.onset_ms, ramp_s=150.0)
    hits = {"/api/messages": b.between("share", 0.36, 0.48), "/api/notifications": 0.24}
    words = "Temporal error: Expected an instant with an offset or Z"
    fx.fail(
        b,
        Fault(
            key="not an instant",
            hits=hits,
            span=span,
            status=500,
            took_ms=33.0,
            release=name,
            entries=(
                Entry(
                    component="handler",
                    metadata='{{"release":"' + name + '"}}',
                    texts=(
                        f"RangeError: {words}: '2024-0{{small}}-1{{small}} 10:0{{small}}' in {{route}}",
                        "inbox of {user} not drawn up: sentAt is not an instant",
                    ),
                    stack=f"RangeError: {words}\n    at Instant.from\n    at byDay (src/messaging/days.ts:19:31)",
                ),
            ),
            tracked=Tracked(type="RangeError", value=words, culprit="byDay(src/messaging/days)", share=0.8),
        ),
    )
    return Told(services=("messaging", "notification"), routes=tuple(hits), severity="P2")


def own_sequel(b: Builder) -> Told:
    """A release draws up sequels of sequels; some works name themselves. Old copies hide it until they run out."""
    at_hour(b, 21.7)
    one = fx.deploy(b, fx.PRODUCTION, b.onset_ms - 100_000, "obras relacionadas nas listas")
    name = fx.release_name(one)
    fx.deploy(b, "pitchey-frontend", b.onset_ms + 3 * MINUTE, "translations of the price page")
    span = b.until_mended(b.onset_ms, ramp_s=800.0)
    share = b.between("share", 0.24, 0.32)
    hits = dict(zip(BROWSE, (share, share * 1.3, share * 0.7), strict=True))
    words = "Maximum call stack size exceeded"
    fx.fail(
        b,
        Fault(
            key="own sequel",
            hits=hits,
            span=span,
            status=500,
            took_ms=88.0,
            release=name,
            body={"success": False, "message": "Não foi possível carregar"},
            entries=(
                Entry(
                    component="serializador",
                    metadata='{{"release":"' + name + '"}}',
                    texts=(
                        f"RangeError: {words} ({{route}})",
                        "falha ao serializar a obra {id}: sequência de si mesma, pilha esgotada",
                    ),
                    stack=f"RangeError: {words}\n    at expandir (src/obras/relacionadas.ts:44:9)\n    at expandir",
                ),
            ),
            tracked=Tracked(type="RangeError", value=words, culprit="expandir(src/obras/relacionadas)"),
        ),
    )
    return Told(services=("pitch", "browse"), routes=BROWSE, severity="P2")


LIMIT, WRONG = "worker_limits", "bad_deployment"
SCENARIOS = (
    stranger("second_too_many_errands", "Too many errands", LIMIT, too_many_errands, LIMITS, onset_min=(26, 40)),
    stranger(
        "second_statements",
        "Statements of the year",
        LIMIT,
        statements,
        LIMITS,
        onset_min=(20, 34),
        beside=("slow_sidekick",),
    ),
    stranger(
        "second_not_an_instant",
        "Times that are none",
        WRONG,
        not_an_instant,
        SERVING,
        onset_min=(12, 22),
        beside=("clock_skew",),
    ),
    stranger("second_own_sequel", "A sequel of itself", WRONG, own_sequel, SERVING, onset_min=(28, 40)),
)
