"""Grants: consents, codes, tokens, and authorization requests waiting for a person.

May use sessions, clients and users.
"""

from .consents import Consents
from .storage import Grants
from .tokens import AccessToken, RefreshToken, Tokens

__all__ = ["AccessToken", "Consents", "Grants", "RefreshToken", "Tokens"]
