"""The sender of logout notices: it takes them from their queue, and logs what couldn't be sent.

``oidc_back_channel_logout.py`` sends one, and ``outbox/sender.py`` retries.
"""

from __future__ import annotations

from collections.abc import Callable

from ..logs import get_logger
from ..outbound_errors import OutboundError
from ..outbox import OutboxSender
from .logout_queue import LogoutQueue, Notice

log = get_logger("grantwright.outbox")
#: Sends a notice, unless it is no longer wanted. Raises :class:`OutboundError` on failure.
Send = Callable[[Notice], None]


class LogoutOutbox(OutboxSender[Notice]):
    """Sends the notices of one database."""

    def __init__(self, queue: LogoutQueue, send: Send, client_id_of: Callable[[str], str]) -> None:
        super().__init__(queue, send, self._log, name="outbox")
        #: Names a client in the log as commands do, by its row's id.
        self._client_id_of = client_id_of

    def _log(self, notice: Notice, error: Exception) -> None:
        facts = {"client": self._client_id_of(notice.client), "tries": notice.tries}
        if isinstance(error, OutboundError):
            log.warning("could not send a client its logout notice", reason=str(error), **facts)
        else:
            log.error("could not send a client its logout notice", exc_info=error, **facts)
