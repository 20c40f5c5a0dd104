"""The interface of a grant at the token endpoint: reading a credential, taking it, and deciding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidGrantError

from ..grants.storage import TokenUser
from ..settings import SettingsError
from .client_authentication import BASIC, NONE, POST
from .granted_resources import GrantedResource
from .requests import OAuth2Request
from .spec_interfaces import Holder

Credential = TypeVar("Credential")
#: The methods of a grant with Authlib's interface, which would skip authentication and write its own response.
METHODS_OF_AUTHLIB = ("create_token_response", "validate_token_request")
#: The description of a refusal by the rule of the client. It says nothing about the rule, which is the operator's.
NO_ACCESS = "The user may not use this application, or needs another kind of login for it."
CONVERSION = "docs/how-to/add-a-specification.md says how to convert it"


class Authorized(NamedTuple):
    """A grant's decision: the scope, and the user's part of the tokens, ``None`` for a client's own.

    ``resources`` are the APIs that the access token is for, with the scope at each; none means this server itself.
    """

    scope: str
    holder: Holder | None = None
    resources: tuple[GrantedResource, ...] = ()


class TokenGrant(Generic[Credential]):
    """A grant, one object for all requests. :mod:`.token_request` calls its methods in this order.

    The client is already authenticated: it is ``request.client``.
    """

    GRANT_TYPE: ClassVar[str]
    #: The accepted client authentication methods; those added by specifications are always accepted.
    AUTH_METHODS: ClassVar[Sequence[str]] = (BASIC, POST, NONE)

    def read(self, request: OAuth2Request) -> Credential:
        """Return the client's credential, checked without using it up. Raises ``OAuth2Error``."""
        raise NotImplementedError

    def find_user(self, request: OAuth2Request, credential: Credential) -> TokenUser | None:
        """Return the user of this client's credential; ``None`` if there is none.

        The user is looked up before the credential is taken; without a user there is no ID token.
        """
        return None

    def discard(self, request: OAuth2Request, credential: Credential) -> OAuth2Error:
        """End a credential whose user no longer exists; return the error."""
        return InvalidGrantError("The user no longer exists or may not log in.")

    def take(self, request: OAuth2Request, credential: Credential) -> Authorized | OAuth2Error:
        """Use up the credential; return what it grants, or the error.

        In its own transaction or with one statement. Errors are returned, never raised, so that changes such as using
        up a code in a failed attempt are committed first. Our own users are checked here.
        """
        raise NotImplementedError


def check_shape(grant: Any) -> None:
    """Raise :class:`SettingsError` for anything but a :class:`TokenGrant`, such as a grant with Authlib's interface."""
    name = grant.__name__ if isinstance(grant, type) else type(grant).__name__
    if any(hasattr(grant, method) for method in METHODS_OF_AUTHLIB):
        raise SettingsError(f"The grant {name} has Authlib's interface, which writes its own response. {CONVERSION}.")
    if not isinstance(grant, TokenGrant):
        raise SettingsError(f"The grant {name} is not an instance of a subclass of TokenGrant.")
