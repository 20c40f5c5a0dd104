"""A device without a browser, and what its person does on the device page."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from tests.support.person import Answer as Page
from tests.support.person import Person
from tests.support.token_requests import Answer, MachineClient, Provider

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
DEVICE_AUTHORIZATION, DEVICE_PAGE = "/oauth/device_authorization", "/device"
DEVICE_DECISION = f"{DEVICE_PAGE}/decision"


def create_device_client(provider: Provider, *grant_types: str, **metadata: Any) -> MachineClient:
    """Store a public client of devices."""
    defaults = {"client_name": "Living Room TV", "token_endpoint_auth_method": "none", "scope": "profile photos"}
    return provider.create_client(DEVICE_CODE, "refresh_token", *grant_types, **{**defaults, **metadata})


def ask_for_code(provider: Provider, client: MachineClient, **fields: str) -> Answer:
    return provider.post(DEVICE_AUTHORIZATION, fields, client)


def start_device(provider: Provider, client: MachineClient, **fields: str) -> dict[str, Any]:
    """Have a device ask for its codes."""
    answer = ask_for_code(provider, client, **fields)
    assert answer.status == 200, answer.body
    return answer.json


def poll(provider: Provider, client: MachineClient, device_code: str, **fields: str) -> Answer:
    return provider.ask_token(client, DEVICE_CODE, device_code=device_code, **fields)


def page_of(user_code: str) -> str:
    return f"{DEVICE_PAGE}?{urlencode({'user_code': user_code})}"


def enter(person: Person, user_code: str) -> Page:
    """Type a code into the form of the device page."""
    return person.post(DEVICE_PAGE, {**person.get(DEVICE_PAGE).hidden_fields(), "user_code": user_code})


def decide(person: Person, user_code: str, confirm: str = "yes", **changes: str) -> Page:
    """Press a button of the page that shows the device."""
    page = person.get(page_of(user_code))
    assert 'name="confirm"' in page.text, page.text
    return person.post(DEVICE_DECISION, {**page.hidden_fields(), "confirm": confirm, **changes})


def allow(person: Person, user_code: str) -> None:
    """Enter a code and allow its device."""
    assert enter(person, user_code).status == 303
    decide(person, user_code)
    assert "Your device is connected" in person.get(page_of(user_code)).text
