"""Who may manage the access to clients on their pages."""

from __future__ import annotations

from ...users import LocalUsers
from ..current.authorization_server import authorization_server
from ..current.login_session import find_account


def may_manage_access() -> bool:
    """Tell whether the person who is logged in may: an operator, and in the demo everybody.

    An embedding application decides about its own users: there is no such page.
    """
    server, account = authorization_server(), find_account()
    if account is None or not isinstance(server.users, LocalUsers):
        return False
    return bool(account.is_operator) or server.settings.demo
