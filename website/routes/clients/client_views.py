"""The pages of one's clients: showing, changing and deleting them, and renewing their secrets."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _

from ...clients import Client, ClientChangedError
from ...clients.owners import OwnerGoneError
from ...clients.policy import ClientPolicy
from ...translatable import N_
from ..browser.repeated_forms import find_earlier_result, keep_result
from ..current.authorization_server import authorization_server
from ..current.login_session import current_account, current_login, login_required
from ..login.login_before_act import recent_login_for_act, recent_login_of_operators
from ..presentation.durations import write_duration
from .client_activity_page import render_activity
from .client_commands import commands_for
from .client_owner import names_owners, owner_name
from .client_page import render_overview, render_settings
from .client_rights import limit_changes, own_client, policy_of_change
from .edit_form import describe_edit_form
from .form_input import ClientForm, form_of_client, read_form
from .snippets import build_pastes

NO_SUCH_OWNER = N_("No account with this username can log in.")
bp = Blueprint("clients", __name__)
bp.before_request(limit_changes)


@bp.get("/clients/<row_id>")
@login_required
def show_client(row_id: str) -> str:
    """Show what a client is."""
    return render_overview(own_client(row_id))


@bp.get("/clients/<row_id>/settings")
@login_required
def show_client_settings(row_id: str) -> str:
    """Show how a client is set up, and what to paste into it."""
    return render_settings(own_client(row_id))


@bp.get("/clients/<row_id>/activity")
@login_required
def show_client_activity(row_id: str) -> str:
    """Show what a client did lately, and who is connected to it."""
    return render_activity(own_client(row_id))


@bp.get("/clients/<row_id>/edit")
@recent_login_of_operators
def show_client_form(row_id: str) -> str:
    """Show the form of a client, filled in."""
    client = own_client(row_id)
    policy = policy_of_change(client)
    return _render_form(form_of_client(client, policy), policy, client)


@bp.post("/clients/<row_id>/edit")
@recent_login_of_operators
def update_client(row_id: str) -> Any:
    """Change a client; one that needs a secret from now on, or one to sign by, gets it."""
    server, before = authorization_server(), own_client(row_id)
    policy = policy_of_change(before)
    form = read_form(request.form, policy, before)
    new_owner, problem = _read_owner(before)
    if problem:
        form.problems["owner"] = problem
    if form.problems:
        return _render_form(form, policy, before), 422
    if new_owner != before.owner_subject:
        try:
            server.clients.owners.set(row_id, new_owner, by=current_login().subject)
        except OwnerGoneError:
            form.problems["owner"] = NO_SUCH_OWNER
            return _render_form(form, policy, before), 422
    if "refresh_token" not in before.grant_types:
        form.let_refresh(policy.offered)
    judged = None if current_account().is_operator else before  # an operator may do anything, whatever happened
    changes = form.changes(policy.offered)
    try:
        server.clients.update(row_id, changes, by=current_login().subject, judged=judged, **form.columns())
    except ClientChangedError:
        flash(_("The client was changed meanwhile, so nothing was saved. Check it and save again."))
        return _render_form(form, policy, own_client(row_id)), 409
    after = own_client(row_id)
    fetch_logo(after)
    if after.lacks_secret:
        return _rotate(row_id)
    flash(_("Saved."))
    return redirect(url_for("clients.show_client", row_id=row_id), 303)


@bp.get("/clients/<row_id>/rotate_secret")
@recent_login_for_act
def show_rotation(row_id: str) -> str:
    """Say what a new secret means, and for how long the former one goes on working."""
    client = _client_with_secret(row_id)
    return render_template("rotate_secret.html", client=client, overlap_words=_overlap_words())


@bp.post("/clients/<row_id>/rotate_secret")
@recent_login_for_act
def rotate_secret(row_id: str) -> Any:
    """Give a client a new secret and show it, this once."""
    client = _client_with_secret(row_id)
    if earlier := find_earlier_result():
        return earlier
    keep_result(url_for("clients.show_client_settings", row_id=row_id))
    return _rotate(client.id)


@bp.get("/clients/<row_id>/delete")
@recent_login_for_act
def show_deletion(row_id: str) -> str:
    """Say what is lost with a client."""
    return render_template("delete_client.html", client=own_client(row_id))


@bp.post("/clients/<row_id>/delete")
@recent_login_for_act
def delete_client(row_id: str) -> Any:
    """Delete a client, and with it everything that was given to it."""
    client = own_client(row_id)
    authorization_server().clients.delete(client.id, by=current_login().subject)
    flash(_("%(client)s was deleted.", client=client.client_name))
    return redirect(url_for("home.show_home"), 303)


def _read_owner(client: Client) -> tuple[str | None, str]:
    """Return the owner that a form names, as a subject, and what is wrong with it."""
    if not names_owners() or "owner" not in request.form:
        return client.owner_subject, ""
    name = request.form["owner"].strip()
    if name == owner_name(client):
        return client.owner_subject, ""  # as it was shown, of a disabled account too
    if not name:
        return None, ""
    account = authorization_server().accounts.own_users.find_by_name(name)
    if account is None:
        return client.owner_subject, NO_SUCH_OWNER
    return authorization_server().accounts.subjects.subject_for_user(account.id)[0], ""


def _client_with_secret(row_id: str) -> Client:
    client = own_client(row_id)
    return client if client.needs_secret else abort(404)


def _render_form(form: ClientForm, policy: ClientPolicy, client: Client) -> str:
    owner = request.form.get("owner", owner_name(client)) if names_owners() else None
    return render_template("client_form.html", **{**describe_edit_form(form, policy, client), "owner": owner})


def _rotate(row_id: str) -> Any:
    server, by = authorization_server(), current_login().subject
    secret = server.clients.rotate_secret(row_id, server.settings.secret_overlap_seconds, by=by)
    return show_secret("secret_rotated.html", own_client(row_id), secret)


def fetch_logo(client: Client) -> None:
    """Fetch a new logo; a failure doesn't undo the change of the client."""
    problem = authorization_server().clients.logos.fetch_missing(client, by=current_login().subject)
    if problem:
        flash(_("The logo couldn't be fetched: %(reason)s.", reason=problem))


def show_secret(template: str, client: Client, secret: str | None, **more: Any) -> Any:
    """Show a client's new secret, this once, with what to paste into the client."""
    server = authorization_server()
    page = render_template(
        template,
        client=client,
        secret=secret,
        commands=commands_for(client),
        pastes=build_pastes(server, client, secret, server.issuer_of(request.environ)),
        overlap_words=_overlap_words(),
        **more,
    )
    response = make_response(page)
    response.headers["Cache-Control"] = "no-store"
    return response


def _overlap_words() -> str:
    """Say for how long a former secret works on; empty where it ends at once."""
    return write_duration(authorization_server().settings.secret_overlap_seconds)
