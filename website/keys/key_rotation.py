"""Creating, rotating, replacing and re-encrypting the server's keys, each in one transaction with its security event.

Only ``flask initdb`` and ``flask keys`` create keys. Each algorithm has a current and a next key, and every key except
an algorithm's first is ``next`` before it is used, so that by then every node and every client's cached JWKS has it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..audit import Audit
from ..database import Database
from ..database.cache_invalidation import KEYS, CacheInvalidation, record_change
from ..models.former_key import FormerKey
from ..models.key import CURRENT, DECRYPTING, NEXT, RETIRED, SEALING, SIGNING, Key
from .former_keys import withdraw_keys
from .jwe import generate_decryption_key
from .jws import generate_key, public_part_of
from .key_encryption import KeyEncryption

SEALING_ALGORITHM = "A256GCM"


class KeysMissingError(Exception):
    """Keys of some kind are missing: ``flask initdb`` wasn't run on this database, or not with these settings."""

    def __init__(self, algorithms: Sequence[str] = ()) -> None:
        missing = f"no keys for {', '.join(algorithms)}" if algorithms else "no keys"
        super().__init__(f"The database has {missing}. Run flask initdb.")


@dataclass(frozen=True, slots=True)
class Rotation:
    """The result of a rotation."""

    #: The ids of the current keys, by algorithm.
    used: Mapping[str, str]
    #: The algorithms no longer in use, whose keys were retired.
    retired: Sequence[str]


