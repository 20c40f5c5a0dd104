"""Owns how code is shown: consoles as people type, diffs from what changed on, long names that wrap at their joints."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from pygments.lexers.shell import BashSessionLexer
from sphinx.application import Sphinx

_CODE = re.compile(r'(<span class="pre">|<a class="[^"]*\bsource\b[^"]*"[^>]*>)([^<]+)')
_TEXT = re.compile(r"(?<=>)[^<]+")
_JOINTS = re.compile(r"(?<=\w)(_+|/|::|\.(?=[A-Za-z_]))(?=\w)")


class ConsoleLexer(BashSessionLexer):
    """Commands after ``$``, which go on after ``>`` where a quote is open, and what they print."""

    _bare_continuation = True


def drop_file_names(_app: Sphinx, doctree: nodes.document) -> None:
    """Take the two lines off a diff in which difflib writes absolute paths: the caption names the file."""
    for block in doctree.findall(nodes.literal_block):
        lines = block.astext().splitlines(keepends=True)
        if block.get("language") == "udiff" and [line[:4] for line in lines[:2]] == ["--- ", "+++ "]:
            block.rawsource = "".join(lines[2:])
            block.children = []
            block += nodes.Text(block.rawsource)


def let_names_wrap(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: object) -> None:
    """Allow a line break after each dot, slash and underscore of a name; copying it copies none."""
    if "body" in context:
        context["body"] = _CODE.sub(lambda found: found[1] + _JOINTS.sub(r"\1<wbr>", found[2]), context["body"])
    if "toc" in context:
        # The theme reads it as XML.
        context["toc"] = _TEXT.sub(lambda found: _JOINTS.sub(r"\1<wbr/>", found[0]), context["toc"])


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_lexer("console", ConsoleLexer)
    app.connect("doctree-read", drop_file_names)
    app.connect("html-page-context", let_names_wrap)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
