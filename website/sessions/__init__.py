"""Login sessions: a browser's login, the clients that know of it, and the notices of its end.

May use users.
"""

from .authentication_context import Authentication
from .login_sessions import Login, Sessions

__all__ = ["Authentication", "Login", "Sessions"]
