"""The owner of a client, as an operator's pages show it."""

from __future__ import annotations

from ...clients import Client
from ...users import LocalUsers
from ..current.authorization_server import authorization_server
from ..current.login_session import current_account


def names_owners() -> bool:
    """Tell whether pages name a client's owner: for an operator, where the accounts are our own."""
    return current_account().is_operator and isinstance(authorization_server().users, LocalUsers)


def owner_name(client: Client) -> str:
    """Return the username of a client's owner; empty without one."""
    subject = client.owner_subject
    return "" if subject is None else authorization_server().accounts.own_users.names_of([subject]).get(subject, "")
