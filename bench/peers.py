"""The servers that are compared: starting each, creating clients, and logging in."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from browser import Browser
from peer import (
    BENCH,
    DJANGO_VENV,
    GRANIAN,
    GRANT_TYPES,
    OIDC_FOLDER,
    REDIRECT_URI,
    REPOSITORY,
    SECRET,
    STOCK_VENV,
    Client,
    Peer,
    gunicorn,
    run_quietly,
)


class Grantwright(Peer):
    """This repository's application in its demo mode, under Granian: one worker, one blocking thread."""

    name = "grantwright"
    port = 9110
    ready = "/.well-known/oauth-authorization-server"
    discovery = "/.well-known/oauth-authorization-server"
    jwks = "/oauth/jwks"
    token = "/oauth/token"
    introspect = "/oauth/introspect"
    revoke = "/oauth/revoke"
    userinfo = "/oauth/userinfo"
    api = "/api/me"
    authorize = "/oauth/authorize"
    home = "/"
    machine_scope = user_scope = "profile"

    def __init__(self) -> None:
        super().__init__()
        self.programs = Path(os.environ.get("GRANTWRIGHT_BIN", REPOSITORY / ".venv" / "bin"))
        self.repository = REPOSITORY

    def missing(self) -> str | None:
        for program in ("flask", "granian"):
            if not (self.programs / program).exists():
                return f"no {program} in {self.programs}; `make test` makes .venv, or set GRANTWRIGHT_BIN"
        return None

    def working_folder(self) -> Path:
        return self.repository

    def environment(self) -> dict[str, str]:
        return {"AUTHLIB_INSECURE_TRANSPORT": "1", "OAUTH2_INSTANCE_PATH": str(self.folder)}

    def prepare(self) -> None:
        run_quietly([str(self.programs / "flask"), "initdb"], self.repository, self.environment())

    def command(self) -> list[str]:
        return [str(self.programs / "granian"), *GRANIAN, "--port", str(self.port), "app:app"]

    def seed(self) -> None:
        browser = Browser()
        self.log_in(browser)
        browser.get(f"{self.base}/create_client")
        browser.submit(
            "client_name",
            {
                "client_name": "bench",
                "client_uri": "https://client.example.com/",
                "scope": self.user_scope,
                "redirect_uri": REDIRECT_URI,
                "grant_type": "\n".join(GRANT_TYPES),
                "response_type": "code",
                "token_endpoint_auth_method": "client_secret_basic",
            },
        )
        client = Client(browser.text("client_id"), browser.text("client_secret"))
        self.clients = {"machine": client, "user": client}
        for create in (self.signing_clients, self.api_clients):
            self.clients |= self.made_by(create)

    def made_by(self, create: Callable[[], dict[str, Client]]) -> dict[str, Client]:
        return create()

    def signing_clients(self) -> dict[str, Client]:
        """Create a client for each way of signing."""
        made = {}
        for name in ("RS256", "ES256"):
            (self.folder / "metadata.json").write_text(json.dumps({"id_token_signed_response_alg": name}))
            options = f"--redirect-uri {REDIRECT_URI} --metadata {self.folder / 'metadata.json'}"
            made[name] = self.create_client(*options.split())
        options = f"--grant-type client_credentials --scope {self.machine_scope} --jwt-access-tokens"
        return {**made, "JWT": self.create_client(*options.split(), "--access-token-alg", "ES256")}

    def api_clients(self) -> dict[str, Client]:
        """Create an API for each format of access tokens, and a client that may ask it for `read`."""
        made = {}
        for name, token_format in (("API", "sealed"), ("API JWT", "jwt")):
            resource = f"https://{token_format}.api.example"
            scopes = ("--scope", "read", "Read", "--access-token-format", token_format)
            self.run_flask("resources", "create", resource, name, *scopes)
            client = self.create_client(*(f"--grant-type={one}" for one in GRANT_TYPES), "--redirect-uri", REDIRECT_URI)
            self.run_flask("resources", "allow", "--", client.client_id, resource, "read")
            made[name] = replace(client, resource=resource, scope="read")
        return made

    def create_client(self, *options: str) -> Client:
        printed = json.loads(self.run_flask("clients", "create", "bench", "--json", *options))
        return Client(printed["client_id"], printed["client_secret"])

    def run_flask(self, *arguments: str) -> str:
        return run_quietly([str(self.programs / "flask"), *arguments], self.repository, self.environment())

    def log_in(self, browser: Browser) -> None:
        browser.get(f"{self.base}/")
        browser.submit("username", {"username": "bench"})

    def sign_in(self, browser: Browser, authorize_url: str) -> None:
        self.log_in(browser)
        browser.get(authorize_url)
        if not browser.url.startswith(REDIRECT_URI):
            browser.submit("confirm", {"confirm": "yes"})
        self.require_redirect(browser)


