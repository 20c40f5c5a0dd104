"""The database: connections, prepared statements and their tables, ending all access, and cache invalidation.

May use the models and the ground modules.
"""

from .connection import Database, Writer, prepare_engine
from .failures import DatabaseUnavailableError, ReferenceGoneError, SchemaMissingError, StaleLoginError
from .statement import Row, Statement

__all__ = [
    "Database",
    "DatabaseUnavailableError",
    "ReferenceGoneError",
    "Row",
    "SchemaMissingError",
    "StaleLoginError",
    "Statement",
    "Writer",
    "prepare_engine",
]
