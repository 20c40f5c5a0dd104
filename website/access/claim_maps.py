"""The claim maps of clients: setting and removing them, and the claims of an account by them."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import bindparam, select

from ..audit import Audit
from ..clients import Client
from ..clients.client_events import add_client_event
from ..database import Database, Statement
from ..database.cache_invalidation import CLIENTS, CacheInvalidation, record_change
from ..database.tables import table_of
from ..models.client import OAuth2Client
from ..models.group import Group
from ..models.user import User
from ..scopes import split
from ..translatable import N_
from ..users.ending_invitations import end_invitations_into
from .claim_map import FIELDS, ClaimMap, ClaimMapError
from .rule_conditions import membership, memberships

#: The claims of one client, and the characters that all of its maps have as JSON: they have to fit into a token.
MAX_MAPS, MAX_CHARACTERS = 20, 4000
_user = table_of(User).c
READ_GROUP_IDS = Statement(
    select(membership.group_id).select_from(memberships).where(membership.user_id == bindparam("user_id_"))
)
_OTHER_FIELDS = tuple(name for name in FIELDS if name not in ("preferred_username", "email"))
READ_FIELDS = Statement(
    select(
        _user.preferred_username, _user.preferred_username_assigned, _user.email, _user.email_verified,
        *(_user[name] for name in _OTHER_FIELDS),
    ).where(_user.id == bindparam("user_id_"))
)  # fmt: skip


class ClaimMaps:
    """The claim maps of one server. They are part of the cached client."""

    def __init__(
        self, database: Database, changes: CacheInvalidation, audit: Audit, *, has_external_users: bool
    ) -> None:
        """``has_external_users`` says that an embedding application has its users' claims: no map counts."""
        self._database = database
        self._cache_invalidation = changes
        self._audit = audit
        self._has_external_users = has_external_users

    def list_of(self, client: Client) -> list[ClaimMap]:
        """Return a client's maps by name."""
        return [ClaimMap.from_json(stored) for stored in client.claim_maps]

    def group_ids_of(self, client: Client) -> frozenset[str]:
        """Return the ids of the groups that a client's maps name."""
        return frozenset(group for each in self.list_of(client) for group, _value in each.groups)

    def claims_of_group(self, group_id: str) -> list[tuple[str, str]]:
        """Return the ids of the clients that get a claim by a group, each with the claim's name.

        It reads every client that has a map, so it is for the end of a group.
        """
        query = select(OAuth2Client.id, OAuth2Client.claim_maps).where(OAuth2Client.claim_maps.is_not(None))
        with self._database.reading() as session:
            rows = [(row.id, ClaimMap.from_json(stored)) for row in session.execute(query) for stored in row.claim_maps]
        return [(client, each.name) for client, each in rows if group_id in dict(each.groups)]

    def claims_for(self, client: Client, user_id: str | None, scope: str, place: str) -> dict[str, Any]:
        """Return the mapped claims of an account that a client gets in a place, such as ``id_token``, for a scope.

        A client without maps costs nothing; groups and fields are read only if a map needs them.
        """
        if not client.claim_maps or user_id is None or self._has_external_users:
            return {}
        granted = split(scope)
        due = [each for each in self.list_of(client) if place in each.places and each.scope in granted]
        group_ids = self._groups_of(user_id) if any(each.groups for each in due) else ()
        fields = self._fields_of(user_id) if any(each.field for each in due) else {}
        claims = {each.name: each.value_of(group_ids, fields) for each in due}
        return {name: value for name, value in claims.items() if value is not None}

    def _groups_of(self, user_id: str) -> Collection[str]:
        return [group_id for (group_id,) in self._database.all(READ_GROUP_IDS, user_id_=int(user_id))]

    def _fields_of(self, user_id: str) -> dict[str, str | None]:
        row = self._database.one(READ_FIELDS, user_id_=int(user_id))
        if row is None:
            return {}
        (chosen_name, is_assigned, email, is_verified), others = row[:4], dict(zip(_OTHER_FIELDS, row[4:], strict=True))
        # As the claims of the same names: nobody's name or address is theirs because they typed it.
        name = chosen_name if is_assigned and chosen_name else others["username"]
        return {**others, "preferred_username": name, "email": email if is_verified else None}

    def set(self, client: str, new: ClaimMap, *, by: str | None = None) -> None:
        """Add a map to a client, in place of one of the same name.

        Invitations into a group end when it gets a value, as they were created for less.

        ``by`` is the subject of a person on a page, ``None`` for a command. Raises :class:`ClaimMapError`.
        """
        new.check()
        self._change(client, new.name, new, by)

    def remove(self, client: str, name: str, *, by: str | None = None) -> bool:
        """Remove a client's map; tell whether there was one of this name."""
        return self._change(client, name, None, by)

    def _change(self, client: str, name: str, new: ClaimMap | None, by: str | None) -> bool:
        with self._database.writing() as session:
            values = {} if new is None else dict(new.groups)
            groups = select(Group.id).where(Group.id.in_(values)).order_by(Group.id)
            session.execute(groups.with_for_update()).all()  # before the client, as everywhere
            row = session.get_one(OAuth2Client, client, with_for_update=True)
            former: Sequence[dict[str, Any]] = row.claim_maps or ()
            others = [stored for stored in former if stored["name"] != name]
            if new is None and len(others) == len(former):
                return False
            maps = [*others, *([] if new is None else [new.to_json()])]
            if len(maps) > MAX_MAPS or len(json.dumps(maps)) > MAX_CHARACTERS:
                raise ClaimMapError(N_("The claims of this client are too many, or too long, for its tokens."))
            before = dict(pair for each in former if each["name"] == name for pair in ClaimMap.from_json(each).groups)
            row.claim_maps = sorted(maps, key=lambda stored: str(stored["name"])) or None
            for group_id in values:
                if values[group_id] != before.get(group_id):
                    end_invitations_into(session, self._audit, group_id, by)
            detail = {"claim": name, "map": None if new is None else new.to_json()}
            add_client_event(self._audit, session, "client_claims_changed", row, by, detail)
            record_change(session, CLIENTS, client)
        self._cache_invalidation.forget_recorded(session)
        return True
