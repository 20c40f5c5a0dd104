"""mozilla-django-oidc: the site of the guide, which sends no PKCE, and its secret in the body, logs a person in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real_clients.conftest import OpenIDProvider
from tests.support.live_server import REPOSITORY, server_environment, wait_until_reachable
from tests.support.ports import reserve_port
from tests.support.waiting import ANSWER_SECONDS

SITE = REPOSITORY / "docs" / "how-to" / "code" / "django_site.py"


@pytest.fixture
def site(openid_provider: OpenIDProvider, run_folder: Path, tmp_path: Path) -> Iterator[str]:
    """The address of the running site, whose client was made on the provider's page."""
    address = f"http://127.0.0.1:{reserve_port(run_folder)}"
    developer = openid_provider.log_in("developer")
    client = developer.create_client(
        scope="openid profile email",
        redirect_uri=f"{address}/oidc/callback/",
        token_endpoint_auth_method="client_secret",  # noqa: S106 - a method's name
    )
    facts = {"ISSUER": openid_provider.issuer, "CLIENT_ID": client.client_id, "CLIENT_SECRET": str(client.secret)}
    environment = {**server_environment({}), **facts}
    subprocess.run(
        [sys.executable, SITE, "migrate", "-v0"], cwd=tmp_path, env=environment, check=True, timeout=ANSWER_SECONDS
    )
    command = [sys.executable, str(SITE), "runserver", "--noreload", address.removeprefix("http://")]
    # Django's development server logs whole addresses, codes included: that is its own affair.
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_until_reachable(process, address)
        yield address
    finally:
        process.terminate()
        process.wait(ANSWER_SECONDS)


def test_person_logs_in_at_a_django_site(openid_provider: OpenIDProvider, site: str) -> None:
    person = openid_provider.log_in("ann")
    asked = person.get(person.get(f"{site}/oidc/authenticate/").location)
    answer = person.decide(asked)
    assert answer.location.startswith(f"{site}/oidc/callback/"), answer.text
    assert person.get(answer.location).status == 302
    assert person.get(site).text == "Hello, ann@example.org"
