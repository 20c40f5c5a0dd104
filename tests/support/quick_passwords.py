"""Passwords that are hashed in a moment, except where a test is about what a hash costs."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from website.users import password_hashing

REAL = password_hashing._hasher, password_hashing._DUMMY_HASH


def hash_quickly() -> None:
    """Have this process hash with the least that argon2id takes. Servers in processes of their own go on as they do."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    password_hashing._hasher, password_hashing._DUMMY_HASH = quick, quick.hash("nobody's")


def hash_as_in_production(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(password_hashing, "_hasher", REAL[0])
    patch.setattr(password_hashing, "_DUMMY_HASH", REAL[1])
