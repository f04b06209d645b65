"""More times without a fault that look like one."""

from ... import effects as fx
from ...builder import HOUR, MINUTE, Builder, Crowd, Entry, Fault, Span
from ...scenario import Scenario, Told
from ...world import StatusIncident


def nothing(b: Builder) -> Told:
    """Only what stands beside it."""
    return Told()


def campaign(b: Builder) -> Told:
    """A newsletter went out: twice the people within minutes, all served."""
    fx.surge(b, Span(b.onset_ms, b.now_ms + 2 * HOUR, ramp_s=240), b.between("campaign", 1.8, 2.4))
    return Told()


def load_test(b: Builder) -> Told:
    """The ops team tries the search with its own tool, from its own address."""
    fx.crowd(
        b,
        Crowd(
            key="load test",
            route="/api/pitches/search",
            per_min=b.between("rate", 40, 70),
            span=Span(b.onset_ms, b.now_ms + HOUR),
            addresses=("198.51.100.21",),
            agents=("pitchey-ops-probe/1.0 (+ops@pitchey.example)",),
            urls=("/api/pitches/search?q=probe",),
            logged=0.3,
        ),
    )
    return Told()


def yesterday(b: Builder) -> Told:
    """A fault of yesterday evening, mended in ten minutes."""
    start = b.now_ms - int(b.between("yesterday", 19, 26) * HOUR)
    fx.fail(
        b,
        Fault(
            key="yesterday",
            hits=fx.needing("database", 0.8),
            span=Span(start, start + 10 * MINUTE),
            status=500,
            took_ms=900.0,
            entries=(
                Entry(
                    service="database", component="pool", texts=("connect ECONNREFUSED 10.20.0.14:5432",), request=False
                ),
            ),
        ),
    )
    return Told()


def far_away(b: Builder) -> Told:
    """Cloudflare maintains a city that none of our users is near."""
    fx.status_page(
        b,
        StatusIncident(
            start_ms=b.onset_ms - HOUR,
            end_ms=None,
            name="Scheduled maintenance in PER (Perth)",
            impact="minor",
            components=("Perth, Australia - (PER)",),
            component_status="under_maintenance",
        ),
    )
    return Told()


def refreshed(b: Builder) -> Told:
    """A frontend release, fine, with a crawler reading it."""
    fx.deploy(b, "pitchey-frontend", b.onset_ms, "new icon set")
    return Told()


SCENARIOS = (
    Scenario(
        name="quiet_campaign", title="A newsletter brings people", cause="none", steps=campaign, split="tune", seeds=3
    ),
    Scenario(name="quiet_load_test", title="The ops team tests", cause="none", steps=load_test, split="tune", seeds=3),
    Scenario(
        name="quiet_after_yesterday",
        title="Yesterday's fault, long mended",
        cause="none",
        steps=yesterday,
        split="tune",
        seeds=3,
    ),
    Scenario(
        name="quiet_far_maintenance", title="Maintenance far away", cause="none", steps=far_away, split="tune", seeds=3
    ),
    Scenario(
        name="quiet_frontend_release",
        title="A fine frontend release while a crawler visits",
        cause="none",
        steps=refreshed,
        split="tune",
        seeds=3,
        beside=("crawler_visit",),
    ),
    Scenario(
        name="quiet_typist",
        title="A forgetful administrator",
        cause="none",
        steps=nothing,
        split="tune",
        seeds=3,
        beside=("few_typists",),
    ),
    Scenario(
        name="quiet_sidekick",
        title="Analytics slow, a clock wrong",
        cause="none",
        steps=nothing,
        split="tune",
        seeds=3,
        beside=("slow_sidekick", "clock_skew"),
    ),
    Scenario(
        name="quiet_busy_deployed",
        title="Busy evening after a harmless deployment, 3 % of the log lost",
        cause="none",
        steps=nothing,
        split="tune",
        seeds=3,
        beside=("busy_evening", "harmless_production_deployment", "logs_lost"),
    ),
)
