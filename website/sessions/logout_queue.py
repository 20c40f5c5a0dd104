"""The logout notices that clients get after a login session has ended: the rows of the clients in it.

A sender claims a notice for a while, so that no two send the same one; if the sender dies, another takes over.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, bindparam, delete, func, select, update

from .. import clock
from ..database import Database, Statement
from ..database.tables import table_of
from ..models.client_session import ClientSession
from ..outbox import Backlog

_client_sessions = table_of(ClientSession)
_row = _client_sessions.c
_is_due = (_row.session.is_(None), _row.next_try_at <= bindparam("now"))
#: Concurrent senders each get a different notice of the client (``FOR UPDATE`` only applies to PostgreSQL).
CLAIM_NOTICE = Statement(
    update(_client_sessions)
    .where(
        _row.id
        == select(_row.id)
        .where(*_is_due, _row.client == bindparam("client_"))
        .order_by(_row.next_try_at)
        .limit(bindparam("one", type_=BigInteger))
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    .values(next_try_at=bindparam("until"), tries=_row.tries + 1)
    .returning(_row.id, _row.client, _row.issuer, _row.sid, _row.sub, _row.tries)
)
DELETE_NOTICE = Statement(delete(_client_sessions).where(_row.id == bindparam("id_")))
POSTPONE_NOTICE = Statement(
    update(_client_sessions).where(_row.id == bindparam("id_")).values(next_try_at=bindparam("until"))
)
#: After a client fails, its other notices wait as long.
POSTPONE_NOTICES_OF = Statement(
    update(_client_sessions).where(*_is_due, _row.client == bindparam("client_")).values(next_try_at=bindparam("until"))
)
GIVE_NOTICE_UP = Statement(
    update(_client_sessions)
    .where(_row.id == bindparam("id_"))
    .values(next_try_at=None, expires_at=bindparam("expires_at"))
)
#: When the next notice is or was due.
READ_NEXT_NOTICE = Statement(
    select(func.min(_row.next_try_at)).where(_row.session.is_(None), _row.next_try_at.is_not(None))
)
#: How many wait, and how many there are.
COUNT_NOTICES = Statement(select(func.count(_row.next_try_at), func.count()).where(_row.session.is_(None)))

#: Longer than any delivery takes.
CLAIM_SECONDS = 15
#: How long a failed notice is kept for the operator.
GIVEN_UP_SECONDS = 30 * 86400


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice to a client that the login session with its ``sid`` and ``sub`` has ended."""

    id: str
    client: str
    issuer: str
    sid: str
    sub: str
    #: The number of attempts, including this one.
    tries: int

    @property
    def receiver(self) -> str:
        return self.client


class LogoutQueue:
    """The logout notices of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_next(self) -> int | None:
        """Return when the next notice is or was due; ``None`` if there is none."""
        row = self._database.one(READ_NEXT_NOTICE)
        return None if row is None or row[0] is None else int(row[0])

    def list_due_receivers(self) -> list[str]:
        """Return the clients with due notices, longest waiting first."""
        row = ClientSession
        due = select(row.client).where(row.session.is_(None), row.next_try_at <= clock.now())
        with self._database.reading() as session:
            return list(session.scalars(due.group_by(row.client).order_by(func.min(row.next_try_at))))

    def claim(self, receiver: str) -> Notice | None:
        """Claim a client's next due notice, so that nobody else sends it meanwhile."""
        now = clock.now()
        row = self._database.write_one(CLAIM_NOTICE, client_=receiver, now=now, one=1, until=now + CLAIM_SECONDS)
        return None if row is None else Notice(*row)

    def settle(self, message: Notice) -> None:
        """Delete a notice that was delivered or is no longer wanted."""
        self._database.write_one(DELETE_NOTICE, id_=message.id)

    def postpone(self, message: Notice, seconds: int) -> None:
        """Retry a notice after so many seconds, and send the client's other notices no earlier."""
        now = clock.now()
        with self._database.write() as writer:
            writer.run(POSTPONE_NOTICE, id_=message.id, until=now + seconds)
            writer.run(POSTPONE_NOTICES_OF, client_=message.client, now=now, until=now + seconds)

    def postpone_others(self, message: Notice, seconds: int) -> None:
        """After a delivered notice, send the client's other notices no earlier than in so many seconds."""
        now = clock.now()
        self._database.write_one(POSTPONE_NOTICES_OF, client_=message.client, now=now, until=now + seconds)

    def give_up(self, message: Notice) -> None:
        """Stop sending a notice, but keep it for a while."""
        self._database.write_one(GIVE_NOTICE_UP, id_=message.id, expires_at=clock.now() + GIVEN_UP_SECONDS)

    def read_backlog(self) -> Backlog:
        """Count the notices that wait or have failed for good."""
        waiting, all_ = self._database.one(COUNT_NOTICES) or (0, 0)
        return Backlog(waiting, all_ - waiting)

    def list_ended(self, limit: int) -> list[ClientSession]:
        """Return the due and failed notices, longest waiting first."""
        row = ClientSession
        with self._database.reading() as session:
            return list(
                session.scalars(select(row).where(row.session.is_(None)).order_by(row.next_try_at).limit(limit))
            )

    def retry(self) -> int:
        """Make every pending or failed notice due now; return how many."""
        row = ClientSession
        with self._database.writing() as session:
            again = update(row).where(row.session.is_(None)).values(next_try_at=clock.now(), tries=0, expires_at=None)
            return int(session.execute(again).rowcount)  # type: ignore[attr-defined]
