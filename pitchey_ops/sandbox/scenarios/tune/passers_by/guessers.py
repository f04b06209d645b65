"""People who try what is not theirs, and people who ask more often than they may."""

from .... import effects as fx
from ....builder import Builder, Crowd, Entry, Span
from ....platform import BROWSERS
from ....scenario import Told
from ._parts import ATTACKS, at_hour, deprecations, homes, phone_in_tunnel, stranger, told, usual_guessers

LOGIN = "/api/auth/login"
SEARCH = "/api/pitches/search"


def reset_codes(b: Builder) -> Told:
    """Somebody asks for new passwords of six accounts and tries the six digits of each mail, one after another."""
    at_hour(b, 3.6)
    usual_guessers(b)
    span = b.until_mended(b.onset_ms, ramp_s=30.0)
    path = "/api/auth/reset/confirm"
    fx.crowd(
        b,
        Crowd(
            key="reset codes",
            route=path,
            method="POST",
            per_min=b.between("rate", 70, 110),
            span=span,
            addresses=fx.strangers(b, "reset codes", 38, "102.165.16."),
            agents=("python-httpx/0.27.2",),
            outcomes={400: 0.95, 429: 0.049, 200: 0.001},
            logged=0.8,
            service="auth",
            took_ms=48.0,
            entries=(
                Entry(
                    service="auth",
                    level="warn",
                    component="reset",
                    share=0.5,
                    metadata='{{"event":"reset_code_wrong"}}',
                    texts=(
                        "reset code of u00417 wrong (try {waiting}{small})",
                        "reset code of admin.dana wrong (try {waiting}{small})",
                        "reset code of u00122 wrong (try {waiting}{small})",
                    ),
                ),
            ),
        ),
    )
    told(
        b,
        "reset mails",
        "email",
        "sender",
        1.5,
        span,
        "sent template=reset-code to user{small}@mail.example provider=sendgrid",
        level="info",
    )
    return Told(services=("auth",), routes=(path,), severity="P2")


def leaked_list(b: Builder) -> Told:
    """A list from another site's leak is tried in bursts, one try an account, from homes all over; some pairs fit."""
    at_hour(b, 21.8)
    phone_in_tunnel(b)
    span = b.until_mended(b.onset_ms, every_s=660.0, on_s=b.between("on", 260, 330))
    rng = b.rng("leaked list")
    accounts = [f"user{i}@mail.example" for i in rng.choice(60_000, 3000, replace=False).tolist()]
    fx.crowd(
        b,
        Crowd(
            key="leaked list",
            route=LOGIN,
            method="POST",
            per_min=b.between("rate", 55, 80),
            span=span,
            addresses=homes(b, "leaked list", 1400),
            agents=("okhttp/4.12.0", BROWSERS[2][0], BROWSERS[0][0]),
            accounts=accounts,
            outcomes={401: 0.988, 200: 0.012},
            logged=1.0,
        ),
    )
    told(
        b,
        "leaked list notice",
        "auth",
        "risk",
        0.8,
        span,
        "sign-ins of the last minute: {waiting} refused, {small} from a country that is new for the account",
        level="warn",
    )
    return Told(services=("auth",), routes=(LOGIN,), severity="P1")


