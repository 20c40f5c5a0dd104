"""Pairwise subjects (OpenID Connect Core 1.0, section 8.1): each sector gets a different identifier for a user.

https://openid.net/specs/openid-connect-core-1_0.html#PairwiseAlg

This way, clients of different owners can't find out that they share a user. The identifiers are random and stored, so
they can't be reversed, and no key has to be kept forever. Clients with several hosts need a ``sector_identifier_uri``
that lists their redirect URIs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert

from ...clients import Client
from ...clients.field_checks import FetchingCheck, UncheckedFieldError, document_url, one_of
from ...clients.subject_types import PAIRWISE, PUBLIC, SECTOR_FIELD, TYPE_FIELD, sector_of
from ...database import Database, Statement
from ...database.tables import table_of
from ...identifiers import new_identifier
from ...logs import get_logger
from ...models.pairwise_subject import PairwiseSubject
from ...outbound import Outbound
from ...outbound_errors import OutboundError
from ...settings import Settings
from ..server import AuthorizationServer

REQUIRES = ("oidc_core_id_token",)

_subjects = table_of(PairwiseSubject)
_pairwise = _subjects.c
READ_PAIRWISE = Statement(
    select(_pairwise.identifier).where(
        _pairwise.subject == bindparam("subject_"), _pairwise.sector == bindparam("sector_")
    )
)
#: The same SQL on SQLite and PostgreSQL: of two concurrent inserts one wins, and both return it.
MAKE_PAIRWISE = Statement(
    postgresql_insert(_subjects)
    .values(subject=bindparam("subject"), sector=bindparam("sector"), identifier=bindparam("identifier"))
    .on_conflict_do_update(
        index_elements=[_pairwise.subject, _pairwise.sector], set_={"identifier": _pairwise.identifier}
    )
    .returning(_pairwise.identifier)
)


NOT_FETCHED = "It can't be fetched: it must return a JSON list of redirect URIs."
log = get_logger("grantwright.pairwise_subjects")


class PairwiseSubjects:
    """The pairwise subjects of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, client: Client, subject: str) -> str:
        """Return the user's identifier for a client, created when its sector first needs it."""
        parameters = {"subject_": subject, "sector_": client.sector}
        row = self._database.one(READ_PAIRWISE, **parameters)
        if row is not None:
            return str(row[0])
        new = new_identifier()
        row = self._database.write_one(MAKE_PAIRWISE, subject=subject, sector=parameters["sector_"], identifier=new)
        return str(row[0]) if row is not None else new


def _check_type(value: Any, metadata: Mapping[str, Any]) -> str:
    problem = one_of((PUBLIC, PAIRWISE))(value, metadata)
    if problem:
        return problem
    sectors = {sector_of({"redirect_uris": [uri]}, "") for uri in metadata.get("redirect_uris", ())}
    if value == PAIRWISE and len(sectors) > 1 and SECTOR_FIELD not in metadata:
        return f"Redirect URIs on several hosts need a {SECTOR_FIELD}."
    return ""


def _sector_check(outbound: Outbound) -> FetchingCheck:
    def check(value: Any, metadata: Mapping[str, Any]) -> str:
        """Check the list of redirect URIs at a URL (OpenID Connect Registration 1.0, section 5)."""
        problem = document_url(value, metadata)
        if problem:
            return problem
        try:
            # A list, which the parser for objects doesn't accept; duplicates are harmless in it.
            listed = json.loads(outbound.fetch(value))
        except (OutboundError, ValueError, RecursionError) as error:
            log.info("a sector_identifier_uri can't be fetched", reason=str(error))
            if isinstance(error, OutboundError) and not error.is_final:
                raise UncheckedFieldError(NOT_FETCHED) from None
            return NOT_FETCHED
        if not isinstance(listed, list) or not set(metadata.get("redirect_uris", ())) <= {
            uri for uri in listed if isinstance(uri, str)
        }:
            return "One of the client's redirect URIs is not in the list there."
        return ""

    return FetchingCheck(check, _is_list_settled)


def _is_list_settled(metadata: Mapping[str, Any], former: Mapping[str, Any]) -> bool:
    """Tell whether the list at the same URL had all redirect URIs when it was read before."""
    is_same = metadata.get(SECTOR_FIELD) == former.get(SECTOR_FIELD)
    return is_same and set(metadata.get("redirect_uris", ())) <= set(former.get("redirect_uris", ()))


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.registry.add_subject_type(PAIRWISE, PairwiseSubjects(server.database))
    server.registry.add_client_field(TYPE_FIELD, _check_type)
    server.registry.add_client_field(SECTOR_FIELD, _sector_check(server.outbound))
    server.registry.add_metadata(subject_types_supported=[PAIRWISE])
