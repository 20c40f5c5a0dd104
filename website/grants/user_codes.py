"""User codes: what a device shows, and what people make of it when they type it (:rfc:`8628#section-6.1`)."""

from __future__ import annotations

import secrets

#: Twenty consonants: no code is a word, and no letter looks like a digit.
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
CHARACTERS = 8
#: What could be mistaken for a letter of a code, as neither vowels nor digits occur in one.
_MISREAD = str.maketrans({"I": "L", "1": "L", "2": "Z", "5": "S", "6": "G", "8": "B", "U": "V"})
#: More than anybody types, however the letters are separated.
MAX_TYPED_CHARACTERS = 64


def draw_user_code() -> str:
    """Return a random code, without its hyphen: one of 25,600,000,000."""
    return "".join(secrets.choice(ALPHABET) for _ in range(CHARACTERS))


def read_user_code(typed: str) -> str | None:
    """Return the code that somebody typed, ``None`` if it can't be one.

    Case, spaces and punctuation don't matter.
    """
    if len(typed) > MAX_TYPED_CHARACTERS:
        return None
    letters = "".join(filter(str.isalnum, typed)).upper().translate(_MISREAD)
    return letters if len(letters) == CHARACTERS and set(letters) <= set(ALPHABET) else None


def write_user_code(code: str) -> str:
    """Return a code as people read it, with a hyphen in the middle."""
    middle = CHARACTERS // 2
    return f"{code[:middle]}-{code[middle:]}"
