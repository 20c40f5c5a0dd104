"""Clients' logos: fetching, storing, and finding them for the pages.

Pages never link to a ``logo_uri`` directly, as its host would see who logs in where. The picture is fetched when
somebody with the right to show it sets it, and again only on request. An operator can upload one instead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select

from .. import clock
from ..audit import FAILURE, SUCCESS, Audit
from ..database import Database, DatabaseUnavailableError
from ..database.cache_invalidation import CLIENTS, CacheInvalidation, record_change
from ..logs import get_logger
from ..models.client import OAuth2Client
from ..models.client_logo import UPLOADED, ClientLogo
from ..outbound import MAX_BYTES, Outbound
from ..outbound_errors import OutboundBusyError, OutboundError, OutboundFailedLatelyError, OutboundUnreachableError
from .client import Client
from .client_events import add_client_event
from .raster_pictures import TYPES, PictureError, type_of_picture

log = get_logger("grantwright.logos")


@dataclass(frozen=True, slots=True)
class LogoState:
    """The state of a client's logo: digest of the stored picture, last problem, and time of the last attempt."""

    digest: str | None
    problem: str | None
    tried_at: int
    is_uploaded: bool


class ClientLogos:
    """The logos of the clients of one database."""

    def __init__(
        self,
        database: Database,
        cache_invalidation: CacheInvalidation,
        outbound: Outbound,
        audit: Audit,
        *,
        is_on: bool,
    ) -> None:
        self._database = database
        self._cache_invalidation = cache_invalidation
        self._outbound = outbound
        self._audit = audit
        self.is_on = is_on

    def may_show(self, client: Client) -> bool:
        """Tell whether pages may show this client's logo, once it's fetched."""
        return self.is_on and client.may_show_logo

    def fetch_missing(self, client: Client, by: str | None = None) -> str:
        """Fetch a logo if that hasn't been tried yet; return the problem, or "".

        The client is already stored, and a failure doesn't change that. ``by`` is the subject who created or changed
        it, ``None`` for a command.
        """
        if not self.may_show(client) or not client.metadata.get("logo_uri"):
            return ""
        try:
            return "" if self.state_of(client) is not None else self.fetch(client, by)
        except DatabaseUnavailableError as error:
            log.warning("a logo could not be stored", client=client.client_id, reason=error.reason)
            return "the database is unreachable"

    def fetch(self, client: Client, by: str | None = None, *, replaces_uploaded: bool = False) -> str:
        """Fetch a client's logo, even if it's already stored; return the problem, or "".

        Takes at most as long as a request by :class:`~website.outbound.Outbound`. A stored picture is kept if the URL
        fails, an uploaded one also if it doesn't, unless ``replaces_uploaded``: only an operator decides that.
        """
        uri, picture, content_type, problem = str(client.metadata["logo_uri"]), None, None, None
        try:
            picture = self._outbound.fetch(uri, TYPES)
            content_type = type_of_picture(picture)
        except (OutboundBusyError, OutboundFailedLatelyError) as error:
            if self.state_of(client) is not None:
                return f"{error}"  # nothing was sent, so keep the state
            problem = str(error)
        except OutboundError as error:
            problem = _explain(error)
        except PictureError as error:
            picture, problem = None, str(error)
        self._keep(client, uri, picture, content_type, problem, by, replaces_uploaded=replaces_uploaded)
        return problem or ""

    def _keep(
        self,
        client: Client,
        uri: str,
        picture: bytes | None,
        content_type: str | None,
        problem: str | None,
        by: str | None,
        *,
        replaces_uploaded: bool,
    ) -> None:
        with self._database.writing() as session:
            row = session.get(OAuth2Client, client.id, with_for_update=True)
            if row is None or row.client_metadata.get("logo_uri") != uri:
                return  # the client was deleted or changed meanwhile
            logo = session.get(ClientLogo, client.id)
            is_uploaded = logo is not None and logo.logo_uri == UPLOADED
            if is_uploaded and not replaces_uploaded:
                return  # an operator uploaded it, perhaps meanwhile
            is_kept = is_uploaded and picture is None
            if logo is None or (logo.logo_uri != uri and not is_kept):
                logo = session.merge(
                    ClientLogo(client=client.id, logo_uri=uri, content_type=None, picture=None, digest=None)
                )
            if picture is not None:
                _put_picture(logo, picture, content_type)
            logo.problem, logo.tried_at = problem, clock.now()
            detail = {"logo_uri": uri} if problem is None else {"logo_uri": uri, "reason": problem}
            outcome = SUCCESS if problem is None else FAILURE
            add_client_event(self._audit, session, "client_logo_fetched", row, by, detail, outcome)

    def upload(self, client: Client, picture: bytes, by: str | None = None) -> None:
        """Store a picture that an operator chose, and show it, whether or not the client registered itself.

        Raises :class:`~website.clients.raster_pictures.PictureError` for anything but a small PNG, JPEG or WebP.
        """
        if len(picture) > MAX_BYTES:
            raise PictureError(f"it is longer than {MAX_BYTES} bytes")
        content_type = type_of_picture(picture)
        with self._database.writing() as session:
            row = session.get_one(OAuth2Client, client.id, with_for_update=True)
            row.shows_logo = True
            logo = ClientLogo(client=row.id, logo_uri=UPLOADED, problem=None, tried_at=clock.now())
            _put_picture(logo, picture, content_type)
            session.merge(logo)
            record_change(session, CLIENTS, row.id)
            add_client_event(self._audit, session, "client_logo_uploaded", row, by, {"sha256": logo.digest})
        self._cache_invalidation.forget_recorded(session)

    def state_of(self, client: Client) -> LogoState | None:
        """Return the state of a client's current logo; ``None`` if fetching it was never tried."""
        logo = ClientLogo
        query = select(logo.digest, logo.problem, logo.tried_at, logo.logo_uri).where(
            logo.client == client.id, logo.logo_uri.in_(_uris_of(client))
        )
        with self._database.reading() as session:
            found = session.execute(query).one_or_none()
        if found is None:
            return None
        return LogoState(found.digest, found.problem, found.tried_at, found.logo_uri == UPLOADED)

    def digests_of(self, clients: Iterable[Client]) -> dict[str, str]:
        """Return the digests of the logos that pages may show, by client row, using one query."""
        shown = (client for client in clients if client.is_enabled and self.may_show(client))
        uris = {client.id: _uris_of(client) for client in shown}
        if not uris:
            return {}
        logo = ClientLogo
        query = select(logo.client, logo.logo_uri, logo.digest).where(logo.client.in_(uris), logo.digest.is_not(None))
        with self._database.reading() as session:
            # A node of an earlier release may have changed the URI without deleting the old picture.
            return {row.client: row.digest for row in session.execute(query) if row.logo_uri in uris[row.client]}

    def read(self, client: Client, digest: str) -> tuple[str, bytes] | None:
        """Return media type and bytes of a client's logo, if it's the current one and pages may show it."""
        if not self.may_show(client):
            return None
        logo = ClientLogo
        query = select(logo.content_type, logo.picture).where(
            logo.client == client.id, logo.digest == digest, logo.logo_uri.in_(_uris_of(client))
        )
        with self._database.reading() as session:
            found = session.execute(query).one_or_none()
        return None if found is None or found.picture is None else (found.content_type, found.picture)


def _put_picture(logo: ClientLogo, picture: bytes, content_type: str | None) -> None:
    logo.content_type, logo.picture = content_type, picture
    logo.digest = hashlib.sha256(picture).hexdigest()


def _uris_of(client: Client) -> tuple[str, str]:
    """Return the URIs of the pictures that a client may have now: an uploaded one, and the one that it names."""
    return UPLOADED, client.metadata.get("logo_uri") or UPLOADED


def _explain(error: OutboundError) -> str:
    """Return why a fetch failed, for the client's owner, without revealing anything about internal networks."""
    if isinstance(error, OutboundUnreachableError):
        return "its URL cannot be reached; it must be a public https URL"
    text = str(error)
    return f"{text}, and redirects are not followed" if text.startswith("it returned 3") else text
