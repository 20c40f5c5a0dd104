"""Display of code: console listings, diffs without paths, long names that wrap."""

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
    """Commands after ``$``, continued after ``>`` inside quotes, and their output."""

    _bare_continuation = True


def drop_file_names(_app: Sphinx, doctree: nodes.document) -> None:
    """Remove the two lines of a diff with difflib's absolute paths; the caption names the file."""
    for block in doctree.findall(nodes.literal_block):
        lines = block.astext().splitlines(keepends=True)
        if block.get("language") == "udiff" and [line[:4] for line in lines[:2]] == ["--- ", "+++ "]:
            block.rawsource = "".join(lines[2:])
            block.children = []
            block += nodes.Text(block.rawsource)


def let_names_wrap(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: object) -> None:
    """Allow a line break after each dot, slash and underscore of a name, without changing the copied text."""
    if "body" in context:
        context["body"] = _CODE.sub(lambda found: found[1] + _JOINTS.sub(r"\1<wbr>", found[2]), context["body"])
    if "toc" in context:
        # The theme parses it as XML.
        context["toc"] = _TEXT.sub(lambda found: _JOINTS.sub(r"\1<wbr/>", found[0]), context["toc"])


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_lexer("console", ConsoleLexer)
    app.connect("doctree-read", drop_file_names)
    app.connect("html-page-context", let_names_wrap)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
