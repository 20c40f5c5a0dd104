"""What logs a person in: their password, address, app and passkeys, and the last link that somebody else made them.

Somebody who once had a link for an account may have left one of these behind. An operator sees them before a role.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import String, cast, select

from ..audit import COMMAND
from ..database import Database
from ..models.event import Event
from ..models.passkey import Passkey
from ..models.subject import Subject
from ..models.totp_secret import TotpSecret
from ..models.user import User
from .ending_links import BY_MAIL


@dataclass(frozen=True, slots=True)
class WaysIn:
    """What logs a person in. Times are in seconds since 1970."""

    has_password: bool
    #: The verified address, to which recovery links are sent.
    email: str | None
    app_added_at: int | None
    #: Each passkey's name, and when it was added.
    passkeys: tuple[tuple[str, int], ...]
    link_made_at: int | None
    #: The username of who made the link on a page, or the subject of a deleted account.
    link_made_by: str | None

    @property
    def has_factor(self) -> bool:
        """Whether there is an authenticator app or a passkey."""
        return self.app_added_at is not None or bool(self.passkeys)

    @property
    def are_more_than_a_password(self) -> bool:
        """Whether there is anything that somebody else could have left behind."""
        return self.has_factor or self.email is not None or self.link_made_at is not None


def find_ways_in(database: Database, user: User) -> WaysIn:
    """Return what logs a person in. The link is known for as long as events are kept.

    Links of commands aren't told: on this server's terminal everything may be done anyway.
    """
    is_own = Subject.user_id == cast(User.id, String)
    subject = select(Subject.subject).where(Subject.user_id == str(user.id)).scalar_subquery()
    links = select(Event.occurred_at, Event.actor).where(Event.event == "password_link_created")
    links = links.where(Event.subject == subject, Event.actor != subject, Event.actor != BY_MAIL)
    links = links.where(~Event.actor.startswith(COMMAND))
    passkeys = select(Passkey.name, Passkey.created_at).where(Passkey.user_id == user.id)
    with database.reading() as session:
        link = session.execute(links.order_by(Event.id.desc()).limit(1)).one_or_none()
        makers = select(User.username).join(Subject, is_own).where(Subject.subject == (link and link.actor))
        return WaysIn(
            has_password=user.password_hash is not None,
            email=user.email if user.email_verified else None,
            app_added_at=session.scalar(select(TotpSecret.created_at).where(TotpSecret.user_id == user.id)),
            passkeys=tuple(
                (row.name, row.created_at) for row in session.execute(passkeys.order_by(Passkey.created_at))
            ),
            link_made_at=link and link.occurred_at,
            link_made_by=link and (session.scalar(makers) or link.actor),
        )
