"""The pages and what their forms do: every answer with its headers, every write with its guard."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from importlib.resources import files as package_files
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from ...diagnosis.hypotheses import BY_ID
from ...errors import OpsError, UsageError
from ...evidence import ids
from ...panels.safe import FENCE_NOTE, visible
from ...runbooks.catalogue import RUNBOOKS
from ...runbooks.labels import label
from ...runbooks.lifecycle import archive_of, redactor_of
from .. import incidents as store
from ..db import why
from ..incident_models import LEVELS
from ..intake.routing import rules_of
from ..state import State
from . import files, marks
from .access import CLOSED, Access, Visitor, next_place
from .headers import FILE, PAGE, report_headers
from .reading import Reader, about, stamp

FORM_LIMIT = 16 * 1024
SEARCH_LIMIT = 300
REFRESH_S = 15
SAID: Mapping[str, str] = {
    "acknowledged": "Acknowledged: the response clock stands.",
    "resolved": "Resolved: a run checks whether it is over.",
    "severity": "The severity is set.",
    "ordered": "The run is asked for.",
    "quota": "Not run: people asked for too many runs within the last hour.",
    "right": "Marked right: this run is a case by which the rules are judged from now on.",
    "wrong": "Marked wrong. If you know what it was, say it below.",
    "labelled": "Noted what it was: this run is a case by which the rules are judged from now on.",
    "unchanged": "Nothing changed: it was so already.",
}
"""What a page says after a write; the address holds the key only."""
log = logging.getLogger("pitchey_ops.web")

Page = Callable[[Request, Visitor], Response]


class Refused(Exception):
    """A request that is answered with an error page."""

    def __init__(self, status: int, title: str, words: str) -> None:
        self.status, self.title, self.words = status, title, words
        super().__init__(title)


class Pages:
    """All pages of one service."""

    def __init__(self, state: State, access: Access) -> None:
        self.state = state
        self.access = access
        self.reader = Reader(state)

    def routes(self) -> list[Route]:
        """Return the routes."""
        run = "/incidents/{incident}/runs/{run}"
        return [
            Route("/", self.seen(self.index)),
            Route("/login", self.login, methods=["GET", "POST"]),
            Route("/logout", self.written(self.logout), methods=["POST"]),
            Route("/static/{name}", self.static),
            Route("/incidents/{incident}", self.seen(self.incident)),
            Route("/incidents/{incident}/acknowledge", self.written(self.acknowledge), methods=["POST"]),
            Route("/incidents/{incident}/resolve", self.written(self.resolve), methods=["POST"]),
            Route("/incidents/{incident}/severity", self.written(self.severity), methods=["POST"]),
            Route("/incidents/{incident}/run", self.written(self.order), methods=["POST"]),
            Route(f"{run}/report", self.seen(self.report)),
            Route(f"{run}/files/{{name}}", self.seen(self.file)),
            Route(f"{run}/mark", self.written(self.mark), methods=["POST"]),
        ]

    # ── guards ───────────────────────────────────────────────────────────────────────────────────────────────────

    def seen(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        """Return an endpoint that shows *page* to whoever may see it, and to others the login form."""

        async def endpoint(request: Request) -> Response:
            visitor = self.access.visitor(request)
            if visitor is None:
                return self._turned_away(request)
            return await run_in_threadpool(self._shown, page, request, visitor)

        return endpoint

    def written(self, write: Callable[[Request, Visitor, Mapping[str, str]], Response]) -> Any:
        """Return an endpoint that carries out *write* for a form of ours that this visitor was shown."""

        async def endpoint(request: Request) -> Response:
            visitor = self.access.visitor(request)
            if visitor is None:
                return self.problem(401, "Who are you?", "Sign in first. Nothing was changed.")
            try:
                form = await _form(request)
            except Refused as exc:
                return self.problem(exc.status, exc.title, exc.words, visitor)
            if not self.access.is_our_form(request, visitor, form.get("form", "")):
                words = "The form was not made for you by this page, or it is too old. Go back, reload, and try again."
                return self.problem(403, "Nothing was changed", words, visitor)
            return await run_in_threadpool(self._shown, lambda r, v: write(r, v, form), request, visitor)

        return endpoint

    def _shown(self, page: Page, request: Request, visitor: Visitor) -> Response:
        try:
            return page(request, visitor)
        except Refused as exc:
            return self.problem(exc.status, exc.title, exc.words, visitor)
        except UsageError as exc:
            return self.problem(400, "That cannot be done", str(exc), visitor)
        except SQLAlchemyError as exc:
            log.warning("a page could not be made: %s", why(exc))
            words = f"{why(exc).capitalize()}. Nothing was changed; try again in a minute."
            return self.problem(503, "The database does not answer", words, visitor)
        except OpsError as exc:
            return self.problem(503, "That did not work", str(exc), visitor)
        except Exception:  # told to the log (and to Sentry), not to whoever asks
            log.exception("a page could not be made")
            words = (
                "That is a fault of pitchey-ops, and it is in the log. The archive and running work are as they were."
            )
            return self.problem(500, "This page could not be made", words, visitor)

    def _turned_away(self, request: Request) -> Response:
        if not self.access.config.is_open:
            return self.problem(503, "This page is closed", CLOSED)
        if not self.access.config.tokens:
            return self.problem(401, "Who are you?", "This page is reached through its proxy, which knows your name.")
        if "text/html" not in request.headers.get("accept", ""):
            return Response("sign in at /login, or send the token: Authorization: Bearer …\n", 401, PAGE)
        query = f"?{request.url.query}" if request.url.query else ""
        place = quote(next_place(f"{request.url.path}{query}"), safe="")
        return RedirectResponse(f"/login?next={place}", 303, PAGE)

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────

    def index(self, request: Request, visitor: Visitor) -> Response:
        """Show what is open and what was, or what a search found."""
        asked = request.query_params.get("q", "")[:SEARCH_LIMIT].strip()
        before = request.query_params.get("before") or None
        if before is not None and not ids.is_incident_id(before):
            raise Refused(404, "No such page", "That is no incident's id.")
        shown = self.reader.search_page(asked) if asked else self.reader.list_page(before)
        quiet = bool(asked or before or "still" in request.query_params)
        return self.page(
            "list.html.j2", request, visitor, shown=shown, asked=asked, before=before or "",
            refresh=0 if quiet else 4 * REFRESH_S, title=f"“{asked}”" if asked else "Incidents",
        )  # fmt: skip

    def incident(self, request: Request, visitor: Visitor) -> Response:
        """Show an incident."""
        incident = _incident(request)
        run = request.query_params.get("run")
        shown = self.reader.incident_page(incident, run if ids.is_run_id(run) else None)
        if shown is None:
            raise Refused(404, "No such incident", f"Neither database nor archive knows {incident}.")
        still = "still" in request.query_params
        return self.page(
            "incident.html.j2", request, visitor, shown=shown, one=shown.one, levels=LEVELS, runbooks=tuple(RUNBOOKS),
            about=about, causes=[(name, known.title) for name, known in BY_ID.items()],
            refresh=REFRESH_S if shown.is_running and not shown.shown_run and not still else 0,
            title=f"{shown.one.severity} {shown.one.id}",
        )  # fmt: skip

    def report(self, request: Request, visitor: Visitor) -> Response:
        """Show an archived report as a document that can do nothing."""
        incident, run = _incident(request), _run(request)
        path = files.place(self.reader.archive, incident, run, "report.html")
        try:
            if path is None or path.stat().st_size > files.REPORT_LIMIT:
                raise Refused(
                    404, "No such report", "The run is not archived on this machine, or its report is too large."
                )
            body = path.read_bytes()
        except OSError as exc:
            raise Refused(503, "The report cannot be read", exc.strerror or "The disk does not answer.") from exc
        return Response(body, media_type="text/html; charset=utf-8", headers=report_headers(body))

    def file(self, request: Request, visitor: Visitor) -> Response:
        """Give a file of a run, always to be saved, never to be opened here."""
        incident, run, name = _incident(request), _run(request), request.path_params["name"]
        path = files.place(self.reader.archive, incident, run, name)
        if path is None:
            raise Refused(404, "No such file", "The run is not archived on this machine, or has no such file.")
        return FileResponse(
            path,
            media_type=files.FILES[name].media_type,
            filename=f"{run}-{name}",
            content_disposition_type="attachment",
            headers=dict(FILE),
        )

    def static(self, request: Request) -> Response:
        """Give the style sheet: the one file that needs no name."""
        if request.path_params["name"] != "page.css":
            return self.problem(404, "No such page", "There is nothing here.")
        headers = {**PAGE, "cache-control": "public, max-age=3600"}
        return Response(_style()[0], media_type="text/css; charset=utf-8", headers=headers)

    # ── signing in ───────────────────────────────────────────────────────────────────────────────────────────────

    async def login(self, request: Request) -> Response:
        """Show the login form, or let in whoever brings the token."""
        if not self.access.config.tokens:
            return self._turned_away(request)
        place = next_place(request.query_params.get("next"))
        if request.method != "POST":
            return self._login_form(request, place)
        try:
            form = await _form(request)
        except Refused as exc:
            return self.problem(exc.status, exc.title, exc.words)
        place = next_place(form.get("next"))
        if not self.access.same_site(request):
            return self._login_form(request, place, 403, "The form came from another site. Sign in here.")
        if not self.access.may_try(request):
            answer = self._login_form(request, place, 429, "Too many tries. Wait a minute.")
            answer.headers["retry-after"] = "60"
            return answer
        if not self.access.is_token(form.get("token", "").strip()):
            return self._login_form(request, place, 401, "That is not the token.", form.get("name", ""))
        self.access.forgive(request)
        answer = RedirectResponse(place, 303, PAGE)
        self.access.let_in(answer, form.get("name", ""))
        return answer

    def _login_form(
        self, request: Request, place: str, status: int = 200, trouble: str = "", name: str = ""
    ) -> Response:
        return self.page(
            "login.html.j2", request, None, status=status, place=place, trouble=trouble, name=name[:60], title="Sign in"
        )  # fmt: skip

    def logout(self, request: Request, visitor: Visitor, form: Mapping[str, str]) -> Response:
        """End the session on this browser."""
        answer = RedirectResponse("/login" if self.access.config.tokens else "/", 303, PAGE)
        self.access.let_out(answer)
        return answer

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────

    def acknowledge(self, request: Request, visitor: Visitor, form: Mapping[str, str]) -> Response:
        """Stop the response clock."""
        incident = self._live(request)
        with self.state.db.begin() as connection:
            changed = store.acknowledge(connection, incident, visitor.name, self.state.clock.now())
        return _back(incident, "acknowledged" if changed else "unchanged")

    def resolve(self, request: Request, visitor: Visitor, form: Mapping[str, str]) -> Response:
        """Close the incident's clocks."""
        incident = self._live(request)
        words = redactor_of(self.state.settings).text(form.get("text", "").strip()[:2000])
        with self.state.db.begin() as connection:
            changed = store.resolve(
                connection,
                incident,
                visitor.name,
                self.state.clock.now(),
                text=words,
                rules=rules_of(self.state.settings),
            )
        self.state.nudge()
        return _back(incident, "resolved" if changed else "unchanged")

    def severity(self, request: Request, visitor: Visitor, form: Mapping[str, str]) -> Response:
        """Set the severity."""
        incident, level = self._live(request), next((one for one in LEVELS if one == form.get("severity")), None)
        if level is None:
            raise Refused(400, "Nothing was changed", "The severity is one of P1, P2, P3, P4.")
        with self.state.db.begin() as connection:
            changed = store.set_severity(
                connection, incident, level, visitor.name, self.state.clock.now(), rules_of(self.state.settings)
            )
        return _back(incident, "severity" if changed else "unchanged")

    def order(self, request: Request, visitor: Visitor, form: Mapping[str, str]) -> Response:
        """Ask for a run of a runbook."""
        incident, runbook = self._live(request), form.get("runbook", "")
        if runbook not in RUNBOOKS:
            raise Refused(400, "Nothing was run", "There is no such runbook.")
        with self.state.db.begin() as connection:
            run = store.order_run(connection, incident, runbook, visitor.name, self.state.clock.now())
        self.state.nudge()
        return _back(incident, "quota" if run is None else "ordered")

    def mark(self, request: Request, visitor: Visitor, form: Mapping[str, str]) -> Response:
        """Mark a verdict right or wrong, or say what it was."""
        incident, run = _incident(request), _run(request)
        archive = archive_of(self.state.settings)
        if files.place(archive, incident, run, "report.json") is None:
            raise Refused(404, "Nothing was marked", "The run is not archived on this machine.")
        page = self.reader.incident_page(incident)
        before = next((one.mark for one in page.runs if one.id == run), None) if page is not None else None
        now, said = self.state.clock.now(), form.get("mark", "")
        if said == "right":
            if before is not None and before.mark == "right":
                return _back(incident, "unchanged", run)
            marks.mark_right(archive, run, by=visitor.name, at=now)
        elif said == "wrong":
            if before is not None and before.mark == "wrong":
                return _back(incident, "unchanged", run)
            marks.say_wrong(archive, run, by=visitor.name, at=now)
        elif said == "cause" and form.get("cause") in BY_ID:
            label(archive, run, cause=form["cause"], onset=None, by=visitor.name, at=now)
            said = "labelled"
        else:
            raise Refused(400, "Nothing was marked", "A verdict is marked right or wrong, or named a cause.")
        return _back(incident, said, run)

    def _live(self, request: Request) -> str:
        from ..db import reading

        incident = _incident(request)
        with reading(self.state.db) as connection:
            if store.incident(connection, incident) is None:
                raise Refused(404, "Nothing was changed", f"The service has no incident {incident}.")
        return incident

    # ── making a page ────────────────────────────────────────────────────────────────────────────────────────────

    def page(
        self, template: str, request: Request | None, visitor: Visitor | None, *, status: int = 200, **values: Any
    ) -> Response:
        """Return a page; every expression of its template is made visible and escaped."""
        said = SAID.get(request.query_params.get("said", ""), "") if request is not None else ""
        still = "" if request is None else f"{request.url.path}?{urlencode({'still': '1'})}"
        given = {"asked": "", "refresh": 0, **values}
        html = _environment().get_template(template).render(
            visitor=visitor,
            form="" if visitor is None else self.access.form_token(visitor),
            by_token=bool(visitor and visitor.nonce),
            now=stamp(self.state.clock.now()),
            environment=self.state.settings.environment,
            style=_style()[1],
            fence_note=Markup.escape(FENCE_NOTE),  # its fence is ours, and is shown as it is
            said=said,
            still=still,
            **given,
        )  # fmt: skip
        return Response(html, status, dict(PAGE), "text/html; charset=utf-8")

    def problem(self, status: int, title: str, words: str, visitor: Visitor | None = None) -> Response:
        """Return a page that says what is wrong."""
        return self.page("problem.html.j2", None, visitor, status=status, title=title, words=words)


