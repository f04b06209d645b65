"""
What a secret looks like: one table of formats, and the names that say "what follows is secret".

All patterns work on bytes, are anchored at a literal and consume at most a few kilobytes, so that their time is
linear in the text whatever an attacker typed. Formats follow the issuers' published prefixes.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

Span = tuple[int, int, str]

_MARK_RUN = re.compile(rb"(?:\[redacted:[a-z0-9-]{1,40}\])+")
MARK = re.compile(rb"\[redacted:[a-z0-9-]{1,40}\]")

# Bytes to lower-case ASCII of the same length: offsets in the view are offsets in the data.
VIEW = bytes((c + 32 if 65 <= c <= 90 else c if c < 128 else 63) for c in range(256))

# Words of state that stand where a secret could, and that diagnosis lives on.
# fmt: off
STATUS_WORDS = frozenset({
    "absent", "active", "bad", "configured", "connected", "degraded", "denied", "disabled", "down", "empty",
    "enabled", "error", "expired", "fail", "failed", "false", "forbidden", "healthy", "incorrect", "invalid",
    "is", "jwt", "malformed", "mismatch", "missing", "must", "n/a", "no", "none", "not", "not_configured",
    "null", "ok", "operational", "present", "refresh", "rejected", "required", "revoked", "set", "the", "token", "true",
    "unauthorized", "undefined", "unknown", "unset", "up", "valid", "was", "wrong", "yes", "optional",
    "unavailable",
})
# fmt: on

# fmt: off
_EXACT = frozenset({
    "pwd", "pass", "passcode", "passwd", "password", "passphrase", "secret", "token", "cookie", "cookies",
    "setcookie", "apikey", "dsn", "credential", "credentials", "jwt", "otp", "cvv", "cvc", "cardnumber", "sig",
    "signature", "xamzsignature", "xamzcredential", "authorization", "bearer", "phpsessid", "jsessionid",
    "connectsid", "sessiontoken", "webhookurl", "accesskeyid", "xauthkey", "cfaccessclientid", "creditcard",
    "sshkey", "secrets",
})
# fmt: on
_SUFFIX = re.compile(
    r"(?:password|passwd|passphrase|passcode|pwd|secret|token|apikey|secretkey|accesskey|accesskeyid|privatekey"
    r"|signingkey|encryptionkey|routingkey|integrationkey|servicekey|authkey|masterkey|sharedkey|accountkey"
    r"|subscriptionkey|licensekey|deploykey|appkey|applicationkey|webhookkey|authorization|setcookie|cookie"
    r"|credentials?|connectionstring|webhookurl|webhooksecret"
    r"|(?:password|passwd|secret|token)(?:confirm|confirmation|again|value|hash|string|raw|plain|text|plaintext))$"
)
_NOT_SECRET = re.compile(
    r"(?:continuation|page|paging|next|sync|cursor|cancellation|idempotency)token$"
    r"|^(?:invalid|expired|missing|unexpected|unknown|malformed|revoked|bad|wrong|no|without|incorrect|has|is|needs"
    r"|requires?|forgot|reset|change|update)(?:access|refresh|auth|api|id|csrf|session|jwt|bearer)?"
    r"(?:token|password|secret|credentials?|cookie|signature|apikey|jwt)$"
)
_KIND_OF_NAME = (
    ("authorization", "authorization"),
    ("cookie", "cookie"),
    ("sess", "cookie"),
    ("connectsid", "cookie"),
    ("pass", "password"),
    ("pwd", "password"),
    ("card", "card"),
    ("cvv", "card"),
    ("cvc", "card"),
    ("webhook", "webhook"),
    ("token", "token"),
    ("jwt", "token"),
    ("bearer", "token"),
    ("otp", "token"),
    ("sig", "signature"),
    ("credential", "credential"),
    ("connection", "dsn"),
    ("dsn", "dsn"),
    ("secret", "secret"),
    ("key", "key"),
)
_NUMBERS_TOO = frozenset({"password", "card"})
_NOT_ALNUM = re.compile(r"[^a-z0-9]+")


@lru_cache(maxsize=8192)
def secret_name(name: str) -> str | None:
    """Return the kind of secret that a field, header or parameter of this *name* holds, or None."""
    plain = _NOT_ALNUM.sub("", name.lower()).rstrip("0123456789")
    if not plain or len(plain) > 80 or _NOT_SECRET.search(plain):
        return None
    if plain not in _EXACT and not _SUFFIX.search(plain):
        return None
    return next((kind for part, kind in _KIND_OF_NAME if part in plain), "secret")


def numbers_too(kind: str, name: str) -> bool:
    """Whether a bare JSON number under such a name is a secret as well."""
    return kind in _NUMBERS_TOO or "otp" in name.lower()


def status_word(value: bytes) -> bool:
    """Whether *value* is a word of state rather than a secret."""
    return value.strip().lower().decode("latin-1") in STATUS_WORDS


def all_marks(value: bytes) -> bool:
    """Whether *value* is nothing but marks of an earlier redaction."""
    return _MARK_RUN.fullmatch(value) is not None


# ── the table ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Rule:
    """A format: literals that must be there (lower case), and the pattern that holds from there on."""

    kind: str
    anchors: tuple[str, ...]
    pattern: re.Pattern[bytes]
    boundary: bool = True
    accept: Callable[[bytes], bool] | None = None
    group: int = 0

    def at(self, data: bytes, start: int) -> Span | None:
        """Return the span to mask when the format stands at *start*."""
        if self.boundary and not boundary(data, start):
            return None
        found = self.pattern.match(data, start)
        if found is None or (self.accept is not None and not self.accept(found.group(self.group))):
            return None
        return found.start(self.group), found.end(self.group), self.kind


_ALNUM = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_COLOUR = rb"(?:\x1b|\\u001[bB]|\\x1[bB]|\\033|\\e)\[[0-9;]{0,8}m"
_ESCAPED = re.compile(rb"(?:\\[nrtbf]|\\u[0-9a-fA-F]{4}|%[0-9a-fA-F]{2}|" + _COLOUR + rb")\Z")


def boundary(data: bytes, start: int) -> bool:
    """Whether a token may begin at *start*: not in the middle of a word (escapes are no part of a word)."""
    if start == 0 or data[start - 1] not in _ALNUM:
        return True
    return _ESCAPED.search(data[max(0, start - 16) : start]) is not None


def _has_digit(value: bytes) -> bool:
    return any(48 <= c <= 57 for c in value)


def _not_a_word(value: bytes) -> bool:
    """A bearer value: long, or not just a word of prose."""
    return len(value) >= 20 or not value.replace(b"-", b"").isalpha()


def _basic(value: bytes) -> bool:
    try:
        plain = base64.b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return b":" in plain


def _userinfo(value: bytes) -> bool:
    return not all_marks(value) and (
        b":" in value or b"%3a" in value.lower() or (len(value) >= 16 and _has_digit(value))
    )


_END = rb"(?![A-Za-z0-9])"
_W = rb"[A-Za-z0-9_-]"
_SLASH = rb"(?:\\{0,4}/|%2[fF])"
_FOLLOW = rb"[^\s\"'<>\\?#|,;)\]]"

_FORMATS: tuple[tuple[str, str, bytes], ...] = (
    # kind, anchors (split at spaces), pattern from the anchor on
    ("aws", "akia asia abia acca", rb"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}" + _END),
    ("github", "ghp_ gho_ ghu_ ghs_ ghr_", rb"gh[pousr]_[A-Za-z0-9]{16,255}"),
    ("github", "github_pat_", rb"github_pat_[A-Za-z0-9_]{16,255}"),
    (
        "gitlab",
        "glpat- gldt- glrt- glcbt- glptt- glft- glsoat- gloas-",
        rb"gl[a-z]{2,4}-[A-Za-z0-9_.-]{16,255}",
    ),
    (
        "slack",
        "xoxa xoxb xoxc xoxd xoxe xoxo xoxp xoxr xoxs",
        rb"xox[a-eoprs](?:\.xox[bp])?-[A-Za-z0-9%-]{8,255}",
    ),
    ("slack", "xapp-", rb"xapp-[A-Za-z0-9-]{8,255}"),
    ("stripe", "sk_live_ sk_test_ rk_live_ rk_test_", rb"[sr]k_(?:live|test)_[A-Za-z0-9]{8,255}"),
    ("stripe", "whsec_", rb"whsec_[A-Za-z0-9+/=]{16,255}"),
    ("google", "aiza", rb"AIza[A-Za-z0-9_-]{30,64}"),
    ("google", "ya29.", rb"ya29\.[A-Za-z0-9._-]{16,2048}"),
    ("google", "gocspx-", rb"GOCSPX-[A-Za-z0-9_-]{20,64}"),
    ("sendgrid", "sg.", rb"SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,128}"),
    ("npm", "npm_", rb"npm_[A-Za-z0-9]{30,64}"),
    ("pypi", "pypi-", rb"pypi-[A-Za-z0-9_-]{30,1024}"),
    ("cloudflare", "cfut_ cfat_ cfk_ cfoat_", rb"cf(?:ut|at|k|oat)_[A-Za-z0-9_-]{20,128}"),
    ("cloudflare", "v1.0-", rb"v1\.0-[0-9a-f]{16,32}-[0-9a-f]{32,200}"),
    ("pagerduty", "pdus+ pdeu+", rb"pd(?:us|eu)\+_?[A-Za-z0-9_+-]{16,128}"),
    ("pagerduty", "u+", rb"u\+[A-Za-z0-9_-]{18}" + _END),
    ("sentry", "sntrys_ sntryu_ sntryi_ sntrya_", rb"sntry[suia]_[A-Za-z0-9+/=_-]{20,1024}"),
    ("digitalocean", "dop_v1_ doo_v1_ dor_v1_", rb"do[opr]_v1_[0-9a-f]{32,128}"),
    ("vault", "hvs. hvb. hvr.", rb"hv[sbr]\.[A-Za-z0-9_-]{20,512}"),
    ("databricks", "dapi", rb"dapi[0-9a-f]{32}(?:-\d)?" + _END),
    ("linear", "lin_api_", rb"lin_api_[A-Za-z0-9]{20,128}"),
    ("shopify", "shpat_ shpss_ shpca_ shppa_", rb"shp(?:at|ss|ca|pa)_[A-Za-z0-9]{16,128}"),
    ("square", "sq0atp- sq0csp- sq0idp-", rb"sq0[a-z]{3}-[A-Za-z0-9_-]{16,128}"),
    ("mailgun", "key-", rb"key-[0-9a-f]{32}" + _END),
    ("supabase", "sbp_ sb_secret_", rb"(?:sbp_|sb_secret_)[A-Za-z0-9_-]{16,128}"),
    ("planetscale", "pscale_", rb"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9=._-]{16,128}"),
    ("neon", "npg_ napi_", rb"(?:npg_[A-Za-z0-9]{10,64}|napi_[a-z0-9]{32,128})"),
    ("grafana", "glsa_ glc_", rb"gl(?:sa|c)_[A-Za-z0-9+/=_-]{20,512}"),
    ("newrelic", "nrak- nraa- nrii- nrjs- nrra-", rb"NR(?:AK|AA|II|JS|RA)-[A-Za-z0-9_-]{16,128}"),
    ("huggingface", "hf_", rb"hf_[A-Za-z0-9]{30,64}"),
    ("replicate", "r8_", rb"r8_[A-Za-z0-9]{30,64}"),
    ("postman", "pmak-", rb"PMAK-[0-9a-f]{16,32}-[0-9a-f]{24,64}"),
    ("atlassian", "atatt3 atctt3", rb"AT[AC]TT3[A-Za-z0-9_=-]{20,512}"),
    ("heroku", "hrku-", rb"HRKU-[A-Za-z0-9_-]{20,128}"),
    ("fly", "fm1_ fm2_ fm1a_ fm1r_", rb"fm[12][ar]?_[A-Za-z0-9+/=_-]{20,4096}"),
    ("netlify", "nfp_", rb"nfp_[A-Za-z0-9]{20,128}"),
    ("docker", "dckr_pat_", rb"dckr_pat_[A-Za-z0-9_-]{16,128}"),
    ("rubygems", "rubygems_", rb"rubygems_[0-9a-f]{32,64}"),
    ("resend", "re_", rb"re_[A-Za-z0-9]{6,16}_[A-Za-z0-9]{16,64}"),
    ("doppler", "dp.pt. dp.st. dp.ct. dp.sa.", rb"dp\.(?:pt|st|ct|sa)\.[A-Za-z0-9._-]{16,128}"),
    ("age", "age-secret-key-1", rb"AGE-SECRET-KEY-1[A-Z0-9]{20,80}"),
    ("jwt", "eyj", rb"eyJ[A-Za-z0-9_-]{8,16384}\.[A-Za-z0-9_-]{8,65536}(?:\.[A-Za-z0-9_-]{0,65536}){0,3}"),
    # the third character is part of the anchor, to keep false starts rare
    ("twilio", " ".join("sk" + c for c in "0123456789abcdef"), rb"SK[0-9a-f]{32}" + _END),
)

_WEBHOOKS: tuple[tuple[str, bytes], ...] = (
    ("hooks.slack.com", rb"hooks\.slack(?:-gov)?\.com" + _SLASH + rb"[a-z]{1,16}" + _SLASH),
    ("hooks.slack-gov.com", rb"hooks\.slack-gov\.com" + _SLASH + rb"[a-z]{1,16}" + _SLASH),
    ("/api/webhooks/", rb"/api/webhooks/"),
    ("api\\/webhooks", rb"api\\/webhooks\\/"),
    ("%2fapi%2fwebhooks%2f", rb"%2[fF]api%2[fF]webhooks%2[fF]"),
    ("webhook.office.com", rb"webhook\.office\.com" + _SLASH + rb"[a-z0-9]{1,16}" + _SLASH),
    ("hooks.zapier.com", rb"hooks\.zapier\.com" + _SLASH + rb"hooks" + _SLASH + rb"catch" + _SLASH),
    ("events.pagerduty.com", rb"events\.pagerduty\.com" + _SLASH + rb"integration" + _SLASH),
    ("api.telegram.org", rb"api\.telegram\.org" + _SLASH + rb"bot"),
)

RULES: tuple[Rule, ...] = (
    *(Rule(kind, tuple(anchors.split()), re.compile(pattern)) for kind, anchors, pattern in _FORMATS),
    *(
        Rule(
            "webhook",
            (anchor,),
            re.compile(start + rb"((?!\[redacted:)" + _FOLLOW + rb"{4,512})"),
            boundary=False,
            group=1,
        )
        for anchor, start in _WEBHOOKS
    ),
    Rule(
        "openai",
        ("sk-",),
        re.compile(rb"sk-(?:[a-z]{2,8}\d{0,2}-){0,3}[A-Za-z0-9_-]{16,255}"),
        accept=_has_digit,
    ),
    Rule(
        "bearer",
        ("bearer",),
        re.compile(rb"bearer(?:\s|%20|\+|\\[tnr]|:|=){1,3}([A-Za-z0-9._~+/=:|!$@*-]{6,16384})", re.I),
        accept=_not_a_word,
        group=1,
        boundary=False,
    ),
    Rule(
        "basic",
        ("basic",),
        re.compile(rb"basic(?:\s|%20|\+|\\[tnr]){1,3}([A-Za-z0-9+/=_-]{6,4096})", re.I),
        accept=_basic,
        group=1,
    ),
    Rule(
        "userinfo",
        ("://", ":\\/\\/"),
        re.compile(rb":(?:\\?/){2}((?!\[redacted:)[^\s\"'<>/?#]{1,1024})@"),
        accept=_userinfo,
        group=1,
        boundary=False,
    ),
    Rule(
        "userinfo",
        (
            "postgres",
            "mysql",
            "mariadb",
            "mongodb",
            "redis",
            "amqp",
            "mssql",
            "sqlserver",
            "clickhouse",
            "cockroach",
        ),
        re.compile(
            rb"[a-z0-9]{4,12}(?:\+[a-z0-9]{1,12})?:(?:\\?/){2}"
            rb"((?!\[redacted:)[^\s\"'<>:@/]{0,256}:(?!\d{1,5}[/?])[^\s\"'<>]{1,512})@",
            re.I,
        ),
        group=1,
        boundary=False,
    ),
    Rule(
        "userinfo",
        ("%3a%2f%2f",),
        re.compile(rb"%3a%2f%2f([^\s\"'<>/&]{1,512}?%3a[^\s\"'<>/&]{1,512}?)%40", re.I),
        group=1,
        boundary=False,
        accept=lambda value: b"%2f" not in value.lower(),
    ),
    Rule(
        "telegram",
        (":aa",),
        re.compile(rb"(:AA[A-Za-z0-9_-]{32,36})" + _END),
        group=1,
        boundary=False,
    ),
    Rule(
        "terraform",
        (".atlasv1.",),
        re.compile(rb"\.atlasv1\.[A-Za-z0-9_=-]{32,128}"),
        boundary=False,
    ),
)

# ── private keys ─────────────────────────────────────────────────────────────────────────────────────────────────

_BLANK = rb"(?: |\+|%20)"
_PEM = re.compile(
    rb"-----BEGIN"
    + _BLANK
    + rb"(?:[A-Z0-9]|"
    + _BLANK
    + rb"){0,40}?PRIVATE"
    + _BLANK
    + rb"KEY(?:[A-Z]|"
    + _BLANK
    + rb"){0,10}-----(?:[^-]|-(?!----)){0,32768}(?:-----END(?:[A-Z0-9]|"
    + _BLANK
    + rb"){0,60}-----)?"
)
_PUTTY = re.compile(rb"PuTTY-User-Key-File-\d:[\x00-\xff]{0,16384}")


def private_key(data: bytes, start: int) -> Span | None:
    """Return the span of a PEM or PuTTY private key that begins at *start*, its end missing or not."""
    found = _PEM.match(data, start) or _PUTTY.match(data, start)
    return (found.start(), found.end(), "private-key") if found else None


_HEX32 = re.compile(rb"[0-9a-f]{32}\Z")
_DATACENTRE = re.compile(rb"-us\d{1,2}(?![A-Za-z0-9])")


def mailchimp(data: bytes, start: int) -> Span | None:
    """Return the span of 32 hexadecimal digits before ``-us1``."""
    before = start >= 32 and boundary(data, start - 32) and _HEX32.match(data[start - 32 : start])
    after = _DATACENTRE.match(data, start)
    return (start - 32, after.end(), "mailchimp") if before and after else None


# ── name = value ─────────────────────────────────────────────────────────────────────────────────────────────────

WORDS = (
    "passw",
    "passphrase",
    "passcode",
    "pass",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "api.key",
    "x-api",
    "authorization",
    "cookie",
    "credential",
    "privatekey",
    "private_key",
    "private-key",
    "routing_key",
    "routingkey",
    "routing-key",
    "integration_key",
    "integrationkey",
    "access_key",
    "accesskey",
    "access-key",
    "signing_key",
    "signingkey",
    "encryption_key",
    "encryptionkey",
    "service_key",
    "servicekey",
    "auth_key",
    "authkey",
    "auth-key",
    "master_key",
    "masterkey",
    "shared_key",
    "sharedkey",
    "account_key",
    "accountkey",
    "subscription-key",
    "subscriptionkey",
    "subscription_key",
    "license_key",
    "licensekey",
    "license-key",
    "deploy_key",
    "deploykey",
    "app_key",
    "appkey",
    "application_key",
    "applicationkey",
    "application-key",
    "webhook",
    "connectionstring",
    "connection_string",
    "dsn",
    "jwt",
    "otp",
    "cvv",
    "cvc",
    "cardnumber",
    "card_number",
    "creditcard",
    "credit_card",
    "sig",
    "xamz",
    "x-amz",
    "sessid",
    "jsessionid",
    "connect.sid",
    "bearer",
    "ssh_key",
    "sshkey",
    "secretkey",
    "cf-access-client-id",
    "signing-key",
    "encryption-key",
    "webhook_key",
)

_QUOTE = rb"(?:\\{0,15}[\"']|&quot;|&#3[49];|%22)"
_GAP = rb"(?:\s|\\[tnr]){0,4}"
_ASSIGN = re.compile(
    rb"(?P<tail>[A-Za-z0-9_.-]{0,60}+)(?P<quote>" + _QUOTE + rb")?(?P<sep>"
    rb"" + _GAP + rb"(?:=>|:=|[:=]|%3[aAdD]|(?<=" + rb"[A-Za-z0-9])>)" + _GAP + rb""
    rb"|(?P<pair>(?<=[\"';2])," + _GAP + rb"(?:b?" + _QUOTE + rb"[vV]al(?:ue)?" + _QUOTE + _GAP + rb":" + _GAP + rb")?)"
    rb"|(?P<flag>\s{1,3}(?=[^\s-])))"
    rb"[bru]{0,2}(?P<open>" + _QUOTE + rb")?"
)
_NAME_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
_COLOURED = re.compile(_COLOUR)
_ESCAPE_BEFORE = re.compile(rb"\A(?:u[0-9a-fA-F]{4}|[nrtbf])")
_VALUE = re.compile(
    rb"(?:\[redacted:[a-z0-9-]{1,40}\]|\\(?![nrtu\"'/\\])|,(?!\s|[\w.-]{1,40}[=:]|[\"'\\\[{])|[^\s,;&\"'<>)}\]\\|]){1,8192}"
)
_LINE = re.compile(rb"(?:[^\r\n\"'\\<>&]|\\(?![nr\"']))(?:[^\r\n\"'\\<>]|\\(?![nr\"'])){0,8192}")
_HEADER_LINE = re.compile(
    rb"(?:=(?P<mark>\\{0,15}\")[^\"\\\r\n]{0,1024}(?P=mark)(?![A-Za-z0-9])"
    rb"|[^\r\n\"'\\<>]|\\(?![nr\"'])){1,8192}"
)
"""As `_LINE`, with quoted values among what is listed: ``a="b"; c=d``."""
_WHOLE_LINE = frozenset({"authorization", "cookie"})
_HEADER = frozenset({"authorization", "cookie", "token", "key"})


def assignment(data: bytes, start: int) -> Span | None:
    """Return the span of the value when the word at *start* is part of a name that says "secret"."""
    found = _ASSIGN.match(data, start)
    if found is None:
        return None
    chunk = data[max(0, start - 48) : start]
    if found.group("flag") is not None and b"--" not in chunk:
        return None
    left = chunk[len(chunk.rstrip(_NAME_BYTES)) :]
    if b"[" in chunk:
        for colour in _COLOURED.finditer(chunk):
            left = chunk[max(colour.end(), len(chunk) - len(left)) :]
    name_start = start - len(left)
    if left and name_start and data[name_start - 1] == 0x5C:
        left = _ESCAPE_BEFORE.sub(b"", left, count=1)
    tail = data[start : found.end("tail")]
    name = (left + tail).decode("ascii", "replace")
    kind = secret_name(name)
    if kind is None:
        kind = secret_name(name.rsplit(".", 1)[-1])
    if kind is None:
        return None
    opened = found.group("open")
    if found.group("flag") is not None:
        if not left.lstrip().startswith(b"--"):
            return None
    elif found.group("pair") is not None:
        if opened is None:
            return None
        if b"al" not in found.group("pair") and (kind not in _HEADER or name.lower() in ("token", "key")):
            return None
    elif found.group("sep").strip() == b">" and (
        name_start == 0 or data[name_start - 1 : name_start] not in (b"<", b":")
    ):
        return None
    begin = found.end()
    end = _closing(data, begin, opened) if opened else _open_end(data, begin, kind, found.group("sep"))
    value = data[begin:end]
    if not value and data[begin : begin + 1] == b"\\":
        return begin, begin, kind  # behind an escape there may be a value
    if not value.strip() or all_marks(value) or status_word(value):
        return None
    return begin, end, kind


def _closing(data: bytes, begin: int, opened: bytes) -> int:
    """Return where the quoted value ends: at the same quote, at the same depth of escaping."""
    limit = min(len(data), begin + 16384)
    at = data.find(opened, begin, limit)
    while at > begin and data[at - 1] == 0x5C and opened[:1] != b"\\" and opened[:1] not in b"&%":
        at = data.find(opened, at + 1, limit)
    while at > begin and opened[:1] == b"\\" and data[at - 1] == 0x5C:
        at = data.find(opened, at + 1, limit)
    if at >= 0:
        return at
    line = _LINE.match(data, begin)
    return line.end() if line else begin


def _open_end(data: bytes, begin: int, kind: str, sep: bytes) -> int:
    if kind in _WHOLE_LINE and sep.strip() in (b":", b"="):
        found = _LINE.match(data, begin) and _HEADER_LINE.match(data, begin)
    else:
        found = _VALUE.match(data, begin)
    return found.end() if found else begin


# ── curl -u name:password ────────────────────────────────────────────────────────────────────────────────────────

_USER = re.compile(
    rb"-u(?:ser)?(?:(?:[\s=]|%%20|\+|\\[tnr]|%%3d){1,3}(?P<open>%b)?|%b,%b(?P<item>%b))[^\s:\"'\\%%&,]{1,256}(?::|%%3a)"
    % (_QUOTE, _QUOTE, _GAP, _QUOTE),
    re.I,
)
USER_FLAGS = tuple(
    f"-u{name}{after}" for name in ("", "ser") for after in (" ", "=", '"', "'", "\\", "%2", "%3", "+", "&")
)


def user_flag(data: bytes, start: int) -> Span | None:
    """Return the span of the password in ``curl -u name:password``; the same flag of other programs names no secret."""
    found = _USER.match(data, start)
    if found is None or b"curl" not in data[max(0, start - 1024) : start].translate(VIEW):
        return None
    begin, opened = found.end(), found.group("open") or found.group("item")
    end = _closing(data, begin, opened) if opened else _open_end(data, begin, "password", b"=")
    value = data[begin:end]
    return None if not value.strip() or all_marks(value) else (begin, end, "password")


# ── a part of a form ─────────────────────────────────────────────────────────────────────────────────────────────

_EOL = rb"(?:\r?\n|(?:\\{1,8}r)?\\{1,8}n)"
_PART = re.compile(
    rb"form-data;%b{0,4}name=(?:%b)?(?P<name>[A-Za-z0-9_.\[\]-]{1,80})(?:%b)?(?:;[^\r\n\\]{0,256})?"
    rb"(?:%b[A-Za-z-]{1,40}:[^\r\n\\]{0,256}){0,4}%b%b" % (rb"\s", _QUOTE, _QUOTE, _EOL, _EOL, _EOL),
    re.I,
)
_PART_VALUE = re.compile(rb"(?:(?!%b--)[\x00-\xff]){1,8192}" % _EOL)


def form_part(data: bytes, start: int) -> Span | None:
    """Return the span of what a part of ``multipart/form-data`` holds under a name that says "secret"."""
    found = _PART.match(data, start)
    kind = None if found is None else secret_name(found.group("name").decode("ascii"))
    value = None if found is None or kind is None else _PART_VALUE.match(data, found.end())
    if value is None or kind is None or not value.group().strip() or all_marks(value.group()):
        return None
    return value.start(), value.end(), kind


# ── cards ────────────────────────────────────────────────────────────────────────────────────────────────────────

# Issuer ranges and lengths as the networks publish them, without Visa's rare 13 and 19 digits: those are the lengths
# of timestamps and of 64-bit trace ids.
CARD_RUST = (
    r"(?-u:(?:4\d{3}|5[1-5]\d{2}|2[2-7]\d{2}|6(?:011|5\d{2}|2\d{2}|4[4-9]\d)|35[2-8]\d)(?:[ -]?\d{4}){3}"
    r"|3[47]\d{2}[ -]?\d{6}[ -]?\d{5}|3(?:0[0-5]|[68]\d)\d[ -]?\d{6}[ -]?\d{4})"
)
CARD_SIEVE = (
    r"(?:^|[^0-9A-Za-z_.-]|\\[nrtbf]|\\u[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2}|\x1b\[[0-9;]{0,8}m)" + CARD_RUST + r"(?-u:\b)"
)
CARD = re.compile(CARD_RUST.removeprefix("(?-u:").removesuffix(")").encode())
_CARD_BEFORE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")


def card_at(data: bytes, start: int, end: int) -> bool:
    """Whether ``data[start:end]`` stands alone and passes Luhn's check."""
    if start and data[start - 1] in _CARD_BEFORE and _ESCAPED.search(data[max(0, start - 16) : start]) is None:
        return False
    after = data[end : end + 2]
    if after[:1] and (after[0] in _ALNUM or (after[:1] in (b".", b"-") and after[1:2].isalnum())):
        return False
    return luhn(data[start:end])


