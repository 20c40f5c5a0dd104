"""The URLs, and the pages behind them."""

from flask import Blueprint, redirect, render_template, request, session, url_for
from sqlalchemy.exc import IntegrityError

from .models import User, db

bp = Blueprint("website", __name__)


def current_user():
    return db.session.get(User, session["user_id"]) if "user_id" in session else None


@bp.route("/", methods=["GET", "POST"])
def home():
    if request.method == "POST":
        session["user_id"] = find_or_create_user(request.form["username"]).id
        return redirect(request.args.get("next") or url_for(".home"))
    return render_template("home.html", user=current_user())


def find_or_create_user(username):
    """Return the user with this name, or create one. This is a demo: anyone can be anyone."""
    try:
        db.session.add(User(username=username))
        db.session.commit()
    except IntegrityError:
        # The user exists, perhaps only since a moment ago.
        db.session.rollback()
    return User.find(username)


@bp.route("/logout", methods=["POST"])
def logout():
    session.clear()
    return redirect(url_for(".home"))
