"""A new login before a dangerous act that has no page of its own, and so no field for the password."""

from __future__ import annotations

from flask import flash, redirect
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from .login_session import login_page
from .password_confirmation import needs_password


def login_before_act(page: str) -> str:
    """Return the address to log in at first, which leads back to ``page``; empty after a recent login."""
    return login_page(page, again=True) if needs_password() else ""


def send_to_login(page: str) -> Response | None:
    """Have somebody log in first and come back to ``page``, where they began; ``None`` after a recent login."""
    address = login_before_act(page)
    if not address:
        return None
    flash(_("Nothing was changed: you logged in more than 10 minutes ago. Log in again, and do it then."))
    return redirect(address, 303)
