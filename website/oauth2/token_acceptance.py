"""Owns the one way in which an access token is accepted or refused, whoever asks: a view, or one of our addresses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from authlib.oauth2 import OAuth2Error

from .. import scopes
from .errors import Response, json_error
from .live_token import LiveToken

if TYPE_CHECKING:
    from .server import AuthorizationServer

BEARER = "bearer"


class TokenRefusedError(Exception):
    """There is no access token, or it does not do; ``answer`` says so, with the challenge."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


def accept_token(
    server: AuthorizationServer, authorization: str | None, all_of: Iterable[str] = (), any_of: Iterable[str] = ()
) -> LiveToken:
    """Return the token of an Authorization header, live and with these scope values.

    Raises :class:`TokenRefusedError`.
    """
    needed = scopes.join((*all_of, *any_of))
    validator = server.token_validators.get(_scheme_of(authorization))
    if validator is None or not authorization:
        raise refuse_token(server, authorization, None, needed)
    try:
        token = validator.authenticate(authorization)
        validator.check_scope(token, all_of, any_of)
    except OAuth2Error as error:
        raise refuse_token(server, authorization, error, needed) from None
    return LiveToken(server, token)


def refuse_token(
    server: AuthorizationServer, authorization: str | None, error: OAuth2Error | None, needed: str
) -> TokenRefusedError:
    """Return the refusal, with the challenge of the token's own scheme; without one, of a scheme that is switched on.

    That is bearer, or the first one where it is not.
    """
    schemes = server.token_validators
    if not schemes:
        return TokenRefusedError(json_error(403, "access_denied", "No access tokens are taken here."))
    validator = schemes.get(_scheme_of(authorization)) or schemes.get(BEARER) or next(iter(schemes.values()))
    return TokenRefusedError(validator.challenge(error, needed))


def _scheme_of(authorization: str | None) -> str:
    return (authorization or "").partition(" ")[0].lower()
