"""Access: groups of our own accounts, and what follows from being in one.

May use users, clients and everything below them.
"""

from .groups import Groups
from .stores import Access

__all__ = ["Access", "Groups"]
