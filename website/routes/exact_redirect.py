"""A response whose Location reaches the browser to the character."""

from __future__ import annotations

from flask import Response
from werkzeug.datastructures import Headers

from ..request_context import Environ


class ExactRedirect(Response):
    """A response to a redirect URI that was registered, and verified, to the character.

    Werkzeug takes a Location apart and puts it together again: an empty fragment would be lost, which keeps the browser
    from attaching the one that it came with (:rfc:`9700#section-4.1.3`).
    """

    def get_wsgi_headers(self, environ: Environ) -> Headers:
        headers = super().get_wsgi_headers(environ)
        location = self.headers.get("Location")
        if location is not None:
            headers["Location"] = location
        return headers
