"""Creating a client: what one builds, the few fields that this needs, and the result with its secret."""

from __future__ import annotations

from typing import Any

from flask import abort, redirect, render_template, request, url_for

from ...clients import Client
from ...clients.client_changes import TooManyClientsError
from ...clients.operator_decisions import DECISIONS
from ...clients.policy import ClientPolicy
from ...clients.presets import CLIENTS, Preset, find_preset
from ...database import StaleLoginError
from ...translatable import N_
from ..browser.repeated_forms import find_earlier_result, keep_result
from ..current.authorization_server import authorization_server
from ..current.login_session import current_login
from ..login.login_before_act import recent_login_of_operators
from .client_cards import address_of, leads_on, list_cards
from .client_rights import current_policy
from .client_views import bp as bp
from .client_views import fetch_logo, show_secret
from .consent_preview import preview_consent
from .example_commands import SIGNED
from .form_choices import describe_form
from .form_input import LABELS, MORE, ClientForm, new_form, read_form
from .short_form import BASE_URL, list_protocol_grants, list_ticks, new_short_form, protocol_in_words, read_short_form
from .snippets import build_application_snippets
from .try_it_callback import callback_uri, is_on

OTHER, PREVIEW = "other", "preview"
#: The folded fields of a custom client.
ADVANCED = {"response_type", "extra_origin", MORE, *(decision.name for decision in DECISIONS)}


@bp.get("/create_client")
@recent_login_of_operators
def show_new_client() -> Any:
    """Show what one can build, the short form of one of these (``type``), or the form of a custom client."""
    policy = current_policy() or abort(403)
    preset = _preset(request.args.get("type", ""), policy)
    if preset is None:
        return _render_form(new_form(authorization_server(), policy), None, policy)
    if preset.name not in CLIENTS:
        return redirect(address_of(preset), 303)
    form = new_short_form(preset, policy, authorization_server())
    if request.args.get("callback") == "own" and is_on():
        form.lists["redirect_uri"] = [callback_uri()]
    return _render_form(form, preset, policy)


@bp.post("/create_client")
@recent_login_of_operators
def create_client() -> Any:
    """Create a client and show its secret, this once."""
    server, policy = authorization_server(), current_policy() or abort(403)
    if earlier := find_earlier_result():
        return earlier
    preset = _preset(request.form.get("type", ""), policy)
    if preset is not None and preset.name not in CLIENTS:
        abort(400)
    form = read_form(request.form, policy) if preset is None else read_short_form(request.form, preset, policy, server)
    if preset is not None and PREVIEW in request.args:
        form.problems = {}
        return _render_form(form, preset, policy)
    if form.problems:
        return _render_form(form, preset, policy), 422
    if preset is None:
        form.let_refresh(policy.offered)
    try:
        client, secret = create_own_client(policy, form.metadata(), **form.columns())
    except TooManyClientsError:
        form.problems["client_name"] = N_(
            "You can't have more than %(count)s clients. Delete one that you no longer need.", count=policy.max_clients
        )
        return _render_form(form, preset, policy), 422
    fetch_logo(client)
    keep_result(url_for("clients.show_client", row_id=client.id))
    application = None if preset is None else preset.application
    if application is None:
        return show_secret("client_created.html", client, secret)
    configuration = build_application_snippets(
        server, client, secret, application, request.form.get(BASE_URL, ""), server.issuer_of(request.environ)
    )
    return show_secret("client_created.html", client, secret, application=application, configuration=configuration)


def create_own_client(policy: ClientPolicy, metadata: dict[str, Any], **columns: Any) -> tuple[Client, str | None]:
    """Create a client of the logged-in user; return its secret too. 403 if their login has ended meanwhile.

    Raises :class:`~website.clients.client_changes.TooManyClientsError`.
    """
    login = current_login()
    try:
        return authorization_server().clients.create(
            metadata, login.subject, by=login.subject, login=login.session, max_owned=policy.max_clients, **columns
        )
    except StaleLoginError:
        abort(403)


def _preset(name: str, policy: ClientPolicy) -> Preset | None:
    """Return the preset of a type that somebody may create; ``None`` for a custom client."""
    if name in ("", OTHER):
        return None
    preset = find_preset(name) or abort(404)
    return preset if leads_on(authorization_server(), policy, preset) else abort(403)


def _render_custom_form(form: ClientForm, policy: ClientPolicy, described: dict[str, Any]) -> str:
    """Show the form of a custom client, on its own or, for scripts that read the page, beside the cards."""
    if form.problems or request.args.get("type") == OTHER:
        return render_template("custom_client.html", is_advanced=bool(ADVANCED & form.problems.keys()), **described)
    building, known = list_cards(authorization_server(), policy)
    return render_template("create_client.html", building=building, known=known, is_advanced=False, **described)


def _render_form(form: ClientForm, preset: Preset | None, policy: ClientPolicy) -> str:
    server, described = authorization_server(), describe_form(form, policy)
    if preset is None:
        return _render_custom_form(form, policy, described)
    ticks = list_ticks(form, preset, policy, server)
    of_short_form = {
        "preset": preset,
        "labels": LABELS,
        "base_url": request.form.get(BASE_URL, ""),
        "ticks": ticks,
        "protocol_grants": list_protocol_grants(described["choices"], preset, ticks),
        # A public key is registered on the form of a custom client.
        "auth_methods": [method for method in described["choices"].auth_methods if method.value not in SIGNED],
        "protocol": protocol_in_words(form),
        "own_callback": callback_uri() if is_on() and callback_uri() not in form.lists["redirect_uri"] else None,
        "preview": preview_consent(form, preset, policy, server),
    }
    return render_template("new_client.html", **{**described, **of_short_form})
