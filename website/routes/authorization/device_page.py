"""The device page (:rfc:`8628#section-3.3`): a person enters the code that a device shows, and allows it or doesn't.

Looking at it uses nothing up, with a code in its address too: only the form looks one up.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ... import redirect_uris
from ...clients.document_urls import host_of
from ...grants.device_approvals import TooManyGuessesError
from ...grants.user_code_guesses import WINDOW_SECONDS
from ...grants.user_codes import read_user_code, write_user_code
from ...oauth2.consent_rules import fingerprint_of_page
from ...oauth2.device_interaction import DeviceInteraction, decide_on_device, enter_user_code, show_device
from ...oauth2.interaction_steps import Step
from ...oauth2.required_acr import find_missing_class
from ...oauth2.server import AuthorizationServer
from ...oauth2.specs.rfc8628_device_authorization import USER_CODE, VERIFICATION_PAGE
from ...oauth2.staying_connected import offers_to_stay_connected
from ...translatable import N_
from ..current.authorization_server import server_with
from ..current.login_session import current_account, current_login, login_page, login_required, step_up_page
from ..presentation.client_logos import logo_address
from ..presentation.durations import write_duration
from .no_access import contacts_of
from .permissions import all_permissions

ENDPOINT, DECISION_PATH = "device_authorization_endpoint", f"{VERIFICATION_PAGE}/decision"
#: The fields of a decision, as at the authorization endpoint.
CONFIRM, SHOWN = "confirm", "shown"
NO_DEVICE = N_("No device is waiting with this code. Check it, or get a new one on your device.")

bp = Blueprint("device", __name__)


@bp.before_request
def find_out_whether_it_is_on() -> None:
    """Answer 404 where the specification is switched off, before anybody is asked to log in."""
    server_with(ENDPOINT)


@bp.get(VERIFICATION_PAGE)
@login_required
def show_device_page() -> Any:
    """Show the form for a code, filled in if the address has one; or the device, if it was entered in this login."""
    typed = request.args.get(USER_CODE, "")
    server = server_with(ENDPOINT)
    interaction = show_device(server, request.environ, current_login(), typed)
    if interaction is None:
        return _ask_for_code(typed)
    if interaction.step is Step.CONSENT and not interaction.is_in_vain:
        return render_template("device_decision.html", **_describe(server, interaction, typed))
    if interaction.step is Step.TURN_BACK:
        return _render_no_access(interaction, typed), 403
    if interaction.step is Step.STEP_UP:
        wanted = find_missing_class(server, interaction.request, current_login())
        return redirect(step_up_page(_address_of(typed), wanted), 303)
    if interaction.step not in (Step.CONSENT, Step.RESPOND):
        return redirect(login_page(_address_of(typed), again=True), 303)
    client, is_in_vain = interaction.request.client, interaction.is_in_vain
    return render_template("device_done.html", device=interaction.device, client=client, is_in_vain=is_in_vain)


@bp.post(VERIFICATION_PAGE)
@login_required
def receive_user_code() -> Any:
    """Look a code up, for this login alone. A wrong one is counted."""
    typed = request.form.get(USER_CODE, "")
    try:
        is_found = enter_user_code(server_with(ENDPOINT), request.environ, current_login(), typed)
    except TooManyGuessesError:
        wait = write_duration(WINDOW_SECONDS)
        answer = _ask_for_code(typed, _("Too many wrong codes. Wait %(time)s and try again.", time=wait), 429)
        answer.headers["Retry-After"] = str(WINDOW_SECONDS)
        return answer
    return redirect(_address_of(typed), 303) if is_found else _ask_for_code(typed, NO_DEVICE, 422)


@bp.post(DECISION_PATH)
@login_required
def receive_decision() -> Any:
    """Carry out a person's decision on the device that was shown, and show what became of it."""
    typed, is_allowed = request.form.get(USER_CODE, ""), request.form.get(CONFIRM) == "yes"
    shown = request.form.get(SHOWN)
    decide_on_device(server_with(ENDPOINT), request.environ, current_login(), typed, is_allowed=is_allowed, shown=shown)
    return redirect(_address_of(typed), 303)


def _render_no_access(interaction: DeviceInteraction, typed: str) -> str:
    client = interaction.request.client
    return render_template(
        "device_no_access.html",
        client=client,
        logo=logo_address(client),
        account=current_account(),
        contacts=contacts_of(client),
        switch_address=login_page(_address_of(typed), again=True),
        user_code=write_user_code(read_user_code(typed) or ""),
    )


def _ask_for_code(typed: str, problem: str = "", status: int = 200) -> Response:
    user_code = read_user_code(typed)
    page = render_template(
        "device.html",
        user_code=typed[:64] if user_code is None else write_user_code(user_code),
        is_scanned=user_code is not None and not problem,
        problems={USER_CODE: problem} if problem else {},
    )
    return make_response(page, status)


def _address_of(typed: str) -> str:
    """Return the address of the page for a code."""
    user_code = read_user_code(typed)
    return url_for("device.show_device_page", user_code=user_code and write_user_code(user_code))


def _describe(server: AuthorizationServer, interaction: DeviceInteraction, typed: str) -> dict[str, Any]:
    """Return what the template of the decision takes."""
    client = interaction.request.client
    return {
        "client": client,
        "account": current_account(),
        "switch_address": login_page(_address_of(typed), again=True),
        "logo": logo_address(client),
        "permissions": all_permissions(server, interaction.request),
        "website": redirect_uris.host_of(client.client_uri) if client.client_uri else "",
        "document_host": host_of(client.client_id) if client.is_document else "",
        "device": interaction.device,
        "is_elsewhere": interaction.is_elsewhere,
        "address": request.remote_addr,
        "user_code": write_user_code(read_user_code(typed) or ""),
        "stays_connected": offers_to_stay_connected(interaction.request),
        "shown": fingerprint_of_page(interaction.request),
    }
