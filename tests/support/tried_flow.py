"""Trying a client's code flow on its page: from the button to the callback, with a client made for it."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask

from tests.support.every_page import origin_of
from tests.support.person import Answer, Person, RegisteredClient, read_hidden_fields

CALLBACK = "/callback"
ALL_SCOPES = "openid profile email offline_access"


def create_own_client(person: Person, origin: str, **fields: str) -> RegisteredClient:
    """Create a client that lists the server's own callback; a public one unless the fields say otherwise."""
    chosen = {"scope": ALL_SCOPES, "token_endpoint_auth_method": "none", "redirect_uri": origin + CALLBACK, **fields}
    return person.create_client(**chosen)


def open_callback(person: Person, application: Flask) -> str:
    """Run a flow until its code has arrived, with a client made for it; return the path of that page."""
    return run_flow(person, page_of(application, create_own_client(person, origin_of(person, application))))


def page_of(application: Flask, client: RegisteredClient) -> str:
    """Return the path of the part of a client's page on which it is tried."""
    return f"/clients/{application.extensions['grantwright'].clients.find_any(client.client_id).id}/try"


def run_flow(person: Person, page: str, *, confirm: str = "yes") -> str:
    """Press the button, decide, and return the path of the callback that the browser is sent to."""
    answer = person.post(page, {**_own_form(person.get(page), page), "ask_again": "yes"})
    assert answer.status == 303, answer.text
    consent = person.get(path_of(answer))
    return path_of(person.decide(consent, confirm))


def path_of(answer: Answer) -> str:
    """Return path and query of a redirect."""
    parts = urlsplit(answer.location)
    return f"{parts.path}?{parts.query}"


def exchange(person: Person, page: str, callback: str, **fields: str) -> Answer:
    """Open the callback and press its button."""
    shown = person.get(callback)
    assert shown.status == 200, shown.text
    return person.post(f"{page}/tokens", {**_own_form(shown, f"{page}/tokens"), **fields})


def _own_form(answer: Answer, action: str) -> dict[str, str]:
    _before, found, rest = answer.text.partition(f'action="{action}"')
    assert found, answer.text
    return read_hidden_fields(rest.partition("</form>")[0])
