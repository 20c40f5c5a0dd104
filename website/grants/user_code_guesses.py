"""The limits on wrong user codes, shared by all nodes (:rfc:`8628#section-5.1`).

A code is counted before it is looked up, in the transaction that finds it or not, so that parallel attempts gain
nothing. Once a limit is reached, the right code is refused too. The right one isn't counted in the end.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import BigInteger, Integer, bindparam, case, or_, update
from sqlalchemy.dialects.postgresql import insert

from .. import clock
from ..database import Statement, Writer
from ..identifiers import hash_secret
from ..models.user_code_guess import UserCodeGuess as Row

WINDOW_SECONDS = 60
#: Wrong codes per minute of one address (for IPv6 per /64 network), one account, and everybody together.
ADDRESS, ACCOUNT, EVERYBODY = "address", "account", "everybody"
LIMITS: Mapping[str, int] = {ADDRESS: 5, ACCOUNT: 5, EVERYBODY: 100}

_now = bindparam("now", type_=BigInteger)
_expires = bindparam("expires", type_=BigInteger)
#: A time further ahead was written by a wrong clock.
_is_over = or_(Row.expires_at <= _now, Row.expires_at > _expires)
#: Counts a code; returns no row if the limit is reached.
COUNT_GUESS = Statement(
    insert(Row)
    .values(key_hash=bindparam("key_hash_"), guesses=1, expires_at=_expires)
    .on_conflict_do_update(
        index_elements=["key_hash"],
        set_={
            "guesses": case((_is_over, 1), else_=Row.guesses + 1),
            "expires_at": case((_is_over, _expires), else_=Row.expires_at),
        },
        where=or_(_is_over, Row.guesses < bindparam("most", type_=Integer)),
    )
    .returning(Row.guesses)
)
TAKE_BACK_GUESS = Statement(
    update(Row).where(Row.key_hash == bindparam("key_hash_"), Row.guesses > 0).values(guesses=Row.guesses - 1)
)


def count_guess(writer: Writer, network: str, subject: str) -> list[str] | None:
    """Count a code in the caller's transaction; ``None`` if it must not be looked up.

    Returns the limits that it reaches unless it is right.
    """
    now, reached = clock.now(), []
    for kind, key_hash in _keys(network, subject):
        most, expires = LIMITS[kind], now + WINDOW_SECONDS
        row = writer.one(COUNT_GUESS, key_hash_=key_hash, most=most, now=now, expires=expires)
        if row is None:
            return None
        if row[0] == most:
            reached.append(kind)
    return reached


def take_back_guess(writer: Writer, network: str, subject: str) -> None:
    """Uncount a code that was right, in the same transaction."""
    for _kind, key_hash in _keys(network, subject):
        writer.run(TAKE_BACK_GUESS, key_hash_=key_hash)


def _keys(network: str, subject: str) -> list[tuple[str, str]]:
    # The same order in every transaction, so that none waits for another in a circle.
    names = {ADDRESS: network, ACCOUNT: subject, EVERYBODY: ""}
    return [(kind, hash_secret(f"user code {kind}:{names[kind]}")) for kind in LIMITS]
