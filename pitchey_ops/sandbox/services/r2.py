"""The S3 API of R2 for one bucket of log objects: list (version 2), get, head."""

from __future__ import annotations

import base64
import binascii
import hashlib
from urllib.parse import quote
from xml.sax.saxutils import escape

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from ..clock import http_date, iso
from ..store import StoredObject
from ._base import Service

_MAX_KEYS = 1000
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


class R2(Service):
    """Object storage, read only."""

    name = "r2"

    async def answer(self, request: Request, path: str) -> Response:
        """Answer list, get and head on ``/{bucket}`` and ``/{bucket}/{key}``; signatures are not checked."""
        bucket, _, key = path.lstrip("/").partition("/")
        if request.method not in ("GET", "HEAD"):
            return _error(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
        if not bucket:
            return _error(501, "NotImplemented", "The buckets cannot be listed here.")
        if not key:
            return self._list(request.query_params, bucket)
        found = self.object(path, self.state.now_ms)
        if found is None:
            return _error(404, "NoSuchKey", "The specified key does not exist.")
        headers, body = found
        return Response(body, headers=headers)

    def object(self, path: str, now_ms: int) -> tuple[dict[str, str], bytes] | None:
        """Return headers and body of the object at ``/{bucket}/{key}``, None where there is none."""
        found = self.state.archive.get(path.lstrip("/").partition("/")[2], now_ms)
        if found is None:
            return None
        headers = {
            "content-type": "application/json",
            "etag": _etag(found),
            "last-modified": http_date(found.modified_ms),
            "content-length": str(len(found.body)),
        }
        return headers, found.body

    def listed(self, path: str, query: str) -> tuple[dict[str, str], bytes] | None:
        """Return headers and body of a page of the list of ``/{bucket}``, None where that is no good question."""
        bucket, _, key = path.lstrip("/").partition("/")
        if not bucket or key:
            return None
        response = self._list(QueryParams(query), bucket)
        return (dict(response.headers), bytes(response.body)) if response.status_code == 200 else None

    def _list(self, asked: QueryParams, bucket: str) -> Response:
        if asked.get("list-type") != "2":
            return _error(501, "NotImplemented", "Only version 2 of the list is served.")
        try:
            limit = min(int(asked.get("max-keys", str(_MAX_KEYS))), _MAX_KEYS)
            token = asked.get("continuation-token")
            after = (
                asked.get("start-after", "")
                if token is None
                else base64.b64decode(token, altchars=b"-_", validate=True).decode()
            )
        except (ValueError, binascii.Error):
            return _error(400, "InvalidArgument", "A parameter of the list is not valid.")
        if limit < 0:
            return _error(400, "InvalidArgument", "max-keys must not be negative.")
        prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
        page = self.state.archive.page(
            prefix=prefix, after=after, delimiter=delimiter, limit=max(limit, 1), now_ms=self.state.now_ms
        )
        objects, folders = (page.objects, page.prefixes) if limit else ([], [])
        encoded = asked.get("encoding-type") == "url"

        def text(value: str) -> str:
            return quote(value, safe="/") if encoded else _xml(value)  # what is quoted holds no mark of XML

        rows = [
            f"<Name>{_xml(bucket)}</Name>",
            f"<Prefix>{text(prefix)}</Prefix>",
            f"<MaxKeys>{limit}</MaxKeys>",
            f"<KeyCount>{len(objects) + len(folders)}</KeyCount>",
            f"<IsTruncated>{'true' if limit and page.next_after else 'false'}</IsTruncated>",
        ]
        if encoded:
            rows.append("<EncodingType>url</EncodingType>")
        if delimiter:
            rows.append(f"<Delimiter>{text(delimiter)}</Delimiter>")
        if "start-after" in asked:
            rows.append(f"<StartAfter>{text(asked['start-after'])}</StartAfter>")
        if token is not None:
            rows.append(f"<ContinuationToken>{_xml(token)}</ContinuationToken>")
        if limit and page.next_after:
            following = base64.urlsafe_b64encode(page.next_after.encode()).decode()
            rows.append(f"<NextContinuationToken>{following}</NextContinuationToken>")
        rows += [
            f"<Contents><Key>{text(found.key)}</Key><LastModified>{iso(found.modified_ms)}</LastModified>"
            f"<ETag>{_etag(found)}</ETag><Size>{len(found.body)}</Size>"
            "<StorageClass>STANDARD</StorageClass></Contents>"
            for found in objects
        ]
        rows += [f"<CommonPrefixes><Prefix>{text(folder)}</Prefix></CommonPrefixes>" for folder in folders]
        return _xml_answer(f'<ListBucketResult xmlns="{_NAMESPACE}">{"".join(rows)}</ListBucketResult>')


def _etag(found: StoredObject) -> str:
    return f'"{hashlib.md5(found.body, usedforsecurity=False).hexdigest()}"'


def _xml(text: str) -> str:
    """Return text for XML; control characters as references, which version 1.0 does not allow, like S3."""
    return "".join(c if c >= " " else f"&#x{ord(c):X};" for c in escape(text))


def _xml_answer(body: str, status: int = 200) -> Response:
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return Response((head + body).encode(), status_code=status, headers={"content-type": "application/xml"})


def _error(status: int, code: str, message: str) -> Response:
    return _xml_answer(f"<Error><Code>{code}</Code><Message>{message}</Message></Error>", status)
