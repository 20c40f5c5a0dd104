"""The error catalogue: each code's meaning, who can fix it, how it is sent, usual causes, remedies and diagnostics.

``errors/`` has one file per code, named after it: the single source of the pages under ``/errors`` and of
docs/reference/errors.md. A test checks that the catalogue is complete.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..file_catalogue import FileCatalogue
from ..translatable import N_

#: Where the pages are, below the issuer.
ERROR_PAGES = "/errors"
DEVELOPER, PERSON, OPERATOR = "developer", "person", "operator"
FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Cause:
    """A usual cause, its remedy, and the ``error_description`` that is sent with it, if that is always the same."""

    what: str
    remedy: str
    says: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """A way to find out more, with a command where there is one."""

    words: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class ErrorMeaning:
    """The catalogue entry of one error code."""

    code: str
    title: str
    meaning: str
    #: Who can fix it: the application's ``developer``, the ``person`` who uses it, or this server's ``operator``.
    whose_turn: str
    #: Number and anchor of the standard's section, as in rfc-editor.org URLs: ``rfc6749#section-5.2``.
    section: str
    statuses: tuple[int, ...]
    #: ``json``, ``challenge``, ``redirect``, ``page``.
    sent_as: tuple[str, ...]
    causes: tuple[Cause, ...]
    looks: tuple[Look, ...]

    @property
    def section_name(self) -> str:
        number, _hash, anchor = self.section.removeprefix("rfc").partition("#section-")
        return f"RFC {number}, section {anchor}"

    @property
    def section_address(self) -> str:
        return f"https://www.rfc-editor.org/rfc/{self.section}"


def read_meaning(file: Path) -> ErrorMeaning:
    """Read one file of the catalogue. Raises ``TypeError`` for a key that is missing or unknown."""
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    causes = tuple(Cause(**_unwrap(cause)) for cause in content.pop("causes"))
    looks = tuple(Look(**_unwrap(look)) for look in content.pop("looks"))
    statuses, sent_as = tuple(content.pop("statuses")), tuple(content.pop("sent_as"))
    texts = _unwrap(content)
    texts["title"] = N_(texts["title"])
    return ErrorMeaning(file.stem, **texts, statuses=statuses, sent_as=sent_as, causes=causes, looks=looks)


def _unwrap(texts: Mapping[str, Any]) -> dict[str, str]:
    """Join the lines of each text, except those of a command."""
    return {name: text if name == "command" else " ".join(text.split()) for name, text in texts.items()}


#: Every error code that this server sends, by name.
CATALOGUE: Mapping[str, ErrorMeaning] = FileCatalogue(FOLDER, read_meaning)
