"""What each kind of request asks of the database: its statements in order, each of them one round trip, none a scan.

Counted once everything is warm: clients and keys are in memory, and PostgreSQL has prepared the statements. Besides,
each process asks once a second for changes by others, and once a minute each login records that it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.device_flow import DEVICE_CODE, allow, ask_for_code, poll, start_device
from tests.support.person import REDIRECT_URI, Person, Pkce, code_of
from tests.support.recorded_statements import Recorder, Recording
from tests.support.residents import open_database
from tests.support.token_requests import Answer, MachineClient, Provider, open_provider
from website.resources import ResourceScope

#: By scenario: the statements. BEGIN and COMMIT are round trips too.
EXPECTED = {
    "client_credentials": "",
    "client_credentials for an API": "",
    "introspection": "SELECT",
    "introspection for an API": "SELECT",
    "introspection of a refresh token": "SELECT",
    "UserInfo": "SELECT",
    "/api/me": "SELECT",
    "refresh": "UPDATE",
    "refresh for an API": "UPDATE",
    "refresh with openid": "SELECT UPDATE",
    "refresh that comes twice": "UPDATE BEGIN UPDATE INSERT SELECT COMMIT",
    "authorization": "SELECT SELECT INSERT",
    "authorization for an API": "SELECT SELECT INSERT",
    "code exchange": "BEGIN UPDATE INSERT COMMIT",
    "code exchange for an API": "BEGIN UPDATE INSERT COMMIT",
    "code exchange with openid": "SELECT BEGIN UPDATE INSERT COMMIT",
    "device that asks for codes": "BEGIN DELETE SELECT INSERT COMMIT",
    "device that polls": "UPDATE",
    "device that redeems its code": "UPDATE BEGIN UPDATE INSERT COMMIT",
    "device that redeems its code with openid": "UPDATE SELECT BEGIN UPDATE INSERT COMMIT",
    "revocation of an access token": "INSERT",
    "revocation of a refresh token": "UPDATE",
    "home page": "SELECT SELECT SELECT",  # the login, its clients, and when they were last used
}
#: Where a write changed nothing, PostgreSQL's clock is read, to tell whether it came too late (write_deadline.py).
ONLY_ON_POSTGRESQL = {
    "refresh that comes twice": EXPECTED["refresh that comes twice"].replace("UPDATE", "UPDATE SELECT", 1)
}
#: PostgreSQL's driver prepares a statement that it has sent five times.
WARM_UPS = {"sqlite": 1, "postgresql": 7}
Request = Callable[[], object]


class Scenarios:
    """A person and their client, with everything that the requests need made beforehand."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._person = Person(provider.application.test_client())
        assert self._person.log_in().status == 303
        grant_types = ("authorization_code", "refresh_token", "client_credentials", "password", DEVICE_CODE)
        code_flow = {"redirect_uris": [REDIRECT_URI], "response_types": ["code"]}
        self._client = provider.create_client(*grant_types, scope="openid profile", **code_flow)
        self._client_without_openid = provider.create_client(*grant_types, scope="profile", **code_flow)
        self._person.create_client()
        resources = provider.server.resources
        api = resources.create("https://api.example", "API", [ResourceScope("read", "Read")])
        resources.allow(provider.server.clients.find(self._client_without_openid.client_id), api, "read")
        self._at_api = {"scope": "read", "resource": api.identifier}

    def prepare(self, scenario: str) -> Request:
        """Return what sends the request of a scenario."""
        provider = self.provider
        client = self._client if "openid" in scenario or scenario == "UserInfo" else self._client_without_openid
        by_grant_type = {"code exchange": "profile", "code exchange with openid": "openid profile"}
        if scenario in by_grant_type:
            return self._exchange(client, by_grant_type[scenario])
        if scenario.endswith(" for an API"):
            return self._prepare_for_api(scenario.removesuffix(" for an API"), self._client_without_openid)
        if scenario.startswith("device that"):
            return self._go_on_with_device(client, scenario)
        if scenario == "client_credentials":
            return lambda: provider.get_token(client)
        if scenario == "authorization":
            return lambda: self._draw_code(client, "profile", Pkce())
        if scenario == "home page":
            return lambda: self._person.get("/")
        scope = "openid profile" if scenario in ("UserInfo", "refresh with openid") else "profile"
        tokens = provider.log_in(client, scope=scope)
        access_token, refresh_token = tokens["access_token"], tokens["refresh_token"]
        if scenario == "refresh that comes twice":
            provider.refresh(client, refresh_token)
        bearer = {"Authorization": f"Bearer {access_token}"}
        requests: dict[str, Request] = {
            "introspection": lambda: provider.introspect(client, access_token),
            "introspection of a refresh token": lambda: provider.introspect(client, refresh_token),
            "UserInfo": lambda: provider.get("/oauth/userinfo", **bearer),
            "/api/me": lambda: provider.get("/api/me", **bearer),
            "refresh": lambda: provider.refresh(client, refresh_token),
            "refresh with openid": lambda: provider.refresh(client, refresh_token),
            "refresh that comes twice": lambda: provider.refresh(client, refresh_token),
            "revocation of an access token": lambda: provider.revoke(client, access_token),
            "revocation of a refresh token": lambda: provider.revoke(client, refresh_token),
        }
        return requests[scenario]

    def _prepare_for_api(self, scenario: str, client: MachineClient) -> Request:
        provider, at_api = self.provider, self._at_api
        if scenario == "client_credentials":
            return lambda: provider.get_token(client, **at_api)
        if scenario == "authorization":
            return lambda: self._draw_code(client, pkce=Pkce(), **at_api)
        if scenario == "code exchange":
            return self._exchange(client, **at_api)
        tokens = provider.log_in(client, **at_api)
        if scenario == "introspection":
            return lambda: provider.introspect(client, tokens["access_token"])
        return lambda: provider.refresh(client, tokens["refresh_token"], resource=at_api["resource"])

    def _draw_code(self, client: MachineClient, scope: str, pkce: Pkce, **fields: str) -> str:
        return code_of(self._person.allow(client.client_id, scope=scope, **pkce.parameters, **fields))

    def _go_on_with_device(self, client: MachineClient, scenario: str) -> Request:
        if "asks" in scenario:
            return lambda: ask_for_code(self.provider, client)
        codes = start_device(self.provider, client)
        if "polls" in scenario:
            return lambda: poll(self.provider, client, codes["device_code"]).error
        allow(self._person, codes["user_code"])
        return lambda: poll(self.provider, client, codes["device_code"])

    def _exchange(self, client: MachineClient, scope: str, **resource: str) -> Request:
        pkce = Pkce()
        code = self._draw_code(client, scope, pkce, **resource)
        fields = {"code": code, "redirect_uri": REDIRECT_URI, "code_verifier": pkce.verifier, **resource}
        return lambda: self.provider.ask_token(client, "authorization_code", **fields)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with open_database(request, tmp_path_factory.mktemp("trips"), request.param) as url:
        yield url


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    with recorder.listening():
        yield recorder