def luhn(text: bytes) -> bool:
    """Whether the digits of *text* pass Luhn's check (and are not one digit repeated)."""
    digits = [c - 48 for c in text if 48 <= c <= 57]
    total = sum(digits[-1::-2]) + sum(d * 2 - 9 * (d > 4) for d in digits[-2::-2])
    return total % 10 == 0 and len(set(digits)) > 1


# ── base64 ───────────────────────────────────────────────────────────────────────────────────────────────────────

# Base64 of printable ASCII has a tell-tale alphabet at each place of a group of four; four such groups in a row, or the
# head of a gzip or zlib stream, make a run worth decoding. Trace ids, uuids and digests practically never match.
_GROUP = r"[I-Za-f][C-HS-Xi-nyz0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_-]"
_B64 = r"[A-Za-z0-9+/_-]"
_SEED = rf"(?:(?:{_GROUP}){{4}}|H4sI{_B64}{{16}}|e[JNAF]{_B64}{{18}})"
BASE64_RUST = rf"(?-u:{_SEED})"
BASE64 = re.compile(_SEED.encode())
CARD_OR_BASE64 = f"{CARD_SIEVE}|{BASE64_RUST}"
"""Both at once: nearly every text has neither, which one look tells in half the time."""
_HEX_ONLY = re.compile(rb"[0-9a-f-]{12,}")
BASE64_RUN = re.compile(rb"[A-Za-z0-9+/_-]+(?:(?:\\r)?(?:\\n|\r?\n)[A-Za-z0-9+/_-]{4,})*={0,2}")
BASE64_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-")


def card_of(text: bytes) -> bytes | None:
    """Return the number in what the sieve found, when it passes Luhn's check."""
    found = CARD.search(text)
    return found.group() if found and luhn(found.group()) else None


def base64_of(text: bytes) -> bytes | None:
    """Return what the sieve found unless it is all lower-case hexadecimal: ids match the tell-tale by chance."""
    return None if _HEX_ONLY.fullmatch(text) else text
