"""The authorization endpoint's pages: reads the request, asks what comes next, shows login or consent, or answers."""

from __future__ import annotations

from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError
from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response as WerkzeugResponse

from ..grants.pending_requests import TRANSACTION, PendingRequest
from ..oauth2.authentication_request import FormerLogin
from ..oauth2.authorization_request import AUTHORIZATION_ENDPOINT, find_authorization_grant
from ..oauth2.decision import Decision
from ..oauth2.interaction import Step, next_step
from ..oauth2.requests import OAuth2Request, Pairs, Payload, read_form, read_query
from ..oauth2.server import AuthorizationServer
from ..sessions import CurrentLoginSession
from .authorization_server import server_with
from .consent_page import SHOWN, describe_consent, is_as_shown, remember_consent
from .cross_site_login import find_cross_site_login
from .csrf import csrf
from .error_pages import render_expired_request, render_oauth_error
from .login_session import current_account, current_login, knows_auth_time, login_page
from .pending_request_cookie import browser_id, keep_browser_id
from .pending_requests import (
    address_of_request,
    answer_expired_request,
    former_login_of,
    keep_posted_request,
    keep_request,
    oauth2_request_of,
    way_back_of,
)
from .protocol_response import flask_response

CONFIRM = "confirm"
#: Where nobody was logged in: any login is another one.
NO_LOGIN = ""
bp = Blueprint("authorize", __name__)
bp.after_request(keep_browser_id)


@bp.route(AUTHORIZATION_ENDPOINT, methods=["GET"])
def show_authorization() -> Any:
    """Answer an authorization request (:rfc:`6749#section-3.1`): with a page, or with a redirect to the client."""
    server = server_with("authorization_endpoint")
    try:
        pairs = read_query(request.environ)
        transaction = _first(pairs, TRANSACTION)
        if transaction is None:
            return _proceed(server, oauth2_request_of(server, PendingRequest(pairs)), None)
        pending = server.pending_requests.open(transaction, browser_id())
        if pending is None:
            return answer_expired_request(server, pairs)
        return _proceed(server, oauth2_request_of(server, pending), former_login_of(pending))
    except OAuth2Error as error:
        return render_oauth_error(error)


@bp.route(AUTHORIZATION_ENDPOINT, methods=["POST"])
@csrf.exempt
def receive_authorization() -> Any:
    """Take a posted authorization request, or, where the form has ``confirm``, a person's decision."""
    server = server_with("authorization_endpoint")
    try:
        query = read_query(request.environ)
        limits = server.settings.max_body_bytes, server.settings.max_form_fields
        form = read_form(request.environ, *limits)
        if any(name == CONFIRM for name, _value in form):
            csrf.protect()
            return _decide(server, query, form)
        oauth2_request = oauth2_request_of(server, PendingRequest(query + form))
    except OAuth2Error as error:
        return render_oauth_error(error)
    try:
        # Another site may send the browser here by a form (OpenID Connect Core 1.0, section 3.1.2.1): the request is
        # checked, kept, and shown by a GET that brings the cookie along.
        find_authorization_grant(server, oauth2_request)
        transaction = keep_posted_request(server, oauth2_request)
        return redirect(address_of_request(transaction, oauth2_request), 303)
    except OAuth2Error as error:
        return _answer_error(server, oauth2_request, error)


def _proceed(server: AuthorizationServer, oauth2_request: OAuth2Request, former: FormerLogin | None) -> Any:
    """Show the next page, or send the answer that is due without one."""
    try:
        grant = find_authorization_grant(server, oauth2_request)
        login = current_login()
        if login is None and oauth2_request.asked.allows_no_page:
            login = find_cross_site_login()
        is_known = not oauth2_request.asked.looks_at_auth_time or knows_auth_time()
        try:
            step, consent = next_step(
                server, login, oauth2_request, grant.redirect_uri, former, knows_auth_time=is_known
            )
        except OAuth2Error as error:
            error.redirect_uri = grant.redirect_uri
            raise
        if step is Step.LOGIN or login is None:
            return _send_to_login(server, oauth2_request, login)
        if step is Step.CONSENT:
            return _ask(server, oauth2_request, grant.redirect_uri, login)
        oauth2_request.login = login
        return flask_response(grant.create_authorization_response(grant.redirect_uri, Decision(login, consent)))
    except OAuth2Error as error:
        return _answer_error(server, oauth2_request, error)


