"""Clients: their data, storage, registration, and who may change them.

May use keys and the database.
"""

from .client import Client
from .client_changes import ClientChangedError
from .storage import Clients

__all__ = ["Client", "ClientChangedError", "Clients"]
