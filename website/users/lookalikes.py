"""Detection of names that look like others because of similar letters in another script (Unicode UTS 39)."""

from __future__ import annotations

import unicodedata

from ..deferred_import import DeferredModule

categories = DeferredModule("confusable_homoglyphs.categories")
confusables = DeferredModule("confusable_homoglyphs.confusables")

#: Scripts that are used together: Japanese, Chinese and Korean, each with Latin letters.
_TOGETHER = (
    {"LATIN", "HAN", "HIRAGANA", "KATAKANA"},
    {"LATIN", "HAN", "BOPOMOFO"},
    {"LATIN", "HAN", "HANGUL"},
)
_ANY = {"COMMON", "INHERITED"}
#: Plain letters and digits that some typefaces show alike. A capital I is an i in a key.
_ALIKE = str.maketrans("01il|", "ollll")


def looks_like_another(name: str) -> bool:
    """Tell whether a name mixes scripts that aren't used together, or has only letters that look like Latin ones.

    So a Cyrillic ``а`` can't imitate ``alice``, but entirely Cyrillic names are fine.
    """
    scripts = set(categories.unique_aliases(name)) - _ANY
    if len(scripts) > 1:
        return not any(scripts <= together for together in _TOGETHER)
    if scripts <= {"LATIN"}:
        return False
    letters = [character for character in name if character.isalpha()]
    return bool(letters) and all(confusables.is_confusable(letter, preferred_aliases=["latin"]) for letter in letters)


def skeleton(key: str) -> str:
    """Return what remains of a name's key to a quick eye: letters and digits without marks, and one of those alike.

    For comparing alone. It takes more names for the same than that of UTS 39, section 4, such as those with 0 and o.
    """
    bare = (each for each in unicodedata.normalize("NFKD", key) if each.isalnum() or each == "|")
    plain = "".join(map(_plain, bare)).casefold()
    return plain.replace("rn", "m").replace("vv", "w").translate(_ALIKE)


def _plain(character: str) -> str:
    """Return the ASCII letter that a character looks like, if any."""
    if character.isascii():
        return character
    found = confusables.is_confusable(character, preferred_aliases=[]) or ()
    letters = (alike["c"] for each in found for alike in each["homoglyphs"])
    return next((letter for letter in letters if letter.isascii() and letter.isalnum()), character)
