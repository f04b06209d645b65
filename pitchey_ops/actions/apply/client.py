"""What sends changes and looks at the world: only configured hosts, no redirects, nothing repeated blindly."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

import httpx

from ...settings import Settings
from ..models import Find, Request
from .credentials import SCHEMES, Credentials
from .errors import CannotLook, Denied, NotSent, Throttled, Unknown

TIMEOUT_S = 30.0
MOST_BYTES = 8 * 1024 * 1024
USER_AGENT = "pitchey-ops/1 (action of a person)"
JSON_SERVICES = ("cloudflare_api", "pagerduty", "pagerduty_events", "slack", "statuspage")
_PLACE = re.compile(r"\$\{([^}]{1,300})\}")
_SLACK_PASSING = (
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "ratelimited",
    "rate_limited",
)
EVENTS = "https://events.pagerduty.com/"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered: *value* is the JSON, or the text where it is none."""

    status: int
    value: Any
    raw: str


class Client:
    """
    Sends the requests of plans.

    Parameters
    ----------
    transport
        For tests; the network by default.
    """

    def __init__(self, settings: Settings, known: Credentials, transport: httpx.BaseTransport | None = None) -> None:
        self._settings = settings
        self._known = known
        self._http = httpx.Client(
            transport=transport or httpx.HTTPTransport(trust_env=False),
            timeout=httpx.Timeout(TIMEOUT_S, connect=5.0),
            follow_redirects=False,
            trust_env=False,
            headers={"user-agent": USER_AGENT, "accept-encoding": "gzip, deflate"},
        )

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def change(self, request: Request, kept: Mapping[str, Any]) -> Answer:
        """
        Send a change once.

        Raises
        ------
        NotSent
            It never left.
        Throttled
            It was refused for its rate, and changed nothing.
        Denied
            It was refused, and changed nothing.
        Unknown
            Nothing tells whether it was changed.
        """
        if request.service == "database":
            return self._sql(request, kept, change=True)
        try:
            answer = self._exchange(request, kept)
        except (httpx.InvalidURL, UnicodeEncodeError) as exc:
            raise NotSent(f"{request.service}: it cannot be sent as it is written; nothing was sent") from exc
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as exc:
            raise NotSent(f"{request.service} could not be reached ({type(exc).__name__}); nothing was sent") from exc
        except httpx.TimeoutException as exc:
            raise Unknown(f"{request.service} did not answer in {TIMEOUT_S:.0f} s") from exc
        except (httpx.TransportError, httpx.DecodingError, httpx.StreamError) as exc:
            raise Unknown(f"the connection to {request.service} broke ({type(exc).__name__})") from exc
        return self._judged(request, answer)

    def look(self, find: Find, kept: Mapping[str, Any]) -> tuple[bool, dict[str, Any]]:
        """
        Return whether what *find* describes is so, and the values that it keeps.

        Raises
        ------
        CannotLook
            There was no answer that can be believed.
        """
        matching = self.matching(find, kept)
        values = {name: _of(matching[0], place) for name, place in find.keeps} if matching else {}
        return (not matching) if find.absent else bool(matching), values

    def matching(self, find: Find, kept: Mapping[str, Any]) -> list[Any]:
        """
        Return every item of the answer that *find* describes.

        Raises
        ------
        CannotLook
            There was no answer that can be believed.
        """
        found: list[Any] = []
        asked = find.look
        for _ in range(10):
            answer = self._read(asked, kept, missing_is_none=find.missing_is_none)
            if answer is None:
                break
            found += _items(answer, find.items)
            cursor = _place(answer.value, "response_metadata.next_cursor") if asked.service == "slack" else None
            if not cursor:
                break
            pages = tuple(pair for pair in find.look.query if pair[0] != "cursor")
            asked = Request(
                service=asked.service, method=asked.method, path=asked.path, query=(*pages, ("cursor", str(cursor)))
            )
        where = [(place, filled(value, kept)) for place, value in find.where]
        return [item for item in found if all(_matches(item, place, value) for place, value in where)]

    def read(self, request: Request) -> Answer:
        """
        Read once, for facts that a plan needs.

        Raises
        ------
        CannotLook
            There was no answer that can be believed.
        """
        answer = self._read(request, {}, missing_is_none=False)
        assert answer is not None
        return answer

    def status(self, url: str) -> int:
        """Return the status of a GET, 0 without an answer; the body is not read."""
        try:
            with self._http.stream("GET", url, timeout=10.0) as response:
                return response.status_code
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            return 0

    def _read(self, request: Request, kept: Mapping[str, Any], *, missing_is_none: bool) -> Answer | None:
        if request.service == "database":
            try:
                return self._sql(request, kept, change=False)
            except (NotSent, Denied, Unknown) as exc:
                raise CannotLook(str(exc)) from exc
        why = ""
        for _ in range(2):
            try:
                answer = self._exchange(request, kept)
            except (httpx.HTTPError, httpx.InvalidURL, NotSent, OSError) as exc:
                why = f"{request.service} gave no answer ({type(exc).__name__})"
                continue
            except Throttled as exc:  # a question that is asked by POST
                why = str(exc)
                continue
            if answer.status == 404 and missing_is_none:
                return None
            if answer.status >= 500 or answer.status == 429:
                why = f"{request.service} answered {answer.status}"
                continue
            try:
                return self._judged(request, answer)
            except (Denied, Unknown, Throttled) as exc:
                raise CannotLook(str(exc)) from exc
        raise CannotLook(why)

    def _base(self, service: str) -> str:
        settings = self._settings
        if service == "pagerduty_events":
            return settings.pagerduty_events_url or (settings.url("pagerduty") if settings.origin else None) or EVENTS
        base = settings.url(service)
        if base is None:
            raise NotSent(f"{service} is not configured in {settings.environment}; nothing was sent")
        return base

    def _headers(self, request: Request) -> dict[str, str]:
        headers = {name: value for name, value in request.headers if value}
        if request.service == "pagerduty_events":
            return headers
        token = self._known.token(request.service)
        if token is None and (readable := self._settings.token(request.service)) is not None:
            token = readable.get_secret_value()
        if token is not None:
            headers["authorization"] = SCHEMES.get(request.service, "Bearer {}").format(token)
        return headers

    def _exchange(self, request: Request, kept: Mapping[str, Any]) -> Answer:
        base = self._base(request.service)
        path = filled(request.path, kept, quoted=True)
        home, url = httpx.URL(base), httpx.URL(base + path)
        up = any(unquote(part) in (".", "..") for part in path.split("/"))
        below = url.path.startswith(home.path) and not path.startswith("/") and not up
        if (url.scheme, url.netloc) != (home.scheme, home.netloc) or not below or "\\" in path or "?" in path:
            raise NotSent(f"{request.service}: the address leaves the configured one; nothing was sent")
        body = request.body
        if request.service == "pagerduty_events" and isinstance(body, Mapping):
            body = {**filled({k: v for k, v in body.items() if k != "routing_key"}, kept), **self._routing_key()}
        else:
            body = filled(body, kept)
        sent: dict[str, Any] = {"headers": self._headers(request)}
        if request.query:
            sent["params"] = [(name, str(filled(value, kept))) for name, value in request.query]
        if body is not None and request.form == "text":
            sent["content"] = str(body).encode("utf-8", "surrogateescape")
        elif body is not None:
            sent["content"] = json.dumps(body).encode()
            sent["headers"]["content-type"] = "application/json; charset=utf-8"
        with self._http.stream(request.method, url, **sent) as response:
            data = b""
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) > MOST_BYTES:
                    raise httpx.DecodingError("the answer is too large")
            status, headers = response.status_code, response.headers
        if status == 429 and request.method != "GET":
            raise Throttled(f"{request.service} answered 429: asked too often", _seconds(headers.get("retry-after")))
        raw = data.decode("utf-8", "surrogateescape")
        try:
            value = json.loads(raw)
        except (ValueError, RecursionError):
            value = raw
        return Answer(status, value, raw)

    def _routing_key(self) -> dict[str, str]:
        key = self._known.value("pagerduty_routing_key")
        if key is None and self._settings.environment == "sandbox":
            key = "sandbox"
        if key is None:
            raise NotSent("PITCHEY_OPS_WRITE_PAGERDUTY_ROUTING_KEY is not set; nothing was sent")
        return {"routing_key": key}

    def _judged(self, request: Request, answer: Answer) -> Answer:
        """Return an answer that says yes; what says no, or nothing, is raised."""
        service, status, value = request.service, answer.status, answer.value
        said = _words(value)
        if status >= 500:
            raise Unknown(f"{service} answered {status}: {said}")
        if status >= 300:
            raise Denied(f"{service} answered {status}: {said}", _codes(value), status)
        if status == 204:  # done, and by its meaning without a word more
            return answer
        if request.method == "GET" and "/values/" in request.path:  # a value as it was stored, whatever it says
            return answer
        if service in JSON_SERVICES and not isinstance(value, dict | list):
            raise Unknown(f"{service} answered {status} with no JSON")
        if service == "cloudflare_api" and isinstance(value, dict) and value.get("success") is False:
            raise Denied(f"Cloudflare refused: {said}", _codes(value), status)
        if service == "slack" and (not isinstance(value, dict) or value.get("ok") is not True):
            error = str(value.get("error")) if isinstance(value, dict) else "no object"
            if error in ("ratelimited", "rate_limited"):
                raise Throttled("Slack was asked too often", 1.0)
            if error in _SLACK_PASSING or error == "None":
                raise Unknown(f"Slack answered {error}")
            raise Denied(f"Slack refused: {error}", (), status)
        return answer

    def _sql(self, request: Request, kept: Mapping[str, Any], *, change: bool) -> Answer:
        import psycopg
        from psycopg.rows import dict_row

        url = self._known.value("database_url")
        if url is None and not change and self._settings.database_url is not None:
            url = self._settings.database_url.get_secret_value()
        if url is None:
            raise NotSent("PITCHEY_OPS_WRITE_DATABASE_URL is not set; nothing was sent")
        try:
            connection = psycopg.connect(url, autocommit=True, connect_timeout=5, application_name="pitchey-ops action")
        except psycopg.Error as exc:
            raise NotSent(f"the database could not be reached ({type(exc).__name__})") from exc
        try:
            with connection, connection.cursor(row_factory=dict_row) as cursor:
                cursor.execute("set statement_timeout = '5s'")
                cursor.execute(request.path.encode(), filled(request.body, kept))
                rows = cursor.fetchmany(1000)
        except psycopg.errors.InsufficientPrivilege as exc:
            raise Denied("the database refused: this role may not do that") from exc
        except psycopg.OperationalError as exc:
            raise Unknown(f"the database broke off ({type(exc).__name__})") from exc
        except psycopg.Error as exc:
            raise Denied(f"the database refused ({type(exc).__name__})") from exc
        if change and not (rows and rows[0].get("done")):
            raise Denied("the database did nothing: what was named is not there any more, or may not be signalled")
        return Answer(200, {"rows": rows}, "")


