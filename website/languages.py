"""The languages that pages and mail come in, and which of them fits what somebody prefers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from babel import Locale, UnknownLocaleError
from babel.core import get_global

#: The language that the texts are written in, which needs no catalogue.
SOURCE_LANGUAGE = "en"
CATALOGUE = "*/LC_MESSAGES/messages.mo"
#: Browsers send a handful of tags. A longer text is read each time it comes, so that it can't fill the memory.
MAX_REMEMBERED_CHARACTERS, MAX_REMEMBERED_TEXTS = 200, 512
#: More than anybody speaks.
MAX_TAGS = 20
#: Language, script and region of a tag (:rfc:`5646#section-2.1`); what follows makes no difference to the pages.
_TAG = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_]([A-Za-z]{2}|[0-9]{3}))?(?![A-Za-z0-9])")


class _Tag(NamedTuple):
    """What a language is compared by. The script is known even where the tag leaves it out: zh-CN is Hans."""

    language: str
    script: str
    region: str


class Languages:
    """The languages of one server. The first one is for people who prefer none of them."""

    def __init__(self, names: Sequence[str]) -> None:
        self.locales = tuple(Locale.parse(name.replace("-", "_")) for name in names)
        #: The tag of each language, and its name in that language.
        self.names = {tag_of(locale): _name(locale) for locale in self.locales}
        tags = ((_read(tag_of(locale)), locale) for locale in self.locales)
        self._by_tag = [(tag, locale) for tag, locale in tags if tag is not None]
        self._find_remembered = lru_cache(MAX_REMEMBERED_TEXTS)(self._find)

    @property
    def default(self) -> Locale:
        return self.locales[0]

    def find(self, text: str, read: Callable[[str], Iterable[str]] = str.split) -> Locale | None:
        """Return the language that fits the first tag that any of them fits; ``None`` if there is no such tag.

        ``text`` has tags by preference, which ``read`` takes out of it. By default they are separated by spaces.
        """
        if not text:
            return None
        find = self._find_remembered if len(text) <= MAX_REMEMBERED_CHARACTERS else self._find
        return find(text, read)

    def _find(self, text: str, read: Callable[[str], Iterable[str]]) -> Locale | None:
        wanted = (_read(tag) for tag in [*read(text)][:MAX_TAGS])
        found = (self._find_fitting(tag) for tag in wanted if tag is not None)
        return next((locale for locale in found if locale is not None), None)

    def _find_fitting(self, wanted: _Tag) -> Locale | None:
        """Return the language in the same script: of the same region, else of none, else of another one."""
        same = [(tag.region, locale) for tag, locale in self._by_tag if tag[:2] == wanted[:2]]
        same.sort(key=lambda pair: (pair[0] != wanted.region, pair[0] != ""))
        return same[0][1] if same else None


def list_languages(folders: Iterable[str]) -> list[str]:
    """Return English and the name of every compiled catalogue in one of the folders."""
    return list(dict.fromkeys([SOURCE_LANGUAGE, *_list_catalogues(folders)]))


def _list_catalogues(folders: Iterable[str]) -> Iterator[str]:
    for folder in folders:
        yield from (file.parent.parent.name for file in sorted(Path(folder).glob(CATALOGUE)))


def choose_languages(existing: Sequence[str], chosen: Sequence[str]) -> Languages:
    """Return the chosen ones of the languages that exist, or all of them if none is chosen.

    Raises ``ValueError`` with a sentence about what was chosen wrong.
    """
    by_tag = {name.replace("_", "-").lower(): name for name in existing}
    unknown = [str(name) for name in chosen if str(name).replace("_", "-").lower() not in by_tag]
    if unknown:
        known = ", ".join(name.replace("_", "-") for name in existing)
        raise ValueError(f"there is no catalogue for {', '.join(unknown)}; there is {known}.")
    return Languages([by_tag[name.replace("_", "-").lower()] for name in dict.fromkeys(chosen)] or existing)


def tag_of(locale: Locale) -> str:
    """Return a language as HTML and HTTP write it (:rfc:`5646`)."""
    return str(locale).replace("_", "-")


def name_of(tag: str) -> str:
    """Return a language's name in that language; the tag itself if it isn't known."""
    try:
        return _name(Locale.parse(tag, sep="-"))
    except (ValueError, UnknownLocaleError):
        return tag


def is_same_language(one: str, other: str) -> bool:
    """Tell whether two tags are the same language, whatever their regions: en-GB and en."""
    first, second = _read(one), _read(other)
    return first is not None and second is not None and first[:2] == second[:2]


def _read(tag: str) -> _Tag | None:
    match = _TAG.match(tag)
    if match is None:
        return None
    language, script, region = match.group(1).lower(), (match.group(2) or "").title(), (match.group(3) or "").upper()
    return _Tag(language, script or _script_of(language, region), region)


def _script_of(language: str, region: str) -> str:
    """Return the script that a language is mostly written in: in a region, else in general."""
    likely = get_global("likely_subtags")
    found = likely.get(f"{language}_{region}") or likely.get(language) or ""
    return next((part for part in found.split("_") if len(part) == 4), "")


def _name(locale: Locale) -> str:
    """Return a language's name in that language, as the beginning of a line: Deutsch, Français, 简体中文."""
    name = locale.languages.get(str(locale)) or locale.get_display_name(locale) or str(locale)
    return name[:1].upper() + name[1:]
