"""The language of each page: the one that the browser prefers, out of those with a catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel import Locale, negotiate_locale
from babel.support import NullTranslations
from flask import Flask, current_app, g, request
from flask_babel import Babel, get_babel, get_locale, get_translations
from markupsafe import Markup
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from ..translatable import Message

#: The key of an application's texts by their language.
EXTENSION = "grantwright_texts"
#: The key of the languages that there are catalogues for.
LANGUAGES = "grantwright_languages"
#: The language that the texts are written in, which needs no catalogue.
SOURCE_LANGUAGE = "en"
#: Browsers send a handful of tags. A longer header is read each time it comes, so that it can't fill the memory.
MAX_REMEMBERED_CHARACTERS, MAX_REMEMBERED_HEADERS = 200, 512
#: More than the pages have texts without values.
MAX_REMEMBERED_TEXTS = 2048


class Texts:
    """The texts of the pages in one language."""

    def __init__(self, locale: Locale, translations: NullTranslations) -> None:
        self.locale = locale
        #: For HTML's attribute ``lang``.
        self.language_tag = str(locale).replace("_", "-")
        self._translations = translations
        self._read_plain = lru_cache(MAX_REMEMBERED_TEXTS)(lambda text: self._fill_in(text, {}))

    def write(self, text: str, values: Mapping[str, object]) -> str:
        """Return a text that is not markup."""
        translated: str = self._translations.gettext(text)
        return translated % values if values else translated

    def plain(self, text: str, /, **values: object) -> str:
        """Return a text of a template that isn't HTML."""
        return self.write(text, values)

    def gettext(self, text: str, /, **values: object) -> Markup:
        """Return a text of a template, as Jinja's extension reads it: markup with values that are not."""
        return self._fill_in(text, values) if values else self._read_plain(text)

    def ngettext(self, singular: str, plural: str, number: int, /, **values: object) -> Markup:
        """Return a text of a template, in the form for a number."""
        text = self._translations.ngettext(singular, plural, number)
        return Markup(text) % {"num": number, **values}  # noqa: S704 - our own text; values are escaped

    def _fill_in(self, text: str, values: Mapping[str, object]) -> Markup:
        return Markup(self._translations.gettext(text)) % values  # noqa: S704 - our own text; values are escaped


def register(app: Flask) -> None:
    """Set up Flask-Babel for the pages only; an application that embeds the provider can have its own."""
    languages: list[str] = []
    Babel(app, configure_jinja=False, default_locale=SOURCE_LANGUAGE, locale_selector=lambda: _select(languages))
    languages += _list_languages(get_babel(app).translation_directories)
    app.extensions[EXTENSION], app.extensions[LANGUAGES] = {}, languages
    app.jinja_env.add_extension("jinja2.ext.i18n")
    # Leave line breaks and indentation of templates out of the catalogue.
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.install_gettext_callables(_gettext, _ngettext, newstyle=True)
    # Without Jinja's wrappers, as these functions do it all. Macros are compiled once, so they look up the language.
    app.jinja_env.globals.update(_=_gettext, gettext=_gettext, ngettext=_ngettext, language_tag=language_tag)
    app.context_processor(provide_texts)
    app.jinja_env.filters["translated"] = translate
    app.jinja_env.filters["initial_capital"] = capitalize_initial


def provide_texts() -> dict[str, Any]:
    """Return what a template calls for its texts, bound to the language of the page."""
    texts = current_texts()
    return {"_": texts.gettext, "gettext": texts.gettext, "ngettext": texts.ngettext}


def current_texts() -> Texts:
    """Return the texts of the page that is being rendered."""
    texts: Texts | None = g.get("grantwright_texts")
    if texts is None:
        locale, kept = get_locale(), current_app.extensions[EXTENSION]
        texts = g.grantwright_texts = kept.get(locale) or kept.setdefault(locale, Texts(locale, get_translations()))
    return texts


def translate(text: str) -> str:
    """Return a message in the language of the page, and any other text unchanged."""
    return current_texts().write(text.msgid, text.values) if isinstance(text, Message) else text


def capitalize_initial(text: str) -> str:
    """Return a text with a capital letter at its beginning."""
    return text[:1].upper() + text[1:]


def language_tag() -> str:
    """Return the language of the page for HTML's attribute ``lang``."""
    return current_texts().language_tag


def _gettext(text: str, /, **values: object) -> Markup:
    return current_texts().gettext(text, **values)


def _ngettext(singular: str, plural: str, number: int, /, **values: object) -> Markup:
    return current_texts().ngettext(singular, plural, number, **values)


def _select(languages: list[str]) -> Locale:
    header = request.environ.get("HTTP_ACCEPT_LANGUAGE", "")
    negotiate = _negotiate if len(header) <= MAX_REMEMBERED_CHARACTERS else _negotiate.__wrapped__
    return negotiate(header, tuple(languages))


@lru_cache(MAX_REMEMBERED_HEADERS)
def _negotiate(header: str, languages: tuple[str, ...]) -> Locale:
    # For "fr-CA, en;q=0.5", best_match() would prefer English to French without a country.
    accepted = parse_accept_header(header, LanguageAccept)
    preferred = [tag.replace("-", "_") for tag in accepted.values()]
    return Locale.parse(negotiate_locale(preferred, languages) or SOURCE_LANGUAGE)


def language_for(tag: str | None) -> Locale:
    """Return the language that fits a person's locale best: English if none does."""
    return _negotiate.__wrapped__(tag or "", tuple(current_app.extensions[LANGUAGES]))


def _list_languages(folders: list[str]) -> list[str]:
    """Return English and every language with a compiled catalogue in one of the folders."""
    files = [file for folder in folders for file in sorted(Path(folder).glob("*/LC_MESSAGES/messages.mo"))]
    return list(dict.fromkeys([SOURCE_LANGUAGE, *(file.parent.parent.name for file in files)]))
