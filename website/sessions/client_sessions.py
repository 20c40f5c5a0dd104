"""The clients in each login session, and the logout notices they get after it ends: the outbox.

A sender claims a notice for a while, so that no two send the same one; if the sender dies, another takes over.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, String, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert

from .. import clock
from ..database import Database, Statement
from ..database.tables import session, table_of
from ..identifiers import new_identifier
from ..models.client_session import ClientSession

_client_sessions = table_of(ClientSession)
_row = _client_sessions.c
READ_CLIENT_SESSION = Statement(
    select(_row.id).where(_row.sid == bindparam("sid_"), _row.client == bindparam("client_"))
)
#: The same SQL on SQLite and PostgreSQL. Inserts nothing if the login session has ended or the row already exists.
RECORD_CLIENT_SESSION = Statement(
    postgresql_insert(_client_sessions)
    .from_select(
        ["id", "client", "session", "issuer", "sid", "sub", "tries", "next_try_at"],
        select(
            bindparam("id", type_=String),
            bindparam("client", type_=String),
            session.id,
            bindparam("issuer", type_=String),
            session.id.label("sid"),
            bindparam("sub", type_=String),
            bindparam("tries", type_=BigInteger),
            bindparam("next_try_at", type_=BigInteger),
        ).where(session.id == bindparam("session_")),
    )
    .on_conflict_do_nothing()
)
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


class ClientSessions:
    """The clients' sessions of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- while the login session lasts

    def record(self, client: str, session_id: str, issuer: str, sub: str) -> None:
        """Record a client in a login session, unless the session has ended or the client is already recorded."""
        if self._database.one(READ_CLIENT_SESSION, client_=client, sid_=session_id) is None:
            row = {"client": client, "session_": session_id, "issuer": issuer, "sub": sub}
            self._database.write_one(RECORD_CLIENT_SESSION, id=new_identifier(), **row, tries=0, next_try_at=0)

    def list_of(self, session_id: str) -> list[ClientSession]:
        """Return the clients in a login session."""
        query = select(ClientSession).where(ClientSession.session == session_id).order_by(ClientSession.id)
        with self._database.reading() as session:
            return list(session.scalars(query))

    # --- once it has ended

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
