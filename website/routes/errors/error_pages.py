"""Error pages: what happened, who can fix it, and a reference to look it up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

from authlib.oauth2 import OAuth2Error
from flask import Flask, current_app, got_request_exception, jsonify, make_response, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import NoResultFound
from werkzeug.exceptions import HTTPException

from ...clients import Client
from ...database import DatabaseUnavailableError, ReferenceGoneError, SchemaMissingError
from ...errors.catalogue import CATALOGUE, DEVELOPER, OPERATOR, PERSON
from ...logs import get_logger
from ...oauth2.errors import UnregisteredRedirectURIError, error_members
from ...redirect_uris import is_written_as_uri
from ...request_context import REQUEST_ID
from ...translatable import N_
from ..clients.client_rights import find_own_client
from ..current.host_application import current_host
from ..current.login_session import settle_login, treat_as_logged_out
from ..language.page_language import keep_page_address
from .stale_forms import answer_stale_form

#: Whose turn it is, to the person who reads the page.
TURNS = {DEVELOPER: N_("The app's developer"), PERSON: N_("You"), OPERATOR: N_("The operator of this server")}
RETRY_AFTER = ("Retry-After", "2")
#: Of an exception's own headers, those that say something a page does not.
KEPT_HEADERS = ("allow", "retry-after")
log = get_logger("grantwright.pages")


@dataclass(frozen=True, slots=True)
class Explanation:
    """What an error page says. ``error`` is the code that a program reads instead; the catalogue knows the rest."""

    error: str
    title: str
    text: str
    whose_turn: str = ""
    section: str = ""
    command: str = ""
    #: Where to go on, and the name of the app there.
    way_on: tuple[str, str] | None = None
    #: The name of the app whose request failed, and the redirect URI that it sent.
    app_name: str = ""
    sent_uri: str = ""


EXPLANATIONS = {
    400: Explanation("bad_request", N_("The request is malformed"), N_("The server could not read what was sent.")),
    401: Explanation("unauthorized", N_("Log in first"), N_("This page is for people who are logged in.")),
    403: Explanation("access_denied", N_("Access denied"), N_("Your account can't open this page.")),
    404: Explanation("not_found", N_("Page not found"), N_("The URL is mistyped, or the page is gone.")),
    405: Explanation("method_not_allowed", N_("Method not allowed"), N_("This URL doesn't take that kind of request.")),
    413: Explanation("too_large", N_("Request too large"), N_("The request is larger than this server accepts.")),
    429: Explanation("temporarily_unavailable", N_("Too many requests"), N_("Wait a minute, then try again.")),
}
FORM_EXPIRED = Explanation(
    "invalid_form",
    N_("This form has expired"),
    N_(
        "You logged in or out after it was opened, or another site sent it. Go back, reload the page and send it again,"
        " with cookies allowed for this site. Nothing was changed."
    ),
)
REQUEST_EXPIRED = Explanation(
    "invalid_request",
    N_("This request has expired"),
    N_("It was already answered, waited too long, or began in another browser. Go back to the app and start again."),
    whose_turn=PERSON,
)
UNAVAILABLE = Explanation(
    "temporarily_unavailable",
    N_("The server is busy"),
    N_("Its database did not answer in time. Nothing was changed. Try again in a moment."),
)
NO_TABLES = Explanation(
    "server_error",
    N_("The database tables are missing or out of date"),
    N_("Create or update them in the server's folder, then reload this page."),
    command="flask initdb",
)
FAILED = Explanation(
    "server_error",
    N_("Something went wrong on our side"),
    N_("The server's log has the details. Try again; if it fails again, send the reference to the operator."),
)

#: The code's own section is about the token endpoint.
REDIRECT_URI_SECTION = "RFC 6749, section 3.1.2.4"


def register(app: Flask) -> None:
    app.register_error_handler(HTTPException, show_http_error)
    app.register_error_handler(NoResultFound, show_vanished_row)
    app.register_error_handler(ReferenceGoneError, show_vanished_row)
    app.register_error_handler(DatabaseUnavailableError, show_database_unavailable)
    app.register_error_handler(SchemaMissingError, show_schema_missing)
    app.register_error_handler(Exception, show_unexpected_error)


def render_oauth_error(error: OAuth2Error, status: int | None = None) -> Any:
    """Answer a protocol error that no client may be told of by redirect: the person is."""
    meaning = CATALOGUE.get(error.error, CATALOGUE["invalid_request"])
    text = error.get_error_description() or ""
    explanation = Explanation(error.error, meaning.title, text, meaning.whose_turn, meaning.section_name)
    if isinstance(error, UnregisteredRedirectURIError):
        explanation = _add_redirect_uri(explanation, error)
    # 401 would need a challenge, which a browser would answer with a password box.
    fitting = 400 if error.status_code == 401 else error.status_code
    return _answer(explanation, status or fitting, [RETRY_AFTER] if error.status_code == 503 else [])


def _add_redirect_uri(explanation: Explanation, error: UnregisteredRedirectURIError) -> Explanation:
    """Say which URI was sent by which app, with a button to the app's page for those who manage it."""
    client = find_own_client(error.client.id)
    return replace(
        explanation,
        title=N_("Callback URL doesn't match"),
        section=REDIRECT_URI_SECTION,
        way_on=(url_for("clients.show_client", row_id=client.id), client.client_name) if client else None,
        app_name=error.client.client_name,
        sent_uri=error.sent_uri if is_written_as_uri(error.sent_uri) else "",
    )


