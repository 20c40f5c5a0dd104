"""Builds the container image, runs two nodes of it on an empty PostgreSQL, and prints what it sees of them.

    python tools/try_container.py --base-image IMAGE [--build-option=--secret=id=pip.conf,src=pip.conf]

It needs root, buildah, runc and PostgreSQL, so it's run by hand. docs/how-to/run-in-a-container.md shows how to create
a base image where none can be pulled.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from tests.support.ports import reserve_port  # noqa: E402
from tests.support.postgres import own_cluster  # noqa: E402

IMAGE = "localhost/grantwright"
START_SECONDS, STOP_SECONDS = 60, 60
#: Of its own each container has these; it shares the network, on which PostgreSQL listens.
NAMESPACES = ("pid", "ipc", "uts", "mount")
HERE = "127.0.0.1"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base-image", help="the Containerfile's BASE_IMAGE; without it, the last image is tried")
    parser.add_argument("--build-option", action="append", default=[], help="an option to add to buildah build")
    parser.add_argument("--buildah", default="buildah", help="the command, if it needs options: buildah --root FOLDER")
    arguments = parser.parse_args()
    buildah = shlex.split(arguments.buildah)
    if arguments.base_image:
        options = ("--isolation", "chroot", "--format", "docker", "--build-arg", f"BASE_IMAGE={arguments.base_image}")
        context = ("--tag", IMAGE, "--file", "Containerfile", ".")
        subprocess.run([*buildah, "build", *options, *arguments.build_option, *context], cwd=REPOSITORY, check=True)
    image = json.loads(read(*buildah, "inspect", "--type", "image", IMAGE))["Docker"]["config"]
    container = read(*buildah, "from", "--pull-never", IMAGE)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return try_image(image, Path(read(*buildah, "mount", container)), Path(folder))
    finally:
        read(*buildah, "rm", container)


def try_image(image: dict[str, Any], root: Path, folder: Path) -> int:
    """Set the database up by two containers at once, run two nodes, and stop them. Return the number of failures."""
    failures = 0

    def report(fact: str, is_so: bool, seen: object) -> None:
        nonlocal failures
        failures += not is_so
        print(f"{'ok    ' if is_so else 'FAILED'}  {fact}: {seen}", flush=True)

    with own_cluster(folder) as cluster:
        settings = write_secrets(folder, cluster.url(cluster.create_database()))
        runs = [Container(image, root, folder, settings, "initdb") for _ in range(2)]
        statuses = [run.process.wait(START_SECONDS) for run in runs]
        report("two set up the database at once", statuses == [0, 0], [run.log for run in runs])
        if failures:
            return failures
        ports = [reserve_port(folder) for _ in range(2)]
        command = ("serve", "--host", HERE, "--port")
        nodes = [Container(image, root, folder, settings, *command, str(port)) for port in ports]
        for node, port in zip(nodes, ports, strict=True):
            for path in ("/healthz", "/readyz"):
                report(path, (status := wait_for(f"http://{HERE}:{port}{path}")) == 200, status)
            report("the user isn't root", (user := node.execute("id", "-u")) == "10001", user)
            for place in ("/", "/tmp/", "/var/lib/grantwright/"):  # noqa: S108
                report("read-only", "Read-only" in (said := node.execute("touch", f"{place}x")), said)
            start = time.monotonic()
            subprocess.run(["runc", "kill", node.name, "TERM"], check=True)
            node.process.wait(STOP_SECONDS)
            length = time.monotonic() - start
            report("SIGTERM ends it within a second", length < 1, f"{length:.2f} s, status {node.process.returncode}")
    return failures


def write_secrets(folder: Path, database_url: str) -> dict[str, str]:
    """Write the secrets into files that the containers see in /run/secrets; return their environment."""
    values = {
        "SQLALCHEMY_DATABASE_URI": database_url,
        "SECRET_KEY": secrets.token_urlsafe(32),
        "OAUTH2_KEY_ENCRYPTION_KEY": secrets.token_urlsafe(32),
    }
    (folder / "secrets").mkdir()
    for name, value in values.items():
        file = folder / "secrets" / name
        file.write_text(f"{value}\n")
        shutil.chown(file, 10001, 10001)
        file.chmod(0o400)
    settings = {f"{name}_FILE": f"/run/secrets/{name}" for name in values}
    return {**settings, "OAUTH2_ISSUER": "https://login.example.org", "OAUTH2_TRUSTED_PROXIES": "1"}


class Container:
    """A container that runs under runc: without root and capabilities, on a read-only file system."""

    def __init__(
        self, image: dict[str, Any], root: Path, folder: Path, settings: dict[str, str], *command: str
    ) -> None:
        self.name = f"grantwright-{secrets.token_hex(4)}"
        self._bundle = folder / self.name
        self._bundle.mkdir()
        read("runc", "spec", "--bundle", str(self._bundle))
        file = self._bundle / "config.json"
        spec = json.loads(file.read_text())
        spec["root"] = {"path": str(root), "readonly": True}
        user, _, group = image["User"].partition(":")
        spec["process"] |= {
            "terminal": False, "user": {"uid": int(user), "gid": int(group)}, "cwd": image["WorkingDir"],
            "args": [*image["Entrypoint"], *command], "capabilities": {}, "noNewPrivileges": True,
            "env": [*image["Env"], *(f"{name}={value}" for name, value in settings.items())],
        }  # fmt: skip
        spec["linux"]["namespaces"] = [{"type": name} for name in NAMESPACES]
        # Neither the host's devices nor its control groups; the secrets alone come from outside.
        spec["mounts"] = [mount for mount in spec["mounts"] if not mount["destination"].startswith("/sys")]
        secret_mount = {"destination": "/run/secrets", "source": str(folder / "secrets"), "options": ["bind", "ro"]}
        spec["mounts"].append(secret_mount)
        file.write_text(json.dumps(spec))
        with (self._bundle / "log").open("w") as log:
            run = ["runc", "run", "--bundle", self._bundle, self.name]
            self.process = subprocess.Popen(run, stdout=log, stderr=subprocess.STDOUT)

    @property
    def log(self) -> str:
        return (self._bundle / "log").read_text()

    def execute(self, *command: str) -> str:
        """Run a command in the container; return what it printed."""
        ran = subprocess.run(["runc", "exec", self.name, *command], capture_output=True, text=True)
        return (ran.stdout + ran.stderr).strip()


def wait_for(url: str) -> int | None:
    """Return the status that an address answers with, once it answers."""
    for _ in range(START_SECONDS * 10):
        try:
            with urllib.request.urlopen(url) as response:  # noqa: S310 - of this machine
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            time.sleep(0.1)
    return None


def read(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    raise SystemExit(main())
