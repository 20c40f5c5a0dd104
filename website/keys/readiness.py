"""Whether the database has the tables and the keys that this code needs."""

from __future__ import annotations

from ..database import Database, DatabaseUnavailableError, SchemaMissingError
from ..database.schema import READ_REVISION, known_revisions
from ..settings import SettingsError
from .key_changes import KeysMissingError
from .server_keys import Keys


def find_storage_problem(database: Database, keys: Keys) -> str:
    """Say why nothing could be served from a database, or return "" where it could."""
    try:
        row = database.one(READ_REVISION)
        # A revision that this code does not know is a newer one: the node that is updated next runs on it too.
        if row is None or row[0] in known_revisions()[:-1]:
            return "The tables are behind this code. Run flask initdb."
        keys.check()
    except DatabaseUnavailableError as error:
        return f"The database is out of reach ({error.reason})."
    except (SchemaMissingError, KeysMissingError, SettingsError) as error:
        return str(error)
    return ""
