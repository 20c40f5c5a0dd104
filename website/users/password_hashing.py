"""Passwords: hashed by argon2id, with limited concurrency, and checked."""

from __future__ import annotations

import re
import unicodedata

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

from .password_queue import password_queue

MAX_PASSWORD_BYTES = 1024
#: Limits for imported hashes, which are checked at each attempt until the first login replaces them with our own
#: parameters. Memory times passes determines the duration.
MAX_HASH_KIBIBYTES, MAX_HASH_PASSES, MAX_HASH_LANES, MAX_HASH_CHARACTERS = 256 * 1024, 10, 16, 255
MAX_HASH_KIBIBYTE_PASSES = 256 * 1024
#: The encoding of argon2 hashes as used by the library.
_ARGON2 = re.compile(
    r"\$argon2(?:id|i|d)\$v=19\$m=[1-9][0-9]{0,9},t=[1-9][0-9]{0,9},p=[1-9][0-9]{0,9}"
    r"\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+",
    re.ASCII,
)
#: OWASP's recommendation: 19 MiB, two passes, one lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


class PasswordError(ValueError):
    """A password isn't acceptable; the message is for the person who typed it."""


def is_too_long(password: str) -> bool:
    """Tell whether a password is too long to be hashed, to limit the work."""
    return len(password.encode("utf-8", "surrogatepass")) > MAX_PASSWORD_BYTES


def hash_password(password: str) -> str:
    """Return the argon2id hash to store. Raises :class:`TooManyLoginsError`."""
    with password_queue.turn():
        return _hasher.hash(normalise_password(password))


#: Checked if the account doesn't exist, so that it takes as long as a wrong password. A constant, with the parameters
#: above, because creating it would slow down every command.
_DUMMY_HASH = "$argon2id$v=19$m=19456,t=2,p=1$YC/rPt9ptgRagqBsT+Lk4A$AHbkLZ89+y+Ow0q5e1ovaGnDOZ2G6/5zAyn2cjFKmlY"


def check_password(password: str, password_hash: str | None) -> bool:
    """Tell whether the password is right; equally slow without a hash. Raises :class:`TooManyLoginsError`."""
    with password_queue.turn():
        try:
            _hasher.verify(password_hash or _DUMMY_HASH, normalise_password(password))
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False
    return password_hash is not None


def check_password_hash(password_hash: str) -> None:
    """Raise :class:`PasswordError` for anything but an argon2 hash of reasonable cost."""
    try:
        parameters = extract_parameters(password_hash) if _ARGON2.fullmatch(password_hash) else None
    except InvalidHashError:
        parameters = None
    if parameters is None:
        raise PasswordError("password_hash: must be an argon2 hash beginning with $argon2id$.")
    costs = (
        parameters.memory_cost / MAX_HASH_KIBIBYTES,
        parameters.time_cost / MAX_HASH_PASSES,
        parameters.memory_cost * parameters.time_cost / MAX_HASH_KIBIBYTE_PASSES,
        parameters.parallelism / MAX_HASH_LANES,
        len(password_hash) / MAX_HASH_CHARACTERS,
    )
    if max(costs) > 1:
        raise PasswordError("password_hash: takes too much memory or time to check.")


def is_outdated(password_hash: str) -> bool:
    """Tell whether a hash has different parameters than the current ones."""
    return _hasher.check_needs_rehash(password_hash)


def normalise_password(password: str) -> bytes:
    """Return what is hashed of a password: however its letters are composed, it is the same."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
