"""Every way to a login session or a token, in any order (U6): none of them gets past the second factor.

Two browsers and one account, whose second factor is set up, required, lost and removed, and which gets and loses roles
that need one. Old forms are sent again, old addresses opened again. What holds after each step is read off the
database.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.support.authenticator import LOGIN_PAGE, SETUP_PAGE, Authenticator
from tests.support.device_flow import DEVICE_DECISION, DEVICE_PAGE, ask_for_code, page_of, poll
from tests.support.person import Answer, Pkce
from tests.support.residents import PASSWORD, Resident, add_client, add_user, open_nodes, redeem, rows
from tests.support.token_requests import Provider
from website.settings import RATE_LIMITS

BROWSERS = st.integers(0, 1)
STRONG = ("2", "phr")
ROLES = ("operator", "helpdesk", "auditor")
names = itertools.count()


@pytest.fixture(scope="module")
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    settings = {
        "OAUTH2_RATE_LIMITS": dict.fromkeys(RATE_LIMITS, 0),
        "OAUTH2_OPERATORS_NEED_SECOND_FACTOR": True,
    }
    with open_nodes(request, tmp_path_factory.mktemp("instance"), "sqlite", 1, **settings) as [node]:
        yield node


def make_machine(node: Provider) -> type[RuleBasedStateMachine]:
    client = add_client(node)

    class EveryWayIn(RuleBasedStateMachine):
        """One account, with all that a test knows about it."""

        @initialize()
        def begin(self) -> None:
            self.name = f"alice{next(names)}"
            self.user_id = add_user(node, self.name)
            self.password = PASSWORD
            self.browsers = [Resident(node.application), Resident(node.application)]
            #: Forms as they were sent, and addresses as they were opened, by browser.
            self.sent: list[list[tuple[str, dict[str, str]]]] = [[], []]
            self.opened: list[list[str]] = [[], []]
            self.app: Authenticator | None = None
            self.codes: list[str] = []
            self.used_codes: list[str] = []
            #: Whether a right second factor has been shown in a browser since its session began.
            self.factors_shown = 0
            self.travel = time_machine.travel(1_800_000_000, tick=False)
            self.clock = self.travel.start()

        def teardown(self) -> None:
            if hasattr(self, "travel"):
                self.travel.stop()

        # --- what people do

        def send(self, number: int, path: str, **fields: str) -> Answer:
            """Send the form of a page, and keep it for the back button."""
            page = self.browsers[number].get(path)
            self.opened[number].append(path)
            if page.status != 200:
                return page
            sent = {**page.hidden_fields(), **fields}
            action = re.findall(r'<form method="post" action="(?!/language)([^"]*)"', page.text)
            target = action[-1].replace("&amp;", "&") if action else path
            self.sent[number].append((target, sent))
            return self.browsers[number].post(target, sent)

        @rule(
            number=BROWSERS,
            is_right=st.sampled_from([True, True, True, False]),
            next_page=st.sampled_from(["/", "/account"]),
        )
        def log_in(self, number: int, is_right: bool, next_page: str) -> None:
            path = f"/?next={next_page}&again=1"
            fields = {"username": self.name, "password": self.password if is_right else "wrong password"}
            page = self.browsers[number].get(path)
            sent = {**page.hidden_fields(), **fields}
            self.sent[number].append((path, sent))
            answer = self.browsers[number].post(path, sent)
            self.opened[number].append(answer.location or path)
            assert answer.status == (303 if is_right else 422)

        @rule(number=BROWSERS, steps=st.sampled_from([0, 0, 0, 1, -1, 5]), step_up=st.booleans())
        def enter_code(self, number: int, steps: int, step_up: bool) -> None:
            code = self.app.code(steps) if self.app else "123456"
            path = f"{LOGIN_PAGE}?acr=2" if step_up else LOGIN_PAGE
            page = self.browsers[number].get(path)
            self.opened[number].append(path)
            sent = {**page.hidden_fields(), "code": code}
            self.sent[number].append((path, sent))
            if self.browsers[number].post(path, sent).status == 303 and page.status == 200:
                self.factors_shown += 1

        @rule(number=BROWSERS, is_used=st.booleans(), step_up=st.booleans())
        def enter_recovery_code(self, number: int, is_used: bool, step_up: bool) -> None:
            known = self.used_codes if is_used else self.codes
            path = f"{LOGIN_PAGE}?acr=2" if step_up else LOGIN_PAGE
            page = self.browsers[number].get(path)
            if page.status != 200 or 'name="recovery_code"' not in page.text:
                return
            code = known[-1] if known else "aaaa-bbbb-cccc-dddd"
            sent = {**page.hidden_fields(), "recovery_code": code}
            self.sent[number].append((path, sent))
            answer = self.browsers[number].post(path, sent)
            is_right = bool(known) and not is_used
            assert answer.status == (303 if is_right else 422), answer.text
            if is_right:
                self.used_codes.append(self.codes.pop())
                self.factors_shown += 1

        @rule(number=BROWSERS, at_login=st.booleans())
        def set_up(self, number: int, at_login: bool) -> None:
            path = f"{LOGIN_PAGE}/set_up" if at_login else SETUP_PAGE
            page = self.browsers[number].get(path)
            self.opened[number].append(path)
            if page.status != 200 or 'class="secret"' not in page.text:
                return
            had_one = self.app is not None
            app = Authenticator.scan(page)
            sent = {**page.hidden_fields(), "code": app.code()}
            self.sent[number].append((path, sent))
            answer = self.browsers[number].post(path, sent)
            if answer.status == 200 and "recovery-codes" in answer.text:
                assert not had_one
                app.keep(answer)
                self.app, self.codes, self.used_codes = app, app.recovery_codes, []
                self.factors_shown += 1

        @rule(number=BROWSERS)
        def remove_app(self, number: int) -> None:
            page = self.browsers[number].get(SETUP_PAGE)
            if page.status == 200 and "/remove" in page.text:
                answer = self.browsers[number].post(f"{SETUP_PAGE}/remove", page.hidden_fields())
                assert answer.location == "/account"
                self.forget_factors()

        @rule(number=BROWSERS)
        def log_out(self, number: int) -> None:
            self.browsers[number].log_out()

        @rule(number=BROWSERS)
        def change_password(self, number: int) -> None:
            new = PASSWORD + " again" if self.password == PASSWORD else PASSWORD
            fields = {"password": self.password, "new_password": new, "new_password_again": new}
            page = self.browsers[number].get("/account/password")
            if page.status == 200:
                assert self.browsers[number].post("/account/password", {**page.hidden_fields(), **fields}).status == 303
                self.password = new

        @rule(number=BROWSERS)
        def use_reset_link(self, number: int) -> None:
            token = node.server.accounts.password_links.create(self.user_id)
            path = f"/set_password?token={token}"
            page = self.browsers[number].get(path)
            new = PASSWORD + " reset"
            sent = {**page.hidden_fields(), "new_password": new, "new_password_again": new}
            assert self.browsers[number].post("/set_password", sent).status == 303
            self.password = new
            assert not self.sessions()

        @rule(number=BROWSERS, data=st.data())
        def press_back_and_send_again(self, number: int, data: st.DataObject) -> None:
            if self.sent[number]:
                path, sent = data.draw(st.sampled_from(self.sent[number]))
                token = self.browsers[number].get("/?again=1").hidden_fields().get("csrf_token", "")
                fields = {**sent, "csrf_token": data.draw(st.sampled_from([sent.get("csrf_token", ""), token]))}
                self.browsers[number].post(path, fields)

        @rule(number=BROWSERS, data=st.data())
        def open_again(self, number: int, data: st.DataObject) -> None:
            if self.opened[number]:
                self.browsers[number].get(data.draw(st.sampled_from(self.opened[number])))

        @rule(seconds=st.sampled_from([30, 60, 90, 700]))
        def wait(self, seconds: int) -> None:
            self.clock.shift(seconds)

        # --- what operators do

        @rule(is_required=st.booleans())
        def require(self, is_required: bool) -> None:
            node.server.accounts.second_factors.set_required(self.user_id, is_required)

        @rule()
        def reset(self) -> None:
            node.server.accounts.second_factors.reset(self.user_id)
            self.forget_factors()
            assert not self.sessions()

        @rule(role=st.sampled_from(ROLES), is_given=st.booleans())
        def change_role(self, role: str, is_given: bool) -> None:
            roles = node.server.access.roles
            if not is_given:
                roles.revoke(self.user_id, role, may_be_last=True)
            elif roles.grant(self.user_id, role):
                assert not self.sessions()
                assert role == "auditor" or not self.live_grants()

        # --- what applications get

        @rule(number=BROWSERS, asked=st.sampled_from([{}, {"acr_values": "2"}]))
        def authorize(self, number: int, asked: dict[str, str]) -> None:
            pkce = Pkce()
            answer = self.browsers[number].allow(client.client_id, scope="profile", **pkce.parameters, **asked)
            if "code=" not in answer.location:
                self.opened[number].append(answer.location)
                return
            tokens = redeem(node, client, answer.query["code"], pkce).json
            acr = node.introspect(client, tokens["access_token"])["acr"]
            assert not self.needs_factor() or acr in STRONG
            assert not asked or acr == "2"

        @rule()
        def use_password_grant(self) -> None:
            answer = node.ask_token(client, "password", username=self.name, password=self.password)
            assert answer.status == (400 if self.needs_factor() else 200)

        @rule(number=BROWSERS)
        def connect_device(self, number: int) -> None:
            answer = ask_for_code(node, client, scope="profile")
            if answer.status == 429:  # the clock begins again with each account, so that many devices come at once
                return
            started = answer.json
            browser, code = self.browsers[number], started["user_code"]
            page = browser.get(DEVICE_PAGE)
            if page.status != 200:
                return
            browser.post(DEVICE_PAGE, {**page.hidden_fields(), "user_code": code})
            page = browser.get(page_of(code))
            if 'name="confirm"' in page.text:
                browser.post(DEVICE_DECISION, {**page.hidden_fields(), "confirm": "yes"})
                tokens = poll(node, client, started["device_code"]).json
                assert not self.needs_factor() or node.introspect(client, tokens["access_token"])["acr"] in STRONG

        # --- what is known

        def forget_factors(self) -> None:
            self.app, self.codes, self.used_codes = None, [], []

        def needs_factor(self) -> bool:
            return self.app is not None or self.is_required()

        def is_required(self) -> bool:
            of_role = "SELECT 1 FROM oauth2_user_role r WHERE r.user_id = u.id AND r.role = 'helpdesk'"
            needs = f"u.requires_factor OR u.is_operator OR EXISTS ({of_role})"
            return bool(rows(node, f"SELECT {needs} FROM oauth2_user u WHERE u.id = :id", id=self.user_id)[0][0])

        def live_grants(self) -> list[Any]:
            joined = "oauth2_grant g JOIN oauth2_subject t ON t.subject = g.subject"
            alive = f"SELECT g.acr FROM {joined} WHERE t.user_id = :id AND g.revoked_at IS NULL"
            return [acr for (acr,) in rows(node, alive, id=str(self.user_id))]

        def sessions(self) -> list[tuple[Any, ...]]:
            joined = "oauth2_session s JOIN oauth2_subject t ON t.subject = s.subject"
            return rows(node, f"SELECT s.acr FROM {joined} WHERE t.user_id = :id", id=str(self.user_id))

        @invariant()
        def no_session_is_without_the_factors_that_are_needed(self) -> None:
            if not hasattr(self, "user_id"):
                return
            found = [acr for (acr,) in self.sessions()]
            if self.needs_factor():
                assert all(acr in STRONG for acr in found), found
            if not self.factors_shown:
                assert all(acr == "1" for acr in found), found

        @invariant()
        def no_grant_is_alive_without_a_required_factor(self) -> None:
            if hasattr(self, "user_id") and self.is_required():
                assert all(acr in STRONG for acr in self.live_grants())

    return EveryWayIn


def walk(node: Provider, examples: int, steps: int) -> None:
    run_state_machine_as_test(
        make_machine(node),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_no_way_in_gets_past_the_second_factor(node: Provider) -> None:
    walk(node, 6, 30)


@pytest.mark.soak
def test_ten_thousand_steps_get_nobody_past_the_second_factor(node: Provider) -> None:
    walk(node, 200, 50)
