"""An Apache server with mod_auth_openidc: its configuration, its one protected page, its process."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.support.token_requests import MachineClient
from tests.support.waiting import ANSWER_SECONDS

MODULES = Path("/usr/lib/apache2/modules")
LOADED = ("mpm_event", "authn_core", "authz_core", "authz_user", "mime", "dir", "filter", "include", "auth_openidc")
CONFIGURATION = """
ServerName 127.0.0.1
ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
DocumentRoot {folder}/pages
Listen 127.0.0.1:{port}
{user}
TypesConfig /dev/null
AddType text/html .html
DirectoryIndex index.html

OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCClientID {client_id}
OIDCClientSecret {client_secret}
OIDCRedirectURI {redirect_uri}
OIDCCryptoPassphrase "a phrase for this test alone"
OIDCScope "{scope}"
OIDCPKCEMethod S256
OIDCRemoteUserClaim preferred_username
OIDCInfoHook access_token refresh_token userinfo id_token
{directives}

<Directory {folder}/pages>
    Options +Includes
    SetOutputFilter INCLUDES
    Require all granted
</Directory>
<Location /private/>
    AuthType openid-connect
    Require {requirement}
</Location>
"""
PAGES = {
    "index.html": "<!doctype html><title>Out</title><h1>Everybody may see this.</h1>",
    "private/index.html": """<!doctype html><title>In</title>
<p id=user><!--#echo var="REMOTE_USER" --></p>""",
}


def address_of(port: int) -> str:
    """Return where an Apache on this port is."""
    return f"http://127.0.0.1:{port}"


def redirect_uri_of(port: int) -> str:
    """Return where the module takes the provider's answers."""
    return f"{address_of(port)}/private/redirect_uri"


@dataclass(frozen=True)
class Apache:
    """Where it is, and where it complains."""

    url: str
    log: Path

    @property
    def complaints(self) -> list[str]:
        """What it found wrong up to now, with an answer of the provider say."""
        return re.findall(r"^.*:error\].*$", self.log.read_text(), re.MULTILINE)


@contextmanager
def run_apache(
    port: int,
    issuer: str,
    client: MachineClient,
    directives: Mapping[str, str],
    *,
    scope: str = "openid profile email",
    requirement: str = "valid-user",
) -> Iterator[Apache]:
    """Start Apache for one client of the provider, whose page demands something of the person; end it."""
    # Its workers give up being root and cannot enter the folder of the run: it gets its own, as PostgreSQL does.
    folder = Path(tempfile.mkdtemp(prefix="grantwright-apache-"))
    apache = Apache(address_of(port), folder / "error.log")
    folder.chmod(0o755)
    for name, text in PAGES.items():
        page = folder / "pages" / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text)
    (folder / "apache.conf").write_text(
        "".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so\n" for name in LOADED)
        + CONFIGURATION.format(
            folder=folder,
            port=port,
            redirect_uri=redirect_uri_of(port),
            user="User www-data\nGroup www-data" if os.geteuid() == 0 else "",
            issuer=issuer,
            scope=scope,
            requirement=requirement,
            client_id=client.client_id,
            client_secret=client.secret,
            directives="\n".join(f'{name} "{value}"' for name, value in directives.items()),
        )
    )
    program = shutil.which("apache2", path="/usr/sbin:/usr/local/sbin:/usr/bin") or "apache2"
    process = subprocess.Popen([program, "-d", str(folder), "-f", str(folder / "apache.conf"), "-DFOREGROUND"])
    try:
        _wait_until_it_answers(apache, process)
        yield apache
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


def _wait_until_it_answers(apache: Apache, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            requests.get(apache.url, timeout=ANSWER_SECONDS)
            return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise RuntimeError(f"Apache did not answer: {apache.log.read_text() if apache.log.exists() else ''}")
