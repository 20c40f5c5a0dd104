"""An operator's branding: a name, a mark, a stylesheet, the links at the foot, and templates that replace ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from flask import Blueprint, Flask, abort, request
from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader, PrefixLoader

from ... import __version__
from ...settings import Settings
from ...translatable import N_

#: By this prefix a template of the operator's extends the one of ours that it replaces.
OURS = "grantwright"
STYLESHEET, MARK = "look.css", "mark.svg"


@dataclass(frozen=True, slots=True)
class Branding:
    """What is the operator's own about the pages. Seen once, at start-up."""

    display_name: str
    #: Builds URLs, as templates do.
    url_for: Callable[..., str]
    has_stylesheet: bool = False
    has_mark: bool = False
    #: At the foot of every page: the version, empty where it isn't shown, and labels with their addresses.
    version: str = ""
    links: tuple[tuple[str, str], ...] = ()

    @property
    def stylesheet(self) -> str | None:
        """Return the address of the operator's stylesheet, if there is one."""
        return self.url_for("look.static", filename=STYLESHEET) if self.has_stylesheet else None

    @property
    def mark(self) -> str:
        """Return the address of the mark: the operator's, or ours."""
        return self.url_for("look.static" if self.has_mark else "static", filename=MARK)


def _refuse_hidden_files() -> None:
    """Serve nothing whose name begins with a dot: an editor's leavings, an environment's secrets."""
    if any(part.startswith(".") for part in (request.view_args or {}).get("filename", "").split("/")):
        abort(404)


def register(app: Flask, settings: Settings) -> None:
    app.jinja_env.globals["look"] = _set_up(app, settings)


def _set_up(app: Flask, settings: Settings) -> Branding:
    url_for: Any = app.jinja_env.globals["url_for"]
    version, links = __version__ if settings.shows_version else "", tuple(_list_links(settings))
    if not settings.look:
        return Branding(settings.display_name, url_for, version=version, links=links)
    folder = Path(settings.look).absolute()
    static, ours = folder / "static", cast(BaseLoader, app.jinja_loader)
    app.jinja_loader = ChoiceLoader([FileSystemLoader(folder / "templates"), ours, PrefixLoader({OURS: ours})])
    files = Blueprint("look", __name__, static_folder=static, static_url_path="/look")
    files.before_request(_refuse_hidden_files)
    app.register_blueprint(files)
    has_stylesheet, has_mark = (static / STYLESHEET).is_file(), (static / MARK).is_file()
    return Branding(settings.display_name, url_for, has_stylesheet, has_mark, version, links)


def _list_links(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the label and the address of each link that the operator set."""
    for label, address in (
        (N_("Documentation"), settings.documentation_url),
        (N_("Support"), settings.support_url),
        (N_("Privacy"), settings.privacy_url),
    ):
        if address:
            yield label, address
