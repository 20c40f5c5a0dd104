"""The part of a client's page with who may use it, how they have to log in, and which claims it gets: for operators."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from ...access.claim_map import FIELDS, ClaimMap, ClaimMapError
from ...access.group_names import GroupError
from ...access.rule_conditions import SUFFICIENT
from ...access.rules import Rule
from ...clients import Client
from ...translatable import N_
from ..current.authorization_server import authorization_server
from ..current.login_session import current_login, login_required
from ..login.login_before_act import login_before_act, send_to_login
from .claim_map_form import CLAIM_LABELS, ClaimMapForm, read_claim_map
from .client_access_right import may_manage_access
from .client_choices import Choice
from .client_head import describe_head
from .client_rights import limit_changes, own_client

EVERYBODY, GROUPS, ANY_LOGIN = "everybody", "groups", "any"
WHO = (
    Choice(EVERYBODY, "", label=N_("Everyone with an account")),
    Choice(GROUPS, N_("Members of at least one of the groups that you tick."), label=N_("Only some groups")),
)
FACTORS = (
    Choice(ANY_LOGIN, "", label=N_("In any way")),
    Choice("2", N_("A password and a code, or a passkey."), label=N_("With two factors")),
    Choice("phr", N_("Its PIN or biometrics are checked."), label=N_("With a passkey")),
)
NEEDED_FACTORS = {"2": N_("A login for it needs two factors."), "phr": N_("A login for it needs a passkey.")}
LABELS = {"group": N_("Groups"), "username": N_("Username")}
NO_SUCH_USER = N_("There is no account with this username.")
bp = Blueprint("client_access", __name__)
bp.before_request(limit_changes)


@bp.get("/clients/<row_id>/access")
@login_required
def show_access(row_id: str) -> Any:
    """Show who may use a client, and answer whether one account may."""
    return _render(_manageable_client(row_id))


@bp.post("/clients/<row_id>/access")
@login_required
def update_access(row_id: str) -> Any:
    """Give a client another rule."""
    client, rules = _manageable_client(row_id), authorization_server().access.rules
    if answer := send_to_login(_page_of(client)):
        return answer
    group_ids = request.form.getlist("group") if request.form.get("who") == GROUPS else None
    if group_ids is not None and not group_ids:
        return _render(client, problems={"group": N_("Tick at least one group.")}), 422
    factor = request.form.get("factor")
    required_acr = factor if factor in SUFFICIENT else None
    try:
        ended = rules.replace(client.id, group_ids, required_acr, by=current_login().subject)
    except GroupError as error:
        return _render(client, problems={"group": str(error)}), 422
    flash(_("Saved."))
    if ended is None:
        flash(_("All of this client's tokens were revoked. People have to log in again."))
    elif ended:
        flash(ngettext("1 grant was revoked.", "%(num)s grants were revoked.", ended))
    return redirect(_page_of(client), 303)


@bp.post("/clients/<row_id>/claims")
@login_required
def set_claim(row_id: str) -> Any:
    """Add a mapped claim to a client, in place of one of the same name."""
    client, server = _manageable_client(row_id), authorization_server()
    if answer := send_to_login(_page_of(client)):
        return answer
    form = read_claim_map(request.form, server.access.groups, tuple(server.registry.scopes))
    try:
        if not form.problems:
            server.access.claim_maps.set(client.id, form.read_map(), by=current_login().subject)
    except ClaimMapError as error:
        form.problems["claim"] = str(error)
    if form.problems:
        return _render(client, claim_form=form), 422
    flash(_("Saved."))
    return redirect(url_for("client_access.show_access", row_id=row_id, _anchor="claims"), 303)


@bp.post("/clients/<row_id>/claims/remove")
@login_required
def remove_claim(row_id: str) -> Any:
    """Remove a mapped claim from a client."""
    client = _manageable_client(row_id)
    if answer := send_to_login(_page_of(client)):
        return answer
    maps = authorization_server().access.claim_maps
    maps.remove(client.id, request.form.get("claim", ""), by=current_login().subject)
    return redirect(url_for("client_access.show_access", row_id=row_id, _anchor="claims"), 303)


def _manageable_client(row_id: str) -> Client:
    """Return a client to somebody who may manage the access to it; others get the 404 of a missing page."""
    client = own_client(row_id)
    return client if may_manage_access() else abort(404)


def _page_of(client: Client) -> str:
    return url_for("client_access.show_access", row_id=client.id)


def _render(client: Client, problems: dict[str, str] | None = None, claim_form: ClaimMapForm | None = None) -> str:
    access = authorization_server().access
    client_now = own_client(client.id)
    rule, groups = access.rules.find(client_now), access.groups.list_rows()
    username = request.args.get("username", "")
    verdict, problem = _judge(client_now, username) if username else (None, "")
    names = {group.id: group.name for group in groups}
    return render_template(
        "client_access.html",
        who=WHO,
        factors=FACTORS,
        chosen=_chosen(rule),
        groups=groups,
        problems=problems or ({"username": problem} if problem else {}),
        labels=LABELS,
        username=username,
        verdict=verdict,
        needed_factor=NEEDED_FACTORS.get(client_now.required_acr or ""),
        maps=[(each, _source_of(each, names)) for each in access.claim_maps.list_of(client_now)],
        claim_form=claim_form or ClaimMapForm(),
        claim_labels=CLAIM_LABELS,
        fields=FIELDS,
        login_first=login_before_act(_page_of(client_now)),
        **describe_head(client_now),
    )


def _chosen(rule: Rule) -> dict[str, list[str]]:
    """Return what the form shows as ticked: a rule that was sent wrongly, or the stored one."""
    if request.method == "POST" and "who" in request.form:
        return {name: request.form.getlist(name) for name in ("who", "group", "factor")}
    return {
        "who": [EVERYBODY if rule.groups is None else GROUPS],
        "group": [group.id for group in rule.groups or ()],
        "factor": [rule.required_acr or ANY_LOGIN],
    }


def _judge(client: Client, username: str) -> tuple[tuple[bool, str] | None, str]:
    """Return whether an account may use a client now, and why, or the problem with the typed name."""
    server = authorization_server()
    user = server.accounts.own_users.find_row(username)
    if user is None:
        return None, NO_SUCH_USER
    if user.disabled_at is not None:
        return (False, N_("The account is disabled.")), ""
    if not client.is_enabled:
        return (False, N_("The client is disabled.")), ""
    decision = server.access.rules.decide(str(user.id), client)
    return (decision.is_allowed, decision.words), ""


def _source_of(each: ClaimMap, names: dict[str, str]) -> str:
    """Return where a claim comes from, as it is typed into the form."""
    if each.field:
        return each.field
    pairs = [f"{names[group]}={value}" for group, value in each.groups if group in names]
    return ", ".join((*pairs, *each.constant))
