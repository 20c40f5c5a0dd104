"""An application that embeds the provider, with its own member table and login."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask, g, session
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import inspect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.support.person import Person, RegisteredClient
from tests.support.prepared_databases import put_tables
from website.embedding import Account, HostLogin, embed
from website.models import db as provider_db
from website.oauth2 import current_token, require_oauth

PREFIX = "/sso"
PASSWORD = "correct horse"
#: To make keys of RSA takes longer than all the rest.
QUICK_KEYS: dict[str, Any] = {"OAUTH2_SIGNING_ALGORITHMS": ["ES256"], "OAUTH2_DECRYPTION_ALGORITHMS": []}


class Host:
    """An application with members, in a table of its own, and a login without a password."""

    def __init__(
        self,
        database_uri: str,
        instance: Path,
        tells_claims: bool | tuple[str, ...] = False,
        says_who_creates_clients: bool = True,
        ends_logins: bool = False,
        acr_values: Sequence[str] = (),
        **config: Any,
    ) -> None:
        self.database_uri = database_uri

        class Base(DeclarativeBase):
            pass

        db = SQLAlchemy(model_class=Base)

        class Member(db.Model):
            __tablename__ = "member"
            id: Mapped[str] = mapped_column(primary_key=True)
            name: Mapped[str]
            is_active: Mapped[bool] = mapped_column(default=True)

        class Members:
            def find(_self, user_id: str) -> Account | None:
                self.finds += 1
                if self.fails or self.finds == self.fails_at:
                    raise ConnectionError("the host's database is away")
                member = db.session.get(Member, user_id)
                return Account(member.id, member.name) if member and member.is_active else None

            def authenticate(_self, username: str, password: str) -> Account | None:
                member = db.session.query(Member).filter_by(name=username).one_or_none()
                right = member and password == PASSWORD
                self.after_password_check()
                return Account(member.id, member.name) if member and right else None

        self.fails = False
        #: How often the provider asked for a member, and the one question that fails.
        self.finds, self.fails_at = 0, 0
        #: The names of members who may not create clients.
        self.without_clients: set[str] = set()
        self.after_password_check: Callable[[], None] = lambda: None
        self.more_claims: dict[str, Any] = {}

        class TalkativeMembers(Members):
            def claims(_self, user_id: str) -> dict[str, Any]:
                name = db.session.get_one(Member, user_id).name
                wrong = {
                    "sub": "somebody else",
                    "acr": "9",
                    "auth_time": 1,
                    "iss": "https://evil.example",
                    "nickname": None,
                }
                own = {"shoe_size": 38, "groups": ["staff"], "nickname": None}
                mail = {"email": f"{name.lower()}@host.example", "email_verified": False}
                return {"name": name, **mail, **own, **wrong, **self.more_claims}

        self.app = app = Flask("host", instance_path=str(instance))
        own = {"SECRET_KEY": "host", "TESTING": True, "SQLALCHEMY_DATABASE_URI": database_uri}
        app.config.update({**QUICK_KEYS, **own, **config})
        self.db, self.member = db, Member
        db.init_app(app)
        users = TalkativeMembers() if tells_claims else Members()
        if isinstance(tells_claims, tuple):
            TalkativeMembers.claims_supported = tells_claims  # type: ignore[attr-defined]
        self.provider = embed(
            app,
            PREFIX,
            users=users,
            find_login=self._find_login,
            login_view="log_in",
            end_login=self._end_login if ends_logins else None,
            acr_values=acr_values,
            database=db,
            may_create_clients=self._may_create_clients if says_who_creates_clients else None,
        )

        @app.get("/login")
        def log_in() -> str:
            return "the host's login page"

        @app.post("/login/<member>/<int:since>")
        def do_log_in(member: str, since: int) -> str:
            session["member"], session["since"] = member, since
            return "in"

        @app.post("/step-up/<acr>/<amr>")
        def step_up(acr: str, amr: str) -> str:
            session["acr"], session["amr"] = acr, amr.split("+")
            return "in, and known better"

        @app.get("/member")
        def show_member() -> str:
            return str(session.get("member"))

        @app.after_request
        def note_logout(answer: Any) -> Any:
            if g.get("ended"):
                answer.delete_cookie("remember_member")
            return answer

        @app.post("/logout")
        def log_out() -> str:
            self.provider.log_out()
            session.clear()
            return "out"

        @app.get("/api/photos")
        @require_oauth("profile")
        def list_photos() -> dict[str, str]:
            return {"of": current_token.user.username}

        @app.get("/broken")
        def fail() -> str:
            raise LookupError("the host's own error")

    def _may_create_clients(self, account: Account) -> bool:
        return account.username not in self.without_clients

    @staticmethod
    def _find_login() -> HostLogin | None:
        if "member" not in session:
            return None
        proof = {"acr": session.get("acr"), "amr": session.get("amr", ())}
        return HostLogin(session["member"], session["since"] or None, **proof)

    @staticmethod
    def _end_login() -> None:
        session.clear()
        g.ended = True

    def add(self, member_id: str, name: str) -> None:
        with self.app.app_context():
            self.db.session.add(self.member(id=member_id, name=name))
            self.db.session.commit()

    def change(self, member_id: str, **values: Any) -> None:
        with self.app.app_context():
            self.db.session.query(self.member).filter_by(id=member_id).update(values)
            self.db.session.commit()

    def command(self, *arguments: str) -> str:
        result = self.app.test_cli_runner().invoke(args=["grantwright", *arguments])
        assert result.exit_code == 0, result.output
        return result.output

    def set_up(self) -> None:
        """Make the tables of both, and two members."""
        put_tables(self.database_uri, _create_for_tables)
        with self.app.app_context():
            self.db.create_all()
        self.command("initdb")
        self.add("m1", "Ada")
        self.add("m2", "Grace")

    def close(self) -> None:
        self.provider.server.grants.activity.counts.end()
        for app, db in ((self.app, self.db), (self.provider.pages, provider_db)):
            with app.app_context():
                db.engine.dispose()

    def tables(self) -> set[str]:
        with self.app.app_context():
            return set(inspect(self.db.engine).get_table_names())


def _create_for_tables(database_uri: str, instance: Path) -> Flask:
    return Host(database_uri, instance).provider.pages


@contextmanager
def open_hosts(database_uri: str, instance: Path) -> Iterator[Callable[..., Host]]:
    """Give a factory: each call embeds the provider into a host on this database, set up; close them all at the end."""
    hosts: list[Host] = []

    def create(**config: Any) -> Host:
        host = Host(database_uri, instance, **config)
        hosts.append(host)
        host.set_up()
        return host

    yield create
    for host in hosts:
        host.close()


class Visitor(Person):
    """A browser at the host; the provider's pages are below the prefix."""

    def log_in(self, member: str = "m1", since: int = 0) -> None:  # type: ignore[override]
        assert self.post(f"/login/{member}/{since}", {}).status == 200

    def log_out(self) -> None:  # type: ignore[override]
        assert self.post("/logout", {}).status == 200

    def create_client(self, **fields: Any) -> RegisteredClient:
        return Person(_Below(self.door)).create_client(**fields)  # type: ignore[arg-type]

    def below(self) -> Person:
        return Person(_Below(self.door))  # type: ignore[arg-type]


class _Below:
    """A test client whose every path is below the prefix."""

    def __init__(self, door: Any) -> None:
        self._door = door

    def open(self, path: str, **arguments: Any) -> Any:
        return self._door.open(PREFIX + path, **arguments)
