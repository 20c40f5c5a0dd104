"""The logos of clients: fetched once from real servers, served by this one, and shown where that is allowed."""

from __future__ import annotations

import hashlib
import html
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.support.commands import latest_event, run, run_for_json
from tests.support.embedding_host import Host, Visitor
from tests.support.person import REDIRECT_URI, Person, Pkce
from tests.support.pictures import PictureSite, hidden_frame, jpeg, open_picture_site, png, webp
from tests.support.raw_servers import hang, served
from tests.support.registering_client import Registration, send
from tests.support.residents import Resident, add_user
from tests.support.token_requests import PRODUCTION, Provider, open_provider
from website import outbound
from website.clients.raster_pictures import MAX_PIXELS
from website.identifiers import new_identifier
from website.settings import RATE_LIMITS

LOGO = re.compile(r'<img class="(?:logo|app-picture)[^"]*" src="([^"]+)"')


@pytest.fixture
def site() -> Iterator[PictureSite]:
    with open_picture_site() as opened:
        yield opened


@pytest.fixture
def provider(database_uri: str, tmp_path: Path) -> Iterator[Provider]:
    """The demo, which may fetch from this machine, on both databases."""
    with open_provider(tmp_path, database_uri, OAUTH2_OUTBOUND_LOOPBACK=True) as opened:
        yield opened


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def lasting_provider(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """The same, shared by tests that bring clients of their own."""
    folder = tmp_path_factory.mktemp("lasting")
    uri = f"sqlite:///{folder}/db.sqlite"
    if request.param == "postgresql":
        cluster = request.getfixturevalue("postgres_cluster")
        uri = cluster.url(cluster.create_database())
    unlimited = {"OAUTH2_RATE_LIMITS": dict.fromkeys(RATE_LIMITS, 0)}
    with open_provider(folder, uri, OAUTH2_OUTBOUND_LOOPBACK=True, **unlimited) as opened:
        yield opened


@pytest.fixture
def person(provider: Provider) -> Person:
    person = Person(provider.application.test_client())
    person.log_in("alice")
    return person


def more(logo_uri: str) -> str:
    return json.dumps({"logo_uri": logo_uri})


def row_of(provider: Provider, client_id: str) -> str:
    return str(provider.server.clients.find_any(client_id).id)


def page_of(provider: Provider, person: Person, client_id: str) -> str:
    return person.get(f"/clients/{row_of(provider, client_id)}/settings").text


def edit(provider: Provider, person: Person, client_id: str, **changes: str) -> Any:
    path = f"/clients/{row_of(provider, client_id)}/edit"
    fields = {
        "client_name": "Photo Printer", "client_uri": "", "scope": "profile", "redirect_uri": REDIRECT_URI,
        "grant_type": "authorization_code\nrefresh_token", "response_type": "code",
        "token_endpoint_auth_method": "client_secret_basic", **changes,
    }  # fmt: skip
    answer = person.post(path, {**person.get(path).hidden_fields(), **fields})
    assert answer.status == 303, answer.text
    return answer


def pages_with_logo(person: Person, client_id: str) -> dict[str, list[str]]:
    """Return the addresses of the logos on the pages that people see, by page; the consent is given meanwhile."""
    parameters = {"scope": "profile", **Pkce().parameters}
    consent = person.ask(client_id, **parameters)
    assert consent.status == 200, consent.text
    person.decide(consent)
    found = {"consent": consent.text, "apps": person.get("/account/apps").text}
    person.log_out()
    found["login"] = person.get(person.ask(client_id, **parameters).location).text
    assert "Log in to continue to <strong>" in found["login"]
    return {name: LOGO.findall(page) for name, page in found.items()}


# What is shown, and from where


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (png(), "image/png"), (jpeg(), "image/jpeg"), (webp("VP8X"), "image/webp"), (webp("VP8L"), "image/webp"),
        (webp("VP8 "), "image/webp"), (png(MAX_PIXELS, MAX_PIXELS), "image/png"),
    ],
    ids=["png", "jpeg", "webp-x", "webp-l", "webp", "largest"],
)  # fmt: skip
def test_a_logo_is_fetched_once_and_shown_from_here(
    provider: Provider, person: Person, site: PictureSite, body: bytes, content_type: str
) -> None:
    site.body, site.content_type = body, content_type
    client = person.create_client(more=more(site.url))
    page = page_of(provider, person, client.client_id)
    assert "Fetched on" in page
    (address,) = LOGO.findall(page)
    shown = pages_with_logo(person, client.client_id)
    assert shown == {"consent": [address], "apps": [address], "login": [address]}
    picture = provider.get(address)  # without any login
    assert (picture.status, picture.body) == (200, body)
    assert picture.headers["Content-Type"] == content_type
    assert picture.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert picture.headers["X-Content-Type-Options"] == "nosniff"
    assert picture.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert picture.headers["Cache-Control"] == "public, max-age=86400"
    assert "Set-Cookie" not in picture.headers
    assert "Vary" not in picture.headers
    assert site.visits == 1
    event = latest_event(provider, "client_logo_fetched")
    assert (event.outcome, event.detail["logo_uri"]) == ("success", site.url)


