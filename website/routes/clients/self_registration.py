"""The page about AI agents and other clients that register themselves, with initial access tokens for them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, make_response, render_template, request, url_for

from ...clients.policy import Creator
from ...oauth2.server import AuthorizationServer
from ...settings import OFF, OPEN
from ...translatable import N_
from ..browser.repeated_forms import find_earlier_result, keep_result
from ..current.authorization_server import authorization_server
from ..current.login_session import current_login, login_required
from ..login.login_before_act import login_before_act, send_to_login
from ..presentation.short_form_fields import find_note_problem, find_number_problem, read_number
from .client_rights import current_creator, limit_changes

MAX_NOTE_CHARACTERS, MAX_USES, DAYS, SECONDS_A_DAY = 200, 1000, 7, 86400
LABELS = {"note": N_("Who or what is it for?"), "uses": N_("Uses")}
bp = Blueprint("self_registration", __name__)
bp.before_request(limit_changes)


@bp.get("/self_registration")
@login_required
def show_self_registration() -> Any:
    """Show how clients register themselves, and to an operator the form of a token for that."""
    server = authorization_server()
    if current_creator() is None or not has_self_registration(server):
        abort(403)
    return _render({"note": "", "uses": "1"}, {})


@bp.post("/self_registration")
@login_required
def create_initial_access_token() -> Any:
    """Create an initial access token and show it, this once."""
    server, login = authorization_server(), current_login()
    if not may_create_tokens(server):
        abort(403)
    if earlier := find_earlier_result():
        return earlier
    texts = {name: request.form.get(name, "").strip() for name in LABELS}
    if answer := send_to_login(url_for("self_registration.show_self_registration")):
        return answer
    problems = _find_problems(texts)
    if problems:
        return _render(texts, problems), 422
    uses = read_number(texts["uses"], MAX_USES)
    _row, token = server.clients.initial_access_tokens.create(
        texts["note"], uses, DAYS * SECONDS_A_DAY, by=login.subject
    )
    keep_result(url_for("self_registration.show_self_registration"))
    response = make_response(render_template("initial_access_token.html", token=token, uses=uses, days=DAYS))
    response.headers["Cache-Control"] = "no-store"
    return response


def has_self_registration(server: AuthorizationServer) -> bool:
    """Tell whether clients can register themselves, or be a metadata document."""
    return _has_registration(server) or _has_documents(server)


def may_create_tokens(server: AuthorizationServer) -> bool:
    """Tell whether the person who is logged in may let others register clients."""
    return _has_registration(server) and current_creator() is Creator.OPERATOR


def _has_registration(server: AuthorizationServer) -> bool:
    return server.settings.registration != OFF and "registration_endpoint" in server.registry.named_addresses


def _has_documents(server: AuthorizationServer) -> bool:
    return bool(server.registry.metadata.get("client_id_metadata_document_supported"))


def _find_problems(texts: dict[str, str]) -> dict[str, str]:
    problems = {
        "note": find_note_problem(texts["note"], MAX_NOTE_CHARACTERS),
        "uses": find_number_problem(texts["uses"], MAX_USES),
    }
    return {name: problem for name, problem in problems.items() if problem}


def _render(texts: dict[str, str], problems: dict[str, str]) -> str:
    server = authorization_server()
    issuer = server.issuer_of(request.environ)
    return render_template(
        "self_registration.html",
        has_documents=_has_documents(server),
        registration_endpoint=server.metadata.describe(issuer).get("registration_endpoint", ""),
        is_open=server.settings.registration == OPEN,
        may_create_tokens=may_create_tokens(server),
        login_first=login_before_act(url_for("self_registration.show_self_registration")),
        issuer=issuer,
        texts=texts,
        problems=problems,
        labels=LABELS,
    )
