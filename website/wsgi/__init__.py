"""The WSGI layers in front of Flask: the outer layer for all requests, and the protocol endpoints.

May use the protocol.
"""

from .authorization_redirects import AuthorizationRedirects
from .endpoints import Endpoints
from .mount import Mount
from .outer_layer import OuterLayer
from .termination import drain_before_stopping, is_granian_worker

__all__ = ["AuthorizationRedirects", "Endpoints", "Mount", "OuterLayer", "drain_before_stopping", "is_granian_worker"]
