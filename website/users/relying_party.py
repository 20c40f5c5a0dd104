"""The relying party of passkeys: the domain that they are bound to, and the origin of the pages that may use them."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from ..hosts import is_ip_address
from ..settings import Settings

#: The only host of the demo with passkeys: browsers refuse them at IP addresses.
DEMO_HOST = "localhost"


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """This server as browsers and authenticators know it (Web Authentication, Level 3, section 4)."""

    #: A domain: the host of the issuer or a parent.
    id: str
    name: str
    #: Scheme, host and port of the pages, as a browser writes them.
    origin: str


def relying_party_at(issuer: str, settings: Settings) -> RelyingParty | None:
    """Return the relying party of an issuer; ``None`` if passkeys are off, or can't work at its host."""
    rp_id, parts = rp_id_of(settings), urlsplit(issuer)
    if not rp_id or (settings.demo and parts.hostname != DEMO_HOST):
        return None
    return RelyingParty(rp_id, settings.display_name, f"{parts.scheme}://{parts.netloc}".lower())


def rp_id_of(settings: Settings) -> str:
    """Return the domain that new passkeys are bound to; "" if there can't be any."""
    if not settings.passkeys:
        return ""
    if settings.demo:
        return DEMO_HOST
    host = urlsplit(settings.issuer).hostname or ""
    return settings.passkey_rp_id or ("" if is_ip_address(host) else host)
