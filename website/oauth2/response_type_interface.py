"""The interface of a response type at the authorization endpoint: its checks, and what it returns after a yes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from authlib.oauth2 import OAuth2Error

from .requests import OAuth2Request
from .token_grant import Authorized
from .user_decision import Decision


class Given(NamedTuple):
    """The result of a yes: a code, or a grant for tokens in the browser, or both."""

    code: str | None = None
    authorized: Authorized | None = None


class ResponseType(Protocol):
    """A handler for all authorization requests with one response type.

    :mod:`.authorization_request` calls its methods in this order.
    """

    def check(self, request: OAuth2Request) -> None:
        """Run this response type's own checks, after all others. Raises ``OAuth2Error``."""

    def give(self, request: OAuth2Request, decision: Decision) -> Given | OAuth2Error:
        """Write what the person allowed; return it, or an error to raise after the commit."""


class BoundCode(Protocol):
    """A taken authorization code or device code."""

    @property
    def code_challenge(self) -> str | None: ...


class CodeBinding(Protocol):
    """Binds a code to the client instance that started the request, as in :rfc:`7636`; a code may have several.

    Device codes are bound too (:rfc:`8628`): :attr:`OAuth2Request.is_for_device` is set for their requests.
    """

    def bind(self, request: OAuth2Request) -> Mapping[str, str | None]:
        """Return the columns to store with a request's code. Raises ``OAuth2Error`` if a binding is missing."""

    def find_refusal(self, request: OAuth2Request, code: BoundCode) -> OAuth2Error | None:
        """Check a token request for the code, which is used up either way; return the error, if any."""


def bind_code(bindings: Iterable[CodeBinding], request: OAuth2Request) -> dict[str, str | None]:
    """Return the columns to store with the code of a request. Raises ``OAuth2Error``."""
    return {name: value for binding in bindings for name, value in binding.bind(request).items()}


def find_unbound(bindings: Iterable[CodeBinding], request: OAuth2Request, code: BoundCode) -> OAuth2Error | None:
    """Check a token request for a bound code; return the first error, if any."""
    refusals = (binding.find_refusal(request, code) for binding in bindings)
    return next((refusal for refusal in refusals if refusal is not None), None)
