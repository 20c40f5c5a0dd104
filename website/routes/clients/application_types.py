"""What a client is, in a person's words, by its grants and redirect URIs."""

from __future__ import annotations

from urllib.parse import urlsplit

from ...clients import Client
from ...clients.metadata import DEVICE_CODE
from ...redirect_uris import is_loopback_or_private
from ...translatable import N_
from .try_it_callback import callback_uri, lists_only_callback

WITH_PERSON = frozenset(("authorization_code", "implicit"))


def name_type(client: Client) -> str:
    """Return what kind of application a client is."""
    if DEVICE_CODE in client.grant_types:
        return N_("Device")
    if WITH_PERSON.isdisjoint(client.grant_types):
        return N_("API") if client.may_introspect else N_("Machine")
    if not client.is_public:
        return N_("Web app")
    if lists_only_callback(client):
        return N_("Test app")
    return N_("Native app") if is_native(client) else N_("Single-page app")


def is_native(client: Client) -> bool:
    """Tell whether a client without a secret runs on a person's device, not in their browser."""
    callback = callback_uri()
    redirect_uris = [uri for uri in client.redirect_uris if uri != callback]
    return all(map(is_loopback_or_private, redirect_uris)) and not _is_of_development_server(client, redirect_uris)


def _is_of_development_server(client: Client, redirect_uris: list[str]) -> bool:
    """Tell whether a person registered localhost with a port, as the development servers of single-page apps have.

    Native apps use 127.0.0.1, on any port (:rfc:`8252#section-8.3`); those that register themselves often don't.
    """
    addresses = [urlsplit(uri) for uri in redirect_uris]
    return not client.is_self_registered and any(
        address.hostname == "localhost" and address.port for address in addresses
    )
