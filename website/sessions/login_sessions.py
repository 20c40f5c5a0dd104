"""Login sessions: one row per browser, found by a random cookie value that is only stored as a hash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, Integer, ScalarSelect, Text, bindparam, cast, delete, insert, join, or_, select, update
from sqlalchemy.orm import Session as Transaction

from .. import clock
from ..audit import Audit
from ..database import Database, Row, StaleLoginError, Statement, Writer
from ..database.ending_all_access import end_everything
from ..database.tables import equals_changed, login_lasts, session, sessions, subject, subjects
from ..identifiers import hash_secret, new_identifier, new_secret
from ..models.login_session import LoginSession
from ..settings import Settings
from ..users import Account, Accounts
from ..users.account_managers import manages_accounts
from ..users.ending_links import end_links
from ..users.own_users_in_statements import ACCOUNT_COLUMNS, account_of, with_own_users
from ..users.second_factors import NO_FACTORS, Factors
from .assurance import PASSWORD, TWO_FACTORS, Proof, find_missing, meets, own_classes
from .authentication_context import read_amr, write_amr
from .client_sessions import ClientSessions
from .current_login import CurrentLoginSession
from .logout_queue import LogoutQueue

PROVED_COLUMNS = (
    "token_hash", "auth_time", "acr", "amr", "last_seen_at", "expires_at", "address", "user_agent",
)  # fmt: skip
SESSION_COLUMNS = ("id", "subject", "created_at", *PROVED_COLUMNS)
INSERT_SESSION = Statement(insert(sessions).inline(), SESSION_COLUMNS)
_current_columns = (
    session.id, session.subject, subject.user_id, session.auth_time, session.last_seen_at, session.expires_at,
    session.acr, cast(session.amr, Text),
)  # fmt: skip
_with_subjects = join(sessions, subjects, subject.subject == session.subject)
_has_token = session.token_hash == bindparam("token_hash_")
READ_SESSION = Statement(select(*_current_columns).select_from(_with_subjects).where(_has_token))
_with_account = select(*_current_columns, *ACCOUNT_COLUMNS).select_from(with_own_users(_with_subjects))
READ_SESSION_WITH_ACCOUNT = Statement(_with_account.where(_has_token))
#: The same with whether the user manages others' accounts, where that needs a second factor.
READ_SESSION_WITH_ROLE = Statement(_with_account.add_columns(manages_accounts).where(_has_token))
#: The same login session after another authentication, with a new cookie. An expired one isn't revived.
RENEW_SESSION = Statement(
    update(sessions)
    .where(session.token_hash == bindparam("former_"), session.subject == bindparam("subject_"), login_lasts)
    .values({name: bindparam(name) for name in PROVED_COLUMNS})
)
#: The same login session with more assurance, and a new cookie. Its age and its end stay the same.
STEP_UP_COLUMNS = "token_hash", "acr", "amr", "last_seen_at"
_stepped_up: dict[str, Any] = {name: bindparam(name) for name in STEP_UP_COLUMNS}
STEP_UP_SESSION = Statement(
    update(sessions).where(session.token_hash == bindparam("former_"), login_lasts).values(_stepped_up)
)
#: Locked until the transaction ends: anything that ends the session waits, and then also ends what was written.
LOCK_SESSION = Statement(select(session.id).where(session.id == bindparam("id_")).with_for_update(read=True))
READ_SESSION_SUBJECT = Statement(select(session.subject).where(session.id == bindparam("id_")))
TOUCH_SESSION = Statement(update(sessions).where(session.id == bindparam("id_")).values(last_seen_at=bindparam("now")))
END_SESSION = Statement(delete(sessions).where(_has_token).returning(session.subject))
END_SESSION_OF = Statement(
    delete(sessions).where(session.id == bindparam("id_"), session.subject == bindparam("subject_"))
)
#: Keeps the named session and so many of the subject's most recently used ones.
END_SURPLUS_SESSIONS_OF = Statement(
    delete(sessions).where(
        session.id.in_(
            select(session.id)
            .where(session.subject == bindparam("subject_"), session.id != bindparam("id_"))
            .order_by(session.last_seen_at.desc(), session.created_at.desc())
            .offset(bindparam("kept", type_=Integer))
        )
    )
)
END_OTHER_SESSIONS_OF = Statement(
    delete(sessions).where(session.id != bindparam("id_"), session.subject == bindparam("subject_"))
)

TOUCH_SECONDS = 60
#: Concurrent login sessions per user; the least recently used one is ended first.
MAX_SESSIONS = 100


def locked_session(changed: Column[Any]) -> ScalarSelect[Any]:
    """Return a changed row's login session within a RETURNING, locked as by ``LOCK_SESSION``; null if it has ended."""
    found = select(session.id).where(equals_changed(session.id, changed))
    return found.with_for_update(read=True).scalar_subquery()


