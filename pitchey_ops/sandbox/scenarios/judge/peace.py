"""Ordinary life that looks like trouble."""

from ... import effects as fx
from ...builder import HOUR, MINUTE, Builder, Crowd, Fault, Slow, Span
from ...platform import MONITORS
from ...scenario import Told
from ...world import StatusIncident
from ._parts import (
    AGENTS,
    calm,
    door_rattling,
    dwellings,
    helpers_shipped,
    idle_guesser,
    index_backlog,
    left,
    local_hour,
    lost,
    loud_analytics,
    morning_blip,
    no_figures,
    old_clients,
    other_peoples_scripts,
    pages_shipped,
    query_refused,
    slow_pictures,
    spoken,
    warp_trouble,
)


def deadline(b: Builder) -> Told:
    """A festival closes its call tonight: four times the uploads, all of them taken."""
    local_hour(b, 22.3)
    span = Span(b.now_ms - 2 * HOUR, b.now_ms + HOUR, ramp_s=4800)
    sending = ("/api/upload/presign", "/api/upload/complete", "/api/pitches/create", "/api/creator/pitches")
    fx.surge(b, span, b.between("deadline", 3.0, 4.5), sending)
    fx.surge(b, span, 1.3)
    return Told()


def new_passwords(b: Builder) -> Told:
    """Everybody was asked to choose a new password; people sign in, some mistype once."""
    local_hour(b, 9.6)
    span = Span(b.onset_ms - 25 * MINUTE, b.now_ms + 2 * HOUR, ramp_s=1200)
    fx.surge(b, span, b.between("passwords", 2.2, 3.0), ("/api/auth/login", "/login", "/api/auth/refresh"))
    sent = spoken("email", "sender", "notice password-policy accepted for {email}", level="info")
    fx.say(b, "new passwords", sent, 9.0, span)
    return Told()


def smoke_tests(b: Builder) -> Told:
    """The pipeline's smoke tests run against production after a fine release, wrong answers asked for on purpose."""
    local_hour(b, 15.1)
    fx.deploy(b, fx.PRODUCTION, b.onset_ms, "nightly train 312", author="ci@pitchey.example", source="api")
    probe = (MONITORS[0][0] + " smoke/312",)
    span = Span(b.onset_ms + 30_000, b.onset_ms + 9 * MINUTE)
    for path, outcomes in (
        ("/api/pitches/search", {200: 0.9, 404: 0.1}),
        ("/api/investor/portfolio", {200: 0.5, 401: 0.5}),
        ("/api/pitches/create", {201: 0.6, 422: 0.4}),
    ):
        fx.crowd(
            b,
            Crowd(
                key=f"smoke {path}",
                route=path,
                per_min=4.0,
                span=span,
                addresses=(MONITORS[0][1],),
                agents=probe,
                outcomes=outcomes,
                logged=0.8,
            ),
        )
    return Told()


def app_launched(b: Builder) -> Told:
    """The new app came out at noon; more people, more requests each, every one of them served."""
    local_hour(b, 12.4)
    other_peoples_scripts(b)
    span = Span(b.onset_ms - 40 * MINUTE, b.now_ms + 3 * HOUR, ramp_s=2400)
    fx.surge(b, span, b.between("app", 1.4, 1.75))
    fx.surge(b, span, 1.8, ("/api/notifications", "/api/media/thumbnail"))
    return Told()


def upgraded(b: Builder) -> Told:
    """Five hours ago the database was upgraded as announced; two minutes of errors then, none since."""
    local_hour(b, 7.0)
    start = b.now_ms - int(b.between("upgraded", 4.4, 5.6) * HOUR)
    window = Span(start, start + 2 * MINUTE)
    restart = left("57P01 terminating connection, planned upgrade 16.9 to 16.10 ({route})", component="pg")
    fx.fail(
        b,
        Fault(
            key="upgraded", hits=fx.needing("database", 0.7), span=window, status=503, took_ms=500.0, entries=(restart,)
        ),
    )
    note = spoken("database", "maintenance", "planned upgrade to 16.10: step {small} of 9 done", level="info")
    fx.say(b, "upgraded", note, 2.0, Span(start - 10 * MINUTE, start + 15 * MINUTE))
    return Told()


