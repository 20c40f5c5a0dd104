"""The browser's login session: finding, beginning and ending it, and views that require one.

In an embedded provider the login is the host's. The session that stands for it here follows it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flask import abort, current_app, g, redirect, request, session, url_for
from werkzeug.wrappers import Response

from ...database import StaleLoginError
from ...logs import get_logger
from ...request_context import REQUEST_ID
from ...sessions import CurrentLoginSession
from ...sessions.assurance import Proof
from ...users import Account, HostLogin
from .authorization_server import authorization_server
from .host_application import Host, current_host

LOGIN_KEY = "login"
#: Where the session keeps a flow that is being tried out, whose client may have asked for this login.
TRIED_FLOW_KEY = "tried_flow"
log = get_logger("grantwright.pages")
P = ParamSpec("P")
R = TypeVar("R")


def find_login() -> CurrentLoginSession | None:
    """Return the login of this browser, looked up once per request; ``None`` once its user may not log in."""
    return _look_up()[0]


def find_account() -> Account | None:
    """Return the user who is logged in, if anybody is."""
    return _look_up()[1]


def current_login() -> CurrentLoginSession:
    """Return the login of this browser where there is one: in views that require it. 401 otherwise."""
    return find_login() or abort(401)


def current_account() -> Account:
    """Return the user who is logged in, in views that require that. 401 otherwise."""
    return find_account() or abort(401)


def knows_auth_time() -> bool:
    """Tell whether it is known when the person proved who they are; an application that embeds this one may not say."""
    host = current_host()
    at_host = host.current_login() if host is not None else None
    return at_host is None or at_host.auth_time is not None


def _look_up(may_begin: bool = True) -> tuple[CurrentLoginSession | None, Account | None]:
    if "grantwright_login" not in g:
        host = current_host()
        if host is None:
            g.grantwright_login = authorization_server().find_login(session.get(LOGIN_KEY))
        else:
            g.grantwright_login = _look_up_at_host(host, may_begin)
    return g.grantwright_login


def _look_up_at_host(host: Host, may_begin: bool) -> tuple[CurrentLoginSession | None, Account | None]:
    login = _follow(host.current_login(), _find_login(), may_begin)
    account = authorization_server().users.find(login.user_id) if login else None
    if login is not None and account is None:
        log_out()
        abort(403)  # not the login page: the host knows this browser, and would send it back here
    return login, account


def _find_login() -> CurrentLoginSession | None:
    token = session.get(LOGIN_KEY)
    return authorization_server().sessions.find(token) if isinstance(token, str) else None


def _follow(at_host: HostLogin | None, own: CurrentLoginSession | None, may_begin: bool) -> CurrentLoginSession | None:
    """Return the login that stands for the host's: the one that is there, or a new one; end one that does not."""
    if at_host is None:
        if own is not None:
            log_out()
        return None
    proof = _proof_of(at_host)
    is_same = own is not None and (own.user_id, own.acr, own.amr) == (at_host.user_id, proof.acr, proof.amr)
    if own is not None and is_same and at_host.auth_time in (None, own.auth_time):
        return own
    if not may_begin:
        return None
    account = authorization_server().users.find(at_host.user_id)
    if account is None:
        abort(403)
    try:
        log_in(account, proof)
    except StaleLoginError:
        abort(401)  # signed out everywhere since: the host has to ask for the password again
    return _find_login()


def _proof_of(at_host: HostLogin) -> Proof:
    """Return how the host's login was proved. A class that it did not declare is left out: discovery says which are."""
    host, acr = current_host(), at_host.acr
    if host is not None and acr is not None and acr not in host.acr_values:
        log.warning("the host's login has an acr that is not among the acr_values of embed()", acr=acr)
        acr = None
    return Proof(at_host.auth_time, acr, tuple(at_host.amr))


def look_up_again() -> None:
    """Have the login be looked up again in this request, as the account was changed."""
    g.pop("grantwright_login", None)


def treat_as_logged_out() -> None:
    """Render the rest of this request without asking who is logged in: the database may be what failed."""
    g.grantwright_login = None, None


def settle_login() -> None:
    """Find out who is logged in, or go on as if nobody were where that fails: for pages that need no login."""
    try:
        _look_up(may_begin=False)
    except Exception:
        log.warning("the login could not be read", request_id=request.environ.get(REQUEST_ID))
        treat_as_logged_out()


def log_in(account: Account, proof: Proof, *, is_new_device: bool = False) -> None:
    """Begin a login: anybody else's of this browser ends, and of its former session only a flow being tried out stays.

    ``proof`` is how the user proved who they are. They are told by email of a new device. Raises ``StaleLoginError``,
    and ``IncompleteLoginError``, after which the browser's login is what it was.
    """
    kept = {TRIED_FLOW_KEY: session[TRIED_FLOW_KEY]} if TRIED_FLOW_KEY in session else {}
    agent = "".join(filter(str.isprintable, request.user_agent.string))
    sessions, former = authorization_server().sessions, session.get(LOGIN_KEY)
    former = former if isinstance(former, str) else None
    try:
        token = sessions.begin(account, request.remote_addr, agent, proof, former, is_new_device=is_new_device)
    except StaleLoginError:
        _forget_login()
        session.update(kept)
        raise
    _forget_login()
    session.update({**kept, LOGIN_KEY: token})
    look_up_again()


def step_up_login(login: CurrentLoginSession, proof: Proof) -> None:
    """Go on with this browser's login after a second factor was shown in it. Raises ``StaleLoginError``."""
    session[LOGIN_KEY] = authorization_server().sessions.step_up(login, proof)
    look_up_again()


def log_out() -> None:
    """End this browser's login on the server, and empty its session."""
    token = _forget_login()
    if token is not None:
        authorization_server().sessions.end(token)


def _forget_login() -> str | None:
    """Empty the browser's session; return the value by which the login of it is found."""
    token = session.get(LOGIN_KEY)
    session.clear()
    treat_as_logged_out()
    return token if isinstance(token, str) else None


def login_required(view: Callable[P, R]) -> Callable[P, R | Response]:
    """Send users who aren't logged in to the login page, and from there back to this one."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | Response:
        if find_login() is None:
            came_for = request.full_path if request.query_string else page_at(request.path)
            return redirect(login_page(request.script_root + came_for), 303)
        return view(*args, **kwargs)

    return guarded


def login_page(next_address: str, login_hint: str = "", *, again: bool = False) -> str:
    """Return the address of the page to log in at, which goes on to ``next_address``.

    ``login_hint`` is a name for the form to begin with. ``again`` shows it to somebody who is logged in.
    """
    more: dict[str, Any] = {"login_hint": login_hint or None, "again": "1" if again else None}
    host = current_host()
    return host.login_page(next_address, more) if host else url_for("home.show_home", next=next_address, **more)


def step_up_page(next_address: str, wanted: str | None) -> str:
    """Return the address of the page to show another factor at, for a login of class ``wanted``; then it goes on."""
    return url_for("second_factor.show_second_factor", next=next_address, acr=wanted)


def requested_page() -> str:
    """Return the page of this request, to come back to: what was posted isn't posted again."""
    came_for = request.full_path if request.query_string else request.path
    return request.script_root + (came_for if request.method == "GET" else page_at(request.path))


def page_at(path: str) -> str:
    """Return the path, or the nearest above it, that shows a page: what was posted is not posted again."""
    addresses = current_app.create_url_adapter(request) or abort(404)
    while path != "/" and not addresses.test(path, "GET"):
        path = path.rpartition("/")[0] or "/"
    return path
