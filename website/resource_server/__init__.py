"""The protector of an API: which requests carry a valid access token for it, and what the others are told.

For resource servers, on any machine: it checks sealed tokens by introspection and JWTs with the issuer's public keys.
The modules ``flask``, ``asgi``, ``fastapi`` and ``mcp`` connect it to a web framework; import the one you need.

May use nothing of the rest of this distribution, and nothing of it may use this package.
"""

from .protector import Protector
from .refusals import RefusalError
from .requirement import Requirement
from .verified_token import VerifiedToken

__all__ = ["Protector", "RefusalError", "Requirement", "VerifiedToken"]