def test_no_page_links_to_the_picture_elsewhere(provider: Provider, person: Person, site: PictureSite) -> None:
    client = person.create_client(more=more(site.url))
    consent = person.ask(client, scope="profile", **Pkce().parameters)
    assert site.url not in consent.text
    assert "img-src 'self' data:;" in consent.headers["Content-Security-Policy"]


def test_the_type_that_is_served_is_the_one_that_the_bytes_say(
    provider: Provider, person: Person, site: PictureSite
) -> None:
    site.body, site.content_type = jpeg(), "image/png"
    client = person.create_client(more=more(site.url))
    (address,) = LOGO.findall(page_of(provider, person, client.client_id))
    assert provider.get(address).headers["Content-Type"] == "image/jpeg"


def test_a_picture_of_exactly_64_kib_is_taken(provider: Provider, person: Person, site: PictureSite) -> None:
    site.body = png(padding=64 * 1024 - len(png(padding=1)) + 1)
    assert len(site.body) == 64 * 1024
    client = person.create_client(more=more(site.url))
    assert "Fetched on" in page_of(provider, person, client.client_id)


# What is refused, and why


@pytest.mark.parametrize(
    ("body", "content_type", "why"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", "its content type is not one of image/png"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/png", "it is not a PNG, JPEG or WebP picture"),
        (b"<html><script>alert(1)</script>", "text/html", "its content type is not one of"),
        (b"<html><script>alert(1)</script>", "image/png", "it is not a PNG, JPEG or WebP picture"),
        (b"GIF89a\x02\0\x02\0", "image/png", "it is not a PNG, JPEG or WebP picture"),
        (b"\n" + png(), "image/png", "it is not a PNG, JPEG or WebP picture"),
        (b"RIFF\0\0\0\0WAVEfmt ", "image/webp", "it is not a PNG, JPEG or WebP picture"),
        (b"RIFF\0\0\0\0WEBP<svg>", "image/webp", "it is not a PNG, JPEG or WebP picture"),
        (b"\xff\xd8\xff<script>alert(1)</script>", "image/jpeg", "the picture is incomplete"),
        *((hidden_frame(marker), "image/jpeg", "the picture is incomplete") for marker in (0x00, 0x01, 0xD0, 0xD7)),
        (b"\x89PNG\r\n\x1a\n<html>", "image/png", "it is not a PNG, JPEG or WebP picture"),
        (png()[:18], "image/png", "the picture is incomplete"),
        (jpeg()[:22], "image/jpeg", "the picture is incomplete"),
        (webp("VP8X")[:28], "image/webp", "the picture is incomplete"),
        (b"", "image/png", "it is not a PNG, JPEG or WebP picture"),
        (png(MAX_PIXELS + 1, 1), "image/png", f"it is {MAX_PIXELS + 1} by 1 pixels"),
        (jpeg(1, 65535), "image/jpeg", "it is 1 by 65535 pixels"),
        (webp("VP8X", 1 << 24, 1), "image/webp", f"it is {1 << 24} by 1 pixels"),
        (webp("VP8L", 1, 16384), "image/webp", "it is 1 by 16384 pixels"),
        (png(0, 5), "image/png", "it is 0 by 5 pixels"),
        (png(padding=64 * 1024), "image/png", "the response is longer than 65536 bytes"),
        (b"\x89PNG" + b"x" * 65 * 1024, "image/png", "the response is longer than 65536 bytes"),
    ],
)  # fmt: skip
def test_what_is_no_small_raster_picture_is_not_kept(
    lasting_provider: Provider, site: PictureSite, body: bytes, content_type: str, why: str
) -> None:
    site.body, site.content_type = body, content_type
    person = Person(lasting_provider.application.test_client())
    person.log_in("alice")
    # An address of its own: one that failed a moment ago isn't asked again.
    address = f"{site.url}?{new_identifier()}"
    client = person.create_client(more=more(address))
    page = page_of(lasting_provider, person, client.client_id)
    assert f"Couldn't be fetched: {why}" in html.unescape(page)
    assert LOGO.findall(page) == []
    event = latest_event(lasting_provider, "client_logo_fetched")
    assert (event.outcome, event.detail["logo_uri"]) == ("failure", address)
    assert pages_with_logo(person, client.client_id) == {"consent": [], "apps": [], "login": []}


