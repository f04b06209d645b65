"""Days on which machines knock, look and count, politely or as agreed, and nothing is wrong."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Span
from ....platform import BROWSERS
from ....scenario import Told
from ._parts import at_hour, audited, calm, doorknobs, told, usual_guessers, visits


def mail_gateways(b: Builder) -> Told:
    """A mailing went out, and companies' mail gateways open every link before people do, from odd old browsers."""
    at_hour(b, 9.4)
    span = Span(b.onset_ms, b.now_ms + 2 * HOUR, ramp_s=120)
    who = fx.strangers(b, "gateways", 90)
    agents = (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; Trident/7.0; rv:11.0) like Gecko",
        "Mozilla/5.0 (compatible; BarracudaCentral/1.0; +https://www.barracudacentral.org/)",
        "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/534+ (KHTML, like Gecko) BingPreview/1.0b",
    )
    urls = ("/pitches?utm_source=mail&mc_cid={hex}&mc_eid={hex}", "/pitches?utm_source=mail&utm_term=0_{hex}")
    visits(b, "gateways", "/pitches", 45.0, span, who, agents, {200: 1.0}, urls=urls, logged=0.4)
    path = "/mail/unsubscribe"
    off = (path + "/{hex}{hex}",)
    visits(
        b,
        "gateways off",
        path,
        12.0,
        span,
        who,
        agents,
        {405: 0.8, 200: 0.2},
        urls=off,
        service="email",
        method="HEAD",
    )
    told(
        b,
        "gateways",
        "email",
        "links",
        3.0,
        span,
        "unsubscribe link opened by a scanner (HEAD, no POST), {email} stays subscribed",
        "open within {small} s of delivery: counted as machine open (proofpoint/mimecast/barracuda)",
        level="warn",
    )
    return Told()


def link_checkers(b: Builder) -> Told:
    """Our own link checker and a shop for search marketing walk the site and list what is missing, pages long gone."""
    at_hour(b, 11.9)
    span = Span(b.onset_ms - 30 * MINUTE, b.now_ms + HOUR)
    checker = ("W3C-checklink/5.0.0 libwww-perl/6.77 (+web@pitchey.example)",)
    spider = ("Screaming Frog SEO Spider/22.2 (audit for pitchey; seo@brightpath.example)",)
    old = ("/blog/{id}", "/films/{id}-the-old-address", "/press/2021/{hex}.pdf")
    visits(
        b, "links old", "/blog", 14.0, span, ("198.51.100.52",), checker, {404: 0.7, 301: 0.3}, urls=old, method="HEAD"
    )
    visits(b, "links", "/pitches", 18.0, span, ("198.51.100.52",), checker, {200: 1.0}, method="HEAD", logged=0.3)
    visits(b, "spider", "/pitches", 20.0, span, ("80.147.33.9",), spider, {200: 0.95, 404: 0.05}, logged=0.3)
    told(
        b,
        "links",
        "monitoring",
        "links",
        5.0,
        span,
        "broken link: /blog/{id} 404 Not Found, linked from /pitches (known since 2023)",
        "Line: {line} https://twitter.com/pitchey Status: 403 Forbidden (the page does not like robots)",
    )
    return Told()


def researcher(b: Builder) -> Told:
    """A university counts security.txt files everywhere, says who it is, and reads three small files of ours."""
    at_hour(b, 2.2)
    usual_guessers(b)
    span = Span(b.onset_ms, b.now_ms + HOUR)
    agents = ("research-scan/2.1 (+https://scan.uni-hafen.example/optout; abuse@uni-hafen.example)",)
    for path, status in (
        ("/robots.txt", 200),
        ("/.well-known/security.txt", 200),
        ("/sitemap.xml", 200),
        ("/.well-known/dnt-policy.txt", 404),
    ):
        who = fx.strangers(b, "researcher", 8, "141.22.28.")
        visits(b, f"researcher {path}", path, 0.5, span, who, agents, {status: 1.0}, service="frontend", logged=1.0)
    told(
        b,
        "researcher",
        "security",
        "mailbox",
        0.2,
        span,
        "mail to security@: 'we measure the use of security.txt (RFC 9116), no vulnerability is tested' (uni-hafen)",
        level="info",
    )
    return Told()


def tester_prepares(b: Builder) -> Told:
    """The security testers of next week make ready: test accounts, an address let in later, looks at the front page."""
    at_hour(b, 15.8)
    span = Span(b.onset_ms, b.now_ms + HOUR)
    tester = ("203.0.113.140",)
    agents = (BROWSERS[4][0],)
    audited(
        b,
        "testers",
        b.onset_ms,
        "penetration test by redshore GmbH announced for next week, Monday 09:00 to Friday 17:00 (scope: OPS-640)",
        "allow list entry 203.0.113.140 created, inactive until Monday 09:00",
        "accounts pentest-1 to pentest-4 created",
    )
    for path in ("/", "/login", "/api/health"):
        visits(b, f"tester {path}", path, 0.5, span, tester, agents, {200: 1.0}, logged=1.0)
    accounts = ("pentest-1", "pentest-2", "pentest-3", "pentest-4")
    path = "/api/auth/login"
    visits(b, "tester in", path, 0.3, span, tester, agents, {200: 1.0}, method="POST", accounts=accounts, logged=1.0)
    doorknobs(b)
    return Told()


SCENARIOS = (
    calm("day_mail_gateways", "Mail gateways open every link", mail_gateways, onset_min=(15, 30)),
    calm("day_link_checkers", "Checkers of links", link_checkers, beside=("noisy_neighbour",)),
    calm("day_researcher", "A university counts small files", researcher, onset_min=(20, 40)),
    calm("day_tester_prepares", "Testers make ready", tester_prepares, onset_min=(30, 50), beside=("crawler_visit",)),
)
