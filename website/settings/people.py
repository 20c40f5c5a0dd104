"""The settings of what people meet: pages, logins, tries."""

from __future__ import annotations

from dataclasses import dataclass

from ..claims import EDITABLE_CLAIMS
from .option import option


@dataclass(frozen=True)
class PeopleSettings:
    """The settings of what people meet: pages, logins, tries."""

    display_name: str = option("OAUTH2_DISPLAY_NAME", "Grantwright", "What the pages call this server.")
    look: str = option(
        "OAUTH2_LOOK",
        "",
        "A folder with a look of your own, relative to the working folder. What is in `templates/` replaces our pages;"
        " what is in `static/` is served under `/look/`: there `look.css` is loaded after our stylesheet, and"
        " `mark.svg` is shown instead of our mark.",
        security="Its templates are code: they see what the pages see.",
    )
    editable_claims: list[str] = option(
        "OAUTH2_EDITABLE_CLAIMS",
        list(EDITABLE_CLAIMS),
        "Which claims people may change on their account page. The others are shown there, and set by"
        " `flask users set`. An empty list leaves every claim to you.",
        security="Applications may decide by a claim who somebody is. An email address or phone number that its owner"
        " changes is unverified. `preferred_username`, `email_verified`, and whatever else is not in the default,"
        " is refused here: nobody chooses those for themselves.",
    )
    session_seconds: int = option(
        "OAUTH2_SESSION_SECONDS",
        14 * 86400,
        "How long a login lasts at most, and with it what was granted with `openid` and without `offline_access`.",
        unit="seconds",
    )
    session_idle_seconds: int = option(
        "OAUTH2_SESSION_IDLE_SECONDS",
        2 * 86400,
        "How long a browser stays logged in without opening a page. Refreshing tokens doesn't count, and what was"
        " granted goes on without the browser.",
        unit="seconds",
    )
    session_cookie_samesite: str = option(
        "OAUTH2_SESSION_COOKIE_SAMESITE",
        "Lax",
        "`Lax`: a login is known where this server's own pages are shown. `None`: a second cookie lets pages of"
        " clients on other sites renew their tokens in a frame too (`prompt=none`), in browsers that keep cookies of"
        " other sites. An application that embeds the provider has its own cookie instead.",
        security="The second cookie answers `prompt=none` alone. Pages and forms keep the first one, which is always"
        " `Lax`.",
    )
    login_tries_per_account: int = option(
        "OAUTH2_LOGIN_TRIES_PER_ACCOUNT",
        5,
        "How many wrong passwords in a row an account takes before each further one makes the next try wait: 1 second,"
        " then 2, 4, 8. 0 switches it off.",
        unit="tries",
        security="Slows down whoever guesses the password of one account. Nobody is ever locked out for good.",
    )
    login_tries_per_address: int = option(
        "OAUTH2_LOGIN_TRIES_PER_ADDRESS",
        20,
        "The same for one address (for IPv6 its /64 network), whatever accounts it tries. 0 switches it off.",
        unit="tries",
        security="Slows down whoever tries one password on many accounts.",
    )
    login_max_wait_seconds: int = option(
        "OAUTH2_LOGIN_MAX_WAIT_SECONDS", 900, "The longest that a further try at a login has to wait.", unit="seconds"
    )
    error_pages: bool = option(
        "OAUTH2_ERROR_PAGES",
        True,
        "Whether this server serves a page about every error that it sends, below `/errors`, and names it in each error"
        " as `error_uri` (:rfc:`6749#section-5.2`). Off: no `error_uri`, and `/errors` answers 404.",
        security="The pages are the same for everybody, tell nothing of a request, and need no login.",
    )
