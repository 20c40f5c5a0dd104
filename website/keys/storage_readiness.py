"""The readiness check: whether the database has the tables and keys that this code needs."""

from __future__ import annotations

from ..database import Database, DatabaseUnavailableError, SchemaMissingError
from ..database.schema import is_outdated
from ..settings import SettingsError
from .key_rotation import KeysMissingError
from .server_keys import Keys


def find_storage_problem(database: Database, keys: Keys) -> str:
    """Return the problem that prevents serving from a database, or "" if there is none."""
    if problem := database.opened_file.problem:
        return problem
    try:
        if is_outdated(database):
            return "The tables are out of date. Run flask initdb."
        keys.check()
    except DatabaseUnavailableError as error:
        return f"The database is unreachable ({error.reason})."
    except (SchemaMissingError, KeysMissingError, SettingsError) as error:
        return str(error)
    return ""
