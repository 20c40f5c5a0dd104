"""Newcomers: the accounts that people create by themselves, each in one transaction with the use of an invitation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from .. import clock
from ..access import Access
from ..audit import Audit
from ..database import Database
from ..identifiers import hash_secret
from ..models.group import Group
from ..models.invitation import Invitation, InvitedGroup
from ..models.subject import Subject
from ..models.user import User
from ..settings import Settings
from ..translatable import N_
from ..users import Account, Accounts
from ..users.account_changes import NAME_TAKEN
from ..users.account_rows import claims_as_stored, new_user
from ..users.login_names import LoginNameTakenError
from ..users.login_throttle import network_key
from ..users.password_hashing import PasswordError, hash_password
from ..users.password_queue import password_queue
from ..users.usernames import UsernameError
from .chosen_names import check_chosen_name, looks_like_an_operator
from .invitations import Invitations

TERMS_NEEDED = N_("Accept the terms of use to create an account.")


class InvitationGoneError(Exception):
    """The invitation's link doesn't work: it was used up or revoked, has expired, or never existed."""


class NewcomerRefusedError(ValueError):
    """What somebody entered to create an account isn't accepted; ``problems`` are by the names of its fields."""

    def __init__(self, problems: Mapping[str, Any]) -> None:
        super().__init__(*problems.values())
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Newcomer:
    """What a person enters to create an account."""

    username: str
    password: str
    accepts_terms: bool


class Newcomers:
    """The newcomers of one server."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        audit: Audit,
        accounts: Accounts,
        access: Access,
        invitations: Invitations,
    ) -> None:
        self._database = database
        self._terms_url, self._server_name = settings.terms_url, settings.display_name
        self._audit = audit
        self._throttle = accounts.throttle
        self._users = accounts.own_users
        self._access = access
        self._invitations = invitations

    def join(self, token: str, newcomer: Newcomer) -> Account:
        """Create the account of somebody with an invitation, and use the invitation once.

        Raises :class:`InvitationGoneError`, which counts as a wrong password for the address, as does a taken username;
        and :class:`NewcomerRefusedError`, ``UsernameError``, ``ClaimsError``, ``TooManyTriesError`` and
        ``TooManyLoginsError``. After any of them, nothing has changed.
        """
        keys = network_key()
        if self._throttle is not None:  # before anything is looked up, as for a login
            self._throttle.count_try(keys)
        invitation = self._invitations.find(token)
        if invitation is None:  # without a place in the queue, which strangers could fill up
            raise InvitationGoneError
        try:
            with password_queue.place():
                account = self._join(token, invitation, newcomer)
        except Exception as error:
            is_guess = isinstance(error, InvitationGoneError) or NAME_TAKEN in error.args
            if self._throttle is not None and not is_guess:
                self._throttle.take_back(keys)
            raise
        if self._throttle is not None:
            self._throttle.take_back(keys)
        return account

    def _join(self, token: str, invitation: Invitation, newcomer: Newcomer) -> Account:
        verified = {"email": invitation.email} if invitation.email else {}
        changes = claims_as_stored(verified, {"email_verified": True} if verified else {})
        user = self._check(newcomer, verified)
        user.password_hash = hash_password(newcomer.password)
        user.terms_accepted_at = clock.now() if self._terms_url else None
        try:
            with self._database.writing() as session:
                groups = _lock_groups(session, invitation)
                self._claim(session, token)
                if looks_like_an_operator(session, user.username):
                    raise LoginNameTakenError
                self._users.add_row(session, user, changes)
                for group in groups:
                    self._access.groups.add_to(session, group, [user.id])
                named = select(Subject.subject, Subject.token_epoch).where(Subject.user_id == str(user.id))
                subject, epoch = session.execute(named).one()  # a group with a role has raised the epoch
                detail = {"invitation": invitation.id, "user": user.id}
                if self._terms_url:
                    detail["terms"] = self._terms_url
                self._audit.add(session, "invitation_used", subject=subject, detail=detail)
        except LoginNameTakenError:
            raise UsernameError(NAME_TAKEN) from None
        except IntegrityError:
            raise self._users.explain_conflict(user, changes) from None
        return Account(str(user.id), user.username, subject, epoch)

    def _check(self, newcomer: Newcomer, verified: Mapping[str, str]) -> User:
        """Return the user to be. Raises :class:`NewcomerRefusedError` with every problem at once."""
        problems: dict[str, Any] = {}
        user = User(username="")
        try:
            user = new_user(newcomer.username, None)
            check_chosen_name(user.username, verified.get("email"), self._server_name)
        except UsernameError as error:
            problems["username"] = error.args[0]
        try:
            self._users.new_passwords.check(newcomer.password, user, verified)
        except PasswordError as error:
            problems["password"] = error.args[0]
        if self._terms_url and not newcomer.accepts_terms:
            problems["accepts_terms"] = TERMS_NEEDED
        if problems:
            raise NewcomerRefusedError(problems)
        return user

    def _claim(self, session: Session, token: str) -> None:
        """Use the invitation once, by one statement. Raises :class:`InvitationGoneError` if it was just used up."""
        used = update(Invitation).where(Invitation.token_hash == hash_secret(token), self._invitations.usable())
        if session.scalar(used.values(uses_left=Invitation.uses_left - 1).returning(Invitation.id)) is None:
            raise InvitationGoneError


def _lock_groups(session: Session, invitation: Invitation) -> list[Group]:
    """Return the groups of an invitation, locked before it, as by a change that ends the invitations into a group."""
    invited = select(InvitedGroup.group_id).where(InvitedGroup.invitation_id == invitation.id)
    return [*session.scalars(select(Group).where(Group.id.in_(invited)).order_by(Group.id).with_for_update())]
