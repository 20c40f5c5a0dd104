"""Owns what the specifications of logout share: which addresses a client may name for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..redirect_uris import is_https_or_loopback


def find_uri_problem(value: Any, metadata: Mapping[str, Any]) -> str:
    """Say what is wrong with an address at which a client wants to hear of a logout."""
    if isinstance(value, str) and is_https_or_loopback(value):
        return ""
    return "Write an address that begins with https://, without a fragment."


def find_flag_problem(value: Any, metadata: Mapping[str, Any]) -> str:
    return "" if isinstance(value, bool) else "Write true or false."