def render_expired_request(client: Client | None = None) -> Any:
    """Answer for an authorization request that nobody can go on with, with a button to its client where it is known."""
    way_on = (client.client_uri, client.client_name) if client and client.client_uri else None
    return _answer(replace(REQUEST_EXPIRED, way_on=way_on), 400)


def show_http_error(error: HTTPException) -> Any:
    if error.response is not None:
        return error
    code = error.code or 500
    if isinstance(error, CSRFError):
        answer = None if _wants_json() else answer_stale_form()
        if answer is not None:
            return answer
        return _answer(FORM_EXPIRED, code)
    headers = [(name, value) for name, value in error.get_headers() if name.lower() in KEPT_HEADERS]
    return _answer(EXPLANATIONS.get(code, EXPLANATIONS[400] if code < 500 else FAILED), code, headers)


def show_vanished_row(_error: NoResultFound | ReferenceGoneError) -> Any:
    """Answer for a row that was deleted between two clicks."""
    return _answer(EXPLANATIONS[404], 404)


def show_database_unavailable(error: DatabaseUnavailableError) -> Any:
    log.warning("database unavailable", request_id=_request_id(), reason=error.reason)
    return _answer(UNAVAILABLE, 503, [RETRY_AFTER])


def show_schema_missing(_error: SchemaMissingError) -> Any:
    log.error("the database has no tables: run flask initdb", request_id=_request_id())
    command = "flask grantwright initdb" if current_host() else NO_TABLES.command
    return _answer(replace(NO_TABLES, command=command), 503, [RETRY_AFTER])


def show_unexpected_error(error: Exception) -> Any:
    """Log what happened, signal it as Flask would, and show none of it."""
    log.error("unexpected error", request_id=_request_id(), exc_info=error)
    got_request_exception.send(cast(Any, current_app)._get_current_object(), exception=error)
    return _answer(FAILED, 500)


def _answer(explanation: Explanation, status: int, headers: list[tuple[str, str]] | None = None) -> Any:
    if _wants_json():
        response = make_response(jsonify(error_members(explanation.error, explanation.text)), status)
    else:
        if status < 500:
            settle_login()
        else:
            treat_as_logged_out()  # asking may be what failed
        keep_page_address("")  # a stranger may have written the address of the request that failed
        response = make_response(_render(explanation, status), status)
    response.headers.extend(headers or [])
    return response


def _render(explanation: Explanation, status: int) -> str:
    meaning = CATALOGUE.get(explanation.error)
    whose_turn = explanation.whose_turn or (meaning.whose_turn if meaning else PERSON)
    return render_template(
        "error.html",
        explanation=explanation,
        status=status,
        request_id=_request_id(),
        whose_turn=TURNS[whose_turn],
        is_developers_turn=whose_turn == DEVELOPER,
        has_page=meaning is not None and "errors" in current_app.blueprints,
    )


def _wants_json() -> bool:
    return request.path.startswith("/api/") or "text/html" not in request.headers.get("Accept", "")


def _request_id() -> str:
    request_id: str = request.environ.get(REQUEST_ID, "")
    return request_id
