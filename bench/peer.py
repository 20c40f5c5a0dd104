"""What every compared server has: a command, addresses, clients, a way to log in; and how it is started."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from browser import Browser
from process import ServerProcess

BENCH = Path(__file__).resolve().parent
REPOSITORY = BENCH.parent
WORK = BENCH / ".work"
STOCK_VENV = WORK / "venv-stock"
DJANGO_VENV = WORK / "venv-django"
OIDC_FOLDER = WORK / "oidc"

# A reserved name: the harness reads the code from the redirect and never goes there.
REDIRECT_URI = "https://client.example.com/callback"
SECRET = "bench-client-secret"
GRANIAN = ["--interface", "wsgi", "--workers", "1", "--blocking-threads", "1", "--no-ws", "--host", "127.0.0.1"]
GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials")


@dataclass(frozen=True)
class Client:
    """A client and its secret; the API that its tokens are for, and a scope there."""

    client_id: str
    secret: str
    resource: str = ""
    scope: str = ""


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
    userinfo: str | None = None
    userinfo_client = "RS256"
    api: str  # an API behind the provider's access tokens, in the provider itself
    api_client = "user"
    authorize: str
    home: str | None = None  # the page where people log in, and see their applications once they have
    machine_scope: str  # of client_credentials
    user_scope: str  # of the code and refresh scenarios: no ID token
    openid_scope = "openid profile"
    refreshes_id_tokens = True
    # A form to post at the authorization endpoint; None where a GET is answered with a code.
    authorize_form: Mapping[str, str] | None = None

    def __init__(self) -> None:
        client = Client("bench", SECRET)
        #: By what they are for: `machine`, `user`, and by how their tokens are signed: `RS256`, `ES256`, `JWT`; and
        #: by the format of the tokens for an API: `API`, `API JWT`.
        self.clients = {"machine": client, "user": client}
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


def gunicorn(environment: Path, port: int, application: str) -> list[str]:
    """One sync worker. No timeout: it would end a worker that was paused while another peer is measured."""
    options = "--workers 1 --worker-class sync --timeout 0 --no-control-socket"
    folder = str(BENCH / "servers")
    program = str(environment / "bin" / "gunicorn")
    return [program, *options.split(), "--bind", f"127.0.0.1:{port}", "--chdir", folder, application]


def run_quietly(command: list[str], cwd: Path, env: Mapping[str, str]) -> str:
    """Run a preparing command; return what it printed."""
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
    return done.stdout
