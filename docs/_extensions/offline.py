"""Offline pages: removes references to other hosts from the theme's stylesheets."""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx

#: The theme has one, for country flags that some systems don't have.
_FONT_FROM_ELSEWHERE = re.compile(r"@font-face\s*\{[^}]*url\(\s*[\"']?(?:https?:)?//[^}]*\}")


def drop_fonts_from_elsewhere(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        for style in (Path(app.outdir) / "_static").rglob("*.css"):
            text = style.read_text()
            if _FONT_FROM_ELSEWHERE.search(text):
                style.write_text(_FONT_FROM_ELSEWHERE.sub("", text))


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("build-finished", drop_fonts_from_elsewhere)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
