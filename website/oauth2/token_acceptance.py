"""Accepting and rejecting access tokens from requests, and the accepted token as views see it.

The UserInfo endpoint and ``require_oauth`` in ``resource_protector.py`` come here, and introspection too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6750 import InvalidTokenError

from .. import clock, scopes
from ..clients import Client, Clients
from ..grants import AccessToken, Grants
from ..grants.token_states import ActiveToken
from ..users import Account, Accounts
from .errors import Response, json_error
from .resource_tokens import ResourceTokens
from .spec_interfaces import TokenValidator

BEARER = "bearer"
#: Returns an active token of a client, with what is to be read of its user.
FindState = Callable[[AccessToken, Client], ActiveToken | None]


@dataclass(frozen=True, slots=True)
class LiveToken:
    """An accepted access token, or one about to be issued, with access to its client and user."""

    token: AccessToken
    _clients: Clients
    _accounts: Accounts
    #: What the database said when the token was accepted.
    _state: ActiveToken | None = None

    @property
    def scope(self) -> str:
        return self.token.scope

    @property
    def subject(self) -> str | None:
        return self.token.subject

    @property
    def client(self) -> Client | None:
        return self._clients.find_by_id(self.token.client)

    @property
    def user(self) -> Account | None:
        """The user who granted the token; ``None`` for a client's own token or a deleted user."""
        if self._state is not None and not self._accounts.are_external:
            return self._state.own_user.account if self._state.own_user else None
        if self._state is not None:
            user_id = self._state.user_id
        else:
            user_id = self._accounts.subjects.user_id_of(self.token.subject) if self.token.subject else None
        return None if user_id is None else self._accounts.users.find(user_id)


class TokenRefusedError(Exception):
    """The access token is missing or rejected; ``answer`` is the response with the challenge."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


class AccessTokens:
    """Accepts the access tokens of one server, for views and protocol endpoints."""

    def __init__(
        self,
        validators: Mapping[str, TokenValidator],
        grants: Grants,
        clients: Clients,
        accounts: Accounts,
        resource_tokens: ResourceTokens,
    ) -> None:
        """``validators`` stand by the scheme of the Authorization header, in lower case."""
        self._validators = validators
        self._grants = grants
        self._clients = clients
        self._accounts = accounts
        self._resource_tokens = resource_tokens

    def accept(self, authorization: str | None, all_of: Iterable[str] = (), any_of: Iterable[str] = ()) -> LiveToken:
        """Return the token in an Authorization header if it is active and has these scopes.

        Raises :class:`TokenRefusedError`.
        """
        states = self._grants.token_states
        find_state = states.find if self._accounts.are_external else states.find_with_account
        state = self._accept(authorization, find_state, all_of, any_of)
        return LiveToken(state.token, self._clients, self._accounts, state)

    def accept_with_claims(self, authorization: str | None, all_of: Iterable[str]) -> ActiveToken:
        """Return the token in an Authorization header as :meth:`accept` does, with its user's claims if they are ours.

        It may also be for an API: only the UserInfo endpoint takes such tokens. Raises :class:`TokenRefusedError`.
        """
        states = self._grants.token_states
        find_state = states.find if self._accounts.are_external else states.find_with_claims
        return self._accept(authorization, find_state, all_of, takes_resource_tokens=True)

    def _accept(
        self,
        authorization: str | None,
        find_state: FindState,
        all_of: Iterable[str],
        any_of: Iterable[str] = (),
        *,
        takes_resource_tokens: bool = False,
    ) -> ActiveToken:
        validator = self._validators.get(_scheme_of(authorization))
        if validator is None or not authorization:
            raise self.refuse(authorization, None, scopes.join((*all_of, *any_of)))
        try:
            state = self._find_active(validator.authenticate(authorization), find_state)
            if state is None:
                raise InvalidTokenError
            is_for_resources = takes_resource_tokens and bool(state.resources)
            if not is_for_resources and not self._resource_tokens.is_for_server(state):
                raise InvalidTokenError
            validator.check_scope(state.token, all_of, any_of)
        except OAuth2Error as error:
            raise self.refuse(authorization, error, scopes.join((*all_of, *any_of))) from None
        return state

    def refuse(self, authorization: str | None, error: OAuth2Error | None, needed: str) -> TokenRefusedError:
        """Return the error, with the challenge of the token's own scheme.

        If that scheme isn't enabled, uses the bearer scheme, or the first scheme if bearer isn't enabled either.
        """
        schemes = self._validators
        if not schemes:
            return TokenRefusedError(json_error(403, "access_denied", "This server does not accept access tokens."))
        validator = schemes.get(_scheme_of(authorization)) or schemes.get(BEARER) or next(iter(schemes.values()))
        return TokenRefusedError(validator.challenge(error, needed))

    def find_authentic(self, text: str) -> AccessToken | None:
        """Return the contents of an access token that we issued to a client that still exists, and hasn't expired.

        Whether it has been revoked meanwhile isn't looked up.
        """
        token = self._grants.tokens.read_access_token(text)
        if token is None or token.expires_at <= clock.now():
            return None
        client = self._clients.find_by_id(token.client)
        return None if client is None or client.token_epoch != token.client_epoch else token

    def find_live(self, text: str) -> ActiveToken | None:
        """Return an access token if it is authentic and active, else ``None``."""
        token = self.find_authentic(text)
        return None if token is None else self._find_active(token, self._grants.token_states.find)

    def _find_active(self, token: AccessToken, find_state: FindState) -> ActiveToken | None:
        client = self._clients.find_by_id(token.client)
        state = None if client is None else find_state(token, client)
        if state is None or client is None:
            return None
        if state.resources or (token.grant is None and not self._resource_tokens.is_for_server(state)):
            return self._resource_tokens.limit(state)
        # A scope that the client has just lost may still be in a grant that another node is writing.
        usable = state.token.within(client.scope)
        return state if usable is state.token else state._replace(token=usable)

    def follow(self, token: AccessToken) -> LiveToken:
        """Return a token with access to its client and user."""
        return LiveToken(token, self._clients, self._accounts)


def _scheme_of(authorization: str | None) -> str:
    return (authorization or "").partition(" ")[0].lower()
