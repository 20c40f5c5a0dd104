"""Sign-ups: people without an invitation verify an email address first, by a link that is sent there."""

from __future__ import annotations

from typing import Any

from sqlalchemy import exists, select

from ..database import Database
from ..email_addresses import email_key
from ..identifiers import INVITATION_PREFIX, hash_secret, new_secret
from ..mail import Mail, QueuedMail
from ..models.login_name import LoginName
from ..models.user import User
from ..settings import OPEN_TO_ALL, Settings
from ..standard_claims import ClaimsError, check_address
from ..translatable import N_
from ..users.ending_links import BY_MAIL
from ..users.login_throttle import LoginThrottle, network_key, receiver_key
from .invitations import Invitations, path_of

KIND = "sign_up"
LINK_SECONDS = 3600


class SignUps:
    """The sign-ups at one server."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        mail: Mail,
        throttle: LoginThrottle | None,
        invitations: Invitations,
    ) -> None:
        #: Whether anybody may sign up.
        self.are_open = settings.joining == OPEN_TO_ALL and mail.is_on and not settings.demo
        self._database = database
        self._domains = settings.joining_domains
        self._domain_keys = {email_key(f"@{domain}") for domain in self._domains}
        self._mail = mail
        self._throttle = throttle
        self._invitations = invitations
        mail.register_preparation(KIND, self._prepare)

    def begin(self, address: str, language: str | None = None) -> str:
        """Have a link sent to an address, in a language, and return the address as it is stored.

        Whether an account has it makes no difference here, and so none in what a stranger can measure: it's looked up
        when the email is sent, which then says so. Raises ``ClaimsError`` for a malformed address or one of another
        domain, and ``TooManyTriesError`` after many emails.
        """
        email = check_address(address)
        if self._domains and not self._is_in_a_domain(email):
            domains = ", ".join(self._domains)
            raise ClaimsError({"email": N_("Use an address of one of these domains: %(domains)s.", domains=domains)})
        if self._throttle is not None:
            self._throttle.count_try(receiver_key(email) | network_key(), KIND)
        with self._database.writing() as session:
            self._mail.add(session, KIND, None, address=email, language=language)
        return email

    def _is_in_a_domain(self, email: str) -> bool:
        """Tell whether an address is in one of the domains; some mail servers pass on ``ann%evil.example@ours``."""
        local, at, domain = email_key(email).rpartition("@")
        return at + domain in self._domain_keys and "%" not in local and "!" not in local

    def _prepare(self, message: QueuedMail) -> dict[str, Any] | None:
        """Create the link of an email that is being sent; or say that the address has an account.

        Nothing is sent once people may no longer sign up.
        """
        if not self.are_open:
            return None
        key = email_key(message.address)
        # Nodes of the previous release only write the users table.
        has_address = exists().where(User.email_key == key, User.email_verified)
        with self._database.reading() as session:
            if session.scalar(select(exists().where(LoginName.login_key == key) | has_address)):
                return {"has_account": True, "path": "/"}
        token = new_secret(INVITATION_PREFIX)
        with self._database.writing() as session:
            self._invitations.add(session, "", hash_secret(token), message.address, 1, LINK_SECONDS, by=BY_MAIL)
        return {"has_account": False, "path": path_of(token)}
