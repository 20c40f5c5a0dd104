"""Owns what is mended in listings: a diff of two steps begins with what changed, not with the folders it lay in."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx


def drop_file_names(_app: Sphinx, doctree: nodes.document) -> None:
    """Take the two lines off a diff in which difflib writes absolute paths: the caption names the file."""
    for block in doctree.findall(nodes.literal_block):
        lines = block.astext().splitlines(keepends=True)
        if block.get("language") == "udiff" and [line[:4] for line in lines[:2]] == ["--- ", "+++ "]:
            block.rawsource = "".join(lines[2:])
            block.children = []
            block += nodes.Text(block.rawsource)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("doctree-read", drop_file_names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
