"""The WSGI layers in front of Flask: the outer layer for all requests, and the protocol endpoints.

May use the protocol.
"""

from .authorization_redirects import AuthorizationRedirects
from .endpoints import Endpoints
from .mount import Mount
from .outer_layer import OuterLayer

__all__ = ["AuthorizationRedirects", "Endpoints", "Mount", "OuterLayer"]
