"""Houses that we rely on and that fail us, and pages that grew slow."""

from .... import effects as fx
from ....builder import MINUTE, Builder, Entry, Fault, Span, Tracked
from ....scenario import Told
from ._parts import (
    ERRORS,
    PAINT,
    at_hour,
    audited,
    calls_home,
    grey_library,
    provider_page,
    sleepy_tabs,
    stranger,
    told,
)


def not_a_robot(b: Builder) -> Told:
    """The house that tells people from robots does not answer: nobody new gets in, whoever is inside stays."""
    at_hour(b, 20.9)
    grey_library(b)
    span = b.until_mended(b.onset_ms, ramp_s=150.0)
    share = b.between("share", 0.72, 0.88)
    hits = {"/api/auth/login": share, "/api/auth/register": share}
    words = "siteverify did not answer within 5000 ms"
    fx.fail(
        b,
        Fault(
            key="not a robot",
            hits=hits,
            span=span,
            status=503,
            took_ms=5100.0,
            body={"success": False, "message": "We cannot check that you are human right now"},
            entries=(
                Entry(
                    component="hcaptcha",
                    metadata='{{"provider":"hcaptcha","host":"api.hcaptcha.com"}}',
                    texts=(
                        f"CaptchaUnavailable: {words}, sign-in of {{ip}} not decided",
                        "POST https://api.hcaptcha.com/siteverify 504 Gateway Time-out ({ms} ms)",
                    ),
                ),
            ),
            tracked=Tracked(type="CaptchaUnavailable", value=words, culprit="verifyHuman(src/auth/captcha)"),
        ),
    )
    told(
        b,
        "not a robot browser",
        "frontend",
        "browser",
        2.0,
        span,
        "hcaptcha: challenge-error (frame from newassets.hcaptcha.com stayed empty for {n} s)",
    )
    fx.surge(b, span, 1.5, ("/login",))
    late = Span(b.onset_ms + 8 * MINUTE, b.now_ms + 300 * MINUTE)
    provider_page(b, "hcaptcha", "hCaptcha", "Investigating - elevated error rates for siteverify", late)
    return Told(services=("auth",), routes=tuple(hits), severity="P2")


def envelopes(b: Builder) -> Told:
    """Before an investor may say that he is interested, he signs; the house for signatures turns half of them away."""
    at_hour(b, 15.8)
    sleepy_tabs(b)
    span = b.until_mended(b.onset_ms, ramp_s=500.0)
    hits = {"/api/investor/interest": b.between("share", 0.46, 0.6)}
    words = "Error while requesting server, received a non successful HTTP code 503"
    fx.fail(
        b,
        Fault(
            key="envelopes",
            hits=hits,
            span=span,
            status=502,
            took_ms=6800.0,
            body={"success": False, "message": "Signature service unavailable"},
            entries=(
                Entry(
                    component="docusign",
                    metadata='{{"provider":"docusign","base":"eu.docusign.net"}}',
                    texts=(
                        f"ApiException: {words} with response Body: 'The service is unavailable.' (createEnvelope)",
                        "eu.docusign.net: socket hang up after {ms} ms, envelope for {user} not made",
                    ),
                ),
            ),
            tracked=Tracked(type="ApiException", value=words, culprit="createEnvelope(docusign-esign/EnvelopesApi)"),
        ),
    )
    told(
        b,
        "envelopes wait",
        "nda",
        "outbox",
        2.5,
        span,
        "envelope of nda {id} put back, docusign 503 (try {small} of 9)",
        level="warn",
    )
    late = Span(b.onset_ms + 15 * MINUTE, b.now_ms + 300 * MINUTE)
    provider_page(b, "docusign", "DocuSign", "EU production: eSignature service disruption", late)
    return Told(services=("investor", "nda"), routes=tuple(hits), severity="P2")


def hidden_until(b: Builder) -> Told:
    """A tool for trials hides each page until it has drawn its lots, four seconds at most, and now needs them."""
    at_hour(b, 19.9)
    calls_home(b)
    audited(
        b,
        "snippet",
        b.onset_ms,
        "marketing: anti-flicker snippet of Optimate enabled on / and /pitches (container v88)",
    )
    span = b.until_mended(b.onset_ms, ramp_s=240.0)
    late = b.between("hidden", 2300, 3000)
    fx.vitals(b, span, {"fcp": (1.1, late * 0.9), "lcp": (1.15, late)}, url=("/", "/pitches"))
    told(
        b,
        "hidden",
        "frontend",
        "browser",
        2.0,
        span,
        "async-hide: body shown after timeout of 4000 ms, decision of cdn.optimate.example not there ({page})",
        "web-vitals: LCP {slow_ms} ms rating=poor element=main>img.hero renderDelay={slow_ms} ({device})",
        level="info",
    )
    return Told(services=("frontend",), routes=("/", "/pitches"), severity="P3")


def endless_list(b: Builder) -> Told:
    """The dashboard shows all at once since a release, thousands of rows: there in time, but it answers no finger."""
    at_hour(b, 11.4)
    sleepy_tabs(b)
    fx.deploy(b, "pitchey-frontend", b.onset_ms - 50_000, "dashboard: no more paging")
    span = b.until_mended(b.onset_ms, ramp_s=600.0)
    inp = b.between("inp", 320, 430)
    fx.vitals(b, span, {"inp": (3.0, inp), "fid": (4.0, 80.0)}, url=("/dashboard",))
    fx.vitals(b, span, {"inp": (1.8, inp * 0.4)}, url=("/pitches",))
    told(
        b,
        "endless list",
        "frontend",
        "browser",
        2.2,
        span,
        "web-vitals: INP 6{n} ms rating=poor target=tr.row>td event=pointerup presentationDelay=4{n} (/dashboard)",
        "[Violation] 'click' handler took 5{n}ms; [Violation] Forced reflow while executing JavaScript took 2{n}ms",
        "document has 4{id} elements (advice: below 1400), recalculated style for 4{id}",
        level="verbose",
    )
    return Told(services=("frontend",), routes=("/dashboard", "/pitches"), severity="P3")


OUT, PAGES = "third_party_outage", "web_vitals_regression"
SCENARIOS = (
    stranger("second_not_a_robot", "Nobody says who is a robot", OUT, not_a_robot, ERRORS, onset_min=(18, 30)),
    stranger(
        "second_envelopes",
        "Signatures turned away",
        OUT,
        envelopes,
        ERRORS,
        onset_min=(26, 40),
        beside=("harmless_production_deployment",),
    ),
    stranger(
        "second_hidden_until", "Pages hidden for a trial", PAGES, hidden_until, PAINT, onset_min=(20, 32), fresh=True
    ),
    stranger(
        "second_endless_list",
        "A list without an end",
        PAGES,
        endless_list,
        PAINT,
        onset_min=(50, 80),
        beside=("unrelated_deployment",),
    ),
)
