"""Wording of documents and code: none of the phrases that a native-speaking engineer would not write."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PLACES = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "bench/README.md",
    "deploy/*/*",
    "docs/**/*.md",
    "docs/**/*.py",
    "docs/**/*.js",
    "docs/**/*.html",
    "docs/**/*.yaml",
    "examples/**/*.md",
    "examples/**/*.py",
    "examples/**/*.js",
    "examples/**/*.html",
)
#: Folders of what was built or installed.
NOT_OURS = {"_build", "node_modules", ".venv", ".work"}


def find_files(*places: str) -> list[Path]:
    files = (path.relative_to(REPOSITORY) for place in places for path in REPOSITORY.glob(place))
    return sorted(REPOSITORY / path for path in files if not NOT_OURS & set(path.parts))


FILES = find_files(*PLACES)
#: Comments, docstrings and texts of the code.
CODE = ("website/**/*.py", "website/errors/*.toml", "tools/*.py", "bench/**/*.py")
#: Written from the code by tools/write_reference.py, which is read where it stands.
GENERATED = re.compile(r"^<!-- From here to the end marker.*?^<!-- End of what", re.MULTILINE | re.DOTALL)
#: Commands and what they print, by their own sources.
CONSOLE = re.compile(r"^```(?:console|text)\n.*?^```", re.MULTILINE | re.DOTALL)
#: Names of tests are read in the tests, and paths stay where links lead.
NAMES = re.compile(r"\b\w+(?:_\w+)+\b|\]\([^)]*\)")
SLIPS = {
    "archaic or translated": r"\b(?:anew|whoever|thereof|belongs? into|any more|for ever|afresh|turned round)\b",
    "an inversion": r"\b(?:there|here|below|above|behind it|beside it) (?:stands?|lies|lie)\b",
    "stands for is": r"\b(?:stands? (?:in|at|below|beside|behind|there|here)|what stands)\b",
    "holds for is valid": r"\b(?:does not hold|do not hold|no longer holds?|still holds?|holds at once)\b",
    "told or said of a thing": r"\b(?:is told of|are told of|so says|is said twice|as the server says)\b",
    "people who ask": r"\b(?:who(?:ever)? asks|he who|one who|nobody's business|somebody)\b",
    "a for per": r"\b(?:task|address|value|line|method|round|one) a (?:page|line|request|second|minute|day)\b",
    "the first line owns": r"(?-i:\bOwns (?:the|what|how|that)\b)",
    "a metaphor": r"\b(?:doors?|house|floors?|ladder|the ring|rooms?|brakes?|machines' \w+)\b",
    "comes about": r"\b(?:came about|come about|comes about|let in|lets? anybody)\b",
}
#: In code, people are somebody, and a name may keep a word that a text may not.
CODE_SLIPS = {kind: pattern for kind, pattern in SLIPS.items() if kind != "people who ask"} | {
    "is no for isn't a": r"(?<!ere)(?<!\s) is no (?!longer\b|more than\b)",
    "exactly": r"\b(?:letter by letter|to the (?:letter|character))\b",
    "expires": r"\b(?:runs?|ran) out\b(?! of)",
    "unencrypted": r"\bin clear\b",
    "individually": r"\bone by one\b",
    "already exists": r"\b(?:is|are) there already\b",
    "username": r"\buser names?\b",
    "external users": r"\bforeign users\b",
    "email address": r"(?<!e)\bmail address",
}
#: A room for improvement, and so on: plain idioms, by the words around them.
IDIOMS = re.compile(r"no room for|house ?number|in-house|warehouse", re.IGNORECASE)


def prose(path: Path) -> str:
    """Return a file's own words, its lines kept in place."""
    text = path.read_text()
    for quoted in (GENERATED, CONSOLE):
        text = quoted.sub(lambda found: "\n" * found[0].count("\n"), text)
    return IDIOMS.sub(" ", NAMES.sub(" ", text))


def code_texts(path: Path) -> str:
    """Return the comments and strings of a Python file, or the whole of another one, lines kept in place."""
    source = path.read_text()
    if path.suffix != ".py":
        return source
    lines = [""] * (source.count("\n") + 2)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING):
            for number, line in enumerate(token.string.splitlines(), token.start[0]):
                lines[number - 1] += " " + line.strip(" #:\"'")
    return IDIOMS.sub(" ", "\n".join(lines))


def slips(path: Path, text: str, kinds: Mapping[str, str]) -> Iterator[str]:
    """Yield each slip of a text, by its line and kind. A phrase may run over the end of a line."""
    for kind, pattern in kinds.items():
        for found in re.finditer(pattern.replace(" ", r"\s+"), text, re.IGNORECASE):
            yield f"{path.relative_to(REPOSITORY)}:{text.count(chr(10), 0, found.start()) + 1}: {kind}: {found[0]!r}"


def test_the_documents_are_found() -> None:
    assert len(FILES) > 300


@pytest.mark.parametrize("place", PLACES)
def test_no_document_reads_like_a_translation(place: str) -> None:
    assert [slip for path in REPOSITORY.glob(place) if path in FILES for slip in slips(path, prose(path), SLIPS)] == []


@pytest.mark.parametrize("place", CODE)
def test_no_text_of_the_code_reads_like_a_translation(place: str) -> None:
    files = find_files(place)
    assert files
    assert [slip for path in files for slip in slips(path, code_texts(path), CODE_SLIPS)] == []
