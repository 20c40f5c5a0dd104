"""Turns docstrings and rows into the Markdown of docs/reference/, for write_reference.py."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
RFC_ROLE = re.compile(r":rfc:`(\d+)(#(section|appendix)-([\w.]+))?`")


def to_markdown(text: str) -> str:
    """Turn the few roles that our docstrings use into Markdown."""
    text = RFC_ROLE.sub(_rfc_link, text)
    text = re.sub(r":(?:class|meth|func):`~?([^`]+)`", r"`\1`", text)
    return text.replace("``", "`")


def _rfc_link(match: re.Match[str]) -> str:
    number, anchor, kind, part = match.groups()
    label = f"RFC {number}" + (f", {kind} {part}" if anchor else "")
    return f"[{label}](https://www.rfc-editor.org/rfc/rfc{number}{anchor or ''})"


def first_sentence(text: str | None) -> str:
    """Return a docstring's first paragraph as one line, without the period at its end."""
    paragraph = " ".join(inspect.cleandoc(text or "").partition("\n\n")[0].split())
    return to_markdown(paragraph.removesuffix("."))


def wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(
        to_markdown(text), 118, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def table(*rows: tuple[str, ...]) -> Iterator[str]:
    head, *body = rows
    yield "| " + " | ".join(head) + " |"
    yield "|" + " --- |" * len(head)
    for row in body:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


def file_link(path: str | Path) -> str:
    relative = Path(path).resolve().relative_to(REPOSITORY).as_posix()
    return f"[{relative}](../../{relative})"
