"""Pending authorization requests: posted ones, and those waiting for a person's decision.

Each has a random transaction ID, stored only as a hash, belongs to the browser that it started in, and accepts one
decision.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, update

from .. import clock
from ..database import Database, Statement
from ..database.tables import table_of
from ..identifiers import hash_secret, new_secret
from ..models.authorization_request import AuthorizationRequest

requests = table_of(AuthorizationRequest)
request = requests.c
#: Binds a posted request to the first browser that opens it.
BIND_REQUEST = Statement(
    update(requests)
    .where(request.id_hash == bindparam("id_hash_"), request.browser.is_(None), request.session.is_(None))
    .values(browser=bindparam("browser_"))
    .returning(request.id_hash)
)
#: Accepts the decision on a request: once, and only from the login session that was asked.
CLAIM_REQUEST = Statement(
    update(requests)
    .where(
        request.id_hash == bindparam("id_hash_"),
        request.session == bindparam("session_"),
        request.used_at.is_(None),
        request.expires_at > bindparam("now"),
    )
    .values(used_at=bindparam("now"))
    .returning(request.id_hash)
)

#: The form field or query parameter with a pending request's transaction ID.
TRANSACTION = "transaction"
#: The parameters for returning to the client when the request itself is gone; the response contains them anyway.
WAY_BACK = ("client_id", "redirect_uri", "response_type", "response_mode", "state")
LIFETIME_SECONDS = 600
MAX_CHARACTERS = 8 * 1024
#: The stored facts about a request besides its parameters.
FACTS = ("former_login", "subject", "is_from_client")


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A stored request.

    ``former_login`` is the login session that wasn't sufficient if the user has to log in again. ``subject`` is from
    the ID token hint: the token itself is a secret and isn't stored.
    """

    pairs: list[tuple[str, str]]
    former_login: str | None = None
    subject: str | None = None
    #: Whether the client authenticated the parameters, for example with a signature.
    is_from_client: bool = False
    #: When it arrived, in seconds since the epoch; only for stored requests.
    asked_at: int | None = None


class TooLongError(ValueError):
    """The parameters of a request are too long to be stored."""


class PendingRequests:
    """The pending requests of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def store(self, request: PendingRequest, session: str | None, browser: str | None = None) -> str:
        """Store a request for ten minutes; return its transaction ID.

        ``session`` is the login session that is asked for a decision, ``browser`` the cookie of the browser that it
        started in. Raises :class:`TooLongError`.
        """
        if sum(len(name) + len(value) for name, value in request.pairs) > MAX_CHARACTERS:
            raise TooLongError
        transaction, now = new_secret(), clock.now()
        row = AuthorizationRequest(
            id_hash=hash_secret(transaction),
            session=session,
            browser=browser and hash_secret(browser),
            # Only names that nodes of the previous release know.
            parameters={name: getattr(request, name) for name in ("pairs", *FACTS)},
            created_at=now,
            expires_at=now + LIFETIME_SECONDS,
        )
        with self._database.writing() as writing:
            # Each insert deletes expired rows, so the table never has more than ten minutes of requests.
            writing.execute(delete(AuthorizationRequest).where(AuthorizationRequest.expires_at <= now))
            writing.add(row)
        return transaction

    def open(self, transaction: str, browser: str) -> PendingRequest | None:
        """Return a pending request that started in this browser.

        A posted request has no cookie: it belongs to the first browser that opens it.
        """
        row = self._find(transaction)
        if row is not None and row.browser is None and row.session is None:
            self._database.write_one(BIND_REQUEST, id_hash_=row.id_hash, browser_=hash_secret(browser))
            row = self._find(transaction)
        return _read(row) if row is not None and row.browser == hash_secret(browser) else None

    def find(self, transaction: str, session: str, browser: str) -> PendingRequest | None:
        """Return a request waiting for the decision of this login session in this browser."""
        row = self._find(transaction)
        if row is None or row.session != session or row.browser not in (None, hash_secret(browser)):
            return None
        return _read(row)

    def is_kept(self, transaction: str) -> bool:
        """Tell whether an unexpired request exists, regardless of owner and state."""
        return self._find(transaction, is_open=False) is not None

    def _find(self, transaction: str, is_open: bool = True) -> AuthorizationRequest | None:
        with self._database.reading() as reading:
            row = reading.get(AuthorizationRequest, hash_secret(transaction))
        if row is None or row.expires_at <= clock.now() or (is_open and row.used_at is not None):
            return None
        return row

    def claim(self, transaction: str, session: str) -> bool:
        """Accept the decision on a request: true for one caller, once, from the login session that was asked."""
        claimed = {"id_hash_": hash_secret(transaction), "session_": session, "now": clock.now()}
        return self._database.write_one(CLAIM_REQUEST, **claimed) is not None


def _read(row: AuthorizationRequest) -> PendingRequest:
    pairs = [(name, value) for name, value in row.parameters["pairs"]]
    facts = {name: row.parameters[name] for name in FACTS}
    return PendingRequest(pairs, **facts, asked_at=row.created_at)
