"""Days of news, notices, drills and old acquaintances, and nothing is wrong."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Entry, Fault, Span, Tracked
from ....scenario import Told
from ....world import StatusIncident
from ._parts import at_hour, audited, calm, deprecations, provider_page, told, usual_guessers


def vendor_notice(b: Builder) -> Told:
    """Three providers announce works on what we do not use or at an hour to come; payments, mail and video go on."""
    at_hour(b, 16.9)
    span = Span(b.onset_ms - HOUR, b.now_ms + 5 * HOUR)
    for key, name, words in (
        ("pay", "Stripe", "Scheduled maintenance: Sigma and Dashboard exports, Sunday 02:00 to 04:00. API operational"),
        ("mail", "SendGrid", "Resolved - delayed Email Activity Feed in the console. Mail Send was not affected"),
        ("video", "Mux", "Identified - delays in Mux Data dashboards. Video encoding and playback operational"),
    ):
        provider_page(b, key, name, words, span)
    return Told()


def far_region(b: Builder) -> Told:
    """Cloudflare has real trouble on another continent and in products that we never bought; ours are not named."""
    at_hour(b, 6.0)
    for name, impact, components, status in (
        (
            "Network performance issues in Johannesburg (JNB)",
            "major",
            ("Johannesburg, South Africa - (JNB)",),
            "partial_outage",
        ),
        ("Elevated errors in Stream Live and Zaraz", "minor", ("Stream", "Zaraz"), "degraded_performance"),
    ):
        start = b.onset_ms - int(b.between(name, 10, 50) * MINUTE)
        fx.status_page(
            b,
            StatusIncident(
                start_ms=start,
                end_ms=None,
                name=name,
                impact=impact,
                components=components,
                component_status=status,
            ),
        )
    usual_guessers(b)
    return Told()


def test_alert(b: Builder) -> Told:
    """The watch changes hands, and an alarm is raised on purpose to see that it rings: it rang, and was put out."""
    at_hour(b, 9.0)
    told(
        b,
        "drill",
        "alerts",
        "dispatch",
        5.0,
        Span(b.onset_ms, b.onset_ms + 4 * MINUTE),
        "TEST ALERT, please ignore: database down (fire drill by dana, source=drill-w48)",
        "PagerDuty incident Q3DRILL triggered (TEST), delivered to phone in 11 s",
        "TEST ALERT acknowledged by miro after 42 s, resolved as drill",
        level="warn",
    )
    audited(
        b,
        "handover",
        b.onset_ms + 5 * MINUTE,
        "on-call handover: dana -> miro, Primary, until next Monday 09:00",
        "override of ines (Secondary) ended",
        "handover notes: nothing open, two known errors ignored (OPS-502, OPS-571)",
    )
    return Told()


def known_error(b: Builder) -> Told:
    """An error of last week that everybody knows: some portraits are missing, initials stand in their place."""
    at_hour(b, 17.8)
    deprecations(b, 5.0)
    words = "Cannot read properties of null (reading 'avatarUrl')"
    fx.stumble(
        b,
        Fault(
            key="known",
            hits={"/api/creator/dashboard": 0.3, "/api/messages": 0.2},
            span=b.always(),
            status=0,
            entries=(
                Entry(
                    service="creator",
                    component="portraits",
                    texts=(f"TypeError: {words}, initials shown instead (OPS-571)",),
                    stack=f"TypeError: {words}\n    at portrait (src/creator/portrait.ts:31:18)",
                ),
            ),
            tracked=Tracked(type="TypeError", value=words, culprit="portrait(src/creator/portrait)"),
        ),
    )
    return Told()


SCENARIOS = (
    calm("day_vendor_notice", "Notices of three providers", vendor_notice, beside=("harmless_production_deployment",)),
    calm("day_far_region", "Trouble on another continent", far_region, beside=("noisy_neighbour",)),
    calm("day_test_alert", "An alarm on purpose", test_alert, onset_min=(8, 18), beside=("unrelated_deployment",)),
    calm("day_known_error", "An error that everybody knows", known_error, beside=("busy_evening",)),
)
