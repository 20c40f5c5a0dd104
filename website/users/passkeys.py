"""The passkeys of our own accounts: adding, naming and removing them."""

from __future__ import annotations

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..audit import Audit
from ..database import Database, DatabaseUnavailableError, SchemaMissingError
from ..database.ending_all_access import subject_of_user
from ..database.sqlite_files import is_created
from ..identifiers import new_identifier
from ..mail import Mail
from ..models.passkey import Passkey
from ..models.user import User
from ..settings import Settings, SettingsError
from .passkey_challenges import use_up
from .passkey_verification import USED_CHALLENGE, read_response, verify_new_credential
from .relying_party import RelyingParty, rp_id_of

#: The passkeys of one account.
MAX_PASSKEYS = 20
MAX_NAME_CHARACTERS = 60
#: Why a passkey isn't added, besides what verification finds.
TOO_MANY, ALREADY_THERE = "too_many_passkeys", "already_registered"


class Passkeys:
    """The passkeys of one database."""

    def __init__(self, database: Database, audit: Audit, mail: Mail) -> None:
        self._database = database
        self._audit = audit
        self._mail = mail

    # --- what is there

    def list_of(self, user_id: int) -> list[Passkey]:
        """Return an account's passkeys, oldest first."""
        query = select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.created_at, Passkey.id)
        with self._database.reading() as session:
            return [*session.scalars(query)]

    def find(self, user_id: int, passkey_id: str) -> Passkey | None:
        """Return one of an account's passkeys."""
        query = select(Passkey).where(Passkey.id == passkey_id, Passkey.user_id == user_id)
        with self._database.reading() as session:
            return session.scalar(query)

    def find_rp_id_problem(self, settings: Settings) -> str:
        """Return a sentence if there are passkeys that are bound to another domain than the settings', or ""."""
        rp_id = rp_id_of(settings)
        with self._database.reading() as session:
            other = session.scalar(select(Passkey.rp_id).where(Passkey.rp_id != rp_id).limit(1)) if rp_id else None
        if other is None:
            return ""
        return (
            f"OAUTH2_PASSKEY_RP_ID: is {rp_id}, but there are passkeys for {other}, which would stop working. Set it to"
            f" {other} again, or run `flask users remove-old-passkeys`, after which their owners add new ones."
        )

    def check_rp_id(self, settings: Settings) -> None:
        """Raise ``SettingsError`` if there are passkeys that are bound to another domain than the settings'.

        A database that can't be read isn't judged: the readiness check reports it.
        """
        if not is_created(self._database.engine.url):
            return
        try:
            problem = self.find_rp_id_problem(settings)
        except (DatabaseUnavailableError, SchemaMissingError):
            return
        if problem:
            raise SettingsError(problem)

    # --- changes

    def add(self, session: Session, subject: str | None, passkey: Passkey, challenge: bytes) -> str:
        """Add a verified passkey in the caller's transaction, which has locked its account.

        Return why it isn't added, having used up its challenge; "" if it is. ``SecondFactors.add_passkey`` judges
        whether the account may have one.
        """
        problem = _find_problem(session, passkey, challenge)
        if not problem:
            session.add(passkey)
            session.flush()
            self._audit.add(session, "passkey_added", subject=subject, detail=detail_of(passkey))
            self._mail.add(session, "passkey_added", passkey.user_id)
        return problem

    def rename(self, user_id: int, passkey_id: str, name: str) -> bool:
        """Give one of an account's passkeys another name; tell whether it exists."""
        with self._database.writing() as session:
            passkey = self._take(session, user_id, passkey_id, "passkey_renamed")
            if passkey is not None:
                passkey.name = name
        return passkey is not None

    def remove(self, session: Session, user_id: int, passkey_id: str) -> bool:
        """Remove one of an account's passkeys in the caller's transaction; tell whether it existed.

        ``SecondFactors.remove_passkey`` judges whether the account can do without it.
        """
        passkey = self._take(session, user_id, passkey_id, "passkey_removed")
        if passkey is not None:
            session.delete(passkey)
            session.flush()
        return passkey is not None

    def _take(self, session: Session, user_id: int, passkey_id: str, event: str) -> Passkey | None:
        """Return a passkey, locked, that the caller changes, with its event."""
        mine = select(Passkey).where(Passkey.id == passkey_id, Passkey.user_id == user_id)
        passkey = session.scalar(mine.with_for_update())
        if passkey is not None:
            subject = subject_of_user(session, str(user_id))
            self._audit.add(session, event, subject=subject, detail=detail_of(passkey))
        return passkey

    def remove_all(self, session: Session, user_id: int) -> int:
        """Remove all passkeys of an account in the caller's transaction, which writes the event; return how many."""
        removed = session.execute(delete(Passkey).where(Passkey.user_id == user_id))
        return int(removed.rowcount)  # type: ignore[attr-defined]

    def remove_of_other_rp_ids(self, rp_id: str) -> int:
        """Remove all passkeys that are bound to another domain than ``rp_id``; return how many."""
        with self._database.writing() as session:
            query = select(Passkey.user_id, func.count()).where(Passkey.rp_id != rp_id).group_by(Passkey.user_id)
            counts = session.execute(query).all()
            session.execute(delete(Passkey).where(Passkey.rp_id != rp_id))
            for user_id, count in counts:
                subject = subject_of_user(session, str(user_id))
                detail = {"passkeys": count, "reason": "rp_id_changed"}
                self._audit.add(session, "passkey_removed", subject=subject, detail=detail)
            without = User.id.in_(user_id for user_id, _count in counts), ~exists().where(Passkey.user_id == User.id)
            session.execute(update(User).where(*without).values(asks_second_factor=False))
        return sum(count for _user_id, count in counts)

    def is_to_be_offered(self, user_id: int) -> bool:
        """Tell whether a person has no passkey, and hasn't declined to be offered one."""
        has_any = exists().where(Passkey.user_id == User.id)
        query = select(User.id).where(User.id == user_id, User.passkeys_declined_at.is_(None), ~has_any)
        with self._database.reading() as session:
            return session.scalar(query) is not None

    def decline_offer(self, user_id: int) -> None:
        """Don't offer a passkey to this person again."""
        with self._database.writing() as session:
            session.execute(update(User).where(User.id == user_id).values(passkeys_declined_at=clock.now()))


