"""Where people open applications: their addresses, and what pages show beside them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask import request

from ...clients import Client
from ...oauth2.server import AuthorizationServer
from ...redirect_uris import is_https_or_loopback, name_of
from ..presentation.client_logos import logo_addresses


@dataclass(frozen=True, slots=True)
class AppLink:
    """An application that people can open."""

    name: str
    address: str
    host: str
    #: Where its logo is; empty without one that pages may show.
    logo: str


def app_links(server: AuthorizationServer, clients: Iterable[Client]) -> list[AppLink]:
    """Return the links to those of the clients that can be opened."""
    found = [(client, address) for client in clients if (address := app_address(server, client))]
    logos = logo_addresses(client for client, _address in found)
    return [
        AppLink(client.client_name, address, name_of(address), logos.get(client.id, "")) for client, address in found
    ]


def app_address(server: AuthorizationServer, client: Client) -> str:
    """Return where a client is opened: at its ``initiate_login_uri`` with our issuer, or else at its website.

    Empty if it has neither, or only a website without https. The link is the person's to follow: nothing redirects.
    """
    address = server.registry.login_address(client, server.issuer_of(request.environ))
    if address is not None:
        return address
    return client.client_uri if is_https_or_loopback(client.client_uri) else ""
