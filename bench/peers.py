"""The three servers that are compared: starting each, creating a client, and logging in."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from browser import Browser
from process import ServerProcess

BENCH = Path(__file__).resolve().parent
REPOSITORY = BENCH.parent
WORK = BENCH / ".work"
STOCK_VENV = WORK / "venv-stock"
OIDC_FOLDER = WORK / "oidc"

# A reserved name: the harness reads the code from the redirect and never goes there.
REDIRECT_URI = "https://client.example.com/callback"
GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials")


class Peer:
    """One server. A path of None means that it's unsupported, and its scenarios are skipped."""

    name: str
    port: int
    ready: str
    warm_up = 1  # seconds of load before a scenario's first round
    discovery: str | None = None
    jwks: str | None = None
    token: str
    introspect: str
    revoke: str
    userinfo: str
    authorize: str
    machine_scope: str  # of client_credentials
    user_scope: str  # of the code and refresh scenarios: no ID token
    userinfo_scope: str
    # A form to post at the authorization endpoint; None where a GET is answered with a code.
    authorize_form: Mapping[str, str] | None = None

    def __init__(self) -> None:
        self.client_id, self.client_secret = "bench", "bench-client-secret"
        self.browsers: dict[str, Browser] = {}
        self.folder = WORK / self.name
        WORK.mkdir(exist_ok=True)
        self.process = ServerProcess(self.name, self.port, WORK / f"{self.name}.log")

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def missing(self) -> str | None:
        """What must be installed first, or None."""
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {}

    def prepare(self) -> None:
        """Prepare the server's empty folder before it starts."""

    def seed(self) -> None:
        """Create the client over HTTP, once the server responds."""

    def sign_in(self, browser: Browser, authorize_url: str) -> None:
        """Log in and consent, so that the next authorization request gets a code immediately."""
        raise NotImplementedError

    def require_redirect(self, browser: Browser) -> None:
        if not browser.url.startswith(REDIRECT_URI):
            raise RuntimeError(f"consent ended at {browser.url} ({browser.status}); see {self.process.log}")

    def working_folder(self) -> Path:
        return self.folder

    def start(self, cpu: int) -> None:
        if what := self.missing():
            raise RuntimeError(f"{self.name}: {what}")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.prepare()
        self.process.start(self.command(), self.working_folder(), self.environment(), cpu, self.ready)
        self.seed()


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
    userinfo = "/api/me"
    authorize = "/oauth/authorize"
    machine_scope = user_scope = userinfo_scope = "profile"

    def __init__(self) -> None:
        super().__init__()
        self.programs = Path(os.environ.get("GRANTWRIGHT_BIN", REPOSITORY / ".venv" / "bin"))

    def missing(self) -> str | None:
        for program in ("flask", "granian"):
            if not (self.programs / program).exists():
                return f"no {program} in {self.programs}; `make test` makes .venv, or set GRANTWRIGHT_BIN"
        return None

    def working_folder(self) -> Path:
        return REPOSITORY

    def environment(self) -> dict[str, str]:
        return {"AUTHLIB_INSECURE_TRANSPORT": "1", "OAUTH2_INSTANCE_PATH": str(self.folder)}

    def prepare(self) -> None:
        run_quietly([str(self.programs / "flask"), "initdb"], REPOSITORY, self.environment())

    def command(self) -> list[str]:
        options = "--interface wsgi --workers 1 --blocking-threads 1 --no-ws --host 127.0.0.1"
        return [str(self.programs / "granian"), *options.split(), "--port", str(self.port), "app:app"]

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
        self.client_id, self.client_secret = browser.text("client_id"), browser.text("client_secret")

    def log_in(self, browser: Browser) -> None:
        browser.get(f"{self.base}/")
        browser.submit("username", {"username": "bench"})

    def sign_in(self, browser: Browser, authorize_url: str) -> None:
        self.log_in(browser)
        browser.get(authorize_url)
        if not browser.url.startswith(REDIRECT_URI):
            browser.submit("confirm", {"confirm": "yes"})
        self.require_redirect(browser)


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
    userinfo = "/api/me"
    authorize = "/oauth/authorize"
    machine_scope = user_scope = userinfo_scope = "profile"
    authorize_form: Mapping[str, str] | None = {"confirm": "yes"}

    def missing(self) -> str | None:
        return None if (STOCK_VENV / "bin" / "gunicorn").exists() else "run `python bench/run.py setup` first"

    def environment(self) -> dict[str, str]:
        return {
            "AUTHLIB_INSECURE_TRANSPORT": "1",
            "STOCK_DATABASE_URI": f"sqlite:///{self.folder / 'db.sqlite'}",
            "STOCK_CLIENT_ID": self.client_id,
            "STOCK_CLIENT_SECRET": self.client_secret,
            "STOCK_REDIRECT_URI": REDIRECT_URI,
        }

    def prepare(self) -> None:
        stock = str(BENCH / "servers" / "stock.py")
        run_quietly([str(STOCK_VENV / "bin" / "python"), stock], self.folder, self.environment())

    def command(self) -> list[str]:
        # No timeout: gunicorn would end a worker that was paused while another peer is measured.
        options = "--workers 1 --worker-class sync --timeout 0 --no-control-socket"
        gunicorn, folder = str(STOCK_VENV / "bin" / "gunicorn"), str(BENCH / "servers")
        address = f"127.0.0.1:{self.port}"
        return [gunicorn, *options.split(), "--bind", address, "--chdir", folder, "stock:app"]

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
    userinfo = "/me"
    authorize = "/auth"
    machine_scope = user_scope = "api"
    userinfo_scope = "openid profile"

    def missing(self) -> str | None:
        installed = (OIDC_FOLDER / "node_modules" / "oidc-provider").exists()
        return None if installed else "run `python bench/run.py setup` first"

    def environment(self) -> dict[str, str]:
        return {
            "NODE_ENV": "production",
            "PORT": str(self.port),
            "CLIENT_ID": self.client_id,
            "CLIENT_SECRET": self.client_secret,
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


PEERS: dict[str, type[Peer]] = {peer.name: peer for peer in (Grantwright, Stock, OidcProvider)}


def run_quietly(command: list[str], cwd: Path, env: Mapping[str, str]) -> None:
    """Run a preparing command; show its output only if it fails."""
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
