"""The provider for the real OpenID Connect clients: one running server per test file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import canary
from tests.support.live_server import LiveServer, server_environment, start_server
from tests.support.person import Person
from tests.support.ports import reserve_port
from tests.support.token_requests import SCOPES, MachineClient, Provider, open_provider

EVERY_SCOPE = "openid profile email address phone offline_access"


@dataclass(frozen=True)
class OpenIDProvider:
    """A running server; and the application in this process, on the same database, to register clients at."""

    server: LiveServer
    registry: Provider

    @property
    def issuer(self) -> str:
        return self.server.url

    def create_client(
        self, *redirect_uris: str, policy: dict[str, Any] | None = None, **metadata: Any
    ) -> MachineClient:
        """Register a client of the code flow, unless the metadata say otherwise."""
        chosen = {"response_types": ["code"], "scope": EVERY_SCOPE, "redirect_uris": list(redirect_uris), **metadata}
        return self.registry.create_client("authorization_code", "implicit", "refresh_token", policy=policy, **chosen)

    def log_in(self, username: str = "alice") -> Person:
        """Return a person with a browser who is logged in."""
        person = Person(self.issuer)
        assert person.log_in(username).status == 303
        return person


@pytest.fixture(scope="module")
def openid_provider(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenIDProvider]:
    """A demo that has a name of its own, as every provider of OpenID Connect needs one."""
    folder, port, since = tmp_path_factory.mktemp("openid"), reserve_port(run_folder), canary.mark()
    database_uri, issuer = f"sqlite:///{folder}/db.sqlite", f"http://127.0.0.1:{port}"
    with open_provider(folder, database_uri, OAUTH2_ISSUER=issuer) as registry:
        environment = server_environment(
            {
                "SQLALCHEMY_DATABASE_URI": database_uri,
                "OAUTH2_INSTANCE_PATH": str(folder),
                "OAUTH2_ISSUER": issuer,
                "OAUTH2_SCOPES": json.dumps(SCOPES),
            }
        )
        log = folder / "server.log"
        server = start_server("granian", port=port, environment=environment, log_path=log)
        try:
            yield OpenIDProvider(server, registry)
        finally:
            server.end()
        canary.check(since, database_uri, folder, log=log)
