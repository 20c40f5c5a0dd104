"""The declaration of one setting: name, default, unit, meaning, effect on security."""

from __future__ import annotations

from dataclasses import MISSING, Field, field
from typing import Any

NAME, MEANING, UNIT, SECURITY = "name", "meaning", "unit", "security"


def option(name: str, default: Any, meaning: str, *, unit: str = "", security: str = "") -> Any:
    """Declare a setting as a field of a dataclass."""
    metadata = {NAME: name, MEANING: meaning, UNIT: unit, SECURITY: security}
    if isinstance(default, (dict, list)):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def default_of(item: Field[Any]) -> Any:
    """Return the default of a setting."""
    return item.default_factory() if item.default_factory is not MISSING else item.default
