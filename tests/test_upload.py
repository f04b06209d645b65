"""Copies of runs in a store that speaks S3: a real one (rclone), and what happens when it is not there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from channels import closed_port

from pitchey_ops.errors import RecordError
from pitchey_ops.evidence.manifest import RunFacts
from pitchey_ops.evidence.verify import verify
from pitchey_ops.service import db, engine_archive, steps, upload
from pitchey_ops.service.config import EngineConfig
from pitchey_ops.service.engine_tables import claim, uploads
from pitchey_ops.settings import load

pytestmark = pytest.mark.slow
NOW = datetime(2026, 11, 23, 8, 15, tzinfo=UTC)
INCIDENT = "INC-20261123-081500-ab2c"
RUN = "RUN-20261123-081500-ab2c"
KEYS = {"upload_key_id": "key", "upload_key": "s3cret-key"}


@contextmanager
def store(folder: Path, port: int) -> Iterator[str]:
    """Serve *folder* by rclone; buckets are its folders."""
    program = shutil.which("rclone") or str(Path(sys.executable).with_name("rclone"))
    command = [program, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", "key,s3cret-key", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                try:
                    httpx.get(url, trust_env=False)
                    break
                except httpx.HTTPError:
                    time.sleep(0.05)
            yield url
        finally:
            process.terminate()
            process.wait(20)


def free_port() -> int:
    """A loopback port that is free now."""
    with closed_port() as port:
        return int(port)


@pytest.fixture
def place(archive: Path) -> sa.Engine:
    """A database with one archived run that waits for its upload."""
    engine = db.connect(f"sqlite:///{archive}/.service/service.sqlite")
    db.create(engine)
    facts = RunFacts(
        incident_id=INCIDENT, run_id=RUN, runbook="outage", started_by="x", start=NOW, end=NOW + timedelta(seconds=9)
    )
    folder = engine_archive.make_work_folder(archive, RUN, 1)
    (folder / "report.json").write_text("{}")
    (folder / "bodies").mkdir()
    (folder / "bodies" / "a b%20ü{x}").write_bytes(os.urandom(100_000))
    with engine.begin() as connection:
        mine = claim(connection, RUN, "w")
        steps._want_upload(connection, INCIDENT, RUN, NOW)
        steps._want_upload(connection, INCIDENT, RUN, NOW)
    engine_archive.commit(load(), engine, mine, folder, facts)
    return engine


def row_of(engine: sa.Engine) -> dict[str, object]:
    """The upload's row."""
    with db.reading(engine) as connection:
        return dict(connection.execute(sa.select(uploads)).mappings().one())


def test_what_lies_in_the_store_is_the_record(place: sa.Engine, archive: Path, tmp_path: Path) -> None:
    """Fetched after the machine burnt down, it must pass `verify` like the archive did."""
    bucket = tmp_path / "store"
    bucket.mkdir()
    with store(bucket, free_port()) as url:
        config = EngineConfig(upload_url=url, upload_bucket="ops", upload_prefix="a/b", **KEYS)
        assert upload.attempt(place, config, load(), RUN, 0) == "done"
        assert upload.attempt(place, config, load(), RUN, 1) == "nothing to do"
        with upload.Store(config) as opened:
            assert opened.get(f"{INCIDENT}/{RUN}/report.json") == b"{}"
            assert opened.get("not/there") is None
    fetched = bucket / "ops" / "a" / "b"
    assert verify(fetched).holds
    assert verify(fetched).runs == 1
    assert row_of(place)["state"] == "done"


def test_a_store_that_is_down_delays_the_upload_and_nothing_else(
    place: sa.Engine, archive: Path, tmp_path: Path
) -> None:
    """The report is archived and readable; the copy comes when the store does."""
    port = free_port()
    config = EngineConfig(upload_url=f"http://127.0.0.1:{port}", upload_bucket="ops", **KEYS)
    handed: list[tuple[str, int]] = []
    assert upload.sweep(place, lambda run, number: handed.append((run, number)), now=NOW) == 1
    assert upload.sweep(place, lambda run, number: handed.append((run, number)), now=NOW) == 0
    assert upload.attempt(place, config, load(), *handed[0]) == "later"
    row = row_of(place)
    assert (row["state"], row["attempts"]) == ("waiting", 1)
    assert "does not answer" in str(row["trouble"])
    assert "s3cret" not in str(row["trouble"])
    bucket = tmp_path / "store"
    bucket.mkdir()
    with store(bucket, port):
        later = datetime.now(UTC) + timedelta(minutes=11)
        assert upload.sweep(place, lambda run, number: handed.append((run, number)), now=later) == 1
        assert handed[0] != handed[1]
        assert upload.attempt(place, config, load(), *handed[1]) == "done"
    assert verify(bucket / "ops").holds
    with db.reading(place) as connection:
        assert upload.waiting(connection) == (0, None)


def test_a_wrong_key_is_told_and_not_shown(place: sa.Engine, tmp_path: Path) -> None:
    """The message goes to the page and the log."""
    bucket = tmp_path / "store"
    (bucket / "ops").mkdir(parents=True)
    with store(bucket, free_port()) as url:
        config = EngineConfig(upload_url=url, upload_bucket="ops", upload_key_id="key", upload_key="wr0ng")
        assert upload.attempt(place, config, load(), RUN, 0) == "later"
    trouble = str(row_of(place)["trouble"])
    assert "403" in trouble
    assert "wr0ng" not in trouble
    assert "wr0ng" not in repr(config)


def test_what_is_sent_is_what_r2_understands(place: sa.Engine, archive: Path) -> None:
    """R2: region auto, path-style addresses, single-part puts, no checksum trailers, no virtual hosts."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    config = EngineConfig(upload_url="https://account.r2.cloudflarestorage.com", upload_bucket="ops", **KEYS)
    with upload.Store(config, transport=httpx.MockTransport(answer)) as opened:
        opened.put("INC/ä b.json", b"{}")
    (request,) = seen
    assert request.url.host == "account.r2.cloudflarestorage.com"
    assert request.url.raw_path == b"/ops/INC/%C3%A4%20b.json"
    assert "/auto/s3/aws4_request" in request.headers["authorization"]
    assert "x-amz-trailer" not in request.headers
    assert "transfer-encoding" not in request.headers
    assert request.headers["content-md5"]


def test_an_answer_that_refuses_is_an_error(archive: Path) -> None:
    """A 503 of a proxy is no success, and its page is not part of the message."""
    config = EngineConfig(upload_url="https://s3.example", upload_bucket="ops", **KEYS)
    transport = httpx.MockTransport(lambda _: httpx.Response(503, text="<Error><Code>SlowDown</Code></Error>"))
    with upload.Store(config, transport=transport) as opened, pytest.raises(RecordError, match="503 SlowDown"):
        opened.put("a", b"x")
