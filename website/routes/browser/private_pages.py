"""Pages with a secret in their address: nobody else learns it."""

from __future__ import annotations

from flask import Response, make_response


def private_page(page: str, status: int, headers: dict[str, str]) -> Response:
    """Answer so that the token in the address goes nowhere: our own files are asked for with the origin alone."""
    response = make_response(page, status, headers)
    response.headers["Referrer-Policy"] = "strict-origin"
    return response
