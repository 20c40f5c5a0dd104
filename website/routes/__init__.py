"""Pages: registers the Flask views, and what all of them share, on an application."""

from __future__ import annotations

from functools import lru_cache

from flask import Flask, request
from werkzeug.wrappers import Response

from ..oauth2.endpoint_addresses import REGISTERED
from ..settings import Settings
from ..users.relying_party import rp_id_of
from . import api_me, dev_mail, home, page_context
from .account import (
    authenticator_app,
    connected_apps,
    email_address,
    own_account,
    own_sessions,
    passkeys,
    password,
    recovery_codes,
    security_history,
)
from .apis import resources
from .authorization import authorize, device_page
from .browser import repeated_forms, security_headers
from .browser.csrf import csrf
from .browser.refused_fields import refuse_fields
from .browser.session_cookie import PageRequest, SessionCookies
from .clients import client_access, logo_pictures, new_client, self_registration, try_it, try_it_in_demo
from .current.authorization_server import authorization_server
from .current.login_session import find_login
from .errors import error_pages, error_reference
from .joining import join, sign_up
from .language import language_choice, translations
from .login import (
    browser_cookies,
    browser_state,
    end_session,
    first_passkey,
    forgotten_password,
    login_form,
    logout_page,
    passkey_login,
    passkey_offer_page,
    passkey_second_factor,
    required_password,
    second_factor,
    set_password,
)
from .people import accounts, events, groups, invitations, new_person, person_acts
from .presentation import branding, mail_templates, moments, template_environment

#: More views and hooks than an application has.
MAX_FUNCTIONS = 1024
BLUEPRINTS = (
    home.bp, try_it_in_demo.bp, new_client.bp, try_it.bp, logo_pictures.bp, self_registration.bp, resources.bp,
    connected_apps.bp, authorize.bp, end_session.bp, device_page.bp, api_me.bp, language_choice.bp,
)  # fmt: skip
#: The pages of accounts and logins: an application that embeds the provider has its own.
ACCOUNT_BLUEPRINTS = (
    login_form.bp, second_factor.bp, authenticator_app.bp, recovery_codes.bp, logout_page.bp, own_account.bp,
    password.bp, set_password.bp, required_password.bp, own_sessions.bp, accounts.bp, new_person.bp, person_acts.bp,
    groups.bp, events.bp, security_history.bp, browser_state.bp, client_access.bp, forgotten_password.bp,
    email_address.bp, join.bp, sign_up.bp, invitations.bp,
)  # fmt: skip
#: The pages of passkeys, where there can be any.
PASSKEY_BLUEPRINTS = passkey_login.bp, passkey_second_factor.bp, passkeys.bp, first_passkey.bp, passkey_offer_page.bp


def register_routes(app: Flask, settings: Settings, *, is_embedded: bool = False) -> None:
    """Register the pages, CSRF protection, error pages, security headers and template filters."""
    # Flask asks at every request whether each view and hook is a coroutine.
    app.ensure_sync = lru_cache(MAX_FUNCTIONS)(app.ensure_sync)  # type: ignore[method-assign]
    template_environment.register(app)
    app.config.setdefault("WTF_CSRF_SSL_STRICT", False)  # csrf.py judges Origin; a missing Referer is fine
    app.before_request(refuse_fields)
    if is_embedded:
        app.before_request(follow_host)
    app.request_class, app.session_interface = PageRequest, SessionCookies()
    csrf.init_app(app)
    csrf.exempt(api_me.bp)
    app.extensions["grantwright"].registry.add_page(api_me.ADDRESS, "api.show_me", methods=("GET",), cors=REGISTERED)
    security_headers.register(app)
    error_pages.register(app)
    translations.register(app, settings)
    page_context.register(app)
    moments.register(app)
    branding.register(app, settings)
    repeated_forms.register(app)
    mail_templates.register(app)
    own_pages = () if is_embedded else (*ACCOUNT_BLUEPRINTS, *(PASSKEY_BLUEPRINTS if rp_id_of(settings) else ()))
    for blueprint in (*BLUEPRINTS, *own_pages):
        app.register_blueprint(blueprint)
    if settings.demo and not is_embedded:
        app.register_blueprint(dev_mail.bp)
    app.after_request(send_notices)
    browser_cookies.register(app)
    if app.extensions["grantwright"].settings.error_pages:
        app.register_blueprint(error_reference.bp)


def follow_host() -> None:
    """Have the login be the host's before a form is judged: one that was opened under another login is refused."""
    if request.method not in ("GET", "HEAD", "OPTIONS"):
        find_login()


def send_notices(response: Response) -> Response:
    """Have applications told of the logins that a form may have ended: by a logout, a new password, a deletion."""
    if request.method == "POST" or request.blueprint == end_session.bp.name:
        authorization_server().send_notices()
    return response
