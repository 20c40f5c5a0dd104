"""Clients with metadata documents: fetching the documents, storing what they say, and how long that counts.

A client has a row like every other one, so that grants, consents, events and pruning work. Its document is fetched when
somebody uses an unknown URL as client_id, and again after it is no longer fresh.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from .. import clock
from ..audit import Audit
from ..bounded_cache import BoundedCache
from ..database import Database
from ..database.cache_invalidation import CLIENTS, CacheInvalidation, record_change
from ..database.ending_all_access import end_everything_of_client
from ..logs import get_logger
from ..models.client import OAuth2Client
from ..models.client_document import ClientDocument
from ..models.consent import Consent
from ..outbound import Outbound
from ..outbound_errors import OutboundBusyError, OutboundError
from .client import Client
from .client_changes import ClientChangedError, ClientChanges
from .client_events import ITSELF, add_client_event
from .document_freshness import GRACE_SECONDS, fresh_seconds_of
from .document_metadata import DocumentError, DocumentUnavailableError, read_document
from .document_urls import SCHEME, host_of, is_host_allowed
from .policy import ClientPolicy

#: As the draft recommends (section 8.7); the published ones have about 1 KiB.
MAX_DOCUMENT_BYTES = 5 * 1024
CONTENT_TYPES = ("application/json",)
#: How long a document that failed isn't fetched again.
FAILURE_SECONDS = 5.0
#: How many clients with documents may wait for their first token; beyond that, the oldest is deleted.
MAX_UNUSED = 1000
MAX_CACHED_BYTES, BYTES_OF_A_STATE, BYTES_OF_A_FAILURE = 1024 * 1024, 200, 1000
log = get_logger("grantwright.client_documents")


@dataclass(frozen=True, slots=True)
class _Fetched:
    metadata: Mapping[str, Any]
    content: str
    fresh_seconds: int


class _Failure(NamedTuple):
    """A URL that failed: until when it isn't fetched again, and what was wrong with its document, if it was."""

    until: float
    problem: str | None
    was_valid: bool

    def error(self) -> DocumentError | DocumentUnavailableError:
        """Return the error to raise."""
        return (
            DocumentUnavailableError()
            if self.problem is None
            else DocumentError(self.problem, was_valid=self.was_valid)
        )


@dataclass(frozen=True, slots=True)
class DocumentState:
    """When a client's document was fetched last, and until when it is fresh."""

    fetched_at: int
    fresh_until: int


