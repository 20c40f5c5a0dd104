"""The shapes of what a specification gives the server: handlers, validators of tokens, writers of ID tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from authlib.oauth2 import OAuth2Error

from ..clients import Client
from ..grants import AccessToken
from ..grants.storage import TokenUser
from ..sessions import AuthenticationContext
from .errors import Response
from .requests import OAuth2Request, Pairs

#: Answers a request of one method. It may raise ``OAuth2Error``.
Handler = Callable[[OAuth2Request], Response]
#: Reads more of an authorization request, and keeps it there. It may raise ``OAuth2Error``.
ReadRequest = Callable[[OAuth2Request], None]
#: Returns a parameter of an authorization response, or ``None`` where there is none for this request.
ResponseParameter = Callable[[OAuth2Request], tuple[str, str] | None]
#: Writes the parameters of a response for a redirect URI that was verified.
ResponseMode = Callable[[OAuth2Request, str, Pairs], Response]


@dataclass(frozen=True, slots=True)
class ClientAuthenticationMethod:
    """A way in which clients prove who they are, wherever a secret would do."""

    #: As registrations and metadata name it, or them, where one function tells several apart.
    names: tuple[str, ...]
    #: Whether a request tries it.
    is_used: Callable[[OAuth2Request], bool]
    #: Returns the client and the method by which it proved who it is.
    authenticate: Callable[[OAuth2Request], tuple[Client, str]]
    signing_algorithms: tuple[str, ...] = ()


class TokenValidator(Protocol):
    """Judges the tokens of one scheme of the Authorization header, for ``require_oauth``."""

    def authenticate(self, authorization: str) -> AccessToken: ...

    def check_scope(self, token: AccessToken, all_of: Iterable[str], any_of: Iterable[str]) -> None: ...

    def challenge(self, error: OAuth2Error | None, scope: str) -> Response: ...


@dataclass(frozen=True, slots=True)
class Holder:
    """The user's side of a token: whose it is, and the grant that it lives by."""

    grant: str
    subject: str
    subject_epoch: int
    authentication: AuthenticationContext
    #: The refresh token to give along: its generation, or ``None`` for none.
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class BesideIDToken:
    """What is given together with an ID token, and bound to it by a hash."""

    access_token: str | None = None
    code: str | None = None


class WriteIDToken(Protocol):
    """Writes an ID token for the client of a request, in two steps: only the first may fail."""

    def prepare(self, request: OAuth2Request, user: TokenUser, has_scope_claims: bool) -> Mapping[str, Any]:
        """Do all that may fail before anything is granted; return the claims about the user, ``sub`` too.

        ``has_scope_claims`` adds those that the scope gives to those that were asked for one by one. Raises
        ``InvalidRequestError`` where no ID token could be written for the client now.
        """

    def __call__(
        self, request: OAuth2Request, holder: Holder, beside: BesideIDToken, claims: Mapping[str, Any]
    ) -> str: ...
