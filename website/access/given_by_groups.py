"""What being in a group gives: a role, a second factor to log in with, the use of a client, or the value of a claim."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from ..models.client import OAuth2Client
from ..models.client_group import ClientGroup
from ..models.group import Group
from ..models.role import GroupRole
from .claim_map import ClaimMap


def gives_anything(session: Session, group_ids: Collection[str]) -> bool:
    """Tell whether being in one of these groups changes what somebody may do, here or at a client.

    Adding somebody, or inviting them into it, is then as much as giving them that. It reads every client with a claim
    map, so it is for changes by people.
    """
    conditions = (
        GroupRole.group_id.in_(group_ids),
        ClientGroup.group_id.in_(group_ids),
        Group.id.in_(group_ids) & Group.requires_factor,
    )
    if any(session.scalar(select(exists().where(condition))) for condition in conditions):
        return True
    maps = session.scalars(select(OAuth2Client.claim_maps).where(OAuth2Client.claim_maps.is_not(None)))
    named = {group for stored in maps for each in stored or () for group, _value in ClaimMap.from_json(each).groups}
    return not named.isdisjoint(group_ids)
