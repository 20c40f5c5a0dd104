"""Who may use which client: everybody with an account, or the members of some groups, and with which kind of login."""

from __future__ import annotations

from collections.abc import Collection, Set
from dataclasses import dataclass

from sqlalchemy import ColumnElement, bindparam, delete, exists, select, true
from sqlalchemy.orm import Session

from ..audit import Audit
from ..clients import Client
from ..clients.client_events import add_client_event
from ..database import Database, Statement, Writer
from ..database.cache_invalidation import CLIENTS, CacheInvalidation, record_change
from ..database.tables import subject, subjects, table_of
from ..models.client import OAuth2Client
from ..models.client_group import ClientGroup
from ..models.group import Group
from ..users.ending_invitations import end_invitations_into
from ..users.own_users_in_statements import own_id
from .ending_access import end_access_of_refused
from .group_changes import hold_groups
from .rule_conditions import client, client_group, client_groups, is_sufficient, is_usable_by, membership, memberships
from .rule_decision import FOR_EVERYBODY, Decision, Reason

_groups = table_of(Group)
_group = _groups.c
_in_rule = memberships.join(client_groups, client_group.group_id == membership.group_id)
#: The first of a rule's groups that a user is in, by name, and whether the rule has any.
READ_DECIDING_GROUP = Statement(
    select(
        select(_group.name)
        .select_from(_in_rule.join(_groups, _group.id == membership.group_id))
        .where(client_group.client == bindparam("client_"), membership.user_id == bindparam("user_id_"))
        .order_by(_group.name_key)
        .limit(1)
        .scalar_subquery(),
        exists().where(client_group.client == bindparam("client_")),
    )
)
READ_GROUP_IDS = Statement(select(client_group.group_id).where(client_group.client == bindparam("client_")))
#: A client's rule, and a membership that lets a subject use it, locked: whatever ends the membership waits.
LOCK_RULE = Statement(
    select(
        client.is_restricted,
        client.required_acr,
        select(membership.group_id)
        .select_from(_in_rule.join(subjects, membership.user_id == own_id(subject.user_id)))
        .where(client_group.client == client.id, subject.subject == bindparam("subject_"))
        .limit(1)
        .with_for_update(read=True, of=memberships)
        .scalar_subquery(),
    ).where(client.id == bindparam("client_"))
)


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule of a client."""

    #: The groups whose members may use it, by name; ``None`` lets everybody.
    groups: tuple[Group, ...] | None = None
    #: The class that a login needs, ``2`` or ``phr``; ``None`` if any will do.
    required_acr: str | None = None


class Rules:
    """The rules of one server. A client without one is known as such from the cached client."""

    def __init__(
        self, database: Database, changes: CacheInvalidation, audit: Audit, *, has_external_users: bool
    ) -> None:
        """``has_external_users`` says that an embedding application decides about its own users: no rule counts."""
        self._has_external_users = has_external_users
        self._database = database
        self._cache_invalidation = changes
        self._audit = audit

    def decide(self, user_id: str, client: Client) -> Decision:
        """Tell whether an account may use a client, and why. One statement, or none if the client has no rule."""
        if not client.is_restricted or self._has_external_users:
            return FOR_EVERYBODY
        row = self._database.one(READ_DECIDING_GROUP, client_=client.id, user_id_=int(user_id))
        name, has_groups = row or (None, False)
        if name is not None:
            return Decision(Reason.GROUP, name)
        return Decision(Reason.NO_GROUP if has_groups else Reason.NO_GROUPS)

    def usable_by(self, user_id: str) -> ColumnElement[bool]:
        """Return the condition for rows of clients that an account may use, for a statement about many."""
        return true() if self._has_external_users else is_usable_by(int(user_id))

    def lets(self, writer: Writer, client: str, subject: str, acr: str | None) -> bool:
        """Judge in the caller's transaction whether a subject may get a grant of a client by a login of this class.

        What takes the access away afterwards waits for the transaction, and finds its grant.
        """
        if self._has_external_users:
            return True
        row = writer.one(LOCK_RULE, client_=client, subject_=subject)
        is_restricted, required_acr, group = row or (True, None, None)
        return (not is_restricted or group is not None) and is_sufficient(acr, required_acr)

    def find(self, client: Client) -> Rule:
        """Return the rule of a client."""
        if not client.is_restricted:
            return Rule(None, client.required_acr)
        query = select(Group).join(ClientGroup, ClientGroup.group_id == Group.id).where(ClientGroup.client == client.id)
        with self._database.reading() as session:
            return Rule(tuple(session.scalars(query.order_by(Group.name_key))), client.required_acr)

    def group_ids_of(self, client: Client) -> frozenset[str]:
        """Return the ids of the groups in a client's rule. One statement, or none if everybody may use it."""
        if not client.is_restricted:
            return frozenset()
        return frozenset(group_id for (group_id,) in self._database.all(READ_GROUP_IDS, client_=client.id))

    def clients_of_group(self, group_id: str) -> list[str]:
        """Return the ids of the clients whose rules have a group."""
        with self._database.reading() as session:
            return [*session.scalars(select(ClientGroup.client).where(ClientGroup.group_id == group_id))]

    def replace(
        self, client: str, group_ids: Collection[str] | None, required_acr: str | None, *, by: str | None = None
    ) -> int | None:
        """Give a client a rule: ``group_ids`` whose members may use it, ``None`` for everybody.

        Invitations into a group end when it joins the rule, as they were created for less.
        ``by`` is the subject of a person on a page, ``None`` for a command. What those have there who may no longer
        use it ends in the same transaction; returns how many grants that were, ``None`` if all of the client's tokens
        ended. Raises :class:`GroupError` if one of the groups has just been deleted.
        """
        with self._database.writing() as session:
            groups = hold_groups(session, group_ids or (), for_more=True)
            # Locked: who is just getting a grant has it before, and loses it below, or is judged by the new rule.
            row = session.get_one(OAuth2Client, client, with_for_update=True)
            former = {*session.scalars(select(ClientGroup.group_id).where(ClientGroup.client == row.id))}
            is_changed = _put_rule(session, row, None if group_ids is None else groups, required_acr, former)
            if not is_changed:
                return 0
            for group in groups:
                if group.id not in former:
                    end_invitations_into(session, self._audit, group.id, by)
            ended = end_access_of_refused(session, self._audit, row, by=by)
            detail = {"groups": None if group_ids is None else [group.name for group in groups]}
            add_client_event(
                self._audit, session, "client_access_changed", row, by, {**detail, "required_acr": required_acr}
            )
            record_change(session, CLIENTS, client)
        self._cache_invalidation.forget_recorded(session)
        return ended


def _put_rule(
    session: Session,
    row: OAuth2Client,
    groups: Collection[Group] | None,
    required_acr: str | None,
    former: Set[str],
) -> bool:
    """Write the rule into the tables; tell whether it changes anything."""
    new = {group.id for group in groups or ()}
    same_decisions = (row.is_restricted, row.required_acr) == (groups is not None, required_acr)
    if same_decisions and former == new:
        return False
    row.is_restricted, row.required_acr = groups is not None, required_acr
    if former - new:
        session.execute(delete(ClientGroup).where(ClientGroup.client == row.id, ClientGroup.group_id.in_(former - new)))
    session.add_all(ClientGroup(client=row.id, group_id=group_id) for group_id in sorted(new - former))
    session.flush()
    return True