class Former(Grantwright):
    """The same from another folder, such as a worktree of an earlier commit: by its own .venv, or by this one's.

    Scenarios whose clients its commands can't create are left out.
    """

    name = "former"
    port = 9115

    def __init__(self) -> None:
        super().__init__()
        self.repository = Path(os.environ.get("GRANTWRIGHT_FORMER", ""))
        own = self.repository / ".venv" / "bin"
        if own.exists():
            self.programs = own

    def missing(self) -> str | None:
        if not (self.repository / "app.py").exists() or not self.repository.is_absolute():
            return "GRANTWRIGHT_FORMER names no folder of Grantwright; set it to the path of a worktree"
        return super().missing()

    def made_by(self, create: Callable[[], dict[str, Client]]) -> dict[str, Client]:
        try:
            return create()
        except RuntimeError as error:
            print(f"{self.name}: without {create.__name__}: {error}", file=sys.stderr)
            return {}


class Stock(Peer):
    """Flask, Authlib's Flask integration, Flask-SQLAlchemy and gunicorn: servers/stock.py.

    Like the walk-through, it doesn't store consents: a POST with `confirm=yes` is the authorization.
    """

    name = "stock"
    port = 9111
    ready = "/healthz"
    token = "/oauth/token"
    introspect = "/oauth/introspect"
    revoke = "/oauth/revoke"
    api = "/api/me"
    authorize = "/oauth/authorize"
    machine_scope = user_scope = "profile"
    authorize_form: Mapping[str, str] | None = {"confirm": "yes"}

    def missing(self) -> str | None:
        return None if (STOCK_VENV / "bin" / "gunicorn").exists() else "run `python bench/run.py setup` first"

    def environment(self) -> dict[str, str]:
        return {
            "AUTHLIB_INSECURE_TRANSPORT": "1",
            "STOCK_DATABASE_URI": f"sqlite:///{self.folder / 'db.sqlite'}",
            "STOCK_CLIENT_ID": self.clients["user"].client_id,
            "STOCK_CLIENT_SECRET": SECRET,
            "STOCK_REDIRECT_URI": REDIRECT_URI,
        }

    def prepare(self) -> None:
        stock = str(BENCH / "servers" / "stock.py")
        run_quietly([str(STOCK_VENV / "bin" / "python"), stock], self.folder, self.environment())

    def command(self) -> list[str]:
        return gunicorn(STOCK_VENV, self.port, "stock:app")

    def sign_in(self, browser: Browser, authorize_url: str) -> None:
        browser.post(f"{self.base}/login", {"username": "bench"})


