"""The MCP SDK's client: it finds the provider through an MCP server, makes itself known, and calls its tools.

Client and server are the official Python SDK's, unmodified, and the server is the guide's, with the SDK's own check of
what a token is for; the provider is the demo with its defaults.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import OAuthClientInformationFull

from tests.support.internet import Internet, open_internet
from tests.support.live_server import REPOSITORY, wait_until_reachable
from tests.support.mcp_client import Browser, Storage, call_tool, client_metadata, run
from tests.support.person import Person
from tests.support.ports import reserve_port
from tests.support.token_requests import Provider, open_provider, served
from tests.support.waiting import ANSWER_SECONDS
from website.resources import ResourceScope

GUIDES = REPOSITORY / "docs" / "how-to" / "code"
SCOPES = (ResourceScope("notes.read", "Read your notes", True), ResourceScope("notes.write", "Write notes", True))
REDIRECT_URI = "http://127.0.0.1:1455/callback"
DOCUMENT = "https://app.example/oauth/client.json"


@dataclass(frozen=True)
class Setting:
    """A provider, an MCP server whose tokens it issues, and the internet of metadata documents."""

    provider: Provider
    issuer: str
    address: str
    internet: Internet

    def browser(self) -> Browser:
        person = Person(self.issuer)
        assert person.log_in("alice").status == 303
        return Browser(person)


@pytest.fixture(scope="module")
def setting(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    folder, port = tmp_path_factory.mktemp("provider"), reserve_port(run_folder)
    issuer, address = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{reserve_port(run_folder)}/mcp"
    # The provider is in this process, as the internet is.
    with (
        open_internet(folder, "app.example") as internet,
        open_provider(
            folder, f"sqlite:///{folder}/db.sqlite", OAUTH2_ISSUER=issuer, OAUTH2_OUTBOUND_CA=str(internet.certificate)
        ) as provider,
        served(provider.application, port),
        running_mcp_server(provider, issuer, address, folder),
    ):
        yield Setting(provider, issuer, address, internet)


@contextmanager
def running_mcp_server(provider: Provider, issuer: str, address: str, folder: Path) -> Iterator[None]:
    """Register an API and start the guide's server as that."""
    (folder / "grantwright").symlink_to(REPOSITORY / "website")
    resources, client = provider.server.resources, provider.create_client(scope="")
    resource = resources.create(address, "Notes", SCOPES)
    resources.set_may_introspect(provider.server.clients.find(client.client_id), resource, True)
    environment = {
        **os.environ,
        "ISSUER": issuer,
        "RESOURCE": address,
        "API_CLIENT_ID": client.client_id,
        "API_CLIENT_SECRET": str(client.secret),
        "PYTHONPATH": str(folder),
    }
    port = address.split(":")[2].partition("/")[0]
    command = [sys.executable, "-m", "uvicorn", "--port", port, "--app-dir", str(GUIDES), "mcp_server:app"]
    process = subprocess.Popen(command, cwd=REPOSITORY, env=environment)
    try:
        wait_until_reachable(process, address)
        yield
    finally:
        process.terminate()
        process.wait(ANSWER_SECONDS)


def log_in(setting: Setting, storage: Storage, browser: Browser, **metadata: str) -> OAuthClientProvider:
    url = metadata.pop("client_metadata_url", None)
    redirect_uri = metadata.pop("redirect_uri", REDIRECT_URI)
    described = client_metadata(redirect_uri, **metadata)
    return OAuthClientProvider(setting.address, described, storage, browser.open, browser.wait, url)


async def use_twice(setting: Setting, provider: OAuthClientProvider) -> tuple[str, str]:
    """Call a tool, and again once the client thinks that its access token has expired."""
    first = await call_tool(setting.address, provider, "list_notes")
    provider.context.token_expiry_time = time.time() - 1
    return first, await call_tool(setting.address, provider, "list_notes")