class KeyChanges:
    """Changes to the keys of one database."""

    def __init__(
        self,
        database: Database,
        encryption: KeyEncryption,
        changes: CacheInvalidation,
        audit: Audit,
        signing_algorithms: Sequence[str],
        decryption_algorithms: Sequence[str],
    ) -> None:
        self._database = database
        self._encryption = encryption
        self._cache_invalidation = changes
        self._audit = audit
        self._algorithms = {
            SIGNING: tuple(signing_algorithms),
            SEALING: (SEALING_ALGORITHM,),
            DECRYPTING: tuple(decryption_algorithms),
        }

    def create_missing(self, **detail: object) -> int:
        """Create the missing current and next keys of each algorithm; return how many.

        Two nodes may do this at once: one waits for the other. ``detail`` is added to the event.
        """
        all_slots = [
            (purpose, algorithm, state)
            for purpose, algorithms in self._algorithms.items()
            for algorithm, state in product(algorithms, (CURRENT, NEXT))
        ]
        with self._database.reading() as session:
            existing_slots = _slots_of(session)
        if existing_slots.issuperset(all_slots):
            return 0
        # Before the transaction, as in rotate().
        fresh_keys = [self._new_key(*slot) for slot in all_slots if slot not in existing_slots]
        with self._database.writing() as session:
            record_change(session, KEYS)  # first: another node doing this waits for this row
            existing_slots = _slots_of(session)
            fresh_keys = [key for key in fresh_keys if (key.purpose, key.algorithm, key.slot) not in existing_slots]
            session.add_all(fresh_keys)
            if fresh_keys:
                self._audit.add(session, "database_set_up", detail={**detail, "keys_created": len(fresh_keys)})
        self._cache_invalidation.forget_recorded(session)
        return len(fresh_keys)

    def rotate(self, purpose: str, keep_seconds: int) -> Rotation:
        """Make each algorithm's next key current and a new one next; keep the old one for ``keep_seconds``.

        Keys of algorithms no longer in use are retired. Raises :class:`KeysMissingError`; then no key was rotated.
        """
        # Before the transaction: creating an RSA key takes a while, and SQLite has one writer.
        fresh = {algorithm: self._new_key(purpose, algorithm, NEXT) for algorithm in self._algorithms[purpose]}
        now = clock.now()
        retire = {"state": RETIRED, "slot": Key.id, "expires_at": now + keep_seconds}
        use = {"state": CURRENT, "slot": CURRENT, "activated_at": now}
        with self._database.writing() as session:
            record_change(session, KEYS)  # first: another node rotating keys waits for this row
            rows = session.scalars(select(Key).where(Key.purpose == purpose, Key.state != RETIRED)).all()
            ids = {(row.algorithm, row.slot): row.id for row in rows}
            missing = [name for name in fresh if not {(name, CURRENT), (name, NEXT)} <= ids.keys()]
            if missing:
                raise KeysMissingError(missing)
            # For algorithms removed from the setting, the next key is retired with the current one.
            over = [key_id for (name, slot), key_id in ids.items() if name not in fresh or slot == CURRENT]
            used = {name: ids[name, NEXT] for name in fresh}
            withdraw_keys(session, now)
            session.execute(update(Key).where(Key.id.in_(over)).values(retire))
            session.execute(update(Key).where(Key.id.in_(used.values())).values(use))
            session.add_all(fresh.values())
            retired = sorted({name for name, _slot in ids if name not in fresh})
            self._add_events(session, "key_rotated", purpose, used)
            for algorithm in retired:
                self._audit.add(session, "keys_retired", detail={"purpose": purpose, "algorithm": algorithm})
        self._cache_invalidation.forget_recorded(session)
        return Rotation(used, retired)

    def replace(self, purpose: str) -> Mapping[str, str]:
        """Delete every key of a purpose and create new ones, which invalidates all that the old ones signed or sealed.

        Returns the ids of the current keys, by algorithm. No key is decrypted, so this works without the old
        key-encryption key.
        """
        fresh = [
            self._new_key(purpose, algorithm, state)
            for algorithm, state in product(self._algorithms[purpose], (CURRENT, NEXT))
        ]
        used = {key.algorithm: key.id for key in fresh if key.state == CURRENT}
        with self._database.writing() as session:
            record_change(session, KEYS)  # first, as in rotate()
            session.execute(delete(Key).where(Key.purpose == purpose))
            if purpose == SIGNING:
                session.execute(delete(FormerKey))
            session.add_all(fresh)
            self._add_events(session, "keys_replaced", purpose, used)
        self._cache_invalidation.forget_recorded(session)
        return used

    def _add_events(self, session: Session, event: str, purpose: str, used: Mapping[str, str]) -> None:
        """Write an event for each new current key, by algorithm."""
        for algorithm, key_id in used.items():
            self._audit.add(session, event, detail={"purpose": purpose, "algorithm": algorithm, "key": key_id})

    def reencrypt(self) -> int:
        """Re-encrypt every unexpired key with the first key-encryption key; return how many.

        Raises :class:`SettingsError` if one can't be decrypted; then none was changed.
        """
        with self._database.writing() as session:
            record_change(session, KEYS)
            rows = session.scalars(select(Key).where(or_(Key.expires_at.is_(None), Key.expires_at > clock.now()))).all()
            for row in rows:
                secret = self._encryption.decrypt(row.encrypted_key, row.id)
                row.encrypted_key = self._encryption.encrypt(secret, row.id)
            self._audit.add(session, "keys_reencrypted", detail={"keys": len(rows)})
        return len(rows)

    def list_all(self) -> list[Key]:
        """Return the rows of all keys, the oldest of each algorithm first."""
        with self._database.reading() as session:
            order = Key.purpose, Key.algorithm, Key.created_at, Key.state, Key.id
            return list(session.scalars(select(Key).order_by(*order)))

    def _new_key(self, purpose: str, algorithm: str, state: str) -> Key:
        now = clock.now()
        public: dict[str, Any] | None = None
        if purpose != SEALING:
            key = generate_key(algorithm) if purpose == SIGNING else generate_decryption_key(algorithm)
            key_id, public, secret = str(key["kid"]), public_part_of(key), json.dumps(key).encode()
        else:
            key_id, secret = secrets.token_urlsafe(6), AESGCM.generate_key(256)
        return Key(
            id=key_id,
            purpose=purpose,
            algorithm=algorithm,
            state=state,
            slot=state,
            public_jwk=public,
            encrypted_key=self._encryption.encrypt(secret, key_id),
            created_at=now,
            activated_at=now if state == CURRENT else None,
            expires_at=None,
        )


def _slots_of(session: Session) -> set[tuple[str, str, str]]:
    """Return the purpose, algorithm and slot of every key."""
    return {(key.purpose, key.algorithm, key.slot) for key in session.scalars(select(Key))}
