"""Detection of names that look like others because of similar letters in another script (Unicode UTS 39)."""

from __future__ import annotations

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
