"""What pages show of clients' logos: the address of a picture, and what became of it on the client's own page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask import url_for

from ...clients import Client
from ...clients.logos import ClientLogos, LogoState
from ..current.authorization_server import authorization_server
from ..current.login_session import current_account


@dataclass(frozen=True, slots=True)
class ShownLogo:
    """What the page of a client says of its logo: where the picture is, and what became of the fetch."""

    address: str
    state: LogoState | None
    #: Whether an operator has to allow it first.
    waits_for_operator: bool
    may_be_fetched: bool


def logo_addresses(clients: Iterable[Client]) -> dict[str, str]:
    """Return where the logos of clients are, by their row; those without one that pages may show are left out."""
    return {row_id: _address_of(row_id, digest) for row_id, digest in _logos().digests_of(clients).items()}


def logo_address(client: Client | None) -> str:
    """Return where the logo of a client is; empty where there is none that pages may show."""
    return "" if client is None else logo_addresses([client]).get(client.id, "")


def describe_logo(client: Client) -> ShownLogo | None:
    """Return what a client's own page says of its logo; ``None`` where it has none, or logos are switched off."""
    logos = _logos()
    if not logos.is_on or not (client.metadata.get("logo_uri") or client.shows_logo):
        return None
    waits, state = client.is_self_registered and client.shows_logo is None, logos.state_of(client)
    return ShownLogo(logo_address(client), state, waits, may_be_fetched(client, state))


def may_be_fetched(client: Client, state: LogoState | None) -> bool:
    """Tell whether the person who is logged in may have a client's logo fetched: not in place of an operator's."""
    is_operators = state is not None and state.is_uploaded
    has_uri = _logos().may_show(client) and bool(client.metadata.get("logo_uri"))
    return has_uri and (not is_operators or current_account().is_operator)


def _address_of(row_id: str, digest: str) -> str:
    return url_for("logo_pictures.show_picture", row_id=row_id, digest=digest)


def _logos() -> ClientLogos:
    logos: ClientLogos = authorization_server().clients.logos
    return logos
