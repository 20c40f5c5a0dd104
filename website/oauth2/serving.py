"""Owns which server is serving: the one whose request is being answered."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .server import AuthorizationServer

#: Set by outer_layer.py and mount.py.
current_server: ContextVar[AuthorizationServer] = ContextVar("current_server")
