"""Modules imported on first use, so that commands that don't need them start faster."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class DeferredModule:
    """A stand-in for a module, which is imported on first access to an attribute. Thread-safe."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(import_module(self._name), attribute)
        setattr(self, attribute, value)
        return value
