"""The clients in each login session. Once it has ended, their rows are logout notices (``logout_queue.py``)."""

from __future__ import annotations

from sqlalchemy import BigInteger, String, bindparam, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert

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


class ClientSessions:
    """The clients' sessions of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
