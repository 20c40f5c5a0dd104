"""Users: the protocol that any users table can satisfy, our own table, passwords, and claims.

May use clients, as an account's own clients end with it.
"""

from .local_users import LocalUsers
from .protocols import Account, HostFacts, HostLogin, Users

__all__ = ["Account", "HostFacts", "HostLogin", "LocalUsers", "Users"]
