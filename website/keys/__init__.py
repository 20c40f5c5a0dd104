"""The server's own keys, their encryption at rest, and signing and encrypting JWTs.

May use the database.
"""

from .key_encryption import KeyEncryption
from .key_rotation import KeysMissingError
from .server_keys import Keys

__all__ = ["KeyEncryption", "Keys", "KeysMissingError"]
