"""The pages of APIs: registering, showing, changing and deleting them, and what clients may do there."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup, escape

from ...clients import Client
from ...resources import InvalidResourceError, Resource
from ...resources.resource_checks import JWT, USUAL_ALGORITHM
from ..clients.client_choices import Choice
from ..clients.client_rights import may_manage_resources
from ..current.authorization_server import authorization_server
from ..current.login_session import current_login, login_required
from ..login.login_before_act import recent_login_for_act, recent_login_of_operators
from ..presentation.durations import write_duration
from .resource_client_form import (
    CLIENT_LABELS,
    RIGHTS,
    ResourceClientForm,
    find_changed,
    form_of_client,
    is_of_no_use,
    read_client_form,
)
from .resource_form import (
    ADVANCED,
    LABELS,
    OPENS,
    TYPES,
    ResourceForm,
    form_of_resource,
    list_algorithms,
    list_formats,
    new_form,
    read_form,
)

bp = Blueprint("resources", __name__)


@bp.before_request
@login_required
def refuse_others() -> None:
    """Let only operators in; in the demo everybody is one."""
    if not may_manage_resources():
        abort(403)


@bp.get("/apis")
def list_resources() -> str:
    """Show the APIs by name."""
    return render_template("resources.html", resources=authorization_server().resources.list_all())


@bp.get("/create_api")
def show_new_resource() -> str:
    """Show the form of a new API."""
    return _render_form(new_form(authorization_server().resources.facts))


@bp.post("/create_api")
def create_resource() -> Any:
    """Register an API."""
    resources = authorization_server().resources
    form = read_form(request.form, resources.facts)
    if not form.problems:
        try:
            identifier = form.texts["identifier"].strip()
            resource = resources.create(identifier, **form.fields(), by=current_login().subject)
        except InvalidResourceError as error:
            form.add_problems(error.problems)
        else:
            flash(_("%(api)s was created.", api=resource.name))
            return redirect(url_for("resources.show_resource", row_id=resource.id), 303)
    return _render_form(form), 422


@bp.get("/apis/<row_id>")
def show_resource(row_id: str) -> str:
    """Show what an API is, what its developer has to know, and what clients may do there."""
    server, resource = authorization_server(), _find(row_id)
    seconds = resource.access_token_seconds or server.settings.longest_access_token_seconds
    return render_template(
        "resource.html",
        resource=resource,
        lifetime=write_duration(seconds),
        is_jwt=resource.access_token_format == JWT,
        metadata=server.metadata.describe(server.issuer_of(request.environ)),
        clients=server.resources.list_clients(resource),
    )


@bp.get("/apis/<row_id>/edit")
@recent_login_of_operators
def show_resource_form(row_id: str) -> str:
    """Show the form of an API, filled in."""
    resource = _find(row_id)
    return _render_form(form_of_resource(resource), resource)


@bp.post("/apis/<row_id>/edit")
@recent_login_of_operators
def update_resource(row_id: str) -> Any:
    """Change an API."""
    resource = _find(row_id)
    form = read_form(request.form, authorization_server().resources.facts, resource)
    if not form.problems:
        try:
            authorization_server().resources.update(row_id, **form.fields(), by=current_login().subject)
        except InvalidResourceError as error:
            form.add_problems(error.problems)
        else:
            flash(_("Saved."))
            return redirect(url_for("resources.show_resource", row_id=row_id), 303)
    return _render_form(form, resource), 422


@bp.get("/apis/<row_id>/delete")
@recent_login_for_act
def show_deletion(row_id: str) -> str:
    """Say what ends with an API."""
    return render_template("delete_resource.html", resource=_find(row_id))


@bp.post("/apis/<row_id>/delete")
@recent_login_for_act
def delete_resource(row_id: str) -> Any:
    """Delete an API; its tokens become inactive."""
    resource = _find(row_id)
    authorization_server().resources.delete(row_id, by=current_login().subject)
    flash(_("%(api)s was deleted.", api=resource.name))
    return redirect(url_for("resources.list_resources"), 303)


@bp.get("/apis/<row_id>/client")
@recent_login_of_operators
def show_client_form(row_id: str) -> str:
    """Show the form for what a client may do at an API: a new one, or the one in the query, filled in."""
    server, resource = authorization_server(), _find(row_id)
    return _render_client_form(form_of_client(server, request.args.get("client_id", ""), resource), resource)


@bp.post("/apis/<row_id>/client")
@recent_login_of_operators
def update_client(row_id: str) -> Any:
    """Change what a client may do at an API."""
    server, resource = authorization_server(), _find(row_id)
    form, client = read_client_form(server, request.form, resource)
    if client is not None and not form.problems:
        by = current_login().subject
        try:
            server.resources.permit(client, resource, form.allowed, may_introspect=form.may_introspect, by=by)
        except InvalidResourceError as error:
            form.problems = error.problems
    if form.problems or client is None:
        return _render_client_form(form, resource), 422
    flash(_("Saved."))
    if is_of_no_use(server, client, form):
        flash(_warn_of_no_use(client), "warning")
    return redirect(url_for("resources.show_resource", row_id=row_id), 303)


def _warn_of_no_use(client: Client) -> Markup:
    address = url_for("clients.show_client", row_id=client.id)
    link = Markup('<a href="{}">{}</a>').format(address, client.client_name)
    text = escape(_("%(client)s needs the grant type client_credentials to use this.", client="{client}"))
    return text.format(client=link)


def _find(row_id: str) -> Resource:
    return authorization_server().resources.find_row(row_id) or abort(404)


def _render_form(form: ResourceForm, resource: Resource | None = None) -> str:
    facts = authorization_server().resources.facts
    return render_template(
        "resource_form.html",
        form=form,
        resource=resource,
        labels=LABELS,
        opens=OPENS,
        formats=list_formats(facts),
        algorithms=list_algorithms(facts),
        lacks_usual_algorithm=USUAL_ALGORITHM not in facts.settings.signing_algorithms,
        types=TYPES,
        seconds=facts.settings.longest_access_token_seconds,
        is_advanced=resource is not None or any(name in form.problems for name in ADVANCED),
    )


def _render_client_form(form: ResourceClientForm, resource: Resource) -> str:
    return render_template(
        "resource_client.html",
        resource=resource,
        form=form,
        changed_client=find_changed(authorization_server(), form, resource),
        rights=RIGHTS,
        scopes=[Choice(scope.name, scope.description) for scope in resource.scopes.values()],
        labels=CLIENT_LABELS,
    )
