# ruff: noqa: E501, S108  (a pattern or a payload is read best on one line)
r"""
Attack payloads in text: undo the encodings, then look for shapes that ordinary text does not have.

Everything runs as columns in polars' own engine (Rust ``regex``, Aho-Corasick): time is linear in the
length of the text whatever the text is, and no text is ever interpreted. A payload is told by the
*shape* that makes it work (a quote followed by a tautology, a tag followed by a handler), never by a
word alone: "select a plan from the list" and "union station" are ordinary.

Two grades: **strong**, which hardly ever occurs by accident, and **weak**, which does now and then.
How it looks if the source lied: a payload that was cut before it reached the log, was sent in a body,
or was encrypted cannot be seen here; no hit therefore never means "no attack".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import polars as pl

from ._sieve import Sieve

HEAD_CHARS: Final = 4096
TAIL_CHARS: Final = 1024
"""Of a longer text only the head and the tail are read; padding cannot make the work grow."""

DECODING_ROUNDS: Final = 3
"""Percent-decoding is undone this many times (double encoding is common, a fourth layer unheard of)."""

NO_BREAK_SPACE: Final = "\u00a0"


def _hex_forms(code: int) -> list[str]:
    two = f"{code:02x}"
    return [f"%{two}", f"%u00{two}", f"\\u00{two}", f"\\x{two}", f"\\u{{{two}}}", f"&#x{code:x};", f"&#{code};"]


def _decoding_table() -> dict[str, str]:
    """All escapes of single ASCII characters, written in lower case, and what they stand for."""
    table: dict[str, str] = {}
    for code in range(128):
        for form in _hex_forms(code):
            table[form] = chr(code)
    for code in range(0x21, 0x7F):
        # overlong UTF-8 in two and three bytes, and the full-width twin of each character
        for form in (
            f"%{0xC0 | code >> 6:02x}%{0x80 | code & 0x3F:02x}",
            f"%e0%{0x80 | code >> 6:02x}%{0x80 | code & 0x3F:02x}",
            "".join(f"%{byte:02x}" for byte in chr(0xFEE0 + code).encode()),
            f"%u{0xFEE0 + code:04x}",
            f"\\u{0xFEE0 + code:04x}",
        ):
            table[form] = chr(code)
    lookalikes = {"\u2215": "/", "\u2216": "\\", "\u2044": "/", "\u02b9": "'", "\u02ba": '"', "\u2032": "'"}
    for twin, plain in lookalikes.items():
        table["".join(f"%{byte:02x}" for byte in twin.encode())] = plain
        table[f"%u{ord(twin):04x}"] = plain
        table[twin] = plain
    table.update({"%a0": " ", "%c2%a0": " ", "%252e": ".", "0x2e0x2e": "..", "..0x2f": "../", "..0x5c": "..\\"})
    named = {
        "lt": "<", "gt": ">", "quot": '"', "apos": "'", "amp": "&", "colon": ":", "lpar": "(", "rpar": ")",
        "newline": "\n", "tab": "\t", "sol": "/", "bsol": "\\", "period": ".", "comma": ",", "nbsp": " ",
        "equals": "=", "semi": ";", "dollar": "$", "lbrace": "{", "rbrace": "}", "grave": "`",
    }  # fmt: skip
    table.update({f"&{name};": char for name, char in named.items()})
    return table


_DECODING: Final = _decoding_table()
_FROM: Final = list(_DECODING)
_TO: Final = list(_DECODING.values())


def bounded(text: pl.Expr) -> pl.Expr:
    """Head and tail of a text: at most ``HEAD_CHARS + TAIL_CHARS`` characters."""
    long = text.str.len_bytes() > HEAD_CHARS + TAIL_CHARS
    return (
        pl.when(long)
        .then(pl.concat_str([text.str.slice(0, HEAD_CHARS), text.str.slice(-TAIL_CHARS, TAIL_CHARS)], separator=" "))
        .otherwise(text)
    )


def decoded(text: pl.Expr) -> pl.Expr:
    """
    Undo percent, unicode, hex and HTML escapes, overlong and full-width forms, and case.

    Control characters stay, so that a header injected after a line break can still be seen.
    """
    out = bounded(text).str.to_lowercase().str.normalize("NFKC")
    for _ in range(DECODING_ROUNDS):
        out = out.str.replace_all(r"&#(x?)0*([0-9a-f]{1,6});?", "&#${1}${2};").str.replace_many(_FROM, _TO)
    return out.str.to_lowercase()


def flattened(text: pl.Expr) -> pl.Expr:
    """
    Make decoded text plain: comments of SQL out, plus and every run of white space one blank, no NULs.

    Where a comment stood the text follows twice, once with a blank for it and once without, because
    both ``union/**/select`` and ``sel/**/ect`` are in use.
    """
    no_nul = text.str.replace_all(r"[\x00\x{200b}-\x{200f}\x{202a}-\x{202e}\x{2060}-\x{2069}\x{feff}\x{ad}]", "")
    opened = no_nul.str.replace_all(r"/\*!\d*\s?([^*]*)\*/", " $1 ")
    apart = opened.str.replace_all(r"/\*[^*]*\*+/", " ")
    joined = opened.str.replace_all(r"/\*[^*]*\*+/", "")
    both = pl.when(apart != joined).then(pl.concat_str([apart, joined], separator=" \u2028 ")).otherwise(apart)
    return both.str.replace_all(r"[+\s\x0b\x{a0}]+", " ").str.replace_all(r"\$\{?ifs\}?(?:\$\d)?", " \u240a ")


_TABLES = r"(?:information_schema|sqlite_master|mysql\.|pg_|sys\.|all_tables|user_tables|dual\b|users?\b|members?\b|accounts?\b|admins?\b|customers?\b|login\b|tbl\w+|\w+_?(?:users?|accounts?|login)\b)"
_END = r"\s*(?:--|#|/\*|;|$|&)"
_COMMENT = r"\s*(?:--|#|/\*|;\s*$|;\s*--)"

_STRONG: Final[dict[str, tuple[str, ...]]] = {
    "sql_injection": (
        # union: with a list, a call, a literal, or between other signs of injection
        r"\bunion\s*(?:all\s*|distinct\s*)?[\s(]*select\s*(?:[\d'\"@(*`~]|null\b|char\b|concat|unhex|hex\b|version|database|user\b|password|load_file|group_concat|\w+\s*\()",
        r"\bunion\s+(?:all\s+|distinct\s+)?select\b[^;]*\bfrom\s+" + _TABLES,
        r"(?:['\")]|\b-?\d+|null)\s*union\s+(?:all\s+|distinct\s+)?select\b",
        r"\bunion\s+(?:all\s+|distinct\s+)?select\s+[\w.]+(?:\s*,\s*[\w.'\"@()]+)+" + _COMMENT,
        r"\bunion\s+all\s+select\b|(?:^|[='\")\d\u2028]\s*)union\s+(?:distinct\s+)?select\s*(?:$|[^a-z ])",
        # tautologies
        r"(?:\bor|\band|\bxor|\|\||&&)\s*\(*\s*['\"]{1,2}[^'\"]{0,30}['\"]{0,2}\)*\s*(?:=|\blike\b|<>|!=|<|>)\s*\(*n?['\"]",
        r"\bor\s+['\"][^'\"]{0,30}['\"]\s+(?:in\s*\(|between\b)|\bor\s+\d+\s+between\s+\d+|\bor\s+\(*(?:a\s*=\s*a|x\s*=\s*x|b=b|y=y|z=z|i=i)\b",
        r"\bor\s+(?:\d+|true)\s*(?:--|#|/\*)|\bor\s+isnull\s*\(|\bor\s+\(exists\b|\b(?:or|and)\s+\w+\s+like\s+(?:char\s*\(|['\"]%)",
        r"['\"]\s+or\s+['\"]\s*$|\bdeclare\s+@\w+\s+\w+|\bexec(?:ute)?\s*\(?\s*(?:@\w|xp\b|sp\b)|\bbegin\s+declare\b|\butl_http\.request\b|\(\s*select\s+top\s+\d|\belt\s*\(\s*-",
        r"['\"`)]\s*\)*\s*(?:or|and|xor|\|\||&&)\s*\(*\s*(?:not\s*)?['\"(]*-?\d+['\")]*\s*(?:=|<>|!=|<|>|\blike\b|\bin\b|\bbetween\b|\bis\b)",
        r"(?:\bor|\band|\bxor|\|\||&&)\s*\(*\s*['\"][^'\"]{0,30}['\"]?\s*(?:=|\blike\b|<>|!=|<|>)\s*\(*\s*['\"]",
        r"\bor\s+\(*\d+\s*(?:=|<>|!=|<|>|\blike\b)\s*\(*\d+",
        r"\b(?:and|or|having|where)\s+\(*(?:not\s+)?(?:0=0|1=[0-3]|2=[12]|3=[1-3]|[4-9]=[4-9]|\d{3,6}=\d{3,6})\b",
        r"['\")]\s*(?:or|and|\|\|)\s*\(*\s*(?:true|not\s+false|false|\d+)\s*(?:--|#|/\*|\)|\bor\b|\blimit\b|['\";]|$)",
        r"(?:['\"\d)]\s*|\b)(?:or|and)\s+(?:\w+\s+)?is\s+(?:not\s+)?null\s*(?:--|#|;|\bor\b|/\*)",
        r"['\")]\s*(?:or|and|\|\||&&)\s*\(?\s*(?:select|exists|ascii|substr\w*|length|mid|sleep|benchmark|ord|char|if)\s*\(",
        r"['\"]\s*\)*\s*(?:or|and)\s+\w+\s*(?:=\s*['\"]|like\s*['\"]|in\s*\(\s*select)",
        r"\|\|\s*\(?\s*\d\s*=\s*\d|['\"]\s*\|\|\s*['\"]?\w*['\"]?\s*(?:=|--|\|\||like)|['\"]\s*\|\|\s*\(\s*select",
        r"(?:^|[=:])\s*['\"]\s?(?:=|-|\^|\*|&|\+|like|<>|!=|\|\|)\s?['\"]",
        r"(?:^|=)['\"]\s?(?:or|and)\b\s?['\"]",
        # a quote that ends the value, and a comment that swallows the rest
        r"[\w=]?['\"]\s*\)*\s*;?\s*(?:--[\s+\-]*|#|/\*)\s*(?:$|&|\u2028)",
        r"['\"]\s*\)+\s*(?:--|#)",
        # stacked statements
        r"['\")\d]\s*;\s*(?:drop|delete|insert|update|alter|create|truncate|exec|execute|declare|shutdown|select|waitfor|grant|copy|merge|begin|call|backup|use)\b",
        r";\s*(?:drop|truncate|alter|create)\s+(?:table|database|user|view|schema|login|procedure|function)\s+(?:if\s+exists\s+)?[\w.\[\]`\"]+(?:\s*\(|"
        + _COMMENT[3:]
        + r"|\s*$|\s+cascade)",
        r"\bdrop\s+(?:table|database)\s+(?:if\s+exists\s+)?[\w.`\"]+\s*(?:;\s*(?:--|#|$)|--|#)",
        r";\s*(?:insert\s+into\s+\w+|delete\s+from\s+\w+\s*(?:where|;|--|$)|update\s+\w+\s+set\s+\w+\s*=|exec(?:ute)?[\s(]+(?:master|xp_|sp_|immediate|\()|declare\s+@|waitfor\s|shutdown\s*(?:--|;|$)|select\s+(?:\w+\s*\(|\*))",
        r"\b(?:insert\s+into\s+[\w.]+\s*(?:\([^)]*\)\s*)?values\s*\(|update\s+[\w.]+\s+set\s+\w+\s*=\s*['\"\d]|delete\s+from\s+[\w.]+\s+where\s+\w+\s*(?:=|like|in\b|<|>))",
        r"\bselect\s+\*\s+from\b|\bselect\s*\(|\(\s*select\s+[@\d'\"(*]|\(\s*select\s+\w+\s*\(|\bselect\s+@@|\(select\s.{1,120}\sfrom\s.{1,80}\)",
        r"\bselect\s+[\w.,\s()*@'\"]{1,200}\s+from\s+(?:information_schema|sqlite_master|mysql\.|pg_(?:catalog|shadow|user|sleep)|sys\.|all_tables|user_tables|dual\b|users\b|master\.\.|sysobjects)",
        r"\bselect\s+(?:pg_sleep|sleep|version|user|database|current_user|system_user|load_file|benchmark|char|chr|concat\w*|case\s+when|if)\s*\(?",
        # functions and catalogues that no visitor names
        r"\b(?:pg_sleep|dbms_pipe\.receive_message|dbms_lock\.sleep|dbms_session\.sleep|utl_http\.request|utl_inaddr\.get_host_\w+|extractvalue|updatexml|load_file|randomblob|load_extension|ctxsys\.drithsx\.sn|dbms_ldap\.init|httpuritype|xmltype|gtid_subset|sys_eval|sys_exec|lo_import|pg_read_file|ascii\s*\(\s*substr\w*|make_set|elt)\s*\(\s*[\w'\"(@~<]",
        r"\bbenchmark\s*\(\s*\d+\s*,|\bsubstr(?:ing)?\s*\(\s*\(?\s*(?:select|@@|version|user|database|password|current)|\bchar\s*\(\s*(?:0x)?\d{1,3}\s*(?:,\s*(?:0x)?\d{1,3}\s*)+\)|\bchr\s*\(\s*\d+\s*\)\s*(?:\|\||\.|,|\s)",
        r"\b(?:xp_cmdshell|xp_dirtree|xp_regread|xp_fileexist|sp_password|sp_executesql|sp_oacreate|sp_configure|xp_subdirs|openrowset|opendatasource)\b",
        r"\binformation_schema\.(?:tables|columns|schemata|\w+)|\bsysobjects\b|\bsyscolumns\b|\bsqlite_master\b|\bsqlite_version\s*\(|\bpg_catalog\.|\bpg_shadow\b|\bmysql\.user\b|\bmsysaccessobjects\b|\bv\$version\b|@@(?:version|servername|datadir|hostname|basedir|global|innodb|secure_file)",
        r"\binto\s+(?:out|dump)file\s*['\"]?|\bwaitfor\s+(?:delay|time)\b\s*['\"(@]|\bprocedure\s+analyse\s*\(|\brlike\s*\(?\s*(?:sleep|\(?select)|\bconvert\s*\(\s*int\s*,|\bcast\s*\(\s*(?:\(?select|version|user|chr|0x|@@|md5|count|concat|database)|\bhaving\s+\d+\s*(?:=|<|>)\s*\d+|\bfloor\s*\(\s*rand\s*\(",
        r"(?:\b(?:and|or|select|if|then|when|xor)\b|['\",;|()])\s*\(?\s*sleep\s*\(\s*\d+\s*(?:[*+/-]\s*\d+\s*)?\)|=sleep\(\d{1,3}\)",
        r"\bif\s*\(.{1,60},\s*sleep\s*\(|\bcase\s+when\s+.{1,80}\bthen\b.{1,80}\b(?:else|end)\b",
        r"['\")]\s*\)*\s*(?:order|group)\s+by\s+[\w,\s.]{1,60}" + _COMMENT,
        r"(?:['\")]\s*|=\s*-?\d+\s+)(?:order|group)\s+by\s+\d+|\b(?:order|group)\s+by\s+\d+(?:\s*,\s*\d+)*\s*(?:--|#|/\*)",
        r"\border\s+by\s+(?:sleep\s*\(|\(select|if\s*\(|case\s+when)",
        r"\bgroup\s+by\s+[\w.,\s]{1,60}\s+having\s+\d",
        r"['\"]\s*\)*\s*(?:limit\s+\d+|offset\s+\d+|like\s+['\"]%|having\s+\d|in\s*\(\s*select)",
        r"['\")\d]\s*(?:rlike|regexp|div|mod|sounds\s+like)\s+\(?\s*(?:select|sleep|\d|['\"])",
        r"\b0x[0-9a-f]{6,}\s*,\s*(?:0x[0-9a-f]+|version|user|database|concat|null|\d)",
        r"['\"]\s*(?:;|\)\s*;)\s*(?:--|#|\w+\s*--)|(?:^|=)\s*\d+\s*(?:--\s*-?|#|;\s*--)\s*$",
        r"(?:^|=)\s*(?:admin|root|user)?['\"]+\)*\s*(?:--|#|/\*|;%)",
    ),
    "nosql_injection": (
        r"\[\s*\$(?:ne|eq|gt|lt|gte|lte|regex|where|in|nin|exists|or|and|not|type|expr)\s*\]",
        r"\{\s*['\"]?\$(?:ne|eq|gt|lt|gte|lte|regex|where|in|nin|exists|or|and|not|expr|function|accumulator)\b['\"]?\s*:",
        r"['\"]\$(?:ne|gt|lt|gte|lte|regex|where|nin|exists)['\"]\s*:",
        r"\$where\s*[:=]|\bthis\.\w+\s*(?:==|\.match\s*\(|!=)|['\"]\s*(?:\|\||&&)\s*(?:this\.|['\"]?\d['\"]?\s*={2})|;\s*(?:return\s+(?:true|this)|while\s*\(\s*(?:true|1)\s*\))|\bdb\.\w+\.(?:find|drop|insert|remove|count)\s*\(",
    ),
    "ldap_injection": (
        r"\*\s*\)\s*\(\s*[|&!]?\s*\(?\s*\w*\s*[=*)]|\)\s*\(\s*[|&]\s*\(?\s*(?:uid|cn|objectclass|password|mail|user\w*)?|\(\s*[|&!]\s*\(\s*\w+\s*=|\*\s*\)\s*\)\s*(?:$|\()|(?:^|=)\s*\*\s*\(\s*[|&]|(?:^|=)\s*(?:admin|\w+)?\s*\*?\s*\)\s*\(\s*\w+\s*=|\bobjectclass\s*=\s*\*",
    ),
    "xss": (
        r"<\s*/?\s*script\s*(?:>|/|$|:|<|\\|\s+(?:[\w:-]+\s*=|src|>|~|/|x\b)|[^\w\s>-])",
        r"<[a-z!/?][^<>]*?[\s/\"'`\x0c]\s?on[a-z]{3,40}\s*=",
        r"(?:[\"'`>/]|^|=)\s*\s?on(?:error|load\w*|click|dblclick|mouse\w+|focus\w*|blur|key\w+|toggle|pointer\w+|animation\w+|transition\w+|begin|end|start|submit|input|change|select\w*|wheel|drag\w*|drop|copy|cut|paste|resize|scroll\w*|message|hashchange|page(?:show|hide)|before\w+|after\w+|finish|bounce|touch\w+|context\w*|invalid|popstate|readystatechange|storage|unload|auxclick|canplay\w*|play\w*|search|show)\s*=\s*[\"'`]?\s*[\w(\[{$/\\+!~%&#;]",
        r"\bj\s?a\s?v\s?a\s?s\s?c\s?r\s?i\s?p\s?t\s?:\s?(?:[\w.$]*\s?[(=`'\"\[;%&!\\/+]|//|/\*|alert|eval|confirm|prompt|document|window|void|top|self|throw|new\b|import|location)",
        r"\b(?:vb\s?script|livescript|mocha)\s?:\s?(?:\w+\s?\(|msgbox|execute)",
        r"data:\s?(?:text/(?:html|javascript|xml)|application/(?:x-javascript|javascript|xhtml)|image/svg\s?xml|image/svg)[;,\s]",
        r"\bsrcdoc\s*=|\bstyle\s*=\s*[\"']?[^\"'>]*(?:expression\s*\(|javascript:|behavior\s*:|-moz-binding)|[:;{]\s*expression\s*\(|-moz-binding\s*:|<!--\s?#(?:exec|include|echo|config|printenv)",
        r"\bdocument\s?\.\s?(?:cookie|location|write(?:ln)?|domain|body|documentelement|url|referrer|getelement\w+|queryselector|createelement|forms|defaultview)\b|\bwindow\s?(?:\.\s?(?:location|name|open|onerror|top|atob|eval|alert)\b|\[\s?['\"])|\blocalstorage\s?[.\[]|\bxmlhttprequest\b|\bstring\s?\.\s?fromcharcode\b|\bfromcharcode\s?\(|\binnerhtml\s?\s?=|\bouterhtml\s?=",
        r"\b(?:alert|prompt|confirm|print)\s?(?:`|\(\s?(?:\d{1,3}\s?\)|\d{5,}|1337|'|\"|`|/|document|xss|string|this|location|self|window|origin|0x|atob|eval|\[|\)\s?[;>'\"<]|1\b|\\))|\b(?:alert|prompt|confirm)\s?(?:\?\.|\.(?:call|apply|bind|valueof))\s?\(|\(\s?(?:alert|confirm|prompt)\s?\)\s?[(`]|=\s?(?:alert|confirm|prompt)\b\s?[;,&`]",
        r"\b(?:eval|settimeout|setinterval|function|atob|import|fetch|unescape|decodeuri\w*)\s?\(\s?(?:['\"`]|\w+\s?[(.+\[]|/)|\bconstructor\s?(?:\.\s?constructor|\[\s?['\"]|\(\s?['\"`])|\[\]\s?\[\s?[(\[{!'\"]|(?:self|top|parent|frames|window|this|globalthis)\s?\[\s?(?:['\"/+`]|\w+\s?\()|\bthrow\s?\[?\s?onerror|\bonerror\s?=\s?(?:alert|eval|prompt)",
        r"<\s?(?:iframe|embed|object|applet|svg|math|frameset|frame|bgsound|isindex|xss|layer|ilayer|meta|base|link|style|xml|video|audio|input|body|form|marquee|details|template|noscript|textarea|image|button|keygen|select|html|animate|set|use|picture|source|track|portal|dialog|foreignobject|plaintext|xmp|listing|comment|noembed)(?:\s|/)[^>]*=",
        r"<\s?(?:iframe|embed|applet|frameset|isindex|svg|math|plaintext|xss|bgsound|marquee)\s?(?:/|>|$|\s)",
        r"<\s?style\s?>[^<]*(?:@import|expression|javascript|\{)|@import\s?(?:url\s?\(|['\"])\s?['\"]?(?:javascript|data|https?|//)",
        r"<\s?(?:img|a|div|td|table|tr|p|b|i|br|span|font|li|ul|h1|center|x|q|s|u)\b[^>]*(?:javascript\s?:|data\s?:|vbscript|style\s?=|\ssrc\s?=\s?[\"']?\s?(?:x\b|#|1\b|0\b|/\b|`|a\b|\.|validate|nonexist)|dynsrc|lowsrc|background\s?=|href\s?=\s?[\"']?\s?(?:java|data|vb))",
        r"[\"']\s?(?:/\s?)?>\s?<\s?/?\s?[a-z]|\+adw-\w*script|adw-script|['\"]\s?[;-]\s?(?:alert|prompt|confirm|eval|print)\b|</(?:title|textarea|style|noscript|template|iframe|xmp|math|svg)\s?>\s?<|<!\[cdata\[|\]\]>|<\?xml-stylesheet|&\{\s?alert|\bxlink:href\s?=|\bformaction\s?=|\bautofocus\b[^=]{0,30}\bon\w+\s?=",
    ),
    "path_traversal": (
        r"(?:\.{2,}[/\\]+){3,}|(?:[/\\%]+\.\.){3,}|(?:=|\./)\.ht(?:access|passwd)\b",
        r"\.{2,}[;/\\]+(?:[./\\;]*[\w-]*[/\\]+)*(?:etc[/\\]|proc[/\\]|var[/\\](?:log|www|lib)|windows|winnt|boot\.ini|win\.ini|root[/\\]|usr[/\\]|home[/\\]|wp-config|\.env|\.git|\.ssh|\.aws|web-inf|meta-inf|inetpub|conf(?:ig)?[/\\.]|passwd|shadow|system32|autoexec|config\.php|database\.yml|secrets?\b|server\.key|php\.ini|apache|web\.config|\.ht|package\.json|app[/\\]etc|opt[/\\]|tmp[/\\]|dev[/\\]|bin[/\\]|c:|localsettings)",
        r"\.{2};/|(?:\.{4,}//+){2,}|(?:\.{2}\\/){2,}|(?:/\.{2}\\){2,}|(?:\.{2}\\){2,}",
        r"(?:^|[/\\=:\s'\"|(<;])/?etc[/\\]+(?:\.?[/\\])*(?:passwd|shadow|group|gshadow|hosts|issue|hostname|crontab|ssh[/\\]|nginx|apache2?|httpd|my\.cnf|resolv\.conf|fstab|sudoers|mysql|php|motd|profile|environment|services|inetd|exports|lsb-release|os-release|redhat-release|network|vsftpd|security|init\.d|rc\.)",
        r"/proc/(?:self|version|cpuinfo|net/|cmdline|mounts|sys/|meminfo|sched_debug|\d+/)|[a-z]:[/\\]+(?:windows|winnt|boot\.ini|inetpub|xampp|users[/\\]|program\s?files|wamp|autoexec|apache|mysql)|\bboot\.ini\b|\bwin\.ini\b|[/\\]system32[/\\]|\bwindows[/\\]+(?:win\.ini|system\.ini|system32|repair|debug|panther)|/var/log/(?:apache|httpd|nginx|auth|mail|messages|syslog|secure|access|error|vsftpd|lastlog|wtmp|faillog|mysql|dmesg|sshd)",
        r"\b(?:php|expect|phar|zip|glob|rar|ogg|ssh2|compress\.zlib)://(?:filter|input|stdin|output|memory|temp|fd|id|ls|whoami|[\w./]+)|php://|\bfile:///?(?:etc|c:|c\||proc|var|root|home|windows|\w+/)|/\.bash_history\b|/\.ssh/|\bid_rsa\b|/(?:web-inf|meta-inf)/\w|data://text|=\s?(?:\\\\|//)[\w.-]+[/\\]+\w+\$?[/\\]",
    ),
    "command_injection": (
        r"(?:;|\||\|\||&&|`|\$\(|\n|\u240a|&\s|%0a)\s?(?:/\S*/)?(?:whoami|ifconfig|ipconfig|netstat|systeminfo|uname|nslookup|wget|printenv|certutil|powershell(?:\.exe)?|cmd\.exe|netcat|mkfifo|busybox|tasklist|getent|tcpdump|lsb_release|hostnamectl|bash|ncat|tftp|telnet)(?:\s|$|[;|&`)'\"#/<>])",
        r"(?:;|\||&|`|\$\(|\n|\u240a|<\(|\{|^|=)\s?(?:/\S*/)?(?:cat|tac|nl|od|ls|dir|find|grep|head|tail|more|less|kill|type|touch|rm|cp|mv|chmod|chown|echo|printf|curl|ping6?|dig|host|nc|sh|zsh|ksh|python[23]?|perl|ruby|php|node|lua|awk|sed|base64|xxd|sleep|ps|id|env|net|route|arp|which|xargs|tee|ln|tar|mail|ssh|scp|ftp|rsync|reg|copy|del|net1?|start|timeout|strings|sort|rev|cut|uname|whoami|wget|nslookup|bash|powershell|systeminfo)(?:\s|,|\u240a)+\s?(?:-{1,2}[a-z0-9]+(?:\s|=|$)|/(?:etc|bin|usr|var|proc|tmp|home|root|dev|c|t|n|\*|\?)\b|\$\(|\$\w+|\.{1,2}/|[a-z]:\\|\\\\|[\w.-]+\.(?:txt|php|ini|sh|exe|conf|log|py|pl|bat|passwd|htm)\b|\d+\s?(?:$|[;&|`)'\"#])|https?://|\d+\.\d+\.\d+\.\d+|\*|%\w+%|localhost|&\d|user\b\s?(?:$|[;&|/]))",
        r"(?:;|\||\|\||&&)(?:id|ls|dir|ps|env|pwd|set|cat|date|w|df|who|users|last|ver|hostname|help)\s?(?:$|[;|&`#'\"\)<>])|[;|]\s?(?:ls|dir|pwd|ps)\s?(?:$|[;|&`#])|\$\((?:id|ls|dir|ps|env|pwd|set|whoami|hostname|date|sleep|ping|cat|curl|wget|nslookup|uname|echo|expr|printf)\b|(?:`|\$\()\s?(?:sleep|ping|cat|curl|wget|nslookup|uname|echo|whoami|ls|hostname|expr)\b[^`)]*(?:`|\))",
        r"(?:^|[=\s;|&`(\"':,])/(?:usr/(?:local/)?)?s?bin/(?:(?:ba|z|da|k|c|tc|a)?sh|cat|ls|id|nc|uname|whoami|ping|wget|curl|perl|python\d?|echo|sleep|ps|env|netstat|chmod|rm|php|touch|kill|tftp|bash)\b|/dev/(?:tcp|udp)/|\bcmd(?:\.exe)?\s?/[ck]\b|\bpowershell(?:\.exe)?\s-|\b(?:nc|ncat|netcat)\s+(?:-\w+\s+)*-\w*[elp]\w*\s|[>&|]\s?/dev/null|[\w'\"`]\s?\u240a\s?\S|\b(?:ba)?sh\s+-[ic]\b|\bchmod\s+(?:-r\s+)?(?:\+x|[ugoa]*\+[rwx]+|[0-7]{3,4})\s|\brm\s+-[rf]{1,3}\b|\bbase64\s+(?:-d|--decode)|\bpython\d?\s+-c\b|\bperl\s+-e\b|\bphp\s+-r\b|\bruby\s+-r?e\b|\bping\s+-[cniw]\s?\d+|\b(?:wget|curl)\s+(?:-\S+\s+)*['\"]?(?:https?|ftp|tftp)://|\bnet\s+(?:user|localgroup)\b\s?(?:/|$|\w+\s\w+\s?/)|\bnslookup\s+(?:-\S+\s+)?[\w.-]+\.[a-z]{2,}|\bcat\s+/\w",
        r"(?:^|=)\s?(?:[;|&]|\|\||&&)\s?(?:id|ls|dir|ps|env|pwd|whoami|uname|hostname|ifconfig|ipconfig|netstat|date|w|set|ver)\s?(?:$|[;|&#`])|[;|]\s?(?:id|ls|ps|env|pwd)\s?[;|\\]|\bnetsh\s+(?:adv)?firewall|\breg\s+(?:add|query|save)\s+['\"]?hk|[;|&]\s?net\s+(?:view|share|start|group)\b|\b(?:netstat|uname)\s+-\w|\bifconfig\s+-a",
        r"\(\)\s?\{\s?(?::|_|[\w\s'\"]*)\s?;?\s?\}\s?;?|\$\(\(\s?\d+\s?[*+]\s?\d+|\becho\s+-?[en]*\s?\\x[0-9a-f]{2}|\{(?:cat|ls|ping|curl|wget|echo|nc|sleep|id),",
        r"(?:[;|&`]|\$\()\s?\S{0,4}?(?:c['\"\\]+a['\"\\]*t|w['\"\\]+h['\"\\]*o['\"\\]*|who[$'\"\\@]+ami|l['\"\\]+s|/\?\?\?/|/b[?*]n|p['\"\\]+i['\"\\]*n)[\s'\"\\/?amigst]",
    ),
    "code_injection": (
        r"\b(?:system|exec|passthru|popen|proc_open|pcntl_exec|assert|call_user_func|create_function|preg_replace|include|require(?:_once)?|readfile|file_get_contents|fopen|show_source|highlight_file|var_dump|print_r|md5|die|echo)\s?\(\s?(?:['\"$]|\w+\s?\(|id\b|ls\b|chr\b|base64|getcwd|\\)",
        r"\$\{\s?@?(?:phpinfo|sleep|print|system|exec|eval|passthru)\s?\(|\b(?:var_dump|print_r|md5|sha1|die|print)\s?\(\s?\d{4,}\s?\)|\b(?:shell_exec|phpinfo|phpversion|base64_decode|gzinflate|str_rot13|file_put_contents|php_uname|hex2bin|call_user_func_array|invokefunction|get_loaded_extensions|disk_total_space)\b\s?(?:\(|&|$)|<\?(?:php\b|=|\s?(?:system|echo|eval|exec|@|phpinfo|print))|<%\s?(?:=|@|eval|response|runtime|out\.|system|if|exec)|allow_url_include|auto_prepend_file|\$_(?:get|post|request|cookie|server|files|session)\s?\[|\bglobals\s?\[",
        r"\bruntime\s?\.\s?getruntime|java\.lang\.(?:runtime|processbuilder|system|string|class|math)|\bprocessbuilder\b\s?\(|\bos\s?\.\s?(?:system|popen|execve?|environ)\b\s?[(\[.]?|\bsubprocess\s?\.\s?(?:popen|call|check_output|run)|__import__\s?\(|\bchild_process\b|\brequire\s?\(\s?['\"](?:child_process|fs|os|net)|process\.(?:mainmodule|env|binding|exit)|\bfile\.(?:read|open)\s?\(|io\.popen\s?\(|class\.module\.classloader|\bclass\.classloader|response\.write\s?\(|createobject\s?\(|wscript\.shell|\bglobal\.process|new\s+java\.|\bscriptengine\w*|getclass\s?\(\s?\)|\.forname\s?\(|\bredirect:\s?[$%]\{|\bmemberaccess\b",
        r"__proto__\s?(?:\[|\.|\]|['\"]\s?:)|constructor\s?\[\s?['\"]?prototype|constructor\.prototype\b|\bo:\d+:\"[\w\\]+\":\d+:\{|\ba:\d+:\{[is]:|\baced0005\b|\bro0abx?[a-z0-9+/]|!!python/|!!javax?\.|\byaml\.load|\bpickle\.loads|\bcos\s+system\b|\btypeobject\b|\$type['\"]\s?:\s?['\"]system\.|@type['\"]\s?:\s?['\"](?:com\.|java\.|org\.)|\b_\$\$nd_func\$\$_",
    ),
    "ssrf": (
        r"169\.254\.169\.254|\b0xa9fea9fe\b|\b2852039166\b|0251\.0376\.0251\.0376|\[?::ffff:a9fe:a9fe|fd00:ec2::254|100\.100\.100\.200/latest|metadata\.google\.internal|\binstance-data\b|/latest/(?:meta-data|user-data|dynamic/instance)|computemetadata/v1|metadata/instance\?api|\bmetadata\.(?:azure|packet|nicira)|192\.0\.0\.192/latest|/opc/v[12]/instance|kubernetes\.default\.svc",
        r"\b(?:gopher|dict|netdoc|tftp|ldaps?|sftp|jar:https?)://?[\w\[.*%$({:/-]",
        r"(?:[=,(:\"']|^)\s?(?:url:)?(?:https?|ftp):/{1,3}(?:[^/?#&\s@]*@)?(?:127\.\d|127\.1\b|localhost|localhost\.\w+|0\.0\.0\.0|0/|0:\d|10\.\d+\.\d+\.\d+|192\.168\.\d+\.\d+|172\.(?:1[6-9]|2\d|3[01])\.\d+\.\d+|\[[0-9a-f:.%]*\]|0x7f|0x[0-9a-f]{8}\b|2130706433|3232235\d{3}|\d{8,10}[/:]|0177\.|017700000001|[①②③④⑤⑥⑦⑧⑨⓪]|[\w.-]+\.(?:nip|xip|sslip)\.io|localtest\.me|lvh\.me|[\w.-]*\.?(?:internal|local|localdomain|intranet|corp)\b|\w+-?\w*:\d{2,5}/|spoofed\.|[\w.-]+\.(?:burpcollaborator\.net|oastify\.com|interact\.sh|oast\.\w+|interactsh\.com|dnslog\.\w+|ceye\.io|requestbin\.\w+|r87\.(?:me|com)|bxss\.me))",
        r"\b(?:burpcollaborator\.net|oastify\.com|interact\.sh|oast\.(?:me|pro|live|site|online|fun)|dnslog\.cn|ceye\.io|bxss\.me|r87\.me|acunetix\.wvs)",
        r"(?:[=,]|^)\s?(?:127\.0\.0\.1|localhost)(?::\d+|/|$)|(?:[=]|^)\s?file:/",
    ),
    "jndi_lookup": (
        r"\$\{\s?(?:jndi|lower|upper|env|sys|java|base64|ctx|log4j|main|k8s|docker|web|bundle|marker|map|sd|spring|date|event|:)\s?:",
        r"\$\{[^{}]*\$\{|\$\{[^{}]*:-[^{}]*\}|\bjndi\s?:\s?(?:ldaps?|rmi|dns|iiop|corba|nis|nds|https?)|\$\{\s?j\S*\{",
    ),
    "template_injection": (
        r"\{\{\s?[^{}]*?(?:['\"]?\d+['\"]?\s?[*+/\s-]\s?['\"]?\d|\b_?self\b|\bconfig\b|\brequest\s?[.\[|]|__\w+__|\bconstructor\b|\$on\.|\['|\bcycler\b|\blipsum\b|\bjoiner\b|\bnamespace\b|\bpopen\b|\battr\s?\(|\|\s?(?:filter|map|sort|attr|join|system)\b|\bsettings\.|\bapp\.request|\bphpinfo|\brange\s?\(|\bdump\s?\(|\bget_flashed|\burl_for\b|\$eval|\balert\s?\(|\.getclass|\bthis\b|#with|\beval\b|['\"]\s?\.\s?\w+\s?\()",
        r"\$\{\s?[^{}]*(?:['\"]?\d+['\"]?\s?[*+]\s?['\"]?\d|\bt\s?\(|\bruntime\b|\bclass\b|\bgetclass\b|\bnew\s|\.\w+\(|@print|\bproduct\b|\bsystem\b|\"\s?\.|#\w+|self\.)|\$\{\s?\{|\$\{\s?(?:session|application|request|header|param|pagecontext)[.\[]",
        r"[#*@]\{\s?(?:\d+\s?[*+]\s?\d|['\"]?\w+['\"]?\s?\*\s?\d|t\s?\(|`|system|%x|file|io\b|#)|<%=?\s?[^%]*(?:\d+\s?\*\s?\d|system|file|dir|global)|#set\s?\(\s?\$|#(?:foreach|include|evaluate)\s?\(|@\(\s?\d+\s?[*+/\s-]\s?\d|@\{\s?\d+\s?\*|\{\s?\d+\s?\*\s?['\"]?\d+['\"]?\s?\}|\{%-?\s?(?:for|if|import|include|set|debug|extends|block|raw|with|macro|from)\b|\{/?php\}|\{\$smarty|\[\[\s?\$\{|__\$\{|\{@\w+|<#(?:assign|list|if|include)|\$\w+\.(?:inspect|class\.)|~\[\[?\d|\{#\s?\d|\{if\s+\w+\(|\{system\(|\{\{\{",
        r"%\{\s?(?:\(|#|\d+\s?\*|@|['\"]|\$|\w+\.)|\(\s?#\w+\s?=|@(?:java|ognl|org)\.|__(?:class|mro|subclasses|globals|builtins|base|bases|init|import|getattribute|dict)__",
    ),
    "xxe": (
        r"<!\s?entity\b|<!\s?doctype\s+\w+\s?(?:\[|system|public\s+['\"][^'\"]*['\"]\s?['\"]?(?:file|http|expect|ftp)|\S*\s+system)|\bxi:include\b|xmlns:xi\b|<\?xml[^>]*\?>\s?<!|<!\[cdata\[\s?<|xsi:schemalocation\s?=\s?['\"]?http",
    ),
}

_WEAK: Final[dict[str, tuple[str, ...]]] = {
    "sql_injection": (
        r"['\"]\s*\)*\s*--\s",
        r"\border\s+by\s+\d+\s*$",
        r"\bsleep\s*\(\s*\d+\s*\)",
        r"['\"]\s*(?:or|and)\s+\w+\s*(?:=|<|>)",
        r"\bdrop\s+table\s+\w+\s*(?:;|$)",
        r"\bunion\s+(?:all\s+)?select\b",
        r"\bselect\b[^'\"]{1,60}\bfrom\b[^'\"]{1,60}\bwhere\b\s+\w+\s*=",
        r"(?:^|=)\s*['\"`]+\s*\)*\s*(?:$|&)",
    ),
    "xss": (
        r"<\s?(?:img|a|div|td|table|p|b|i|br|span|font|h1|u|marquee|script)\b[^>]*(?:=|>)",
        r"\balert\s?\(",
        r"\bjavascript\s?:\s?\S",
    ),
    "path_traversal": (r"(?:\.{2}[/\\]+){2}", r"/\.{2}/"),
    "command_injection": (r"`(?:id|ls|dir|pwd)`", r"[;|]\s(?:id|env|whoami)\s?$"),
    "template_injection": (r"\$\{[^{}]*\}\s?$", r"\{\{[^{}]*\}\}"),
    "ssrf": (r"=\s?https?://\d+\.\d+\.\d+\.\d+",),
}

_NEW_LINE_COMMAND: Final = (
    r"(?:[\r\n]|\\[rn])\s*(?:/[\w/]*/)?(?:id|ls|dir|ps|env|whoami|uname|ifconfig|ipconfig|netstat|pwd|hostname|cat /\S+|ping -\w \d+|sleep \d+"
    r"|curl \S+|wget \S+|nslookup \S+)\s*(?:$|[;|&#`\r\n\\\"'])"
)

_QUOTED_COMMAND: Final = r"`\s?(?:id|ls|dir|pwd|ps|env|uname|hostname|date)\s?`"

_CRLF: Final = (
    r"[\r\n][\s\x00]*(?:set-cookie|location|content-length|content-type|x-[\w-]+|refresh|transfer-encoding|host|link)\s*:"
    r"|[\r\n]+\s*(?:http/[12]|<\s*(?:script|html|svg|img)|get /|post /)"
)

_REDIRECT_HOME: Final = (
    r"\b(?:redirect\w*|return\w*|next|callback\w*|continue|origin|success_url|cancel_url|state|ref|referr?er|logout_uri"
    r"|post_logout_\w+)=https?://(?:localhost|127\.0\.0\.1)(?::\d+)?(?:/[\w/-]*)?(?:&|$)"
)
"""Where a developer's own sign-in comes back to: an address of this machine, yet nobody's attack."""

_SIGNS: Final = [
    "%0", "%1", "%22", "%23", "%24", "%25", "%26", "%27", "%28", "%29", "%2a", "%2e", "%2f", "%3b", "%3c", "%3e", "%4", "%5", "%6", "%7",
    "%a0", "%c0", "%c1", "%ca%", "%e0%8", "%e2%8", "%ef%bc", "%u", "%%", "%20or%20", "%20and%20", "%20||", "%20-", "order%20by", "drop%20",
    "cat%20", "ping%20", "wget%20", "curl%20", "id%20", "%23", "=%20", "'", '"', "<", "..", ";", "|", "$", "{", "(", "`", "\\", "&#", "&lt", "--", "[$", "__", "/etc/", "://", "/bin/",
    "/proc/", " or ", "+or+", " and ", "+and+", "union", "select", "drop ", "jndi", "=/", "=.", "*)", "boot.ini", "win.ini", "=localhost",
    "ro0ab", "aced0005", "phpinfo", "classloader", "allow_url", "order by", "order+by", "/dev/tcp", "+adw-", "sleep",
    "ping -", "wget ", "curl ", "cat ", "id_rsa", "bash_history", "metadata", "meta-data", "web-inf", "xp_", "=127.", "fromchar",
    "waitfor", "objectclass", "proto", "&&", "whoami", "powershell", "cmd.exe", "/var/log/", "&function", "& ",
]  # fmt: skip
"""A text without any of these cannot match a pattern, so it is never decoded."""

_SIGNS_IN_PROSE: Final = [
    "%2", "%3", "%5", "%7", "%0", "%c", "%u", "' o", "' a", "' u", "' -", "' |", "' &", "' l", "' h", "' g", "' i", "' r", "' =", "' <", "' )", "'-", "')", "';", "'|", "'=", "\" or", '"or', '">', "<", "../", "..\\", "..;", "${", "#{",
    "*{", "%{", "{{", "{%", "`", "\\u00", "\\x", "&#", "&lt", "[$", '"$', "__", "/etc/", "/bin/", "/proc/", " or 1", "+or+",
    "||", "&&", "union", "select", "drop ", "jndi", "*)", ")(", "boot.ini", "win.ini", "ro0ab", "aced0005", "phpinfo",
    "classloader", "/dev/tcp", "+adw-", "sleep", "169.254", "gopher:", "dict:", "file:/", "php:", "javascript:", "onerror",
    "onload", "alert(", "document.", "eval(", "system(", "exec(", "wget ", "curl ", ";id", ";ls", "; ls", ";cat", "; cat", "|id",
    "| id", "| cat", "|cat", "|ls", "$(", "() {", "(){", "waitfor", "information_schema", "@@version", "xp_cmd", "metadata.google",
    "meta-data", "order by", "' #", "'#", "'/*", "os.system", "child_process", "web-inf", "id_rsa", "#set", "oast", "' and", "and 1=",
    "having 1", "data:text", "burpcollab", "insert into", "delete from", "; ping", ";ping", "whoami", "ping -c", "bash_history",
    "$where", "fromchar", "http://127", "http://localhost", "benchmark(", "=*)", "objectclass", "1=1", "extractvalue", "updatexml", "procedure analyse", "into outfile",
    "into dumpfile", "cast(", "substr(", "substring(", "convert(", "'='", "/var/log/", "expect://", "%e2", "%ef", "uname", "/tmp/", "nslookup",
    "python -c", "net user", "powershell", "cmd.exe", "& ping", "|dir", ":{s:", "{php}", "return true", "rlike", "group_concat", "['alert", "window[",
    "and (", "fetch(", "constructor", "\\\\", ":windows", ":\\windows", "0x7f",
]  # fmt: skip
"""The same for log messages, which are full of quotes and brackets: only what a pattern could need."""


_ASCII: Final = {"w": "0-9a-z_", "d": "0-9", "s": " \\t-\\r"}


def ascii_only(pattern: str) -> str:
    r"""The pattern with ``\w \d \s \b`` for ASCII only: a tenth of the automaton, and Unicode needs none of it."""
    out: list[str] = []
    in_class = False
    at = opened = 0
    while at < len(pattern):
        char = pattern[at]
        pair = pattern[at : at + 2]
        if char == "\\":
            inside = _ASCII.get(pair[1])
            if inside is not None:
                out.append(inside if in_class else f"[{inside}]")
            elif pair[1] == "S":
                out.append(f"[^{_ASCII['s']}]")
            elif pair[1] == "b" and not in_class:
                out.append(r"(?-u:\b)")
            else:
                out.append(pair)
            at += 2
            continue
        if char == "[" and not in_class:
            in_class, opened = True, at + (2 if pattern[at + 1 : at + 2] == "^" else 1)
        elif char == "[":
            char = r"\["
        elif char == "]" and in_class and at > opened:  # one that comes first is a character of the class
            in_class = False
        out.append(char)
        at += 1
    return "".join(out)


def _either(patterns: Iterable[str]) -> str:
    return "|".join(f"(?:{ascii_only(pattern)})" for pattern in patterns)


KINDS: Final[tuple[str, ...]] = (*_STRONG, "crlf_injection")
"""Every kind of payload that can be told apart."""


def may_hold_payload(text: pl.Expr, *, prose: bool = False) -> pl.Expr:
    """Whether a text is worth decoding; one linear pass over many literals."""
    return bounded(text).str.contains_any(_SIGNS_IN_PROSE if prose else _SIGNS, ascii_case_insensitive=True).fill_null(
        False
    ) | (text.str.len_chars() != text.str.len_bytes()).fill_null(False)


_OUTSIDE: Final = _STRONG["ssrf"][:2] + _STRONG["ssrf"][3:4]
_OF_PLAIN: Final = Sieve(
    {
        **{f"strong_{kind}": _either(patterns) for kind, patterns in _STRONG.items()},
        **{f"weak_{kind}": _either(patterns) for kind, patterns in _WEAK.items()},
        "outside": _either(_OUTSIDE),
        "quoted": _QUOTED_COMMAND,
    }
)
_OF_DECODED: Final = Sieve({"new_line": _NEW_LINE_COMMAND, "crlf": _CRLF})


def _columns(seen: pl.DataFrame) -> dict[str, pl.Series]:
    """Columns ``strong_KIND`` and ``weak_KIND`` of texts (``_plain``, ``_decoded``) found at ``where``."""
    plain, decoded_ = _OF_PLAIN.on(seen["_plain"]), _OF_DECODED.on(seen["_decoded"])
    loud = seen["where"] == "message"
    out = {f"strong_{kind}": plain.matches(f"strong_{kind}") for kind in _STRONG}
    out["strong_ssrf"] = plain.matches("outside").zip_with(loud, out["strong_ssrf"])
    for kind in _WEAK:
        out[f"weak_{kind}"] = plain.matches(f"weak_{kind}") & ~loud
    out["strong_command_injection"] |= ~loud & (decoded_.matches("new_line") | plain.matches("quoted"))
    out["strong_crlf_injection"] = decoded_.matches("crlf") & ~loud
    return out


def payloads(texts: pl.DataFrame) -> pl.DataFrame:
    """
    Tell which texts hold attack payloads, and of which kinds.

    Parameters
    ----------
    texts
        Columns ``text`` and ``where``: ``url`` (scheme and host are left out of account), ``agent``,
        ``message`` (a log line of our own that may quote a visitor: stricter) or ``text`` (a bare
        value, as in a payload list). Any length, any characters; null is no payload.

    Returns
    -------
    DataFrame
        One row for each distinct text and place in which something was found: ``text``, ``where``,
        ``kinds`` (strong), ``hints`` (kinds seen weakly only); in the order of *texts*.
    """
    raw, where = pl.col("text"), pl.col("where")
    worth = (
        texts.select("text", "where")
        .drop_nulls()
        .unique(maintain_order=True)
        .filter(
            pl.when(where == "message")
            .then(may_hold_payload(raw, prose=True))
            .when(where == "text")
            .then(pl.lit(True))
            .otherwise(may_hold_payload(raw))
        )
    )
    bare = (
        pl.when(where == "url")
        .then(bounded(raw).str.replace(r"(?i)^https?://[^/?#]*", ""))
        .when(where == "text")
        .then(pl.concat_str([pl.lit("="), bounded(raw)]))
        .otherwise(bounded(raw))
    )
    seen = (
        worth.with_columns(bare.alias("_bare"))
        .with_columns(decoded(pl.col("_bare")).alias("_decoded"))
        .with_columns(flattened(pl.col("_decoded")).str.replace_all(_REDIRECT_HOME, "&").alias("_plain"))
    )
    seen = seen.with_columns(**_columns(seen))
    strong = [pl.when(pl.col(f"strong_{kind}")).then(pl.lit(kind)).otherwise(None) for kind in KINDS]
    weak = [
        pl.when(pl.col(f"weak_{kind}") & ~pl.col(f"strong_{kind}")).then(pl.lit(kind)).otherwise(None) for kind in _WEAK
    ]
    return (
        seen.with_columns(
            pl.concat_list(strong).list.drop_nulls().alias("kinds"),
            pl.concat_list(weak).list.drop_nulls().alias("hints"),
        )
        .filter((pl.col("kinds").list.len() > 0) | (pl.col("hints").list.len() > 0))
        .select("text", "where", "kinds", "hints")
    )


def payload_kinds(text: str, *, where: str = "text") -> tuple[str, ...]:
    """
    Kinds of attack payload in one *text*, none if it looks ordinary (strong evidence only).

    Examples
    --------
    >>> payload_kinds("1' or '1'='1")
    ('sql_injection',)
    >>> payload_kinds("Select a plan from the list")
    ()
    """
    clean = text.encode("utf-8", "replace").decode("utf-8")
    found = payloads(pl.DataFrame({"text": [clean], "where": [where]}, schema={"text": pl.String, "where": pl.String}))
    return tuple(found["kinds"][0]) if found.height else ()
