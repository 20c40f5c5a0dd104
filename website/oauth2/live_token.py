"""Owns an access token that holds, as views and claims see it: what it says, and the way to its client and user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..clients import Client
from ..grants import AccessToken
from ..users import Account

if TYPE_CHECKING:
    from .server import AuthorizationServer


@dataclass(frozen=True, slots=True)
class LiveToken:
    """An access token that was accepted, or that is about to be given."""

    server: AuthorizationServer
    token: AccessToken

    @property
    def scope(self) -> str:
        return self.token.scope

    @property
    def subject(self) -> str | None:
        return self.token.subject

    @property
    def client(self) -> Client | None:
        return self.server.clients.find_by_id(self.token.client)

    @property
    def user(self) -> Account | None:
        """The user who granted the token; ``None`` for a client's own token and once the user is gone."""
        user_id = self.server.subjects.user_id_of(self.token.subject) if self.token.subject else None
        return None if user_id is None else self.server.users.find(user_id)