def _send_to_login(
    server: AuthorizationServer, oauth2_request: OAuth2Request, login: CurrentLoginSession | None
) -> WerkzeugResponse:
    """Send the browser to log in, and from there back to this request.

    Where a login alone may not be what the client asks for, the request is kept together with the one that was not. So
    is one that stood elsewhere than in the address: there it may be over by then.
    """
    asked = oauth2_request.asked
    if not asked.may_want_another_login and not oauth2_request.is_from_client:
        return redirect(login_page(_address_of(request), asked.login_hint), 302)
    transaction = keep_request(server, oauth2_request, None, login or NO_LOGIN)
    back = address_of_request(transaction, oauth2_request)
    return redirect(login_page(back, asked.login_hint, again=login is not None), 302)


def _ask(
    server: AuthorizationServer, oauth2_request: OAuth2Request, redirect_uri: str, login: CurrentLoginSession
) -> Any:
    """Show the consent page for exactly this request: the decision can be about no other."""
    return render_template(
        "authorize.html",
        account=current_account(),
        transaction=keep_request(server, oauth2_request, login.session),
        way_back=way_back_of(oauth2_request),
        **describe_consent(server, oauth2_request, redirect_uri, login),
    )


def _decide(server: AuthorizationServer, query: Pairs, form: Pairs) -> Any:
    """Carry out a decision: on the request that was shown, once, by the login that was asked."""
    Payload(form)  # refuses a field that is there twice: a yes and a no, say
    login = current_login()
    transaction = _first(form, TRANSACTION)
    if login is None or transaction is None:
        return render_expired_request()
    pending = server.pending_requests.find(transaction, login.session, browser_id())
    if pending is None and not server.pending_requests.is_kept(transaction):
        return answer_expired_request(server, form)
    if pending is None:
        return render_expired_request()  # answered already, or somebody else's to answer
    pairs = pending.pairs
    parameters = [pair for pair in query + form if pair[0] in server.authorization_parameters]
    if any(pair not in pairs for pair in parameters):
        raise InvalidRequestError("The request was changed after it was shown. Start again from the application.")
    if not server.pending_requests.claim(transaction, login.session):
        return render_expired_request()
    oauth2_request = oauth2_request_of(server, pending)
    try:
        grant = find_authorization_grant(server, oauth2_request)
        decision = None
        is_allowed = _first(form, CONFIRM) == "yes"
        if is_allowed and not is_as_shown(oauth2_request, _first(form, SHOWN)):
            return _ask(server, oauth2_request, grant.redirect_uri, login)
        if is_allowed:
            consent = remember_consent(server, oauth2_request, grant.redirect_uri, login)
            decision, oauth2_request.login = Decision(login, consent, was_asked=True), login
        else:
            server.consents.refuse(login.subject, oauth2_request.client.id, oauth2_request.scope or "")
        return flask_response(grant.create_authorization_response(grant.redirect_uri, decision))
    except OAuth2Error as error:
        return _answer_error(server, oauth2_request, error)


def _answer_error(server: AuthorizationServer, oauth2_request: OAuth2Request, error: OAuth2Error) -> Any:
    """Send an error to the client where its redirect URI was verified; show a page where it was not."""
    if not error.redirect_uri:
        return render_oauth_error(error)
    return flask_response(server.authorization_responses.build_error(oauth2_request, error))


def _first(pairs: Pairs, name: str) -> str | None:
    return next((value for parameter, value in pairs if parameter == name), None)


def _address_of(flask_request: Any) -> str:
    """Return path and query of this page, for the login to come back to."""
    query = flask_request.query_string.decode("ascii", "replace")
    return f"{flask_request.script_root}{flask_request.path}" + (f"?{query}" if query else "")
