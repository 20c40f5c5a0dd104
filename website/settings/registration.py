"""The settings of how clients come to be: created on a page or registering themselves, with which redirect URIs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..redirect_uris import RedirectRules
from .option import option

OFF, BY_TOKEN, OPEN = "off", "token", "open"
OPERATORS, USERS = "operators", "users"


@dataclass(frozen=True)
class RegistrationSettings:
    """The settings of how clients come to be: created on a page, or registering themselves."""

    client_creation: str = option(
        "OAUTH2_CLIENT_CREATION",
        "",
        "Who may create clients on the pages. `operators`: accounts with that role, which `flask users set NAME"
        " --operator` gives. `users`: everybody with an account, within what clients that register themselves may"
        " have. `off`: nobody. `flask clients create` works with each of them. Empty: `users` in the demo, where"
        " everybody may choose what an operator may, and `operators` otherwise. In an embedded provider the host"
        " decides by `may_create_clients`, and only `off` counts here.",
        security="With `users`, people with an account choose the names that others read when they are asked for"
        " consent.",
    )
    clients_per_account: int = option(
        "OAUTH2_CLIENTS_PER_ACCOUNT",
        20,
        "How many clients an account that is not an operator's may have, where users may create clients. 0: as many"
        " as it likes.",
        unit="clients",
        security="Nothing else stops one account from filling the database.",
    )
    client_logos: bool = option(
        "OAUTH2_CLIENT_LOGOS",
        True,
        "Whether pages show clients' logos. The picture at a `logo_uri` (PNG, JPEG or WebP, at most 64 KiB) is fetched"
        " when the client is created or changed on a page or by a command, and is served by this server. Off: nothing"
        " is fetched or shown.",
        security="The logo of a client that registered itself is shown only once an operator allows it: it may be"
        " another company's.",
    )
    registration: str = option(
        "OAUTH2_REGISTRATION",
        BY_TOKEN,
        "Who may register a client at `/oauth/register` (:rfc:`7591`). `token`: whoever has an initial access token,"
        " which `flask initial-access-tokens create` makes. `open`: anybody; the consent page warns of such a client,"
        " and one that is never used is pruned. `off`: nobody. The demo is"
        " `open` by default: 60 registrations a minute, up to 1,000 clients, and none from a page of another machine's"
        " site. `register` in `OAUTH2_RATE_LIMITS` changes the first number; 0 lifts both. An embedded provider has"
        " `token` by default in the demo too.",
        security="With `open`, strangers choose the names that people read when they are asked for consent.",
    )
    registration_grant_types: list[Any] = option(
        "OAUTH2_REGISTRATION_GRANT_TYPES",
        ["authorization_code", "refresh_token"],
        "The grant types that a client may register for itself, of those that are switched on; the same for the"
        " clients of users who are not operators. Environment: JSON.",
        security="With `client_credentials` whoever registers gets tokens that no person allowed; with `password` they"
        " may collect passwords; with `implicit` tokens come through the address bar (:rfc:`9700#section-2.1.2`).",
    )
    registration_scopes: list[Any] = option(
        "OAUTH2_REGISTRATION_SCOPES",
        ["openid", "profile", "email", "address", "phone", "offline_access"],
        "The scopes that a client may register for itself, of those that this server knows; it gets all of them where"
        " it names none. The same for the clients of users who are not operators. Environment: JSON.",
        security="People are asked all the same. Leave out what no stranger should even ask for.",
    )
    unused_client_seconds: int = option(
        "OAUTH2_UNUSED_CLIENT_SECONDS",
        86400,
        "How long a client that anybody could register is kept before it got its first token; then `flask prune`"
        " deletes it.",
        unit="seconds",
    )
    redirect_schemes: list[Any] = option(
        "OAUTH2_REDIRECT_SCHEMES",
        ["cursor", "vscode", "vscode-insiders"],
        "The schemes without a dot that a redirect URI may have beside `https` and private-use schemes such as"
        " `com.example.app`. Environment: JSON.",
        security="No domain name vouches for such a scheme: any program may claim it. Its users are asked for consent"
        " each time.",
    )
    redirect_http_hosts: list[Any] = option(
        "OAUTH2_REDIRECT_HTTP_HOSTS",
        [],
        "Hosts of your private network to which redirect URIs and post-logout redirect URIs may use plain `http`: names"
        ' and private IP addresses, without ports, e.g. `["nas.lan", "192.168.1.20"]`. Environment: JSON.',
        security="Codes for these hosts travel in clear: whoever listens on that network can read them (RFC 9700,"
        " section 2.6). PKCE keeps them from using one.",
    )

    @property
    def redirect_rules(self) -> RedirectRules:
        """What redirect URIs may be beside those that the standards name."""
        hosts = (str(host).lower().strip("[]") for host in self.redirect_http_hosts)
        return RedirectRules(frozenset(self.redirect_schemes), frozenset(hosts))
