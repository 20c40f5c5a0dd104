"""Login sessions: a browser's login, the clients in it, and logout notices.

May use users.
"""

from .authentication_context import AuthenticationContext
from .current_login import CurrentLoginSession
from .login_sessions import LoginSessions

__all__ = ["AuthenticationContext", "CurrentLoginSession", "LoginSessions"]
