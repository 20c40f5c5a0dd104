"""The authorization endpoint's pages: they hand the request to the protocol, and render what it says comes next."""

from __future__ import annotations

from typing import Any

from authlib.oauth2 import OAuth2Error
from flask import Blueprint, current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as WerkzeugResponse

from ...languages import MAX_REMEMBERED_CHARACTERS
from ...oauth2 import authorization_flow
from ...oauth2.authorization_flow import CONFIRM, Expired, Interaction, Outcome
from ...oauth2.authorization_request import AUTHORIZATION_ENDPOINT
from ...oauth2.interaction_steps import Step
from ...oauth2.requests import OAuth2Request, read_form, read_query
from ...oauth2.required_acr import find_missing_class
from ...oauth2.resumed_requests import way_back_of
from ...oauth2.server import AuthorizationServer
from ...request_context import Environ
from ...sessions import CurrentLoginSession
from ...wsgi.authorization_redirects import JUDGED, Judged
from ..browser.csrf import csrf
from ..browser.pending_request_cookie import browser_id, keep_browser_id
from ..browser.protocol_response import flask_response
from ..current.authorization_server import server_with
from ..current.login_session import find_account, find_login, knows_auth_time, login_page, step_up_page
from ..errors.error_pages import render_expired_request, render_oauth_error
from ..language.page_language import UI_LOCALES, keep_page_address, keep_ui_locales
from ..login.cross_site_login import find_cross_site_login
from ..presentation.client_logos import logo_address
from .consent_page import describe_consent
from .no_access import contacts_of

bp = Blueprint("authorize", __name__)
bp.after_request(keep_browser_id)


class CurrentBrowser:
    """The browser whose request is being answered, as the authorization flow asks about it."""

    @property
    def environ(self) -> Environ:
        return request.environ

    @property
    def id(self) -> str:
        return browser_id()

    def find_login(self) -> CurrentLoginSession | None:
        return find_login()

    def find_cross_site_login(self) -> CurrentLoginSession | None:
        return find_cross_site_login(current_app, request)

    def knows_auth_time(self) -> bool:
        return knows_auth_time()


@bp.route(AUTHORIZATION_ENDPOINT, methods=["GET"])
def show_authorization() -> Any:
    """Answer an authorization request (:rfc:`6749#section-3.1`): with a page, or with a redirect to the client."""
    server = server_with("authorization_endpoint")
    try:
        return _render(server, _begin(server))
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
            keep_ui_locales(dict(form).get(UI_LOCALES, ""))
            csrf.protect()
            return _render(server, authorization_flow.decide(server, CurrentBrowser(), query, form))
        outcome = authorization_flow.receive(server, request.environ, query + form)
    except OAuth2Error as error:
        return render_oauth_error(error)
    if isinstance(outcome, Interaction):
        return redirect(_address_of(outcome), 303)
    return flask_response(outcome)


def _begin(server: AuthorizationServer) -> Outcome:
    """Return what comes of a request: it was judged already unless an application embeds the provider."""
    judged: Judged | None = request.environ.get(JUDGED)
    if judged is None:
        return authorization_flow.begin(server, CurrentBrowser(), read_query(request.environ))
    judged.browser.tell_pages()
    if isinstance(judged.outcome, Exception):
        raise judged.outcome
    return judged.outcome


def _render(server: AuthorizationServer, outcome: Outcome) -> Any:
    """Render the page that comes next, or send the answer to the client."""
    if isinstance(outcome, Expired):
        return render_expired_request(outcome.client)
    if not isinstance(outcome, Interaction):
        return flask_response(outcome)
    keep_ui_locales(outcome.request.payload.data.get(UI_LOCALES, ""))
    keep_page_address(_address_of(outcome))
    if outcome.step is Step.CONSENT:
        return render_template(
            "authorize.html",
            account=find_account(),
            switch_address=login_page(_address_of(outcome), again=True),
            transaction=outcome.transaction,
            way_back=_kept_with_transaction(outcome.request),
            **describe_consent(server, outcome),
        )
    if outcome.step is Step.TURN_BACK:
        return _render_no_access(outcome), 403
    if outcome.step is Step.STEP_UP and outcome.login is not None:
        wanted = find_missing_class(server, outcome.request, outcome.login)
        return redirect(step_up_page(_address_of(outcome), wanted), 302)
    return _send_to_login(outcome)


def _render_no_access(interaction: Interaction) -> str:
    """Show that the person may not use the client. Only their own click tells it to the client."""
    client = interaction.request.client
    return render_template(
        "no_access.html",
        client=client,
        logo=logo_address(client),
        account=find_account(),
        contacts=contacts_of(client),
        switch_address=login_page(_address_of(interaction), again=True),
        transaction=interaction.transaction,
        way_back=_kept_with_transaction(interaction.request),
    )


def _send_to_login(interaction: Interaction) -> WerkzeugResponse:
    """Send the browser to log in, and from there back to this request."""
    if interaction.request.asked.wants_new_account:
        return redirect(url_for("sign_up.show_sign_up", next=_address_of(interaction)), 302)
    hint, again = interaction.request.asked.login_hint, interaction.login is not None
    return redirect(login_page(_address_of(interaction), hint, again=again), 302)


def _address_of(interaction: Interaction) -> str:
    """Return the address by which a request is gone on with: its own, or the one that it is kept under."""
    if interaction.transaction is None:
        query = request.query_string.decode("ascii", "replace")
        return f"{request.script_root}{request.path}" + (f"?{query}" if query else "")
    kept: dict[str, Any] = {**_kept_with_transaction(interaction.request)}
    return url_for("authorize.show_authorization", transaction=interaction.transaction, **kept)


def _kept_with_transaction(asked: OAuth2Request) -> dict[str, str]:
    """Return the parameters that stay in the address of a stored request: the way back, and the pages' language."""
    ui_locales = asked.payload.data.get(UI_LOCALES, "")
    is_short = 0 < len(ui_locales) <= MAX_REMEMBERED_CHARACTERS
    return {**way_back_of(asked), **({UI_LOCALES: ui_locales} if is_short else {})}
