"""The known applications: each can be registered, and its configuration leaves nothing open."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import run, run_for_json
from tests.support.one_application import open_application
from tests.support.token_requests import Provider
from website.clients.operator_decisions import DECISIONS
from website.clients.presets import APPLICATIONS
from website.known_applications.catalogue import KNOWN_APPLICATIONS, InvalidBaseError, KnownApplication
from website.redirect_uris import find_problem

VALUES = dict.fromkeys(
    (
        "base", "issuer", "discovery", "client_id", "client_secret", "authorization_endpoint", "token_endpoint",
        "userinfo_endpoint", "end_session_endpoint",
    ),
    "https://value.example",
)  # fmt: skip


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with open_application(tmp_path_factory.mktemp("demo")) as application:
        yield Provider(application)


def test_the_applications_are_those_that_the_guides_have_a_page_for() -> None:
    assert set(KNOWN_APPLICATIONS) == {
        "argocd", "gitea", "gitlab", "grafana", "immich", "kubernetes", "miniflux", "nextcloud", "pgadmin", "proxmox",
        "superset",
    }  # fmt: skip


@pytest.mark.parametrize("application", KNOWN_APPLICATIONS.values(), ids=KNOWN_APPLICATIONS)
def test_what_is_said_of_an_application_is_complete(application: KnownApplication) -> None:
    uris = application.redirect_uris_at(application.example)
    assert uris
    assert [find_problem(uri) for uri in uris] == [""] * len(uris)
    assert application.documented
    assert application.documentation.startswith("https://")
    assert application.blocks
    assert not re.search(r"\[\[|\]\]", "".join(b.text for b in application.blocks_for(VALUES)))
    decisions = {decision.name: decision for decision in DECISIONS}
    assert all(decisions[name].find(text) for name, text in application.decisions.items())


@pytest.mark.parametrize("preset", APPLICATIONS)
def test_the_command_registers_an_application_by_its_base_url(demo: Provider, preset: str) -> None:
    application = KNOWN_APPLICATIONS[preset]
    base = ["--base-url", f"{application.example}/"] if application.has_base else []
    made = run_for_json(demo, "clients", "create", application.title, "--type", preset, *base, "--json")
    assert made["redirect_uris"] == application.redirect_uris_at(application.example)
    assert made["grant_types"] == list(application.grant_types)
    assert made.get("post_logout_redirect_uris", []) == application.post_logout_redirect_uris_at(application.example)
    assert made["scope"] == application.scope
    assert made["pkce_required"] == {"required": True, "off": False}.get(application.decisions.get("pkce", ""))
    assert made["claims_in_id_token"] == ("claims_in_id_token" in application.decisions)
    assert (made["client_secret"] is None) == (application.auth_method == "none")


@pytest.mark.parametrize(
    "base", ["", "grafana.example.org", "https://", "https://a.example/x y", "https://a.example/'", "ftp://a.example"]
)
def test_a_base_url_is_a_plain_web_address(base: str) -> None:
    with pytest.raises(InvalidBaseError, match="https://app.example.org"):
        KNOWN_APPLICATIONS["grafana"].redirect_uris_at(base)


def test_the_base_url_may_have_a_path_and_is_not_needed_beside_redirect_uris(demo: Provider) -> None:
    create = ("clients", "create", "Dashboards", "--type", "grafana")
    made = run_for_json(demo, *create, "--base-url", "https://a.example/grafana/", "--json")
    assert made["redirect_uris"] == ["https://a.example/grafana/login/generic_oauth"]
    made = run_for_json(demo, *create, "--redirect-uri", "https://b.example/login/generic_oauth", "--json")
    assert made["redirect_uris"] == ["https://b.example/login/generic_oauth"]


def test_a_line_whose_value_is_empty_falls_away() -> None:
    [block] = KNOWN_APPLICATIONS["grafana"].blocks_for({**VALUES, "end_session_endpoint": ""})
    assert "signout_redirect_url" not in block.text
    assert "allow_sign_up" in block.text


@pytest.mark.parametrize(("name", "command"), [("api", "flask resources create"), ("mcp", "initial-access-tokens")])
def test_apis_and_mcp_clients_have_commands_of_their_own(demo: Provider, name: str, command: str) -> None:
    assert command in run(demo, "clients", "create", "X", "--type", name, exit_code=2).output


def test_the_files_are_the_catalogue() -> None:
    folder = Path(__file__).resolve().parent.parent / "website/known_applications"
    assert sorted(file.stem for file in folder.glob("*.toml")) == list(KNOWN_APPLICATIONS)
