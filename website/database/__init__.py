"""The database: its connections, its tables as statements name them, and what ends with what.

May use the models and the ground modules.
"""

from .connection import (
    Database,
    DatabaseUnavailableError,
    ReferenceGoneError,
    Row,
    SchemaMissingError,
    StaleLoginError,
    Statement,
    Writer,
    prepare_engine,
)

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
