"""Authorization requests that wait: those that were posted, and those that a person is asked about.

Each is named by a random transaction id, of which only the hash is stored, belongs to the browser in which it began,
and a decision on it is taken once.
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
#: Give a request that was posted to the first browser that opens it.
BIND_REQUEST = Statement(
    update(requests)
    .where(request.id_hash == bindparam("id_hash_"), request.browser.is_(None), request.session.is_(None))
    .values(browser=bindparam("browser_"))
    .returning(request.id_hash)
)
#: Take the decision on a request: once, and only from the login that was asked.
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

#: The field of a form, or parameter of an address, that names a request that waits.
TRANSACTION = "transaction"
#: What leads back to the client once the request itself is gone; each is in the answer to the client anyhow.
WAY_BACK = ("client_id", "redirect_uri", "response_type", "response_mode", "state")
LIFETIME_SECONDS = 600
MAX_CHARACTERS = 8 * 1024
#: What is kept of a request beside its parameters.
FACTS = ("former_login", "subject", "is_from_client")


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A request as it was kept.

    ``former_login`` is the login that would not do, where one has to log in again. ``subject`` is whom an ID token as a
    hint is about: the token itself is a secret, and is not kept.
    """

    pairs: list[tuple[str, str]]
    former_login: str | None = None
    subject: str | None = None
    #: Whether the client vouched for the parameters itself, by a signature say.
    is_from_client: bool = False
    #: When it came, in seconds since the epoch, of one that was kept.
    asked_at: int | None = None


class TooLongError(ValueError):
    """The parameters of a request are longer than what is kept."""


class PendingRequests:
    """The waiting requests of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def store(self, request: PendingRequest, session: str | None, browser: str | None = None) -> str:
        """Keep a request for ten minutes; return its transaction id.

        ``session`` is the login that is asked for a decision on it, ``browser`` the cookie of the browser in which it
        began. Raises :class:`TooLongError`.
        """
        if sum(len(name) + len(value) for name, value in request.pairs) > MAX_CHARACTERS:
            raise TooLongError
        transaction, now = new_secret(), clock.now()
        row = AuthorizationRequest(
            id_hash=hash_secret(transaction),
            session=session,
            browser=browser and hash_secret(browser),
            # Nothing more may stand here than nodes of the former release know.
            parameters={name: getattr(request, name) for name in ("pairs", *FACTS)},
            created_at=now,
            expires_at=now + LIFETIME_SECONDS,
        )
        with self._database.writing() as writing:
            # Each one that is added takes the expired ones away: the table has no more than ten minutes bring.
            writing.execute(delete(AuthorizationRequest).where(AuthorizationRequest.expires_at <= now))
            writing.add(row)
        return transaction

    def open(self, transaction: str, browser: str) -> PendingRequest | None:
        """Return a request that still waits and began in this browser.

        One that was posted came without any cookie: it belongs to the first browser that opens it.
        """
        row = self._find(transaction)
        if row is not None and row.browser is None and row.session is None:
            with self._database.write() as writer:
                writer.one(BIND_REQUEST, id_hash_=row.id_hash, browser_=hash_secret(browser))
            row = self._find(transaction)
        return _read(row) if row is not None and row.browser == hash_secret(browser) else None

    def find(self, transaction: str, session: str, browser: str) -> PendingRequest | None:
        """Return a request that waits for the decision of this login in this browser."""
        row = self._find(transaction)
        if row is None or row.session != session or row.browser not in (None, hash_secret(browser)):
            return None
        return _read(row)

    def is_kept(self, transaction: str) -> bool:
        """Tell whether a request is there that has not expired, whoever it belongs to, answered or not."""
        return self._find(transaction, is_open=False) is not None

    def _find(self, transaction: str, is_open: bool = True) -> AuthorizationRequest | None:
        with self._database.reading() as reading:
            row = reading.get(AuthorizationRequest, hash_secret(transaction))
        if row is None or row.expires_at <= clock.now() or (is_open and row.used_at is not None):
            return None
        return row

    def claim(self, transaction: str, session: str) -> bool:
        """Take the decision on a request: true for one caller, once, from the login that was asked."""
        with self._database.write() as writer:
            row = writer.one(CLAIM_REQUEST, id_hash_=hash_secret(transaction), session_=session, now=clock.now())
        return row is not None


def _read(row: AuthorizationRequest) -> PendingRequest:
    pairs = [(name, value) for name, value in row.parameters["pairs"]]
    facts = {name: row.parameters[name] for name in FACTS}
    return PendingRequest(pairs, **facts, asked_at=row.created_at)
