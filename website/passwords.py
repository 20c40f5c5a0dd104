"""Owns passwords: argon2id, a few at a time."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MAX_PASSWORD_BYTES = 1024
RUNNING, WAITING = 2, 8
#: OWASP's figures: 19 MiB, two passes, one lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_running = threading.BoundedSemaphore(RUNNING)
_places = threading.BoundedSemaphore(RUNNING + WAITING)


class TooManyLoginsError(Exception):
    """Two passwords are being checked and eight are waiting: the caller answers 503 with Retry-After."""


def hash_password(password: str) -> str:
    """Return the argon2id hash to store. Raises :class:`TooManyLoginsError`."""
    with _a_place():
        return _hasher.hash(_normalise(password))


#: Checked where there is no account, so that its absence takes as long as a wrong password.
_DUMMY_HASH = _hasher.hash("")


def check_password(password: str, password_hash: str | None) -> bool:
    """Tell whether the password is right; takes as long where there is no hash. Raises :class:`TooManyLoginsError`."""
    with _a_place():
        try:
            _hasher.verify(password_hash or _DUMMY_HASH, _normalise(password))
        except (VerificationError, InvalidHashError):
            return False
    return password_hash is not None


@contextmanager
def _a_place() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise TooManyLoginsError
    try:
        with _running:
            yield
    finally:
        _places.release()


def _normalise(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
