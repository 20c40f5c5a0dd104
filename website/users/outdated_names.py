"""Names and addresses of earlier releases that would be refused today, for the operator to change."""

from __future__ import annotations

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import aliased

from ..database import Database
from ..domains import TWO_WAY_LETTERS, is_read_in_two_ways
from ..models.login_name import LoginName
from ..models.user import User
from .login_names import assigned_key

LIMIT = 20


def find_doubled_names(database: Database) -> list[tuple[str, str]]:
    """Return pairs of accounts of earlier releases: the preferred username of the first is a name of the second."""
    holder = aliased(User)
    own_row = LoginName.login_key == func.lower(User.preferred_username), LoginName.user_id == User.id
    assigned = select(User.username, User.preferred_username).where(User.preferred_username_assigned)
    holders = select(holder.username).join(LoginName, LoginName.user_id == holder.id)
    pairs: list[tuple[str, str]] = []
    with database.reading() as session:
        for username, name in session.execute(assigned.where(~exists().where(*own_row))):
            key = assigned_key(name, True)
            other = session.scalar(holders.where(LoginName.login_key == key, holder.username != username))
            if other is not None:
                pairs.append((username, other))
            if len(pairs) == LIMIT:
                break
    return pairs


def find_ambiguous_addresses(database: Database) -> list[tuple[str, str]]:
    """Return usernames with an email address to which nothing is sent, as it may be a stranger's."""
    has_letter = or_(*(User.email.contains(letter) for letter in TWO_WAY_LETTERS))
    query = select(User.username, User.email).where(has_letter).order_by(User.username_key)
    with database.reading() as session:
        found = [(name, email or "") for name, email in session.execute(query)]
    return [(name, email) for name, email in found if is_read_in_two_ways(email.rpartition("@")[2])][:LIMIT]
