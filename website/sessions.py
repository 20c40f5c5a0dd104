"""Owns logins: a row per browser, found by a random cookie value of which only the hash is kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from . import clock
from .database import Database
from .identifiers import new_identifier, new_secret
from .models.login_session import LoginSession
from .settings import Settings
from .statements import END_SESSION, READ_SESSION, TOUCH_SESSION
from .users import Subjects

TOUCH_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Login:
    """Who is logged in, since when."""

    session: str
    subject: str
    user_id: str
    auth_time: int


class Sessions:
    """Begins, finds and ends logins."""

    def __init__(self, database: Database, subjects: Subjects, settings: Settings) -> None:
        self._database = database
        self._subjects = subjects
        self._settings = settings

    def begin(self, user_id: str, address: str | None, user_agent: str | None) -> str:
        """Log a user in; return the cookie's value, new each time, so that one planted before is useless."""
        present, token = clock.now(), new_secret()
        row = LoginSession(
            id=new_identifier(),
            token_hash=_hash(token),
            subject=self._subjects.of_user(user_id)[0],
            created_at=present,
            auth_time=present,
            last_seen_at=present,
            expires_at=present + self._settings.session_seconds,
            address=address and address[:45],
            user_agent=user_agent and user_agent[:255],
        )
        with self._database.writing() as session:
            session.add(row)
        return token

    def find(self, token: str) -> Login | None:
        """Return the login that the cookie's value stands for; ``None`` once it was ended or has expired."""
        row = self._database.one(READ_SESSION, token_hash_=_hash(token))
        if row is None:
            return None
        session, subject, user_id, auth_time, last_seen_at, expires_at = row
        present = clock.now()
        if expires_at <= present or last_seen_at + self._settings.session_idle_seconds <= present:
            return None
        if last_seen_at + TOUCH_SECONDS <= present:
            with self._database.write() as writer:
                writer.run(TOUCH_SESSION, id_=session, now=present)
        return Login(session, subject, user_id, auth_time)

    def end(self, token: str) -> None:
        """Log out: delete the row. The cookie is refused from the next request on, on every node."""
        with self._database.write() as writer:
            writer.run(END_SESSION, token_hash_=_hash(token))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
