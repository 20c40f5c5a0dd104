"""The login page, first and again with an error."""

from __future__ import annotations

from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from flask import render_template

from ...clients import Client
from ..browser.next_page import leads_to_authorization, leads_to_device, requested_next
from ..browser.security_headers import let_forms_end_at_client
from ..current.authorization_server import authorization_server
from ..presentation.client_logos import logo_address
from .passkey_place import address_with_passkeys, let_page_use_passkeys

#: The parameters that stand for a request kept or signed elsewhere, whose ``prompt`` the address can't change.
KEPT_ELSEWHERE = ("transaction", "request", "request_uri")


def render_login_page(username: str = "", problems: dict[str, str] | None = None, passkey_problem: str = "") -> str:
    """Render the login page; ``problems`` says by field what was wrong with the last try, or with its passkey."""
    next_page = requested_next()
    is_for_client = leads_to_authorization(next_page)
    if is_for_client:
        let_forms_end_at_client()
    client = client_of(next_page)
    return render_template(
        "login.html",
        username=username,
        problems=problems or {},
        next=next_page,
        is_for_client=is_for_client,
        is_for_device=leads_to_device(next_page),
        client_name=client.client_name if client is not None else "",
        logo=logo_address(client),
        takes_passkeys=let_page_use_passkeys(),
        passkey_problem=passkey_problem,
        page_with_passkeys=address_with_passkeys(),
        recovers_passwords=authorization_server().accounts.password_recovery.is_on,
        can_sign_up=authorization_server().joining.sign_ups.are_open,
    )


def client_of(next_page: str | None) -> Client | None:
    """Return the client that a login goes on to, where the address says it."""
    if next_page is None or not leads_to_authorization(next_page):
        return None
    client_ids = parse_qs(urlsplit(next_page).query).get("client_id", [""])
    server = authorization_server()
    return server.clients.find(client_ids[0]) if client_ids[0] else None


def address_without_page(next_page: str | None) -> str | None:
    """Return the address at which a client's request is answered without a page: with an error, where one is needed.

    It takes somebody who doesn't want to go on back to the client. ``None`` for a request that isn't in the address.
    """
    if next_page is None or not leads_to_authorization(next_page):
        return None
    path, _mark, query = next_page.partition("?")
    parameters = parse_qsl(query, keep_blank_values=True)
    if any(name in KEPT_ELSEWHERE for name, _value in parameters):
        return None
    others = [(name, value) for name, value in parameters if name != "prompt"]
    return f"{path}?{urlencode([*others, ('prompt', 'none')])}"
