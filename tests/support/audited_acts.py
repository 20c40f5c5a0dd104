"""What people and operators do that leaves an event: each act returns its answer."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import text, update

from tests.support.authenticator import LOGIN_PAGE, Authenticator, set_up
from tests.support.authenticator import enter as enter_code
from tests.support.device_flow import decide, enter, poll, start_device
from tests.support.mail_server import UNSENT_MAIL
from tests.support.person import Answer, Pkce
from tests.support.residents import PASSWORD, Resident, add_client, add_user, draw_code, open_nodes, redeem
from tests.support.token_requests import TOKEN, MachineClient, Provider
from website.grants.user_code_guesses import ACCOUNT, LIMITS
from website.models.event import Event
from website.models.login_session import LoginSession
from website.sessions.assurance import KNOWS_PASSWORD, ONE_FACTOR

WRONG = "wrong " + PASSWORD
STEP_UP_PAGE = f"{LOGIN_PAGE}?acr=2"
NEW_PASSWORD = "a new staple for the battery"
ADDRESS = "203.0.113.7"
#: What a test may have written to, apart from rows that go with these.
TABLES = (
    "oauth2_client", "oauth2_resource", "oauth2_group", "oauth2_subject", "oauth2_user", "oauth2_event",
    "oauth2_login_throttle", "oauth2_user_code_guess",
)  # fmt: skip


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    with open_nodes(request, tmp_path_factory.mktemp("instance"), request.param, 1, **UNSENT_MAIL) as opened:
        yield opened


@pytest.fixture
def node(nodes: list[Provider]) -> Iterator[Provider]:
    """A node with one account, alice."""
    add_user(nodes[0], is_operator=True)
    yield nodes[0]
    with nodes[0].server.database.engine.begin() as connection:
        for table in TABLES:
            connection.execute(text(f"DELETE FROM {table}"))


@dataclass
class Scene:
    """A person who is logged in, a client of the operator's and a client of the person's own."""

    node: Provider
    person: Resident
    client: MachineClient
    own_client: str = ""
    secrets: list[str] = field(default_factory=list)
    app: Authenticator | None = None

    @classmethod
    def set(cls, node: Provider) -> Scene:
        person = Resident(node.application, ADDRESS)
        assert person.log_in().status == 303
        scene = cls(node, person, add_client(node))
        made = person.create_client(client_name="Alice's Printer")
        scene.own_client = node.server.clients.find_any(made.client_id).id
        scene.secrets += [PASSWORD, WRONG, NEW_PASSWORD, str(made.secret), str(scene.client.secret)]
        return scene

    @property
    def subject(self) -> str:
        user = self.node.server.users.find_row("alice")
        return str(self.node.server.accounts.subjects.find(str(user.id)))

    def draw_tokens(self) -> tuple[str, Pkce, dict[str, str]]:
        pkce = Pkce()
        code = draw_code(self.person, self.client, pkce)
        tokens = redeem(self.node, self.client, code, pkce).json
        self.secrets += [code, pkce.verifier, tokens["access_token"], tokens["refresh_token"]]
        return code, pkce, tokens

    def ask_token(self, fields: dict[str, str]) -> Any:
        """Send a token request from the address that everything here comes from."""
        overrides = {"REMOTE_ADDR": ADDRESS}
        headers = {"Authorization": self.client.basic}
        return self.node.open("POST", TOKEN, data=fields, headers=headers, environ_overrides=overrides)

    def use_password_grant(self, password: str) -> Any:
        return self.ask_token({"grant_type": "password", "username": "alice", "password": password})

    def new_events(self, after: int) -> list[Event]:
        """Return the events since then, the oldest first."""
        return [row for row in reversed(self.node.server.audit.list()) if row.id > after]

    def last_id(self) -> int:
        return max((row.id for row in self.node.server.audit.list()), default=0)


def log_in(scene: Scene) -> Answer:
    return scene.person.log_in()


def sign_out_everywhere(scene: Scene) -> Answer:
    return scene.person.submit("/account/sessions/sign_out_everywhere")


def change_password(scene: Scene) -> Answer:
    new = {"new_password": NEW_PASSWORD, "new_password_again": NEW_PASSWORD}
    return scene.person.submit("/account/password", password=PASSWORD, **new)


def change_profile(scene: Scene) -> Answer:
    return scene.person.submit("/account", name="Alice Liddell", email="alice@example.org")


def allow(scene: Scene) -> Answer:
    return scene.person.allow(scene.client.client_id, scope="profile", **Pkce().parameters)


def take(scene: Scene, refresh_token: str) -> Any:
    answer = scene.ask_token({"grant_type": "refresh_token", "refresh_token": refresh_token})
    if answer.status == 200:
        scene.secrets.append(answer.json["refresh_token"])
    return answer


def create_client(scene: Scene) -> Answer:
    page = scene.person.get("/create_client").hidden_fields()
    fields = {
        "client_name": "Third Printer", "scope": "profile", "grant_type": "client_credentials", "response_type": "",
        "token_endpoint_auth_method": "client_secret_basic", "redirect_uri": "", "client_uri": "",
    }  # fmt: skip
    return scene.person.post("/create_client", {**page, **fields})


def change_client(scene: Scene) -> Answer:
    path = f"/clients/{scene.own_client}/edit"
    fields = {
        "client_name": "New Name", "scope": "profile", "grant_type": "client_credentials", "response_type": "",
        "token_endpoint_auth_method": "client_secret_basic", "redirect_uri": "", "client_uri": "",
    }  # fmt: skip
    return scene.person.submit(path, **fields)


def rotate_secret(scene: Scene) -> Answer:
    return scene.person.submit(f"/clients/{scene.own_client}/rotate_secret")


def delete_client(scene: Scene) -> Answer:
    return scene.person.submit(f"/clients/{scene.own_client}/delete")


def start_and_enter_device(scene: Scene) -> dict[str, Any]:
    """Have a device of the operator's client wait, and the person enter its code."""
    codes = start_device(scene.node, scene.client)
    scene.secrets += [codes["device_code"], codes["user_code"]]
    assert enter(scene.person, codes["user_code"]).status == 303
    return codes