class OidcProvider(Peer):
    """node-oidc-provider with everything in memory: servers/oidc_provider.mjs."""

    name = "oidc-provider"
    port = 9112
    ready = "/.well-known/openid-configuration"
    warm_up = 4
    discovery = "/.well-known/openid-configuration"
    jwks = "/jwks"
    token = "/token"
    introspect = "/token/introspection"
    revoke = "/token/revocation"
    userinfo = api = "/me"
    api_client = "RS256"  # it has no API of its own: its userinfo is compared with those of the others
    authorize = "/auth"
    machine_scope = user_scope = "api"

    def __init__(self) -> None:
        super().__init__()
        self.clients |= {name: Client(f"bench-{name}", SECRET) for name in ("RS256", "ES256")}

    def missing(self) -> str | None:
        installed = (OIDC_FOLDER / "node_modules" / "oidc-provider").exists()
        return None if installed else "run `python bench/run.py setup` first"

    def environment(self) -> dict[str, str]:
        return {
            "NODE_ENV": "production",
            "PORT": str(self.port),
            "CLIENT_ID": self.clients["user"].client_id,
            "CLIENT_SECRET": SECRET,
            "REDIRECT_URI": REDIRECT_URI,
        }

    def prepare(self) -> None:
        # Node looks for node_modules beside the file, so the server runs from a copy.
        shutil.copy(BENCH / "servers" / "oidc_provider.mjs", OIDC_FOLDER / "server.mjs")

    def command(self) -> list[str]:
        return ["node", str(OIDC_FOLDER / "server.mjs")]

    def sign_in(self, browser: Browser, authorize_url: str) -> None:
        browser.get(authorize_url)
        browser.submit("login", {"prompt": "login", "login": "bench", "password": "any"})
        browser.submit("prompt", {"prompt": "consent"})
        self.require_redirect(browser)


class DjangoToolkit(Peer):
    """django-oauth-toolkit under gunicorn: servers/django_toolkit.py.

    A client of its has one grant type, so that there are two. ID tokens by ES256 it doesn't have.
    """

    name = "django-oauth-toolkit"
    port = 9113
    ready = "/healthz"
    discovery = "/o/.well-known/openid-configuration"
    jwks = "/o/.well-known/jwks.json"
    token = "/o/token/"
    introspect = "/o/introspect/"
    revoke = "/o/revoke_token/"
    userinfo = "/o/userinfo/"
    api = "/api/me"
    authorize = "/o/authorize/"
    machine_scope = user_scope = "profile"
    refreshes_id_tokens = False

    def __init__(self) -> None:
        super().__init__()
        self.clients["machine"] = Client("bench-machine", SECRET)
        self.clients["RS256"] = self.clients["user"]

    def missing(self) -> str | None:
        return None if (DJANGO_VENV / "bin" / "gunicorn").exists() else "run `python bench/run.py setup` first"

    def environment(self) -> dict[str, str]:
        return {
            "DJANGO_FOLDER": str(self.folder),
            "CLIENTS": json.dumps({client.client_id: client.secret for client in self.clients.values()}),
            "REDIRECT_URI": REDIRECT_URI,
        }

    def prepare(self) -> None:
        program = str(BENCH / "servers" / "django_toolkit.py")
        run_quietly([str(DJANGO_VENV / "bin" / "python"), program], self.folder, self.environment())

    def command(self) -> list[str]:
        return gunicorn(DJANGO_VENV, self.port, "django_toolkit:app")

    def sign_in(self, browser: Browser, authorize_url: str) -> None:
        browser.get(f"{self.base}/login")


class Hello(Peer):
    """No provider: what Granian itself costs, by servers/hello.py."""

    name = "hello"
    port = 9114
    ready = "/"

    def missing(self) -> str | None:
        return None

    def command(self) -> list[str]:
        granian = Path(os.environ.get("GRANTWRIGHT_BIN", REPOSITORY / ".venv" / "bin")) / "granian"
        return [str(granian), *GRANIAN, "--port", str(self.port), "hello:app"]

    def working_folder(self) -> Path:
        return BENCH / "servers"


USUAL: dict[str, type[Peer]] = {peer.name: peer for peer in (Grantwright, OidcProvider, DjangoToolkit, Stock)}
PEERS = {**USUAL, Former.name: Former}
