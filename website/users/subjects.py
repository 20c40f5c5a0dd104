"""Subjects: the random identifiers of users in tokens, and the epochs that end a user's tokens."""

from __future__ import annotations

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError

from .. import clock
from ..database import Database, Statement, Writer
from ..database.tables import subject
from ..identifiers import new_identifier
from ..models.subject import Subject
from .users_protocol import Account

READ_SUBJECT = Statement(select(subject.subject, subject.token_epoch).where(subject.user_id == bindparam("user_id_")))
#: With a shared lock, if supported: increasing the epoch waits for the transaction that has read it.
HOLD_SUBJECT = Statement(
    select(subject.token_epoch, subject.signed_out_at)
    .where(subject.subject == bindparam("subject_"))
    .with_for_update(read=True)
)
READ_USER_ID = Statement(select(subject.user_id).where(subject.subject == bindparam("subject_")))


class Subjects:
    """The random identifiers of users in tokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def subject_for_user(self, user_id: str) -> tuple[str, int]:
        """Return the user's subject, created on the first call, and its token epoch."""
        found = self._database.one(READ_SUBJECT, user_id_=user_id)
        if found is None:
            try:
                with self._database.writing() as session:
                    session.add(Subject(subject=new_identifier(), user_id=user_id, created_at=clock.now()))
            except IntegrityError:
                pass  # another request has just created it
            found = self._database.one(READ_SUBJECT, user_id_=user_id)
        if found is None:
            raise LookupError("The subject was deleted right after its creation.")
        return found[0], found[1]

    def subject_for_account(self, account: Account) -> tuple[str, int]:
        """Return subject and epoch from the time of the password check, or the current ones if unknown."""
        if account.subject is not None and account.epoch is not None:
            return account.subject, account.epoch
        return self.subject_for_user(account.id)

    def find(self, user_id: str) -> str | None:
        """Return the user's subject, or ``None`` if there is none yet."""
        row = self._database.one(READ_SUBJECT, user_id_=user_id)
        return None if row is None else str(row[0])

    def user_id_of(self, subject: str) -> str | None:
        """Return the users table's id of a subject, or ``None`` if it was deleted."""
        row = self._database.one(READ_USER_ID, subject_=subject)
        return None if row is None else str(row[0])

    def lock_if_unchanged(self, writer: Writer, subject: str, epoch: int, since: int | None = None) -> bool:
        """Lock a subject until the transaction ends; tell whether its epoch is still the one given.

        It isn't if the password was changed, or the account disabled or deleted, after the password check. For
        external users, which have no epoch, nothing of this kind may have happened after ``since``.
        """
        row = writer.one(HOLD_SUBJECT, subject_=subject)
        if row is None or row[0] != epoch:
            return False
        return since is None or row[1] is None or row[1] <= since