def other_spellings(b: Builder) -> Told:
    """The limiter counts by path as written: one client writes the search's path in ever other ways, and is served."""
    at_hour(b, 14.4)
    deprecations(b)
    span = b.until_mended(b.onset_ms)
    who = fx.strangers(b, "other spellings", 3, "185.220.103.")
    spellings = {
        "/api/pitches/search/": 34.0,
        "/api//pitches/search": 31.0,
        "/API/pitches/search": 29.0,
        "/api/pitches/%73earch": 27.0,
        "/api/./pitches/search": 26.0,
    }
    for path, per_min in spellings.items():
        fx.crowd(
            b,
            Crowd(
                key=f"spelt {path}",
                route=path,
                per_min=per_min,
                span=span,
                addresses=who,
                agents=("axios/1.7.9",),
                urls=(path + "?q={hex}&limit=100",),
                outcomes={200: 1.0},
                logged=0.4,
                service="pitch",
                took_ms=170.0,
            ),
        )
    fx.crowd(
        b,
        Crowd(
            key="spelt plainly",
            route=SEARCH,
            per_min=9.0,
            span=span,
            addresses=who,
            agents=("axios/1.7.9",),
            urls=(SEARCH + "?q={hex}&limit=100",),
            outcomes={429: 0.9, 200: 0.1},
            logged=0.8,
        ),
    )
    told(
        b,
        "spelt buckets",
        "api-gateway",
        "limits",
        4.0,
        span,
        "bucket ip=185.220.103.0/24 path=/api//pitches/search at {n} of 60, path=/api/pitches/search at 60 of 60",
        "new bucket for path=/api/pitches/%73earch (handler: pitch.search)",
        level="info",
    )
    fx.database(b, span, queryCount=(1.5, 0.0), avgQueryTime=(1.15, 0.0))
    return Told(services=("api-gateway", "pitch"), routes=(SEARCH,), severity="P3")


def many_accounts(b: Builder) -> Told:
    """Each account may ask a hundred times a minute: so somebody registers two dozen and uses them by turns."""
    at_hour(b, 16.6)
    span = b.until_mended(b.onset_ms)
    who = fx.strangers(b, "many accounts", 5, "146.70.99.")
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/141.0.0.0"
    early = Span(b.onset_ms - 600_000, b.onset_ms + 300_000)
    fx.crowd(
        b,
        Crowd(
            key="registered in a row",
            route="/api/auth/register",
            method="POST",
            per_min=2.4,
            span=early,
            addresses=who,
            agents=(agent,),
            outcomes={201: 1.0},
            logged=1.0,
            took_ms=280.0,
        ),
    )
    count = 24
    for number in range(count):
        fx.crowd(
            b,
            Crowd(
                key=f"account {number}",
                route="/api/browse",
                per_min=b.between("rate", 150, 200) / count,
                span=span,
                addresses=who,
                agents=(agent,),
                urls=("/api/browse?sort=new&fresh={hex}",),
                outcomes={200: 0.985, 429: 0.015},
                logged=0.35,
                user=f"u49{number:03d}",
                metadata='{{"device":"fp-91c2e07b","plan":"free"}}',
            ),
        )
    told(
        b,
        "many accounts seen",
        "api-gateway",
        "limits",
        2.5,
        span,
        "quota of u4900{small} at 9{small} of 100, device fp-91c2e07b is under 24 accounts",
        "u4901{small} close to its quota, turns to the next (same device, same /24)",
        level="warn",
    )
    fx.database(b, span, queryCount=(1.35, 0.0))
    return Told(services=("api-gateway", "browse"), routes=("/api/browse",), severity="P3")


SCENARIOS = (
    stranger(
        "via_reset_codes",
        "Six digits, one after another",
        "brute_force",
        reset_codes,
        ATTACKS,
        onset_min=(20, 40),
        beside=("unrelated_deployment",),
    ),
    stranger(
        "via_leaked_list",
        "A leaked list, in bursts",
        "brute_force",
        leaked_list,
        ATTACKS,
        onset_min=(30, 45),
        beside=("few_typists",),
    ),
    stranger(
        "via_other_spellings",
        "Paths written in other ways",
        "rate_limit_bypass",
        other_spellings,
        ATTACKS,
        onset_min=(20, 40),
        beside=("crawler_visit",),
    ),
    stranger(
        "via_many_accounts",
        "Two dozen accounts by turns",
        "rate_limit_bypass",
        many_accounts,
        ATTACKS,
        onset_min=(26, 44),
        beside=("busy_evening",),
    ),
)
