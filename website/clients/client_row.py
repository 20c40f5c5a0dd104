"""Reading a client from its row, and writing metadata into one, with all that follows for its grants and secrets."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType, SimpleNamespace
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from .. import redirect_uris, scopes
from ..database.grants_bound_to_logins import bind_to_logins
from ..database.withdrawn_scopes import withdraw_scopes
from ..models.client import OAuth2Client, OAuth2ClientOrigin
from ..models.client_logo import UPLOADED, ClientLogo
from .client import Client, needs_secret
from .client_jwks import keep_known_members
from .subject_types import PAIRWISE, former_sector_of, sector_of, type_of


def put_metadata(session: Session, row: OAuth2Client, metadata: dict[str, Any]) -> None:
    """Write checked metadata into a row, and update everything derived from it, including grants."""
    if row.subject_type is None:  # from an earlier release: fix its current values
        row.subject_type, row.sector = type_of(row.client_metadata), former_sector_of(row.client_metadata)
    withdraw_scopes(session, row, metadata)
    drop_former_logo(session, row, metadata)
    row.client_name, row.client_metadata = metadata["client_name"], keep_known_members(metadata)
    put_origins(row)
    if not needs_secret(metadata):
        row.secrets.clear()
    if metadata["token_endpoint_auth_method"] == "none":
        row.may_introspect = False


def drop_former_logo(session: Session, row: OAuth2Client, metadata: Mapping[str, Any]) -> None:
    """Delete the picture of a removed ``logo_uri``, and keep one that an operator uploaded."""
    if row.client_metadata.get("logo_uri") != metadata.get("logo_uri"):
        session.execute(delete(ClientLogo).where(ClientLogo.client == row.id, ClientLogo.logo_uri != UPLOADED))


def has_uploaded_logo(session: Session, row: OAuth2Client) -> bool:
    """Tell whether an operator uploaded a client's logo."""
    logo = session.get(ClientLogo, row.id)
    return logo is not None and logo.logo_uri == UPLOADED


def put_columns(session: Session, row: OAuth2Client, columns: Mapping[str, Any]) -> None:
    """Write an operator's decisions into a row; if grants should end with the login, this includes existing ones."""
    for name, value in columns.items():
        setattr(row, name, value)
    if columns.get("ends_with_login"):
        bind_to_logins(session, row)


def put_origins(row: OAuth2Client) -> None:
    """Update a client's origins from its redirect URIs and extra origins."""
    origins = {redirect_uris.origin_of(uri) for uri in row.client_metadata.get("redirect_uris", ())} - {None}
    origins.update(row.extra_origins or ())
    kept = [other for other in row.origins if other.origin in origins]
    new = origins.difference(other.origin for other in kept)
    row.origins = [*kept, *(OAuth2ClientOrigin(origin=origin) for origin in sorted(filter(None, new)))]


def fix_subjects(row: OAuth2Client) -> None:
    """Set a new client's fixed subject type and sector."""
    row.subject_type = type_of(row.client_metadata)
    row.sector = sector_of(row.client_metadata, row.id) if row.subject_type == PAIRWISE else None


def from_row(row: OAuth2Client | SimpleNamespace) -> Client:
    """Return the client of a row with loaded secrets: a model's, or one with the same attributes."""
    metadata = keep_known_members(row.client_metadata)  # an earlier release stored all members of a key
    subject_type = row.subject_type or type_of(metadata)
    return Client(
        id=row.id,
        client_id=row.client_id,
        client_name=row.client_name,
        client_uri=metadata.get("client_uri") or "",
        redirect_uris=tuple(metadata.get("redirect_uris", ())),
        grant_types=tuple(metadata.get("grant_types", ())),
        response_types=tuple(metadata.get("response_types", ())),
        scope=scopes.split(metadata.get("scope")),
        token_endpoint_auth_method=metadata["token_endpoint_auth_method"],
        secrets=tuple((secret.secret_hash, secret.expires_at) for secret in row.secrets),
        encrypted_secrets=tuple(
            (secret.id, secret.encrypted_secret, secret.expires_at) for secret in row.secrets if secret.encrypted_secret
        ),
        owner_subject=row.owner_subject,
        is_first_party=row.is_first_party,
        pkce_required=row.pkce_required,
        access_token_format=row.access_token_format,
        access_token_alg=row.access_token_alg,
        secret_either_way=row.secret_either_way,
        extra_origins=tuple(row.extra_origins or ()),
        may_introspect=row.may_introspect,
        claims_in_id_token=row.claims_in_id_token,
        subject_type=subject_type,
        sector=_find_sector(row.sector, metadata) if subject_type == PAIRWISE else "",
        ends_with_login=row.ends_with_login,
        shows_logo=row.shows_logo,
        is_listed=row.is_listed,
        # Rows from before the migration, and from nodes of the previous release, only have the token.
        is_self_registered=row.is_self_registered or row.registration_token_hash is not None,
        is_restricted=row.is_restricted,
        required_acr=row.required_acr,
        claim_maps=tuple(row.claim_maps or ()),
        registration_token_hash=row.registration_token_hash,
        unused_until=row.unused_until,
        token_epoch=row.token_epoch,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        metadata=MappingProxyType(metadata),
    )


def _find_sector(stored: str | None, metadata: Mapping[str, Any]) -> str:
    return former_sector_of(metadata) if stored is None else stored
