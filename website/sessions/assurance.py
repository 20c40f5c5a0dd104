"""The assurance of a login: how well a person proved who they are, and whether that is enough.

The classes are the ``acr`` of our own accounts' logins (OpenID Connect Core 1.0, section 2), the methods their ``amr``
(:rfc:`8176#section-2`). An embedding application has its own classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..settings import Settings
from ..users.passkey_login import ProvedAccount
from ..users.relying_party import rp_id_of
from ..users.second_factors import Factors

#: From the least assurance to the most: the demo's name, a password, two factors, a passkey that verified its user.
NAME_ALONE, ONE_FACTOR, TWO_FACTORS, PASSKEY_ALONE = LEVELS = ("0", "1", "2", "phr")
#: Authentication methods: a password; a code of an authenticator app, or a recovery code; more than one of any kind.
KNOWS_PASSWORD, ONE_TIME_CODE, SEVERAL = "pwd", "otp", "mfa"
#: Methods of a passkey: a key that stays in its device, one that may be copied to others, and that somebody was there.
DEVICE_KEY, COPIED_KEY, PRESENCE = "hwk", "swk", "user"


@dataclass(frozen=True, slots=True)
class Proof:
    """How and when (by default now) a person authenticated."""

    #: When they showed the oldest factor that the login rests on, in seconds since the epoch.
    auth_time: int | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()

    @property
    def event_detail(self) -> dict[str, list[str]] | None:
        """What the event of the login says of it."""
        return {"amr": [*self.amr]} if self.amr else None

    def with_second_factor(self, *methods: str) -> Proof:
        """Return the proof after another factor was shown. The login is as old as its first factor."""
        amr = tuple(dict.fromkeys((*self.amr, *methods, SEVERAL)))
        return replace(self, acr=self.acr if meets(self.acr, TWO_FACTORS) else TWO_FACTORS, amr=amr)


#: A password gives little assurance (ISO/IEC 29115, level 1).
PASSWORD = Proof(acr=ONE_FACTOR, amr=(KNOWS_PASSWORD,))
#: The demo doesn't authenticate: level 0 in OpenID Connect Core 1.0, section 2.
NOTHING = Proof(acr=NAME_ALONE)


def passkey_proof(proved: ProvedAccount, earlier: Proof | None = None) -> Proof:
    """Return the proof by a passkey, alone or after others.

    One that has verified its user, by a PIN or a fingerprint for example, is two factors in one and a login of its own,
    which is as old as itself. One that hasn't is only accepted as a second factor.
    """
    shown = _passkey_methods(proved.is_backup_eligible)
    if not proved.is_user_verified:
        return (earlier or Proof()).with_second_factor(*shown)
    methods = (*(earlier.amr if earlier else ()), *shown, SEVERAL)
    return Proof(acr=PASSKEY_ALONE, amr=tuple(dict.fromkeys(methods)))


def added_passkey_proof(is_backup_eligible: bool, earlier: Proof) -> Proof:
    """Return the proof after a passkey was added in the middle of a login, as the account's first second factor.

    It is two factors, as with an authenticator app that was set up there, and not a login by passkey: a new key has
    signed nothing yet, because no attestation is asked for.
    """
    return earlier.with_second_factor(*_passkey_methods(is_backup_eligible))


def _passkey_methods(is_backup_eligible: bool) -> tuple[str, str]:
    return (COPIED_KEY if is_backup_eligible else DEVICE_KEY), PRESENCE


class IncompleteLoginError(Exception):
    """The proof isn't enough for the account to log in: something else has to come first."""

    def __init__(self, factors: Factors, subject: str, epoch: int) -> None:
        super().__init__()
        self.factors = factors
        #: Of the account at the time of the proof.
        self.subject, self.epoch = subject, epoch


class SecondFactorNeededError(IncompleteLoginError):
    """The account's second factor has to be shown, or set up where there is none."""


class NewPasswordNeededError(IncompleteLoginError):
    """The person has to set a new password. The factors that they have shown are enough."""


def meets(acr: str | None, wanted: str) -> bool:
    """Tell whether a login of class ``acr`` is at least as good as ``wanted``; classes not ours have to be equal."""
    if acr in LEVELS and wanted in LEVELS:
        return LEVELS.index(acr) >= LEVELS.index(wanted)
    return acr == wanted


def own_classes(settings: Settings) -> tuple[str, ...]:
    """Return the classes that logins of our own accounts may have."""
    first = NAME_ALONE if settings.demo else ONE_FACTOR
    return (first, TWO_FACTORS, PASSKEY_ALONE) if rp_id_of(settings) else (first, TWO_FACTORS)


def stated_class(acr: str | None, wanted: tuple[str, ...], required: str | None) -> str | None:
    """Return the class of a login as its client is told: one of those that it asked for, if the login is as good.

    ``required`` is the class that an operator requires for the client, which its tokens have in any case.
    """
    if acr in wanted:
        return acr
    return next((name for name in wanted if meets(acr, name) and (required is None or meets(name, required))), acr)


def find_missing(proof: Proof, factors: Factors) -> type[IncompleteLoginError] | None:
    """Return what is missing to log in to an account with these factors; ``None`` if the proof is enough.

    A new password comes last: the former one alone must not be enough to set it.
    """
    if factors.are_asked and not meets(proof.acr, TWO_FACTORS):
        return SecondFactorNeededError
    return NewPasswordNeededError if factors.must_change_password and KNOWS_PASSWORD in proof.amr else None
