"""10,000 alerts of 20 troubles: 20 incidents, every alert on a timeline, few runs, little memory; a P1 comes first."""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import Sequence
from pathlib import Path

import hook_senders as senders
import httpx
import pytest
import sqlalchemy as sa
from hook_senders import Sent, Service
from incident_worlds import after

from pitchey_ops.evidence.archive import Archive
from pitchey_ops.evidence.verify import verify
from pitchey_ops.service import db, incidents
from pitchey_ops.service import incident_tables as t
from pitchey_ops.service.orders import due

ALERTS, TROUBLES, GROUP, AT_ONCE = 10_000, 20, 40, 48
GROWTH_MB = 200
"""What the process may grow by at the height of the storm: queue, bodies, senders and what Python keeps."""

pytestmark = pytest.mark.slow


def _requests() -> list[tuple[Sent, list[str]]]:
    """Return 8,000 alerts in groups of Alertmanager and 2,000 one by one, with their ids, mixed."""
    found: list[tuple[Sent, list[str]]] = []
    for n in range(ALERTS // 5 * 4 // GROUP):
        k = n % TROUBLES
        ids = [f"group-{n}-{m}" for m in range(GROUP)]
        labels = {"alertname": f"Trouble{k}", "service": f"service-{k}", "severity": "warning"}
        alerts = [{"status": "firing", "labels": labels, "startsAt": "2026-11-23T11:59:00Z", "fingerprint": one}
                  for one in ids]  # fmt: skip
        found.append((senders.alertmanager(groupKey=f"{{}}:{k}", alerts=alerts), ids))
    for n in range(ALERTS // 5):
        k = n % TROUBLES
        one = senders.plain(id=f"single-{n}", title=f"trouble {k}", service=f"service-{k}", severity="P3")
        found.insert((n * 7) % len(found), (one, [f"single-{n}"]))
    return found


async def _storm(service: Service, requests: Sequence[Sent], first: int) -> set[int]:
    """Post *requests*, many at a time; return what was answered. Our clock runs through a minute."""
    gate = asyncio.Semaphore(AT_ONCE)
    transport = httpx.ASGITransport(app=service.app)

    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:

        async def one(place: int, sent: Sent) -> int:
            async with gate:
                service.clock.turn(after(seconds=(first + place) * 0.02))
                while True:
                    answer = await client.post(sent.path, content=sent.body, headers=dict(sent.headers))
                    if answer.status_code != 503:
                        return answer.status_code
                    await asyncio.sleep(0.05)  # as its sender would

        return set(await asyncio.gather(*(one(place, sent) for place, sent in enumerate(requests))))


def test_a_storm_of_twenty_troubles_is_twenty_incidents_and_a_p1_in_its_middle_is_first_in_line(
    tmp_path: Path,
) -> None:
    """Nothing that was confirmed is lost, nothing is there twice, and the queue holds what one can work off."""
    made = _requests()
    half = len(made) // 2
    with senders.service(tmp_path) as service:
        before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        codes = asyncio.run(_storm(service, [sent for sent, _ in made[:half]], 0))
        urgent = service.post(senders.pagerduty(title="everything is down", service={"summary": "all"}))
        codes |= asyncio.run(_storm(service, [sent for sent, _ in made[half:]], half))
        grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) / 1024

        assert codes == {202}
        assert urgent.status_code == 202
        with db.reading(service.engine) as connection:
            there = incidents.incidents(connection, limit=1000)
            chosen = sa.select(t.events.c.incident_id, t.events.c.position, t.events.c.entry)
            lines = connection.execute(chosen.where(t.events.c.event == "alert")).all()
            waiting = due(connection, after(minutes=5))
        stormy = [found for found in there if found.service != "all"]
        assert sorted(found.service or "" for found in stormy) == sorted(f"service-{k}" for k in range(TROUBLES))
        assert [found.alerts for found in stormy] == [ALERTS // TROUBLES] * TROUBLES
        sent_ids = sorted(one for _, ids in made for one in ids)
        assert sorted(json.loads(entry)["id"] for _, _, entry in lines) == sorted([*sent_ids, "PGR0001"])
        for found in stormy:
            places = sorted(position for incident, position, _ in lines if incident == found.id)
            assert places == list(range(1, found.alerts + 1))
        assert TROUBLES + 1 <= len(waiting) <= 2 * TROUBLES + 1
        assert waiting[0].order.incident_id == urgent.json()["incidents"][0]
        assert grown_mb < GROWTH_MB

        archive = Archive(tmp_path / "out")
        with service.engine.begin() as connection:
            written = sum(incidents.flush_timeline(connection, archive, found.id) for found in there)
        assert written == ALERTS + 1
        assert verify(archive.root).problems == ()
