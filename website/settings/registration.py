"""The settings for creating and registering clients, and for their redirect URIs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..redirect_uris import RedirectRules
from .option import option

OFF, BY_TOKEN, OPEN = "off", "token", "open"
OPERATORS, USERS = "operators", "users"
#: In OAUTH2_METADATA_DOCUMENT_HOSTS: every host.
ANY_HOST = "*"


@dataclass(frozen=True)
class RegistrationSettings:
    """The settings for creating and registering clients, and for their redirect URIs."""

    client_creation: str = option(
        "OAUTH2_CLIENT_CREATION",
        "",
        "Who may create clients on the pages. `operators`: accounts with the role operator, and with the role developer"
        " within the limits of `users` (`flask roles`). `users`: everybody with an account, within the limits for"
        " clients that register themselves. `off`: nobody. `flask clients create` always works. Empty: `operators`, or"
        " in the demo `users`, who can then choose everything that an operator can. In an embedded provider the"
        " application decides with `may_create_clients`, and only `off` has an effect here.",
        security="With `users`, anybody with an account can choose a name that others read on the consent page.",
    )
    clients_per_account: int = option(
        "OAUTH2_CLIENTS_PER_ACCOUNT",
        20,
        "How many clients an account without the operator role may have, if users may create clients. 0: no limit.",
        unit="clients",
        security="Nothing else prevents one account from filling the database.",
    )
    client_logos: bool = option(
        "OAUTH2_CLIENT_LOGOS",
        True,
        "Whether pages show clients' logos. The image at a `logo_uri` (PNG, JPEG or WebP, at most 64 KiB) is fetched"
        " when a client is created or changed on a page or by a command, and is served by this server. Off: logos are"
        " neither fetched nor shown.",
        security="The logo of a client that registered itself is only shown after an operator allows it: it may be"
        " another company's.",
    )
    registration: str = option(
        "OAUTH2_REGISTRATION",
        BY_TOKEN,
        "Who may register a client at `/oauth/register` (:rfc:`7591`). `token`: anybody with an initial access token"
        " (`flask initial-access-tokens create`). `open`: anybody; the consent page warns about such a client, and"
        " unused ones are pruned. `off`: nobody. The demo's default is `open`, with at most 60 registrations per minute"
        " and 1,000 clients, and none from another computer's web pages. `register` in `OAUTH2_RATE_LIMITS` changes the"
        " first limit; 0 removes both. An embedded provider's default is always `token`.",
        security="With `open`, strangers can choose a name that people read on the consent page.",
    )
    registration_grant_types: list[Any] = option(
        "OAUTH2_REGISTRATION_GRANT_TYPES",
        ["authorization_code", "refresh_token"],
        "The enabled grant types that clients may register for themselves, and that users who aren't operators may give"
        " to their clients. Environment: JSON.",
        security="With `client_credentials`, anybody who registers gets tokens without a user's consent; with"
        " `password` they can collect passwords; with `implicit`, tokens appear in URLs (:rfc:`9700#section-2.1.2`).",
    )
    registration_scopes: list[Any] = option(
        "OAUTH2_REGISTRATION_SCOPES",
        ["openid", "profile", "email", "address", "phone", "offline_access"],
        "The scopes of this server that clients may register for themselves; a client that names none gets all of them."
        " They also limit the clients of users who aren't operators. Environment: JSON.",
        security="Users are still asked for consent. Leave out scopes that strangers shouldn't even request.",
    )
    metadata_document_hosts: list[Any] = option(
        "OAUTH2_METADATA_DOCUMENT_HOSTS",
        [],
        "The hosts whose metadata documents identify clients (draft-ietf-oauth-client-id-metadata-document), such as"
        ' `["claude.ai", "chatgpt.com"]`; `["*"]` accepts every host. MCP clients use such a document if discovery says'
        " so, and then need no registration. Write hosts without a port. Empty: none, and discovery doesn't mention it."
        ' The demo\'s default is `["*"]`, with at most 60 new clients per minute (`register` in `OAUTH2_RATE_LIMITS`; 0'
        " means no limit). An embedded provider's default is always `[]`. Environment: JSON.",
        security="Every listed host can present clients with a name of its choice to your users. The consent page shows"
        " the host and says that nobody has reviewed the client. `OAUTH2_REGISTRATION_SCOPES` and"
        " `OAUTH2_REGISTRATION_GRANT_TYPES` limit what they can ask for.",
    )
    unused_client_seconds: int = option(
        "OAUTH2_UNUSED_CLIENT_SECONDS",
        86400,
        "How long a client from open registration, or with a metadata document, is kept if it never gets a token; then"
        " `flask prune` deletes it.",
        unit="seconds",
    )
    redirect_schemes: list[Any] = option(
        "OAUTH2_REDIRECT_SCHEMES",
        ["cursor", "vscode", "vscode-insiders"],
        "Schemes without a dot that redirect URIs may use, in addition to `https` and private-use schemes such as"
        " `com.example.app`. Environment: JSON.",
        security="Any program can claim such a scheme, as it isn't tied to a domain name. Users are asked for consent"
        " every time.",
    )
    redirect_http_hosts: list[Any] = option(
        "OAUTH2_REDIRECT_HTTP_HOSTS",
        [],
        "Hosts on your private network that redirect URIs and post-logout redirect URIs may reach with plain `http`:"
        ' names and private IP addresses, without ports, e.g. `["nas.lan", "192.168.1.20"]`. Environment: JSON.',
        security="Codes for these hosts are sent unencrypted: anybody listening on that network can read them (RFC"
        " 9700, section 2.6). PKCE prevents their use.",
    )

    @property
    def redirect_rules(self) -> RedirectRules:
        """The redirect URIs that are allowed in addition to those in the standards."""
        hosts = (str(host).lower().strip("[]") for host in self.redirect_http_hosts)
        return RedirectRules(frozenset(self.redirect_schemes), frozenset(hosts))
