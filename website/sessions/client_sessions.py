"""Owns which client was told of which login, and the notices that are due to them once it has ended: the outbox.

A notice is claimed for a while by whoever sends it: no two send the same one, and what was claimed by one that died is
sent by another.
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
#: The same text on SQLite and PostgreSQL. Where the login is over nothing is inserted, and a second time neither.
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
#: Of all who ask for a client's next notice at once, each gets another one (``FOR UPDATE`` is PostgreSQL's alone).
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
#: What else is due to a client that just failed waits as long.
POSTPONE_NOTICES_OF = Statement(
    update(_client_sessions).where(*_is_due, _row.client == bindparam("client_")).values(next_try_at=bindparam("until"))
)
GIVE_NOTICE_UP = Statement(
    update(_client_sessions)
    .where(_row.id == bindparam("id_"))
    .values(next_try_at=None, expires_at=bindparam("expires_at"))
)
#: When the next one is due, or was.
READ_NEXT_NOTICE = Statement(
    select(func.min(_row.next_try_at)).where(_row.session.is_(None), _row.next_try_at.is_not(None))
)

#: Longer than any one delivery takes.
CLAIM_SECONDS = 15
#: How long a notice that was given up is kept for an operator who asks.
GIVEN_UP_SECONDS = 30 * 86400


@dataclass(frozen=True, slots=True)
class Notice:
    """What a client is to hear: that the login which it knows by ``sid``, of whom it knows as ``sub``, has ended."""

    id: str
    client: str
    issuer: str
    sid: str
    sub: str
    #: How often it was sent, this time included.
    tries: int


class ClientSessions:
    """The clients' sessions of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- while the login lasts

    def record(self, client: str, session_id: str, issuer: str, sub: str) -> None:
        """Record that a client is told of a login; nothing where that has ended meanwhile, or is recorded already."""
        if self._database.one(READ_CLIENT_SESSION, client_=client, sid_=session_id) is None:
            told = {"client": client, "session_": session_id, "issuer": issuer, "sub": sub}
            with self._database.write() as writer:
                writer.run(RECORD_CLIENT_SESSION, id=new_identifier(), **told, tries=0, next_try_at=0)

    def list_of(self, session_id: str) -> list[ClientSession]:
        """Return the clients that know of a login."""
        wanted = select(ClientSession).where(ClientSession.session == session_id).order_by(ClientSession.id)
        with self._database.reading() as session:
            return list(session.scalars(wanted))

    # --- once it has ended

    def find_next(self) -> int | None:
        """Return when the next notice is due, or was; ``None`` where none is."""
        row = self._database.one(READ_NEXT_NOTICE)
        return None if row is None or row[0] is None else int(row[0])

    def list_clients_with_due(self) -> list[str]:
        """Return the clients to which something is due now, the one that waits longest first."""
        row = ClientSession
        due = select(row.client).where(row.session.is_(None), row.next_try_at <= clock.now())
        with self._database.reading() as session:
            return list(session.scalars(due.group_by(row.client).order_by(func.min(row.next_try_at))))

    def claim(self, client: str) -> Notice | None:
        """Take the next notice that is due to a client, so that nobody else sends it meanwhile."""
        now = clock.now()
        with self._database.write() as writer:
            row = writer.one(CLAIM_NOTICE, client_=client, now=now, one=1, until=now + CLAIM_SECONDS)
        return None if row is None else Notice(*row)

    def settle(self, notice: Notice) -> None:
        """Forget a notice that was heard, or that nobody wants to hear."""
        with self._database.write() as writer:
            writer.run(DELETE_NOTICE, id_=notice.id)

    def postpone(self, notice: Notice, seconds: int) -> None:
        """Try a notice again so many seconds from now, and not before then what else is due to the same client."""
        now = clock.now()
        with self._database.write() as writer:
            writer.run(POSTPONE_NOTICE, id_=notice.id, until=now + seconds)
            writer.run(POSTPONE_NOTICES_OF, client_=notice.client, now=now, until=now + seconds)

    def postpone_others(self, notice: Notice, seconds: int) -> None:
        """Leave the client of a notice that was heard alone for so many seconds: no other is due to it before then."""
        now = clock.now()
        with self._database.write() as writer:
            writer.run(POSTPONE_NOTICES_OF, client_=notice.client, now=now, until=now + seconds)

    def give_up(self, notice: Notice) -> None:
        """Send a notice no more; it is kept for a while."""
        with self._database.write() as writer:
            writer.run(GIVE_NOTICE_UP, id_=notice.id, expires_at=clock.now() + GIVEN_UP_SECONDS)

    def list_ended(self, limit: int) -> list[ClientSession]:
        """Return the notices that are due or were given up, the longest waiting first."""
        row = ClientSession
        with self._database.reading() as session:
            return list(
                session.scalars(select(row).where(row.session.is_(None)).order_by(row.next_try_at).limit(limit))
            )

    def retry(self) -> int:
        """Have every notice that waits or was given up be sent now; return how many."""
        row = ClientSession
        with self._database.writing() as session:
            again = update(row).where(row.session.is_(None)).values(next_try_at=clock.now(), tries=0, expires_at=None)
            return int(session.execute(again).rowcount)  # type: ignore[attr-defined]
