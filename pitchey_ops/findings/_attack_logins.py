# ruff: noqa: E501  (a pattern is read best on one line)
"""
Login attempts out of any log, and what each address did with them.

An attempt is told, in this order: by ``event`` and ``account``; by the wording of sshd, PAM, mail and
web servers' messages; by method, route and status of a login request. The same attempt is often written
twice (a PAM line and an sshd line, a request and an auth event), so the channels are never added: each
address is judged by the fullest one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import polars as pl

from ._sieve import Sieve

DICTIONARY: Final = frozenset(
    [
        "root",
        "admin",
        "administrator",
        "test",
        "user",
        "guest",
        "oracle",
        "postgres",
        "mysql",
        "ubuntu",
        "ec2-user",
        "pi",
        "ftp",
        "ftpuser",
        "nagios",
        "git",
        "www",
        "www-data",
        "apache",
        "nginx",
        "tomcat",
        "jenkins",
        "hadoop",
        "deploy",
        "support",
        "info",
        "webmaster",
        "web",
        "backup",
        "operator",
        "service",
        "default",
        "super",
        "superuser",
        "supervisor",
        "ubnt",
        "debian",
        "centos",
        "vagrant",
        "demo",
        "student",
        "teacher",
        "sales",
        "office",
        "mail",
        "postmaster",
        "uucp",
        "nobody",
        "sshd",
        "bin",
        "daemon",
        "sys",
        "adm",
        "lp",
        "sync",
        "games",
        "man",
        "news",
        "proxy",
        "list",
        "ftptest",
        "testuser",
        "user1",
        "admin1",
        "usuario",
        "zabbix",
        "minecraft",
        "teamspeak",
        "ts3",
        "steam",
        "csgo",
        "odoo",
        "sap",
        "db2inst1",
        "informix",
        "cisco",
        "manager",
        "monitor",
        "log",
        "logs",
        "0",
        "1",
        "00",
        "0101",
        "1234",
        "12345",
        "123",
        "a",
        "abc",
        "anonymous",
        "api",
        "dev",
        "developer",
        "docker",
        "elastic",
        "es",
        "fax",
        "hduser",
        "host",
        "http",
        "inspur",
        "kafka",
        "ldap",
        "local",
        "login",
        "master",
        "mother",
        "musicbot",
        "nfs",
        "node",
        "openvpn",
        "plexuser",
        "prueba",
        "public",
        "qwerty",
        "redis",
        "root1",
        "scan",
        "server",
        "shell",
        "spark",
        "squid",
        "svn",
        "system",
        "sysadmin",
        "tech",
        "temp",
        "tester",
        "toor",
        "tunnel",
        "virus",
        "vnc",
        "vps",
        "weblogic",
        "weblogic1",
        "wordpress",
        "work",
        "wwwroot",
        "xbox",
        "zimbra",
        "john",
        "david",
        "michael",
        "alex",
        "mike",
        "daniel",
        "matt",
        "admin123",
        "adminuser",
    ]
)
"""Account names that guessing programs try first; weak evidence, as persons are called so too."""

LOGIN_ROUTE: Final = (
    r"(?i)(?:^|/)(?:api/)?(?:auth/|users?/|account/|session/|v\d/)*(?:log-?in|sign-?in|sessions?|authenticate|token|wp-login\.php|xmlrpc\.php"
    r"|password|passwordless|otp|mfa|verify-otp|2fa)(?:/(?:submit|password|credentials|email|verify|creator|investor|production|callback/credentials))?/?$"
    r"|/(?:[a-z]{0,12}[-_]?(?:reset|recover(?:y)?|forgot|magic(?:-?link)?|unlock|one-?time|backup)[-_]?(?:password|account|code|link|token)?s?)/(?:confirm|verify|code|codes|check|complete|submit|validate|redeem|login)/?$"
    r"|/(?:verify|confirm|check|validate|submit|redeem|enter|exchange)[-_/](?:reset[-_])?(?:code|otp|totp|pin|passcode|mfa|2fa|sms|token|reset|login|magic-?link|(?:recovery|backup|security|one-?time)-?codes?)/?$"
    r"|/(?:code|otp|totp|pin|passcode|mfa|2fa|sms|(?:recovery|backup|security|one-?time|login|verification|sms|email|phone|login|access)-?codes?)/(?:verify|confirm|check|submit|validate|challenge)/?$"
    r"|/(?:gift-?cards?|vouchers?|coupons?|promo-?codes?|invites?|invitations?)/(?:redeem|check|balance|validate|verify|apply|claim)/?$"
)

_ADDRESS: Final = r"((?:\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F:]*:[0-9a-fA-F:]+:[0-9a-fA-F.:]*|[\w-]+(?:\.[\w-]+)+)"
_WHO: Final = r"(?:invalid |illegal )?(?:user )?(.{0,256}?)"

_SIGNS: Final = [
    "password", "invalid user", "illegal user", "authentication", "accepted ", "login", "log in", "logged in", "signed in",
    "sign-in", "sign in", "signin", "credential", "[preauth]", "auth failed", "not allowed because", "identification string",
]  # fmt: skip

# (name, outcome, channel, regex); named groups: ip, who, times
_WORDINGS: Final[tuple[tuple[str, str, str, str], ...]] = (
    ("sshd_ok", "ok", "event", rf"\bAccepted [\w/-]{{1,40}} for (?P<who>.{{0,256}}) from (?P<ip>{_ADDRESS})"),
    ("sshd_failed", "failed", "event",
     rf"\bFailed (?:password|keyboard-interactive(?:/pam)?|hostbased|gssapi\S*|none|publickey) for (?:invalid user |illegal user )?(?P<who>.{{0,256}}) from (?P<ip>{_ADDRESS})"),
    ("sshd_invalid", "invalid", "event", rf"^(?:error: )?(?:Invalid|Illegal) user (?P<who>.{{0,256}}) from (?P<ip>{_ADDRESS})"),
    ("sshd_denied", "failed", "event", rf"^User (?P<who>\S{{1,256}}) from (?P<ip>{_ADDRESS}) not allowed because"),
    ("sshd_left", "failed", "ended",
     rf"(?:Disconnected from|Connection (?:closed|reset) by|Received disconnect from|maximum authentication attempts exceeded for) (?:(?:authenticating|invalid) user )?(?P<who>\S{{0,256}}) (?:from )?(?P<ip>{_ADDRESS}) port"),
    ("sshd_gone", "failed", "ended", rf"Received disconnect from (?P<ip>{_ADDRESS}).{{0,120}}\[preauth\]"),
    ("pam_more", "failed", "pam", rf"PAM (?P<times>\d{{1,4}}) more authentication failures?;.{{0,200}}?rhost=(?P<ip>{_ADDRESS})(?:\s+user=(?P<who>\S{{1,256}}))?"),
    ("pam", "failed", "pam", rf"authentication failure;.{{0,200}}?rhost=(?P<ip>{_ADDRESS})(?:\s+user=(?P<who>\S{{1,256}}))?"),
    ("mail", "failed", "event", rf"(?:auth failed|SASL \S+ authentication failed).{{0,200}}?(?:user=<(?P<who>[^>]{{0,256}})>)?.{{0,100}}?\brip=(?P<ip>{_ADDRESS})"),
    ("ftp", "failed", "event", rf"\[?(?P<who>[\w.@-]{{0,128}})\]? FAIL LOGIN: Client \"(?:::ffff:)?(?P<ip>{_ADDRESS})"),
)  # fmt: skip

_FAIL_WORDS: Final = (
    r"(?i)\b(?:log-?in|log in|sign-?in|sign in|auth(?:entication)?|logon)\b.{0,60}?\b(?:failed|failure|fails|denied|rejected|unsuccessful|refused)\b"
    r"|\b(?:failed|unsuccessful|rejected|denied)\s(?:\w+\s){0,2}(?:log-?in|log in|sign-?in|logon|authentication)\b"
    r"|\b(?:invalid|incorrect|wrong|bad|unknown)\s(?:login |user )?(?:credentials?|passwords?|username or password|email or password|login)\b"
)
_OK_WORDS: Final = (
    r"(?i)\b(?:log-?in|sign-?in|logon|authentication)\b.{0,40}?\b(?:succeeded|successful|success|ok)\b"
    r"|\bsuccessful(?:ly)?\s(?:log-?in|sign-?in|logged in|signed in|authenticated)|\b(?:user|account)\b.{0,100}?\b(?:logged|signed) in\b"
)
_UNKNOWN_WORDS: Final = (
    r"(?i)\b(?:unknown|invalid|no such|non-?existent) (?:user|account|email)\b|\b(?:user|account) not found\b"
)
_NAMED: Final = r"(?i)\b(?:user(?:name)?|account|email|login)\s?[=:]\s?['\"<]?([^\s'\"<>,;]{1,256})"
_NAMED_AFTER: Final = r"(?i)\b(?:for|by|user|account|email)\s(?:user |account )?['\"<]?([^\s'\"<>,;:]{1,256})"
_SIEVE: Final = Sieve({name: regex for name, _, _, regex in _WORDINGS})
_FROM: Final = rf"(?i)\b(?:from|ip|client|addr(?:ess)?|rhost|rip)[\s=:]{{1,2}}['\"\[(]?{_ADDRESS}"


def _named_address(text: pl.Expr) -> pl.Expr:
    """The address that *text* names; null if it names several, since a visitor may have typed one of them."""
    first, last = text.str.extract(_FROM, 1), text.str.extract(r"(?s)^.*" + _FROM, 1)
    return pl.when(first == last).then(first)


_FAILED_EVENT: Final = (
    r"(?i)^(?:user\W?|auth\W?|account\W?)?(?:log-?in|sign-?in|auth(?:entication)?|logon|password|mfa|otp|credentials?)[ _.:-]?(?:attempt[ _.:-]?)?(?:failed|failure|fail|error|denied|invalid|rejected|wrong)$"
    r"|^(?:[a-z]{1,16}[ _.:-])?(?:reset|recovery|verification|one[ _-]?time|otp|totp|mfa|2fa|magic|backup|sms|email|pin|pass|security)[ _.:-]?(?:code|pin|token|link)?[ _.:-]?(?:wrong|invalid|failed|failure|mismatch|incorrect|rejected|denied)$"
    r"|^(?:wrong|incorrect|failed|invalid|bad)[ _.:-]?(?:(?:reset|recovery|verification|one[ _-]?time|otp|totp|mfa|2fa|magic|backup|sms|email|security)[ _.:-]?)?(?:code|pin|otp|passcode)$"
    r"|^(?:failed|invalid|bad)[ _.:-]?(?:log-?in|sign-?in|password|credentials?|auth)|^account[ _.:-]?locked$"
)
_OK_EVENT: Final = (
    r"(?i)^(?:user\W?|auth\W?)?(?:log-?in|sign-?in|auth(?:entication)?|logon)[ _.:-]?(?:ok|success|succeeded|successful|accepted)$"
    r"|^(?:logged|signed)[ _.:-]?in$|^(?:log-?in|sign-?in)$"
)
_INVALID_EVENT: Final = r"(?i)^(?:invalid|unknown|illegal|no[ _.:-]?such)[ _.:-]?(?:user|account|email)$"

SCHEMA: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "at": pl.Datetime("ms", "UTC"),
    "ip": pl.String,
    "account": pl.String,
    "outcome": pl.String,
    "channel": pl.String,
    "times": pl.Int64,
    "unknown_account": pl.Boolean,
    "url": pl.String,
    "user_agent": pl.String,
}


def _from_messages(logs: pl.DataFrame) -> pl.DataFrame:
    """Attempts told by wording; *logs* holds only rows whose message could be one."""
    rows = logs.with_columns(
        pl.col("message")
        .str.extract(r"^message repeated (\d{1,6}) times", 1)
        .cast(pl.Int64, strict=False)
        .alias("_more"),
        pl.col("message").str.slice(0, 2048).str.replace(r"^message repeated \d{1,6} times: \[ ?", "").alias("_text"),
    ).with_row_index("_row")
    found: list[pl.DataFrame] = []
    sifted, told = _SIEVE.on(rows.get_column("_text")), pl.repeat(False, rows.height, dtype=pl.Boolean, eager=True)
    for name, outcome, channel, regex in _WORDINGS:
        hits = sifted.matches(name) & ~told
        if not hits.any():
            continue
        told, hit = told | hits, rows.filter(hits)
        groups = hit.select(
            "_row",
            "at",
            "ip",
            "_more",
            "_text",
            "url",
            "user_agent",
            "account",
            pl.col("_text").str.extract_groups(regex).alias("_g"),
        )
        fields = [field.name for field in groups.schema["_g"].fields]  # type: ignore[attr-defined]
        who = pl.col("_g").struct.field("who") if "who" in fields else pl.lit(None, pl.String)
        times = (
            pl.col("_g").struct.field("times").cast(pl.Int64, strict=False)
            if "times" in fields
            else pl.lit(None, pl.Int64)
        )
        quiet = pl.col("_text").str.contains(r"\bFailed (?:none|publickey) for")
        found.append(
            groups.filter(~quiet).select(
                "at",
                pl.coalesce("ip", pl.col("_g").struct.field("ip")).alias("ip"),
                pl.coalesce("account", who.str.strip_chars(" ")).alias("account"),
                pl.lit(outcome).alias("outcome"),
                pl.lit(channel).alias("channel"),
                pl.coalesce(times, pl.col("_more"), pl.lit(1, pl.Int64)).alias("times"),
                (pl.col("_text").str.contains(r"(?i)\b(?:invalid|illegal) user") | pl.lit(outcome == "invalid")).alias(
                    "unknown_account"
                ),
                "url",
                "user_agent",
            )
        )
    said = (
        pl.when(pl.col("_text").str.contains(_FAIL_WORDS))
        .then(pl.lit("failed"))
        .when(pl.col("_text").str.contains(_OK_WORDS))
        .then(pl.lit("ok"))
    )
    found.append(
        rows.filter(~told)
        .filter(pl.col("_text").str.contains_any(["[preauth]", "rhost="]).not_())
        .with_columns(said.alias("outcome"), pl.coalesce("ip", _named_address(pl.col("_text"))).alias("ip"))
        .filter(pl.col("outcome").is_not_null() & pl.col("ip").is_not_null())
        .filter(pl.col("status").is_null() | (pl.col("status") < 500))
        .select(
            "at",
            "ip",
            pl.coalesce(
                "account", pl.col("_text").str.extract(_NAMED, 1), pl.col("_text").str.extract(_NAMED_AFTER, 1)
            ).alias("account"),
            "outcome",
            pl.lit("said").alias("channel"),
            pl.coalesce(pl.col("_more"), pl.lit(1, pl.Int64)).alias("times"),
            pl.col("_text").str.contains(_UNKNOWN_WORDS).alias("unknown_account"),
            "url",
            "user_agent",
        )
    )
    return pl.concat([frame.select([pl.col(n).cast(t) for n, t in SCHEMA.items()]) for frame in found])


def attempts(logs: pl.DataFrame) -> pl.DataFrame:
    """
    Every login attempt in *logs* (a `frames.LOGS` frame), oldest first, with the columns of `SCHEMA`.

    ``outcome`` is failed, ok or invalid (the account does not exist); ``channel`` event, http, pam, said (in words
    that no program is known by, which may tell once more of what was written: a guard that counts) or
    ended (the client left before it was let in); ``times`` how often a line says it was repeated.
    5xx answers are not attempts: a login that breaks says nothing about who tried.
    """
    event = pl.col("event").str.slice(0, 64)
    tagged = logs.filter(pl.col("event").is_not_null()).with_columns(
        pl.when(event.str.contains(_INVALID_EVENT)).then(pl.lit("invalid"))
        .when(event.str.contains(_FAILED_EVENT)).then(pl.lit("failed"))
        .when(event.str.contains(_OK_EVENT)).then(pl.lit("ok")).alias("outcome")
    )  # fmt: skip
    by_event = tagged.filter(pl.col("outcome").is_not_null()).select(
        "at",
        pl.coalesce("ip", _named_address(pl.col("message").str.slice(0, 2048))).alias("ip"),
        pl.coalesce("account", "user_id").alias("account"),
        "outcome",
        pl.lit("event").alias("channel"),
        pl.coalesce(
            pl.col("message").str.extract(r"^message repeated (\d{1,6}) times", 1).cast(pl.Int64, strict=False),
            pl.lit(1, pl.Int64),
        ).alias("times"),
        (
            (pl.col("outcome") == "invalid")
            | pl.col("message")
            .str.slice(0, 512)
            .str.contains(r"(?i)\b(?:invalid|illegal) user\b|" + _UNKNOWN_WORDS)
            .fill_null(False)
        ).alias("unknown_account"),
        "url",
        "user_agent",
    )
    route = pl.col("url").str.slice(0, 512).str.replace(r"^https?://[^/?#]*", "").str.replace(r"[?#].*$", "")
    posted = pl.col("method").is_null() | (pl.col("method").str.to_uppercase() == "POST")
    blog = route.str.contains(r"(?i)wp-login\.php$")
    by_request = (
        logs.filter(pl.col("event").is_null() & pl.col("status").is_not_null() & posted & route.str.contains(LOGIN_ROUTE).fill_null(False))
        .with_columns(
            pl.when(blog & (pl.col("status") == 200)).then(pl.lit("failed"))
            .when(blog & pl.col("status").is_in([301, 302, 303])).then(pl.lit("ok"))
            .when(pl.col("status").is_in([400, 401, 403, 404, 422, 423, 429]) & ~((pl.col("status") == 404) & blog)).then(pl.lit("failed"))
            .when(pl.col("status").is_in([200, 201, 202, 204, 302, 303])).then(pl.lit("ok")).alias("outcome")
        )
        .filter(pl.col("outcome").is_not_null() & (pl.col("method").is_not_null() | (pl.col("outcome") == "failed")))
        .select(
            "at", "ip", pl.coalesce("account", "user_id").alias("account"), "outcome", pl.lit("http").alias("channel"),
            pl.lit(1, pl.Int64).alias("times"), pl.lit(False).alias("unknown_account"), "url", "user_agent",
        )
    )  # fmt: skip
    worded = logs.filter(
        pl.col("event").is_null()
        & pl.col("message").str.slice(0, 2048).str.contains_any(_SIGNS, ascii_case_insensitive=True).fill_null(False)
        & ~(
            pl.col("url").is_not_null()
            & pl.col("status").is_not_null()
            & pl.col("message").str.contains(r"^[A-Z]{3,8} ")
        )
    )
    parts = [by_event, by_request, _from_messages(worded)]
    return (
        pl.concat([part.select([pl.col(n).cast(t) for n, t in SCHEMA.items()]) for part in parts])
        .filter(pl.col("ip").is_not_null() & pl.col("at").is_not_null())
        .sort("at", maintain_order=True)
    )


def probes(logs: pl.DataFrame) -> pl.DataFrame:
    """Connections that ended before any name was given (``ip``, ``probes``): key scans, port scans, checks."""
    message = pl.col("message").str.slice(0, 512)
    return (
        logs.filter(
            message.str.contains_any(["[preauth]", "Did not receive identification", "Bad protocol version"]).fill_null(
                False
            )
        )
        .with_columns(
            pl.coalesce(
                "ip",
                message.str.extract(
                    rf"(?:Connection (?:closed|reset) by|Did not receive identification string from|Bad protocol version .{{0,80}} from) {_ADDRESS}",
                    1,
                ),
            ).alias("ip")
        )
        .filter(pl.col("ip").is_not_null())
        .group_by("ip")
        .agg(pl.len().alias("probes"))
    )


RENEWAL_ROUTE: Final = (
    r"(?i)/(?:[a-z]{0,12}[-_])?(?:reset|recover(?:y)?)(?:[-_](?:password|account))?(?:/(?:confirm|complete|submit|password))?/?$"
    r"|/(?:set|new|change|update)[-_]?password/?$|/password/(?:new|set|change|update)/?$"
)
"""Where a person who forgot sets another password; that it was answered well is no proof, as asking for it may be."""


def renewals(rows: pl.DataFrame) -> pl.DataFrame:
    """When an address (``address``) last had a password renewed or asked for it, and was answered well (``renewed_at``)."""
    route = pl.col("url").str.slice(0, 512).str.replace(r"^https?://[^/?#]*", "").str.replace(r"[?#].*$", "")
    posted = pl.col("method").is_null() | pl.col("method").str.to_uppercase().is_in(["POST", "PUT", "PATCH"])
    well = pl.col("status").is_between(200, 399)
    return (
        rows.filter(posted & well & route.str.contains(RENEWAL_ROUTE).fill_null(False))
        .group_by("address")
        .agg(pl.col("at").max().alias("renewed_at"))
    )


PERSON_STREAK: Final = 5
"""A person who knows the account gets in within this many wrong tries (sshd and most sites lock after it)."""


def by_address(tries: pl.DataFrame) -> pl.DataFrame:
    """
    Count what each address did; *tries* is `attempts` with canonical ``address`` instead of ``ip``.

    Returns
    -------
    DataFrame
        One row an address: ``failures`` (fullest channel), ``accounts``, ``unknown_tries``,
        ``unknown_accounts``, ``dictionary_accounts``, ``successes``, ``foreign_failures`` and
        ``foreign_accounts`` (on accounts that this address never got into),
        ``own_accounts`` (accounts that it got into in a person's way), ``known_before`` (failures on accounts that it had
        been let into before), ``streak`` (longest run of failures that ended in the first success on an account),
        ``failures_before_success`` (all failures before its last success), ``gap_s`` (median time between failures),
        ``gap_spread`` (spread of gaps relative to their mean), ``days``, ``first_failure``, ``last_failure``,
        ``touched`` (accounts, most tried first, at most 20), ``entered`` (accounts let into).
    """
    channel = pl.col("channel")
    keyed = tries.with_columns(pl.col("account").fill_null("").str.slice(0, 256).alias("account"))
    # the same attempt on several channels: judge each address by the fullest
    fullest = (
        keyed.group_by("address", "channel")
        .agg(
            pl.when(pl.col("outcome") != "ok").then(pl.col("times")).otherwise(0).sum().alias("_n"),
            (pl.col("outcome") == "ok").sum().alias("_ok"),
        )
        .with_columns(
            pl.when(channel == "event")
            .then(4)
            .when(channel == "http")
            .then(3)
            .when(channel == "pam")
            .then(2)
            .when(channel == "said")
            .then(1)
            .otherwise(0)
            .alias("_rank")
        )
        .sort("address", "_n", "_ok", "_rank", descending=[False, True, True, True])
        .group_by("address", maintain_order=True)
        .agg(channel.first().alias("_best"))
    )
    best = keyed.join(fullest, on="address", how="left").filter(
        (channel == pl.col("_best")) | (pl.col("outcome") == "ok")
    )
    # "Invalid user x" announces the failure that follows: count it only where no failure does
    pair = ["address", "account"]
    best = best.with_columns(
        pl.when(pl.col("outcome") == "failed").then(pl.col("times")).otherwise(0).sum().over(pair).alias("_failed"),
        pl.col("unknown_account").any().over(pair).alias("_unknown"),
    ).filter((pl.col("outcome") != "invalid") | (pl.col("_failed") == 0))
    best = best.sort(*pair, "at", maintain_order=True).with_columns(
        pl.when(pl.col("outcome") == "ok").then(0).otherwise(pl.col("times")).alias("_bad"),
        (pl.col("outcome") == "ok").alias("_ok"),
    )
    best = best.with_columns(pl.col("_ok").cast(pl.Int64).cum_sum().over(pair).alias("_run"))
    longest = (
        best.group_by([*pair, "_run"])
        .agg(pl.col("_bad").sum().alias("_n"))
        .group_by(pair)
        .agg(pl.col("_n").max().alias("longest"))
    )
    first_ok = pl.col("at").filter(pl.col("_ok")).min()
    pairs = (
        best.group_by(pair, maintain_order=True)
        .agg(
            pl.col("_bad").sum().alias("bad"),
            pl.col("_ok").sum().alias("ok"),
            pl.col("_bad").filter(pl.col("at") < first_ok).sum().alias("before"),
            pl.col("_unknown").any().alias("unknown"),
        )
        .join(longest, on=pair, how="left")
    )
    named = pl.col("account") != ""
    # without account names one line of success may be another person's: runs decide, not the first success
    person = (
        pl.when(named)
        .then((pl.col("ok") > 0) & (pl.col("before") <= PERSON_STREAK))
        .otherwise((pl.col("ok") > 0) & (pl.col("longest") <= 2 * PERSON_STREAK) & (pl.col("bad") <= 3 * pl.col("ok")))
    )
    # a named account that opened at last speaks through the length of the streak alone
    stranger = ~person & ~(named & (pl.col("ok") > 0))
    dictionary = pl.col("account").str.strip_chars(" ").str.to_lowercase().is_in(sorted(DICTIONARY))
    tried = pl.col("bad") > 0
    counts = pairs.group_by("address").agg(
        pl.col("bad").sum().alias("failures"),
        (tried & named).sum().alias("accounts"),
        pl.col("bad").filter(pl.col("unknown")).sum().alias("unknown_tries"),
        (pl.col("unknown") & tried).sum().alias("unknown_accounts"),
        (dictionary & tried).sum().alias("dictionary_accounts"),
        pl.col("ok").sum().alias("successes"),
        pl.col("bad").filter(stranger).sum().alias("foreign_failures"),
        (tried & stranger).sum().alias("foreign_accounts"),
        person.sum().alias("own_accounts"),
        (pl.col("bad") - pl.col("before")).filter(named & (pl.col("ok") > 0)).sum().alias("known_before"),
        pl.when(pl.col("ok") > 0)
        .then(pl.when(named).then(pl.col("before")).otherwise(pl.col("longest")))
        .otherwise(0)
        .max()
        .alias("streak"),
        pl.col("bad").filter(named).max().alias("most_on_one"),
        pl.col("account")
        .filter(tried & named)
        .sort_by(pl.col("bad").filter(tried & named), descending=True, maintain_order=True)
        .head(20)
        .alias("touched"),
        pl.col("account").filter((pl.col("ok") > 0) & named).sort().head(20).alias("entered"),
    )
    order = best.sort("address", "at", maintain_order=True)
    bad_at = pl.col("at").filter(pl.col("_bad") > 0)
    gaps = bad_at.diff().dt.total_milliseconds().drop_nulls() / 1000.0
    last_ok = pl.col("at").filter(pl.col("_ok")).max()
    times = order.group_by("address").agg(
        gaps.median().alias("gap_s"),
        (gaps.std() / gaps.mean()).alias("gap_spread"),
        bad_at.dt.date().n_unique().alias("days"),
        bad_at.min().alias("first_failure"),
        bad_at.max().alias("last_failure"),
        pl.col("_bad").filter(pl.col("at") <= last_ok).sum().alias("failures_before_success"),
        last_ok.alias("last_success"),
    )
    return counts.join(times, on="address", how="left").sort("address")


TOGETHER_NETWORKS: Final = 5
"""Networks from which one account is tried in vain: its owner has two or three."""
TOGETHER_TRIES: Final = 20
"""Wrong passwords from all of them together."""
TOGETHER_EACH: Final = 3
TOGETHER_GAP: Final = timedelta(minutes=5)
"""Median time from one of these tries to the next: what doors hear in weeks from everywhere is no common work."""
SHARED_BY: Final = 0.25
"""Part of the addresses that get in at last, from which these are people who share the account."""


def together(tries: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    """
    Return ``address, joint`` (failures of all) of addresses that try the same account, each of them little.

    Limits and locks count addresses, so one who guesses shares his tries out. Told from persons by what all of them
    have in common: they come from many networks within the same hour, most try again and again, they have been let
    in nowhere and ask for nothing else, and hardly any of them ever gets in. Accounts that programs guess or that do
    not exist are left out: everybody tries these. Where entries name no account nothing is told.

    Parameters
    ----------
    tries
        `attempts` with ``address`` and ``network``.
    asked
        `_attack_web.requests`, for what they did besides.
    """
    named = tries.filter(
        pl.col("account").is_not_null() & (pl.col("account") != "") & (pl.col("channel") != "ended")
    ).with_columns(pl.col("account").str.slice(0, 256))
    unknown = named.filter(pl.col("unknown_account") | (pl.col("outcome") == "invalid")).get_column("account").unique()
    dictionary = pl.col("account").str.strip_chars(" ").str.to_lowercase().is_in(sorted(DICTIONARY))
    failed = named.filter((pl.col("outcome") == "failed") & ~dictionary & ~pl.col("account").is_in(unknown.implode()))
    pair = ["account", "address"]
    each = (
        failed.group_by([*pair, "network", "channel"])
        .agg(pl.col("times").sum().alias("_n"), pl.col("at").min().alias("_first"), pl.col("at").max().alias("_last"))
        .group_by([*pair, "network"])
        .agg(pl.col("_n").max(), pl.col("_first").min(), pl.col("_last").max())
    )
    let_in = tries.filter(pl.col("outcome") == "ok").group_by("address").agg(pl.col("at").min().alias("_in"))
    # who was let in first, or asked for something else and got it, is somebody's own address
    each = each.join(let_in, on="address", how="left").filter(
        pl.col("_in").is_null() | (pl.col("_in") >= pl.col("_first"))
    )
    served = asked.filter((pl.col("status") < 400) & ~pl.col("path").str.contains(LOGIN_ROUTE))
    served = served.group_by("address").agg(pl.col("at").min().alias("_served"))
    each = each.join(served, on="address", how="left").filter(
        pl.col("_served").is_null() | (pl.col("_served") > pl.col("_last"))
    )
    mine = failed.join(each.select(pair), on=pair, how="semi").sort("account", "at")
    pace = mine.group_by("account").agg(pl.col("at").diff().median().alias("_gap"))
    joint = (
        each.group_by("account")
        .agg(
            pl.col("network").n_unique().alias("_networks"),
            pl.col("_n").sum().alias("joint"),
            (pl.col("_n") >= TOGETHER_EACH).mean().alias("_again"),
            pl.col("_in").is_not_null().mean().alias("_inside"),
        )
        .join(pace, on="account")
        .filter(
            (pl.col("_networks") >= TOGETHER_NETWORKS)
            & (pl.col("joint") >= TOGETHER_TRIES)
            & (pl.col("_again") >= 0.5)
            & (pl.col("_inside") <= SHARED_BY)
            & (pl.col("_gap") <= TOGETHER_GAP)
        )
    )
    members = each.join(joint.select("account", "joint"), on="account")
    return members.group_by("address").agg(pl.col("joint").max().cast(pl.Int64)).sort("address")


def under_attack(tries: pl.DataFrame) -> pl.DataFrame:
    """
    Accounts that addresses tried in vain, most addresses first.

    ``account``, ``addresses`` (that failed and never got in), ``failures``, ``then_entered_from`` (addresses
    that got in after at least `PERSON_STREAK` failures of others and had never been in before: to be looked at).
    """
    named = tries.filter(pl.col("account").is_not_null() & (pl.col("account") != ""))
    ok_by = (
        named.filter(pl.col("outcome") == "ok")
        .group_by("account", "address")
        .agg(pl.col("at").min().alias("entered_at"))
    )
    bad = (
        named.filter(pl.col("outcome") != "ok")
        .join(ok_by.select("account", "address"), on=["account", "address"], how="anti")
        .group_by("account")
        .agg(
            pl.col("address").n_unique().alias("addresses"),
            pl.len().alias("failures"),
            pl.col("at").min().alias("since"),
        )
    )
    entered = (
        ok_by.join(bad.filter((pl.col("failures") >= PERSON_STREAK) & (pl.col("addresses") >= 3)), on="account")
        .filter(pl.col("entered_at") > pl.col("since"))
        .sort("address")
        .group_by("account")
        .agg(pl.col("address").head(20).alias("then_entered_from"))
    )
    return bad.join(entered, on="account", how="left").sort(
        "addresses", "failures", "account", descending=[True, True, False]
    )
