"""The login throttle: wrong passwords are counted per login name, address and known browser, in the database.

An attempt is counted before its password is checked, in the same statement that allows or rejects it, so that parallel
attempts gain nothing; the right password resets the counts of the account's names. Nobody is locked out permanently,
and browsers that the account has logged in with before have their own count, so strangers can't lock out its owner.

What is counted has a purpose: wrong passwords, codes of second factors, or emails of one kind. Each purpose counts for
itself, so that no name that somebody types stands for another purpose's count.

Six digits are easier to guess than a password, so an account's wrong codes are also counted all together, from every
browser and whatever the settings say. Only somebody who knows the password gets to type one.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Integer, bindparam, case, delete, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from .. import clock
from ..database import Database, Statement
from ..email_addresses import email_key
from ..models.login_throttle import LoginThrottle as Row
from ..request_context import network_of, request_origin
from ..settings import Settings

ACCOUNT, ADDRESS, BROWSER, FACTOR, RECEIVER = "account", "address", "browser", "factor", "receiver"
#: The purpose of counting wrong passwords, and links that don't work.
PASSWORD = "password"
#: Wrong codes in a row before an account's next one has to wait, however many browsers they come from: fewer than the
#: 100 that NIST SP 800-63B allows.
FACTOR_TRIES = 50
#: The longest wait between two codes after that, so that a day has about a hundred.
FACTOR_MAX_WAIT_SECONDS = 900
#: Emails with a link to one address before the next one has to wait, from all accounts together.
RECEIVER_TRIES = 10
#: As long as a link works: who asks for somebody's emails of one kind can't keep them from having a link.
RECEIVER_MAX_WAIT_SECONDS = 3600
#: How long failures are remembered after the last one, in multiples of the longest wait.
REMEMBERED_WAITS = 4

_is_over = Row.expires_at <= bindparam("now")
_failures: ColumnElement[int] = case((_is_over, 1), else_=Row.failures + 1)
_beyond = _failures - bindparam("tries", type_=Integer)
_wait: ColumnElement[int] = case(
    (_beyond < 0, 0),
    (_beyond >= bindparam("doublings", type_=Integer), bindparam("max_wait", type_=Integer)),
    else_=literal(1, Integer).op("<<")(_beyond),
)
#: Counts an attempt; returns no row if it has to wait.
COUNT_TRY = Statement(
    insert(Row)
    .values(
        key_hash=bindparam("key_hash_"),
        kind=bindparam("kind_"),
        failures=1,
        blocked_until=bindparam("first_block"),
        expires_at=bindparam("expires"),
    )
    .on_conflict_do_update(
        index_elements=["key_hash"],
        set_={
            "failures": _failures,
            # 0 instead of now, as a node with a slow clock would wait until then.
            "blocked_until": case((_wait == 0, 0), else_=bindparam("now") + _wait),
            "expires_at": bindparam("expires"),
        },
        # A time beyond the longest wait was written by a wrong clock.
        where=(Row.blocked_until <= bindparam("now")) | (Row.blocked_until > bindparam("furthest")) | _is_over,
    )
    .returning(Row.failures)
)
READ_BLOCK = Statement(select(Row.blocked_until).where(Row.key_hash == bindparam("key_hash_")))
FORGET = Statement(delete(Row).where(Row.key_hash == bindparam("key_hash_")))
TAKE_BACK = Statement(
    update(Row)
    .where(Row.key_hash == bindparam("key_hash_"), Row.failures > 0)
    .values(failures=Row.failures - 1, blocked_until=0)
)


class TooManyTriesError(Exception):
    """Too many recent logins failed; the next attempt is allowed after ``wait_seconds``."""

    def __init__(self, wait_seconds: int) -> None:
        super().__init__()
        self.wait_seconds = wait_seconds


class _Refused(Exception):
    """Rolls back the counts of an attempt that has to wait."""


@dataclass(frozen=True, slots=True)
class _Limit:
    """How many failures in a row one kind of key allows without delay (0: any number), and the longest wait after."""

    tries: int
    max_wait: int

    def parameters(self, now: int) -> dict[str, int]:
        """Return what ``COUNT_TRY`` takes of it."""
        return {
            "tries": self.tries,
            "doublings": math.ceil(math.log2(self.max_wait)),
            "max_wait": self.max_wait,
            "first_block": now + 1 if self.tries <= 1 else 0,
            "furthest": now + self.max_wait,
            "expires": now + self.max_wait * REMEMBERED_WAITS,
        }


class LoginThrottle:
    """The failed logins of one database."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        max_wait = settings.login_max_wait_seconds
        self._limits = {
            ACCOUNT: _Limit(settings.login_tries_per_account, max_wait),
            BROWSER: _Limit(settings.login_tries_per_account, max_wait),
            ADDRESS: _Limit(settings.login_tries_per_address, max_wait),
            FACTOR: _Limit(FACTOR_TRIES, FACTOR_MAX_WAIT_SECONDS),
            RECEIVER: _Limit(RECEIVER_TRIES, RECEIVER_MAX_WAIT_SECONDS),
        }

    def count_try(self, keys: dict[str, str], purpose: str = PASSWORD) -> list[str]:
        """Count an attempt for each kind's key; return the kinds for which the next attempt has to wait.

        ``purpose`` says what is counted; a count has one purpose.

        Raises :class:`TooManyTriesError` without counting anything; the caller must not check the password.
        """
        now = clock.now()
        waiting = []
        try:
            with self._database.write() as writer:
                for kind, key in self._counted(keys, purpose):
                    limit = self._limits[kind]
                    row = writer.one(COUNT_TRY, key_hash_=key, kind_=kind, now=now, **limit.parameters(now))
                    if row is None:
                        raise _Refused
                    if row[0] >= limit.tries:
                        waiting.append(kind)
            return waiting
        except _Refused:
            raise TooManyTriesError(self._find_wait(self._counted(keys, purpose), now)) from None

    def _find_wait(self, counted: list[tuple[str, str]], now: int) -> int:
        """Return after how many seconds none of the keys has to wait any longer."""
        waits = [1]
        for kind, key in counted:
            row = self._database.one(READ_BLOCK, key_hash_=key)
            if row is not None and row[0] - now <= self._limits[kind].max_wait:
                waits.append(row[0] - now)
        return max(waits)

    def take_back(self, keys: dict[str, str], purpose: str = PASSWORD) -> None:
        """Uncount an attempt: it wasn't a wrong password."""
        with self._database.write() as writer:
            for _kind, key in self._counted(keys, purpose):
                writer.run(TAKE_BACK, key_hash_=key)

    def forgive(self, keys: dict[str, str], purpose: str = PASSWORD, accounts: Iterable[str] = ()) -> None:
        """After the right password, reset the count of the account or browser; for an address only uncount this one.

        ``accounts`` are more keys of accounts whose counts are reset.
        """
        counted = {*self._counted(keys, purpose)}
        for account in accounts:
            counted.update(self._counted({ACCOUNT: account}, purpose))
        with self._database.write() as writer:
            for kind, key in sorted(counted):
                if kind == ADDRESS:
                    writer.run(TAKE_BACK, key_hash_=key)
                else:
                    writer.run(FORGET, key_hash_=key)

    def _counted(self, keys: dict[str, str], purpose: str) -> list[tuple[str, str]]:
        """Return kind and hash of the enabled keys, always in the same order to prevent deadlocks."""
        enabled = ((kind, text) for kind, text in keys.items() if text and self._limits[kind].tries)
        return sorted((kind, _hash(kind, purpose, text)) for kind, text in enabled)


def receiver_key(address: str) -> dict[str, str]:
    """Return the key of an email address that a link is sent to."""
    return {RECEIVER: email_key(address)}


def network_key() -> dict[str, str]:
    """Return the key of the network that the current request comes from."""
    return {ADDRESS: network_of(request_origin()[0])}


def keys_of(account_key: str, browser: str) -> dict[str, str]:
    """Return the keys of an attempt at an account: the request's network, and the known browser or else the account.

    ``browser`` identifies a browser in which the account has logged in before; empty for any other.
    """
    return network_key() | ({BROWSER: f"{browser} {account_key}"} if browser else {ACCOUNT: account_key})


def _hash(kind: str, purpose: str, text: str) -> str:
    # The text is somebody's, and comes last. Passwords are counted as before there were purposes.
    counted = kind if purpose == PASSWORD else f"{kind} {purpose}"
    return hashlib.sha256(f"{counted}:{text}".encode("utf-8", "replace")).hexdigest()
