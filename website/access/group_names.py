"""The names and labels of groups: what is allowed, and when two names are the same."""

from __future__ import annotations

import re

from ..translatable import N_

MAX_NAME_CHARACTERS, MAX_LABEL_CHARACTERS = 100, 200
#: Applications compare names as text, and put them into files, queries and headers: letters of ASCII alone.
NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_NAME_CHARACTERS - 1}}}")


class GroupError(ValueError):
    """A group can't be like this; the message says why, and ``field`` whether that is its ``name`` or its ``label``."""

    def __init__(self, message: str, field: str = "name") -> None:
        super().__init__(message)
        self.field = field


def group_key(name: str) -> str:
    """Return the form of a name that is the same for names that differ only in case."""
    return name.strip().casefold()


def check_group_name(name: str) -> str:
    """Return a new group's name without spaces around it. Raises :class:`GroupError`."""
    checked_name = name.strip()
    if not NAME.fullmatch(checked_name):
        raise GroupError(
            N_(
                "Group names have up to %(count)s letters (a to z), digits, dots, hyphens and underscores, and begin"
                " with a letter or digit.",
                count=MAX_NAME_CHARACTERS,
            )
        )
    return checked_name


def check_label(label: str, name: str) -> str:
    """Return a label with single spaces, by default the name. Raises :class:`GroupError`."""
    checked_label = " ".join(label.split()) or name
    if len(checked_label) > MAX_LABEL_CHARACTERS or not checked_label.isprintable():
        text = N_("Labels have at most %(count)s printable characters.", count=MAX_LABEL_CHARACTERS)
        raise GroupError(text, "label")
    return checked_label
