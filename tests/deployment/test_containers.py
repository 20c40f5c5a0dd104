"""The files for containers: they name settings and commands that exist, and run nothing as root.

`make check` validates them against their schemas, and `make container` builds and runs the image.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.deployment.front import SHIPPED
from tests.support.live_server import REPOSITORY
from website.configuration.value_files import list_file_variables
from website.console_script import make_group
from website.settings import by_name

CONTAINERFILE = (REPOSITORY / "Containerfile").read_text()
COMPOSE = yaml.safe_load((REPOSITORY / "deploy" / "compose.yaml").read_text())
OWN_SERVICES = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "grantwright"}
MANIFESTS = [
    manifest
    for file in sorted((REPOSITORY / "deploy" / "kubernetes").glob("*.yaml"))
    for manifest in yaml.safe_load_all(file.read_text())
]
[USER] = re.findall(r"^USER (\d+):\d+$", CONTAINERFILE, re.MULTILINE)


def pods() -> Iterator[dict[str, Any]]:
    for manifest in MANIFESTS:
        if manifest["kind"] == "Deployment":
            yield manifest["spec"]["template"]["spec"]
        elif manifest["kind"] == "CronJob":
            yield manifest["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def containers() -> Iterator[dict[str, Any]]:
    for pod in pods():
        yield from (*pod["containers"], *pod.get("initContainers", ()))


def test_settings_of_every_file_exist() -> None:
    [configuration] = [manifest["data"] for manifest in MANIFESTS if manifest["kind"] == "ConfigMap"]
    named = {*configuration, *re.findall(r"\bOAUTH2_\w+(?==)", CONTAINERFILE)}
    for service in OWN_SERVICES.values():
        named |= set(service["environment"])
    assert len(named) > 5
    assert named <= {*by_name(), *list_file_variables(by_name())}


def test_commands_of_every_file_exist(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTH2_INSTANCE_PATH", str(tmp_path))
    group = make_group()
    called = {service["command"][0] for service in OWN_SERVICES.values() if "command" in service}
    called |= {container["args"][0] for container in containers() if "args" in container}
    called |= {re.findall(r'^CMD \["(\w+)"', CONTAINERFILE, re.MULTILINE)[0]}
    assert called == {"initdb", "worker", "prune", "serve"}
    context = group.make_context("grantwright", ["routes"])
    assert called <= set(group.list_commands(context))


def test_no_container_is_root_or_can_write() -> None:
    assert USER != "0"
    for service in OWN_SERVICES.values():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"]
        assert str(pod["securityContext"]["runAsUser"]) == USER
    for container in containers():
        security = container["securityContext"]
        assert (security["readOnlyRootFilesystem"], security["capabilities"]["drop"]) == (True, ["ALL"])


def test_the_server_listens_where_it_is_looked_for() -> None:
    [port] = re.findall(r"^EXPOSE (\d+)$", CONTAINERFILE, re.MULTILINE)
    assert f'"--port", "{port}"' in CONTAINERFILE
    assert f"http://127.0.0.1:{port}/healthz" in CONTAINERFILE
    assert f"http://127.0.0.1:{port}/healthz" in OWN_SERVICES["node"]["healthcheck"]["test"][-1]
    assert {entry["containerPort"] for container in containers() for entry in container.get("ports", ())} == {int(port)}


def test_only_the_ingress_controller_reaches_the_nodes_that_trust_it() -> None:
    [policy] = [manifest["spec"] for manifest in MANIFESTS if manifest["kind"] == "NetworkPolicy"]
    [node] = [manifest["spec"] for manifest in MANIFESTS if manifest["metadata"]["name"] == "grantwright"
              and manifest["kind"] == "Deployment"]  # fmt: skip
    assert policy["podSelector"] == node["selector"]
    assert policy["policyTypes"] == ["Ingress"]
    [rule] = policy["ingress"]
    assert [set(source) for source in rule["from"]] == [{"namespaceSelector"}]
    assert [entry["port"] for entry in rule["ports"]] == ["http"]


def test_compose_gives_nginx_the_shipped_file_with_the_names_of_its_network() -> None:
    *_shell, script = COMPOSE["services"]["nginx"]["command"]
    substitution, _, rest = script.partition("/etc/nginx/grantwright.conf")
    assert rest.startswith(" > /etc/nginx/conf.d/")
    ran = subprocess.run(
        ["sh", "-c", f"{substitution.replace('${HOST_NAME}', 'id.example')} {SHIPPED}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "server node:8000 max_fails=0;" in ran.stdout
    assert "server_name id.example;" in ran.stdout
    left = re.sub(r"#[^\n]*", "", ran.stdout)
    assert not re.search(r"127\.0\.0\.1|login\.example|/var/log", left)


def test_the_image_is_built_from_what_reaches_its_builder() -> None:
    sent = set(re.findall(r"^!(\S+)$", (REPOSITORY / ".dockerignore").read_text(), re.MULTILINE))
    copied = {
        name for names in re.findall(r"^COPY (?!--)(.*) \S+$", CONTAINERFILE, re.MULTILINE) for name in names.split()
    }
    assert copied == sent
