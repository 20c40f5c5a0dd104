"""Passwords that are hashed in a moment, except where a test is about what a hash costs."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from website.users import passwords

REAL = passwords._hasher, passwords._DUMMY_HASH


def hash_quickly() -> None:
    """Have this process hash with the least that argon2id takes. Servers in processes of their own go on as they do."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    passwords._hasher, passwords._DUMMY_HASH = quick, quick.hash("nobody's")


def hash_as_in_production(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(passwords, "_hasher", REAL[0])
    patch.setattr(passwords, "_DUMMY_HASH", REAL[1])
