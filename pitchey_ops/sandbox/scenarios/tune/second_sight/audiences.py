"""Days on which more people come, others, or with other devices, and nothing is wrong."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Span, Tracked
from ....scenario import Told
from ._parts import EVERY_AGENT, around, at_hour, calm, homes, knocking, onward, sleepy_tabs, told, visits

READ = ("/", "/pitches", "/api/pitches", "/api/pitches/trending", "/api/browse", "/api/media/thumbnail")


def marketing_peak(b: Builder) -> Told:
    """An actress names the platform to her followers: many people, links with long tails; all are served."""
    at_hour(b, 18.6)
    sleepy_tabs(b)
    span = onward(b, ramp_s=240)
    fx.surge(b, span, b.between("peak", 1.7, 2.2), READ)
    fx.surge(b, span, 1.6, ("/login", "/api/auth/login", "/api/auth/register", "/api/analytics/track"))
    who = homes(b, "followers", 600)
    urls = ("/?igsh={hex}&utm_source=ig&utm_medium=story", "/?fbclid=IwAR{hex}{hex}&utm_source=ig")
    agents = (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 Instagram 402.0.0.21.81",
        "Mozilla/5.0 (Linux; Android 16; SM-S936B; wv) Chrome/142.0.0.0 Mobile Safari/537.36 Instagram 401.0.0.33",
    )
    visits(b, "followers", "/", 34.0, span, who, agents, {200: 1.0}, urls=urls, logged=0.3)
    told(
        b,
        "followers",
        "analytics",
        "sources",
        1.2,
        span,
        "source ig/story: {waiting} sessions in 5 min (usual {small}), bounce 5{small} %, as planned (NOV-3)",
        level="warn",
    )
    return Told()


def new_country(b: Builder) -> Told:
    """A newspaper in Jakarta writes about us: new visitors on slow phones at an odd hour, pages come a little later."""
    at_hour(b, 3.3)
    span = onward(b, ramp_s=900)
    fx.surge(b, span, 1.5, READ)
    fx.vitals(b, span, {"lcp": (1.1, 60.0), "ttfb": (1.15, 40.0), "fcp": (1.06, 40.0)}, device=("mobile",))
    who = fx.strangers(b, "jakarta", 220, "114.124.130.")
    agents = (
        "Mozilla/5.0 (Linux; Android 11; RMX3231) AppleWebKit/537.36 Chrome/126.0.0.0 Mobile Safari/537.36",
        "Mozilla/5.0 (Linux; U; Android 10; id-ID; CPH2083) AppleWebKit/537.36 UCBrowser/13.4.0.1306 Mobile",
    )
    urls = ("/pitches?lang=id", "/pitches?lang=id&page={small}")
    visits(b, "jakarta", "/pitches", 16.0, span, who, agents, {200: 0.99, 404: 0.01}, urls=urls, logged=0.4)
    told(
        b,
        "jakarta",
        "frontend",
        "i18n",
        4.0,
        span,
        "i18next::translator: missingKey id-ID translation nav.screenings nav.screenings (shown in English)",
        "navigator.connection effectiveType=3g saveData=true, hero video not loaded",
        level="warn",
    )
    return Told()


def premiere_gallery(b: Builder) -> Told:
    """A premiere with a gallery of ninety stills: four times the pictures, and the stores bring them all in time."""
    at_hour(b, 21.3)
    span = onward(b, ramp_s=300)
    fx.surge(b, span, b.between("stills", 3.2, 4.2), ("/api/media/thumbnail",))
    fx.surge(b, span, 1.5, ("/pitches", "/api/pitches", "/api/browse"))
    fx.vitals(b, span, {"lcp": (1.08, 30.0)}, url=("/pitches",))
    told(
        b,
        "stills",
        "upload",
        "images",
        5.0,
        span,
        "resize queue depth {n}, oldest {small} s (limit 60 s)",
        "libvips warning: exif: tag 0x{hex} has invalid format, ignored",
        "variant w=2048 of media/{hex} made on demand in {ms} ms, kept",
        level="warn",
    )
    return Told()


def button_test(b: Builder) -> Told:
    """Two wordings of a button are tried on the price page; the library that draws the lots has much to remark."""
    at_hour(b, 15.6)
    fx.deploy(b, "pitchey-frontend", b.onset_ms - 5 * MINUTE, "experiment cta-wording behind GrowthBook")
    span = onward(b, ramp_s=120)
    told(
        b,
        "growthbook",
        "frontend",
        "experiments",
        5.0,
        span,
        "[GrowthBook] Experiment cta-wording: visitor not in namespace, control shown",
        "[GrowthBook] Failed to refresh features, using the cached payload (age {n} s)",
        "[GrowthBook] trackingCallback called twice for {user}, second ignored",
        level="warn",
    )
    fx.surge(b, span, 1.12, ("/api/payments/checkout", "/dashboard"))
    return Told()


def app_update(b: Builder) -> Told:
    """A new version of the phone's app reached the shops at dawn: new names of agents, new fields, all understood."""
    at_hour(b, 7.2)
    knocking(b)
    span = around(b, 2.0)
    who = homes(b, "app", 700)
    agents = (
        "PitcheyGo/8.1.0 (com.pitchey.go; build:81004; iOS 19.2.0) Alamofire/5.10.2",
        "PitcheyGo/8.1.0 Dalvik/2.1.0 ktor-client/3.3.1",
    )
    for path, method, per_min, outcomes in (
        ("/api/pitches", "GET", 16.0, {200: 0.96, 304: 0.04}),
        ("/api/auth/refresh", "POST", 7.0, {200: 0.97, 401: 0.03}),
        ("/api/devices/attest", "POST", 4.0, {201: 0.94, 400: 0.06}),
    ):
        visits(b, f"app {path}", path, per_min, span, who, agents, outcomes, method=method, logged=0.5)
    told(
        b,
        "app",
        "api-gateway",
        "schemas",
        6.0,
        span,
        "unknown field 'haptics' from PitcheyGo/8.1.0 dropped (schema allows additional properties)",
        "PitcheyGo/8.1.0: App Attest receipt not ready yet, device treated as unattested (grace period)",
        level="warn",
    )
    tracked = Tracked(
        type="NSURLErrorDomain",
        value="-1005 The network connection was lost.",
        culprit="URLSession(PitcheyGo)",
        project="pitchey-frontend",
    )
    times = b.rng("app lost").integers(span.start_ms, b.end_ms, 40).tolist()
    fx.issue(b, "app lost", tracked, times, users=38)
    return Told()