def index_beside(b: Builder) -> Told:
    """An index is built beside the running work, the way it should be; the database has a little more to do."""
    local_hour(b, 13.9)
    fx.deploy(b, "pitchey-migrations", b.onset_ms, "0084 index, concurrently", source="ci")
    span = Span(b.onset_ms, b.now_ms + HOUR, ramp_s=60)
    note = spoken(
        "database", "postgres", "CREATE INDEX CONCURRENTLY messages_room_idx: building, {n} of 60 steps", level="info"
    )
    fx.say(b, "index beside", note, 1.5, span)
    fx.database(b, span, activeConnections=(1.1, 1.0), queryCount=(1.05, 0.0), slowQueries=(1.0, 0.4))
    return Told()


def all_stopped(b: Builder) -> Told:
    """A botnet rattles at the sign-in page and not one of its requests gets past the edge."""
    local_hour(b, 3.4)
    fx.crowd(
        b,
        Crowd(
            key="all stopped",
            route="/wp-login.php",
            per_min=b.between("stopped", 25, 45),
            span=Span(b.onset_ms - 15 * MINUTE, b.now_ms + 2 * HOUR),
            addresses=fx.strangers(b, "all stopped", 300),
            agents=("Mozilla/5.0 (Windows NT 5.1; rv:7.0.1)", "WordPress/6.1"),
            outcomes={404: 1.0},
            logged=0.0,
            blocked=1.0,
            rule="managed-913100",
        ),
    )
    return Told()


def warmed(b: Builder) -> Told:
    """The ops team fills the cache before the evening with the tool for it, from its own address."""
    local_hour(b, 17.5)
    span = Span(b.onset_ms, b.onset_ms + 12 * MINUTE)
    for path in ("/api/browse", "/api/pitches/trending", "/api/media/thumbnail"):
        fx.crowd(
            b,
            Crowd(
                key=f"warmed {path}",
                route=path,
                per_min=b.between("warm", 14, 22),
                span=span,
                addresses=(MONITORS[0][1],),
                agents=("pitchey-ops-probe/1.0 (+ops@pitchey.example) warm",),
                urls=(path + "?page={n}",),
                logged=0.3,
            ),
        )
    return Told()


def after_the_storm(b: Builder) -> Told:
    """Cloudflare had a bad hour last night; the page still shows it as resolved, our figures are as ever."""
    local_hour(b, 10.3)
    start = b.now_ms - int(b.between("storm", 10, 14) * HOUR)
    span = Span(start, start + 45 * MINUTE)
    fx.fail(
        b,
        Fault(
            key="last night",
            hits=fx.everything(0.2),
            span=span,
            status=522,
            page="cloudflare_html",
            body=522,
            outcome="none",
            took_ms=900.0,
        ),
    )
    fx.status_page(
        b,
        StatusIncident(
            start_ms=start + 5 * MINUTE,
            end_ms=start + 70 * MINUTE,
            name="Increased 52x errors in Central Europe",
            impact="major",
            components=("CDN/Cache", "Network"),
        ),
    )
    return Told()


def everyday_noise(b: Builder) -> Told:
    """Everything that is always a little wrong, at once, on a quiet Sunday evening."""
    local_hour(b, 19.7)
    for company in (index_backlog, old_clients, door_rattling, other_peoples_scripts, idle_guesser, slow_pictures):
        company(b)
    loud_analytics(b)
    query_refused(b)
    return Told()


def friday_train(b: Builder) -> Told:
    """Everything was deployed within ten minutes, production twice, and everything is well."""
    local_hour(b, 16.9)
    helpers_shipped(b)
    pages_shipped(b)
    for minutes, message in ((9, "weekly train"), (4, "weekly train, changelog corrected")):
        fx.deploy(b, fx.PRODUCTION, b.now_ms - minutes * MINUTE, message, source="api")
    return Told()


