"""The protocol's responses as Flask responses: unchanged, or as a page that posts a form."""

from __future__ import annotations

from flask import Response as FlaskResponse
from flask import render_template
from werkzeug.datastructures import Headers

from ...oauth2.errors import Response
from ...request_context import Environ


class ExactRedirect(FlaskResponse):
    """A redirect to a verified redirect URI, whose Location must not be changed.

    Werkzeug takes a Location apart and puts it together again: an empty fragment would be lost, which keeps the browser
    from attaching the one that it came with (:rfc:`9700#section-4.1.3`).
    """

    def get_wsgi_headers(self, environ: Environ) -> Headers:
        headers = super().get_wsgi_headers(environ)
        location = self.headers.get("Location")
        if location is not None:
            headers["Location"] = location
        return headers


def flask_response(answer: Response) -> FlaskResponse:
    """Return an answer of the protocol for Flask to send."""
    headers = list(answer.headers)
    if answer.form is not None:
        return FlaskResponse(render_template("form_post.html", form=answer.form), answer.status, headers)
    return ExactRedirect(answer.body, answer.status, headers)