def test_a_redirect_is_not_followed(provider: Provider, person: Person, site: PictureSite) -> None:
    with open_picture_site() as other:
        site.status, site.more = "302 Found", (f"Location: {other.url}",)
        client = person.create_client(more=more(site.url))
        page = page_of(provider, person, client.client_id)
        assert "it returned 302, and redirects are not followed" in page
        assert other.visits == 0


def test_a_slow_site_costs_its_client_the_logo_and_nothing_else(
    provider: Provider, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "DEADLINE_SECONDS", 0.3)
    with served(hang) as port:
        client = person.create_client(more=more(f"http://127.0.0.1:{port}/logo.png"))
    page = page_of(provider, person, client.client_id)
    assert "no response within 0.3 seconds" in page
    assert person.ask(client, scope="profile", **Pkce().parameters).status == 200


def test_a_site_that_is_down_or_compresses_is_named_without_a_word_of_the_network(
    provider: Provider, person: Person, site: PictureSite
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{taken.getsockname()[1]}/logo.png"
        client = person.create_client(more=more(closed))
    assert "its URL cannot be reached; it must be a public https URL" in page_of(provider, person, client.client_id)
    site.more = ("Content-Encoding: gzip",)
    client = person.create_client(more=more(site.url))
    assert "the response is compressed" in page_of(provider, person, client.client_id)


@pytest.mark.parametrize(
    "logo_uri",
    [
        "https://127.0.0.1/logo.png", "http://127.0.0.1/logo.png", "https://[::1]/logo.png", "https://10.0.0.1/l.png",
        "https://169.254.169.254/latest/meta-data", "https://localhost/logo.png", "https://[::ffff:127.0.0.1]/l.png",
    ],
)  # fmt: skip
def test_in_production_nothing_inner_is_reached_and_nothing_of_it_is_told(
    sqlite_uri: str, tmp_path: Path, logo_uri: str
) -> None:
    with open_provider(tmp_path, sqlite_uri, **PRODUCTION) as node:
        add_user(node, is_operator=True)
        person = Resident(node.application)
        person.log_in()
        client = person.create_client(more=more(logo_uri))
        page = page_of(node, person, client.client_id)
        assert "its URL cannot be reached; it must be a public https URL" in page


@pytest.mark.parametrize(
    "value", [5, True, [], {}, ["https://client.example/l.png"], "", "logo.png", "data:image/png,x"]
)
def test_what_is_no_address_is_refused_before_anything_is_fetched(
    sqlite_uri: str, tmp_path: Path, value: object
) -> None:
    with open_provider(tmp_path, sqlite_uri) as node:
        person = Person(node.application.test_client())
        person.log_in("alice")
        fields = {
            **person.get("/create_client").hidden_fields(), "client_name": "Photo Printer", "scope": "profile",
            "grant_type": "client_credentials", "token_endpoint_auth_method": "client_secret",
            "more": json.dumps({"logo_uri": value}),
        }  # fmt: skip
        answer = person.post("/create_client", fields)
        assert answer.status == 422
        assert "logo_uri" in answer.text


def test_whoever_creates_a_client_hears_at_once_that_its_logo_failed(
    provider: Provider, person: Person, site: PictureSite
) -> None:
    site.status = "403 Forbidden"
    fields = {
        **person.get("/create_client").hidden_fields(), "client_name": "Photo Printer", "scope": "profile",
        "grant_type": "client_credentials", "token_endpoint_auth_method": "client_secret", "more": more(site.url),
    }  # fmt: skip
    answer = person.post("/create_client", fields)
    assert answer.status == 200
    assert answer.element("client_secret")
    assert "The logo couldn't be fetched: it returned 403." in html.unescape(answer.text)


def test_a_disabled_client_shows_no_logo(provider: Provider, person: Person, site: PictureSite) -> None:
    client = person.create_client(more=more(site.url)).client_id
    (address,) = LOGO.findall(page_of(provider, person, client))
    run(provider, "clients", "disable", "--", client)
    assert LOGO.findall(page_of(provider, person, client)) == []
    assert provider.get(address).status == 404


# Who says that it is shown


def test_a_client_that_registered_itself_shows_its_logo_once_an_operator_says_so(
    provider: Provider, person: Person, site: PictureSite
) -> None:
    registration = Registration.create(provider, logo_uri=site.url, scope="profile", client_name="Robot")
    client_id = registration.client.client_id
    assert registration.said["logo_uri"] == site.url
    assert pages_with_logo(person, client_id) == {"consent": [], "apps": [], "login": []}
    refused = run(provider, "clients", "fetch-logo", client_id, exit_code=1)
    assert f"flask clients set --logo shown {client_id}" in refused.output
    assert site.visits == 0

    run(provider, "clients", "set", "--logo", "shown", client_id)

    assert site.visits == 1
    assert latest_event(provider, "client_changed").detail["shows_logo"] is True
    person.log_in("bob")
    shown = pages_with_logo(person, client_id)
    assert shown["consent"] == shown["apps"] == shown["login"] != []

    run(provider, "clients", "set", "--logo", "hidden", client_id)
    assert provider.get(shown["login"][0]).status == 404
    person.log_in("carol")
    assert pages_with_logo(person, client_id) == {"consent": [], "apps": [], "login": []}


def test_a_client_that_names_another_logo_waits_for_the_operator_again(provider: Provider, site: PictureSite) -> None:
    registration = Registration.create(provider, logo_uri=site.url, client_name="Robot")
    client_id = registration.client.client_id
    run(provider, "clients", "set", "--logo", "shown", client_id)
    client = provider.server.clients.find(client_id)
    address = f"/clients/{client.id}/logo/{provider.server.clients.logos.digests_of([client])[client.id]}"
    assert provider.get(address).status == 200
    same = {name: registration.said[name] for name in ("client_id", "redirect_uris", "client_name")}
    for changed, is_shown in (
        ({"logo_uri": site.url, "client_name": "Robot 2"}, True),
        ({"logo_uri": site.url + "?2"}, None),
    ):
        answer = send(provider, "PUT", registration.path, {**same, **changed}, registration.token)
        assert answer.status == 200, answer.body
        assert provider.server.clients.find(client_id).shows_logo is is_shown
    assert provider.get(address).status == 404
    assert site.visits == 1
    with provider.server.database.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM oauth2_client_logo")).scalar() == 0


def test_a_no_of_the_operator_outlives_another_logo(provider: Provider, site: PictureSite) -> None:
    registration = Registration.create(provider, logo_uri=site.url)
    client_id = registration.client.client_id
    run(provider, "clients", "set", "--logo", "hidden", client_id)
    fields = {"client_id": client_id, "redirect_uris": [REDIRECT_URI], "logo_uri": site.url + "?2"}
    assert send(provider, "PUT", registration.path, fields, registration.token).status == 200
    assert provider.server.clients.find(client_id).shows_logo is False


def test_an_owner_who_is_no_operator_cannot_show_what_a_client_named_itself(sqlite_uri: str, tmp_path: Path) -> None:
    with open_provider(tmp_path, sqlite_uri, **PRODUCTION, OAUTH2_CLIENT_CREATION="users") as node:
        add_user(node)
        person = Resident(node.application)
        person.log_in()
        page = person.get("/create_client")
        fields = {
            "client_name": "Photo Printer", "scope": "profile", "redirect_uri": REDIRECT_URI,
            "grant_type": "authorization_code", "response_type": "code", "logo": "shown",
            "token_endpoint_auth_method": "client_secret_basic",
        }  # fmt: skip
        answer = person.post("/create_client", {**page.hidden_fields(), **fields})
        assert answer.status == 422
        assert "Only an operator of this server can choose this." in answer.text


# Changing, trying again, switching off


def test_another_logo_drops_the_one_before_and_none_drops_it_too(
    provider: Provider, person: Person, site: PictureSite
) -> None:
    client = person.create_client(more=more(site.url)).client_id
    (first,) = LOGO.findall(page_of(provider, person, client))
    edit(provider, person, client, more=more(site.url), client_name="Photo Press")
    assert site.visits == 1  # nothing about the logo has changed
    site.body = png(3, 3)
    edit(provider, person, client, more=more(site.url + "?2"))
    (second,) = LOGO.findall(page_of(provider, person, client))
    assert (provider.get(first).status, provider.get(second).body) == (404, site.body)
    edit(provider, person, client, more="")
    assert LOGO.findall(page_of(provider, person, client)) == []
    assert provider.get(second).status == 404
    assert site.visits == 2
    with provider.server.database.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM oauth2_client_logo")).scalar() == 0


def test_a_logo_is_fetched_again_on_the_page_and_by_command(
    provider: Provider, person: Person, site: PictureSite
) -> None:
    client = person.create_client(more=more(site.url)).client_id
    row = row_of(provider, client)
    for number, fetch in enumerate(
        (
            lambda: person.post(f"/clients/{row}/logo", person.get(f"/clients/{row}/settings").hidden_fields()),
            lambda: run(provider, "clients", "fetch-logo", client),
        ),
        start=3,
    ):
        site.body = png(number, number)
        fetch()
        (address,) = LOGO.findall(page_of(provider, person, client))
        assert provider.get(address).body == site.body
        assert address.endswith(hashlib.sha256(site.body).hexdigest())


def test_an_operator_uploads_a_logo_for_a_client_that_names_none(
    provider: Provider, person: Person, tmp_path: Path
) -> None:
    client, file = person.create_client().client_id, tmp_path / "logo.png"
    file.write_bytes(png(3, 3, padding=60 * 1024))
    run(provider, "clients", "upload-logo", client, str(file))

    shown = pages_with_logo(person, client)
    assert shown["consent"] == shown["apps"] == shown["login"] != []
    assert provider.get(shown["login"][0]).body == file.read_bytes()
    person.log_in("alice")
    assert "Uploaded by an operator." in page_of(provider, person, client)
    assert latest_event(provider, "client_logo_uploaded").outcome == "success"


def test_an_uploaded_logo_stays_whatever_its_owner_does(
    provider: Provider, person: Person, site: PictureSite, tmp_path: Path
) -> None:
    client, file = person.create_client(more=more(site.url)).client_id, tmp_path / "logo.png"
    row, path = row_of(provider, client), f"/clients/{row_of(provider, client)}/logo"
    file.write_bytes(png(3, 3))
    run(provider, "clients", "upload-logo", client, str(file))
    shown = page_of(provider, person, client)
    assert path + '"' not in shown
    assert person.post(path, person.get(f"/clients/{row}/settings").hidden_fields()).status == 404
    for address in (site.url, site.url + "?2"):
        edit(provider, person, client, more=more(address))
        (logo,) = LOGO.findall(page_of(provider, person, client))
        assert provider.get(logo).body == file.read_bytes()

    run(provider, "users", "set", "alice", "--operator")
    person.log_in("alice")
    assert person.post(path, person.get(f"/clients/{row}/settings").hidden_fields()).status == 303
    (logo,) = LOGO.findall(page_of(provider, person, client))
    assert provider.get(logo).body == site.body


def test_an_uploaded_logo_is_shown_whatever_the_client_names(
    provider: Provider, site: PictureSite, tmp_path: Path
) -> None:
    registration = Registration.create(provider, logo_uri=site.url, client_name="Robot")
    client_id, file = registration.client.client_id, tmp_path / "logo.png"
    file.write_bytes(png(3, 3))
    run(provider, "clients", "upload-logo", client_id, str(file))
    same = {name: registration.said[name] for name in ("client_id", "redirect_uris", "client_name")}
    answer = send(provider, "PUT", registration.path, {**same, "logo_uri": site.url + "?2"}, registration.token)
    assert answer.status == 200, answer.body

    client = provider.server.clients.find(client_id)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert provider.server.clients.logos.digests_of([client]) == {client.id: digest}
    site.status = "404 Not Found"
    run(provider, "clients", "fetch-logo", client_id, exit_code=1)
    assert provider.server.clients.logos.digests_of([client]) == {client.id: digest}
    run(provider, "clients", "set", "--logo", "hidden", client_id)
    assert provider.server.clients.logos.digests_of([provider.server.clients.find(client_id)]) == {}


@pytest.mark.parametrize("content", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", png(padding=64 * 1024), b""])
def test_what_is_no_small_raster_picture_is_not_uploaded(
    provider: Provider, person: Person, tmp_path: Path, content: bytes
) -> None:
    client, file = person.create_client().client_id, tmp_path / "logo.png"
    file.write_bytes(content)

    assert "can't be a logo" in run(provider, "clients", "upload-logo", client, str(file), exit_code=1).output
    assert provider.server.clients.find(client).shows_logo is None


def test_the_picture_that_is_kept_stays_where_its_address_fails(
    provider: Provider, person: Person, site: PictureSite
) -> None:
    client = person.create_client(more=more(site.url)).client_id
    site.status = "404 Not Found"
    failed = run(provider, "clients", "fetch-logo", client, exit_code=1)
    assert "couldn't be fetched: it returned 404" in failed.output
    page = page_of(provider, person, client)
    assert "it returned 404" in page
    assert "The previous picture is still shown." in page
    assert len(LOGO.findall(page)) == 1
    # Asked again at once, nothing is sent, and what is known of the address stays.
    assert "it failed a moment ago" in run(provider, "clients", "fetch-logo", client, exit_code=1).output
    assert run_for_json(provider, "clients", "show", client, "--json")["logo_problem"] == "it returned 404"


def test_commands_make_and_change_clients_whatever_becomes_of_the_logo(
    provider: Provider, site: PictureSite, tmp_path: Path
) -> None:
    metadata = tmp_path / "more.json"
    metadata.write_text(more(site.url))
    site.status = "500 Internal Server Error"
    options = ("--redirect-uri", REDIRECT_URI, "--metadata", str(metadata), "--json")
    made = run(provider, "clients", "create", "Robot", *options)
    client_id = json.loads(made.stdout)["client_id"]
    assert f"it returned 500. Try again with: flask clients fetch-logo {client_id}" in made.stderr
    site.status = "200 OK"
    metadata.write_text(more(site.url + "?2"))
    changed = run(provider, "clients", "set", client_id, "--metadata", str(metadata))
    assert "couldn't" not in changed.output
    shown = run_for_json(provider, "clients", "show", client_id, "--json")
    assert (shown["logo_problem"], shown["shows_logo"]) == (None, None)
    assert shown["logo_tried_at"]


def test_a_logo_that_changes_while_it_is_fetched_is_not_kept(
    provider: Provider, person: Person, site: PictureSite
) -> None:
    client = provider.create_client("client_credentials", logo_uri=site.url)
    before = provider.server.clients.find_any(client.client_id)
    provider.server.clients.update(client.row, {"logo_uri": site.url + "?2"})
    assert provider.server.clients.logos.fetch(before) == ""
    assert provider.server.clients.logos.state_of(before) is None


def test_a_node_of_the_former_release_leaves_no_wrong_logo(provider: Provider, site: PictureSite) -> None:
    client = provider.create_client("client_credentials", logo_uri=site.url)
    server = provider.server
    server.clients.logos.fetch(server.clients.find_any(client.client_id))
    changed = json.dumps({**server.clients.find_any(client.client_id).metadata, "logo_uri": "https://other.example/l"})
    with server.database.engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_client SET client_metadata = :it"), {"it": changed})
    after = server.clients.find_any(client.client_id)
    assert (server.clients.logos.digests_of([after]), server.clients.logos.state_of(after)) == ({}, None)


def test_a_deleted_client_takes_its_logo_along(provider: Provider, person: Person, site: PictureSite) -> None:
    client = person.create_client(more=more(site.url)).client_id
    provider.server.clients.delete(row_of(provider, client))
    with provider.server.database.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM oauth2_client_logo")).scalar() == 0


def test_logos_can_be_switched_off(database_uri: str, tmp_path: Path, site: PictureSite) -> None:
    with open_provider(tmp_path, database_uri, OAUTH2_OUTBOUND_LOOPBACK=True, OAUTH2_CLIENT_LOGOS=False) as node:
        person = Person(node.application.test_client())
        person.log_in("alice")
        client = person.create_client(more=more(site.url)).client_id
        assert "Logo file" not in page_of(node, person, client)
        assert pages_with_logo(person, client) == {"consent": [], "apps": [], "login": []}
        assert "OAUTH2_CLIENT_LOGOS" in run(node, "clients", "fetch-logo", client, exit_code=1).output
        person.log_in("alice")
        row = row_of(node, client)
        page = person.get(f"/clients/{row}/settings")
        assert person.post(f"/clients/{row}/logo", page.hidden_fields()).status == 404
        assert site.visits == 0


@pytest.mark.parametrize("path", ["/clients/{row}/logo/abc", "/clients/nobody/logo/{digest}", "/clients/{row}/logo/"])
def test_only_the_picture_of_now_has_an_address(
    provider: Provider, person: Person, site: PictureSite, path: str
) -> None:
    client = person.create_client(more=more(site.url)).client_id
    digest = hashlib.sha256(site.body).hexdigest()
    assert provider.get(path.format(row=row_of(provider, client), digest=digest)).status == 404


def test_nobody_fetches_the_logo_of_somebody_elses_client(sqlite_uri: str, tmp_path: Path) -> None:
    with open_provider(tmp_path, sqlite_uri, **PRODUCTION, OAUTH2_CLIENT_CREATION="users") as node:
        for name in ("alice", "mallory"):
            add_user(node, name)
        alice, mallory = Resident(node.application), Resident(node.application)
        alice.log_in("alice")
        mallory.log_in("mallory")
        row = row_of(node, alice.create_client(more=more("https://127.0.0.1/logo.png")).client_id)
        own = mallory.create_client(more=more("https://127.0.0.1/logo.png")).client_id
        fields = mallory.get(f"/clients/{row_of(node, own)}/settings").hidden_fields()
        assert mallory.post(f"/clients/{row}/logo", fields).status == 404


def test_an_embedded_provider_shows_logos_below_its_prefix(
    tmp_path: Path, site: PictureSite, database_uri: str
) -> None:
    host = Host(database_uri, tmp_path, OAUTH2_OUTBOUND_LOOPBACK=True)
    try:
        host.set_up()
        visitor = Visitor(host.app.test_client())
        visitor.log_in("m1")
        client = visitor.create_client(more=more(site.url))
        consent = visitor.below().ask(client, scope="profile", **Pkce().parameters)
        (address,) = LOGO.findall(consent.text)
        assert address.startswith("/sso/clients/")
        picture = host.app.test_client().get(address)
        assert (picture.status_code, picture.data) == (200, site.body)
        assert "Set-Cookie" not in picture.headers
    finally:
        host.close()
