"""Access: groups of our own accounts, and what follows from being in one: which clients they may use.

May use users, clients and everything below them.
"""

from .groups import Groups
from .rules import Rules
from .stores import Access

__all__ = ["Access", "Groups", "Rules"]