@pytest.fixture(scope="module")
def scenarios(recorder: Recorder, database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenarios]:
    settings = {"OAUTH2_SIGNING_ALGORITHMS": ["ES256"], "OAUTH2_DECRYPTION_ALGORITHMS": []}
    settings |= {"OAUTH2_SENDS_NOTICES": False}  # no thread looks at the outboxes after a form
    with open_provider(tmp_path_factory.mktemp("trips"), database_url, **settings) as provider:
        yield Scenarios(provider)


@pytest.mark.usefixtures("no_look_for_changes")
@pytest.mark.parametrize("scenario", EXPECTED)
def test_a_request_takes_these_statements_each_one_round_trip_and_none_reads_a_whole_table(
    scenarios: Scenarios, recorder: Recorder, database_url: str, scenario: str
) -> None:
    dialect = database_url.partition("+")[0].partition(":")[0]
    for _ in range(WARM_UPS[dialect]):
        scenarios.prepare(scenario)()
    request = scenarios.prepare(scenario)
    with recorder.record() as recording:
        answer = request()

    assert not isinstance(answer, Answer) or answer.status == 200, answer.body
    expected = EXPECTED | (ONLY_ON_POSTGRESQL if dialect == "postgresql" else {})
    assert str(recording) == expected[scenario]
    assert recording.trips == len(recording.verbs)
    assert list(scans_of(scenarios, recording)) == []


def scans_of(scenarios: Scenarios, recording: Recording) -> Iterator[str]:
    """Return the parts of SQLite's plans that read a whole table or index."""
    with scenarios.provider.server.database.engine.connect() as connection:
        for statement in recording.texts:
            if not statement.startswith(("BEGIN", "COMMIT", "ROLLBACK")):
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.replace('%', '%%')}")
                yield from (f"{step.detail}: {statement}" for step in plan if step.detail.startswith("SCAN oauth2_"))
