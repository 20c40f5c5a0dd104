"""Why a passkey wasn't accepted, in words for the person who used it."""

from __future__ import annotations

from flask_babel import gettext as _

from ...translatable import N_
from ...users import passkey_login, passkeys
from ...users.login_throttle import TooManyTriesError
from ...users.passkey_verification import NOT_VERIFIED, USED_CHALLENGE
from ..presentation.durations import write_wait
from .passkey_adding import EXPIRED

TOO_LATE = N_("That took too long. Try again.")
NOT_ACCEPTED = N_("The passkey wasn't accepted. Try again, or log in another way.")
_BY_REASON = {
    EXPIRED: TOO_LATE,
    USED_CHALLENGE: TOO_LATE,
    NOT_VERIFIED: N_("Your passkey didn't verify that it's you. Set up a screen lock or a PIN for it, and try again."),
    passkey_login.UNKNOWN: N_("This passkey isn't registered here. Log in another way; it may have been removed."),
    passkey_login.COUNT_REGRESSED: N_(
        "This passkey may have been copied, so it wasn't accepted. Log in another way and remove it."
    ),
    passkeys.TOO_MANY: N_("You have %(count)s passkeys, the maximum. Remove one first.", count=passkeys.MAX_PASSKEYS),
    passkeys.ALREADY_THERE: N_("This passkey is already registered."),
}


def too_many_tries(error: TooManyTriesError) -> str:
    """Return the problem after too many failures."""
    return _("Too many failed logins. Wait %(time)s and try again.", time=write_wait(error.wait_seconds))


def problem_of(reason: str) -> str:
    """Return the problem for the reason of a ``PasskeyError``."""
    return _BY_REASON.get(reason, NOT_ACCEPTED)
