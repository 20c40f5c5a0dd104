"""People with accounts in production, each in a browser at an address; nodes on one database, and what stands in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from tests.support.device_flow import DEVICE_CODE
from tests.support.person import REDIRECT_URI, Answer, Fields, Person, Pkce, code_of
from tests.support.token_requests import PRODUCTION, MachineClient, Provider, open_provider
from website.users.password_hashing import hash_password

ISSUER = str(PRODUCTION["OAUTH2_ISSUER"])
PASSWORD = "correct horse battery staple"
ADDRESS = "203.0.113.7"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
EVERY_CLAIM = {
    "name": "Ada Lovelace",
    "given_name": "Ada",
    "family_name": "Lovelace",
    "middle_name": "King",
    "nickname": "Countess",
    "preferred_username": "ada",
    "email": "ada@example.org",
    "phone_number": "+44 20 7946 0000",
    "profile": "https://example.org/ada",
    "picture": "https://example.org/ada.png",
    "website": "http://ada.example",
    "gender": "female",
    "birthdate": "1815-12-10",
    "zoneinfo": "Europe/London",
    "locale": "en-GB",
    "street_address": "12 St James's Square",
    "postal_code": "SW1Y 4JH",
    "locality": "London",
    "region": "Greater London",
    "country": "United Kingdom",
}
COOKIES = ("__Host-grantwright", "__Host-grantwright-known")


class Resident(Person):
    """One browser at one address, on an application in production."""

    def __init__(self, application: Flask, address: str = ADDRESS, agent: str = FIREFOX) -> None:
        super().__init__(application.test_client())
        self.address = address
        self.agent = agent

    def _send(self, method: str, path: str, fields: Fields | None, headers: dict[str, str]) -> Answer:
        own = {"Origin": ISSUER, "Referer": f"{ISSUER}/", "User-Agent": self.agent}
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.door.open(  # type: ignore[union-attr]
            path,
            method=method,
            data=fields,
            headers={**own, **names},
            base_url=ISSUER,
            environ_overrides={"REMOTE_ADDR": self.address},
        )
        return Answer(response.status_code, response.headers, response.get_data(as_text=True))

    def log_in(self, username: str = "alice", next_page: str = "", password: str = PASSWORD) -> Answer:
        path = f"/?next={next_page}" if next_page else "/"
        return self.post(path, {**self.get(path).hidden_fields(), "username": username, "password": password})

    def submit(self, path: str, page: str = "", **fields: str) -> Answer:
        """Fill in the form of a page and send it to a path."""
        return self.post(path, {**self.get(page or path).hidden_fields(), **fields})

    def is_logged_in(self) -> bool:
        return self.get("/account").status == 200

    def at(self, application: Flask) -> Resident:
        """Return the same browser, its cookies taken along, at another node."""
        other = Resident(application, self.address, self.agent)
        for name in COOKIES:
            cookie = self.door.get_cookie(name, domain="id.example")  # type: ignore[union-attr]
            if cookie is not None:
                other.door.set_cookie(name, cookie.value, domain="id.example")  # type: ignore[union-attr]
        return other


@lru_cache
def hash_of(password: str) -> str:
    return hash_password(password)


def add_user(node: Provider, username: str = "alice", *, is_operator: bool = False) -> int:
    """Create an account with the usual password, hashed once for all of them; return its id."""
    user_id = int(node.server.users.create(username).id)
    if is_operator:
        node.server.users.set_operator(user_id, True)
    change = text("UPDATE oauth2_user SET password_hash = :hash WHERE id = :id")
    with node.server.database.engine.begin() as connection:
        connection.execute(change, {"hash": hash_of(PASSWORD), "id": user_id})
    return user_id


def add_client(node: Provider, **more: Any) -> MachineClient:
    """Create a client that may do all that a person can allow."""
    grant_types = ("authorization_code", "refresh_token", "password", "client_credentials", DEVICE_CODE)
    return node.create_client(*grant_types, redirect_uris=[REDIRECT_URI], response_types=["code"], policy=more)


def draw_code(person: Resident, client: MachineClient, pkce: Pkce) -> str:
    return code_of(person.allow(client.client_id, scope="profile", **pkce.parameters))


def redeem(node: Provider, client: MachineClient, code: str, pkce: Pkce) -> Any:
    fields = {"code": code, "code_verifier": pkce.verifier, "redirect_uri": REDIRECT_URI}
    return node.ask_token(client, "authorization_code", **fields)


def rows(node: Provider, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with node.server.database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql), parameters)]


@contextmanager
def open_database(request: pytest.FixtureRequest, folder: Path, kind: str) -> Iterator[str]:
    """Give the address of an empty database that a whole module shares."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/db.sqlite"
        return
    cluster = request.getfixturevalue("postgres_cluster")
    name = cluster.create_database()
    yield cluster.url(name)
    cluster.drop_database(name)


@contextmanager
def open_nodes(
    request: pytest.FixtureRequest, folder: Path, kind: str, number: int = 2, **settings: Any
) -> Iterator[list[Provider]]:
    """Open applications in production on one database; wrong passwords slow nothing down unless a setting says so."""
    patient = {"OAUTH2_LOGIN_TRIES_PER_ACCOUNT": 10_000, "OAUTH2_LOGIN_TRIES_PER_ADDRESS": 10_000}
    with open_database(request, folder, kind) as uri, ExitStack() as cleanup:
        yield [
            cleanup.enter_context(open_provider(folder, uri, **{**PRODUCTION, **patient, **settings}))
            for _ in range(number)
        ]


def logged_in(provider: Provider, username: str) -> Resident:
    """Return a browser in which somebody has logged in."""
    resident = Resident(provider.application)
    assert resident.log_in(username).status == 303
    return resident
