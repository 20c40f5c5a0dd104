"""Usernames that people choose for themselves, and those that they may not take."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..email_addresses import mailbox_of
from ..models.user import User
from ..translatable import N_
from ..users.lookalikes import skeleton
from ..users.usernames import UsernameError, username_key

#: Names that speak for the server, or for its operators (:rfc:`2142` has most of them).
RESERVED = frozenset(
    (
        *("admin", "administrator", "operator", "root", "system", "sysadmin", "superuser"),
        *("abuse", "helpdesk", "hostmaster", "info", "noreply", "postmaster", "security", "support", "webmaster"),
    )
)


def check_chosen_name(username: str, address: str | None, server_name: str) -> None:
    """Check a username that a person chose; ``address`` is the email address that they have verified, if any.

    Applications may know people by their username, and operators give any name. Raises ``UsernameError``.
    """
    key = username_key(username)
    if address is not None and _is_written_as(username, address):
        return
    if "@" in key:  # somebody else's address, or one that somebody else will have
        if address is None:
            raise UsernameError(N_("Choose a username without @."))
        raise UsernameError(N_("Choose a username without @, or %(address)s.", address=address))
    if any(character in key for character in "/\\:") or key.startswith("www."):  # emails and pages show it
        raise UsernameError(N_("Choose a username that can't be read as a URL, without a slash or colon."))
    if skeleton(key) in {skeleton(username_key(name)) for name in (*RESERVED, server_name)}:
        raise UsernameError(N_("That username is reserved. Choose another one."))


def _is_written_as(username: str, address: str) -> bool:
    """Tell whether a username is an address, apart from small and capital letters.

    The keys of other mailboxes are the same: that of ``strauß@`` is ``strauss@``, which may be somebody else's.
    """
    name, own = (mailbox_of(text.encode().lower().decode()) for text in (username, address))
    return name == own


def looks_like_an_operator(session: Session, username: str) -> bool:
    """Tell whether a username reads as an operator's, who has a say with those who read it."""
    names = session.execute(select(User.username, User.preferred_username).where(User.is_operator))
    return skeleton(username_key(username)) in {skeleton(username_key(name)) for row in names for name in row if name}
