"""Owns the document in which the server says what it can do, as two standards want it at two addresses."""

from __future__ import annotations

from functools import lru_cache

from ..clients.origins import OPEN_TO_ANY
from .errors import Response, json_response
from .requests import OAuth2Request
from .server import AuthorizationServer

HEADERS = (("Content-Type", "application/json"), ("Cache-Control", "public, max-age=300"), OPEN_TO_ANY)


class MetadataDocument:
    """Answers with the metadata under the issuer of the request; written once for each issuer."""

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server
        self._write = lru_cache(maxsize=16)(self._write_for)

    def __call__(self, request: OAuth2Request) -> Response:
        return self._write(request.issuer)

    def _write_for(self, issuer: str) -> Response:
        return Response(200, HEADERS, json_response(200, self._server.describe(issuer)).body)
