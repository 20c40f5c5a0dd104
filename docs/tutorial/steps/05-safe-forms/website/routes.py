"""The URLs, and the pages behind them."""

import secrets

from flask import Blueprint, abort, redirect, render_template, request, session, url_for
from sqlalchemy.exc import IntegrityError

from .models import User, db

bp = Blueprint("website", __name__)


def current_user():
    return db.session.get(User, session["user_id"]) if "user_id" in session else None


@bp.app_template_global()
def csrf_token():
    """Return the value that each of our forms contains and no other site can read."""
    return session.setdefault("csrf_token", secrets.token_urlsafe())


@bp.before_request
def check_csrf():
    if request.method not in ("GET", "HEAD", "OPTIONS"):
        sent = request.form.get("csrf_token", "")
        if not secrets.compare_digest(sent.encode(), csrf_token().encode()):
            abort(400, "This form has expired or came from another site. Go back and reload the page.")


@bp.after_app_request
def set_headers(response):
    # Stop other sites from showing our pages in a frame, under buttons of their own.
    response.headers["Content-Security-Policy"] = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def safe_next():
    """Return where to go after login: a path on this site, or the home page."""
    target = request.args.get("next", "")
    # Browsers treat "//host" and "/\host" as another site, and ignore tabs and line breaks.
    leads_away = not target.startswith("/") or target[1:2] in ("/", "\\") or not target.isprintable()
    return url_for(".home") if leads_away else target


@bp.route("/", methods=["GET", "POST"])
def home():
    if request.method == "POST":
        username = request.form.get("username", "").strip()
        if not (username.isprintable() and 1 <= len(username) <= 40):
            abort(400, "Use a name of 1 to 40 characters.")
        session.clear()
        session["user_id"] = find_or_create_user(username).id
        return redirect(safe_next(), 303)
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
    return redirect(url_for(".home"), 303)
