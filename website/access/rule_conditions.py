"""The rule of a client as conditions in other packages' statements: who may use it, judged under a lock."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ColumnElement, ScalarSelect, exists, or_, select

from ..database.tables import equals_changed, subject, subjects, table_of
from ..models.client import OAuth2Client
from ..models.client_group import ClientGroup
from ..models.group import Membership
from ..users.own_users_in_statements import own_id

clients, client_groups, memberships = table_of(OAuth2Client), table_of(ClientGroup), table_of(Membership)
client, client_group, membership = clients.c, client_groups.c, memberships.c

#: The classes of logins that are sufficient, by the class that a client requires.
SUFFICIENT = {"2": ("2", "phr"), "phr": ("phr",)}


def locked_rule(changed: Column[Any]) -> ScalarSelect[Any]:
    """Return within a RETURNING whether a changed row's client has a rule, locked until the transaction ends.

    Whatever changes the rule waits, and then finds what was written; or this waits, and sees the new rule.
    """
    has_rule = or_(client.is_restricted, client.required_acr.is_not(None))
    found = select(has_rule).select_from(clients).where(equals_changed(client.id, changed))
    return found.with_for_update(read=True).scalar_subquery()


def is_in_rule(client_id: Any, whose: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a subject is in one of the groups of a client's rule."""
    member = memberships.join(client_groups, client_group.group_id == membership.group_id)
    member = member.join(subjects, membership.user_id == own_id(subject.user_id))
    return exists().select_from(member).where(client_group.client == client_id, subject.subject == whose)


def is_usable_by(user_id: int) -> ColumnElement[bool]:
    """Return the condition for rows of clients that an account may use."""
    in_rule = memberships.join(client_groups, client_group.group_id == membership.group_id)
    member = exists().select_from(in_rule).where(client_group.client == client.id, membership.user_id == user_id)
    return or_(client.is_restricted.is_(False), member)


def is_sufficient(acr: str | None, required_acr: str | None) -> bool:
    """Tell whether a login of class ``acr`` is enough for a client that requires ``required_acr``, if anything."""
    return required_acr is None or acr in SUFFICIENT.get(required_acr, (required_acr,))
