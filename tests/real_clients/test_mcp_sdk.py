"""The MCP SDK's client: it finds the provider through an MCP server, registers itself, and calls a tool.

Client and server are the official Python SDK's, unmodified; the provider is the demo with its defaults.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx2
import pytest
import requests
import time_machine
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider, TokenStorage
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from tests.real_clients.conftest import OpenIDProvider
from tests.support.live_server import END_SECONDS, REPOSITORY, wait_until_reachable
from tests.support.person import Person
from tests.support.ports import reserve_port
from tests.support.raw_servers import served

GRANT_TYPES = ["authorization_code", "refresh_token"]
GUIDES = REPOSITORY / "docs" / "how-to" / "code"


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
        self.visits = 0

    async def open(self, address: str) -> None:
        self.visits += 1
        asked = await asyncio.to_thread(self._person.get, address)
        answer = await asyncio.to_thread(self._person.decide, asked) if asked.status == 200 else asked
        assert answer.status in (302, 303), answer.text
        self._answer = answer.query

    async def wait(self) -> AuthorizationCodeResult:
        return AuthorizationCodeResult(
            code=self._answer["code"], state=self._answer["state"], iss=self._answer.get("iss")
        )


@pytest.fixture
def mcp_address(openid_provider: OpenIDProvider, run_folder: os.PathLike[str]) -> Iterator[str]:
    """The address of a running MCP server whose tokens this provider issues."""
    api = openid_provider.create_client("https://api.example/cb", policy={"may_introspect": True})
    port = reserve_port(run_folder)  # type: ignore[arg-type]
    address = f"http://127.0.0.1:{port}/mcp"
    environment = {
        **os.environ,
        "ISSUER": openid_provider.issuer,
        "ADDRESS": address,
        "CLIENT_ID": api.client_id,
        "CLIENT_SECRET": str(api.secret),
    }
    command = [sys.executable, "-m", "uvicorn", "--port", str(port), "--app-dir", str(GUIDES), "mcp_server:app"]
    process = subprocess.Popen(command, cwd=REPOSITORY, env=environment)
    try:
        wait_until_reachable(process, address)
        assert requests.post(address, json={}, timeout=30).status_code == 401
        yield address
    finally:
        process.terminate()
        process.wait(END_SECONDS)


async def count_words(address: str, provider: OAuthClientProvider) -> str:
    """Call the server's tool; return its answer."""
    async with (
        httpx2.AsyncClient(auth=provider, timeout=30) as http,
        Client(streamable_http_client(address, http_client=http)) as client,
    ):
        result = await client.call_tool("count_words", {"text": "three little words"})
    return str(result.content[0].text)  # type: ignore[union-attr]


async def use_twice(address: str, provider: OAuthClientProvider) -> tuple[str, str]:
    """Call the tool, and again once the access token is over by the client's clock."""
    first = await count_words(address, provider)
    with time_machine.travel(time.time() + 3600):
        return first, await count_words(address, provider)


def client_metadata(*redirect_uris: str, **metadata: str) -> OAuthClientMetadata:
    return OAuthClientMetadata.model_validate(
        {"client_name": "Assistant", "redirect_uris": list(redirect_uris), **metadata}
    )


@pytest.mark.parametrize(
    "redirect_uri", ["http://localhost:33418/callback", "http://127.0.0.1:1455/callback", "https://chat.example/cb"]
)
@pytest.mark.parametrize("method", ["none", "client_secret_post", "client_secret_basic"])
def test_a_client_registers_itself_is_allowed_and_calls_the_tool(
    openid_provider: OpenIDProvider, mcp_address: str, redirect_uri: str, method: str
) -> None:
    storage, browser = Storage(), Browser(openid_provider.log_in())
    metadata = client_metadata(redirect_uri, token_endpoint_auth_method=method)
    provider = OAuthClientProvider(mcp_address, metadata, storage, browser.open, browser.wait)
    with ThreadPoolExecutor(1) as thread:  # in this one a browser's event loop may be running
        assert thread.submit(asyncio.run, use_twice(mcp_address, provider)).result() == ("3", "3")
    assert browser.visits == 1  # the second time it refreshed: nobody was asked
    assert storage.client is not None
    assert storage.client.token_endpoint_auth_method == method


@contextmanager
def published_document(provider: OpenIDProvider, redirect_uri: str) -> Iterator[str]:
    """Publish a client's metadata document on a TLS server of this machine; yield its URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*provider.certificate)
    document: dict[str, object] = {"client_name": "Assistant", "redirect_uris": [redirect_uri]}

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        body = json.dumps(document).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)

    with served(serve, context) as port:
        url = f"https://localhost:{port}/client.json"
        document.update(client_id=url, token_endpoint_auth_method="none", grant_types=GRANT_TYPES)
        yield url


def test_a_client_with_a_metadata_document_is_allowed_and_calls_the_tool_without_registering(
    openid_provider: OpenIDProvider, mcp_address: str
) -> None:
    storage, browser, redirect_uri = Storage(), Browser(openid_provider.log_in()), "http://localhost:33418/callback"
    with published_document(openid_provider, redirect_uri) as url:
        metadata = client_metadata(redirect_uri)
        provider = OAuthClientProvider(
            mcp_address, metadata, storage, browser.open, browser.wait, client_metadata_url=url
        )
        with ThreadPoolExecutor(1) as thread:
            assert thread.submit(asyncio.run, use_twice(mcp_address, provider)).result() == ("3", "3")
    assert browser.visits == 1
    assert storage.client is not None
    assert storage.client.client_id == url
