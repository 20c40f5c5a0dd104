"""Changed files of the tutorial: what is new in the colours of its language, and the whole file to copy.

A `literalinclude` with `:diff:` becomes both: the changed lines with some of their neighbours, and, folded under them,
the new file with those lines marked.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import lru_cache
from html import escape
from pathlib import Path

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import find_lexer_class_for_filename, get_lexer_by_name
from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

#: Unchanged lines that are shown before and after a change.
CONTEXT = 3
SIGNS = {"kept": " ", "removed": "-", "added": "+"}
LEFT_OUT = '<span class="left-out">...\n</span>'
WHOLE = """<details class="whole-file"><summary>The whole {name}, with the changes marked</summary>
<div class="highlight-{language} notranslate"><div class="highlight"><pre>{lines}</pre></div></div></details>"""


def show_changes(_app: Sphinx, doctree: nodes.document) -> None:
    """Replace each diff by the change in colour and the whole file."""
    for block in list(doctree.findall(nodes.literal_block)):
        lines = block.astext().splitlines()
        if block.get("language") == "udiff" and [line[:4] for line in lines[:2]] == ["--- ", "+++ "]:
            # The first two lines of a diff have the paths, which differ from one machine to the next.
            old, new = (Path(line[4:].strip()) for line in lines[:2])
            block.replace_self(nodes.raw("", _show_change(old, new) + _show_whole(old, new), format="html"))


def _show_change(old: Path, new: Path) -> str:
    groups = _matcher(old, new).get_grouped_opcodes(CONTEXT)
    body = LEFT_OUT.join("".join(_show_lines(group, old, new)) for group in groups)
    lines = f'<span class="lines">{body}</span>'
    return f'<div class="highlight-udiff notranslate"><div class="highlight"><pre>{lines}</pre></div></div>'


def _show_lines(group: list[tuple[str, int, int, int, int]], old: Path, new: Path) -> Iterator[str]:
    """Yield the lines of one place of the file, those that were removed before those that replace them."""
    for kind, old_start, old_end, new_start, new_end in group:
        if kind != "insert":
            yield from _mark(_colour(old)[old_start:old_end], "kept" if kind == "equal" else "removed")
        if kind in ("insert", "replace"):
            yield from _mark(_colour(new)[new_start:new_end], "added")


def _mark(lines: list[str], kind: str) -> Iterator[str]:
    return (f'<span class="{kind}">{SIGNS[kind]}{line}\n</span>' for line in lines)


def _show_whole(old: Path, new: Path) -> str:
    mark = ' class="hll"'
    marked = {
        number
        for kind, _old_start, _old_end, start, end in _matcher(old, new).get_opcodes()
        if kind != "equal"
        for number in range(start, end)
    }
    lines = (
        f'<span data-line="{number + 1}"{mark if number in marked else ""}>{line}\n</span>'
        for number, line in enumerate(_colour(new))
    )
    return WHOLE.format(name=escape(new.name), language=_find_lexer(new).aliases[0], lines="".join(lines))


def _matcher(old: Path, new: Path) -> difflib.SequenceMatcher[str]:
    return difflib.SequenceMatcher(None, old.read_text().splitlines(), new.read_text().splitlines(), autojunk=False)


@lru_cache(maxsize=256)
def _colour(file: Path) -> list[str]:
    """Return the lines of a file as HTML, coloured by the language that its name says."""
    return highlight(file.read_text(), _find_lexer(file), HtmlFormatter(nowrap=True)).splitlines()


def _find_lexer(file: Path) -> Lexer:
    if file.suffix == ".html":
        return get_lexer_by_name("html+jinja", stripnl=False)
    known = find_lexer_class_for_filename(file.name) or TextLexer
    return known(stripnl=False)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("doctree-read", show_changes)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
