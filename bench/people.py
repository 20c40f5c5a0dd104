"""The CPU time of the pages of people with 100,000 accounts and 1,000 groups: the median of twenty requests each.

    python bench/people.py [sqlite|postgresql:URL]

Prints milliseconds of this process, which are all there is with SQLite; PostgreSQL's own come on top.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from sqlalchemy import text  # noqa: E402

from tests.support.openid_client import OpenIDClient  # noqa: E402
from tests.support.person import REDIRECT_URI  # noqa: E402
from tests.support.residents import Resident, add_user  # noqa: E402
from tests.support.token_requests import PRODUCTION, open_provider  # noqa: E402

ACCOUNTS, GROUPS, OF_ONE, REPEATS = 100_000, 1_000, 200, 20
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {most}) "
FILL = (
    "INSERT INTO oauth2_user (id, username, username_key, name, email, email_key, email_verified, created_at,"
    " is_operator, preferred_username_assigned, phone_number_verified) "
    + NUMBERS.format(most=ACCOUNTS)
    + "SELECT 1000 + i, 'person' || i, 'person' || i, 'Person Number ' || i, 'person' || i || '@example.org',"
    " 'person' || i || '@example.org', true, 0, false, false, false FROM n",
    "INSERT INTO oauth2_subject (subject, user_id, token_epoch, created_at) "
    + NUMBERS.format(most=ACCOUNTS)
    + "SELECT 's' || i, CAST(1000 + i AS TEXT), 0, 0 FROM n",
    "INSERT INTO oauth2_group (id, name, name_key, label, requires_factor, created_at) "
    + NUMBERS.format(most=GROUPS)
    + "SELECT 'g' || i, 'group' || i, 'group' || i, 'Group ' || i, false, 0 FROM n",
    # Everybody in the first group and in three more; the first account in 200.
    "INSERT INTO oauth2_membership (group_id, user_id, added_at) "
    + NUMBERS.format(most=ACCOUNTS)
    + "SELECT 'g1', 1000 + i, 0 FROM n",
    "INSERT INTO oauth2_membership (group_id, user_id, added_at) "
    + NUMBERS.format(most=ACCOUNTS * 3)
    + f"SELECT 'g' || (2 + i % {GROUPS - 1}), 1000 + (i - 1) / 3 + 1, 0 FROM n WHERE true ON CONFLICT DO NOTHING",
    "INSERT INTO oauth2_membership (group_id, user_id, added_at) "
    + NUMBERS.format(most=OF_ONE)
    + "SELECT 'g' || i, 1001, 0 FROM n WHERE true ON CONFLICT DO NOTHING",
    "INSERT INTO oauth2_event (occurred_at, event, outcome, subject) "
    + NUMBERS.format(most=ACCOUNTS * 5)
    + "SELECT i, 'login', 'success', 's' || (1 + i % 100000) FROM n",
)
PAGES = (
    "/people", "/people?after=person5", "/people?find=number%2099", "/people?find=nobody%20at%20all", "/people/1001",
    "/groups", "/groups?find=99", "/groups/group1", "/groups/group1?after=person5", "/groups/group2", "/events",
    "/events?person=person1", "/events?event=group_created", "/account", "/",
)  # fmt: skip


def measure(label: str, act: object) -> None:
    taken = []
    for _ in range(REPEATS):
        began = time.process_time()
        answer = act()  # type: ignore[operator]
        taken.append((time.process_time() - began) * 1000)
        assert answer.status in (200, 303), (label, answer.status)
    print(f"{label:40} {statistics.median(taken):8.1f} ms")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        uri = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder}/db.sqlite"
        generous = {"OAUTH2_LOGIN_TRIES_PER_ACCOUNT": 10_000, "OAUTH2_LOGIN_TRIES_PER_ADDRESS": 10_000}
        with open_provider(Path(folder), uri, **{**PRODUCTION, **generous}) as node:
            add_user(node, "olga", is_operator=True)
            with node.server.database.engine.begin() as connection:
                for statement in FILL:
                    connection.execute(text(statement))
                connection.execute(
                    text("UPDATE oauth2_user SET password_hash = (SELECT password_hash FROM oauth2_user"
                         " WHERE username = 'olga') WHERE id = 1001")
                )  # fmt: skip
            person = Resident(node.application)
            assert person.log_in("olga").status == 303
            for page in PAGES:
                measure(page, lambda page=page: person.get(page))
            measure("login, with argon2", lambda: Resident(node.application).log_in("person1"))
            measure_claim(node)


def measure_claim(node: object) -> None:
    client = node.create_client(  # type: ignore[attr-defined]
        "authorization_code", policy={"is_first_party": True}, scope="openid groups", response_types=["code"],
        redirect_uris=[REDIRECT_URI],
    )  # fmt: skip
    opened = OpenIDClient.of(node, client)  # type: ignore[arg-type]
    opened.person = Resident(node.application)  # type: ignore[attr-defined]
    opened.person.log_in("person1")
    token = opened.get_tokens(scope="openid groups")["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    answer = node.get("/oauth/userinfo", **bearer)  # type: ignore[attr-defined]
    assert len(answer.json["groups"]) >= OF_ONE
    measure("UserInfo with 200 groups", lambda: node.get("/oauth/userinfo", **bearer))  # type: ignore[attr-defined]
    measure("a code and its tokens", lambda: _Done(opened.get_tokens(scope="openid groups")))


class _Done:
    status = 200

    def __init__(self, _tokens: object) -> None:
        pass


if __name__ == "__main__":
    main()
