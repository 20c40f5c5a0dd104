"""Pairwise subjects (OpenID Connect Core 1.0, section 8.1): each sector knows a user by another identifier.

https://openid.net/specs/openid-connect-core-1_0.html#PairwiseAlg

So that clients of different owners cannot find out that they have a user in common. The identifiers are random and
stored: nothing can be computed back, and no key has to be kept for ever. Clients with several hosts name a
``sector_identifier_uri``, where their redirect URIs are listed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert

from ...clients import Client
from ...clients.field_checks import FieldCheck, document_url, one_of
from ...clients.subject_types import PAIRWISE, PUBLIC, SECTOR_FIELD, TYPE_FIELD, sector_of
from ...database import Database, Statement
from ...database.tables import table_of
from ...identifiers import new_identifier
from ...logs import get_logger
from ...models.pairwise_subject import PairwiseSubject
from ...outbound import Outbound, OutboundError
from ...settings import Settings
from ..server import AuthorizationServer

_subjects = table_of(PairwiseSubject)
_pairwise = _subjects.c
READ_PAIRWISE = Statement(
    select(_pairwise.identifier).where(
        _pairwise.subject == bindparam("subject_"), _pairwise.sector == bindparam("sector_")
    )
)
#: The same text on SQLite and PostgreSQL: of two that are made at once one stays, and both learn it.
MAKE_PAIRWISE = Statement(
    postgresql_insert(_subjects)
    .values(subject=bindparam("subject"), sector=bindparam("sector"), identifier=bindparam("identifier"))
    .on_conflict_do_update(
        index_elements=[_pairwise.subject, _pairwise.sector], set_={"identifier": _pairwise.identifier}
    )
    .returning(_pairwise.identifier)
)


log = get_logger("grantwright.pairwise_subjects")


class PairwiseSubjects:
    """The pairwise subjects of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, client: Client, subject: str) -> str:
        """Return what a client knows a user by; made at its sector's first sight of the user."""
        held = {"subject_": subject, "sector_": client.sector}
        row = self._database.one(READ_PAIRWISE, **held)
        if row is not None:
            return str(row[0])
        new = new_identifier()
        with self._database.write() as writer:
            row = writer.one(MAKE_PAIRWISE, subject=subject, sector=held["sector_"], identifier=new)
        return str(row[0]) if row is not None else new


def _check_type(value: Any, metadata: Mapping[str, Any]) -> str:
    problem = one_of((PUBLIC, PAIRWISE))(value, metadata)
    if problem:
        return problem
    sectors = {sector_of({"redirect_uris": [uri]}, "") for uri in metadata.get("redirect_uris", ())}
    if value == PAIRWISE and len(sectors) > 1 and SECTOR_FIELD not in metadata:
        return f"Redirect URIs of several hosts need a {SECTOR_FIELD}."
    return ""


def _sector_check(outbound: Outbound) -> FieldCheck:
    def check(value: Any, metadata: Mapping[str, Any]) -> str:
        """Say what is wrong with a list of redirect URIs (OpenID Connect Registration 1.0, section 5)."""
        problem = document_url(value, metadata)
        if problem:
            return problem
        try:
            # A list, which the reader of objects does not take; duplicates can do no harm in it.
            listed = json.loads(outbound.fetch(value))
        except (OutboundError, ValueError, RecursionError) as error:
            log.info("a sector_identifier_uri cannot be read", reason=str(error))
            return "It cannot be read: it has to answer with a JSON list of redirect URIs."
        if not isinstance(listed, list) or not set(metadata.get("redirect_uris", ())) <= {
            uri for uri in listed if isinstance(uri, str)
        }:
            return "A redirect URI of the client is not in the list there."
        return ""

    return check


def register(server: AuthorizationServer, settings: Settings) -> None:
    if server.write_id_token is None:
        return  # no client hears of a subject
    server.subject_types[PAIRWISE] = PairwiseSubjects(server.database)
    server.add_client_field(TYPE_FIELD, _check_type)
    server.add_client_field(SECTOR_FIELD, _sector_check(server.outbound))
    server.add_metadata(subject_types_supported=[PAIRWISE])
