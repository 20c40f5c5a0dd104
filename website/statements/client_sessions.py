"""The statements about clients that were told of logins, and the notices that are due to them."""

from sqlalchemy import BigInteger, String, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert

from ..database import Statement
from .tables import client_sessions, session

_row = client_sessions.c
READ_CLIENT_SESSION = Statement(
    select(_row.id).where(_row.sid == bindparam("sid_"), _row.client == bindparam("client_"))
)
#: The same text on SQLite and PostgreSQL. Where the login is over nothing is inserted, and a second time neither.
NOTE_CLIENT_SESSION = Statement(
    postgresql_insert(client_sessions)
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
    update(client_sessions)
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
DELETE_NOTICE = Statement(delete(client_sessions).where(_row.id == bindparam("id_")))
POSTPONE_NOTICE = Statement(
    update(client_sessions).where(_row.id == bindparam("id_")).values(next_try_at=bindparam("until"))
)
#: What else is due to a client that just failed waits as long.
POSTPONE_NOTICES_OF = Statement(
    update(client_sessions).where(*_is_due, _row.client == bindparam("client_")).values(next_try_at=bindparam("until"))
)
GIVE_NOTICE_UP = Statement(
    update(client_sessions)
    .where(_row.id == bindparam("id_"))
    .values(next_try_at=None, expires_at=bindparam("expires_at"))
)
#: When the next one is due, or was.
READ_NEXT_NOTICE = Statement(
    select(func.min(_row.next_try_at)).where(_row.session.is_(None), _row.next_try_at.is_not(None))
)