class LoginSessions:
    """Starts, finds, lists and ends login sessions."""

    def __init__(self, database: Database, accounts: Accounts, settings: Settings, audit: Audit) -> None:
        self._database = database
        #: The clients that know of each.
        self.clients = ClientSessions(database)
        #: What those clients are told once it has ended.
        self.logout_queue = LogoutQueue(database)
        self._subjects, self._mail = accounts.subjects, accounts.mail
        #: The accounts whose second factors are ours to ask for.
        self._second_factors = None if accounts.are_external else accounts.second_factors
        #: The classes that logins here may have.
        self.acr_values = accounts.host.acr_values if accounts.are_external else own_classes(settings)
        self._settings = settings
        needs_role = settings.operators_need_second_factor
        self._read_with_account = READ_SESSION_WITH_ROLE if needs_role else READ_SESSION_WITH_ACCOUNT
        self._audit = audit

    def begin(
        self,
        account: Account,
        address: str | None,
        user_agent: str | None,
        proof: Proof = PASSWORD,
        former: str | None = None,
        *,
        is_new_device: bool = False,
    ) -> str:
        """Log a user in; return the cookie's value, which is always new to prevent session fixation.

        ``proof`` is how they authenticated. It has to be enough for the account: every login of our own accounts begins
        here, so that none gets past its second factor or a password that has to be changed. ``former`` is the browser's
        current cookie: if it is the same user's, that session continues with the new authentication; anybody else's
        ends. A login on a new device is told the person by email.

        Raises :class:`StaleLoginError`, and ``IncompleteLoginError``, after which nothing has changed.
        """
        token = new_secret()
        subject, epoch = self._subjects.subject_for_account(account)
        proved = self._describe(token, address, user_agent, proof)
        # Our own accounts have an epoch. For external users, nothing may have been ended since they authenticated.
        since = proof.auth_time if account.epoch is None else None
        with self._database.write() as writer:
            is_unchanged = self._subjects.lock_if_unchanged(writer, subject, epoch, since)
            factors = self._find_factors(writer, account) if is_unchanged else NO_FACTORS
            missing = find_missing(proof, factors)
            if missing is not None:
                raise missing(factors, subject, epoch)
            is_renewed = is_unchanged and former is not None and self._renew(writer, former, subject, proved)
            if former is not None and not is_renewed:
                writer.one(END_SESSION, token_hash_=hash_secret(former))
            if is_unchanged and not is_renewed:
                session_id = new_identifier()
                writer.run(INSERT_SESSION, id=session_id, subject=subject, created_at=clock.now(), **proved)
                writer.run(END_SURPLUS_SESSIONS_OF, subject_=subject, id_=session_id, kept=MAX_SESSIONS - 1)
            if is_unchanged:
                self._audit.add(writer, "login", subject=subject, detail=proof.event_detail)
            if is_unchanged and is_new_device:
                self._mail.add(writer, "new_device", int(account.id))
        # Raised after the commit: inside, it would roll back the end of the former session.
        if not is_unchanged:
            raise StaleLoginError
        return token

    def allows(self, writer: Writer, account: Account, proof: Proof) -> bool:
        """Tell in the caller's transaction, which has locked the subject, whether a proof is enough for an account."""
        return find_missing(proof, self._find_factors(writer, account)) is None

    def _find_factors(self, writer: Writer, account: Account) -> Factors:
        """Return an account's second factors; none for external users, whose logins are their application's."""
        return NO_FACTORS if self._second_factors is None else self._second_factors.find_in(writer, account.id)

    def step_up(self, login: CurrentLoginSession, proof: Proof) -> str:
        """Continue a login session after a second factor was shown in it; return the new value of its cookie.

        ``proof`` is how the person authenticated by now. Raises :class:`StaleLoginError` if the session has ended.
        """
        token, now = new_secret(), clock.now()
        proved = {"token_hash": hash_secret(token), "acr": proof.acr, "amr": write_amr(proof.amr), "last_seen_at": now}
        with self._database.write() as writer:
            if not writer.run(STEP_UP_SESSION, former_=login.token_hash, now=now, **proved):
                raise StaleLoginError
            self._audit.add(writer, "login_stepped_up", subject=login.subject, detail=proof.event_detail)
        return token

    def _describe(self, token: str, address: str | None, user_agent: str | None, proof: Proof) -> dict[str, Any]:
        """Return the columns of a login session that its latest authentication determines."""
        now = clock.now()
        return {
            "token_hash": hash_secret(token),
            "auth_time": now if proof.auth_time is None else proof.auth_time,
            "acr": proof.acr,
            "amr": write_amr(proof.amr),
            "last_seen_at": now,
            "expires_at": now + self._settings.session_seconds,
            "address": address and address[:45],
            "user_agent": user_agent and user_agent[:255],
        }

    def _renew(self, writer: Writer, former: str, subject: str, proved: Mapping[str, object]) -> bool:
        """Continue the same user's session with its new cookie; tell whether there was an active one."""
        parameters = {"former_": hash_secret(former), "subject_": subject, "now": clock.now()}
        return bool(writer.run(RENEW_SESSION, **parameters, **proved))

    def find(self, token: str) -> CurrentLoginSession | None:
        """Return the login session of a cookie's value; ``None`` if it has ended or expired."""
        token_hash = hash_secret(token)
        row = self._database.one(READ_SESSION, token_hash_=token_hash)
        return None if row is None else self._current(row, token_hash)

    def find_with_account(self, token: str) -> tuple[CurrentLoginSession, Account] | None:
        """Return the login session of a cookie's value and its user, one of our own; ``None`` as :meth:`find` does.

        Also ``None`` if the user may not log in, or not in this way.
        """
        token_hash = hash_secret(token)
        row = self._database.one(self._read_with_account, token_hash_=token_hash)
        if row is None:
            return None
        width = len(_current_columns)
        login, account = self._current(row[:width], token_hash), account_of(row[width:][: len(ACCOUNT_COLUMNS)])
        if login is None or account is None:
            return None
        # The setting may have been turned on since. Everything else that a login has to be judged by ends those that
        # aren't enough when it is changed.
        needs_factor = self._settings.operators_need_second_factor and row[-1]
        return None if needs_factor and not meets(login.acr, TWO_FACTORS) else (login, account)

    def _current(self, row: Row, token_hash: str) -> CurrentLoginSession | None:
        """Return the login session in a row unless it has expired; record once a minute that it is used."""
        session, subject, user_id, auth_time, last_seen_at, expires_at, acr, amr = row
        now = clock.now()
        if expires_at <= now or last_seen_at + self._settings.session_idle_seconds <= now:
            return None
        if last_seen_at + TOUCH_SECONDS <= now:
            self._database.write_one(TOUCH_SESSION, id_=session, now=now)
        return CurrentLoginSession(session, subject, user_id, auth_time, token_hash, acr, read_amr(amr))

    def lock(self, writer: Writer, session_id: str | None) -> bool:
        """Lock a login until the transaction ends, so that ending it waits; false if it has ended."""
        return writer.one(LOCK_SESSION, id_=session_id) is not None

    def list_of(self, subject: str) -> list[LoginSession]:
        """Return a user's sessions that are active or keep a client connected, most recently used first."""
        now, row = clock.now(), LoginSession
        is_used = row.last_seen_at > now - self._settings.session_idle_seconds
        alive = (row.expires_at > now, or_(is_used, row.is_needed_by_grant(now, self._settings)))
        with self._database.reading() as session:
            query = (
                select(row)
                .where(row.subject == subject, *alive)
                .order_by(row.last_seen_at.desc(), row.created_at.desc(), row.id)
            )
            return [*session.scalars(query)]

    def end(self, token: str) -> None:
        """End a login session. From the next request, all nodes reject the cookie."""
        with self._database.write() as writer:
            ended = writer.one(END_SESSION, token_hash_=hash_secret(token))
            if ended is not None:
                self._audit.add(writer, "logout", subject=ended[0])

    def end_one(self, login: CurrentLoginSession, session_id: str) -> bool:
        """End another session of the same user, and the links that it may have had sent; tell whether it existed."""
        with self._database.writing() as session:
            of_login = {"id_": session_id, "subject_": login.subject}
            is_ended = bool(session.execute(END_SESSION_OF.clause, of_login).rowcount)  # type: ignore[attr-defined]
            if is_ended:
                self._end_links(session, login)
                self._audit.add(session, "session_ended", subject=login.subject)
        return is_ended

    def find_subject(self, session_id: str) -> str | None:
        """Return the subject of a session; ``None`` if it has ended."""
        row = self._database.one(READ_SESSION_SUBJECT, id_=session_id)
        return None if row is None else str(row[0])

    def end_for_client(self, session_id: str, subject: str, client: str) -> None:
        """End a session on a client's request; ``client`` is the id of the client's row."""
        with self._database.write() as writer:
            if writer.run(END_SESSION_OF, id_=session_id, subject_=subject):
                self._audit.add(writer, "logout", actor=client, subject=subject, client=client)

    def end_others(self, login: CurrentLoginSession) -> int:
        """End all other sessions of the same user, and the links that they may have had sent; return how many."""
        with self._database.writing() as session:
            of_login = {"id_": login.session, "subject_": login.subject}
            ended = int(session.execute(END_OTHER_SESSIONS_OF.clause, of_login).rowcount)  # type: ignore[attr-defined]
            if ended:
                self._end_links(session, login)
                self._audit.add(session, "session_ended", subject=login.subject, detail={"sessions": ended})
        return ended

    def sign_out_everywhere(self, login: CurrentLoginSession) -> None:
        """End all of the user's sessions, including this one, all their tokens, and the links that one had sent."""
        with self._database.writing() as session:
            end_everything(session, login.subject)
            self._end_links(session, login)
            self._audit.add(session, "session_ended", subject=login.subject, detail={"everywhere": True})

    def _end_links(self, session: Transaction, login: CurrentLoginSession) -> None:
        """End the links of an account of our own: a thief in an ended session has them in their mailbox."""
        if self._second_factors is not None:
            end_links(session, [int(login.user_id)])
