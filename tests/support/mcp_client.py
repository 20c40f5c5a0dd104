"""The MCP SDK's client, unmodified: what it stores, the browser that it opens, and calls of tools."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx2
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider, TokenStorage
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from tests.support.person import Person
from tests.support.waiting import ANSWER_SECONDS

T = TypeVar("T")


class Storage(TokenStorage):
    """What the client keeps between two runs."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Browser:
    """The browser that the client opens: a person who is logged in and allows what is asked."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._answer: dict[str, str] = {}
        #: The pages that were shown, one for each visit.
        self.pages: list[str] = []

    async def open(self, address: str) -> None:
        asked = await asyncio.to_thread(self._person.get, address)
        self.pages.append(asked.text)
        answer = await asyncio.to_thread(self._person.decide, asked) if asked.status == 200 else asked
        assert answer.status in (302, 303), answer.text
        self._answer = answer.query

    async def wait(self) -> AuthorizationCodeResult:
        return AuthorizationCodeResult(
            code=self._answer["code"], state=self._answer["state"], iss=self._answer.get("iss")
        )


def client_metadata(*redirect_uris: str, **metadata: str) -> OAuthClientMetadata:
    return OAuthClientMetadata.model_validate(
        {"client_name": "Assistant", "redirect_uris": list(redirect_uris), **metadata}
    )


async def call_tool(address: str, provider: OAuthClientProvider, name: str, **arguments: Any) -> str:
    """Connect, call a tool and return its answer."""
    async with (
        httpx2.AsyncClient(auth=provider, timeout=ANSWER_SECONDS) as http,
        Client(streamable_http_client(address, http_client=http)) as client,
    ):
        result = await client.call_tool(name, arguments)
    return str(result.content[0].text)  # type: ignore[union-attr]


def run(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine in a thread of its own: in this one a browser's event loop may be running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(make())).result()