def allow_device(scene: Scene) -> Any:
    return decide(scene.person, start_and_enter_device(scene)["user_code"])


def deny_device(scene: Scene) -> Any:
    return decide(scene.person, start_and_enter_device(scene)["user_code"], "no")


def guess_user_codes(scene: Scene) -> Any:
    return [enter(scene.person, "BBBB-BBBB") for _ in range(LIMITS[ACCOUNT])][-1]


def redeemed_device_code(scene: Scene) -> str:
    codes = start_and_enter_device(scene)
    decide(scene.person, codes["user_code"])
    tokens = poll(scene.node, scene.client, codes["device_code"]).json
    scene.secrets += [tokens["access_token"], tokens["refresh_token"]]
    return str(codes["device_code"])


def set_up_factor(scene: Scene) -> Answer:
    """Set up an authenticator app, and keep what no event may tell."""
    app, answer = set_up(scene.person)
    scene.app = app
    scene.secrets += [app.secret.hex(), base64.b32encode(app.secret).decode(), *app.recovery_codes]
    return answer


def set_up_factor_before(scene: Scene) -> Answer:
    """Set up an authenticator app, and have a login in which it hasn't been shown."""
    answer = set_up_factor(scene)
    with scene.node.server.database.writing() as session:
        session.execute(update(LoginSession).values(acr=ONE_FACTOR, amr=[KNOWS_PASSWORD]))
    return answer


def step_up(scene: Scene) -> Answer:
    """Show a second factor in a login session that has one already, as for an application that asks for it."""
    return enter_code(scene.person, STEP_UP_PAGE, code=scene.app.code(1))


def use_recovery_code(scene: Scene) -> Answer:
    return enter_code(scene.person, STEP_UP_PAGE, recovery_code=scene.app.recovery_codes[0])


def fail_to_show_factor(scene: Scene) -> Answer:
    return enter_code(scene.person, STEP_UP_PAGE, code="000000")


def remove_factor(scene: Scene) -> Answer:
    return scene.person.submit("/account/authenticator_app/remove", "/account/authenticator_app")


def replace_recovery_codes(scene: Scene) -> Answer:
    answer = scene.person.submit("/account/recovery_codes")
    scene.app.keep(answer)
    scene.secrets += scene.app.recovery_codes
    return answer
