"""Things that somebody changed: a rule of the code, an address, a timetable."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Silence, Tracked, WorkerShift
from ....causes.browser import PAGES
from ....scenario import Told
from ..unseen_once._parts import BROWSER, SERVING, WATCHERS, at_hour
from ._parts import deprecations, hourly_job, retired_check, said_in, stranger, unlisted_deployments, usual_guessers

API = "https://pitchey-production.cavelltheleaddev.workers.dev"


def strict_forms(b: Builder) -> Told:
    """A release takes nearly every form for wrong: 422, politely, and not one error of the server."""
    at_hour(b, 20.2)
    deprecations(b)
    lead_s = b.between("lead", 30, 80)
    deployment = fx.deploy(
        b, fx.PRODUCTION, b.onset_ms - int(lead_s * 1000), "merge #1412", author="ci@pitchey.example"
    )
    span = b.until_mended(b.onset_ms, ramp_s=15.0)
    share = b.between("share", 0.86, 0.97)
    hits = {"/api/pitches/create": share, "/api/investor/interest": share, "/api/upload/presign": share * 0.8}
    fx.fail(
        b,
        Fault(
            key="strict forms",
            hits=hits,
            span=span,
            status=422,
            took_ms=11.0,
            body={"success": False, "message": "Validation failed"},
            release=fx.release_name(deployment),
            entries=(
                Entry(
                    level="warn",
                    component="validation",
                    texts=(
                        'rejected {method} {route}: [{{"path":["genre"],"message":"Expected string, received array"}}]',
                        'rejected {method} {route}: unrecognized_keys ["clientVersion"]',
                    ),
                ),
            ),
        ),
    )
    return Told(services=("pitch", "investor", "upload"), routes=tuple(hits), severity="P2")


def new_address(b: Builder) -> Told:
    """The site moved to an address of its own; the API still knows the old one, and browsers obey it."""
    at_hour(b, 19.6)
    retired_check(b)
    span = b.until_mended(b.onset_ms, ramp_s=500.0)
    share = b.between("share", 0.6, 0.78)
    entries = (
        said_in(
            "Firefox 144",
            0.15,
            "Quellübergreifende (Cross-Origin) Anfrage blockiert: Die Gleiche-Quelle-Regel verbietet das Lesen der "
            f"externen Ressource auf {API}/api/browse. (Grund: CORS-Kopfzeile 'Access-Control-Allow-Origin' stimmt "
            "nicht mit 'https://app.pitchey.example' überein).",
        ),
        said_in(
            "Safari 19",
            0.35,
            "Origin https://app.pitchey.example is not allowed by Access-Control-Allow-Origin. Status code: 204",
            f"XMLHttpRequest cannot load {API}/api/notifications due to access control checks.",
        ),
        said_in(
            "Chrome 142",
            0.5,
            f"Access to fetch at '{API}/api/auth/login' from origin 'https://app.pitchey.example' has been blocked by "
            "CORS policy: Response to preflight request doesn't pass access control check.",
        ),
    )
    fx.stumble(
        b,
        Fault(
            key="new address",
            hits=fx.of(PAGES, share),
            span=span,
            status=0,
            entries=entries,
            tracked=Tracked(
                type="TypeError",
                value="NetworkError when attempting to fetch resource. (origin https://app.pitchey.example)",
                culprit="call(src/lib/client)",
                project="pitchey-frontend",
                share=0.6,
            ),
        ),
    )
    fx.surge(
        b,
        span,
        1 - share * 0.9,
        ("/api/auth/login", "/api/auth/refresh", "/api/pitches/create", "/api/payments/checkout", "/api/messages"),
    )
    return Told(services=("frontend", "api-gateway"), routes=PAGES, severity="P1")


def no_timetable(b: Builder) -> Told:
    """The watchers' timetable was switched off in the console hours ago; asked, they answer as if all were well."""
    at_hour(b, 15.0)
    usual_guessers(b)
    hourly_job(b)
    span = b.until_mended(b.onset_ms)
    fx.silence(b, Silence(key="no timetable jobs", what="jobs", span=span))
    fx.silence(b, Silence(key="no timetable figures", what="metrics", span=span))
    fx.silence(b, Silence(key="no timetable posts", what="db_posts", span=span))
    for script in ("pitchey-monitoring", "pitchey-alerts"):
        fx.worker(b, WorkerShift(script=script, span=span, traffic=0.04))
    return Told(services=("monitoring", "scheduler"), severity="P3")


def unlisted(b: Builder) -> Told:
    """A release broke some of everything; the list of releases is closed to us, and logs and tracker are silent."""
    at_hour(b, 16.2)
    unlisted_deployments(b)
    fx.deploy(b, fx.PRODUCTION, b.onset_ms - int(b.between("lead", 30, 90) * 1000), "merge #1420")
    b.releases.pop()  # the tracker was not told
    paths = fx.owned_by("pitch", "investor", "messaging", "creator")
    span = b.until_mended(b.onset_ms, ramp_s=60.0)
    fx.fail(
        b,
        Fault(key="unlisted", hits=fx.of(paths, b.between("share", 0.22, 0.34)), span=span, status=500, took_ms=190.0),
    )
    for what in ("unlogged", "metrics", "db_posts"):
        fx.silence(b, Silence(key=f"unlisted {what}", what=what, span=span))
    return Told(services=("pitch", "investor", "messaging", "creator"), routes=tuple(paths), severity="P2")


SCENARIOS = (
    stranger(
        "odd_strict_forms",
        "A release takes every form for wrong",
        "bad_deployment",
        strict_forms,
        SERVING,
        onset_min=(15, 26),
        beside=("few_typists",),
    ),
    stranger(
        "odd_new_address",
        "The site moved, the API does not know",
        "cors_misconfigured",
        new_address,
        BROWSER,
        onset_min=(18, 30),
        beside=("clock_skew",),
    ),
    stranger(
        "odd_no_timetable",
        "The watchers' timetable switched off",
        "monitoring_stopped",
        no_timetable,
        WATCHERS,
        onset_min=(150, 185),
        beside=("busy_evening",),
    ),
    stranger(
        "odd_unlisted",
        "Some of everything fails, nothing says why",
        "bad_deployment",
        unlisted,
        SERVING,
        onset_min=(14, 24),
        inconclusive_is_right=True,
    ),
)
