"""The pages about errors: where the ``error_uri`` of every error leads. The same for everybody, without a login."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from markupsafe import Markup, escape

from ...errors.catalogue import CATALOGUE, ERROR_PAGES, PERSON
from ...translatable import N_
from ..current.authorization_server import authorization_server
from ..current.login_session import settle_login
from . import error_pages

#: Who can fix an error, and how it is sent, in the words of the pages.
TURNS = error_pages.TURNS | {PERSON: N_("The person using the app")}
WAYS = {
    "json": "JSON",
    "challenge": N_("the WWW-Authenticate header"),
    "redirect": N_("a redirect to the app"),
    "page": N_("a page"),
}
bp = Blueprint("errors", __name__)


@bp.get(ERROR_PAGES)
def list_errors() -> str:
    """Show every error code that this server sends."""
    settle_login()
    return render_template("errors.html", errors=CATALOGUE.values(), turns=TURNS)


@bp.get(f"{ERROR_PAGES}/")
def redirect_to_list() -> Any:
    """Lead to the list, whose address has no slash at its end."""
    return redirect(url_for("errors.list_errors"), 301)


@bp.get(f"{ERROR_PAGES}/<code>")
def show_error(code: str) -> str:
    """Show what an error code means, its usual causes, and how to look."""
    settle_login()
    error = CATALOGUE.get(code) or abort(404)
    issuer = authorization_server().issuer_of(request.environ)
    return render_template("error_code.html", error=error, turns=TURNS, ways=WAYS, issuer=issuer)


@bp.app_template_filter("with_code")
def with_code(text: str) -> Markup:
    """Escape a text, and mark up the parts between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before
