"""A client's subject type and sector (OpenID Connect Core 1.0, section 8), which determine its users' identifiers.

Both are fixed in columns when a client is created. If they followed the metadata, a client could find out a user's
identifier in any sector by registering a redirect URI there. Only an operator's command can change them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from .. import redirect_uris
from .client import Client
from .metadata import MetadataProblems

PUBLIC, PAIRWISE = "public", "pairwise"
TYPE_FIELD, SECTOR_FIELD = "subject_type", "sector_identifier_uri"
MAX_SECTOR_CHARACTERS = 255
#: The prefix of a client's own sector; no host begins with it.
OF_ONE_CLIENT = "client:"


def type_of(metadata: Mapping[str, Any]) -> str:
    """Return the subject type according to the metadata."""
    return PAIRWISE if metadata.get(TYPE_FIELD) == PAIRWISE else PUBLIC


def sector_of(metadata: Mapping[str, Any], row_id: str) -> str:
    """Return the sector of a new client: the host of its sector identifier URI, or of its redirect URIs.

    Loopback and private-use schemes don't belong to anybody in particular, so such a client gets its own sector.
    """
    sector_uri = _named(metadata)
    host = _host(sector_uri)
    if not host or redirect_uris.is_loopback_or_private(sector_uri):
        return OF_ONE_CLIENT + row_id
    return host[:MAX_SECTOR_CHARACTERS]


def former_sector_of(metadata: Mapping[str, Any]) -> str:
    """Return the sector as computed before it had a column, which older clients still use."""
    sector_uri = _named(metadata)
    return (_host(sector_uri) or sector_uri.partition(":")[0].lower())[:MAX_SECTOR_CHARACTERS]


def find_change_problems(client: Client, metadata: Mapping[str, Any]) -> MetadataProblems:
    """Return the problems with new metadata that would change a client's subject type or sector."""
    problems = MetadataProblems()
    if type_of(metadata) != client.subject_type:
        problems.add(
            TYPE_FIELD,
            f"It can't be changed from {client.subject_type}, as users' identifiers depend on it. An operator can"
            " change it with flask clients, which ends the client's grants.",
        )
    elif client.subject_type == PAIRWISE and _is_elsewhere(client, metadata):
        problems.add(
            SECTOR_FIELD if SECTOR_FIELD in metadata else "redirect_uris",
            "This would change the client's sector, and with it the identifiers of its users. Keep the host, or ask an"
            " operator to change the sector with flask clients, which ends the client's grants.",
        )
    return problems


def _is_elsewhere(client: Client, metadata: Mapping[str, Any]) -> bool:
    own = {client.sector, sector_of(client.metadata, client.id), former_sector_of(client.metadata)}
    return own.isdisjoint((sector_of(metadata, client.id), former_sector_of(metadata)))


def _named(metadata: Mapping[str, Any]) -> str:
    return str(metadata.get(SECTOR_FIELD) or next(iter(metadata.get("redirect_uris") or ()), ""))


def _host(uri: str) -> str:
    try:
        return urlsplit(uri).hostname or ""
    except ValueError:
        return ""
