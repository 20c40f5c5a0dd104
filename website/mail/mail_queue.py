"""The rows of the mail outbox: written in the transaction of a change, and claimed by one sender at a time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    String,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    literal_column,
    null,
    select,
    update,
)
from sqlalchemy.orm import Session

from .. import clock
from ..database import Database, Statement, Writer
from ..database.tables import table_of
from ..identifiers import new_identifier
from ..models.mail_message import MailMessage
from ..models.user import User
from ..outbox import Backlog
from .kinds import HOUR_SECONDS, LINK_KINDS

_messages, _users = table_of(MailMessage), table_of(User)
_row, _user = _messages.c, _users.c
_COLUMNS = ("id", "kind", "user_id", "address", "language", "facts", "created_at", "tries", "next_try_at", "expires_at")
_now = bindparam("now", type_=BigInteger)


def _values(user_id: Any, address: Any, language: Any) -> list[Any]:
    """Return the values of ``_COLUMNS`` for a new row."""
    id_, kind, facts = (bindparam(name, type_=String) for name in ("id_", "kind_", "facts_"))
    expires_at = bindparam("expires", type_=BigInteger)
    return [id_, kind, user_id, address, language, facts, _now, literal_column("0"), _now, expires_at]


#: To the account's verified address; writes nothing if there is none, or the account is disabled.
ADD_TO_ACCOUNT = Statement(
    insert(_messages).from_select(
        _COLUMNS,
        select(*_values(_user.id, _user.email, _user.locale)).where(
            _user.id == bindparam("user_"),
            _user.disabled_at.is_(None),
            _user.email_verified.is_(True),
            _user.email.is_not(None),
        ),
    )
)
#: In the demo, where nobody verifies an address, and most accounts have none.
ADD_TO_DEMO_ACCOUNT = Statement(
    insert(_messages).from_select(
        _COLUMNS,
        select(
            *_values(_user.id, func.coalesce(_user.email, _user.username_key.concat("@example.org")), _user.locale)
        ).where(_user.id == bindparam("user_")),
    )
)
#: To another address of an account: a new one, or its former one.
ADD_TO_ADDRESS = Statement(
    insert(_messages).from_select(
        _COLUMNS,
        select(*_values(_user.id, bindparam("address_", type_=String), _user.locale)).where(
            _user.id == bindparam("user_"), _user.disabled_at.is_(None)
        ),
    )
)
#: To somebody without an account.
ADD_TO_STRANGER = Statement(
    insert(_messages).from_select(
        _COLUMNS,
        select(
            *_values(
                cast(null(), _user.id.type), bindparam("address_", type_=String), bindparam("language_", type_=String)
            )
        ),
    )
)

#: Concurrent senders each get a different message of the address (``FOR UPDATE`` only applies to PostgreSQL).
CLAIM_MESSAGE = Statement(
    update(_messages)
    .where(
        _row.id
        == select(_row.id)
        .where(_row.address == bindparam("address_"), _row.next_try_at <= _now)
        .order_by(_row.next_try_at, _row.created_at)
        .limit(bindparam("one", type_=BigInteger))
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    .values(next_try_at=bindparam("until"), tries=_row.tries + 1)
    .returning(
        _row.id,
        _row.kind,
        _row.user_id,
        _row.address,
        _row.language,
        _row.facts,
        _row.created_at,
        _row.tries,
        _row.expires_at,
    )
)
DELETE_MESSAGE = Statement(delete(_messages).where(_row.id == bindparam("id_")))
POSTPONE_MESSAGE = Statement(
    update(_messages)
    .where(_row.id == bindparam("id_"))
    .values(next_try_at=bindparam("until"), problem=bindparam("problem_"))
)
#: After an address fails, its other messages wait as long.
POSTPONE_MESSAGES_TO = Statement(
    update(_messages)
    .where(_row.address == bindparam("address_"), _row.next_try_at <= _now)
    .values(next_try_at=bindparam("until"))
)
PARK_MESSAGE = Statement(
    update(_messages)
    .where(_row.id == bindparam("id_"))
    .values(next_try_at=None, problem=bindparam("problem_"), expires_at=bindparam("expires"))
)
#: When the next message is or was due.
READ_NEXT_MESSAGE = Statement(select(func.min(_row.next_try_at)))
#: How many wait, and how many there are.
COUNT_MESSAGES = Statement(select(func.count(_row.next_try_at), func.count()).select_from(_messages))

#: How long a failed message is kept for the operator.
PARKED_SECONDS = 30 * 86400
#: How many addresses are looked at together.
MAX_RECEIVERS = 500
MAX_PROBLEM_CHARACTERS = 255


@dataclass(slots=True)
class QueuedMail:
    """A message that one sender has claimed."""

    id: str
    kind: str
    user_id: int | None
    address: str
    language: str | None
    facts: dict[str, Any]
    created_at: int
    #: The number of attempts, including this one.
    tries: int
    expires_at: int
    #: Why this attempt failed.
    problem: str = ""

    @property
    def receiver(self) -> str:
        return self.address


class MailMessages:
    """The messages of one database; ``claim_seconds`` is longer than any delivery takes."""

    def __init__(self, database: Database, claim_seconds: int) -> None:
        self._database = database
        self._claim_seconds = claim_seconds

    def add(
        self,
        transaction: Session | Writer,
        statement: Statement,
        kind: str,
        seconds: int,
        facts: dict[str, Any],
        **values: Any,
    ) -> None:
        """Write a message with one of the four statements above, in the caller's transaction."""
        now = clock.now()
        values |= {"id_": new_identifier(), "kind_": kind, "facts_": json.dumps(facts)}
        values |= {"now": now, "expires": now + seconds}
        if isinstance(transaction, Writer):
            transaction.run(statement, **values)
        else:
            transaction.flush()  # the account may be as new
            transaction.execute(statement.clause, values)

    # --- the queue that the sender works on

    def find_next(self) -> int | None:
        """Return when the next message is or was due; ``None`` if there is none."""
        row = self._database.one(READ_NEXT_MESSAGE)
        return None if row is None or row[0] is None else int(row[0])

    def list_due_receivers(self) -> list[str]:
        """Return the addresses with due messages, longest waiting first."""
        due = select(_row.address).where(_row.next_try_at <= clock.now()).group_by(_row.address)
        with self._database.reading() as session:
            return list(session.scalars(due.order_by(func.min(_row.next_try_at)).limit(MAX_RECEIVERS)))

    def claim(self, receiver: str) -> QueuedMail | None:
        """Claim an address's next due message, so that nobody else sends it meanwhile."""
        now = clock.now()
        row = self._database.write_one(
            CLAIM_MESSAGE, address_=receiver, now=now, one=1, until=now + self._claim_seconds
        )
        if row is None:
            return None
        id_, kind, user_id, address, language, facts, created_at, tries, expires_at = row
        return QueuedMail(id_, kind, user_id, address, language, json.loads(facts), created_at, tries, expires_at)

    def settle(self, message: QueuedMail) -> None:
        """Delete a message that was sent or is no longer wanted."""
        self._database.write_one(DELETE_MESSAGE, id_=message.id)

    def postpone(self, message: QueuedMail, seconds: int) -> None:
        """Retry a message after so many seconds, and send the address's other messages no earlier."""
        now = clock.now()
        problem = message.problem[:MAX_PROBLEM_CHARACTERS]
        with self._database.write() as writer:
            writer.run(POSTPONE_MESSAGE, id_=message.id, until=now + seconds, problem_=problem)
            writer.run(POSTPONE_MESSAGES_TO, address_=message.address, now=now, until=now + seconds)

    def postpone_others(self, message: QueuedMail, seconds: int) -> None:
        """After a sent message, send the address's other messages no earlier than in so many seconds."""
        now = clock.now()
        self._database.write_one(POSTPONE_MESSAGES_TO, address_=message.address, now=now, until=now + seconds)

    def give_up(self, message: QueuedMail) -> None:
        """Stop sending a message, but keep it for a while."""
        problem, expires_at = message.problem[:MAX_PROBLEM_CHARACTERS], clock.now() + PARKED_SECONDS
        self._database.write_one(PARK_MESSAGE, id_=message.id, problem_=problem, expires=expires_at)

    # --- for the operator

    def read_backlog(self) -> Backlog:
        """Count the messages that wait or have failed for good."""
        waiting, all_ = self._database.one(COUNT_MESSAGES) or (0, 0)
        return Backlog(waiting, all_ - waiting)

    def list_unsent(self, limit: int) -> list[MailMessage]:
        """Return the messages that wait or have failed for good, failed ones last."""
        query = select(MailMessage).order_by(MailMessage.next_try_at.is_(None), MailMessage.next_try_at).limit(limit)
        with self._database.reading() as session:
            return list(session.scalars(query))

    def retry(self, seconds: int) -> int:
        """Make every waiting or failed message due now, for so many seconds; return how many there are.

        Those with links are sent no later than they would have been.
        """
        now = clock.now()
        expires_at = case((_row.kind.in_(LINK_KINDS), _row.created_at + HOUR_SECONDS), else_=now + seconds)
        again = update(MailMessage).values(next_try_at=now, tries=0, expires_at=expires_at)
        with self._database.writing() as session:
            return int(session.execute(again).rowcount)  # type: ignore[attr-defined]
