"""Owns the keys: those that sign and those that seal; next, current and retired; their rotation; the JWKS.

Only ``flask initdb`` and ``flask keys`` create keys. Every key but the very first is ``next`` before it is used, so
that each node, and each client that caches the JWKS, knows it by then.
"""

from __future__ import annotations

import json
import math
import secrets
from dataclasses import dataclass
from typing import Any

import click
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc.jwk import ECKey, KeySet
from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from . import clock
from .changes import KEYS, Changes, record_change
from .database import Database
from .encryption import KeyEncryption
from .models.key import Key

SIGNING, SEALING = "signing", "sealing"
NEXT, CURRENT, RETIRED = "next", "current", "retired"
ALGORITHMS = {SIGNING: "ES256", SEALING: "A256GCM"}


class KeysMissingError(click.ClickException):
    """There is no current key: ``flask initdb`` was not run on this database. A command shows the message, and ends."""

    def __init__(self) -> None:
        super().__init__("The database has no keys. Run flask initdb.")


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A symmetric key; ``id`` is the 8 characters that stand in each token it sealed."""

    id: bytes
    secret: bytes


@dataclass(frozen=True, slots=True)
class Ring:
    """All keys, opened, as they were at one moment."""

    signing: ECKey
    verifying: KeySet
    sealing: SealingKey
    opening: dict[bytes, SealingKey]
    jwks: bytes
    #: When the first of the retired keys has to go.
    ends_at: float


class Keys:
    """The keys of one database, read once and kept until they change."""

    def __init__(self, database: Database, encryption: KeyEncryption, changes: Changes) -> None:
        self._database = database
        self._encryption = encryption
        self._changes = changes
        self._ring: Ring | None = None
        self._version = 0
        changes.on_change(self._forget)

    def _forget(self) -> None:
        self._ring = None
        self._version += 1

    @property
    def ring(self) -> Ring:
        """The keys in use, at most a second behind other nodes. Raises :class:`KeysMissingError`."""
        self._changes.check()
        ring = self._ring
        if ring is None or ring.ends_at <= clock.now():
            version, ring = self._version, self._read()
            if version == self._version:
                self._ring = ring  # read before a change, it would be kept after it
        return ring

    def find_opening_key(self, key_id: bytes) -> SealingKey | None:
        """Return the sealing key of that id."""
        return self.ring.opening.get(key_id)

    def _read(self) -> Ring:
        with self._database.reading() as session:
            rows = session.scalars(select(Key).order_by(Key.created_at, Key.id)).all()
        signing: ECKey | None = None
        sealing: SealingKey | None = None
        verifying: list[Any] = []
        opening = {}
        present = clock.now()
        for row in rows:
            if row.expires_at is not None and row.expires_at <= present:
                continue
            secret = self._encryption.decrypt(row.encrypted_key, row.id)
            if row.purpose == SIGNING:
                key = ECKey.import_key(json.loads(secret))
                verifying.append(key)
                signing = key if row.state == CURRENT else signing
            else:
                opened = SealingKey(row.id.encode(), secret)
                opening[opened.id] = opened
                sealing = opened if row.state == CURRENT else sealing
        if signing is None or sealing is None:
            raise KeysMissingError
        jwks = json.dumps({"keys": [key.as_dict(private=False) for key in verifying]}, separators=(",", ":"))
        ends_at = min((row.expires_at for row in rows if row.expires_at and row.expires_at > present), default=math.inf)
        return Ring(signing, KeySet(verifying), sealing, opening, jwks.encode(), ends_at)

    def create_missing(self) -> int:
        """Create the current and the next key of each purpose where there is none; return how many were made.

        Two nodes may do it at once: the unique index on purpose, algorithm and slot lets one win.
        """
        made = 0
        for purpose in ALGORITHMS:
            for state in (CURRENT, NEXT):
                try:
                    with self._database.writing() as session:
                        made += self._create_if_missing(session, purpose, state)
                except IntegrityError:
                    continue  # another node made it between our look and our write
        self._changes.forget()
        return made

    def _create_if_missing(self, session: Session, purpose: str, state: str) -> int:
        found = session.scalar(select(Key.id).where(Key.purpose == purpose, Key.slot == state))
        if found is not None:
            return 0
        session.add(self._new_key(purpose, state))
        record_change(session, KEYS)
        return 1

    def rotate(self, purpose: str, keep_seconds: int) -> str:
        """Make the next key current and a new one next; keep the former until ``keep_seconds`` from now.

        Returns the id of the key now in use.
        """
        present = clock.now()
        with self._database.writing() as session:
            record_change(session, KEYS)  # first: whoever rotates at the same moment waits for this row
            held = {row.slot: row for row in session.scalars(select(Key).where(Key.purpose == purpose))}
            if CURRENT not in held or NEXT not in held:
                raise KeysMissingError
            former, coming = held[CURRENT], held[NEXT]
            retire = {"state": RETIRED, "slot": former.id, "expires_at": present + keep_seconds}
            session.execute(update(Key).where(Key.id == former.id).values(retire))
            use = {"state": CURRENT, "slot": CURRENT, "activated_at": present}
            session.execute(update(Key).where(Key.id == coming.id).values(use))
            session.add(self._new_key(purpose, NEXT))
        self._changes.forget()
        return coming.id

    def replace(self, purpose: str) -> str:
        """Delete every key of a purpose and make new ones: whatever the former signed or sealed is dead.

        Returns the id of the key now in use. No key is opened, so it helps where the key-encryption key was lost too.
        """
        with self._database.writing() as session:
            record_change(session, KEYS)  # first, as in rotate()
            session.execute(delete(Key).where(Key.purpose == purpose))
            made = self._new_key(purpose, CURRENT), self._new_key(purpose, NEXT)
            session.add_all(made)
            key_id = made[0].id
        self._changes.forget()
        return key_id

    def reencrypt(self) -> int:
        """Encrypt every key that is not over under the first key-encryption key; return how many.

        Raises :class:`SettingsError` where one cannot be opened; then none was changed.
        """
        with self._database.writing() as session:
            record_change(session, KEYS)
            rows = session.scalars(select(Key).where(or_(Key.expires_at.is_(None), Key.expires_at > clock.now()))).all()
            for row in rows:
                secret = self._encryption.decrypt(row.encrypted_key, row.id)
                row.encrypted_key = self._encryption.encrypt(secret, row.id)
        return len(rows)

    def list_all(self) -> list[Key]:
        """Return every key's row, oldest first, for the operator to look at."""
        with self._database.reading() as session:
            return list(session.scalars(select(Key).order_by(Key.purpose, Key.created_at, Key.state, Key.id)))

    def _new_key(self, purpose: str, state: str) -> Key:
        present = clock.now()
        public: dict[str, Any] | None = None
        if purpose == SIGNING:
            key = ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHMS[SIGNING]}, auto_kid=True)
            key_id, public = str(key.kid), dict(key.as_dict(private=False))
            secret = json.dumps(key.as_dict(private=True)).encode()
        else:
            key_id, secret = secrets.token_urlsafe(6), AESGCM.generate_key(256)
        return Key(
            id=key_id,
            purpose=purpose,
            algorithm=ALGORITHMS[purpose],
            state=state,
            slot=state,
            public_jwk=public,
            encrypted_key=self._encryption.encrypt(secret, key_id),
            created_at=present,
            activated_at=present if state == CURRENT else None,
            expires_at=None,
        )
