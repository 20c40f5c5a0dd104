"""A newcomer who pastes the README's quick look into a shell, for a server at any URL."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.person import Person, code_of
from tests.support.waiting import ANSWER_SECONDS

README = (Path(__file__).resolve().parent.parent.parent / "README.md").read_text()
USER = "Ada Lovelace"


def code_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Newcomer:
    """Somebody who pastes the README's commands into a shell, for a server at another port."""

    url: str

    def paste(self, containing: str, values: dict[str, str], then: str = "") -> str:
        """Run the code block that has a text in it, and return what it prints."""
        block = next(block for block in code_blocks(README, "bash") if containing in block)
        # `export name=...` is where the reader puts a value: the environment has it.
        script = re.sub(r"^export \w+=\.\.\..*\n", "", block, flags=re.MULTILINE)
        finished = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script.replace("http://127.0.0.1:5000", self.url) + then],
            env={**os.environ, "NO_PROXY": "127.0.0.1", **values},
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS,
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout


def take_quick_look(url: str, *, has_callback: bool = True) -> None:
    """Do all that the README's quick look says once the server runs, and check each answer.

    The tutorial's last step, ``has_callback`` false, leaves the code in the address.
    """
    newcomer = Newcomer(url)
    person, shell = Person(newcomer.url), newcomer.paste
    person.log_in(USER)
    registered = person.create_client(
        redirect_uri=f"{url}/callback",
        grant_type=["authorization_code", "refresh_token", "client_credentials", "password"],
    )
    values = {"client_id": registered.client_id, "client_secret": registered.secret or "", "username": USER}

    by_password = json.loads(shell("grant_type=password", values))
    me = json.loads(shell("/api/me", values | {"access_token": by_password["access_token"]}))
    assert me["username"] == USER

    address, verifier = shell("code_challenge=", values, then='echo "${code_verifier}"').splitlines()
    answer = person.decide(person.get(address))
    code = code_of(answer)
    assert not has_callback or person.get(answer.location).element("code") == code
    by_code = json.loads(shell("grant_type=authorization_code", values | {"code": code, "code_verifier": verifier}))

    refreshed = json.loads(shell("grant_type=refresh_token", values | {"refresh_token": by_code["refresh_token"]}))
    assert refreshed["refresh_token"] != by_code["refresh_token"]
    own = json.loads(shell("grant_type=client_credentials", values))
    assert "refresh_token" not in own

    token = {"access_token": refreshed["access_token"]}
    looked_at, _revoked, metadata = read_json_values(shell("/oauth/introspect", values | token))
    assert looked_at["active"] is True
    assert metadata["issuer"]
    looked_at, *_others = read_json_values(shell("/oauth/introspect", values | token))
    assert looked_at == {"active": False}


def read_json_values(text: str) -> list[dict[str, object]]:
    """Return the JSON objects that a shell printed one after the other."""
    values, decoder = [], json.JSONDecoder()
    while text := text.strip():
        value, end = decoder.raw_decode(text)
        values.append(value)
        text = text[end:]
    return values
