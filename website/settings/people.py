"""The settings for people: pages, profiles, logins and failed attempts."""

from __future__ import annotations

from dataclasses import dataclass

from ..standard_claims import EDITABLE_CLAIMS
from .option import option


@dataclass(frozen=True)
class PeopleSettings:
    """The settings for people: pages, profiles, logins and failed attempts."""

    display_name: str = option("OAUTH2_DISPLAY_NAME", "Grantwright", "The name of this server on its pages.")
    look: str = option(
        "OAUTH2_LOOK",
        "",
        "A folder with your own look, relative to the working folder. Templates in `templates/` replace the built-in"
        " ones; files in `static/` are served under `/look/`, where `look.css` is loaded after the built-in stylesheet"
        " and `mark.svg` replaces the logo.",
        security="Templates are code: they have access to everything that a page has.",
    )
    languages: list[str] = option(
        "OAUTH2_LANGUAGES",
        [],
        "The languages of people's pages and mail, as tags such as `de` or `zh-Hans`. The first one is for people who"
        ' prefer none of them. Empty: every language that has a catalogue, English first. `["en"]`:'
        " English alone, without a menu. The pages of developers and operators are always in English.",
    )
    documentation_url: str = option(
        "OAUTH2_DOCUMENTATION_URL", "", "The URL of your documentation, linked in the footer of every page."
    )
    support_url: str = option(
        "OAUTH2_SUPPORT_URL", "", "Where people get help: an https or mailto URL, linked in the footer of every page."
    )
    privacy_url: str = option(
        "OAUTH2_PRIVACY_URL", "", "The URL of your privacy policy, linked in the footer of every page."
    )
    shows_version: bool = option(
        "OAUTH2_SHOW_VERSION",
        False,
        "Whether the footer of every page names the version of Grantwright.",
        security="Tells everybody which known vulnerabilities this server may have.",
    )
    editable_claims: list[str] = option(
        "OAUTH2_EDITABLE_CLAIMS",
        list(EDITABLE_CLAIMS),
        "Which claims people may change on their account page. The others are read-only there; set them with"
        " `flask users set`. Empty: people can't change any.",
        security="Applications may identify people by a claim. If somebody changes their own email address or phone"
        " number, it becomes unverified. Only the default's claims are allowed here: people can't choose their own"
        " `preferred_username` or `email_verified`, for example.",
    )
    session_seconds: int = option(
        "OAUTH2_SESSION_SECONDS",
        14 * 86400,
        "The maximum duration of a login, and of access granted with `openid` but without `offline_access`.",
        unit="seconds",
    )
    session_idle_seconds: int = option(
        "OAUTH2_SESSION_IDLE_SECONDS",
        2 * 86400,
        "How long a browser stays logged in without opening a page. Refreshing tokens doesn't count, and granted access"
        " continues without the browser.",
        unit="seconds",
    )
    session_cookie_samesite: str = option(
        "OAUTH2_SESSION_COOKIE_SAMESITE",
        "Lax",
        "`Lax`: a login is only visible to this server's own pages. `None`: a second cookie also lets clients on other"
        " sites renew tokens in a hidden frame (`prompt=none`), in browsers that accept third-party cookies. An"
        " application that embeds the provider has its own cookie instead.",
        security="The second cookie is only used for `prompt=none`. Pages and forms use the first one, which is always"
        " `Lax`.",
    )
    password_score: int = option(
        "OAUTH2_PASSWORD_SCORE",
        3,
        "How hard new passwords must be to guess, as zxcvbn weighs them: 0 (anything) to 4 (hard to guess even if the"
        " database was stolen). At 3, a few words pass; common passwords, names, dates and keyboard rows don't. The"
        " only other rule is a minimum of 8 characters. Existing passwords stay.",
        security="Below 2, passwords are accepted that can be guessed over the network.",
    )
    login_tries_per_account: int = option(
        "OAUTH2_LOGIN_TRIES_PER_ACCOUNT",
        5,
        "How many wrong passwords in a row a username or email address accepts without delay, whether or not an account"
        " has it. After that, each one makes the next attempt wait longer: 1 second, then 2, 4, 8. 0 turns it off.",
        unit="attempts",
        security="Slows down guessing the password of one account. Nobody is locked out permanently."
        " Second-factor codes have their own limit, regardless of this setting.",
    )
    login_tries_per_address: int = option(
        "OAUTH2_LOGIN_TRIES_PER_ADDRESS",
        20,
        "The same for one address (for IPv6 its /64 network), across all accounts. 0 turns it off.",
        unit="attempts",
        security="Slows down trying one password on many accounts.",
    )
    login_max_wait_seconds: int = option(
        "OAUTH2_LOGIN_MAX_WAIT_SECONDS", 900, "The longest wait between login attempts.", unit="seconds"
    )
    passkeys: bool = option(
        "OAUTH2_PASSKEYS",
        True,
        "Whether people can log in with passkeys. Off: there are no pages for them, and stored ones are kept but not"
        " accepted. An application that embeds the provider has its own logins, and none of this.",
    )
    passkey_rp_id: str = option(
        "OAUTH2_PASSKEY_RP_ID",
        "",
        "The domain that passkeys are bound to, the relying party ID of Web Authentication: the host of"
        " `OAUTH2_ISSUER` (the default) or a parent of it, such as `example.org` for `https://id.example.org`. Not an"
        " IP address, and not a public suffix such as `co.uk`, which browsers refuse. Passkeys work for one domain"
        " only: while there are any, the server doesn't start with another one. In the demo it is `localhost`.",
        security="Every site in this domain can ask the browser for these passkeys, although only this server accepts"
        " the answers of its own pages.",
    )
    operators_need_second_factor: bool = option(
        "OAUTH2_OPERATORS_NEED_SECOND_FACTOR",
        False,
        "Whether operators and the helpdesk need a second factor, whether the role is their own or a group's. Those"
        " without one set it up at their next login. Access that they got with a password alone ends when a server"
        " starts with this setting, or with `flask initdb`: login sessions, codes, and the access of apps and devices."
        " Run `flask initdb` after turning it on if a program other than `grantwright serve` runs the application.",
        security="An operator's or helpdesk member's password alone then gives no access to other accounts or to"
        " clients. `flask check-config` recommends it if it's off.",
    )
    try_it: bool = option(
        "OAUTH2_TRY_IT",
        True,
        "Whether a client's owner can run its code flow on the client's page. The client has to list the server's own"
        " callback, `/callback` below the issuer, as a redirect URI. Off: `/callback` returns 404.",
        security="Outside of the demo, `/callback` only answers the browser that began the flow, while its person may"
        " manage the client.",
    )
    error_pages: bool = option(
        "OAUTH2_ERROR_PAGES",
        True,
        "Whether this server has a page about each error that it sends, under `/errors`, and links to it in errors as"
        " `error_uri` (:rfc:`6749#section-5.2`). Off: no `error_uri`, and `/errors` returns 404.",
        security="The pages are the same for everybody, reveal nothing about a request, and need no login.",
    )
