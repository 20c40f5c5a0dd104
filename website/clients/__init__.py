"""Clients: what they are, how they are stored, what they may register, and who may decide about them.

May use keys and the database.
"""

from .client import Client
from .storage import Clients

__all__ = ["Client", "Clients"]
