"""The responses to requests that an API doesn't serve (:rfc:`6750#section-3`), as exceptions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class RefusalError(Exception):
    """A request that isn't served. ``status``, ``headers`` and ``body`` are the response; none contains the token."""

    status: ClassVar[int] = 401
    #: The error code in challenge and body.
    error: ClassVar[str] = "invalid_token"

    def __init__(self, description: str = "") -> None:
        super().__init__(description)
        self.description = description
        self.headers: dict[str, str] = {"Cache-Control": "no-store"}
        #: Further parameters of the challenge.
        self.parameters: dict[str, str] = {}

    @property
    def body(self) -> dict[str, str]:
        """The JSON body."""
        described = {"error_description": self.description} if self.description else {}
        return {"error": self.error or "unauthorized", **described}

    def challenge(self, scopes: Sequence[str], metadata_url: str) -> None:
        """Add the ``WWW-Authenticate`` header: what is required, and where the client learns how to get it."""
        parameters = {"error": self.error, "error_description": self.description, "scope": " ".join(scopes)}
        parameters |= {**self.parameters, "resource_metadata": metadata_url}  # RFC 9728, section 5.1
        written = ", ".join(f'{name}="{value}"' for name, value in parameters.items() if value)
        self.headers["WWW-Authenticate"] = f"Bearer {written}"


class MissingTokenError(RefusalError):
    """The request has no access token: the challenge names no error (:rfc:`6750#section-3.1`)."""

    error = ""


class MalformedRequestError(RefusalError):
    """The Authorization header can't be read."""

    status, error = 400, "invalid_request"


class InvalidTokenError(RefusalError):
    """The token is expired, revoked, forged, or for another API."""


class InsufficientScopeError(RefusalError):
    """The token lacks a scope."""

    status, error = 403, "insufficient_scope"


class InsufficientUserAuthenticationError(RefusalError):
    """The user has to log in again, or more strongly (:rfc:`9470#section-3`)."""

    error = "insufficient_user_authentication"

    def __init__(self, description: str, max_age: int | None, acr_values: Sequence[str]) -> None:
        super().__init__(description)
        self.parameters = {"max_age": "" if max_age is None else str(max_age), "acr_values": " ".join(acr_values)}


class UnavailableError(RefusalError):
    """The token can't be checked now. Not 401, since it may be valid and its client would throw it away."""

    status, error = 503, "temporarily_unavailable"
    RETRY_SECONDS: ClassVar[int] = 5

    def __init__(self, description: str = "The access token can't be checked right now. Try again.") -> None:
        super().__init__(description)
        self.headers["Retry-After"] = str(self.RETRY_SECONDS)

    def challenge(self, scopes: Sequence[str], metadata_url: str) -> None:
        """Add nothing: other credentials wouldn't help."""
