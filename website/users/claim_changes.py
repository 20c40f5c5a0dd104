"""Changes to an account's claims: what they take from other accounts and leave to them, with an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import clock
from ..audit import Audit
from ..database.ending_all_access import subject_of_user
from ..email_addresses import mailbox_of
from ..mail import Mail
from ..models.user import User
from ..standard_claims import VERIFIED, ClaimsError
from ..translatable import N_
from .ending_links import end_links
from .login_names import LoginNameTakenError, keep_assigned_name, keep_login_names

PREFERRED_USERNAME_TAKEN = N_("Another account has this as its username or preferred username.")


class ClaimChanges:
    """Changes to claims, each in its caller's transaction."""

    def __init__(self, audit: Audit, mail: Mail) -> None:
        self._audit = audit
        self._mail = mail

    def put(self, session: Session, user: User, changes: Mapping[str, Any]) -> bool:
        """Write the claims' columns and an event; tell whether anything changed."""
        columns = dict(changes)
        for name, flag in VERIFIED.items():
            if name in columns and columns[name] != getattr(user, name):
                columns.setdefault(flag, False)
        changed = sorted(name for name, value in columns.items() if getattr(user, name) != value)
        if not changed:
            return False
        concerns_email = not {"email", "email_verified"}.isdisjoint(changed)
        if concerns_email and columns.get("email_verified", user.email_verified):
            self._take_address(session, user, columns.get("email_key", user.email_key))
        self._end_links_to_former_address(session, user, columns)
        for name, value in columns.items():
            setattr(user, name, value)
        session.flush()
        if concerns_email:
            self._keep_login_names(session, user)
        if not {"preferred_username", "preferred_username_assigned"}.isdisjoint(changed):
            self._keep_assigned_name(session, user)
        names = {name.removesuffix("_assigned") for name in changed if name != "email_key"}
        detail = {"claims": sorted(names)}
        self._audit.add(session, "profile_changed", subject=subject_of_user(session, str(user.id)), detail=detail)
        return True

    def _take_address(self, session: Session, user: User, address: str | None) -> None:
        """Remove an address verified for one account from accounts that have it unverified."""
        others = select(User).where(User.email_key == address, User.id != user.id, User.email_verified.is_(False))
        for other in session.scalars(others.with_for_update()).all() if address else ():
            other.email, other.email_key, other.updated_at = None, None, clock.now()
            subject = subject_of_user(session, str(other.id))
            self._audit.add(session, "profile_changed", subject=subject, detail={"claims": ["email"]})
        session.flush()  # before the address is written again, as it is unique

    def _end_links_to_former_address(self, session: Session, user: User, columns: Mapping[str, Any]) -> None:
        """End the links that may have been sent to an address that is replaced or no longer verified.

        An address that is replaced is told so.
        """
        email = columns.get("email", user.email)
        is_replaced = user.email is not None and (email is None or mailbox_of(email) != mailbox_of(user.email))
        if is_replaced or (user.email_verified and not columns.get("email_verified", True)):
            end_links(session, [user.id])
        if is_replaced and user.email_verified:
            self._mail.add(session, "email_changed", user.id, address=user.email)

    def _keep_login_names(self, session: Session, user: User) -> None:
        try:
            keep_login_names(session, user)
        except LoginNameTakenError:
            problem = N_("Somebody else has this address as their username.")
            raise ClaimsError({"email": problem}) from None

    def _keep_assigned_name(self, session: Session, user: User) -> None:
        try:
            keep_assigned_name(session, user)
        except LoginNameTakenError:
            raise ClaimsError({"preferred_username": PREFERRED_USERNAME_TAKEN}) from None
