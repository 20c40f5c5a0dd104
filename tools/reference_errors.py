"""Writes the sections of docs/reference/errors.md, for write_reference.py."""

from __future__ import annotations

from collections.abc import Iterator

from reference_markdown import table, wrapped

from website.errors.catalogue import CATALOGUE, ErrorMeaning
from website.routes.errors.error_reference import TURNS, WAYS


def write_errors() -> Iterator[str]:
    """Yield a table of all errors, and a section on each."""
    rows = [
        (f"[`{error.code}`](#{error.code})", error.title, TURNS[error.whose_turn], _statuses(error))
        for error in CATALOGUE.values()
    ]
    yield from table(("Code", "What it says", "Who can fix it", "Status"), *rows)
    yield ""
    for error in CATALOGUE.values():
        yield from _describe(error)


def _describe(error: ErrorMeaning) -> Iterator[str]:
    yield f"## {error.code}\n"
    yield wrapped(f"{error.title}. {error.meaning}") + "\n"
    yield f"- Who can fix it: {TURNS[error.whose_turn].lower()}"
    yield f"- Status: {_statuses(error)}"
    yield f"- Sent as: {', '.join(WAYS[way] for way in error.sent_as)}"
    yield f"- Defined in: [{error.section_name}]({error.section_address})\n"
    yield "The usual causes:\n"
    for number, cause in enumerate(error.causes, 1):
        says = f' Description: "{cause.says}"' if cause.says else ""
        yield wrapped(f"{number}. {cause.what}{says}", "   ") + "\n"
        yield wrapped(f"   What to do: {cause.remedy}", "   ") + "\n"
    yield "How to look:\n"
    for look in error.looks:
        yield wrapped(f"- {look.words}", "  ") + "\n"
        if look.command:
            yield "  ```bash"
            yield from (f"  {line}" for line in look.command.splitlines())
            yield "  ```\n"


def _statuses(error: ErrorMeaning) -> str:
    return ", ".join(map(str, error.statuses))
