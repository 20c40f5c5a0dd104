"""Links that leave docs/: the repository's documents and files become pages of the built site.

In the repository such links are plain relative ones. Before a page is parsed, they're turned into links to the page
that shows the document, or to a page with the highlighted source.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from pygments.lexers import get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.osutil import relative_uri

SCHEME = "repository:"
#: Files in docs/ that are shown or served unchanged.
AS_THEY_ARE = {".png", ".svg", ".json", ".yaml"}
_LINK = re.compile(r"\]\((?![a-z+]+:|#|/)([^)\s#]+)(#[^)\s]*)?\)")


def read_page(app: Sphinx, docname: str, content: list[str]) -> None:
    """Insert a document of the repository into its page, and fix the links on every page."""
    documents: dict[str, str] = app.config.repository_documents
    repository, docs = Path(app.srcdir).parent, Path(app.srcdir)
    page = Path(app.env.doc2path(docname))
    origin = page
    if docname in documents:
        origin = repository / documents[docname]
        app.env.note_dependency(str(origin))
        content[0] = origin.read_text()
    shown = {repository / path: docs / f"{name}.md" for name, path in documents.items()}

    def mend(link: re.Match[str]) -> str:
        target = Path(os.path.normpath(origin.parent / link[1]))
        anchor = link[2] or ""
        target = shown.get(target, target)
        if not target.exists() or not target.is_relative_to(repository):
            return link[0]  # the build reports the broken link
        if _is_page(app, target) or (target.is_relative_to(docs) and target.suffix in AS_THEY_ARE):
            return f"]({os.path.relpath(target, page.parent)}{anchor})"
        name = target.relative_to(repository).as_posix()
        _linked(app.env).setdefault(docname, set()).add(name)
        if target.is_file():
            app.env.note_dependency(str(target))
        return f"]({SCHEME}{name})"

    content[0] = "".join(text if is_code else _LINK.sub(mend, text) for is_code, text in _parts(content[0]))


def _parts(text: str) -> Iterator[tuple[bool, str]]:
    """Yield a document line by line: whether the line is code, and the line."""
    fence = ""
    for line in text.splitlines(keepends=True):
        marks = re.match(r" *(`{3,}|~{3,})", line)
        if marks and not fence:
            fence = marks[1]
            yield True, line
        elif marks and marks[1].startswith(fence) and line.strip() == marks[1]:
            fence = ""
            yield True, line
        else:
            yield bool(fence), line


def _is_page(app: Sphinx, target: Path) -> bool:
    docname = app.env.path2doc(str(target))
    return docname is not None and docname in app.env.found_docs


def _linked(env: BuildEnvironment) -> dict[str, set[str]]:
    """Return the repository files that each page links to."""
    if not hasattr(env, "repository_files"):
        env.repository_files = {}
    held: dict[str, set[str]] = env.repository_files
    return held


def forget_page(_app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    _linked(env).pop(docname, None)


def merge_pages(_app: Sphinx, env: BuildEnvironment, docnames: list[str], other: BuildEnvironment) -> None:
    _linked(env).update({docname: files for docname, files in _linked(other).items() if docname in docnames})


def lead_links(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Write the URLs of source pages, relative to the page that links to them."""
    for reference in doctree.findall(nodes.reference):
        target = reference.get("refuri", "")
        if target.startswith(SCHEME):
            there = app.builder.get_target_uri(_page_of(Path(app.srcdir).parent, target.removeprefix(SCHEME)))
            reference["refuri"] = relative_uri(app.builder.get_target_uri(docname), there)
            reference["classes"] = [name for name in reference["classes"] if name != "external"] + ["source"]
            reference["internal"] = True


def _page_of(repository: Path, name: str) -> str:
    return f"source/{name}/index" if (repository / name).is_dir() else f"source/{name}"


def make_source_pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield a page for every linked file, and for every linked folder with its files."""
    repository = Path(app.srcdir).parent
    names = {name for files in _linked(app.env).values() for name in files}
    for folder in [repository / name for name in names if (repository / name).is_dir()]:
        names |= {file.relative_to(repository).as_posix() for file in _files_in(folder)}
    for name in sorted(names):
        path = repository / name
        body = _list_folder(path) if path.is_dir() else _show_file(app, path)
        yield _page_of(repository, name), {"title": name, "body": f"<h1>{escape(name)}</h1>{body}"}, "source.html"


def _files_in(folder: Path) -> list[Path]:
    return sorted(
        file for file in folder.iterdir() if file.is_file() and _lexer_of(file.name) and file.stat().st_size < 2**17
    )


def _list_folder(folder: Path) -> str:
    items = (
        f'<li><a class="reference" href="{escape(file.name)}.html">{escape(file.name)}</a></li>'
        for file in _files_in(folder)
    )
    return f"<ul>{''.join(items)}</ul>"


def _show_file(app: Sphinx, file: Path) -> str:
    if app.config.quick:
        return f"<pre>{escape(file.read_text())}</pre>"
    highlighter = app.builder.highlighter
    return highlighter.highlight_block(file.read_text(), _lexer_of(file.name) or "text", force=True, linenos="inline")


@cache
def _lexer_of(name: str) -> str:
    if name.endswith(".html"):
        return "html+jinja"
    try:
        return str(get_lexer_for_filename(name).aliases[0])
    except (ClassNotFound, IndexError):
        return ""


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_config_value("repository_documents", {}, "env")
    app.connect("source-read", read_page)
    app.connect("env-purge-doc", forget_page)
    app.connect("env-merge-info", merge_pages)
    app.connect("doctree-resolved", lead_links)
    app.connect("html-collect-pages", make_source_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
