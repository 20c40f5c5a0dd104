"""Jinja's environment of the pages: its globals in one dict, and URLs that are the same on every page built once."""

from __future__ import annotations

from collections.abc import MutableMapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from flask import Flask, request
from flask.templating import Environment

#: More than there are pages and static files, each below the one path of the issuer.
MAX_REMEMBERED_URLS = 512
#: What Werkzeug leaves as it is in a query.
SAFE_IN_QUERY = "!$'()*,/:;?@"


class TemplateEnvironment(Environment):
    """Flask's environment, quicker at macros that are imported without context."""

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        # Jinja's ChainMap would see globals that are added after the first page. Each import of macros compares all.
        return {**self.globals, **(d or {})}


def register(app: Flask) -> None:
    """Set up the environment. Call this before anything else uses it."""
    app.jinja_environment = TemplateEnvironment

    @lru_cache(MAX_REMEMBERED_URLS)
    def build(_script_root: str, endpoint: str, filename: str | None) -> str:
        return app.url_for(endpoint) if filename is None else app.url_for(endpoint, filename=filename)

    def url_for(endpoint: str, **values: Any) -> str:
        is_of_every_page = values.keys() <= {"filename", "next"}
        # One that begins with a dot depends on the page, and defaults may depend on anything.
        if not is_of_every_page or endpoint.startswith(".") or app.url_default_functions:
            return app.url_for(endpoint, **values)
        url, next_page = build(request.root_path, endpoint, values.get("filename")), values.get("next")
        return url if next_page is None else f"{url}?next={quote(next_page, SAFE_IN_QUERY)}"

    app.jinja_env.globals["url_for"] = url_for
