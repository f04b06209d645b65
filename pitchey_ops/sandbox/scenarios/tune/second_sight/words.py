"""Days of strange words in the log, of libraries, runtimes and browsers in many tongues, and nothing is wrong."""

from .... import effects as fx
from ....builder import MINUTE, Builder, Span, Tracked
from ....scenario import Told
from ._parts import around, at_hour, calm, grey_library, knocking, onward, told


def foreign_words(b: Builder) -> Told:
    """Two services of houses abroad log in French and Polish since today: second tries that went well, nothing else."""
    at_hour(b, 9.6)
    fx.deploy(b, fx.PRODUCTION, b.onset_ms - 4 * MINUTE, "sous-titres: module de la maison Lumen, v1.8")
    told(
        b,
        "french",
        "sous-titres",
        "moteur",
        6.0,
        onward(b),
        "avertissement : délai dépassé pour la police {hex}, nouvel essai réussi en {ms} ms",
        "erreur de césure ignorée (mot inconnu), ligne {line} laissée telle quelle",
        "mémoire tampon agrandie à {n} Mo, aucun échec à signaler",
        level="avertissement",
    )
    told(
        b,
        "polish",
        "faktury",
        "ksef",
        2.0,
        onward(b),
        "ostrzeżenie: bramka odpowiedziała po {ms} ms, ponowiono z powodzeniem",
        "numer NIP klienta {id} bez prefiksu PL, uzupełniono",
        level="warn",
    )
    return Told()


def runtime_notes(b: Builder) -> Told:
    """Runtimes keep a diary: collected garbage, cold starts after the night, listeners counted, heaps that breathe."""
    at_hour(b, 6.8)
    span = around(b, 2.0)
    told(
        b,
        "jvm",
        "rights-engine",
        "gc",
        7.0,
        span,
        "[gc] GC({id}) Pause Young (Normal) (G1 Evacuation Pause) {n}M->{n}M(512M) {small}.{n}ms",
        "[gc] GC({id}) Concurrent Mark Cycle {n}.{small}ms",
        "[safepoint] Total time for which application threads were stopped: 0.00{n} seconds",
        level="info",
    )
    told(
        b,
        "functions",
        "thumbor",
        "lambda",
        5.0,
        span,
        "REPORT RequestId: {hex} Duration: {ms} ms Billed Duration: {ms} ms Memory Size: 1024 MB Max Memory Used: "
        "9{n} MB Init Duration: {ms}.{n} ms",
        "(node:8) MaxListenersExceededWarning: Possible EventEmitter memory leak detected. 11 drain listeners added",
        "instance scaled from 0 to {small} after the night",
        level="warn",
    )
    return Told()


def retries_won(b: Builder) -> Told:
    """Everywhere something is tried a second time and goes well: a certificate's order, a queue's line, a far clock."""
    at_hour(b, 13.9)
    knocking(b, 0.6)
    told(
        b,
        "acme",
        "infra",
        "cert-manager",
        4.0,
        Span(b.onset_ms, b.onset_ms + 15 * MINUTE),
        'propagation check failed: DNS record for "cdn.pitchey.example" not yet propagated (retry {small})',
        "Certificate cdn-tls: Renewing certificate as renewal was scheduled at 13:50 (expires in 29 days)",
        "OCSP staple refreshed at the 2nd try, next update in 4 days",
        level="warn",
    )
    told(
        b,
        "nats",
        "notification",
        "nats",
        3.0,
        around(b, 4.0),
        "nats: slow consumer on conn_{id}, caught up after {n} ms",
        "nats: disconnected (stale connection), reconnected to nats-{small}, nothing lost (JetStream seq {id})",
        "opentelemetry: Transient error StatusCode.UNAVAILABLE encountered while exporting, retrying in 1s: exported",
        level="warn",
    )
    return Told()


def slow_font(b: Builder) -> Told:
    """A foundry's server is slow with one font; the page shows another meanwhile, as it should, and loses little."""
    at_hour(b, 20.6)
    span = around(b, 2.0)
    fx.vitals(b, span, {"cls": (1.15, 0.0), "fcp": (1.03, 0.0)})
    told(
        b,
        "font",
        "frontend",
        "browser",
        6.0,
        span,
        "[Intervention] Slow network is detected. Fallback font will be used while loading: "
        "https://fonts.letterhaus.example/grot-{small}00.woff2",
        "OTS parsing note: GDEF: table misaligned (grot-{small}00), font used anyway",
        'downloadable font: download timed out, next source tried (font-family: "Haus Grot")',
        level="warn",
    )
    return Told()


def translated_pages(b: Builder) -> Told:
    """Readers have our pages translated, which moves nodes behind our back: errors that mend themselves."""
    at_hour(b, 17.1)
    grey_library(b)
    span = around(b, 5.0)
    words = "Failed to execute 'removeChild' on 'Node': The node to be removed is not a child of this node."
    told(
        b,
        "translated",
        "frontend",
        "browser",
        5.0,
        span,
        f"NotFoundError: {words} (html.translated-ltr, boundary drew the list again)",
        'SecurityError: Blocked a frame with origin "moz-extension://{hex}" from accessing a cross-origin frame.',
        "TypeError: undefined is not an object (evaluating 'window.webkit.messageHandlers') (Grammarly)",
    )
    tracked = Tracked(
        type="NotFoundError", value=words, culprit="commitDeletionEffects(react-dom)", project="pitchey-frontend"
    )
    times = b.rng("translated").integers(b.start_ms, b.end_ms, 900).tolist()
    fx.issue(b, "translated", tracked, times, users=240)
    return Told()


SCENARIOS = (
    calm("quiet_foreign_words", "Words in French and Polish", foreign_words, onset_min=(8, 20)),
    calm("quiet_runtime_notes", "Diaries of runtimes", runtime_notes, beside=("unrelated_deployment",)),
    calm("quiet_retries_won", "Second tries that went well", retries_won, onset_min=(12, 25)),
    calm("quiet_slow_font", "A slow font", slow_font, beside=("busy_evening",)),
    calm("quiet_translated_pages", "Pages translated by browsers", translated_pages, beside=("logs_lost",)),
)
