"""Where the values of the settings come from, and what is wrong with them.

May use whatever judges a value: keys, users, the database.
"""

from .loading import Configuration, read_settings

__all__ = ["Configuration", "read_settings"]
