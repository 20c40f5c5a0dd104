"""The page with a one-time link for somebody's password, to be handed over."""

from __future__ import annotations

from typing import Any

from flask import render_template

from ...models.user import User
from ...users.password_links import LINK_SECONDS, path_of
from ..current.authorization_server import authorization_server


def show_link(person: User, token: str, *, is_new: bool = False) -> Any:
    """Show the link, this once; of an account that was just created, say so."""
    link = authorization_server().settings.issuer + path_of(token)
    page = render_template("person_link.html", person=person, link=link, minutes=LINK_SECONDS // 60, is_new=is_new)
    return page, 200, {"Cache-Control": "no-store"}
