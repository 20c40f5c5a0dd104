"""The protector in a FastAPI application: a dependency for routes.

protect = FastAPIProtector(app, Protector(issuer="https://id.example.org", resource="https://api.example.org/notes"))

@app.get("/notes")
async def list_notes(token: Annotated[VerifiedToken, Depends(protect("notes.read"))]) -> list[str]:
    return notes_of(token.subject)
"""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI, Request
from fastapi.openapi.models import OpenIdConnect
from fastapi.responses import JSONResponse, Response
from fastapi.security.base import SecurityBase

from .asgi import authorization_of
from .protector import Protector
from .refusals import RefusalError
from .requirement import Requirement
from .resource_metadata import HEADERS
from .verified_token import VerifiedToken


class FastAPIProtector:
    """Protects routes of an application, and serves the API's metadata in it."""

    def __init__(self, app: FastAPI, protector: Protector) -> None:
        self.protector = protector
        app.add_exception_handler(RefusalError, _show_refusal)
        for path in protector.metadata.paths:
            app.add_api_route(path, self._show_metadata, methods=["GET", "OPTIONS"], include_in_schema=False)

    def __call__(self, *scopes: str, max_age: int | None = None, acr_values: Sequence[str] = ()) -> RequiredToken:
        """Return a dependency: the token, with all these scopes; see :class:`.requirement.Requirement`."""
        return RequiredToken(self.protector, Requirement(scopes, max_age, tuple(acr_values)))

    async def _show_metadata(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=HEADERS)
        return JSONResponse(self.protector.metadata.document, headers=HEADERS)


class RequiredToken(SecurityBase):
    """A dependency of FastAPI that also shows in the application's OpenAPI document."""

    def __init__(self, protector: Protector, requirement: Requirement) -> None:
        self._protector, self._requirement = protector, requirement
        self.scheme_name = "OpenID Connect"
        self.model = OpenIdConnect(openIdConnectUrl=f"{protector.issuer}/.well-known/openid-configuration")

    async def __call__(self, request: Request) -> VerifiedToken:
        return await self._protector.check_async(authorization_of(request.scope), self._requirement)


async def _show_refusal(_request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, RefusalError)  # noqa: S101 - what it was registered for
    return JSONResponse(refusal.body, refusal.status, refusal.headers)