class ClientDocuments:
    """The metadata documents of the clients of one database."""

    def __init__(
        self, database: Database, changes: CacheInvalidation, audit: Audit, outbound: Outbound, clients: ClientChanges
    ) -> None:
        self._database = database
        self._cache_invalidation = changes
        self._audit = audit
        self._outbound = outbound
        self._clients = clients
        self._hosts: Collection[str] = ()
        self._states: BoundedCache[str, DocumentState] = BoundedCache(MAX_CACHED_BYTES)
        #: By URL.
        self._failures: BoundedCache[str, _Failure] = BoundedCache(MAX_CACHED_BYTES)

    def accept_from(self, hosts: Collection[str]) -> None:
        """Let the documents of these hosts count; none do while the specification is disabled."""
        self._hosts = tuple(hosts)

    def counts(self, client: Client) -> bool:
        """Tell whether a client may be used: one with a document only if its host is allowed."""
        return not client.is_document or is_host_allowed(client.client_id, self._hosts)

    def is_fresh(self, client: Client) -> bool:
        """Tell whether a client can be used without fetching its document."""
        now, state = clock.now(), self._states.get(client.id)
        if state is None or state.fresh_until <= now:
            state = self.state_of(client)  # another node may have fetched it
            if state is not None:
                self._states.put(client.id, state, BYTES_OF_A_STATE)
        return state is not None and now < state.fresh_until

    def state_of(self, client: Client) -> DocumentState | None:
        """Return the state of a client's document; ``None`` if it has to be fetched before the next use."""
        document = ClientDocument
        query = select(document.fetched_at, document.fresh_until).where(document.client == client.id)
        with self._database.reading() as session:
            found = session.execute(query).one_or_none()
        return None if found is None else DocumentState(found.fetched_at, found.fresh_until)

    def add(self, url: str, former: Client | None, policy: ClientPolicy, unused_seconds: int) -> None:
        """Fetch the document at a URL that isn't a usable client yet, and store the client.

        ``former`` is its stored client, if it was one before. Raises :class:`.document_metadata.DocumentError`, and
        :class:`.document_metadata.DocumentUnavailableError`.
        """
        fetched = self._fetch(url, policy, former)
        unused_until = clock.now() + unused_seconds
        if former is not None:
            self._store(former, fetched, unused_until)
            return
        self._delete_oldest_unused()
        columns: dict[str, Any] = {"is_self_registered": True, "unused_until": unused_until}
        try:
            client, _secret = self._clients.create(fetched.metadata, None, by=ITSELF, client_id=url, **columns)
        except IntegrityError:
            return  # another request has just stored it
        self._store(client, fetched, unused_until)

    def renew(self, client: Client, policy: ClientPolicy, may_fetch: Callable[[], bool]) -> None:
        """Fetch a client's document again, and change the client accordingly.

        If it can't be fetched, the client stays as it is for a day; if it is gone or invalid, everything of the client
        ends. If the same text was valid before, a setting has changed: then nothing ends, and the client is refused
        until an operator changes it back. ``may_fetch`` is asked just before a fetch, and counts it. Raises
        :class:`.document_metadata.DocumentError`, and :class:`.document_metadata.DocumentUnavailableError`.
        """
        if client.unused_until is None:
            self._outbound.vouch_for(host_of(client.client_id))
        try:
            fetched = self._fetch(client.client_id, policy, client, may_fetch)
        except DocumentError as error:
            if not error.was_valid:
                self._withdraw(client, str(error))
            raise
        except DocumentUnavailableError:
            state = self.state_of(client)
            if state is None or clock.now() >= state.fresh_until + GRACE_SECONDS:
                raise
            return
        self._store(client, fetched, client.unused_until)

    def _fetch(
        self, url: str, policy: ClientPolicy, client: Client | None, may_fetch: Callable[[], bool] | None = None
    ) -> _Fetched:
        """Fetch and read a document, but not within seconds after a failure. Raises what :meth:`add` raises."""
        failure, content = self._failures.get(url), None
        if failure is not None and failure.until > time.monotonic():
            raise failure.error()
        if may_fetch is not None and not may_fetch():
            raise DocumentUnavailableError
        try:
            answer = self._outbound.fetch_answer(
                url, CONTENT_TYPES, max_bytes=MAX_DOCUMENT_BYTES, remembers_failure=False
            )
            content = answer.body.decode(errors="replace")
            return _Fetched(
                metadata=read_document(url, answer.body, policy, client),
                content=content,
                fresh_seconds=fresh_seconds_of(answer.caching),
            )
        except (OutboundError, DocumentError, DocumentUnavailableError) as error:
            was_valid = client is not None and content is not None and content == self._stored_content(client)
            failure = _Failure(time.monotonic() + FAILURE_SECONDS, _find_problem(error), was_valid)
            log.warning("a metadata document can't be used", client=url, reason=str(error), was_valid=was_valid)
            if not isinstance(error, OutboundBusyError):  # then nothing was sent
                self._failures.put(url, failure, BYTES_OF_A_FAILURE)
            raise failure.error() from None

    def _stored_content(self, client: Client) -> str | None:
        with self._database.reading() as session:
            return session.scalar(select(ClientDocument.content).where(ClientDocument.client == client.id))

    def _store(self, client: Client, fetched: _Fetched, unused_until: int | None) -> None:
        """Store what a document says, and then the document itself: until then, the client has to be fetched."""
        try:
            self._clients.replace_metadata(client, fetched.metadata, by=ITSELF)
        except ClientChangedError:
            raise DocumentUnavailableError from None  # the next request judges it again
        row_id, now = client.id, clock.now()
        state = DocumentState(now, now + fetched.fresh_seconds)
        with self._database.writing() as session:
            row = session.get(OAuth2Client, row_id, with_for_update=True)
            if row is None:
                raise DocumentUnavailableError
            session.merge(
                ClientDocument(client=row_id, fetched_at=now, fresh_until=state.fresh_until, content=fetched.content)
            )
            if row.unused_until is not None and row.unused_until != unused_until:
                row.unused_until = unused_until  # usable again
                record_change(session, CLIENTS, row_id)
        self._cache_invalidation.forget_recorded(session)
        self._states.put(row_id, state, BYTES_OF_A_STATE)

    def _withdraw(self, client: Client, reason: str) -> None:
        """End everything of a client whose document is gone; pruning deletes it unless the document comes back."""
        with self._database.writing() as session:
            row = session.get(OAuth2Client, client.id, with_for_update=True)
            if row is None or session.get(ClientDocument, client.id) is None:
                return  # another request has done it
            end_everything_of_client(session, row)
            session.execute(delete(Consent).where(Consent.client == row.id))
            session.execute(delete(ClientDocument).where(ClientDocument.client == row.id))
            row.unused_until = clock.now()
            record_change(session, CLIENTS, row.id)
            add_client_event(self._audit, session, "client_document_withdrawn", row, ITSELF, {"reason": reason})
        self._cache_invalidation.forget_recorded(session)

    def count_new(self, seconds: int) -> int:
        """Return how many clients with documents were stored in the last seconds."""
        client = OAuth2Client
        new = client.client_id.startswith(SCHEME), client.created_at > clock.now() - seconds
        with self._database.reading() as session:
            return session.scalar(select(func.count()).select_from(client).where(*new)) or 0

    def _delete_oldest_unused(self) -> None:
        """Delete what exceeds the limit of clients that wait for their first token: strangers can add any number."""
        client = OAuth2Client
        waiting = client.client_id.startswith(SCHEME), client.unused_until.is_not(None), client.disabled_at.is_(None)
        with self._database.reading() as session:
            count = session.scalar(select(func.count()).select_from(client).where(*waiting)) or 0
            oldest = select(client.id).where(*waiting).order_by(client.unused_until, client.id)
            row_ids = session.scalars(oldest.limit(count - MAX_UNUSED + 1)).all() if count >= MAX_UNUSED else ()
        for row_id in row_ids:
            self._clients.delete(row_id)


def _find_problem(error: OutboundError | DocumentError | DocumentUnavailableError) -> str | None:
    """Return what is wrong with a document that isn't there or isn't valid; ``None`` if it may be fetched later."""
    if isinstance(error, DocumentError):
        return str(error)
    if isinstance(error, OutboundError) and error.is_final:
        return f"It can't be used: {error}."
    return None
