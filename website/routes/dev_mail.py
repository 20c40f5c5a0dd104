"""The demo's emails: what production would have sent, on a page. Elsewhere there is no such page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import EmailMessage

from flask import Blueprint, Response, abort, make_response, render_template

from ..mail import DemoFolder
from .current.authorization_server import authorization_server

#: The HTML of an email runs no script, loads nothing and has no form: its own styles are all that it brings.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'none';"
    " sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"
)
_LINK = re.compile(r"https?://\S+")
bp = Blueprint("dev_mail", __name__)


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """An email on the page."""

    name: str
    subject: str
    receiver: str
    sent_at: int
    text: str
    #: The link that it asks to open, if any.
    link: str


@bp.get("/dev/mail")
def list_messages() -> str:
    """Show the latest emails, newest first."""
    messages = [_show(name, message) for name, message in _folder().list_messages()]
    return render_template("dev_mail.html", messages=messages)


@bp.get("/dev/mail/<name>")
def show_html(name: str) -> Response:
    """Show the HTML of an email, as a mail program would."""
    message = _folder().read(name) or abort(404)
    response = make_response(_part(message, "html"))
    response.headers["Content-Security-Policy"] = POLICY
    return response


def _folder() -> DemoFolder:
    return authorization_server().mail.demo_folder or abort(404)


def _show(name: str, message: EmailMessage) -> ShownMessage:
    text = _part(message, "plain")
    link = _LINK.search(text.partition("\n-- \n")[0])
    sent_at = int(message["Date"].datetime.timestamp())
    return ShownMessage(name, str(message["Subject"]), str(message["To"]), sent_at, text, link.group() if link else "")


def _part(message: EmailMessage, subtype: str) -> str:
    part = message.get_body((subtype,))
    return "" if part is None else str(part.get_content()).replace("\r\n", "\n")
