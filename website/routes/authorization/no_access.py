"""Whom people can ask who may not use an application."""

from __future__ import annotations

import re
from typing import NamedTuple

from ...clients import Client
from ...redirect_uris import is_https_or_loopback, name_of
from ..current.authorization_server import authorization_server

#: What is linked as an email address: nothing that could end it and add a subject or a body.
EMAIL = re.compile(r"[\w.+-]+@[\w.-]+")
MAX_CONTACTS = 3


class Contact(NamedTuple):
    """Somebody to ask: the text to show, and its address, if it can be linked."""

    text: str
    address: str = ""


def contacts_of(client: Client) -> list[Contact]:
    """Return whom to ask about a client: its ``contacts`` (:rfc:`7591#section-2`), or else the operator's support.

    A client that registered itself chose its contacts, so people aren't sent to them.
    """
    listed = () if client.is_self_registered else client.metadata.get("contacts") or ()
    contacts = [_contact(text) for text in listed if isinstance(text, str) and text.isprintable()]
    if contacts:
        return contacts[:MAX_CONTACTS]
    address = authorization_server().settings.support_url
    if address.startswith("mailto:"):
        return [Contact(address.removeprefix("mailto:").partition("?")[0], address)]
    return [Contact(name_of(address), address)] if address else []


def _contact(text: str) -> Contact:
    if EMAIL.fullmatch(text):
        return Contact(text, f"mailto:{text}")
    return Contact(name_of(text), text) if is_https_or_loopback(text) else Contact(text)
