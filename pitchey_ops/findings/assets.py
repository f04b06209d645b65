"""Does the real page load: are its assets there, and are they light, compressed and cached?"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from ._requests import spans, z_score
from .case import Case, observation_ids

RULE = "assets"
SIGNALS = ("assets_missing", "assets_heavy", "chunk_errors")
GONE = ("missing", "html_instead", "error")
COMPRESSIBLE = ("text/", "application/javascript", "application/json", "image/svg", "application/wasm", "font/ttf")
UNCOMPRESSED_MIN = 20 * 1024
"""Text assets from this size (bytes) should come compressed; below, compression gains little."""
LARGE = {"script": 350 * 1024, "style": 150 * 1024, "image": 1024 * 1024, "other": 1024 * 1024}
"""Bytes on the wire by role from which one asset is large: about a second on the 3G-like line of Lighthouse 12."""
TOTAL_SCRIPT = 1024 * 1024
DAY_S = 86_400
HASHED = re.compile(r"[.-][0-9a-zA-Z_-]{8,}\.[a-z0-9]{2,5}$")
"""A name with a hash of its content never changes, so it should be cached for long."""
EDGE_ASSET = r"(?i)\.(?:js|mjs|css|png|jpe?g|webp|avif|svg|woff2?|ico|json)$"
Z_CLEAR = 5.0
API = r"^/(?:api|graphql|v\d+|ws|trpc|rpc)(?:/|$)"
UNASKED_MIN = 50.0
"""Pages and files on each side, from which their ratio is a habit of the page."""
UNASKED_SHARE = 0.4
UNASKED_STRENGTH = 0.7
"""What is not asked for may lie in a cache, too: less than a file that is refused."""
CLIENTS_OWN = (408, 412, 416, 429, 499)
"""Refusals of a file that are the client's doing or a limit; every other one leaves the page without the file."""


def assets(case: Case) -> RuleResult:
    """
    Report assets of the start page that are missing, and those that make it heavy; and 404s of assets at the edge.

    A single-page host answers an unknown path with its index page and 200: HTML in place of a script is missing
    (so a host that lies is caught). One look from one place: an asset that only some visitors miss may be there
    for us, which is why "all there" gives no signal. `NotChecked` when neither the page nor the edge was read. A
    page without assets (empty, or not ours) is told, not called sound; assets that were not asked for lack of
    time are counted as not read. Content is never looked at beyond its size and type.
    """
    page, looked = case.one("frontend/page"), case.one("frontend/assets")
    told = () if case.frames.edge.is_empty() else (_edge(case), _unasked(case))
    found = [one for one in told if one is not None]
    if page is None and looked is None and not found:
        return NotChecked(rule=RULE, because=case.why_missing("frontend/page", "cloudflare_api/traffic"))
    if page is not None and page.value.status >= 400:
        found.append(_page_fails(page))
    if looked is None:
        return found if found else NotChecked(rule=RULE, because=case.why_missing("frontend/assets"))
    found += _missing(looked)
    found += heavy(looked)
    if not any(finding.signals for finding in found):
        found.append(
            Finding(
                id=f"{RULE}/there",
                rule=RULE,
                claim=f"All {len(looked.value)} assets of the start page that were read are there",
                severity=Severity.INFO,
                evidence=(looked.id,),
                data={"read": len(looked.value), "share": looked.coverage.share},
            )
        )
    return found


def _page_fails(page: Any) -> Finding:
    return Finding(
        id=f"{RULE}/page",
        rule=RULE,
        claim=f"The start page itself answers {page.value.status}",
        severity=Severity.CRITICAL,
        at=page.at,
        evidence=(page.id,),
        signals=(Signal(name="assets_missing", strength=0.5),),
    )


