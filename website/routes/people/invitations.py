"""The operators' page of invitations: which there are, a new one, and revoking one."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _

from ...access.group_names import GroupError, group_key
from ...access.roles import RoleError
from ...joining.invitations import DAY_SECONDS, DAYS, MAX_DAYS, MAX_NOTE_CHARACTERS, MAX_USES
from ...standard_claims import ClaimsError
from ...translatable import N_
from ..browser.repeated_forms import find_earlier_result, keep_result
from ..current.authorization_server import authorization_server
from ..current.current_roles import MANAGES_PEOPLE, role_required
from ..current.login_session import current_login
from ..login.act_confirmation import find_confirmation
from ..login.login_before_act import send_to_login
from ..login.password_confirmation import PASSWORD, Refusal, find_refusal
from ..presentation.short_form_fields import find_note_problem, find_number_problem, read_number
from .group_choices import list_group_choices

LABELS = {
    "note": N_("Who is it for?"),
    "email": N_("Email address"),
    "groups": N_("Groups"),
    "uses": N_("Uses"),
    "days": N_("Expires after (days)"),
    PASSWORD: N_("Your password"),
}
EMPTY = {"note": "", "email": "", "groups": "", "uses": "1", "days": str(DAYS)}
bp = Blueprint("invitations", __name__)


@bp.before_request
def refuse_where_closed() -> None:
    """Answer 404 where there are no invitations."""
    if not authorization_server().joining.is_on:
        abort(404)


@bp.get("/invitations")
@role_required(MANAGES_PEOPLE)
def list_invitations() -> Any:
    """List the invitations, with the form of a new one."""
    return _render(EMPTY, {})


@bp.post("/invitations")
@role_required(MANAGES_PEOPLE)
def create_invitation() -> Any:
    """Create an invitation and show its link, this once; or send it by email."""
    if earlier := find_earlier_result():
        return earlier
    texts = {name: " ".join(request.form.getlist(name)).strip() for name in EMPTY}
    group_ids, problems = _find_groups(texts["groups"])
    problems |= _find_problems(texts)
    # The link gives what the groups give, as adding somebody to them does.
    gives_rights = authorization_server().joining.invitations.gives_rights(group_ids)
    confirmation = find_confirmation() if gives_rights else None
    if confirmation and not confirmation.takes_password and not problems:
        return send_to_login(url_for("invitations.list_invitations"))
    refusal = Refusal(problems) if problems else find_refusal() if confirmation else None
    if refusal is not None:
        page = _render(texts, refusal.problems, asks_password=confirmation is not None and confirmation.takes_password)
        return page, refusal.status, refusal.headers
    try:
        return _create(texts, group_ids)
    except ClaimsError as error:
        return _render(texts, error.problems), 422
    except GroupError as error:
        return _render(texts, {"groups": str(error)}), 422
    except RoleError:
        abort(404)


def _create(texts: dict[str, str], group_ids: list[str]) -> Any:
    server, page = authorization_server(), url_for("invitations.list_invitations")
    days = read_number(texts["days"], MAX_DAYS)
    more: dict[str, Any] = {"seconds": days * DAY_SECONDS, "group_ids": group_ids, "by": current_login().subject}
    if texts["email"] and server.mail.is_on:
        server.joining.invitations.send(texts["note"], texts["email"], **more)
        keep_result(page)
        flash(_("The invitation is on its way to %(address)s.", address=texts["email"]))
        return redirect(page, 303)
    row, token = server.joining.invitations.create(texts["note"], uses=read_number(texts["uses"], MAX_USES), **more)
    keep_result(page)
    link = server.joining.invitations.link_of(token)
    response = make_response(render_template("invitation_created.html", invitation=row, link=link))
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.post("/invitations/<invitation_id>/revoke")
@role_required(MANAGES_PEOPLE)
def revoke_invitation(invitation_id: str) -> Any:
    """Revoke an invitation: its link stops working."""
    authorization_server().joining.invitations.revoke(invitation_id, by=current_login().subject)
    flash(_("The invitation was revoked."))
    return redirect(url_for("invitations.list_invitations"), 303)


def _find_groups(text: str) -> tuple[list[str], dict[str, str]]:
    """Return the ids of the groups named in a text, and what is wrong with it."""
    ids = {group.name_key: group.id for group in authorization_server().access.groups.list_rows()} if text else {}
    unknown = [name for name in text.split() if group_key(name) not in ids]
    if unknown:
        return [], {"groups": N_("There is no group named %(name)s.", name=unknown[0])}
    return [ids[group_key(name)] for name in text.split()], {}


def _find_problems(texts: dict[str, str]) -> dict[str, str]:
    problems = {
        "note": find_note_problem(texts["note"], MAX_NOTE_CHARACTERS),
        "uses": find_number_problem(texts["uses"], MAX_USES),
        "days": find_number_problem(texts["days"], MAX_DAYS),
    }
    return {name: problem for name, problem in problems.items() if problem}


def _render(texts: dict[str, str], problems: dict[str, str], *, asks_password: bool = False) -> str:
    """Render the page. It asks for the password where the groups that were typed give rights."""
    server = authorization_server()
    return render_template(
        "invitations.html",
        invitations=server.joining.invitations.list_live(),
        sends_mail=server.mail.is_on,
        asks_password=asks_password,
        texts=texts,
        group_choices=list_group_choices(),
        problems=problems,
        labels=LABELS,
    )
