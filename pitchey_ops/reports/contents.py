"""The page of links in an export: which runs are inside, and how to check them. It holds no script and no address."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from ..evidence.ledger import Head
from ..panels.safe import CLOSE, FENCE_NOTE, OPEN, html

CSS = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#1b1f23;"
    "background:#fff}code,pre{font-family:ui-monospace,monospace;overflow-wrap:anywhere;white-space:pre-wrap}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.3em .6em;"
    "border-bottom:1px solid #d0d7de}"
)
FILES = (("notebook.ipynb", "notebook"), ("report.json", "report.json"), ("evidence.har.gz", "evidence (HAR 1.2)"))

_PAGE = Markup(
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{digest}'; "
    "base-uri 'none'; form-action 'none'\">"
    '<meta name="viewport" content="width=device-width, initial-scale=1"><title>{incident}</title>'
    "<style>{css}</style></head><body><h1>{incident}</h1>"
    "<p>{runs} archived runs of one incident. Open a report in this browser; it runs nothing and asks nothing.</p>"
    "<table><caption>Runs, oldest first.</caption><thead><tr><th>run</th><th>runbook</th><th>state</th><th>what it "
    "says</th><th>files</th></tr></thead><tbody>{rows}</tbody></table>"
    "<h2>Is it as it was?</h2><p>In this folder:</p><pre>python -m pitchey_ops verify --archive .</pre>"
    "<p>The ledger's head when this was exported: <code>{head}</code>. Compare it with the one that was printed in the "
    "incident's messages, or pass that with <code>--anchor</code>. This page is only a list of links: the runs, the "
    "lines and the ledger are the evidence.</p><p>{note}</p></body></html>"
)


def contents_page(incident: str, head: Head, reports: Sequence[tuple[str, Mapping[str, Any] | None]]) -> str:
    """
    Return the page that links the runs of *incident* by relative addresses.

    Parameters
    ----------
    reports
        (run id, the values of its ``report.json`` or None where that cannot be read), oldest first.
    """
    digest = base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode("ascii")
    return str(
        _PAGE.format(
            digest=digest,
            css=Markup(CSS),  # noqa: S704 - our own words
            incident=incident,
            runs=len(reports),
            rows=Markup("").join(_row(incident, run, report) for run, report in reports),
            head=str(head),
            note=FENCE_NOTE,
        )
    )


def _row(incident: str, run: str, report: Mapping[str, Any] | None) -> Markup:
    links = Markup(", ").join(
        Markup('<a href="{}/{}/{}">{}</a>').format(incident, run, file, words) for file, words in FILES
    )
    runbook, state, summary = _told(report)
    return Markup(
        '<tr><td><a href="{i}/{r}/report.html">{r}</a></td><td>{b}</td><td>{s}</td><td><code>{o}{t}{c}</code></td>'
        "<td>{f}</td></tr>"
    ).format(i=incident, r=run, b=html(runbook, 40), s=html(state, 40), o=OPEN, t=html(summary, 300), c=CLOSE, f=links)


def _told(report: Mapping[str, Any] | None) -> tuple[str, str, str]:
    try:
        assert report is not None
        return str(report["run"]["runbook"]), str(report["verdict"]["state"]), str(report["verdict"]["summary"])
    except (AssertionError, KeyError, TypeError):
        return "?", "unreadable", ""
