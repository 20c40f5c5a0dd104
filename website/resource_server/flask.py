"""The protector in a Flask application: a decorator for views.

protect = FlaskProtector(app, Protector(issuer="https://id.example.org", resource="https://api.example.org/notes"))

@app.get("/notes")
@protect("notes.read")
def list_notes():
    return notes_of(current_token.subject)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import ParamSpec, cast

from flask import Flask, Response, current_app, g, jsonify, make_response, request
from werkzeug.local import LocalProxy

from .protector import Protector
from .refusals import RefusalError
from .requirement import Requirement
from .resource_metadata import HEADERS
from .verified_token import VerifiedToken

P = ParamSpec("P")
#: The token of the present request, in views that are protected.
current_token = cast(VerifiedToken, LocalProxy(lambda: g.grantwright_token))


class FlaskProtector:
    """Protects views of an application, and serves the API's metadata in it."""

    def __init__(self, app: Flask, protector: Protector) -> None:
        self.protector = protector
        app.register_error_handler(RefusalError, _show_refusal)
        for path in protector.metadata.paths:
            app.add_url_rule(
                path, f"protected_resource_metadata {path}", self._show_metadata, methods=["GET", "OPTIONS"],
                provide_automatic_options=False,
            )  # fmt: skip

    def __call__(
        self, *scopes: str, max_age: int | None = None, acr_values: Sequence[str] = ()
    ) -> Callable[[Callable[P, object]], Callable[P, object]]:
        """Return a decorator for views that need a token with all these scopes; see :class:`.requirement.Requirement`.

        It goes below the route's decorator.
        """
        requirement = Requirement(scopes, max_age, tuple(acr_values))

        def decorate(view: Callable[P, object]) -> Callable[P, object]:
            @wraps(view)
            def protected_view(*arguments: P.args, **named: P.kwargs) -> object:
                g.grantwright_token = self.protector.check(request.headers.get("Authorization"), requirement)
                return current_app.ensure_sync(view)(*arguments, **named)

            return protected_view

        return decorate

    def _show_metadata(self) -> Response:
        response = make_response() if request.method == "OPTIONS" else jsonify(self.protector.metadata.document)
        response.headers.update(HEADERS)
        return response


def _show_refusal(refusal: RefusalError) -> Response:
    response = jsonify(refusal.body)
    response.status_code = refusal.status
    response.headers.update(refusal.headers)
    return response
