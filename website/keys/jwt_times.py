"""Checking the times of a JWT from another party (:rfc:`7519#section-4.1`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..clock import SKEW_SECONDS


def find_time_problem(claims: Mapping[str, Any], now: int) -> str:
    """Return the problem with the times of a JWT, each of which is optional; empty if there is none."""
    for name in ("exp", "nbf", "iat"):
        value = claims.get(name, 0)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not -(2**53) < value < 2**53:
            return f"has an invalid {name}"
    if "exp" in claims and claims["exp"] <= now - SKEW_SECONDS:
        return "has expired"
    if claims.get("nbf", 0) > now + SKEW_SECONDS:
        return "is not valid yet"
    if claims.get("iat", 0) > now + SKEW_SECONDS:
        return "was issued in the future"
    return ""
