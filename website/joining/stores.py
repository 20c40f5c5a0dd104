"""The joining stores of one server."""

from __future__ import annotations

from ..access import Access
from ..audit import Audit
from ..database import Database
from ..mail import Mail
from ..settings import CLOSED, Settings
from ..users import Accounts
from .invitations import Invitations
from .newcomers import Newcomers
from .sign_ups import SignUps


class Joining:
    """How people get accounts by themselves. An embedding application keeps that for itself."""

    def __init__(
        self, database: Database, settings: Settings, audit: Audit, mail: Mail, accounts: Accounts, access: Access
    ) -> None:
        #: Whether there are invitations. In the demo everybody has an account by naming it.
        self.is_on = settings.joining != CLOSED and not settings.demo
        self.invitations = Invitations(database, settings, audit, mail)
        self.sign_ups = SignUps(database, settings, mail, accounts.throttle, self.invitations)
        self.newcomers = Newcomers(database, settings, audit, accounts, access, self.invitations)
