"""The picture that goes with a message, taken out of an archived report."""

from __future__ import annotations

import base64
import html
import re
from dataclasses import dataclass
from pathlib import Path

from ...evidence import ids

READ_LIMIT = 40 * 1024 * 1024
PREFERRED = (
    "Who is hurt: which routes fail?",
    "Which services log errors, and since when?",
    "How long do answers take, and where?",
    "How do the Worker's invocations end?",
)
"""Questions whose picture says most to people who were just called."""
LAST = "What is the answer?"
"""The bars of the hypotheses: the message's words say that already."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PANEL = re.compile(
    r'<p class="question">(?P<question>[^<]{0,400})</p>(?:(?!<article).){0,4000}?'
    r'<img class="chart" alt="(?P<alt>[^"]*)" src="data:image/png;base64,(?P<png>[A-Za-z0-9+/=]+)">',
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A picture (PNG) with the question that it answers and its description."""

    png: bytes
    question: str
    alt: str


def chart_of(root: Path, incident: str, run: str) -> Chart | None:
    """Return the chart of an archived run that says most; None where it has none or stands on another machine."""
    path = root / ids.incident_id(incident) / ids.run_id(run) / "report.html"
    try:
        if path.stat().st_size > READ_LIMIT:
            return None
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = [_chart(one) for one in _PANEL.finditer(text)]
    good = [one for one in found if one is not None]
    return min(good, key=_rank, default=None)


def _rank(chart: Chart) -> int:
    if chart.question in PREFERRED:
        return PREFERRED.index(chart.question)
    return len(PREFERRED) + (chart.question == LAST)


def _chart(found: re.Match[str]) -> Chart | None:
    try:
        png = base64.b64decode(found["png"], validate=True)
    except ValueError:
        return None
    if not png.startswith(_SIGNATURE):
        return None
    return Chart(png=png, question=html.unescape(found["question"]), alt=html.unescape(found["alt"]))
