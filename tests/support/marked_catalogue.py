"""Made-up catalogues, in which every text is its English between two marks, and a person who prefers a language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo

from tests.support.person import Answer, Person
from tools.write_catalogue import build_catalog

OPENING, CLOSING = "⟦", "⟧"
#: Stands for any language.
LANGUAGE = "fr"


def write_marked_catalogue(folder: Path, language: str = LANGUAGE) -> None:
    catalog = build_catalog()
    catalog.locale = language
    for message in catalog:
        if message.id and message.id != "d MMMM y":
            marked = [f"{OPENING}{text}{CLOSING}" for text in ([*message.id] if message.pluralizable else [message.id])]
            plurals = (marked[0], *marked[1:] * (catalog.num_plurals - 1))
            message.string = plurals if message.pluralizable else marked[0]
    file = folder / language / "LC_MESSAGES" / "messages.mo"
    file.parent.mkdir(parents=True)
    with file.open("wb") as output:
        write_mo(output, catalog)


class Reader(Person):
    """A person whose browser prefers a language."""

    def __init__(self, door: Any, languages: str = LANGUAGE) -> None:
        super().__init__(door)
        self.languages = languages

    def get(self, path: str, **headers: str) -> Answer:
        return super().get(path, **{"Accept-Language": self.languages, **headers})

    def post(self, path: str, fields: Any, **headers: str) -> Answer:
        return super().post(path, fields, **{"Accept-Language": self.languages, **headers})
