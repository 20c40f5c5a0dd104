"""The texts of emails: templates in templates/mail/, each rendered as subject, plain text and HTML, in one language."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from flask import Flask
from flask_babel import force_locale
from jinja2 import Environment

from ...mail import Content
from ..language.translations import Texts, current_texts, language_for
from .device_names import describe_device
from .moments import write_moment

BLANK_LINES = re.compile(r"\n{3,}")
#: What every template extends, by what is made of it.
SUBJECT, TEXT, HTML = "mail/layout.subject", "mail/layout.txt", "mail/layout.html"


def register(app: Flask) -> None:
    """Have the server's emails written by the templates."""
    plain = app.jinja_env.overlay(autoescape=False, trim_blocks=True, lstrip_blocks=True)

    def write(kind: str, language: str | None, facts: dict[str, Any]) -> Content:
        with app.app_context(), force_locale(language_for(language)):
            values = {**facts, "when": write_moment(facts["at"]), "device": _describe(facts)}
            texts = current_texts()
            subject = _render(plain, kind, SUBJECT, values, texts, texts.plain)
            text = _render(plain, kind, TEXT, values, texts, texts.plain)
            html = _render(app.jinja_env, kind, HTML, values, texts, texts.gettext)
        return Content(subject.strip(), BLANK_LINES.sub("\n\n", text.strip()) + "\n", html)

    app.extensions["grantwright"].mail.register_writer(write)


def _describe(facts: dict[str, Any]) -> str:
    """Return the browser in words; empty if the change wasn't made by one."""
    return describe_device(facts["user_agent"])[0] if facts.get("user_agent") else ""


def _render(
    environment: Environment,
    kind: str,
    layout: str,
    values: dict[str, Any],
    texts: Texts,
    gettext: Callable[..., Any],
) -> str:
    template = environment.get_template(f"mail/{kind}.jinja")
    language = {"language_tag": texts.language_tag, "text_direction": texts.direction}
    names = {"_": gettext, "gettext": gettext, "ngettext": texts.ngettext}
    return template.render(**values, **names, **language, layout=layout)
