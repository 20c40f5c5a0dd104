"""The page of one's own passkeys: adding, renaming and removing them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _

from ...database import StaleLoginError
from ...models.passkey import Passkey
from ...translatable import N_
from ...users.factor_changes import LastFactorError, NoFactorError
from ...users.only_way_in import OnlyWayInError
from ...users.passkey_verification import PasskeyError
from ...users.passkeys import MAX_NAME_CHARACTERS
from ..browser.next_page import requested_next
from ..browser.pending_request_cookie import keep_browser_id
from ..current.authorization_server import authorization_server
from ..current.login_session import current_login, login_page, login_required
from ..login.new_recovery_codes import show_codes_once
from ..login.passkey_adding import add_created_passkey, new_creation
from ..login.passkey_place import address_with_passkeys, let_page_use_passkeys
from ..login.passkey_problems import problem_of
from ..login.recent_login import is_recent, recent_login_required
from ..login.second_factor_person import changing_person, send_back

BAD_NAME = N_("Use 1 to %(count)s characters, without line breaks.", count=MAX_NAME_CHARACTERS)
LABELS = {"name": N_("Name")}
#: The field of the switch: "on" or "off".
ASK = "ask"
bp = Blueprint("passkeys", __name__)
bp.after_request(keep_browser_id)


@bp.get("/account/passkeys")
@login_required
def list_passkeys() -> str:
    """Show every passkey of the account: its name, since when it's there, and when it was last used."""
    return _render()


@bp.get("/account/passkeys/options")
@recent_login_required
def show_options() -> Any:
    """Return the options for creating a passkey."""
    return jsonify(new_creation(changing_person().account))


@bp.post("/account/passkeys")
@recent_login_required
def add_passkey() -> Any:
    """Add the passkey that the browser has created."""
    try:
        _passkey, codes = add_created_passkey(changing_person())
    except PasskeyError as error:
        return _render(problem=problem_of(error.reason)), 422
    flash(_("Passkey added. You can log in with it from now on."))
    return show_codes_once(codes, requested_next() or url_for("passkeys.list_passkeys"))


@bp.post("/account/passkeys/ask")
@recent_login_required
def change_asking() -> Any:
    """Have a passkey asked for after the password from now on, or no longer.

    As for every change of factors, one that is there is shown before: nobody finds out at the next login that theirs
    doesn't work.
    """
    person, is_asked = changing_person(), request.form.get(ASK) == "on"
    here = url_for("passkeys.list_passkeys")
    try:
        factors = authorization_server().accounts.second_factors
        codes = factors.set_passkeys_asked(person.account, person.login.session, is_asked)
    except NoFactorError:
        return redirect(here, 303)
    except StaleLoginError:
        return send_back()
    flash(
        _("From now on, you'll need a passkey after your password.")
        if is_asked
        else _("You no longer need a passkey after your password.")
    )
    return show_codes_once(codes, here)


@bp.post("/account/passkeys/<passkey_id>/rename")
@login_required
def rename_passkey(passkey_id: str) -> Any:
    """Give a passkey another name."""
    name = " ".join(request.form.get("name", "").split())
    if not name or len(name) > MAX_NAME_CHARACTERS or not name.isprintable():
        return _render(renamed=_own_passkey(passkey_id), typed=name), 422
    if not _passkeys().rename(int(current_login().user_id), passkey_id, name):
        abort(404)
    flash(_("Saved."))
    return redirect(url_for("passkeys.list_passkeys"), 303)


@bp.get("/account/passkeys/<passkey_id>/remove")
@recent_login_required
def show_removal(passkey_id: str) -> str:
    """Say what follows from removing a passkey."""
    is_last = authorization_server().accounts.second_factors.is_only_way_in(current_login().user_id)
    return render_template("remove_passkey.html", passkey=_own_passkey(passkey_id), is_last=is_last)


@bp.post("/account/passkeys/<passkey_id>/remove")
@recent_login_required
def remove_passkey(passkey_id: str) -> Any:
    """Remove a passkey, unless the person couldn't log in any longer."""
    person, factors = changing_person(), authorization_server().accounts.second_factors
    try:
        if not factors.remove_passkey(person.account, person.login.session, passkey_id):
            abort(404)
    except OnlyWayInError:
        return redirect(url_for("passkeys.show_removal", passkey_id=passkey_id), 303)
    except LastFactorError:
        flash(_("Your account needs a second factor. Add another one before you remove this one."))
    except StaleLoginError:
        return send_back()
    else:
        flash(_("Passkey removed. Delete it on your device, too, so that it's no longer offered."))
    return redirect(url_for("passkeys.list_passkeys"), 303)


def _render(problem: str = "", renamed: Passkey | None = None, typed: str = "") -> str:
    works_here = let_page_use_passkeys()
    here = url_for("passkeys.list_passkeys", next=requested_next())
    return render_template(
        "passkeys.html",
        passkeys=_passkeys().list_of(int(current_login().user_id)),
        factors=authorization_server().accounts.second_factors.find(current_login().user_id),
        works_here=works_here,
        next=requested_next(),
        elsewhere=address_with_passkeys(),
        login_again=None if is_recent() else login_page(request.script_root + here, again=True),
        problem=problem,
        renamed=renamed,
        typed=typed,
        problems={"name": BAD_NAME} if renamed else {},
        labels=LABELS,
        max_name_characters=MAX_NAME_CHARACTERS,
    )


def _own_passkey(passkey_id: str) -> Passkey:
    return _passkeys().find(int(current_login().user_id), passkey_id) or abort(404)


def _passkeys() -> Any:
    return authorization_server().accounts.passkeys
