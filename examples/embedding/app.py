"""A small application with its own users, login and database, and Grantwright embedded under ``/sso``."""

from __future__ import annotations

import secrets
import time
from typing import Any

from flask import Flask, abort, flash, g, redirect, render_template, request, session, url_for
from flask_sqlalchemy import SQLAlchemy
from flask_wtf.csrf import CSRFProtect
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from werkzeug.security import check_password_hash, generate_password_hash

from grantwright.embedding import Account, HostLogin, embed, safe_next
from grantwright.oauth2 import current_token, require_oauth


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)


class Person(db.Model):
    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: secrets.token_hex(8))
    mail: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    #: Raised with every new password, which invalidates older logins.
    epoch: Mapped[int] = mapped_column(default=0)
    is_active: Mapped[bool] = mapped_column(default=True)


class Note(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(index=True)
    text: Mapped[str]


NOBODYS_HASH = generate_password_hash(secrets.token_hex())  # compared if the address is unknown, to take the same time


def find_person(mail: str, password: str) -> Person | None:
    person = db.session.scalar(select(Person).where(Person.mail == mail.strip().lower(), Person.is_active))
    right = check_password_hash(person.password_hash if person else NOBODYS_HASH, password)
    return person if right else None


# What Grantwright needs to know about users and the login


class People:
    """The users, as Grantwright sees them."""

    def find(self, user_id: str) -> Account | None:
        person = db.session.get(Person, user_id)
        return Account(person.id, person.mail) if person and person.is_active else None

    def authenticate(self, username: str, password: str) -> Account | None:
        person = find_person(username, password)
        return Account(person.id, person.mail) if person else None

    def claims(self, user_id: str) -> dict[str, Any]:
        person = db.session.get(Person, user_id)
        return {"email": person.mail, "email_verified": False} if person else {}


def find_login() -> HostLogin | None:
    """Return who is logged in here. Grantwright calls it within a request to this application."""
    return HostLogin(session["person"], session["since"], amr=["pwd"]) if current_person() else None


def current_person() -> Person | None:
    """Return the current user, unless the login has been invalidated."""
    person = db.session.get(Person, session["person"]) if "person" in session else None
    return person if person and person.is_active and person.epoch == session["epoch"] else None


# The application

app = Flask(__name__)
app.config.update(
    SECRET_KEY="change this before anyone else can reach it",
    SQLALCHEMY_DATABASE_URI="sqlite:///notebook.sqlite",
    SESSION_COOKIE_SAMESITE="Lax",
    OAUTH2_SCOPES={"notes": "Read your notes"},
)
app.config.from_prefixed_env("NOTEBOOK")
db.init_app(app)
csrf = CSRFProtect(app)
provider = embed(
    app,
    "/sso",
    users=People(),
    find_login=find_login,
    login_view="log_in",
    end_login=lambda: session.clear(),  # when another application logs the user out
    database=db,
    may_create_clients=lambda account: True,  # with many users, only administrators
)


@app.before_request
def load_person() -> None:
    g.person = current_person()


@app.route("/", methods=["GET", "POST"])
def show_notes() -> Any:
    """Show the user's notes, and add a new one."""
    if g.person is None:
        return redirect(url_for("log_in"))
    if request.method == "POST":
        db.session.add(Note(person_id=g.person.id, text=request.form["text"][:1000]))
        db.session.commit()
        return redirect(url_for("show_notes"), 303)
    notes = db.session.scalars(select(Note).where(Note.person_id == g.person.id).order_by(Note.id))
    return render_template("notes.html", notes=notes.all())


@app.route("/login", methods=["GET", "POST"])
def log_in() -> Any:
    """Log in, then go where the user was headed, for example to Grantwright's consent page."""
    if request.method != "POST":
        return render_template("login.html")
    person = find_person(request.form["mail"], request.form["password"])
    if person is None:
        flash("Wrong email address or password.")
        return render_template("login.html"), 422
    session.clear()
    session.update(person=person.id, epoch=person.epoch, since=int(time.time()))
    return redirect(safe_next(request.args.get("next")) or url_for("show_notes"), 303)


@app.post("/logout")
def log_out() -> Any:
    """Log the user out, here and at Grantwright."""
    session.clear()
    provider.log_out()
    return redirect(url_for("log_in"), 303)


@app.post("/password")
def change_password() -> Any:
    """Change the password, which ends every other login here and at Grantwright, and every token."""
    if g.person is None or not check_password_hash(g.person.password_hash, request.form["password"]):
        abort(403)
    g.person.password_hash = generate_password_hash(request.form["new_password"])
    g.person.epoch += 1
    db.session.commit()
    provider.sign_out_everywhere(g.person.id)
    session.clear()
    flash("Your password was changed. Log in with the new one.")
    return redirect(url_for("log_in"), 303)


@app.post("/leave")
def delete_account() -> Any:
    """Delete the account, and everything Grantwright stores about it."""
    if g.person is None:
        abort(403)
    person_id = g.person.id
    db.session.delete(g.person)
    db.session.commit()
    provider.forget(person_id)
    session.clear()
    return redirect(url_for("log_in"), 303)


@app.get("/api/notes")
@require_oauth("notes")
def list_notes() -> Any:
    """The API: the notes of the access token's user."""
    person = current_token.user
    if person is None:
        abort(403)  # a client's own token has no user
    notes = db.session.scalars(select(Note).where(Note.person_id == person.id).order_by(Note.id))
    return {"person": person.username, "notes": [note.text for note in notes]}


@app.cli.command("add-person")
def add_person() -> None:
    """Create the tables and a user: ada@example.org, with the password ``correct horse``."""
    db.create_all()
    db.session.add(Person(mail="ada@example.org", password_hash=generate_password_hash("correct horse")))
    db.session.commit()
    print("ada@example.org can log in")
