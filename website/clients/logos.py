"""Owns the logos of clients: fetching one once, keeping it, and finding it for the pages.

No browser of ours is ever sent to a ``logo_uri``: its host would see who logs in where. The picture is fetched when
somebody who may have it shown names it, and again only when one of them asks for that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select

from .. import clock
from ..audit import FAILURE, SUCCESS, Audit
from ..database import Database, DatabaseUnavailableError
from ..logs import get_logger
from ..models.client import OAuth2Client
from ..models.client_logo import ClientLogo
from ..outbound import Outbound, OutboundBusyError, OutboundError, OutboundFailedLatelyError, OutboundUnreachableError
from .client import Client
from .events import add_client_event
from .raster_pictures import TYPES, PictureError, type_of_picture

log = get_logger("grantwright.logos")


@dataclass(frozen=True, slots=True)
class LogoState:
    """What became of a client's logo: the digest of the picture that is kept, why there is no newer one, and when."""

    digest: str | None
    problem: str | None
    tried_at: int


class ClientLogos:
    """The logos of the clients of one database."""

    def __init__(self, database: Database, outbound: Outbound, audit: Audit, *, is_on: bool) -> None:
        self._database = database
        self._outbound = outbound
        self._audit = audit
        self.is_on = is_on

    def may_show(self, client: Client) -> bool:
        """Tell whether pages may show a logo of this client: they do once it was fetched."""
        return self.is_on and client.may_show_logo

    def fetch_missing(self, client: Client, by: str | None = None) -> str:
        """Fetch a logo that nobody has tried to fetch yet; return why that failed, or nothing.

        The client was stored before: neither its logo nor the database can undo that. ``by`` is the subject who
        created or changed it, ``None`` for a command.
        """
        if not self.may_show(client):
            return ""
        try:
            return "" if self.state_of(client) is not None else self.fetch(client, by)
        except DatabaseUnavailableError as error:
            log.warning("a logo could not be kept", client=client.client_id, reason=error.reason)
            return "the database was out of reach"

    def fetch(self, client: Client, by: str | None = None) -> str:
        """Fetch a logo that may be shown, whether it is kept or not; return why that failed, or nothing.

        Takes as long as one request of :class:`~website.outbound.Outbound` may. A picture that is kept stays where its
        address fails.
        """
        uri, picture, content_type, problem = str(client.metadata["logo_uri"]), None, None, None
        try:
            picture = self._outbound.fetch(uri, TYPES)
            content_type = type_of_picture(picture)
        except (OutboundBusyError, OutboundFailedLatelyError) as error:
            if self.state_of(client) is not None:
                return f"{error}"  # nothing was sent: what is known of the address stays
            problem = str(error)
        except OutboundError as error:
            problem = _explain(error)
        except PictureError as error:
            picture, problem = None, str(error)
        self._keep(client, uri, picture, content_type, problem, by)
        return problem or ""

    def _keep(
        self,
        client: Client,
        uri: str,
        picture: bytes | None,
        content_type: str | None,
        problem: str | None,
        by: str | None,
    ) -> None:
        with self._database.writing() as session:
            row = session.get(OAuth2Client, client.id, with_for_update=True)
            if row is None or row.client_metadata.get("logo_uri") != uri:
                return  # deleted or changed meanwhile
            logo = session.get(ClientLogo, client.id)
            if logo is None or logo.logo_uri != uri:
                logo = session.merge(
                    ClientLogo(client=client.id, logo_uri=uri, content_type=None, picture=None, digest=None)
                )
            if picture is not None:
                logo.content_type, logo.picture = content_type, picture
                logo.digest = hashlib.sha256(picture).hexdigest()
            logo.problem, logo.tried_at = problem, clock.now()
            detail = {"logo_uri": uri} if problem is None else {"logo_uri": uri, "reason": problem}
            outcome = SUCCESS if problem is None else FAILURE
            add_client_event(self._audit, session, "client_logo_fetched", row, by, detail, outcome)

    def state_of(self, client: Client) -> LogoState | None:
        """Return what became of the logo that a client has now; ``None`` where nobody tried to fetch it."""
        logo = ClientLogo
        wanted = select(logo.digest, logo.problem, logo.tried_at).where(
            logo.client == client.id, logo.logo_uri == client.metadata.get("logo_uri")
        )
        with self._database.reading() as session:
            found = session.execute(wanted).one_or_none()
        return None if found is None else LogoState(found.digest, found.problem, found.tried_at)

    def digests_of(self, clients: Iterable[Client]) -> dict[str, str]:
        """Return the digests of the pictures that pages may show, by client's row, in one question to the database."""
        shown = (client for client in clients if client.is_enabled and self.may_show(client))
        uris = {client.id: client.metadata["logo_uri"] for client in shown}
        if not uris:
            return {}
        logo = ClientLogo
        wanted = select(logo.client, logo.logo_uri, logo.digest).where(logo.client.in_(uris), logo.digest.is_not(None))
        with self._database.reading() as session:
            # A node of a former release may have changed the URI without dropping the picture of the one before.
            return {row.client: row.digest for row in session.execute(wanted) if row.logo_uri == uris[row.client]}

    def read(self, client: Client, digest: str) -> tuple[str, bytes] | None:
        """Return the media type and the bytes of a client's logo, if that is what it is now and pages may show it."""
        if not self.may_show(client):
            return None
        logo = ClientLogo
        wanted = select(logo.content_type, logo.picture).where(
            logo.client == client.id, logo.digest == digest, logo.logo_uri == client.metadata["logo_uri"]
        )
        with self._database.reading() as session:
            found = session.execute(wanted).one_or_none()
        return None if found is None or found.picture is None else (found.content_type, found.picture)


def _explain(error: OutboundError) -> str:
    """Say why a fetch failed, to whoever runs the client: nothing that tells an inner network from an empty one."""
    if isinstance(error, OutboundUnreachableError):
        return "its address cannot be reached; it has to be a public https address"
    text = str(error)
    return f"{text}, and redirects are not followed" if text.startswith("it answered 3") else text
