"""Owns how the times of a JWT that somebody else wrote are judged (:rfc:`7519#section-4.1`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Clocks may differ by this much.
SKEW_SECONDS = 60


def find_time_problem(claims: Mapping[str, Any], now: int) -> str:
    """Say what is wrong with the times of a JWT; each of them may be missing."""
    for name in ("exp", "nbf", "iat"):
        value = claims.get(name, 0)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not -(2**53) < value < 2**53:
            return f"has an {name} that is no time"
    if "exp" in claims and claims["exp"] <= now - SKEW_SECONDS:
        return "has expired"
    if claims.get("nbf", 0) > now + SKEW_SECONDS:
        return "does not hold yet"
    if claims.get("iat", 0) > now + SKEW_SECONDS:
        return "was issued in the future"
    return ""
