"""The groups that a form offers to choose from."""

from __future__ import annotations

from ...models.group import Group
from ..current.authorization_server import authorization_server

#: Among more groups than these, a name is typed quicker than found.
MAX_CHOICES = 100


def list_group_choices() -> list[Group] | None:
    """Return the groups to choose from; ``None`` if there are so many that their names are typed instead."""
    found = authorization_server().access.groups.list_rows(limit=MAX_CHOICES + 1)
    return found if len(found) <= MAX_CHOICES else None
