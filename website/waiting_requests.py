"""Owns authorization requests that wait: those that were posted, and those that a person is asked about.

Each is named by a random transaction id, of which only the hash is stored, and a decision is taken once.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass

from sqlalchemy import delete

from . import clock
from .database import Database
from .identifiers import new_secret
from .models.authorization_request import AuthorizationRequest
from .statements.consents import CLAIM_REQUEST

LIFETIME_SECONDS = 600
MAX_CHARACTERS = 8 * 1024


@dataclass(frozen=True, slots=True)
class WaitingRequest:
    """A request as it was kept.

    ``former_login`` is the login that would not do, where one has to log in again. ``subject`` is whom an ID token as a
    hint is about: the token itself is a secret, and is not kept.
    """

    pairs: list[tuple[str, str]]
    former_login: str | None = None
    subject: str | None = None
    #: Whether the client vouched for the parameters itself, by a signature say.
    is_from_client: bool = False


class TooLongError(ValueError):
    """The parameters of a request are longer than what is kept."""


class WaitingRequests:
    """The waiting requests of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def store(self, request: WaitingRequest, session: str | None) -> str:
        """Keep a request for ten minutes, bound to a login if one is given; return its transaction id."""
        if sum(len(name) + len(value) for name, value in request.pairs) > MAX_CHARACTERS:
            raise TooLongError
        transaction, present = new_secret(), clock.now()
        row = AuthorizationRequest(
            id_hash=_hash(transaction),
            session=session,
            parameters=asdict(request),
            created_at=present,
            expires_at=present + LIFETIME_SECONDS,
        )
        with self._database.writing() as writing:
            # Whoever adds one takes the dead ones away: the table cannot grow beyond what ten minutes bring.
            writing.execute(delete(AuthorizationRequest).where(AuthorizationRequest.expires_at <= present))
            writing.add(row)
        return transaction

    def find(self, transaction: str, session: str | None = None) -> WaitingRequest | None:
        """Return a request that still waits and is bound to this login, or to none."""
        with self._database.reading() as reading:
            row = reading.get(AuthorizationRequest, _hash(transaction))
        if row is None or row.session != session or row.used_at is not None or row.expires_at <= clock.now():
            return None
        pairs = [(name, value) for name, value in row.parameters["pairs"]]
        facts = {name: value for name, value in row.parameters.items() if name != "pairs"}
        return WaitingRequest(pairs, **facts)

    def claim(self, transaction: str, session: str) -> bool:
        """Take the decision on a request: true for one caller, once, from the login that was asked."""
        with self._database.write() as writer:
            row = writer.one(CLAIM_REQUEST, id_hash_=_hash(transaction), session_=session, now=clock.now())
        return row is not None


def _hash(transaction: str) -> str:
    return hashlib.sha256(transaction.encode("utf-8", "replace")).hexdigest()
