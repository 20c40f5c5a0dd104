"""The server's own keys, how they are encrypted at rest, and how JWTs are signed and encrypted.

May use the database.
"""

from .key_changes import KeysMissingError
from .key_encryption import KeyEncryption
from .server_keys import Keys

__all__ = ["KeyEncryption", "Keys", "KeysMissingError"]
