"""The shape of a grant at the token endpoint: what it reads, what it takes, and what it decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidGrantError

from ..grants.storage import TokenUser
from ..settings import SettingsError
from .client_authentication import BASIC, NONE, POST
from .protocols import Holder
from .requests import OAuth2Request

Credential = TypeVar("Credential")
#: How a grant of Authlib's own shape answers: it would authenticate nobody and write whatever it likes.
METHODS_OF_AUTHLIB = ("create_token_response", "validate_token_request")
CONVERSION = "docs/how-to/add-a-specification.md says how to convert it"


@dataclass(frozen=True, slots=True)
class Authorized:
    """What a grant decided: the scope, and the user's side of the tokens, ``None`` for a client's own."""

    scope: str
    holder: Holder | None = None


class TokenGrant(Generic[Credential]):
    """A grant, one object for all requests: :mod:`.token_request` calls its methods in the order in which they stand.

    The client has been authenticated by then: it is ``request.client``.
    """

    GRANT_TYPE: ClassVar[str]
    #: The ways in which a client may prove who it is; those that specifications add always do.
    AUTH_METHODS: ClassVar[Sequence[str]] = (BASIC, POST, NONE)

    def read(self, request: OAuth2Request) -> Credential:
        """Return what the client shows, judged as far as that uses nothing up. Raises ``OAuth2Error``."""
        raise NotImplementedError

    def find_user(self, request: OAuth2Request, credential: Credential) -> TokenUser | None:
        """Return whom a credential of this client is about; ``None`` where that is nobody.

        Whoever it is, is asked for before the credential is taken; without a user there is no ID token.
        """
        return None

    def discard(self, request: OAuth2Request, credential: Credential) -> OAuth2Error:
        """End what a credential stands for, as its user is gone; return the refusal."""
        return InvalidGrantError("The user no longer exists or may not log in.")

    def take(self, request: OAuth2Request, credential: Credential) -> Authorized | OAuth2Error:
        """Use the credential up; return what is granted for it, or the refusal.

        In a transaction of its own, or by one statement: a refusal is returned and never raised, so that what it
        writes, a code that is used up by a failed try, is committed before it is told. Our own users are judged here.
        """
        raise NotImplementedError


def check_shape(grant: Any) -> None:
    """Raise :class:`SettingsError` for anything but a :class:`TokenGrant`, a grant of Authlib's shape above all."""
    name = grant.__name__ if isinstance(grant, type) else type(grant).__name__
    if any(hasattr(grant, method) for method in METHODS_OF_AUTHLIB):
        raise SettingsError(f"The grant {name} has the shape of Authlib's: it would answer by itself. {CONVERSION}.")
    if not isinstance(grant, TokenGrant):
        raise SettingsError(f"The grant {name} is not an object of a class that derives from TokenGrant.")
