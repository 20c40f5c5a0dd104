"""The page of one's recovery codes: how many are left, and making new ones."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, url_for

from ...database import StaleLoginError
from ...users.factor_changes import NoFactorError
from ..current.authorization_server import authorization_server
from ..current.login_session import current_login
from ..login.new_recovery_codes import show_new_codes
from ..login.recent_login import recent_login_required
from ..login.second_factor_person import changing_person, send_back

bp = Blueprint("recovery_codes", __name__)


@bp.get("/account/recovery_codes")
@recent_login_required
def show_recovery_codes() -> Any:
    """Show how many codes are left; without a second factor there are none."""
    factors = authorization_server().accounts.second_factors.find(current_login().user_id)
    if not factors.has_any:
        return redirect(url_for("account.show_account"), 303)
    return render_template("recovery_codes_left.html", factors=factors)


@bp.post("/account/recovery_codes")
@recent_login_required
def replace_recovery_codes() -> Any:
    """Make new codes and show them, once. The former ones stop working."""
    person = changing_person()
    try:
        codes = authorization_server().accounts.second_factors.replace_recovery_codes(
            person.account, person.login.session
        )
    except NoFactorError:
        return redirect(url_for("account.show_account"), 303)
    except StaleLoginError:
        return send_back()
    return show_new_codes(codes, url_for("account.show_account"))
