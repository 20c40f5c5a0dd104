"""Changing a client's subject type or sector as an operator, which ends its grants and consents."""

from __future__ import annotations

from sqlalchemy import delete

from ..audit import Audit
from ..database import Database
from ..database.cache_invalidation import CLIENTS, CacheInvalidation, record_change
from ..database.ending_all_access import end_everything_of_client
from ..models.client import OAuth2Client
from ..models.consent import Consent
from .client_events import add_client_event
from .subject_types import MAX_SECTOR_CHARACTERS, PAIRWISE, PUBLIC, SECTOR_FIELD, TYPE_FIELD, sector_of


def find_sector_problem(subject_type: str, sector: str) -> str:
    """Return the problem with a sector, or ""; an empty sector follows from the redirect URIs."""
    if sector and subject_type == PUBLIC:
        return "Only pairwise clients have a sector."
    if len(sector) > MAX_SECTOR_CHARACTERS or not sector.isprintable():
        return f"Use at most {MAX_SECTOR_CHARACTERS} characters for the sector, none of them invisible."
    return ""


class ClientSubjects:
    """Changes subject types and sectors of the clients of one database."""

    def __init__(self, database: Database, changes: CacheInvalidation, audit: Audit) -> None:
        self._database, self._cache_invalidation, self._audit = database, changes, audit

    def change(self, row_id: str, subject_type: str, sector: str = "") -> bool:
        """Change a client's subject type or sector; tell whether that changed anything.

        Its codes, grants and consents end in the same transaction. ``sector`` must be valid; if empty, it follows from
        the client's metadata.
        """
        with self._database.writing() as session:
            row = session.get_one(OAuth2Client, row_id, with_for_update=True)
            follows = sector_of(row.client_metadata, row.id)
            new = (subject_type, (sector or follows) if subject_type == PAIRWISE else None)
            former = (row.subject_type, row.sector)
            if new == former:
                return False
            row.subject_type, row.sector = new
            kept = {name: value for name, value in row.client_metadata.items() if name != TYPE_FIELD}
            if subject_type == PAIRWISE:
                kept[TYPE_FIELD] = PAIRWISE
            else:
                kept.pop(SECTOR_FIELD, None)
            row.client_metadata = kept
            end_everything_of_client(session, row)
            session.execute(delete(Consent).where(Consent.client == row.id))
            facts = {
                "subject_type": subject_type, "sector": row.sector, "former_subject_type": former[0],
                "former_sector": former[1],
            }  # fmt: skip
            add_client_event(self._audit, session, "client_subjects_changed", row, None, facts)
            record_change(session, CLIENTS, row_id)
        self._cache_invalidation.forget_recorded(session)
        return True
