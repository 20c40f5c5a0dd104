"""The accounts of a server: the users table that answers for them, subjects, claims, and logins by password."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..audit import Audit
from ..database import Database, DatabaseUnavailableError, SchemaMissingError
from ..database.cache_invalidation import CacheInvalidation
from ..database.sqlite_files import is_created
from ..keys import KeyEncryption
from ..logs import get_logger
from ..mail import Mail
from ..settings import Settings
from .account_managers import end_access_of_managers_without_factor
from .claims_by_scope import UserClaims
from .email_links import EmailLinks
from .local_users import LocalUsers
from .login_throttle import LoginThrottle
from .new_passwords import NewPasswords
from .passkey_login import PasskeyLogin
from .passkeys import Passkeys
from .password_links import PasswordLinks
from .password_login import PasswordLogin
from .password_recovery import PasswordRecovery
from .second_factors import SecondFactors
from .subjects import Subjects
from .users_protocol import HostFacts, Users

log = get_logger("grantwright.accounts")


class Accounts:
    """The accounts of one server: in our own table, or in the embedding application's."""

    def __init__(
        self,
        database: Database,
        changes: CacheInvalidation,
        encryption: KeyEncryption,
        settings: Settings,
        audit: Audit,
        mail: Mail,
        known_scopes: Callable[[], Iterable[str]],
        external_users: Users | None,
        host: HostFacts | None,
    ) -> None:
        """``external_users`` and ``host`` belong to the embedding application, if there is one."""
        self._database, self._settings = database, settings
        new_passwords = NewPasswords(settings)
        throttle = None if settings.demo else LoginThrottle(database, settings)
        #: ``None`` in the demo, where nothing is guessed.
        self.throttle = throttle
        self.are_of_demo = settings.demo
        self.subjects = Subjects(database)
        self.mail = mail
        #: Whether the users belong to an embedding application, whose lookups may fail independently.
        self.are_external = external_users is not None
        self.host = host or HostFacts()
        self.own_users = own_users = LocalUsers(
            database, self.subjects, new_passwords, settings.demo, audit, changes, mail
        )
        self.users: Users = external_users or own_users
        self.claims = UserClaims(self.users, known_scopes)
        self.password_login = PasswordLogin(self.users, throttle, audit)
        self.password_links = PasswordLinks(database, new_passwords, audit, throttle, mail)
        self.password_recovery = PasswordRecovery(database, settings, audit, throttle, mail, self.password_links)
        self.email_links = EmailLinks(database, settings, audit, throttle, mail, own_users)
        self.passkeys = Passkeys(database, audit, mail)
        #: Of our own accounts; an embedding application has its own.
        self.second_factors = SecondFactors(database, encryption, settings, audit, mail, throttle, self.passkeys)
        self.passkey_login = PasskeyLogin(database, audit, throttle)

    def end_access_without_required_factor(self) -> int:
        """End what operators and the helpdesk have below two factors where the settings require them.

        Returns the number of accounts. Each start of a server does it, so that the last node with former settings
        leaves nothing.

        A database that can't be read is left alone: the readiness check reports it.
        """
        is_required = self._settings.operators_need_second_factor and not self.are_external
        if not is_required or not is_created(self._database.engine.url):
            return 0
        try:
            count = end_access_of_managers_without_factor(self._database)
        except (DatabaseUnavailableError, SchemaMissingError):
            return 0
        if count:
            log.info("operators' access without a second factor ended", accounts=count)
        return count

    def is_operator(self, subject: str) -> bool:
        """Tell whether a subject is an operator of this server, as no user of an embedding application is."""
        return not self.are_external and self.own_users.is_operator(subject)
