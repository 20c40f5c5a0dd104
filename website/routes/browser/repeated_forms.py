"""Forms that take effect once: sent again, as by reloading the result, one leads to what it made the first time."""

from __future__ import annotations

import secrets

from flask import Flask, flash, redirect, request, session
from flask_babel import gettext as _
from werkzeug.wrappers import Response

#: The form's hidden field, different each time that the form is shown. A script's form has none, and counts each time.
FIELD = "submission"
KEY = "sent_forms"
#: In the browser's session, whose cookie has 4 KiB.
MAX_FORMS, MAX_CHARACTERS = 5, 32


def register(app: Flask) -> None:
    """Let templates write the hidden field: ``forms.once()``."""
    app.jinja_env.globals["new_submission"] = lambda: secrets.token_urlsafe(12)


def find_earlier_result() -> Response | None:
    """Return the way to what this form made when it was sent before; ``None`` for the first time."""
    address = session.get(KEY, {}).get(request.form.get(FIELD, ""))
    if address is None:
        return None
    flash(_("You already sent this form, so nothing new was created."))
    return redirect(address, 303)


def keep_result(address: str) -> None:
    """Remember in this browser where the result of the form can be found later."""
    submission = request.form.get(FIELD, "")
    if submission and len(submission) <= MAX_CHARACTERS:
        newest = [*session.get(KEY, {}).items(), (submission, address)][-MAX_FORMS:]
        session[KEY] = dict(newest)
