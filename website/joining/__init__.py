"""Joining: how people who have no account get one by themselves, by an invitation or a sign-up.

May use access, users and everything below them.
"""

from .newcomers import InvitationGoneError, Newcomer, NewcomerRefusedError
from .stores import Joining

__all__ = ["InvitationGoneError", "Joining", "Newcomer", "NewcomerRefusedError"]
