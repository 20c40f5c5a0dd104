"""The sources of the settings' values, and their validation.

May use everything that validates a value: keys, users, the database.
"""

from .loading import Configuration, read_settings

__all__ = ["Configuration", "read_settings"]