def film_school(b: Builder) -> Told:
    """A film school's deadline is tonight: many uploads, some too large, some twice; the last ones end in time."""
    at_hour(b, 22.7)
    span = Span(b.onset_ms - 30 * MINUTE, b.now_ms + HOUR, ramp_s=1200)
    fx.surge(b, span, b.between("deadline", 2.6, 3.4), ("/api/upload/presign", "/api/upload/complete", "/dashboard"))
    who = fx.strangers(b, "school", 60, "129.187.214.")
    path = "/api/upload/complete"
    outcomes = {201: 0.72, 413: 0.16, 409: 0.12}
    visits(b, "school", path, 3.0, span, who, EVERY_AGENT, outcomes, method="POST", logged=0.9, took_ms=360.0)
    told(
        b,
        "school",
        "upload",
        "limits",
        2.5,
        span,
        "file of {user} is larger than the plan allows (2 GB): refused with the page that explains it",
        "same checksum as media/{hex}: kept once",
        "tus: offset mismatch after a pause, client asked again and went on",
        level="warn",
    )
    return Told()


SCENARIOS = (
    calm("quiet_marketing_peak", "An actress's followers", marketing_peak, onset_min=(14, 30)),
    calm("quiet_new_country", "Visitors from a new country", new_country, onset_min=(30, 60), beside=("clock_skew",)),
    calm("quiet_premiere_gallery", "A premiere with many pictures", premiere_gallery, onset_min=(20, 45)),
    calm("quiet_button_test", "Two wordings of a button", button_test, onset_min=(18, 40), beside=("few_typists",)),
    calm("quiet_app_update", "A new app in the shops", app_update, onset_min=(10, 25)),
    calm("quiet_film_school", "A film school's deadline", film_school, beside=("harmless_production_deployment",)),
)
