"""
Copies of archived runs in a store that speaks S3 (R2, MinIO, Ceph, rclone): later, and as often as it takes.

The archive on disk is the record; the store holds copies of the same files under ``INC-…/RUN-…/``, and of
``ledger.jsonl``, so that ``verify`` works on what is fetched from there. Each file is put with its SHA-256, the
manifest last: a run whose manifest is there is there as a whole. A store that is down holds up nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import sqlalchemy as sa
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from ..errors import RecordError
from ..evidence import manifest
from ..evidence.archive import LINE_FILES
from ..evidence.ledger import NAME as LEDGER
from ..runbooks.lifecycle import archive_of
from ..settings import Settings
from .config import EngineConfig
from .engine_tables import uploads

log = logging.getLogger("pitchey_ops.upload")
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=10)
GIVEN = timedelta(minutes=30)
"""An upload that was begun and of which nothing was heard for so long is begun again."""
TIMEOUT_S = 30.0


class Store:
    """
    A bucket, addressed by path (``https://host/bucket/key``), which every dialect of S3 understands.

    R2's dialect: region ``auto``, payloads signed by their SHA-256, no checksum trailers; so nothing else is used.
    """

    def __init__(self, config: EngineConfig, *, transport: httpx.BaseTransport | None = None) -> None:
        assert config.upload_url is not None
        self._base = f"{config.upload_url}/{quote(config.upload_bucket)}"
        self._prefix = f"{config.upload_prefix}/" if config.upload_prefix else ""
        keys = Credentials(config.upload_key_id, config.upload_key)
        self._signer = S3SigV4Auth(keys, "s3", config.upload_region)
        self._client = httpx.Client(
            timeout=TIMEOUT_S, trust_env=False, follow_redirects=False, transport=transport, http2=False
        )

    def __enter__(self) -> Store:
        """Return this store."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close its connections."""
        self._client.close()

    def put(self, key: str, data: bytes) -> None:
        """
        Put an object; what was there under its key is replaced.

        Raises
        ------
        RecordError
            The store does not take it: what it said, without the keys.
        """
        headers = {
            "content-md5": base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode(),
            "content-type": _kind(key),
        }
        answer = self._ask("PUT", key, data, headers)
        if answer.status_code == 404 and b"NoSuchBucket" in answer.content:
            self._make_bucket()
            answer = self._ask("PUT", key, data, headers)
        if answer.status_code not in (200, 201, 204):
            raise RecordError(f"{urlsplit(self._base).netloc}: {key} was not taken: {_said(answer)}")

    def get(self, key: str) -> bytes | None:
        """Return an object, None where there is none."""
        answer = self._ask("GET", key, b"", {})
        if answer.status_code == 404:
            return None
        if answer.status_code != 200:
            raise RecordError(f"{urlsplit(self._base).netloc}: {key} cannot be read: {_said(answer)}")
        return answer.content

    def _make_bucket(self) -> None:
        self._request("PUT", self._base, b"", {})

    def _ask(self, method: str, key: str, data: bytes, headers: dict[str, str]) -> httpx.Response:
        return self._request(method, f"{self._base}/{quote(self._prefix + key)}", data, headers)

    def _request(self, method: str, url: str, data: bytes, headers: dict[str, str]) -> httpx.Response:
        request = AWSRequest(method=method, url=url, data=data, headers=headers)
        request.headers["x-amz-content-sha256"] = hashlib.sha256(data).hexdigest()
        self._signer.add_auth(request)
        try:
            return self._client.request(method, url, content=data, headers=dict(request.headers.items()))
        except httpx.HTTPError as exc:
            raise RecordError(f"{urlsplit(self._base).netloc}: does not answer ({type(exc).__name__})") from None


def attempt(engine: sa.Engine, config: EngineConfig, settings: Settings, run_id: str, number: int) -> str:
    """Upload a run once and note how it went; never raises for the store's sake."""
    with engine.begin() as connection:
        row = connection.execute(sa.select(uploads).where(uploads.c.run_id == run_id)).mappings().first()
    if row is None or row["state"] == "done" or config.upload_url is None:
        return "nothing to do"
    root = archive_of(settings).root
    try:
        with Store(config) as store:
            for key, path in _files(root, row["incident_id"], run_id):
                store.put(key, path.read_bytes())
    except (RecordError, OSError) as exc:
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(row["attempts"], 10))
        words = str(exc)[:500]
        log.warning("%s is not uploaded yet, tried again in %.0f s: %s", run_id, wait.total_seconds(), words)
        _note(engine, run_id, attempts=row["attempts"] + 1, next_at=datetime.now(UTC) + wait, trouble=words)
        return "later"
    _note(engine, run_id, attempts=row["attempts"] + 1, state="done", done_at=datetime.now(UTC), trouble=None)
    return "done"


