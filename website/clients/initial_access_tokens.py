"""Initial access tokens (:rfc:`7591#section-3`), which allow registering a limited number of clients for some time."""

from __future__ import annotations

from sqlalchemy import and_, bindparam, select, update

from .. import clock
from ..audit import Audit
from ..database import Database, Statement
from ..database.tables import table_of
from ..identifiers import INITIAL_ACCESS_TOKEN_PREFIX, hash_secret, new_identifier, new_secret
from ..models.initial_access_token import InitialAccessToken

_tokens = table_of(InitialAccessToken)
_token = _tokens.c
_is_usable = and_(
    _token.token_hash == bindparam("token_hash_"), _token.uses_left > 0, _token.expires_at > bindparam("now")
)
READ_INITIAL_ACCESS_TOKEN = Statement(select(_token.id).where(_is_usable))
#: Of concurrent requests for the last use, only one changes the row.
USE_INITIAL_ACCESS_TOKEN = Statement(
    update(_tokens).where(_is_usable).values(uses_left=_token.uses_left - 1).returning(_token.uses_left)
)


class InitialAccessTokens:
    """The initial access tokens of one database."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database = database
        self._audit = audit

    def create(self, note: str, uses: int, seconds: int, *, by: str | None = None) -> tuple[InitialAccessToken, str]:
        """Create a token for ``uses`` registrations; return its row and its text, which isn't stored.

        ``by`` is the subject of the account that creates it, ``None`` for a command.
        """
        text, now = new_secret(INITIAL_ACCESS_TOKEN_PREFIX), clock.now()
        row = InitialAccessToken(
            id=new_identifier(),
            token_hash=hash_secret(text),
            note=note,
            uses_left=uses,
            created_at=now,
            expires_at=now + seconds,
        )
        with self._database.writing() as session:
            session.add(row)
            detail = {"token": row.id, "note": note, "uses": uses}
            self._audit.add(session, "initial_access_token_created", actor=by, detail=detail)
        return row, text

    def is_usable(self, text: str) -> bool:
        """Tell whether a token is still valid."""
        return self._database.one(READ_INITIAL_ACCESS_TOKEN, token_hash_=hash_secret(text), now=clock.now()) is not None

    def use(self, text: str) -> bool:
        """Use a token once; false if it has no uses left."""
        token_hash = hash_secret(text)
        return self._database.write_one(USE_INITIAL_ACCESS_TOKEN, token_hash_=token_hash, now=clock.now()) is not None

    def list_live(self) -> list[InitialAccessToken]:
        """Return the valid tokens, latest first."""
        token = InitialAccessToken
        live = select(token).where(token.uses_left > 0, token.expires_at > clock.now())
        with self._database.reading() as session:
            return list(session.scalars(live.order_by(token.created_at.desc())))

    def delete(self, row_id: str) -> bool:
        """Delete a token; false if the id doesn't exist."""
        with self._database.writing() as session:
            token = session.get(InitialAccessToken, row_id, with_for_update=True)
            if token is not None:
                session.delete(token)
                self._audit.add(session, "initial_access_token_deleted", detail={"token": row_id})
        return token is not None
