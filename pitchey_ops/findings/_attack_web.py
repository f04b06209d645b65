# ruff: noqa: E501  (a pattern is read best on one line)
"""What each address asked for: payloads, probing for what might be there, scraping, and ways around limits."""

from __future__ import annotations

import posixpath
from typing import Final
from urllib.parse import unquote

import polars as pl

from . import _attack_many, _clients, _payloads

FOREIGN_PLACES: Final = (
    r"(?i)/\.(?:env|git|svn|hg|bzr|aws|ssh|docker|kube|vscode|idea|ds_store|htaccess|htpasswd|bash_history|npmrc|config|passwd|mysql_history)"
    r"|/wp-(?:login|admin|content|includes|config|json|cron|signup)|/xmlrpc\.php|/wlwmanifest"
    r"|/(?:phpmyadmin|pma|myadmin|mysqladmin|dbadmin|adminer|sqlmanager|phppgadmin|websql|mysql-admin|phpma|php-my-admin)\b"
    r"|/(?:_vti_\w+|iisadmin|msadc|iissamples|hnap1|boaform|goform|gponform|setup\.cgi|evox/about|nmaplowercheck\w*|nice\s?ports|trinity\.txt|tmui|dana-na|webfig|winbox|cfide|_all_dbs|_ignition|vendor/phpunit|eval-stdin|onvif|stalker_portal|wls-wsat|jmx-console|web-console|invoker|axis2|host-manager|jolokia|heapdump|server-status|phpinfo|c99|r57|wso|b374k)\b"
    r"|/actuator(?:/|$)|/manager/(?:html|text|status)"
)
"""Other people's software and its secrets; nothing of this platform lies there, whatever the answer was."""

PROBED: Final = (
    FOREIGN_PLACES + r"|/wordpress\b|/wp-trackback|/(?:cgi-bin|cgi|fcgi-bin|scripts/\w+\.exe)\b|/jenkins\b"
    r"|/(?:administrator|fckeditor|ckfinder|kcfinder|tinymce/plugins|joomla|drupal|magento|typo3|moodle|mambo|prestashop|bitrix|umbraco|sitecore)\b"
    r"|/(?:server-info|nginx_status|info\.php|test\.php|php\.php|shell|cmd|webshell|backdoor|alfa)\b(?:\.php|\.asp|\.jsp)?"
    r"|/(?:sdk$|remote/login|vpn/|owa/|ecp/|autodiscover|exchange|citrix|global-protect|sslvpn|coldfusion|solr/|_cat/|_search|_utils|kibana|druid|nacos|zabbix|nagios|cacti|splunk|telescope|struts|portal/redlion|luci|isapi|currentsetting\.htm|hudson|geoserver|confluence|console/login)"
    r"|\.(?:bak|old|orig|save|swp|swo|sql|sqlite|mdb|tar|tgz|tar\.gz|zip|rar|7z|dump|inc|conf|cfg|ini|log|pem|key|p12|pfx|asp|aspx|ashx|asmx|axd|jsp|jspx|jspa|do|action|cfm|cgi|pl|nsf|exe|dll|php\d?|phtml|php~|shtml|jhtml|btr|bat)(?:~|\.\w{1,4})?$"
    r"|/(?:backup|backups|bak|old|dump|database|db|sql|mysql|config|conf|install|setup|phpunit|console|debug|trace|secret|private|passwd|shadow|etc)/?$|~$"
)
"""The same and weaker places, which count only where the platform refused."""

TOOL_PATHS: Final = (
    r"(?i)/nmaplowercheck\d|/nice(?:%20|\s)ports|/tri(?:%6e|n)ity\.txt|acunetix[-_]?wvs|wvstest|/evox/about|netsparker|/w3af|nikto[-\w]*\.(?:html?|php|cgi)"
    r"|openvas|nessus|/nuclei|sqlmap|/arachni|/skipfish|/dirbuster|/burp(?:suite|collaborator)|/jaeles|appscan_fingerprint|/cgi\.cgi/|/gsrm/|/qualys"
)
"""Paths that scanners make up to see what a server says to nonsense, or sign with their names."""

ASSET: Final = (
    r"(?i)\.(?:js|mjs|css|map|png|jpe?g|gif|svg|webp|avif|ico|woff2?|ttf|eot|otf|mp4|webm|mp3|m4a|pdf|json|xml|txt|webmanifest)$"
    r"|/(?:assets|static|images?|img|css|js|fonts?|media|_next)/"
)

ORDINARY_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

SLOT: Final = "10m"
"""Length of the slots in which pages are counted for scraping and networks for one user."""

_HEADERS: Final = r"(?i)\b(?:x-forwarded-for|x-real-ip|x-originating-ip|x-client-ip|x-remote-(?:ip|addr)|true-client-ip|cf-connecting-ip|forwarded)\b[\"']?\s?[:=]\s?[\"']?(?:for=)?[\"']?([0-9a-fA-F.:]{3,45})"

