"""Who is asked for a second factor in this browser: somebody in the middle of a login, or of a step-up."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flask import flash, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ...database import StaleLoginError
from ...sessions import CurrentLoginSession
from ...sessions.assurance import Proof
from ...users import Account
from ..browser.next_page import requested_next
from ..current.authorization_server import authorization_server
from ..current.login_session import current_account, current_login, find_login, login_page, step_up_login
from .pending_login import complete_login, find_pending_login, forget_pending_login

#: The query's parameter with the class that a login session has to be stepped up to.
WANTED = "acr"


@dataclass(frozen=True, slots=True)
class AskedPerson:
    """Who is asked for a second factor, and how they have authenticated so far."""

    account: Account
    proof: Proof
    #: The login session to step up; ``None`` between the first and the second factor.
    login: CurrentLoginSession | None


@dataclass(frozen=True, slots=True)
class LoggedInPerson(AskedPerson):
    """Somebody who is logged in, and steps their login up or changes their factors."""

    login: CurrentLoginSession


def find_asked_person() -> AskedPerson | None:
    """Return who is asked in this browser: somebody logged in if the address says so, else who is logging in."""
    if WANTED in request.args:
        return logged_in_person() if find_login() is not None else None
    pending = find_pending_login()
    return None if pending is None else AskedPerson(pending.account, pending.proof, None)


def logged_in_person() -> LoggedInPerson:
    """Return who is logged in, with the account's subject; 401 if nobody is."""
    login, account = current_login(), current_account()
    return LoggedInPerson(replace(account, subject=login.subject), Proof(login.auth_time, login.acr, login.amr), login)


def changing_person() -> LoggedInPerson:
    """Return who is logged in, with the account's epoch: what ends the account from now on stops the change."""
    person = logged_in_person()
    epoch = authorization_server().accounts.subjects.subject_for_user(person.account.id)[1]
    return replace(person, account=replace(person.account, epoch=epoch))


def finish(person: AskedPerson, *methods: str) -> Response:
    """Log in somebody who has shown the second factor by ``methods``, or step their login up, and go on to ``next``."""
    proof = person.proof.with_second_factor(*methods)
    try:
        if person.login is None:
            return complete_login(person.account, proof)
        step_up_login(person.login, proof)
    except StaleLoginError:
        return send_back()
    return redirect(destination(), 303)


def destination() -> str:
    """Return where the person came for."""
    return requested_next() or url_for("home.show_home")


def send_back() -> Response:
    """Send somebody who isn't asked to the login page, or on if they are logged in."""
    if WANTED not in request.args and find_login() is not None and find_pending_login() is None:
        return redirect(destination(), 303)
    forget_pending_login()
    flash(_("That took too long, or your account was changed meanwhile. Log in again."))
    return redirect(login_page(destination(), again=find_login() is not None), 303)
