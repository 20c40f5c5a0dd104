"""Login sessions: a browser's login, the clients that know of it, and the notices of its end.

May use users.
"""

from .authentication_context import AuthenticationContext
from .login_sessions import CurrentLoginSession, LoginSessions

__all__ = ["AuthenticationContext", "CurrentLoginSession", "LoginSessions"]
