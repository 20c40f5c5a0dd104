"""What no page takes in a query or a form: NUL characters, files, and more fields than the limit."""

from __future__ import annotations

from collections.abc import Iterable

from flask import abort, current_app, request

#: Their requests are the protocol's, which has rules of its own for parameters (oauth2/requests.py).
PROTOCOL_BLUEPRINTS = ("authorize", "end_session")
NUL = "\0"


def refuse_fields() -> None:
    """Answer 400 for fields that nobody can type into a page, and 413 for too many of them.

    PostgreSQL stores no NUL character, and doesn't look for one either: it would fail in whichever statement is first.
    Flask's own limit of fields counts those of multipart only.
    """
    if request.blueprint in PROTOCOL_BLUEPRINTS:
        return
    if request.query_string and _has_nul(request.args.items(multi=True)):
        abort(400)
    if request.method == "POST":
        if request.files or None in request.form:
            abort(400)  # no page takes a file, nor a part of multipart without a name
        fields = [*request.form.items(multi=True)]
        if len(fields) > current_app.config["MAX_FORM_PARTS"]:
            abort(413)
        if _has_nul(fields):
            abort(400)


def _has_nul(fields: Iterable[tuple[str, str]]) -> bool:
    return any(NUL in name or NUL in value for name, value in fields)
