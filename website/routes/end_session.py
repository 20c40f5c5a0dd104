"""The end-session endpoint's pages: an application sends the browser here to log the person out."""

from __future__ import annotations

from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError
from flask import Blueprint, abort, current_app, redirect, render_template, request, url_for
from itsdangerous import BadData, URLSafeTimedSerializer

from .. import redirect_uris
from ..oauth2.end_session_request import (
    END_SESSION_ENDPOINT,
    EndSessionRequest,
    read_end_session_request,
)
from ..oauth2.requests import Payload, read_form, read_query
from ..oauth2.server import AuthorizationServer
from .csrf import csrf
from .error_pages import render_oauth_error
from .logged_out import log_out_and_go_on, show_logged_out
from .login_session import current_login

TRANSACTION, CONFIRM = "transaction", "confirm"
#: How long a person may think about it.
LIFETIME_SECONDS = 600
bp = Blueprint("end_session", __name__)


@bp.get(END_SESSION_ENDPOINT)
def show_logout() -> Any:
    """Answer a logout request (OpenID Connect RP-Initiated Logout 1.0, section 2): log out, or ask whether to."""
    server = _server()
    try:
        fields = Payload(read_query(request.environ)).data
        known = _read(fields[TRANSACTION]) if TRANSACTION in fields else None
        return _proceed(known or read_end_session_request(server, fields))
    except OAuth2Error as error:
        return render_oauth_error(error)


@bp.post(END_SESSION_ENDPOINT)
@csrf.exempt
def receive_logout() -> Any:
    """Take a posted logout request, or, where the form has ``confirm``, a person's decision."""
    server = _server()
    try:
        limits = server.settings.max_body_bytes, server.settings.max_form_fields
        fields = Payload(read_form(request.environ, *limits)).data
        if CONFIRM in fields:
            csrf.protect()
            return _decide(fields)
        asked = read_end_session_request(server, fields)
        # A form of another site brings no cookie: the request is checked, and shown by a GET that does.
        return redirect(url_for("end_session.show_logout", transaction=_write(asked)), 303)
    except OAuth2Error as error:
        return render_oauth_error(error)


def _proceed(asked: EndSessionRequest) -> Any:
    login = current_login()
    if login is None:
        return show_logged_out(asked.address, [])
    if asked.session == login.session:
        return log_out_and_go_on(asked.address)
    return render_template(
        "end_session.html",
        host=redirect_uris.host_of(asked.address) if asked.address else None,
        transaction=_write(asked),
    )


def _decide(fields: dict[str, str]) -> Any:
    """Carry out a person's decision on the request that was shown."""
    asked = _read(fields.get(TRANSACTION, ""))
    if fields[CONFIRM] == "yes":
        return log_out_and_go_on(asked.address)
    return redirect(asked.address or url_for("home.show_home"), 303)


def _write(asked: EndSessionRequest) -> str:
    """Write down what a request was found to be, signed: what it brought, an ID token among it, goes no further."""
    text: str = _serializer().dumps([asked.address, asked.session])
    return text


def _read(transaction: str) -> EndSessionRequest:
    try:
        return EndSessionRequest(*_serializer().loads(transaction, max_age=LIFETIME_SECONDS))
    except BadData:
        raise InvalidRequestError("This request has expired. Start again from the application.") from None


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt="grantwright-end-session")


def _server() -> AuthorizationServer:
    server: AuthorizationServer = current_app.extensions["grantwright"]
    if "end_session_endpoint" not in server.named_addresses:
        abort(404)  # its specification is switched off
    return server
