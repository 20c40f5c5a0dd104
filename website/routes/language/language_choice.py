"""The menu of languages at the foot of people's pages, posted: the choice is kept in browser and account."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, redirect, request, url_for

from ...languages import is_same_language
from ...users import Account, LocalUsers
from ..browser.next_page import requested_next, safe_next
from ..current.authorization_server import authorization_server
from ..current.login_session import find_account
from .language_cookie import keep_in_browser
from .page_language import may_keep_language, page_languages

bp = Blueprint("language_choice", __name__)


@bp.post("/language")
def choose_language() -> Any:
    """Keep the chosen language, and go back to the page."""
    language = request.form.get("language", "")
    if language not in page_languages().names:
        abort(400)
    account = find_account()
    if account is not None and may_keep_language():
        keep_for_account(account, language)
    response = redirect(requested_next() or _page_before() or url_for("home.show_home"), 303)
    keep_in_browser(response, language)
    return response


def _page_before() -> str | None:
    """Return the page of this site that the form was on, for pages whose form doesn't say where it is."""
    site, referrer = request.host_url.removesuffix("/"), request.referrer or ""
    return safe_next(referrer.removeprefix(site)) if referrer.startswith(f"{site}/") else None


def keep_for_account(account: Account, language: str) -> None:
    """Make a language the account's claim ``locale``; one with a region, such as en-GB for en, says more and stays."""
    users = authorization_server().users
    if isinstance(users, LocalUsers) and not is_same_language(account.locale or "", language):
        users.set_own_claims(int(account.id), {"locale": language}, ("locale",))