def filled(value: Any, kept: Mapping[str, Any], *, quoted: bool = False) -> Any:
    """
    Return *value* with every text that is ``${name}`` as a whole replaced; in a path also pieces, quoted.

    Pieces of other texts stay as they are: they may quote what strangers wrote.

    Raises
    ------
    NotSent
        A value is not known.
    """
    if isinstance(value, str):
        if quoted:
            return _PLACE.sub(lambda found: quote(str(_known(found[1], kept)), safe=""), value)
        whole = _PLACE.fullmatch(value)
        return value if whole is None else _known(whole[1], kept)
    if isinstance(value, Mapping):
        return {name: filled(item, kept) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [filled(item, kept) for item in value]
    return value


def _known(name: str, kept: Mapping[str, Any]) -> Any:
    if name not in kept or kept[name] is None:
        raise NotSent(f"{name} is not known; nothing was sent")
    return kept[name]


def _place(value: Any, place: str) -> Any:
    for part in place.split(".") if place else ():
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def place_of(value: Any, place: str) -> Any:
    """Return what stands at a dotted place of an answer, None where nothing does."""
    return _place(value, place)


def _items(answer: Answer, items: str) -> list[Any]:
    if not items:
        return [answer]
    value = answer.value if items == "#list" else _place(answer.value, items)
    if isinstance(value, list):
        return value
    if items == "#list":
        raise CannotLook("the answer is no list")
    return [] if value is None else [value]


def _of(item: Any, place: str) -> Any:
    if isinstance(item, Answer):
        return item.raw if place == "#raw" else _place(item.value, place)
    return _place(item, place)


def _matches(item: Any, place: str, wanted: Any) -> bool:
    value = _of(item, place)
    if isinstance(wanted, str) and wanted:
        if wanted[0] == "=":
            return bool(value == wanted[1:])
        if wanted == "*":
            return value is not None
        if wanted[0] == "!":
            return value is not None and value != wanted[1:]
        if wanted[0] == "~":
            return isinstance(value, str) and wanted[1:] in value
        if wanted[0] == "|":
            return str(value) in wanted[1:].split("|")
    return bool(value == wanted)


def _codes(value: Any) -> tuple[int, ...]:
    errors = value.get("errors") if isinstance(value, Mapping) else None
    rows = errors if isinstance(errors, list) else []
    return tuple(int(row["code"]) for row in rows if isinstance(row, Mapping) and isinstance(row.get("code"), int))


def _words(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    if isinstance(value, Mapping):
        errors = value.get("errors") or value.get("error") or value.get("message") or value
        if isinstance(errors, list):
            text = "; ".join(
                f"{row.get('code', '')} {row.get('message', '')}".strip() if isinstance(row, Mapping) else str(row)
                for row in errors[:5]
            )
        else:
            text = json.dumps(errors) if not isinstance(errors, str) else errors
    return " ".join(text.split())[:400]


def _seconds(text: str | None) -> float:
    try:
        return min(60.0, max(0.0, float(text or "")))
    except ValueError:
        return 5.0
