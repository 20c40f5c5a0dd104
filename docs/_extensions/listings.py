"""Display of code: console listings, and long names that wrap."""

from __future__ import annotations

import re
from typing import Any

from pygments.lexers.shell import BashSessionLexer
from sphinx.application import Sphinx

_CODE = re.compile(r'(<span class="pre">|<a class="[^"]*\bsource\b[^"]*"[^>]*>)([^<]+)')
_TEXT = re.compile(r"(?<=>)[^<]+")
#: Letters of a name that stays on one line.
_SHORT = 24
_JOINTS = re.compile(r"(?<=\w)(_+|/|::|\.(?=[A-Za-z_]))(?=\w)")


class ConsoleLexer(BashSessionLexer):
    """Commands after ``$``, continued after ``>`` inside quotes, and their output."""

    _bare_continuation = True


def let_names_wrap(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: object) -> None:
    """Allow a line break after each dot, slash and underscore of a long name, without changing the copied text."""
    if "body" in context:
        context["body"] = _CODE.sub(_let_wrap, context["body"])
    if "toc" in context:
        # The theme parses it as XML.
        context["toc"] = _TEXT.sub(lambda found: _JOINTS.sub(r"\1<wbr/>", found[0]), context["toc"])


def _let_wrap(found: re.Match[str]) -> str:
    tag, name = found.groups()
    if len(name) <= _SHORT:
        return tag.replace('"pre"', '"pre short"') + name
    return tag + _JOINTS.sub(r"\1<wbr>", name)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_lexer("console", ConsoleLexer)
    app.connect("html-page-context", let_names_wrap)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