@pytest.mark.parametrize("redirect_uri", ["http://localhost:33418/callback", REDIRECT_URI, "https://chat.example/cb"])
@pytest.mark.parametrize("method", ["none", "client_secret_post", "client_secret_basic"])
def test_a_client_registers_itself_is_allowed_and_refreshes(setting: Setting, redirect_uri: str, method: str) -> None:
    storage, browser = Storage(), setting.browser()
    login = log_in(setting, storage, browser, redirect_uri=redirect_uri, token_endpoint_auth_method=method)
    first, second = run(lambda: use_twice(setting, login))
    assert first == second
    assert first.startswith("Buy ribbon, for ")
    assert len(browser.pages) == 1  # the second time it refreshed: nobody was asked
    assert storage.client is not None
    assert storage.client.token_endpoint_auth_method == method
    assert storage.tokens is not None
    assert "notes.read" in str(storage.tokens.scope).split()


def test_a_client_with_a_metadata_document_registers_nothing(setting: Setting) -> None:
    described = client_metadata(REDIRECT_URI, token_endpoint_auth_method="none")
    document = described.model_dump(mode="json", exclude_none=True) | {"client_id": DOCUMENT}
    setting.internet.publish(document)
    storage, browser = Storage(), setting.browser()
    login = log_in(setting, storage, browser, client_metadata_url=DOCUMENT)
    assert run(lambda: use_twice(setting, login))
    assert len(browser.pages) == 1
    assert storage.client is not None
    assert storage.client.client_id == DOCUMENT


def test_a_client_that_an_operator_created_is_used_as_it_is(setting: Setting) -> None:
    created = setting.provider.create_client(
        "authorization_code", "refresh_token", response_types=["code"], redirect_uris=[REDIRECT_URI]
    )
    storage, browser = Storage(), setting.browser()
    storage.client = OAuthClientInformationFull.model_validate(
        {
            "client_id": created.client_id,
            "client_secret": created.secret,
            "token_endpoint_auth_method": "client_secret_basic",
            "redirect_uris": [REDIRECT_URI],
        }
    )
    assert run(lambda: use_twice(setting, log_in(setting, storage, browser)))
    assert len(browser.pages) == 1


def test_a_tool_that_needs_another_scope_asks_for_that_one(setting: Setting) -> None:
    storage, browser = Storage(), setting.browser()
    login = log_in(setting, storage, browser)
    assert run(lambda: call_tool(setting.address, login, "list_notes"))
    assert run(lambda: call_tool(setting.address, login, "add_note", text="Milk")) == "Noted: Milk"
    assert ["Write notes" in page for page in browser.pages] == [False, True]
    assert storage.tokens is not None
    assert {"notes.read", "notes.write"} <= set(str(storage.tokens.scope).split())


def test_a_revoked_token_is_refused(setting: Setting) -> None:
    storage, browser = Storage(), setting.browser()
    login = log_in(setting, storage, browser, token_endpoint_auth_method="none")
    assert run(lambda: call_tool(setting.address, login, "list_notes"))
    assert storage.tokens is not None
    assert storage.client is not None
    token = storage.tokens.access_token
    fields = {"token": str(storage.tokens.refresh_token), "client_id": str(storage.client.client_id)}
    assert requests.post(f"{setting.issuer}/oauth/revoke", data=fields, timeout=ANSWER_SECONDS).status_code == 200
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.post(setting.address, json={}, headers=headers, timeout=ANSWER_SECONDS)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    # The client asks its user again.
    assert run(lambda: call_tool(setting.address, login, "list_notes"))
    assert len(browser.pages) == 2


def test_a_token_for_another_server_is_refused(setting: Setting) -> None:
    elsewhere = setting.address.replace("/mcp", "/other")
    setting.provider.server.resources.create(elsewhere, "Elsewhere", SCOPES)
    storage, browser = Storage(), setting.browser()
    login = log_in(setting, storage, browser)
    login.context.get_resource_url = lambda: elsewhere  # type: ignore[method-assign]
    with pytest.raises(BaseExceptionGroup):
        run(lambda: call_tool(setting.address, login, "list_notes"))
    assert storage.tokens is not None
    headers = {"Authorization": f"Bearer {storage.tokens.access_token}"}
    answer = requests.post(setting.address, json={}, headers=headers, timeout=ANSWER_SECONDS)
    assert answer.status_code == 401
