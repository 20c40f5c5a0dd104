"""A quick build, for tests: `-D quick=1` leaves out what is half of the time and the same on every page.

These are the list of all pages beside each one, and the colours of the repository's files.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx


def leave_list_out(app: Sphinx, _pagename: str, _template: str, context: dict[str, Any], _doctree: object) -> None:
    """Have the theme draw an empty list of pages. Those before and after a page stay at its end."""
    if app.config.quick:
        context["toctree"] = lambda **_options: ""


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_config_value("quick", False, "html", bool)
    app.connect("html-page-context", leave_list_out)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
