"""Sphinx configuration: `make docs` builds this folder, offline."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

DOCS = Path(__file__).parent
REPOSITORY = DOCS.parent
sys.path.insert(0, str(DOCS / "_extensions"))

project = "Grantwright"
author = "The Grantwright authors"
version = release = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
language = "en"

extensions = [
    "myst_parser",
    "sphinx_copybutton",
    "changes",
    "diagrams",
    "listings",
    "offline",
    "quick",
    "repository_files",
]
exclude_patterns = [
    "_build",
    "images",
    # Complete projects: pages include their files, but none of them is a page.
    "tutorial/steps",
]
nitpicky = True

myst_enable_extensions = ["colon_fence", "deflist"]
# Headings get the same anchors as on GitHub; tests/docs/test_documents.py checks them in the repository.
myst_heading_anchors = 4
# Fences that GitHub renders, rendered by docs/_extensions/diagrams.py.
myst_fence_as_directive = ["mermaid"]

# The last one is for links that leave this folder; see docs/_extensions/repository_files.py.
myst_url_schemes = ["http", "https", "mailto", "repository"]

#: Documents of the repository outside this folder, by the stub page that shows each one.
repository_documents = {
    f"{stub.parent.name}/{stub.stem}": re.search(r"\bshows\s+\[([^\]]+)\]", stub.read_text()).group(1)
    for folder in ("project", "examples")
    for stub in Path(__file__).parent.glob(f"{folder}/*.md")
}

html_theme = "shibuya"
html_title = "Grantwright"
html_logo = html_favicon = "../website/static/mark.svg"
html_static_path = ["_static"]
templates_path = ["_templates"]
html_css_files = ["grantwright-docs.css"]
html_js_files = [("print-light.js", {"defer": "defer"})]
html_copy_source = html_show_sourcelink = False
html_theme_options = {
    "accent_color": "teal",
    "globaltoc_expand_depth": 0,
    "show_ai_links": False,
    "nav_links": [
        {"title": "Tutorial", "url": "tutorial/index"},
        {"title": "How-to", "url": "how-to/run-in-production"},
        {"title": "Examples", "url": "examples/index"},
        {"title": "Reference", "url": "reference/settings"},
        {"title": "Explanation", "url": "explanation/architecture"},
    ],
}
pygments_style = "friendly"

# The prompt isn't part of a command, and lines without one are output. Diffs aren't for copying.
copybutton_selector = "div:not(.highlight-udiff) > div.highlight > pre"
copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True
copybutton_line_continuation_character = "\\"

# The build checks links into the repository; hosts in examples don't exist.
linkcheck_ignore = [r"repository:", r"http://127\.0\.0\.1", r"https?://[^/]*\bexample\b"]
