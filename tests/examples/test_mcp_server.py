"""The MCP server: its page's client is let in and asked for one scope more, and each user has notes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest
import requests
from mcp.client.auth import OAuthClientProvider

from tests.examples.conftest import Example
from tests.support.mcp_client import Browser, Storage, call_tool, client_metadata, run
from tests.support.waiting import ANSWER_SECONDS

#: `webbrowser` starts what this names: here somebody who logs in and says yes.
BROWSER = f"{sys.executable} -m tests.examples.browser_person %s alice"


@pytest.fixture(scope="module")
def example(start_example: Callable[..., Example]) -> Example:
    # Reaching here, the page's own client has registered itself, called the three tools and been asked twice. Then the
    # server was started again, with a client to introspect tokens.
    return start_example("mcp_server", BROWSER=BROWSER, RESOURCE="http://127.0.0.1:5006/mcp")


def log_in(example: Example, username: str) -> tuple[OAuthClientProvider, Storage]:
    storage, browser = Storage(), Browser(example.log_in(username))
    metadata = client_metadata("http://127.0.0.1:1455/callback", token_endpoint_auth_method="none")
    return OAuthClientProvider(example.url(5006) + "/mcp", metadata, storage, browser.open, browser.wait), storage


def test_each_user_has_notes_of_their_own(example: Example) -> None:
    address = example.url(5006) + "/mcp"
    bob, carol = log_in(example, "bob")[0], log_in(example, "carol")[0]
    assert run(lambda: call_tool(address, bob, "add_note", text="Milk")) == "Noted: Milk"
    assert run(lambda: call_tool(address, carol, "list_notes")) == "There are no notes."
    assert run(lambda: call_tool(address, bob, "list_notes")) == "Milk"


def test_a_revoked_token_is_refused_immediately(example: Example) -> None:
    address = example.url(5006) + "/mcp"
    login, storage = log_in(example, "dave")
    assert run(lambda: call_tool(address, login, "list_notes"))
    assert storage.tokens is not None
    assert storage.client is not None
    fields = {"token": str(storage.tokens.refresh_token), "client_id": str(storage.client.client_id)}
    assert requests.post(f"{example.provider.url}/oauth/revoke", data=fields, timeout=ANSWER_SECONDS).status_code == 200
    headers = {"Authorization": f"Bearer {storage.tokens.access_token}"}
    assert requests.post(address, json={}, headers=headers, timeout=ANSWER_SECONDS).status_code == 401


def test_a_client_that_acts_for_itself_reads_why_it_has_no_notes(example: Example) -> None:
    address, command = example.url(5006) + "/mcp", example.provider.run_command
    created = json.loads(command("clients", "create", "Job", "--grant-type", "client_credentials", "--json"))
    credentials = created["client_id"], created["client_secret"]
    command("resources", "allow", credentials[0], address, "notes.read")
    fields = {"grant_type": "client_credentials", "resource": address}
    token = requests.post(
        f"{example.provider.url}/oauth/token", data=fields, auth=credentials, timeout=ANSWER_SECONDS
    ).json()
    headers = {"Authorization": f"Bearer {token['access_token']}", "Accept": "application/json"}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_notes", "arguments": {}}}
    result = requests.post(address, json=call, headers=headers, timeout=ANSWER_SECONDS).json()["result"]
    assert result["isError"]
    assert "A client that acts for itself has none." in result["content"][0]["text"]


def test_the_pages_client_says_why_it_was_refused(example: Example) -> None:
    environment = example.reader._environment() | {"BROWSER": f"{BROWSER} no", "RESOURCE": example.url(5006) + "/mcp"}
    command = [sys.executable, "examples/mcp_server/client.py"]
    ended = subprocess.run(
        command,
        cwd=example.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=ANSWER_SECONDS,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("Access wasn't granted: access_denied.")
    assert ended.stderr.count("\n") == 1


def test_a_browsers_script_may_call_it_and_read_its_challenge(example: Example) -> None:
    address, origin = example.url(5006) + "/mcp", {"Origin": "http://127.0.0.1:6274"}
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    assert requests.options(address, headers=origin | asked, timeout=ANSWER_SECONDS).status_code == 200
    answer = requests.post(address, data=json.dumps({}), headers=origin, timeout=ANSWER_SECONDS)
    assert answer.status_code == 401
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "WWW-Authenticate" in answer.headers["Access-Control-Expose-Headers"]
