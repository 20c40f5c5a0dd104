"""Every setting: its default, unit, meaning and effect on security.

``configuration.py`` reads and judges the values. ``docs/reference/settings.md`` is held against this file by a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from types import MappingProxyType
from typing import Any

import click

NAME, MEANING, UNIT, SECURITY = "name", "meaning", "unit", "security"
#: Requests a minute from one address, by what they are for.
RATE_LIMITS = {"token": 6000, "authorize": 600, "login": 120}
DEFAULT_SCOPES = {"profile": "See your user name, user id and profile"}


class SettingsError(click.ClickException, ValueError):
    """Settings are missing, unsafe or malformed; the message names each, and no secret. Start-up stops.

    A command of ``flask`` shows the message and ends with exit status 1.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = list(problems)
        heading = f"{len(problems)} problems in the configuration:"
        super().__init__("\n  ".join([heading, *problems] if len(problems) > 1 else problems))


def _option(name: str, default: Any, meaning: str, *, unit: str = "", security: str = "") -> Any:
    metadata = {NAME: name, MEANING: meaning, UNIT: unit, SECURITY: security}
    if isinstance(default, (dict, list)):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force, typed. One object per application, made once at start-up."""

    demo: bool = _option(
        "OAUTH2_DEMO",
        True,
        "The mode. In the demo any name logs in and every password is `valid`. True by default, and false by default"
        " as soon as `WEBSITE_CONF` names a file.",
        security="The demo answers only this machine. Never open it to others.",
    )
    secret_key: str = _option(
        "SECRET_KEY",
        "",
        "Signs the browser's cookie. The demo makes one and keeps it in the instance folder.",
        security="Production refuses to start without one of at least 32 characters.",
    )
    key_encryption_key: str = _option(
        "OAUTH2_KEY_ENCRYPTION_KEY",
        "",
        "Encrypts the private and sealing keys in the database: 32 bytes as base64url. The demo makes one and keeps"
        " it in the instance folder.",
        security="Losing it loses every key. A changed SECRET_KEY does not touch it.",
    )
    key_encryption_key_fallbacks: list[str] = _option(
        "OAUTH2_KEY_ENCRYPTION_KEY_FALLBACKS",
        [],
        "Former key-encryption keys, still able to open what they closed.",
    )
    signing_algorithms: list[str] = _option(
        "OAUTH2_SIGNING_ALGORITHMS",
        ["ES256", "RS256"],
        "The algorithms of signatures: `ES256`, `RS256`, `PS256`, `EdDSA` (with Ed25519). Each has keys of its own; the"
        " first one signs for whoever chose none, and JWT access tokens. After a change run `flask initdb`."
        " Environment: JSON.",
    )
    instance_path: str = _option(
        "OAUTH2_INSTANCE_PATH",
        "instance",
        "Folder of the default SQLite file and of the secrets that the demo makes; relative to the working folder.",
        security="Holds secrets: readable by the server's own user only.",
    )
    database_uri: str = _option(
        "SQLALCHEMY_DATABASE_URI",
        "sqlite:///db.sqlite",
        "Where the data is. SQLite paths without a leading slash are relative to the instance folder. For PostgreSQL:"
        " `postgresql+psycopg://user:password@host/database`.",
    )
    sqlite_synchronous: str = _option(
        "OAUTH2_SQLITE_SYNCHRONOUS",
        "",
        "`FULL`: what was acknowledged is on disk. `NORMAL`: faster, a power cut may lose the last moments."
        " Empty: NORMAL in the demo, FULL otherwise.",
    )
    issuer: str = _option(
        "OAUTH2_ISSUER",
        "",
        "The issuer identifier, an https URL without query or fragment (:rfc:`8414#section-2`). In the demo empty:"
        " the request's own scheme and host.",
        security="Production refuses to start without it: it never follows a Host header.",
    )
    trusted_proxies: int = _option(
        "OAUTH2_TRUSTED_PROXIES",
        0,
        "How many reverse proxies in front may set `X-Forwarded-For`, `-Proto` and `-Host`.",
        unit="proxies",
        security="With 0 those headers are ignored. Never count a proxy that passes on what clients send.",
    )
    scopes: dict[str, str] = _option(
        "OAUTH2_SCOPES",
        DEFAULT_SCOPES,
        "Scopes that this server knows beside those of OpenID Connect, each with the plain words that the consent page"
        " shows; for one of OpenID Connect, the words instead of ours. New clients have them filled in. Environment:"
        " JSON.",
    )
    specs: dict[str, bool] = _option(
        "OAUTH2_SPECS",
        {},
        'Switches specifications off or on by name, e.g. `{"rfc6749_implicit": False}`. A dotted name loads a module'
        " of your own. From the environment: JSON.",
    )
    pkce_required_for: str = _option(
        "OAUTH2_PKCE_REQUIRED_FOR",
        "all",
        "`all`: every client of the code grant must use PKCE. `public`: only clients without a secret."
        " A client's own page may override it.",
        security="`all` protects confidential clients against code injection too (RFC 9700, section 2.1.1).",
    )
    access_token_seconds: int = _option(
        "OAUTH2_ACCESS_TOKEN_SECONDS",
        600,
        "Lifetime of an access token.",
        unit="seconds",
        security="A leaked bearer token works this long unless it is revoked.",
    )
    token_expires_in: dict[str, Any] = _option(
        "OAUTH2_TOKEN_EXPIRES_IN",
        {},
        'Lifetimes of access tokens by grant type, where they differ: `{"password": 300}`. Environment: JSON.',
        unit="seconds",
    )
    issues_refresh_tokens: bool = _option(
        "OAUTH2_REFRESH_TOKEN_GENERATOR",
        True,
        "Whether clients that registered the refresh_token grant get refresh tokens.",
    )
    authorization_code_seconds: int = _option(
        "OAUTH2_AUTHORIZATION_CODE_SECONDS",
        60,
        "Lifetime of an authorization code, 600 at most.",
        unit="seconds",
    )
    refresh_token_seconds: int = _option(
        "OAUTH2_REFRESH_TOKEN_SECONDS",
        90 * 86400,
        "How long a grant can be refreshed at all, however often it is.",
        unit="seconds",
    )
    refresh_token_idle_seconds: int = _option(
        "OAUTH2_REFRESH_TOKEN_IDLE_SECONDS",
        30 * 86400,
        "How long a refresh token may lie unused.",
        unit="seconds",
    )
    refresh_token_grace_seconds: int = _option(
        "OAUTH2_REFRESH_TOKEN_GRACE_SECONDS",
        0,
        "How long after a rotation the token just before it is still answered (0 to 30), so that a retry converges.",
        unit="seconds",
        security="Within it, reuse of the preceding token is not taken for theft; it is answered three times at most.",
    )
    revoke_grant_with_access_token: bool = _option(
        "OAUTH2_REVOKE_GRANT_WITH_ACCESS_TOKEN",
        False,
        "Whether revoking an access token ends its refresh token too (:rfc:`7009#section-2.1`).",
    )
    consent_seconds: int = _option(
        "OAUTH2_CONSENT_SECONDS",
        365 * 86400,
        "How long a consent is remembered before the user is asked again.",
        unit="seconds",
    )
    secret_overlap_seconds: int = _option(
        "OAUTH2_SECRET_OVERLAP_SECONDS",
        86400,
        "How long the former client secret still works after it was rotated.",
        unit="seconds",
    )
    display_name: str = _option("OAUTH2_DISPLAY_NAME", "Grantwright", "What the pages call this server.")
    look: str = _option(
        "OAUTH2_LOOK",
        "",
        "A folder with a look of your own, relative to the working folder. What is in `templates/` replaces our pages;"
        " what is in `static/` is served under `/look/`: there `look.css` is loaded after our stylesheet, and"
        " `mark.svg` is shown instead of our mark.",
        security="Its templates are code: they see what the pages see.",
    )
    session_seconds: int = _option(
        "OAUTH2_SESSION_SECONDS",
        14 * 86400,
        "How long a login lasts at most.",
        unit="seconds",
    )
    session_idle_seconds: int = _option(
        "OAUTH2_SESSION_IDLE_SECONDS",
        2 * 86400,
        "How long a login lasts unused.",
        unit="seconds",
    )
    login_tries_per_account: int = _option(
        "OAUTH2_LOGIN_TRIES_PER_ACCOUNT",
        5,
        "How many wrong passwords in a row an account takes before each further one makes the next try wait: 1 second,"
        " then 2, 4, 8. 0 switches it off.",
        unit="tries",
        security="Slows down whoever guesses the password of one account. Nobody is ever locked out for good.",
    )
    login_tries_per_address: int = _option(
        "OAUTH2_LOGIN_TRIES_PER_ADDRESS",
        20,
        "The same for one address (for IPv6 its /64 network), whatever accounts it tries. 0 switches it off.",
        unit="tries",
        security="Slows down whoever tries one password on many accounts.",
    )
    login_max_wait_seconds: int = _option(
        "OAUTH2_LOGIN_MAX_WAIT_SECONDS", 900, "The longest that a further try at a login has to wait.", unit="seconds"
    )
    rate_limits: dict[str, Any] = _option(
        "OAUTH2_RATE_LIMITS",
        {},
        "Requests a minute that one address may send (for IPv6 its /64 network), where they differ from the defaults:"
        ' `{"token": 6000, "authorize": 600, "login": 120}`; 0 switches one off. Each process counts for itself. The'
        " demo has none. Environment: JSON.",
        unit="requests a minute",
    )
    event_seconds: int = _option(
        "OAUTH2_EVENT_SECONDS",
        365 * 86400,
        "How long security events are kept before `flask prune` deletes them.",
        unit="seconds",
    )
    error_pages: bool = _option(
        "OAUTH2_ERROR_PAGES",
        True,
        "Whether this server serves a page about every error that it sends, below `/errors`, and names it in each error"
        " as `error_uri` (:rfc:`6749#section-5.2`). Off: no `error_uri`, and `/errors` answers 404.",
        security="The pages are the same for everybody, tell nothing of a request, and need no login.",
    )
    drain_file: str = _option(
        "OAUTH2_DRAIN_FILE",
        "draining",
        "While this file exists, `/readyz` answers 503 and connections are not kept open: `flask drain` makes it before"
        " a node is stopped. Relative to the instance folder. Each node needs a file of its own.",
    )
    access_log: bool = _option(
        "OAUTH2_ACCESS_LOG",
        True,
        "One line of JSON per request: method, path without its query, status, time, client address, request id.",
    )
    log_level: str = _option("OAUTH2_LOG_LEVEL", "INFO", "`DEBUG`, `INFO`, `WARNING` or `ERROR`.")
    max_body_bytes: int = _option(
        "OAUTH2_MAX_BODY_BYTES", 64 * 1024, "Largest body of a request; above it 413.", unit="bytes"
    )
    max_form_fields: int = _option("OAUTH2_MAX_FORM_FIELDS", 100, "Most fields of a form; above it 413.", unit="fields")
    insecure_transport: bool = _option(
        "AUTHLIB_INSECURE_TRANSPORT",
        False,
        "Lets plain http pass. The demo needs it; nothing else may have it.",
        security="Production refuses to start with it: tokens would travel in clear.",
    )

    @property
    def sqlite_synchronous_mode(self) -> str:
        return self.sqlite_synchronous or ("NORMAL" if self.demo else "FULL")

    def access_token_lifetime(self, grant_type: str) -> int:
        """Return how many seconds an access token of a grant type lives."""
        lifetime: int = self.token_expires_in.get(grant_type, self.access_token_seconds)
        return lifetime


def by_name() -> Mapping[str, Field[Any]]:
    """Return each setting's field by its public name, in the order of the class."""
    return MappingProxyType({item.metadata[NAME]: item for item in fields(Settings)})


def default_of(item: Field[Any]) -> Any:
    return item.default_factory() if item.default_factory is not MISSING else item.default
