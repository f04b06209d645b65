"""A choice in a panel asks for what that panel rests on, and for nothing else: the panel must not notice."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

import pytest

from pitchey_ops.drills.play import evidence
from pitchey_ops.findings.case import Case
from pitchey_ops.models.observation import AnyObservation
from pitchey_ops.panels.steps import step_panel
from pitchey_ops.panels.view import View
from pitchey_ops.runbooks.analyse import analyse
from pitchey_ops.runbooks.asking import gathered
from pitchey_ops.runbooks.catalogue import RUNBOOKS, runbook
from pitchey_ops.sources.catalogue import PROBES
from pitchey_ops.steps import steps, steps_of
from pitchey_ops.workbench.again import part_of
from pitchey_ops.workbench.parts import PARTS, RESTS, parts_of, probes_of

IDS: Mapping[str, tuple[str, ...]] = {
    "logs": ("logs/", "r2/"),
    "traffic": ("cloudflare_api/traffic",),
    "times": ("apm/metrics/response_time", "apm/metrics/error_rate", "apm/metrics/span", "apm/summary"),
    "vitals": ("apm/metrics/web.",),
    "workers": ("cloudflare_api/workers",),
    "tail": ("cloudflare_api/tail",),
    "changes": ("cloudflare_api/deployments", "cloudflare_api/versions", "sentry/releases"),
    "edge status": ("cloudflare_status/",),
    "firewall": ("cloudflare_api/firewall", "cloudflare_api/security_level", "cloudflare_api/access_rules"),
    "security": ("security/", "infra/rate_limits"),
    "issues": ("sentry/issues",),
    "database": ("apm/metrics/db.", "database/"),
    "outside": ("api/",),
    "page": ("frontend/",),
    "platform": ("monitoring/", "infra/health", "infra/worker", "infra/kv", "infra/r2", "infra/durable"),
    "history": ("history/",),
}
"""How the ids of each part's observations begin."""


def _of(observations: Mapping[str, AnyObservation], *parts: str) -> dict[str, AnyObservation]:
    begins = tuple(begin for part in parts for begin in IDS[part])
    return {key: one for key, one in observations.items() if key.startswith(begins)}


def test_every_part_is_of_known_probes_and_every_line_of_a_known_step() -> None:
    """A typing error in the table would ask for nothing, and show an empty panel."""
    assert set(IDS) == set(PARTS)
    assert {name for names in PARTS.values() for name in names} <= set(PROBES)
    assert set(RESTS) <= set(steps())
    assert all(set(rest.parts) <= set(PARTS) for rest in RESTS.values())
    for name in PROBES:
        parts = [part for part, names in PARTS.items() if name in names]
        assert len(parts) == (0 if name == "pagerduty.oncalls" else 1), name


def test_what_a_later_probe_follows_from_is_asked_with_it() -> None:
    """An archive that is read without the list of services reads nothing, and says that nothing is there."""
    for part, names in PARTS.items():
        rounds = [PROBES[name].round for name in names]
        assert max(rounds) == 1 or 1 in rounds, part
    assert "r2.archive" in probes_of("logs", "outage")
    assert parts_of("verdict", "outage") is None


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["bad_deployment", "brute_force"])
def test_over_its_parts_alone_a_panel_says_what_it_says_over_everything(scenario: str) -> None:
    """Whoever changes a panel finds out here that it looks at something new."""
    books = [name for name in RUNBOOKS if name != "post_incident"]
    found = evidence(scenario, runbooks=books, entries=12_000)
    answers = found.answers
    for book in books:
        mine = [part for part in PARTS if probes_of(part, book)]
        seen = _of(answers.asked.observations, *mine)
        asked = gathered(seen, answers.window)
        case = Case(
            window=answers.window,
            now=asked.now,
            frames=asked.frames,
            observations=seen,
            settings=found.settings,
            parameters={"search": "error"},
        )
        whole = View(
            context=SimpleNamespace(alerts=(), incident_id="INC-20261123-081500-ab2c"),
            runbook=runbook(book),
            settings=found.settings,
            case=case,
            analysis=analyse(case, runbook(book)),
            parameters=case.parameters,
        )
        for step in steps_of(book):
            parts = parts_of(step.id, book)
            if parts is None:
                continue
            part = part_of(whole, _of(seen, *parts), answers.window, asked.now, step.id)
            assert step_panel(part, step.id).to_json() == step_panel(whole, step.id).to_json(), (book, step.id)
