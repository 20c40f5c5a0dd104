"""The language of each page: the one that the browser prefers, out of those with a catalogue."""

from __future__ import annotations

from pathlib import Path

from babel import negotiate_locale
from babel.support import NullTranslations
from flask import Flask, g, request
from flask_babel import Babel, get_babel, get_locale, get_translations, gettext

from ..translatable import Message

#: The language that the texts are written in, which needs no catalogue.
SOURCE_LANGUAGE = "en"


def register(app: Flask) -> None:
    """Set up Flask-Babel for the pages only; an application that embeds the provider can have its own."""
    languages: list[str] = []
    Babel(app, configure_jinja=False, default_locale=SOURCE_LANGUAGE, locale_selector=lambda: _select(languages))
    languages += _list_languages(get_babel(app).translation_directories)
    app.jinja_env.add_extension("jinja2.ext.i18n")
    # Leave line breaks and indentation of templates out of the catalogue.
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.install_gettext_callables(
        lambda text: _translations().gettext(text),
        lambda singular, plural, number: _translations().ngettext(singular, plural, number),
        newstyle=True,
    )
    app.jinja_env.filters["translated"] = translate
    app.jinja_env.filters["initial_capital"] = capitalize_initial
    app.jinja_env.globals["language_tag"] = language_tag


def translate(text: str) -> str:
    """Return a message in the language of the page, and any other text unchanged."""
    return gettext(text.msgid, **text.values) if isinstance(text, Message) else text


def capitalize_initial(text: str) -> str:
    """Return a text with a capital letter at its beginning."""
    return text[:1].upper() + text[1:]


def language_tag() -> str:
    """Return the language of the page for HTML's attribute ``lang``."""
    return str(get_locale()).replace("_", "-")


def _translations() -> NullTranslations:
    """Return the catalogue for the page, which Flask-Babel would look up again for each of its hundred texts."""
    locale, cached = get_locale(), g.get("grantwright_translations")
    if cached is None or cached[0] is not locale:
        cached = g.grantwright_translations = (locale, get_translations())
    return cached[1]


def _select(languages: list[str]) -> str:
    # For "fr-CA, en;q=0.5", best_match() would prefer English to French without a country.
    preferred = [tag.replace("-", "_") for tag in request.accept_languages.values()]
    return negotiate_locale(preferred, languages) or SOURCE_LANGUAGE


def _list_languages(folders: list[str]) -> list[str]:
    """Return English and every language with a compiled catalogue in one of the folders."""
    files = [file for folder in folders for file in sorted(Path(folder).glob("*/LC_MESSAGES/messages.mo"))]
    return list(dict.fromkeys([SOURCE_LANGUAGE, *(file.parent.parent.name for file in files)]))
