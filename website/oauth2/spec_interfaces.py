"""The interfaces that specifications implement: request handlers, token validators, writers of ID tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from authlib.oauth2 import OAuth2Error

from ..clients import Client
from ..grants import AccessToken
from ..grants.storage import TokenUser
from ..sessions import AuthenticationContext
from .errors import Response
from .form_encoding import Pairs
from .requests import OAuth2Request

#: Handles a request with one method. May raise ``OAuth2Error``.
Handler = Callable[[OAuth2Request], Response]
#: Reads additional parameters of an authorization request and stores them in it. May raise ``OAuth2Error``.
ReadRequest = Callable[[OAuth2Request], None]
#: Returns a parameter of an authorization response, or ``None`` if there is none for this request.
ResponseParameter = Callable[[OAuth2Request], tuple[str, str] | None]
#: Writes a response's parameters for a verified redirect URI.
ResponseMode = Callable[[OAuth2Request, str, Pairs], Response]


@dataclass(frozen=True, slots=True)
class ClientAuthenticationMethod:
    """A client authentication method, accepted wherever a secret is."""

    #: Its names in registrations and metadata; one function may handle several.
    names: tuple[str, ...]
    #: Whether a request tries it.
    is_used: Callable[[OAuth2Request], bool]
    #: Returns the client and its authentication method.
    authenticate: Callable[[OAuth2Request], tuple[Client, str]]
    signing_algorithms: tuple[str, ...] = ()


class ClientSource(Protocol):
    """Brings clients from elsewhere into the store, before they are looked up there."""

    def before_authorization(self, request: OAuth2Request) -> None:
        """Store or update the client of an authorization request. May raise ``OAuth2Error``, shown to the person."""
        ...

    def before_authentication(self, request: OAuth2Request) -> None:
        """Update the stored client of a token request. May raise ``OAuth2Error``."""
        ...


class TokenValidator(Protocol):
    """Checks the tokens of one Authorization scheme, for ``require_oauth``."""

    def authenticate(self, authorization: str) -> AccessToken:
        """Return the authentic token in an Authorization header; whether it is still active is looked up afterwards."""
        ...

    def check_scope(self, token: AccessToken, all_of: Iterable[str], any_of: Iterable[str]) -> None: ...

    def challenge(self, error: OAuth2Error | None, scope: str) -> Response: ...


class Holder(NamedTuple):
    """The user of a token, and the grant that it belongs to."""

    grant: str
    subject: str
    subject_epoch: int
    authentication: AuthenticationContext
    #: The generation of the refresh token to issue, or ``None`` for none.
    generation: int | None = None
    #: The APIs of the grant, as in :class:`~website.grants.RefreshToken`.
    resources: tuple[str, ...] = ()


class BesideIDToken(NamedTuple):
    """The access token and code issued together with an ID token, which contains their hashes."""

    access_token: str | None = None
    code: str | None = None


class WriteIDToken(Protocol):
    """Writes an ID token for the client of a request, in two steps, of which only the first may fail."""

    def prepare(self, request: OAuth2Request, user: TokenUser, has_scope_claims: bool) -> Mapping[str, Any]:
        """Do everything that may fail before anything is granted; return the claims about the user, including ``sub``.

        ``has_scope_claims`` adds the claims of the scope to individually requested ones. Raises ``InvalidRequestError``
        if no ID token can be written for the client now.
        """

    def __call__(
        self, request: OAuth2Request, holder: Holder, beside: BesideIDToken, claims: Mapping[str, Any]
    ) -> str: ...
