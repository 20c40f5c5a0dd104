"""The shape of a response type at the authorization endpoint: what it checks, and what a person's yes gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from authlib.oauth2 import OAuth2Error

from ..grants.codes import AuthorizationCode
from .decision import Decision
from .requests import OAuth2Request
from .token_grant import Authorized


@dataclass(frozen=True, slots=True)
class Given:
    """What a yes gives: a code, or the grant by which tokens are issued in the browser, or both."""

    code: str | None = None
    authorized: Authorized | None = None


class ResponseType(Protocol):
    """What answers authorization requests of one response type, one object for all of them.

    :mod:`.authorization_request` calls its methods in the order in which they stand.
    """

    def check(self, request: OAuth2Request) -> None:
        """Check what this response type alone needs, once the rest is checked. Raises ``OAuth2Error``."""

    def give(self, request: OAuth2Request, decision: Decision) -> Given | OAuth2Error:
        """Write what the person allowed; return it, or the refusal, which is told once that is committed."""


class CodeBinding(Protocol):
    """Binds a code to whoever began the request (:rfc:`7636`, say); a code may have several bindings."""

    def bind(self, request: OAuth2Request) -> Mapping[str, str | None]:
        """Return the columns that the code of a request keeps. Raises ``OAuth2Error`` for a request without a bond."""

    def find_refusal(self, request: OAuth2Request, code: AuthorizationCode) -> OAuth2Error | None:
        """Judge a token request for the code, which is used up either way."""