def _incident(request: Request) -> str:
    incident = str(request.path_params["incident"])
    if not ids.is_incident_id(incident):
        raise Refused(404, "No such incident", "That is no incident's id (INC-YYYYMMDD-HHMMSS-xxxx).")
    return incident


def _run(request: Request) -> str:
    run = str(request.path_params["run"])
    if not ids.is_run_id(run):
        raise Refused(404, "No such run", "That is no run's id (RUN-YYYYMMDD-HHMMSS-xxxx).")
    return run


def _back(incident: str, said: str, run: str = "") -> Response:
    tail = f"#{run}" if run else ""
    return RedirectResponse(f"/incidents/{incident}?said={said}{tail}", 303, PAGE)


async def _form(request: Request) -> dict[str, str]:
    """Return the fields of a form, read within a limit; a field that comes twice counts once."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Refused(415, "Nothing was changed", "A form of this page was expected.")
    body = b""
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > FORM_LIMIT:
                raise Refused(413, "Nothing was changed", "That is longer than any form of this page.")
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=50)
    except (ValueError, ClientDisconnect):
        raise Refused(400, "Nothing was changed", "The form cannot be read.") from None
    return {name: values[0] for name, values in fields.items()}


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("pitchey_ops.service.web"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_readable,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


@cache
def _style() -> tuple[str, str]:
    """Return the style sheet, and a word that changes with it."""
    text = (package_files("pitchey_ops.service.web") / "static" / "page.css").read_text(encoding="utf-8")
    return text, hashlib.sha256(text.encode()).hexdigest()[:12]


def _readable(value: object) -> object:
    return value if isinstance(value, Markup) else visible(value)
