"""The statements about logins."""

from sqlalchemy import Integer, Text, bindparam, cast, delete, insert, select, update

from ..database import Statement
from .tables import login_lasts, session, sessions, subject, subjects

PROVED_COLUMNS = (
    "token_hash", "auth_time", "acr", "amr", "last_seen_at", "expires_at", "address", "user_agent",
)  # fmt: skip
SESSION_COLUMNS = ("id", "subject", "created_at", *PROVED_COLUMNS)
INSERT_SESSION = Statement(insert(sessions).inline(), SESSION_COLUMNS)
READ_SESSION = Statement(
    select(
        session.id, session.subject, subject.user_id, session.auth_time, session.last_seen_at, session.expires_at,
        session.acr, cast(session.amr, Text),
    )
    .join_from(sessions, subjects, subject.subject == session.subject)
    .where(session.token_hash == bindparam("token_hash_"))
)  # fmt: skip
#: The same login, proved anew, under another cookie. One that is over does not come back to life.
RENEW_SESSION = Statement(
    update(sessions)
    .where(session.token_hash == bindparam("former_"), session.subject == bindparam("subject_"), login_lasts)
    .values({name: bindparam(name) for name in PROVED_COLUMNS})
)
#: Held until the transaction ends: whatever ends the login meanwhile waits, and then ends what was written too.
HOLD_SESSION = Statement(select(session.id).where(session.id == bindparam("id_")).with_for_update(read=True))
READ_SESSION_SUBJECT = Statement(select(session.subject).where(session.id == bindparam("id_")))
TOUCH_SESSION = Statement(update(sessions).where(session.id == bindparam("id_")).values(last_seen_at=bindparam("now")))
END_SESSION = Statement(
    delete(sessions).where(session.token_hash == bindparam("token_hash_")).returning(session.subject)
)
END_SESSION_OF = Statement(
    delete(sessions).where(session.id == bindparam("id_"), session.subject == bindparam("subject_"))
)
#: Beside the one named, those that a subject used last are kept, so many of them.
END_SURPLUS_SESSIONS_OF = Statement(
    delete(sessions).where(
        session.id.in_(
            select(session.id)
            .where(session.subject == bindparam("subject_"), session.id != bindparam("id_"))
            .order_by(session.last_seen_at.desc(), session.created_at.desc())
            .offset(bindparam("kept", type_=Integer))
        )
    )
)
END_OTHER_SESSIONS_OF = Statement(
    delete(sessions).where(session.id != bindparam("id_"), session.subject == bindparam("subject_"))
)