_HEADER_DECIDES: Final = (
    r"(?i)(?:x-forwarded-for|x-real-ip|true-client-ip|forwarded header|client-ip header).{0,200}"
    r"\b(?:not from|spoof\w*|forged|mismatch|untrusted|does not match|differs)\b"
)

_RESERVED: Final = r"^(?:0|10|127|169\.254|192\.168|172\.(?:1[6-9]|2\d|3[01])|2(?:2[4-9]|[34]\d|5[0-5]))\."


def requests(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that are requests, with ``path`` (no host, no query, 512 characters), ``page``, ``slot`` and what the path tells."""
    text = pl.col("url").str.slice(0, 1024).str.replace(r"(?i)^https?://[^/?#]*", "")
    asked = rows.filter(pl.col("url").is_not_null()).with_columns(
        text.str.replace(r"[?#](?s:.*)$", "").str.slice(0, 512).alias("path"),
        text.alias("page"),
        pl.col("at").dt.truncate(SLOT).alias("slot"),
    )
    facts = (
        asked.select("path")
        .unique()
        .with_columns(
            pl.col("path").str.contains(ASSET).alias("asset"),
            pl.col("path").str.contains(PROBED).alias("probed_place"),
            pl.col("path").str.contains(FOREIGN_PLACES).alias("foreign_place"),
            pl.col("path").str.contains(TOOL_PATHS).alias("tool_path"),
            pl.col("path").str.extract(r"/(\d{1,12})/?$", 1).cast(pl.Int64, strict=False).alias("number"),
            pl.int_range(pl.len(), dtype=pl.UInt32).alias("path_id"),
        )
    )
    return asked.join(facts, on="path", how="left", maintain_order="left")


def payload_hits(rows: pl.DataFrame) -> pl.DataFrame:
    """
    Payloads by row: ``address, at, text, where, kinds, hints, status``, oldest first.

    Reads urls, user agents and messages. A message that only repeats method, url and status is read
    once. Messages of data stores are left out: statements are their daily bread.
    """
    store = pl.col("service").fill_null("").str.to_lowercase().str.contains(r"database|postgres|\bdb\b|sql|neon|redis")
    repeats = pl.col("url").is_not_null() & pl.col("message").str.slice(0, 4096).str.contains(
        pl.col("url").str.slice(0, 1024), literal=True
    ).fill_null(False)
    keep = ["address", "at", "status"]
    texts = pl.concat(
        [
            rows.select(*keep, pl.col("url").alias("text"), pl.lit("url").alias("where")),
            rows.select(*keep, pl.col("user_agent").alias("text"), pl.lit("agent").alias("where")),
            rows.filter(~store & ~repeats).select(
                *keep, pl.col("message").alias("text"), pl.lit("message").alias("where")
            ),
        ]
    ).filter(pl.col("text").is_not_null() & (pl.col("text") != ""))
    found = _payloads.payloads(texts)
    return texts.join(found, on=["text", "where"], how="inner").sort("at", "address", "text", maintain_order=True)


def by_address(asked: pl.DataFrame, hits: pl.DataFrame) -> pl.DataFrame:
    """
    One row an address: counts of `requests` and of payloads.

    ``requests``, ``ok_requests``, ``errors``, ``limited`` (429), ``missing`` (distinct paths answered
    404/410/405/403/400), ``rare_missing`` (of them, those that hardly anybody else asked for, so that a broken
    deployment accuses nobody), ``probed`` (distinct `PROBED` paths), ``odd_methods``,
    ``strong`` (texts with strong payloads), ``weak``, ``kinds``, ``busiest`` (most distinct pages in a slot),
    ``busy_slots`` (slots over 40), ``busiest_crew`` (with the same program on its network), ``gap_spread``, ``steps`` (share of numeric ids that follow their predecessor),
    ``web_gap_s`` (median time between requests), ``routes`` (first ten that were refused). *asked* is oldest first.
    """
    status = pl.col("status")
    missed = status.is_in([400, 403, 404, 405, 410, 414, 501])
    population = max(asked["address"].n_unique(), 1)
    rare = (
        asked.filter(missed)
        .group_by("path")
        .agg(pl.col("address").n_unique().alias("_by"))
        .filter(pl.col("_by") <= max(3, population // 50))
        .select("path", pl.lit(True).alias("_rare"))
    )
    # the site's own places: many addresses get them with success
    seen = asked.join(rare, on="path", how="left")
    probed = pl.col("probed_place") & (missed | status.is_null() | ((status != 304) & pl.col("foreign_place")))
    path, number = pl.col("path_id"), pl.col("number").drop_nulls()
    method = pl.col("method").drop_nulls().str.to_uppercase()
    gaps = pl.col("at").diff().dt.total_milliseconds().drop_nulls() / 1000.0
    content = ~pl.col("asset") & (status.is_null() | (status < 400))
    out = seen.group_by("address").agg(
        pl.len().alias("requests"),
        (status < 400).sum().alias("ok_requests"),
        (status >= 400).sum().alias("errors"),
        (status == 429).sum().alias("limited"),
        path.filter(missed).n_unique().alias("missing"),
        path.filter(missed & pl.col("_rare").fill_null(False)).n_unique().alias("rare_missing"),
        path.filter(probed).n_unique().alias("probed"),
        path.filter(pl.col("tool_path")).n_unique().alias("tool_paths"),
        path.n_unique().alias("distinct_paths"),
        method.filter(~method.is_in(ORDINARY_METHODS)).n_unique().alias("odd_methods"),
        gaps.median().alias("web_gap_s"),
        (gaps.std() / gaps.mean()).alias("web_gap_spread"),
        ((number.diff().drop_nulls() == 1).sum() / number.len().clip(lower_bound=20)).alias("steps"),
    )  # fmt: skip
    refused = (
        asked.filter(status >= 400)
        .unique(["address", "path_id"], keep="first", maintain_order=True)
        .group_by("address", maintain_order=True)
        .agg(pl.col("path").head(10).alias("routes"))
    )
    out = out.join(refused, on="address", how="left")
    slots = (
        asked.filter(content)
        .group_by("address", "slot")
        .agg(pl.col("page").n_unique().alias("_pages"))
        .group_by("address")
        .agg(pl.col("_pages").max().alias("busiest"), (pl.col("_pages") > 40).sum().alias("busy_slots"))
    )
    # one program on several machines of a network shares the work: its members are counted together
    crew = (
        asked.filter(content & (pl.col("agent_kind") == "script") & pl.col("network").is_not_null())
        .group_by("network", "user_agent", "slot")
        .agg(pl.col("page").n_unique().alias("_pages"), pl.col("address").unique().alias("address"))
        .filter(pl.col("address").list.len() >= 3)
        .explode("address")
        .group_by("address")
        .agg(pl.col("_pages").max().alias("busiest_crew"))
    )
    slots = slots.join(crew, on="address", how="left").join(_copying(asked), on="address", how="full", coalesce=True)
    kinds = hits.group_by("address").agg(
        pl.col("text").filter(pl.col("kinds").list.len() > 0).n_unique().alias("strong"),
        pl.col("text").filter(pl.col("kinds").list.len() == 0).n_unique().alias("weak"),
        pl.col("kinds").list.explode(empty_as_null=True).drop_nulls().unique().sort().alias("payload_kinds"),
        pl.col("hints").list.explode(empty_as_null=True).drop_nulls().unique().sort().alias("hint_kinds"),
        pl.col("at").filter(pl.col("kinds").list.len() > 0).min().alias("first_payload"),
        pl.col("text")
        .filter(pl.col("kinds").list.len() > 0)
        .str.slice(0, 300)
        .unique(maintain_order=True)
        .head(5)
        .alias("payload_samples"),
    )
    return out.join(slots, on="address", how="left").join(kinds, on="address", how="full", coalesce=True)


GUESSES_TOGETHER: Final = "one user agent fails to log in from many addresses"
COPY_PAGES: Final = 120
"""Distinct pages in ten minutes from which one program on many addresses copies; a person reads forty."""
COPY_DISTINCT: Final = 0.6
"""Distinct pages per request of one address: people come back to the same pages, copiers never."""
COPY_SHARED_OUT: Final = 0.8
"""The same of all the addresses together: people like the same pages, a program shares them out."""
COPY_EACH: Final = 3
"""Distinct pages that an address must have asked for: who opens one or two (a link in a letter) copies nothing."""
COPY_TYPICAL: Final = 4
"""And the median of the group: every member of a program's crew works, of visitors most leave soon."""
COPY_PATHS: Final = 3
"""Paths that hold nine in ten of its requests: people also load files, sessions and messages."""
COPY_ADDRESSES: Final = 3
COPY_MOST_ADDRESSES: Final = 500
"""More addresses with one user agent are the visitors of a common browser; which of them copy cannot be told."""
COPY_KNOWN: Final = 0.01
"""Share of all requests that must name a user; in entries that name nobody, being nobody tells nothing."""


def _copying(asked: pl.DataFrame) -> pl.DataFrame:
    """
    Return ``address, copied`` (pages in ten minutes) of programs that copy the catalogue from many addresses.

    Told by what all requests with one user agent have in common, wherever they come from: nobody is signed in, each
    page is asked for once, and nothing but a few paths. A browser that many people use fails all three. Where any of
    it cannot be seen (no entry names a user, too many addresses), nobody is accused.
    """
    nobody = pl.DataFrame(schema={"address": pl.String, "copied": pl.Int64})
    if asked["user_id"].count() < max(COPY_KNOWN * asked.height, 1):
        return nobody
    by_agent = asked.filter(
        pl.col("user_agent").is_not_null() & pl.col("agent_kind").is_in(["other", "script", "none"])
    )
    # whoever reads like a person is left out, so that a crew with a common browser is not hidden among people
    steady = by_agent.group_by("address").agg(
        pl.len().alias("_asks"),
        pl.col("page").n_unique().alias("_different"),
        pl.col("user_id").is_not_null().any().alias("_someone"),
    )
    people = steady.filter(
        pl.col("_someone")
        | (pl.col("_different") < COPY_DISTINCT * pl.col("_asks"))
        | (pl.col("_different") < COPY_EACH)
    )
    by_agent = by_agent.join(people.select("address"), on="address", how="anti")
    if by_agent.group_by("user_agent").len().filter(pl.col("len") >= COPY_PAGES).is_empty():
        return nobody
    shape = pl.col("path").str.replace_all(r"/(?:\d+|[0-9a-fA-F-]{8,}|[A-Za-z0-9_-]{24,})(/|$)", "/:id$1")
    by_agent = by_agent.with_columns(shape.alias("path"))
    total = by_agent.group_by("user_agent").agg(
        pl.len().alias("_all"),
        pl.col("page").n_unique().alias("_pages"),
        pl.col("user_id").is_not_null().sum().alias("_known"),
        pl.col("address").n_unique().alias("_n"),
    )
    typical = (
        by_agent.group_by("user_agent", "address")
        .agg(pl.col("page").n_unique().alias("_each"))
        .group_by("user_agent")
        .agg(pl.col("_each").median())
    )
    top = (
        by_agent.group_by("user_agent", "path")
        .len()
        .sort("len", descending=True)
        .group_by("user_agent")
        .agg(pl.col("len").head(COPY_PATHS).sum().alias("_top"))
    )
    busiest = (
        by_agent.group_by("user_agent", "slot")
        .agg(pl.col("page").n_unique().alias("_in_slot"))
        .group_by("user_agent")
        .agg(pl.col("_in_slot").max().alias("copied"))
    )
    copiers = (
        total.join(top, on="user_agent")
        .join(busiest, on="user_agent")
        .join(typical, on="user_agent")
        .filter(
            pl.col("_n").is_between(COPY_ADDRESSES, COPY_MOST_ADDRESSES)
            & (pl.col("_each") >= COPY_TYPICAL)
            & (pl.col("copied") >= COPY_PAGES)
            & (pl.col("_pages") >= COPY_SHARED_OUT * pl.col("_all"))
            & (pl.col("_known") <= 0.02 * pl.col("_all"))
            & (pl.col("_top") >= 0.9 * pl.col("_all"))
        )
    )
    return (
        by_agent.join(copiers.select("user_agent", "copied"), on="user_agent")
        .group_by("address")
        .agg(pl.col("copied").max().cast(pl.Int64))
    )


NETWORKS_OF_ONE_USER: Final = 8
"""One person is on two or three networks in ten minutes (home, phone, office), never on eight."""

ADDRESSES_OF_ONE_CLIENT: Final = 10
MOST_ADDRESSES_OF_ONE_CLIENT: Final = 200
"""Between these numbers a group is one client with many addresses; above it is a flood of many machines."""


def shared_clients(asked: pl.DataFrame, tries: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """
    Addresses that behave as one client: ``address, bypass`` (why), ``bypass_addresses`` (how many).

    The signs: one user on many networks at once, or accounts that change theirs with every request; a network or
    line that one program turns through; names, accounts or tokens that are made one after another; one rare user
    agent whose addresses share a limit's refusals on one route, or that fails to log in from many addresses;
    forwarding headers that change with every request. How it looks if the source lied: a client that also changes its
    user agent each time is not seen here, only through its failures.
    """
    parts: list[pl.DataFrame] = []

    def add(frame: pl.DataFrame, why: str) -> None:
        parts.append(
            frame.select("address", pl.lit(why).alias("bypass"), pl.col("_n").cast(pl.Int64).alias("bypass_addresses"))
        )

    users = asked.filter(pl.col("user_id").is_not_null() & pl.col("network").is_not_null())
    spread = (
        users.group_by("user_id", "slot")
        .agg(pl.col("network").n_unique().alias("_nets"))
        .filter(pl.col("_nets") >= NETWORKS_OF_ONE_USER)
        .group_by("user_id").agg(pl.col("_nets").max().alias("_n"))
    )  # fmt: skip
    add(users.join(spread, on="user_id").unique("address", maintain_order=True), "one user on many networks at once")

    add(_line_of_one_user(users), "one user on many addresses of one line at once")
    turned, of_six = _prefix_of_one(asked), pl.col("address").str.contains(":", literal=True)
    add(turned.filter(of_six), "one program on many addresses of one IPv6 prefix, each used once or twice")
    add(turned.filter(~of_six), "one program on many addresses of one network, each used once or twice")
    add(_new_names(asked), "one caller shows another name of itself with every request")
    add(_fresh_accounts(asked), "one program makes itself one account after another, and nobody uses them")
    add(_by_turns(asked), "one program is signed in to many accounts by turns, each below its own limit")
    add(_attack_many.wandering(asked), "accounts come from another network with nearly every request")
    add(_attack_many.renewing(asked), "one session has one token after another made, and asks on with each")
    add(_spellings(asked), "one route under other spellings, for which no limit was written")

    agents = asked.filter(pl.col("user_agent").is_not_null() & ~pl.col("agent_kind").is_in(["crawler"]))
    everybody = max(asked["address"].n_unique(), 1)
    top = (
        agents.group_by("user_agent", "path")
        .agg(pl.len().alias("_top"))
        .group_by("user_agent")
        .agg(pl.col("_top").max())
    )
    groups = (
        agents.group_by("user_agent")
        .agg(
            pl.col("address").n_unique().alias("_n"),
            pl.len().alias("_all"),
            (pl.col("status") == 429).sum().alias("_limited"),
            pl.col("address").filter(pl.col("address").str.contains(_RESERVED)).n_unique().alias("_reserved"),
            pl.col("network").n_unique().alias("_nets"),
        )
        .join(top, on="user_agent")
        .filter((pl.col("_n") >= ADDRESSES_OF_ONE_CLIENT) & (pl.col("_top") >= 0.5 * pl.col("_all")))
    )
    limited = groups.filter(
        (pl.col("_limited") >= 5)
        & (pl.col("_n") <= MOST_ADDRESSES_OF_ONE_CLIENT)
        & (pl.col("_limited") >= 0.02 * pl.col("_all"))
        & ((pl.col("_n") <= max(0.1 * everybody, ADDRESSES_OF_ONE_CLIENT)) | (pl.col("_top") >= 0.9 * pl.col("_all")))
    )
    add(
        agents.join(limited, on="user_agent").unique("address", maintain_order=True),
        "one user agent, one route, a limit met and walked around",
    )
    reserved_all = asked.filter(pl.col("address").str.contains(_RESERVED))["address"].n_unique()
    if reserved_all < 0.5 * everybody:
        invented = groups.filter(
            (pl.col("_reserved") >= ADDRESSES_OF_ONE_CLIENT) & (pl.col("_reserved") >= 0.3 * pl.col("_n"))
        )
        add(
            agents.join(invented, on="user_agent").unique("address", maintain_order=True),
            "addresses that cannot occur on the internet: a forwarding header is believed",
        )

    logins = tries.filter((pl.col("user_agent").is_not_null()) & (pl.col("channel") != "ended"))
    failing = (
        logins.group_by("user_agent")
        .agg(
            pl.col("address").filter(pl.col("outcome") != "ok").n_unique().alias("_n"),
            (pl.col("outcome") != "ok").sum().alias("_bad"),
            (pl.col("outcome") == "ok").sum().alias("_ok"),
        )
        .filter(
            (pl.col("_n") >= ADDRESSES_OF_ONE_CLIENT)
            & (pl.col("_bad") >= 20)
            & (pl.col("_ok") <= 0.05 * pl.col("_bad"))
        )
    )
    add(
        logins.filter(pl.col("outcome") != "ok").join(failing, on="user_agent").unique("address", maintain_order=True),
        GUESSES_TOGETHER,
    )

    header = (
        rows.filter(
            pl.col("message")
            .str.slice(0, 2048)
            .str.contains_any(["x-", "forwarded", "client-ip", "connecting-ip"], ascii_case_insensitive=True)
            .fill_null(False)
        )
        .with_columns(pl.col("message").str.slice(0, 2048).str.extract(_HEADERS, 1).alias("_claimed"))
        .filter(pl.col("_claimed").is_not_null() & (pl.col("_claimed") != pl.col("ip")))
        .group_by("address")
        .agg(pl.col("_claimed").n_unique().alias("_n"), pl.col("user_agent").n_unique().alias("_agents"))
        .filter((pl.col("_n") >= ADDRESSES_OF_ONE_CLIENT) & (pl.col("_agents") <= 1))
    )
    add(header, "forwarding headers name another address with every request")
    told = (
        rows.filter(pl.col("message").str.slice(0, 2048).str.contains(_HEADER_DECIDES).fill_null(False))
        .group_by("address")
        .agg(pl.len().alias("_n"), pl.col("user_agent").n_unique().alias("_agents"))
        .filter((pl.col("_n") >= ADDRESSES_OF_ONE_CLIENT) & (pl.col("_agents") <= 1))
    )
    add(told, "our own service says that a forwarding header decides its limit")
    if "forwarded" in rows.columns:
        claimed = (
            rows.filter(pl.col("forwarded").is_not_null() & (pl.col("forwarded") != pl.col("ip")))
            .group_by("address")
            .agg(pl.col("forwarded").n_unique().alias("_n"), pl.col("user_agent").n_unique().alias("_agents"))
            .filter((pl.col("_n") >= ADDRESSES_OF_ONE_CLIENT) & (pl.col("_agents") <= 1))
        )
        add(claimed, "forwarding headers name another address with every request")
    return (
        pl.concat(parts)
        .sort("bypass_addresses", "bypass", descending=[True, False])
        .unique("address", keep="first", maintain_order=True)
        .sort("address")
    )


ADDRESSES_OF_ONE_LINE: Final = 12
"""One person's devices hold a few addresses of one IPv6 line in ten minutes, never a dozen with one session."""
NAMES_OF_ONE_ADDRESS: Final = 40
"""Different names that one address gives itself in ten minutes; a large office behind one address reuses its own."""
NAME_KEYS: Final = (
    r"(?i)[?&;](?:device|client|session|install(?:ation)?|visitor|anon(?:ymous)?|fingerprint|fp|sid|uid|cid|did|udid|guid|"
    r"api[_-]?key|key|token|account|tenant|app[_-]?instance)(?:[_-]?(?:id|key|name|token|uuid))?=([^&#\s]{4,200})"
)
"""Parameters in which a caller says who it is: what limits may be counted by."""
SPELLINGS_MIN: Final = 3
"""Spellings of one path, beside the usual one, by one address: links and typing give one or two."""
SPELT_MIN: Final = 30
"""Requests under such spellings in the time that was seen."""
SPELT_MOST: Final = 20_000
ODD_SPELLING: Final = r"//|/\.{1,2}/|[A-Z]|%[2-7][0-9A-Fa-f]|;|.+/$"


GREEDY_SHARE: Final = 0.2
"""Share of all requests of ten minutes from which a crawler, whatever its name, takes more than it may."""


def greedy_crawlers(asked: pl.DataFrame) -> list[str]:
    """
    Return addresses of crawlers that ask for `COPY_PAGES` pages and `GREEDY_SHARE` of everything in ten minutes.

    Saying so excuses a walk through the catalogue, not carrying it off. Crawlers of the two great search engines
    from their owners' networks are left alone: they slow down when the site does.
    """
    slots = asked.group_by("slot").agg(pl.len().alias("_everything"))
    crawlers = asked.filter((pl.col("agent_kind") == "crawler") & pl.col("user_agent").is_not_null())
    greedy = (
        crawlers.group_by("user_agent", "slot")
        .agg(pl.len().alias("_asks"), pl.col("page").n_unique().alias("_pages"))
        .join(slots, on="slot")
        .filter((pl.col("_pages") >= COPY_PAGES) & (pl.col("_asks") >= GREEDY_SHARE * pl.col("_everything")))
    )
    callers = crawlers.join(greedy.select("user_agent").unique(), on="user_agent", how="semi")
    known = callers.select("address", "user_agent").unique(maintain_order=True)
    return sorted(set(known.get_column("address").to_list()) - set(_clients.true_crawlers(known)))


def _line_of_one_user(users: pl.DataFrame) -> pl.DataFrame:
    """Return ``address, _n`` of users who ask from many addresses of one IPv6 line (/64) within ten minutes."""
    lines = (
        users.filter(pl.col("network").str.contains(":"))
        .group_by("user_id", "network", "slot")
        .agg(pl.col("address").n_unique().alias("_n"))
        .filter(pl.col("_n") >= ADDRESSES_OF_ONE_LINE)
        .group_by("user_id", "network")
        .agg(pl.col("_n").max())
    )
    return users.join(lines, on=["user_id", "network"]).unique("address", maintain_order=True)


ADDRESSES_OF_ONE_PREFIX: Final = 60
"""Addresses of one network that one program uses in ten minutes: of a /48, which is what one site of one customer gets
(RFC 6177), or of an IPv4 /24, the smallest that is routed, of which nobody but its holder has a quarter."""
USES_OF_ONE_ADDRESS: Final = 4.0


def _prefix_of_one(asked: pl.DataFrame) -> pl.DataFrame:
    """
    Return ``address, _n`` of programs that ask one route from ever new addresses of one network (IPv6 /48, IPv4 /24).

    A house full of people holds as many addresses, but they sign in, go their own ways and come back with the same
    address; and an app that polls asks for the same page again. A crew that copies has few addresses, which all work
    hard; who turns through a whole network does it for what counts addresses. Where entries were lost fewer are seen.
    """
    mine = asked.filter(pl.col("user_agent").is_not_null() & (pl.col("agent_kind") != "crawler")).with_columns(
        pl.coalesce(
            pl.col("address").str.extract(r"^((?:[0-9a-fA-F]{1,4}:){3})", 1),
            pl.when(pl.col("network").str.ends_with("/24")).then("network"),
        ).alias("_prefix")
    )
    mine = mine.drop_nulls("_prefix")
    who = ["_prefix", "user_agent", "slot"]
    top = mine.group_by([*who, "path"]).len("_top").group_by(who).agg(pl.col("_top").max())
    found = (
        mine.group_by(who)
        .agg(
            pl.col("address").n_unique().alias("_n"),
            pl.len().alias("_asks"),
            pl.col("page").n_unique().alias("_pages"),
            pl.col("user_id").count().alias("_known"),
        )
        .join(top, on=who)
        .filter(
            (pl.col("_n") >= ADDRESSES_OF_ONE_PREFIX)
            & (pl.col("_asks") <= USES_OF_ONE_ADDRESS * pl.col("_n"))
            & (pl.col("_top") >= TURNS_SHARE * pl.col("_asks"))
            & (pl.col("_pages") >= TURNS_SHARE * pl.col("_asks"))
            & (pl.col("_known") <= 0.02 * pl.col("_asks"))
        )
        .group_by("_prefix", "user_agent")
        .agg(pl.col("_n").max())
    )
    both = mine.join(found, on=["_prefix", "user_agent"])
    return both.group_by("address").agg(pl.col("_n").max()).sort("address")


def _new_names(asked: pl.DataFrame) -> pl.DataFrame:
    """
    Return ``address, _n`` of callers that name another device, session or key with nearly every request.

    A caller is one address, or one program on several addresses of a network, which shares the names out among them.
    """
    named = asked.select(
        "address", "network", "user_agent", "slot", pl.col("page").str.extract(NAME_KEYS, 1).alias("_name")
    ).drop_nulls("_name")
    names, asks = pl.col("_name").n_unique().alias("_n"), pl.len().alias("_asks")
    many = (pl.col("_n") >= NAMES_OF_ONE_ADDRESS) & (pl.col("_n") >= 0.8 * pl.col("_asks"))
    alone = named.group_by("address", "slot").agg(names, asks).filter(many).select("address", "_n")
    together = (
        named.drop_nulls(["network", "user_agent"])
        .group_by("network", "user_agent", "slot")
        .agg(names, asks, pl.col("address").unique())
        .filter(many)
        .explode("address")
        .select("address", "_n")
    )
    return pl.concat([alone, together]).group_by("address").agg(pl.col("_n").max()).sort("address")


ACCOUNTS_MIN: Final = 15
"""Accounts that one program on one network opens, from which they are opened for the sake of their number."""
MISTYPED: Final = 0.05
"""Part of what they send to open accounts that is refused as wrongly filled in: people mistype, programs do not."""
HOUSE_PATHS: Final = 3
"""And so many different paths of the site they look at: people who are new look round."""
TURNS_ACCOUNTS: Final = 8
"""Accounts that one program on one network is signed in to within ten minutes."""
TURNS_ASKS: Final = 100
TURNS_SHARE: Final = 0.8
"""Part of its requests on one path, and part of its pages that it asks for once: people of one house do neither."""
REGISTER: Final = r"(?i)/(?:register|registration|sign-?up|signups?|create-account|accounts?/(?:new|create))/?$"
USED_SHARE: Final = 0.1
"""Part of its other requests that name a user: who opens an account to use it is signed in from then on."""


def _fresh_accounts(asked: pl.DataFrame) -> pl.DataFrame:
    """
    Return ``address, _n`` of programs that open many accounts and are then signed in to none of them.

    A class or an office that starts together does the same, and uses what it opened; where its entries name nobody it
    is known by forms that are wrongly filled in, and by looking round. Where entries name nobody, that
    cannot be seen, and nobody is accused.
    """
    nobody = pl.DataFrame(schema={"address": pl.String, "_n": pl.UInt32})
    if asked["user_id"].count() < max(COPY_KNOWN * asked.height, 1):
        return nobody
    named = asked.drop_nulls(["network", "user_agent"])
    opens = pl.col("path").str.contains(REGISTER) & pl.col("status").is_between(200, 303)
    who = ["network", "user_agent"]
    makers = (
        named.filter(opens)
        .group_by(who)
        .agg(pl.len().alias("_n"), pl.col("slot").n_unique().alias("_slots"))
        .filter((pl.col("_n") >= ACCOUNTS_MIN) & (pl.col("_slots") >= 2))
    )
    if makers.is_empty():
        return nobody
    rest = (
        named.filter(~opens)
        .join(makers, on=who, how="inner")
        .group_by(who)
        .agg((pl.col("user_id").count() / pl.len()).alias("_used"), pl.len().alias("_asks"))
        .filter((pl.col("_used") <= USED_SHARE) & (pl.col("_asks") >= ACCOUNTS_MIN))
    )
    forms = named.filter(pl.col("path").str.contains(REGISTER) & (pl.col("method") == "POST").fill_null(value=True))
    mistyped = (
        forms.filter(pl.col("agent_kind") == "other")
        .group_by(who)
        .agg(pl.col("status").is_in([400, 409, 422]).mean().alias("_mistyped"))
        .filter(pl.col("_mistyped") >= MISTYPED)
    )
    ways = named.filter(~opens & ~pl.col("asset")).group_by([*who, "path"]).len("_n")
    wander = ways.group_by(who).agg((pl.col("_n").max() / pl.col("_n").sum()).alias("_top"), pl.len().alias("_paths"))
    wander = wander.filter((pl.col("_top") < TURNS_SHARE) & (pl.col("_paths") >= HOUSE_PATHS))
    mine = named.filter(opens).join(makers.join(rest.select(who), on=who, how="semi"), on=who)
    house = mistyped.join(wander.select(who), on=who, how="semi")
    mine = mine.join(house.select(who), on=who, how="anti")
    return mine.group_by("address").agg(pl.col("_n").max()).sort("address")


def _by_turns(asked: pl.DataFrame) -> pl.DataFrame:
    """
    Return ``address, _n`` of programs that ask for one thing over and over, signed in to many accounts by turns.

    An office's people share a network and often a browser, but each goes his own way through the site, and an app
    asks for the same page again. Where entries name no user nobody is accused; cut logs show fewer accounts.
    """
    named = asked.filter(
        pl.col("user_id").is_not_null() & ~pl.col("asset") & (pl.col("status").is_null() | (pl.col("status") != 401))
    ).drop_nulls(["network", "user_agent"])
    who = ["network", "user_agent"]
    busy = (
        named.group_by([*who, "slot"])
        .agg(pl.col("user_id").n_unique().alias("_n"), pl.len().alias("_asks"))
        .filter((pl.col("_n") >= TURNS_ACCOUNTS) & (pl.col("_asks") >= TURNS_ASKS))
    )
    mine = named.join(busy.select([*who, "slot"]), on=[*who, "slot"], how="semi")
    top = mine.group_by([*who, "slot", "path"]).len("_top").group_by([*who, "slot"]).agg(pl.col("_top").max())
    alike = (
        mine.group_by([*who, "slot"])
        .agg(pl.col("page").n_unique().alias("_pages"), pl.len().alias("_asks"))
        .join(top, on=[*who, "slot"])
        .filter((pl.col("_top") >= TURNS_SHARE * pl.col("_asks")) & (pl.col("_pages") >= TURNS_SHARE * pl.col("_asks")))
        .join(busy.select([*who, "slot", "_n"]), on=[*who, "slot"])
    )
    found = mine.join(alike.select([*who, "slot", "_n"]), on=[*who, "slot"])
    return found.group_by("address").agg(pl.col("_n").max()).sort("address")


def _spellings(asked: pl.DataFrame) -> pl.DataFrame:
    """
    Return ``address, _n`` of addresses that ask for one route in several spellings that servers take for the same.

    Letter case, doubled slashes, dots, percent-encoded letters and a slash at the end change nothing for the
    router and make another key for a limit. Ids in paths are left as they are.
    """
    answered = asked.filter((pl.col("status").is_null() | (pl.col("status") < 400)) & ~pl.col("asset"))
    odd = answered.filter(pl.col("path").str.contains(ODD_SPELLING)).group_by("address", "path").len("_asks")
    busy = (
        odd.group_by("address")
        .agg(pl.col("_asks").sum(), pl.len())
        .filter((pl.col("_asks") >= SPELT_MIN) & (pl.col("len") >= SPELLINGS_MIN - 1))
    )
    odd = odd.join(busy.select("address"), on="address").sort("address", "path").head(SPELT_MOST)
    paths = odd.get_column("path").unique(maintain_order=True).to_list()
    routes = pl.DataFrame(
        {"path": paths, "_route": [_plain_path(path) for path in paths]},
        schema={"path": pl.String, "_route": pl.String},
    )
    return (
        odd.join(routes, on="path")
        .group_by("address", "_route")
        .agg(pl.col("path").n_unique().alias("_n"), pl.col("_asks").sum())
        .filter((pl.col("_n") >= SPELLINGS_MIN) & (pl.col("_asks") >= SPELT_MIN))
        .group_by("address")
        .agg(pl.col("_n").max())
        .sort("address")
    )


def _plain_path(path: str) -> str:
    """Return *path* as a router takes it: decoded, in small letters, without doubled slashes and dots."""
    decoded = unquote(path, errors="replace").lower().partition(";")[0]
    return posixpath.normpath("/" + decoded.lstrip("/"))


def agents_of(rows: pl.DataFrame) -> pl.DataFrame:
    """``address, agents`` (up to 5), ``agent_count``, ``agent_kinds``: who an address says it is."""
    distinct = rows.select("address", "user_agent").unique(maintain_order=True)
    kinds = (
        distinct.select("user_agent")
        .unique()
        .with_columns(_clients.agent_kind(pl.col("user_agent")).alias("agent_kind"))
    )
    return (
        distinct.join(kinds, on="user_agent", how="left", nulls_equal=True)
        .group_by("address", maintain_order=True)
        .agg(
            pl.col("user_agent").drop_nulls().sort().head(5).str.slice(0, 300).alias("agents"),
            pl.col("user_agent").drop_nulls().n_unique().alias("agent_count"),
            pl.col("agent_kind").unique().sort().alias("agent_kinds"),
        )
    )
