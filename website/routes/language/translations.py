"""The texts of pages and mail in their languages, for templates and views."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeGuard

from babel import Locale, UnknownLocaleError
from babel.lists import format_list
from babel.support import NullTranslations
from flask import Flask, current_app, g
from flask_babel import Babel, get_babel, get_locale, get_translations
from markupsafe import Markup

from ...languages import SOURCE_LANGUAGE, Languages, choose_languages, list_languages, tag_of
from ...settings import Settings, SettingsError
from ...translatable import Message
from . import page_language

#: The key of an application's texts by their language.
EXTENSION = "grantwright_texts"
#: More than the pages have texts without values.
MAX_REMEMBERED_TEXTS = 2048


class Texts:
    """The texts of the pages in one language."""

    def __init__(self, locale: Locale, translations: NullTranslations) -> None:
        self.locale = locale
        #: For HTML's attribute ``lang``.
        self.language_tag = tag_of(locale)
        #: For HTML's attribute ``dir``.
        self.direction = locale.text_direction
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


def register(app: Flask, settings: Settings) -> None:
    """Set up Flask-Babel for the pages only; an application that embeds the provider can have its own.

    Raises ``SettingsError``.
    """
    select = page_language.select_language
    Babel(app, configure_jinja=False, default_locale=SOURCE_LANGUAGE, locale_selector=select)
    page_language.register(app, _languages_of(app, settings))
    app.extensions[EXTENSION] = {}
    app.jinja_env.add_extension("jinja2.ext.i18n")
    # Leave line breaks and indentation of templates out of the catalogue.
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    environment: Any = app.jinja_env
    environment.install_gettext_callables(_gettext, _ngettext, newstyle=True)
    # Without Jinja's wrappers, as these functions do it all. Macros are compiled once, so they look up the language.
    app.jinja_env.globals.update(_=_gettext, gettext=_gettext, ngettext=_ngettext)
    app.jinja_env.globals.update(language_tag=language_tag, text_direction=text_direction)
    app.context_processor(provide_texts)
    app.jinja_env.filters["translated"] = translate
    app.jinja_env.filters["initial_capital"] = capitalize_initial
    app.jinja_env.tests["translatable"] = is_translatable


def _languages_of(app: Flask, settings: Settings) -> Languages:
    try:
        existing = list_languages(get_babel(app).translation_directories)
        return choose_languages(existing, settings.languages)
    except UnknownLocaleError as error:
        raise SettingsError(f"BABEL_TRANSLATION_DIRECTORIES: {error}") from None
    except ValueError as error:
        raise SettingsError(f"OAUTH2_LANGUAGES: {error}") from None


def language_for(tags: str | None) -> Locale:
    """Return the language of what is written to somebody, such as mail: the one that fits their own, or the default."""
    languages = page_language.page_languages()
    return languages.find(tags or "") or languages.default


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
    return current_texts().write(text.msgid, text.values) if is_translatable(text) else text


def is_translatable(text: str) -> TypeGuard[Message]:
    """Tell whether a text can be translated: what the protocol tells developers is in English."""
    return isinstance(text, Message)


def join(texts: list[str]) -> str:
    """Return a list as a sentence has it in the language of the page: name, language and time zone."""
    return format_list(texts, locale=current_texts().locale)


def capitalize_initial(text: str) -> str:
    """Return a text with a capital letter at its beginning."""
    return text[:1].upper() + text[1:]


def language_tag() -> str:
    """Return the language of the page for HTML's attribute ``lang``."""
    return current_texts().language_tag


def text_direction() -> str:
    """Return the direction of the page's language for HTML's attribute ``dir``."""
    return current_texts().direction


def _gettext(text: str, /, **values: object) -> Markup:
    return current_texts().gettext(text, **values)


def _ngettext(singular: str, plural: str, number: int, /, **values: object) -> Markup:
    return current_texts().ngettext(singular, plural, number, **values)
