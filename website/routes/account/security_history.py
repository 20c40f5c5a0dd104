"""The page of what happened to one's own account: its security events in words, the latest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint, render_template
from flask_babel import gettext as _

from ...audit import FAILURE, REFUSED
from ...models.event import Event
from ...sessions.assurance import PRESENCE
from ...translatable import N_
from ..current.authorization_server import authorization_server
from ..current.login_session import current_login, login_required
from ..presentation.event_rows import requested_before
from ..presentation.paging import cut_page

PAGE_EVENTS = 50
#: An event in a person's words. What has no words here isn't about their account, or changes nothing for them.
WORDS: Mapping[str, str] = {
    "login": N_("Logged in"),
    "logout": N_("Logged out"),
    "session_ended": N_("Logged out another device"),
    "password_changed": N_("Password changed"),
    "password_link_created": N_("Link for a new password created"),
    "password_recovery_requested": N_("New password requested"),
    "email_verified": N_("Email address confirmed"),
    "profile_changed": N_("Details changed"),
    "account_exported": N_("Your data downloaded"),
    "device_allowed": N_("Device connected"),
    "device_denied": N_("Device denied"),
    "user_created": N_("Account created"),
    "user_disabled": N_("Account disabled"),
    "user_enabled": N_("Account enabled"),
    "operator_appointed": N_("You became an operator"),
    "operator_dismissed": N_("You're no longer an operator"),
    "factor_added": N_("Second factor set up"),
    "factor_removed": N_("Second factor removed"),
    "factors_reset": N_("Second factors removed by an operator"),
    "recovery_codes_replaced": N_("New recovery codes made"),
    "recovery_code_used": N_("Logged in with a recovery code"),
    "login_stepped_up": N_("Second factor used for an app"),
    "group_member_added": N_("Added to a group"),
    "group_member_removed": N_("Removed from a group"),
    "role_granted": N_("You got a role on this server"),
    "role_revoked": N_("You no longer have a role on this server"),
    "passkey_added": N_("Passkey added"),
    "passkey_removed": N_("Passkey removed"),
    "passkey_renamed": N_("Passkey renamed"),
    "passkey_asking_changed": N_("Passkey requirement turned on or off"),
}
LOGGED_IN_WITH_PASSKEY = N_("Logged in with a passkey")
#: Those with the name of an app.
WORDS_WITH_APP: Mapping[str, str] = {
    "consent_granted": N_("%(app)s got access"),
    "consent_denied": N_("%(app)s was denied access"),
    "consent_revoked": N_("Access removed for %(app)s"),
    "device_allowed": N_("%(app)s connected on a device"),
    "device_denied": N_("Device for %(app)s denied"),
    "client_access_ended": N_("Access to %(app)s ended"),
    "logout": N_("%(app)s logged you out"),
    "login": N_("Logged in through %(app)s"),
    "authorization_code_replayed": N_("%(app)s lost access: its code was used twice"),
    "device_code_replayed": N_("%(app)s lost access: its device code was used twice"),
    "refresh_token_reused": N_("%(app)s lost access: an old token was used again"),
    "refresh_token_in_two_places": N_("Two programs are using %(app)s's access"),
}
#: Those that went wrong, by event.
WORDS_OF_FAILURES: Mapping[str, str] = {
    "login": N_("Failed login"),
    "login_throttled": N_("Too many failed logins"),
    "second_factor_failed": N_("Wrong second-factor code"),
    "passkey_count_regressed": N_("Login with a passkey refused: it may have been copied"),
}
ALARMING = frozenset(
    (
        "login_throttled", "authorization_code_replayed", "device_code_replayed", "refresh_token_reused",
        "refresh_token_in_two_places", "passkey_count_regressed", "factors_reset", "recovery_code_used",
    )
)  # fmt: skip
bp = Blueprint("security_history", __name__)


@dataclass(frozen=True, slots=True)
class Happening:
    """One event as the page shows it."""

    words: str
    occurred_at: int
    #: The address that it came from; empty for a command on the server.
    address: str
    is_alarming: bool


@bp.get("/account/history")
@login_required
def show_history() -> str:
    """Show what happened to the account, a page at a time."""
    server = authorization_server()
    shown_events = sorted({*WORDS, *WORDS_WITH_APP, *WORDS_OF_FAILURES})
    events = server.audit.list(
        events=shown_events,
        subject=current_login().subject,
        before=requested_before(),
        limit=PAGE_EVENTS + 1,
    )
    page, next_before = cut_page(events, PAGE_EVENTS, lambda event: event.id)
    names = server.clients.names_of({event.client for event in page if event.client})
    return render_template(
        "security_history.html",
        happenings=[happening for event in page if (happening := describe(event, _app_of(event, names)))],
        next_before=next_before,
    )


def _methods_of(event: Event) -> list[str]:
    """Return the authentication methods of a login, which its event has in its detail."""
    methods = (event.detail or {}).get("amr")
    return methods if isinstance(methods, list) else []


def describe(event: Event, app: str) -> Happening | None:
    """Return an event in words; ``app`` is the name of its client, if it has one."""
    words: str | None
    if event.outcome in (FAILURE, REFUSED):
        words = WORDS_OF_FAILURES.get(event.event)
    elif app and event.event in WORDS_WITH_APP:
        words = _(WORDS_WITH_APP[event.event], app=app)
    elif event.event == "login" and PRESENCE in _methods_of(event):
        words = LOGGED_IN_WITH_PASSKEY
    else:
        words = WORDS.get(event.event)
    if words is None:
        return None
    is_alarming = event.event in ALARMING or event.outcome == FAILURE
    return Happening(words, event.occurred_at, event.address or "", is_alarming)


def _app_of(event: Event, names: Mapping[str, str]) -> str:
    """Return the name of an event's client; empty without one."""
    if event.client is None:
        return ""
    return names.get(event.client) or str((event.detail or {}).get("client_name") or _("A deleted app"))
