"""Usernames: which ones are acceptable, and the form in which equivalent ones are equal."""

from __future__ import annotations

import re
import unicodedata

from ..translatable import N_

MAX_USERNAME_CHARACTERS = 150
#: What is shown as nothing, whatever its category: Unicode's Default_Ignorable_Code_Point, and an empty Braille cell.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
#: Longer than a name, as normalization expands some single characters to whole phrases.
MAX_KEY_CHARACTERS = 400


class UsernameError(ValueError):
    """A username isn't acceptable; the message is for the person who typed it."""


def username_key(username: str) -> str:
    """Return the normalized form that makes equivalent names equal: NFKC, casefold, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", username).casefold()).split())


def check_username(username: str, max_characters: int = MAX_USERNAME_CHARACTERS) -> str:
    """Return the name with normalized spaces. Raises :class:`UsernameError`."""
    name = " ".join(username.split())
    if not name:
        raise UsernameError(N_("Enter a username."))
    if len(name) > max_characters:
        raise UsernameError(N_("Use at most %(count)s characters.", count=max_characters))
    if len(username_key(name)) > MAX_KEY_CHARACTERS:
        raise UsernameError(N_("That username is too long when normalized."))
    is_control = (unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn") for character in name)
    if any(is_control) or _INVISIBLE.search(name):
        raise UsernameError(N_("Remove control and invisible characters."))
    return name
