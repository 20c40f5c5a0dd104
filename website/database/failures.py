"""Database errors that callers handle: unavailable, tables missing, referenced row deleted, login outdated."""

from __future__ import annotations

from sqlalchemy import exc as sqlalchemy_errors


class DatabaseFileError(OSError):
    """One of SQLite's files isn't the one that it should be. The message says what to do."""


class DatabaseUnavailableError(Exception):
    """The database is unreachable, locked for too long, or out of space. Nothing was written.

    Retrying may work. ``reason`` is the database's name of the error, for the log. ``is_disconnect`` means that a
    connection was closed during a statement.
    """

    def __init__(self, *arguments: object, is_disconnect: bool = False) -> None:
        super().__init__(*arguments)
        self.is_disconnect = is_disconnect

    @property
    def reason(self) -> str:
        """Return SQLite's error name, PostgreSQL's SQLSTATE, or what is wrong with a file, but never a statement."""
        cause = self.__cause__
        if isinstance(cause, DatabaseFileError):
            return str(cause)
        if isinstance(cause, sqlalchemy_errors.DBAPIError):
            cause = cause.orig
        code = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None)
        return str(code or type(cause).__name__)


class ReferenceGoneError(Exception):
    """The client, user or consent that a new row refers to was deleted meanwhile. Nothing was written."""


class StaleLoginError(Exception):
    """The password was changed, or the account disabled or deleted, after the password was checked."""


class SchemaMissingError(Exception):
    """The database's tables are missing or from an earlier release: ``flask initdb`` wasn't run."""

    def __init__(self) -> None:
        super().__init__("The database tables are missing or out of date. Run flask initdb.")
