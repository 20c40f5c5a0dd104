"""The pictures of clients' logos, as browsers load them into our pages, and fetching one again."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ..current.authorization_server import authorization_server
from ..current.login_session import current_account, current_login, login_required
from ..presentation.client_logos import may_be_fetched
from .client_rights import limit_changes, own_client

#: The picture is data, whatever else a browser might take its bytes for; and it is for our pages alone.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Disposition": "inline",
    "Cache-Control": "public, max-age=86400",
}
bp = Blueprint("logo_pictures", __name__)
bp.before_request(limit_changes)


@bp.get("/clients/<row_id>/logo/<digest>")
def show_picture(row_id: str, digest: str) -> Response:
    """Send the picture that a client has now. The login page shows it too, so nobody needs a login for it."""
    server = authorization_server()
    client = server.clients.find_by_id(row_id) or abort(404)
    content_type, picture = server.clients.logos.read(client, digest) or abort(404)
    response = Response(picture, mimetype=content_type, headers=HEADERS)
    response.set_etag(digest)
    return response


@bp.post("/clients/<row_id>/logo")
@login_required
def fetch_logo(row_id: str) -> Any:
    """Fetch the logo of one's client again: its file has changed, or failed the last time."""
    client, server = own_client(row_id), authorization_server()
    if not may_be_fetched(client, server.clients.logos.state_of(client)):
        abort(404)
    is_operator = current_account().is_operator
    problem = server.clients.logos.fetch(client, by=current_login().subject, replaces_uploaded=is_operator)
    failure = _("The logo couldn't be fetched: %(reason)s.", reason=problem)
    flash(failure if problem else _("The logo was fetched."))
    return redirect(url_for("clients.show_client_settings", row_id=row_id), 303)
