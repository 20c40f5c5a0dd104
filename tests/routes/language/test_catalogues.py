"""The catalogues of the languages: complete, compiled, and with the placeholders and tags of the English texts."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from babel.messages.catalog import Message

from tools.write_catalogue import TRANSLATIONS, build_catalog, compile_language, read_language

LANGUAGES = ("de", "es", "fr", "zh_Hans")
FILES = [TRANSLATIONS / language / "LC_MESSAGES" / "messages.po" for language in LANGUAGES]
MARKS = re.compile(r"%\(\w+\)s|%%|</?\w[^>]*>")
#: Some words are the same in another language: Name, Code, and the pattern of a day.
MAX_SAME_WORDS = 3

each_language = pytest.mark.parametrize("file", FILES, ids=LANGUAGES)


def texts_of(message: Message) -> tuple[str, ...]:
    return tuple(message.string) if isinstance(message.string, (tuple, list)) else (message.string,)


def originals_of(message: Message) -> tuple[str, ...]:
    return tuple(message.id) if isinstance(message.id, (tuple, list)) else (message.id,)


def test_these_languages_and_no_other_are_there() -> None:
    assert tuple(sorted(path.name for path in TRANSLATIONS.iterdir() if path.is_dir())) == LANGUAGES


@each_language
def test_a_catalogue_has_every_text_and_none_that_is_unused(file: Path) -> None:
    language = read_language(file)
    assert {message.id for message in language} == {message.id for message in build_catalog()}, "run make catalogue"
    assert not language.obsolete
    assert [message.id for message in language if message.id and not all(texts_of(message))] == [], "untranslated"
    assert [message.id for message in language if message.fuzzy] == []


@each_language
def test_placeholders_and_tags_are_those_of_the_english_text(file: Path) -> None:
    for message in read_language(file):
        for original in originals_of(message)[-1:] if message.id else ():
            expected = Counter(MARKS.findall(original))
            for number, text in enumerate(texts_of(message)):
                may_say_it_in_words = message.pluralizable and number == 0  # one problem
                found = Counter(MARKS.findall(text))
                assert set(found) == set(expected) or (may_say_it_in_words and found <= expected), (original, text)
        assert not [*message.check(read_language(file))] if message.pluralizable else True, message.id


@each_language
def test_no_sentence_is_left_in_english(file: Path) -> None:
    same = [message.id for message in read_language(file) if message.id and message.id in texts_of(message)]
    assert [text for text in same if len(MARKS.sub("", text).split()) > MAX_SAME_WORDS] == []


@each_language
def test_a_catalogue_is_compiled(file: Path) -> None:
    assert file.with_suffix(".mo").read_bytes() == compile_language(read_language(file)), "run make catalogue"
