"""The errors of outgoing requests, and what each says about the URL."""

from __future__ import annotations

from http import HTTPStatus

GONE = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)


class OutboundError(Exception):
    """A client's URL could not be fetched; the message is for the log, not for any remote party.

    ``is_temporary`` means that the same request may succeed later; ``is_final``, that its host says there is nothing
    usable at the URL. An error that is neither may be anybody's on the way, such as a redirect to a login page.
    """

    is_temporary = False
    is_final = False

    def __init__(self, text: str, *, is_temporary: bool | None = None, is_final: bool | None = None) -> None:
        super().__init__(text)
        if is_temporary is not None:
            self.is_temporary = is_temporary
        if is_final is not None:
            self.is_final = is_final


class OutboundBusyError(OutboundError):
    """Not the URL's fault: too many requests are in progress, its host was slow recently, or there was no time left."""

    is_temporary = True


class OutboundFailedLatelyError(OutboundError):
    """Nothing was sent: the URL itself failed recently."""


class OutboundUnreachableError(OutboundError):
    """No connection was made, or it broke; or we never connect to that address. The text is for the log alone."""


class OutboundUnusableError(OutboundError):
    """The response arrived, but its type, encoding or length isn't acceptable."""

    is_final = True


class OutboundStatusError(OutboundError):
    """The response has another status than 200."""

    def __init__(self, status: int) -> None:
        super().__init__(f"it returned {status}", is_temporary=_may_pass(status), is_final=status in GONE)


def _may_pass(status: int) -> bool:
    """Tell whether a status says that the server itself is in trouble, and not that the address is wrong."""
    return status in (HTTPStatus.TOO_MANY_REQUESTS, *range(500, 600))