def _missing(looked: Any) -> list[Finding]:
    gone = [asset for asset in looked.value if asset.problem in GONE]
    if not gone:
        return []
    code = [asset for asset in gone if asset.role in ("script", "style")]
    signals = [Signal(name="assets_missing", strength=1.0 if code else 0.5)]
    if any(asset.role == "script" for asset in gone):
        signals.append(Signal(name="chunk_errors", strength=0.6))
    names = ", ".join(_name(asset.url) for asset in gone[:4])
    return [
        Finding(
            id=f"{RULE}/missing",
            rule=RULE,
            claim=f"{len(gone)} of {len(looked.value)} assets of the start page are not served: “{names}”",
            severity=Severity.CRITICAL if code else Severity.WARNING,
            at=looked.at,
            evidence=(looked.id,),
            signals=tuple(signals),
            data={"assets": [{"url": a.url, "status": a.status, "problem": a.problem, "role": a.role} for a in gone]},
        )
    ]


def advice(asset: Any) -> list[str]:
    """Return what is wrong with an asset that was served, in words; ``[]`` when nothing is."""
    if asset.problem == "too_large":
        return ["larger than what is read at all (8 MB)"]
    if asset.problem is not None or asset.size_bytes is None:
        return []
    said = []
    wire = on_the_wire(asset)
    text = asset.media_type.startswith(COMPRESSIBLE)
    if text and asset.encoding is None and asset.size_bytes >= UNCOMPRESSED_MIN:
        said.append("not compressed")
    if wire > LARGE.get(asset.role, LARGE["other"]):
        said.append(f"large: {wire / 1024:,.0f} kB on the wire")
    if HASHED.search(urlsplit(asset.url).path) and _max_age_s(asset.cache_control) < DAY_S:
        said.append("its name holds a hash, but it is not cached for long")
    if (asset.cache_status or "").upper() == "BYPASS":
        said.append("bypasses the edge's cache")
    return said


def on_the_wire(asset: Any) -> int:
    """Return the bytes that were transferred, as far as the answer told; else those after decompression."""
    return int(asset.transfer_bytes if asset.transfer_bytes is not None else asset.size_bytes or 0)


def heavy(looked: Any) -> list[Finding]:
    """Return one finding that names what makes the page heavy, or none."""
    said = [(asset, words) for asset in looked.value if (words := advice(asset))]
    scripts = sum(on_the_wire(asset) for asset in looked.value if asset.role == "script" and asset.problem is None)
    total = scripts > TOTAL_SCRIPT
    if not said and not total:
        return []
    grave = [pair for pair in said if any(w.startswith(("large", "not compressed", "larger")) for w in pair[1])]
    names = ", ".join(f"{_name(asset.url)} ({'; '.join(words)})" for asset, words in (grave or said)[:3])
    claim = f"{len(said)} assets make the page heavy: “{names}”" if said else "The scripts together are heavy"
    if total:
        claim += f"; scripts are {scripts / 1024:,.0f} kB on the wire in all"
    return [
        Finding(
            id=f"{RULE}/heavy",
            rule=RULE,
            claim=claim,
            severity=Severity.WARNING if grave or total else Severity.INFO,
            evidence=(looked.id,),
            signals=(Signal(name="assets_heavy", strength=min(1.0, 0.5 + 0.2 * len(grave))),) if grave or total else (),
            data={
                "script_bytes": scripts,
                "assets": [
                    {"url": a.url, "role": a.role, "wire_bytes": on_the_wire(a), "advice": words} for a, words in said
                ],
            },
        )
    ]


