"""Logging a browser out: ending its login session, the frames that tell applications, and where it goes next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import make_response, redirect, render_template

from ...sessions import CurrentLoginSession
from ..browser.security_headers import let_page_have_frames
from ..current.authorization_server import authorization_server
from ..current.host_application import current_host
from ..current.login_session import find_login, log_out


def log_out_and_go_on(address: str | None) -> Any:
    """End this browser's login and go on to an address, by way of a page where applications have to be told in it.

    In an embedded provider the host's login ends first: ours would begin again while it lasts.
    """
    frames, host = frames_of(find_login()), current_host()
    cookies = host.log_out() if host else []
    log_out()
    answer = make_response(show_logged_out(address, frames))
    for cookie in cookies:
        answer.headers.add("Set-Cookie", cookie)
    return answer


def frames_of(login: CurrentLoginSession | None) -> list[str]:
    """Return what has to be opened in frames once a login has ended; to be asked while it lasts."""
    if login is None:
        return []
    finders = authorization_server().registry.logout_frames
    return [address for find_addresses in finders for address in find_addresses(login.session)]


def show_logged_out(address: str | None, frames: list[str], problems: Iterable[str] = ()) -> Any:
    """Go on to an address; without one, or where something has to be shown in frames, show a page.

    ``problems`` are sentences on what of a request was not accepted.
    """
    if address is not None and not frames:
        return redirect(address, 303)
    let_page_have_frames(frames)
    return render_template("logged_out.html", address=address, frames=frames, problems=list(problems))
