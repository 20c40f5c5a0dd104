"""Clients: their data, storage, registration, and who may change them.

May use keys and the database.
"""

from .client import Client
from .storage import Clients

__all__ = ["Client", "Clients"]