def _edge(case: Case) -> Finding | None:
    """Return a finding when assets are refused or fail (4xx, 5xx) at the edge clearly more often than before."""
    before_start, before_end, after_start, after_end = spans(case)
    mine = case.frames.edge.filter(pl.col("route").str.contains(EDGE_ASSET).fill_null(value=False))
    sides = [
        mine.filter(pl.col("at").is_between(start, end, closed="left"))
        for start, end in ((before_start, before_end), (after_start, after_end))
    ]
    totals = [float(side.get_column("requests").sum()) for side in sides]
    failed = pl.col("status").is_between(400, 599) & ~pl.col("status").is_in(CLIENTS_OWN)
    bad = [float(side.filter(failed).get_column("requests").sum()) for side in sides]
    if totals[1] <= 0:
        return None
    worst = (
        sides[1]
        .filter(failed)
        .group_by("route")
        .agg(pl.col("requests").sum())
        .sort(["requests", "route"], descending=[True, False])
    )
    # one asset of many may be gone: look at the worst route by itself, too
    best: tuple[float, float, str, float] | None = None
    for route, n in worst.head(5).iter_rows():
        of = [float(s.filter(pl.col("route") == route).get_column("requests").sum()) for s in sides]
        was = float(sides[0].filter(failed & (pl.col("route") == route)).get_column("requests").sum())
        share, earlier = n / of[1], was / of[0] if of[0] else 0.0
        z = z_score(n, of[1], was, of[0])
        if n >= 10 and share - earlier >= 0.1 and z >= Z_CLEAR and (best is None or n > best[3]):
            best = (share, earlier, route, n)
    if best is None:
        return None
    whole = sides[1].filter(failed & (pl.col("status") >= 500)).get_column("requests").sum()
    everything = bad[1] / totals[1] > 0.9 * best[0] and whole > 0.5 * bad[1] and mine.get_column("route").n_unique() > 1
    return Finding(
        id=f"{RULE}/edge",
        rule=RULE,
        claim=f"{best[0]:.0%} of requests for “{best[2]}” are not served at the edge ({best[1]:.1%} before)",
        severity=Severity.CRITICAL,
        at=after_start,
        evidence=observation_ids(mine),
        signals=(Signal(name="assets_missing", strength=0.3 if everything else min(1.0, 0.7 + best[0])),),
        data={"route": best[2], "share": best[0], "share_before": best[1], "all_assets_alike": everything},
    )


def _unasked(case: Case) -> Finding | None:
    """
    Return a finding when pages are opened as before and their files are hardly asked for any more.

    Files of another host, a certificate that ran out, a page that stops before its scripts: nothing answers badly,
    because nothing is asked. Names of files change with a release, so all files are counted together.
    """
    before_start, before_end, after_start, after_end = spans(case)
    edge = case.frames.edge.filter(pl.col("route").is_not_null() & (pl.col("requests") > 0))
    file = pl.col("route").str.contains(EDGE_ASSET)
    page = ~file & ~pl.col("route").str.contains(API) & (pl.col("status") < 400)
    figures = []
    for start, end in ((before_start, before_end), (after_start, after_end)):
        side = edge.filter(pl.col("at").is_between(start, end, closed="left"))
        figures.append([float(side.filter(one).get_column("requests").sum()) for one in (file, page)])
    (files_0, pages_0), (files_1, pages_1) = figures
    if min(files_0, pages_0) < UNASKED_MIN or pages_1 < UNASKED_MIN:
        return None
    expected = files_0 / pages_0 * pages_1
    usual = files_0 * ((after_end - after_start) / (before_end - before_start))
    if files_1 > UNASKED_SHARE * min(expected, usual):  # programs open more pages and leave the files as they are
        return None
    return Finding(
        id=f"{RULE}/unasked",
        rule=RULE,
        claim=f"Pages are opened {pages_1:,.0f} times since {after_start:%H:%M} UTC, but their files are asked for"
        f" {files_1:,.0f} times where {expected:,.0f} were to be expected",
        severity=Severity.CRITICAL,
        at=after_start,
        evidence=observation_ids(edge.filter(pl.col("at") >= after_start)),
        signals=(Signal(name="assets_missing", strength=UNASKED_STRENGTH),),
        data={"pages": pages_1, "files": files_1, "files_expected": expected},
    )


def _max_age_s(cache_control: str | None) -> float:
    words = (cache_control or "").lower()
    if "no-store" in words or "no-cache" in words:
        return 0.0
    match = re.search(r"(?:s-maxage|max-age)\s*=\s*(\d{1,12})", words)
    return float(match.group(1)) if match else 0.0


def _name(url: str) -> str:
    return urlsplit(url).path.rpartition("/")[2][:80] or "/"
