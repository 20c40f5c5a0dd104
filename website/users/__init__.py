"""Users: the protocol for any users table, our own table, passwords, and claims.

May use clients, because an account's clients end with it.
"""

from .accounts import Accounts
from .local_users import LocalUsers
from .users_protocol import Account, HostFacts, HostLogin, Users

__all__ = ["Account", "Accounts", "HostFacts", "HostLogin", "LocalUsers", "Users"]
