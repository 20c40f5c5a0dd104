"""The end-session endpoint's pages: an application sends the browser here to log the person out."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError
from flask import Blueprint, current_app, redirect, render_template, request, url_for
from itsdangerous import BadData
from werkzeug.wrappers import Response as WerkzeugResponse

from ... import redirect_uris
from ...oauth2.errors import Response, error_response
from ...oauth2.requests import OAuth2Request, Payload, read_form, read_query
from ...oauth2.server import AuthorizationServer
from ...oauth2.specs.oidc_rp_initiated_logout import (
    END_SESSION_ENDPOINT,
    EXPIRED,
    PROBLEMS,
    UNREADABLE,
    EndSessionRequest,
    end_login_for_client,
    read_end_session_request,
)
from ..browser.csrf import csrf
from ..browser.timed_signatures import TimedSerializer
from ..current.authorization_server import server_with
from ..current.login_session import find_login
from ..language.page_language import UI_LOCALES
from .browser_logout import log_out_and_go_on, show_logged_out

TRANSACTION, CONFIRM = "transaction", "confirm"
#: How long a person may think about it.
LIFETIME_SECONDS = 600
NEEDS_BROWSER = "Send the person's browser here, or a POST with client authentication and an id_token_hint."
IS_UNREADABLE = EndSessionRequest(problems=(UNREADABLE,))
HAS_EXPIRED = EndSessionRequest(problems=(EXPIRED,))
bp = Blueprint("end_session", __name__)


@bp.get(END_SESSION_ENDPOINT)
def show_logout() -> Any:
    """Answer a logout request (OpenID Connect RP-Initiated Logout 1.0, section 2): log out, or ask whether to."""
    server = server_with("end_session_endpoint")
    if _is_no_browser():
        return _send(error_response(InvalidRequestError(NEEDS_BROWSER)))
    try:
        fields = Payload(read_query(request.environ)).data
    except OAuth2Error:
        return _proceed(IS_UNREADABLE)
    if TRANSACTION in fields:
        return _proceed(_read(fields[TRANSACTION]) or HAS_EXPIRED)
    return _proceed(read_end_session_request(server, fields))


@bp.post(END_SESSION_ENDPOINT)
@csrf.exempt
def receive_logout() -> Any:
    """Take a posted logout request, a client's own, or, where the form has ``confirm``, a person's decision."""
    server = server_with("end_session_endpoint")
    limits = server.settings.max_body_bytes, server.settings.max_form_fields
    try:
        payload = Payload(read_form(request.environ, *limits))
    except OAuth2Error:
        payload = None
    if payload is not None and CONFIRM in payload.data:
        csrf.protect()
        return _decide(payload.data)
    oauth2_request = OAuth2Request(request.environ, server.issuer_of(request.environ), payload or Payload([]))
    if server.client_authentication.is_used(oauth2_request):
        return _end_for_client(server, oauth2_request)
    if _is_no_browser():
        return _send(error_response(InvalidRequestError(NEEDS_BROWSER)))
    end_session_request = IS_UNREADABLE if payload is None else read_end_session_request(server, payload.data)
    # A form of another site brings no cookie: the request is checked, and shown by a GET that does.
    ui_locales = None if payload is None else payload.data.get(UI_LOCALES)
    transaction = _write(end_session_request)
    return redirect(url_for("end_session.show_logout", transaction=transaction, ui_locales=ui_locales), 303)


def _end_for_client(server: AuthorizationServer, oauth2_request: OAuth2Request) -> WerkzeugResponse:
    try:
        return _send(end_login_for_client(server, oauth2_request))
    except OAuth2Error as error:
        return _send(error_response(error))


def _is_no_browser() -> bool:
    """Tell whether nobody could be asked, as no login comes along and no page is wanted."""
    return not request.cookies and "text/html" not in request.headers.get("Accept", "")


def _proceed(end_session_request: EndSessionRequest) -> Any:
    server, login = server_with("end_session_endpoint"), find_login()
    problems = [PROBLEMS[problem] for problem in end_session_request.problems]
    if login is None:
        return show_logged_out(end_session_request.address, [], problems)
    if end_session_request.may_end_unasked(server, login):
        return log_out_and_go_on(end_session_request.address)
    client = server.clients.find(end_session_request.client_id) if end_session_request.client_id else None
    return render_template(
        "end_session.html",
        client_name=client.client_name if client else None,
        host=redirect_uris.host_of(end_session_request.address) if end_session_request.address else None,
        problems=problems,
        transaction=_write(end_session_request),
    )


def _decide(fields: dict[str, str]) -> Any:
    """Carry out a person's decision on the request that was shown. One that has expired is shown again."""
    end_session_request = _read(fields.get(TRANSACTION, ""))
    if end_session_request is None:
        return _proceed(HAS_EXPIRED)
    if fields[CONFIRM] == "yes":
        return log_out_and_go_on(end_session_request.address)
    return redirect(end_session_request.address or url_for("home.show_home"), 303)


def _write(end_session_request: EndSessionRequest) -> str:
    """Write down what a request was found to be, signed: what it brought, an ID token among it, goes no further."""
    text: str = _serializer().dumps(asdict(end_session_request))
    return text


def _read(transaction: str) -> EndSessionRequest | None:
    try:
        written = _serializer().loads(transaction, max_age=LIFETIME_SECONDS)
    except BadData:
        return None
    return EndSessionRequest(**{**written, "problems": tuple(written["problems"])})


def _serializer() -> TimedSerializer:
    # Another salt than the first release's, which wrote less down.
    return TimedSerializer(current_app.config["SECRET_KEY"], salt="grantwright-end-session-2")


def _send(answer: Response) -> WerkzeugResponse:
    return WerkzeugResponse(answer.body, answer.status, list(answer.headers))
