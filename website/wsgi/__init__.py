"""The WSGI layers in front of Flask: every request passes the outer one, protocol endpoints end here.

May use the protocol.
"""

from .endpoints import Endpoints
from .mount import Mount
from .outer_layer import OuterLayer

__all__ = ["Endpoints", "Mount", "OuterLayer"]
