"""The language of each page: what the person chose, else what the app asks for, else what the browser prefers.

Pages for developers and operators are in English as a whole: a screen reader then reads each page in one voice, and the
words of the standards stay next to explanations in the same language.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import parse_qs, urlsplit

from babel import Locale
from flask import Flask, current_app, g, request
from flask_babel import refresh
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header
from werkzeug.wrappers import Response

from ...languages import SOURCE_LANGUAGE, Languages
from ..browser.next_page import requested_next
from ..current.authorization_server import authorization_server
from ..current.host_application import current_host
from ..current.login_session import find_account, page_at
from .language_cookie import language_in_browser

#: The key of an application's languages.
EXTENSION = "grantwright_languages"
#: OpenID Connect Core 1.0, section 3.1.2.1, and RP-Initiated Logout 1.0, section 2.
UI_LOCALES = "ui_locales"
#: The blueprints whose pages are for developers and operators.
ENGLISH_BLUEPRINTS = frozenset(
    {
        *("client_access", "clients", "errors", "first_flow", "resources", "self_registration", "try_it"),
        *("dev_mail", "events", "groups", "invitations", "new_person", "people", "person_acts"),
    }
)
ENGLISH = Locale(SOURCE_LANGUAGE)
VARY = ("Accept-Language", "Cookie")


def register(app: Flask, languages: Languages) -> None:
    """Have the pages be in these languages, and the metadata say so."""
    app.extensions[EXTENSION] = languages
    registry = app.extensions["grantwright"].registry
    if has_choice(languages) and UI_LOCALES in registry.authorization_parameters:
        registry.add_metadata(ui_locales_supported=list(languages.names))
    app.after_request(say_language)
    app.jinja_env.globals.update(language_choices=list_choices, page_address=page_address)


def page_languages() -> Languages:
    """Return the languages of this server."""
    languages: Languages = current_app.extensions[EXTENSION]
    return languages


def has_choice(languages: Languages) -> bool:
    return len(languages.locales) > 1


def select_language() -> Locale:
    """Return the language of the page that is being served."""
    languages = page_languages()
    if is_in_english():
        return ENGLISH
    if not has_choice(languages):
        return languages.default
    found = (languages.find(tags) for tags in _list_wishes())
    return (
        next((locale for locale in found if locale is not None), None)
        or languages.find(request.environ.get("HTTP_ACCEPT_LANGUAGE", ""), _read_header)
        or languages.default
    )


def _list_wishes() -> Iterator[str]:
    """Yield the tags that somebody chose, the most deliberate choice first."""
    account = find_account()
    own = (account.locale if account is not None else None) or ""
    if may_keep_language():
        yield own  # it was chosen here, for every browser
        yield language_in_browser()
    else:
        yield language_in_browser()  # the account's can't be changed here
        yield own
    yield _asked_by_client()


def may_keep_language() -> bool:
    """Tell whether a person's choice is kept with the account: claim ``locale``, unless the operator sets it."""
    return current_host() is None and "locale" in authorization_server().settings.editable_claims


def keep_ui_locales(text: str) -> None:
    """Have the page be in the language that an authorization request asks for, wherever that request came from."""
    g.grantwright_ui_locales = text
    forget_language()


def _asked_by_client() -> str:
    """Return the ``ui_locales`` of the request that the page is about, or that a login goes on to."""
    kept: str | None = g.get("grantwright_ui_locales")
    if kept is None:
        kept = request.args.get(UI_LOCALES)
    if kept is None and (next_page := requested_next()):
        kept = parse_qs(urlsplit(next_page).query).get(UI_LOCALES, [""])[0]
    return kept or ""


def _read_header(header: str) -> Iterable[str]:
    accepted = parse_accept_header(header, LanguageAccept)
    return [tag for tag, quality in accepted if quality > 0]


def is_in_english() -> bool:
    """Tell whether this page is for developers or operators."""
    return request.blueprint in ENGLISH_BLUEPRINTS or "grantwright_english" in g


def show_in_english() -> None:
    """Have this page be in English: it is for developers or operators, at an address that others share."""
    g.grantwright_english = True
    forget_language()


def forget_language() -> None:
    """Have the language be selected again, as something changed that it depends on."""
    g.pop("grantwright_texts", None)
    refresh()


def say_language(response: Response) -> Response:
    """Say which language a page is in, and what that depends on."""
    texts = g.get("grantwright_texts")
    if texts is not None and response.mimetype == "text/html":
        response.headers["Content-Language"] = texts.language_tag
        if has_choice(page_languages()) and not is_in_english():
            response.vary.update(VARY)
    return response


def list_choices() -> dict[str, str]:
    """Return the languages for the menu, by their tags; none where there is nothing to choose."""
    languages = page_languages()
    return languages.names if has_choice(languages) and not is_in_english() else {}


def page_address() -> str:
    """Return where the menu of languages comes back to: this page, or the one whose form was sent.

    Empty on pages that don't repeat their address: the browser says then which page sent the form.
    """
    kept: str | None = g.get("grantwright_page_address")
    if kept is not None:
        return kept
    path = request.path if request.method in ("GET", "HEAD") else page_at(request.path)
    query = request.query_string.decode("ascii", "replace") if path == request.path else ""
    return f"{request.script_root}{path}" + (f"?{query}" if query else "")


def keep_page_address(address: str) -> None:
    """Say where this page is shown again, if that is elsewhere than at its own address."""
    g.grantwright_page_address = address