def without_figures(b: Builder) -> Told:
    """Nobody has mended APM, the rest can be seen, and it is a fine morning."""
    local_hour(b, 8.1)
    no_figures(b)
    warp_trouble(b)
    return Told()


def voting(b: Builder) -> Told:
    """The audience votes for the film of the week: thousands look at one page and press one button."""
    local_hour(b, 20.3)
    span = Span(b.onset_ms - 10 * MINUTE, b.now_ms + HOUR, ramp_s=700)
    fx.surge(b, span, b.between("voting", 2.0, 2.6), ("/pitches", "/api/pitches", "/api/pitches/trending"))
    fx.surge(b, span, 4.0, ("/api/investor/interest", "/api/analytics/track"))
    return Told()


def embassy(b: Builder) -> Told:
    """A film school behind one address signs in for its course, forty people with one slip here and there."""
    local_hour(b, 14.1)
    school = dwellings(b, "school", 1)
    for key, outcome, per_min in (("in", 200, 2.4), ("slip", 401, 0.3)):
        fx.crowd(
            b,
            Crowd(
                key=f"school {key}",
                route="/api/auth/login",
                method="POST",
                per_min=per_min,
                span=Span(b.onset_ms, b.onset_ms + 18 * MINUTE),
                addresses=school,
                agents=AGENTS,
                accounts=[f"u{i:05d}" for i in range(4410, 4452)],
                outcomes={outcome: 1.0},
                logged=1.0,
            ),
        )
    return Told()


def slow_export(b: Builder) -> Told:
    """Accounting pulls its yearly export: a few long requests of one person, answered in the end."""
    local_hour(b, 11.0)
    span = Span(b.onset_ms, b.now_ms + HOUR)
    fx.slow(b, Slow(key="export", hits={"/api/analytics/track": 0.2}, span=span, add_ms=180.0, service="analytics"))
    note = spoken("payments", "export", "yearly export: {id} of 99000 rows streamed to finance", level="info")
    fx.say(b, "export", note, 2.5, span)
    return Told()


def young_stores(b: Builder) -> Told:
    """The stores were emptied an hour ago on purpose; archive gone for the day, the outside view is whole."""
    local_hour(b, 18.5)
    morning_blip(b)
    lost(b, "archive closed", b.always(), "archive")
    return Told()


SCENARIOS = (
    calm("peace_deadline", "A festival's deadline", deadline),
    calm("peace_new_passwords", "New passwords for everybody", new_passwords, onset_min=(20, 35)),
    calm("peace_smoke_tests", "Smoke tests after a release", smoke_tests, onset_min=(14, 22)),
    calm("peace_app_launched", "A new app came out", app_launched, beside=("logs_lost",)),
    calm("peace_upgraded", "The database was upgraded hours ago", upgraded),
    calm("peace_index", "An index built beside the work", index_beside, onset_min=(16, 30)),
    calm("peace_all_stopped", "A botnet that gets nowhere", all_stopped, onset_min=(20, 35)),
    calm("peace_warmed", "The cache is filled in advance", warmed, onset_min=(14, 24)),
    calm("peace_after_storm", "The morning after Cloudflare's bad hour", after_the_storm),
    calm("peace_noise", "All that is always a little wrong", everyday_noise, beside=("clock_skew",)),
    calm("peace_train", "Everything deployed, everything well", friday_train, beside=("slow_sidekick",)),
    calm("peace_no_figures", "A fine morning without figures", without_figures, beside=("noisy_neighbour",)),
    calm("peace_voting", "The audience votes", voting),
    calm("peace_school", "A school signs in", embassy, onset_min=(22, 32)),
    calm("peace_export", "A yearly export", slow_export, onset_min=(18, 36), beside=("crawler_visit",)),
    calm("peace_young_stores", "Young stores, no archive", young_stores, fresh=True, seeds=1),
)