def sweep(engine: sa.Engine, enqueue: Callable[[str, int], None], *, now: datetime | None = None) -> int:
    """Hand over uploads that are due; return how many. Handing one over twice changes nothing."""
    at = now or datetime.now(UTC)
    chosen = (
        sa.select(uploads.c.run_id, uploads.c.attempts, uploads.c.next_at)
        .where(uploads.c.state == "waiting", uploads.c.next_at <= at)
        .order_by(uploads.c.next_at)
        .limit(50)
    )
    with engine.connect().execution_options(ops_reading=True) as connection:
        rows = connection.execute(chosen).all()
    for run_id, attempts, next_at in rows:
        # the moment it was due is part of the name: one that got lost is handed over anew after `GIVEN`
        enqueue(run_id, int(next_at.timestamp() * 1000) + attempts)
        with engine.begin() as connection:
            mine = (uploads.c.run_id == run_id) & (uploads.c.next_at == next_at) & (uploads.c.state == "waiting")
            connection.execute(sa.update(uploads).where(mine).values(next_at=at + GIVEN))
    return len(rows)


def waiting(connection: sa.Connection) -> tuple[int, str | None]:
    """Return how many runs wait for their upload, and what the store said last."""
    mine = uploads.c.state == "waiting"
    count = connection.execute(sa.select(sa.func.count()).select_from(uploads).where(mine)).scalar() or 0
    chosen = sa.select(uploads.c.trouble).where(mine, uploads.c.trouble.is_not(None)).limit(1)
    return int(count), connection.execute(chosen).scalar()


def _files(root: Path, incident: str, run_id: str) -> Iterator[tuple[str, Path]]:
    """Yield keys and files of a run, its manifest after the others, then its incident's lines and the ledger."""
    folder = root / incident / run_id
    for path in manifest.files_of(folder):
        yield f"{incident}/{run_id}/{path.relative_to(folder).as_posix()}", path
    yield f"{incident}/{run_id}/{manifest.NAME}", folder / manifest.NAME
    for name in LINE_FILES:
        path = root / incident / f"{name}.jsonl"
        if path.exists():
            yield f"{incident}/{name}.jsonl", path
    for path in sorted((root / "keys").glob("*")) if (root / "keys").is_dir() else ():
        yield f"keys/{path.name}", path
    yield LEDGER, root / LEDGER


def _note(engine: sa.Engine, run_id: str, **values: object) -> None:
    with engine.begin() as connection:
        connection.execute(sa.update(uploads).where(uploads.c.run_id == run_id).values(**values))


def _kind(key: str) -> str:
    kinds = {".json": "application/json", ".jsonl": "application/x-ndjson", ".gz": "application/gzip"}
    # a page that a browser would show from the store's own origin is handed out as a file
    return kinds.get(Path(key).suffix, "application/octet-stream")


def _said(answer: httpx.Response) -> str:
    text = answer.text[:2000]
    code = ""
    with suppress(IndexError):
        code = text.split("<Code>", 1)[1].split("</Code>", 1)[0][:60]
    return f"{answer.status_code} {code}".strip()
