"""Fields of operators' short forms: a note, and a number up to a limit."""

from __future__ import annotations

from ...standard_claims import INVISIBLE_CHARACTERS
from ...translatable import N_


def find_note_problem(text: str, max_characters: int) -> str | None:
    """Return why a note can't be kept; ``None`` if it can."""
    if not text:
        return N_("Say who or what it is for.")
    if len(text) > max_characters:
        return N_("Enter at most %(count)s characters.", count=max_characters)
    return None if text.isprintable() else INVISIBLE_CHARACTERS


def find_number_problem(text: str, most: int) -> str | None:
    """Return why a text isn't a number from 1 to ``most``; ``None`` if it is."""
    return None if 1 <= read_number(text, most) <= most else N_("Enter a number from 1 to %(most)s.", most=most)


def read_number(text: str, most: int) -> int:
    """Return the number that was typed; 0 for anything else, and for more digits than the largest has."""
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(most))
    return int(text) if is_number else 0