def new_passkey(user_id: int, text: str, challenge: bytes, user_handle: str, party: RelyingParty, name: str) -> Passkey:
    """Return the passkey that a browser has created, as ``text`` in JSON, verified; nothing is stored.

    Raises :class:`PasskeyError`.
    """
    credential = verify_new_credential(read_response(text), challenge, party)
    return Passkey(
        id=new_identifier(), user_id=user_id, credential_id=credential.credential_id,
        public_key=credential.public_key, rp_id=party.id, user_handle=user_handle,
        sign_count=credential.sign_count, transports=[*credential.transports],
        is_backup_eligible=credential.is_backup_eligible, is_backed_up=credential.is_backed_up,
        aaguid=credential.aaguid, name=name, created_at=clock.now(), last_used_at=None,
    )  # fmt: skip


def _find_problem(session: Session, passkey: Passkey, challenge: bytes) -> str:
    if not use_up(session, challenge):
        return USED_CHALLENGE
    others = select(func.count()).select_from(Passkey).where(Passkey.user_id == passkey.user_id)
    if (session.scalar(others) or 0) >= MAX_PASSKEYS:
        return TOO_MANY
    # Another account's, too: a credential belongs to one (section 7.1, step 25).
    same = select(Passkey.id).where(Passkey.credential_id == passkey.credential_id)
    return ALREADY_THERE if session.scalar(same) is not None else ""


def detail_of(passkey: Passkey) -> dict[str, str]:
    return {"passkey": passkey.id, "name": passkey.name}
