"""A complete production setup in a folder: nginx with the shipped configuration, https, and Granian nodes behind it."""

from __future__ import annotations

import getpass
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from tests.support import canary
from tests.support.certificates import make_certificate
from tests.support.live_server import REPOSITORY, LiveServer, run_command, server_environment, start_server
from tests.support.person import Person
from tests.support.ports import reserve_port
from tests.support.prepared_databases import set_up_database
from tests.support.waiting import ANSWER_SECONDS, wait_until

SHIPPED = REPOSITORY / "deploy" / "nginx" / "grantwright.conf"
PASSWORD = "correct horse battery staple"
MAIN = """daemon off; user {user}; worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/grantwright.conf;
}}
"""


@dataclass
class Front:
    """nginx, the nodes behind it, and the addresses of both."""

    folder: Path
    http_port: int
    https_port: int
    certificate: Path
    environment: dict[str, str]
    nodes: list[LiveServer] = field(default_factory=list)
    #: Where it is not at the root of its host.
    issuer_path: str = ""

    @property
    def issuer(self) -> str:
        return self.url + self.issuer_path

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.https_port}"

    @property
    def access_log(self) -> str:
        return (self.folder / "access.log").read_text()

    def session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.verify = str(self.certificate)
        return session

    def person(self) -> Person:
        person = Person(self.url)
        person.session = self.session()
        return person

    def run_command(self, *arguments: str, feed: str = "") -> str:
        return run_command(*arguments, environment=self.environment, feed=feed)

    def node_environment(self, port: int) -> dict[str, str]:
        """Return what a node's unit gives it: a drain file of its own."""
        return {**self.environment, "OAUTH2_DRAIN_FILE": f"draining-{port}"}

    def start_node(self, port: int) -> LiveServer:
        return start_server(
            "granian",
            port=port,
            environment=self.node_environment(port),
            log_path=self.folder / f"granian-{port}.log",
            arguments=("--workers", "1"),
        )

    def restart(self, number: int) -> int:
        """Stop a node as its unit does, start it again, wait until it is ready; return its exit status."""
        node = self.nodes[number]
        run_command("drain", environment=self.node_environment(node.port))
        wait_until(lambda: requests.get(f"{node.url}/readyz", timeout=ANSWER_SECONDS).status_code == 503)
        wait_until_quiet(node)
        node.process.send_signal(signal.SIGTERM)
        status = node.process.wait(ANSWER_SECONDS)
        run_command("drain", "--undo", environment=self.node_environment(node.port))
        self.nodes[number] = self.start_node(node.port)
        wait_until(lambda: requests.get(f"{node.url}/readyz", timeout=ANSWER_SECONDS).status_code == 200)
        return status


def wait_until_quiet(node: LiveServer) -> None:
    """Wait until a drained node has had nothing to do for a second: on a busy machine one second may not be enough."""
    deadline, length = time.monotonic() + ANSWER_SECONDS, -1
    while len(node.log) != length:
        assert time.monotonic() < deadline, "the drained node still gets requests"
        length = len(node.log)
        time.sleep(1)


def derive_configuration(front: Front, key: Path, node_ports: list[int]) -> str:
    """Return the shipped file with other names, ports and certificates, and nothing else changed."""
    text = SHIPPED.read_text()
    replacements = {
        r"listen 80;": f"listen 127.0.0.1:{front.http_port};",
        r"listen 443 ssl;": f"listen 127.0.0.1:{front.https_port} ssl;",
        r"https://login\.example\.org\$grantwright_path": f"{front.url}$grantwright_path",
        r"server_name login\.example\.org": "server_name 127.0.0.1",
        r"/etc/letsencrypt/\S+/fullchain\.pem": str(front.certificate),
        r"/etc/letsencrypt/\S+/privkey\.pem": str(key),
        r"/var/log/nginx/grantwright\.access\.log": str(front.folder / "access.log"),
        r"/var/log/nginx/grantwright\.error\.log": str(front.folder / "error.log"),
        r"127\.0\.0\.1:8001": f"127.0.0.1:{node_ports[0]}",
        r"127\.0\.0\.1:8002": f"127.0.0.1:{node_ports[1]}",
        r"/run/grantwright-8001/draining": f"{front.folder}/draining-{node_ports[0]}",
        r"/run/grantwright-8002/draining": f"{front.folder}/draining-{node_ports[1]}",
        # The tests' Host has the port in it; a server on 443 has none to say.
        r"(X-Forwarded-Host|Host) \$host;": r"\1 $http_host;",
    }
    for pattern, replacement in replacements.items():
        text, count = re.subn(pattern, replacement, text)
        assert count, f"the shipped file has no {pattern} any more"
    return re.sub(r"\n    listen \[::\][^\n]*", "", text)


@contextmanager
def open_front(
    run_folder: Path,
    folder: Path,
    database_uri: str,
    nodes: int = 2,
    issuer_path: str = "",
    location: str = "location / {",
    **settings: str,
) -> Iterator[Front]:
    """Set production up as the guide says, and put nginx in front; ``location`` begins the block that passes on."""
    folder.chmod(0o755)  # nginx's workers give up being root
    certificate, key = make_certificate(folder)
    front = Front(folder, reserve_port(run_folder), reserve_port(run_folder), certificate, {}, [], issuer_path)
    configuration = folder / "production.py"
    configuration.write_text(
        "import secrets\n"
        f"OAUTH2_ISSUER = {front.issuer!r}\n"
        "OAUTH2_TRUSTED_PROXIES = 1\n"
        f"SQLALCHEMY_DATABASE_URI = {database_uri!r}\n"
        f"OAUTH2_INSTANCE_PATH = {str(folder)!r}\n"
        'SECRET_KEY = "zJ4w9QmX1cRk7fTbV0aYh3LsUe6nPd8G"\n'
        'OAUTH2_KEY_ENCRYPTION_KEY = "Rk3vT8yB1nQ6wZ0mC5xJ9sD2fH7gL4pA_uE-iO3rWtY"\n'
        + "".join(f"{name} = {value}\n" for name, value in settings.items())
    )
    configuration.chmod(0o640)
    front.environment = server_environment({"WEBSITE_CONF": str(configuration), "AUTHLIB_INSECURE_TRANSPORT": None})
    front.run_command("check-config")
    set_up_database(front.environment)
    front.run_command("users", "create", "ada", feed=f"{PASSWORD}\n{PASSWORD}\n")
    front.run_command("users", "set", "ada", "--operator")
    ports = [reserve_port(run_folder) for _ in range(2)]
    shipped = derive_configuration(front, key, ports)
    (folder / "grantwright.conf").write_text(shipped.replace("location / {", location))
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=getpass.getuser()))
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin") or "nginx"
    since = canary.mark()
    with ExitStack() as cleanup:
        cleanup.callback(lambda: [node.end() for node in front.nodes])
        front.nodes += [front.start_node(port) for port in ports[:nodes]]
        running = subprocess.Popen([nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")])
        cleanup.callback(running.wait)
        cleanup.callback(running.terminate)
        wait_until(lambda: _answers(front))
        yield front
        for log in {node.log_path for node in front.nodes}:
            canary.check(since, database_uri, folder, log=log)


def _answers(front: Front) -> bool:
    try:
        return front.session().get(f"{front.issuer}/", timeout=ANSWER_SECONDS).status_code == 200
    except requests.ConnectionError:
        return False
