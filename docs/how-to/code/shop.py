"""A shop whose customers log in with Flask-Login, and an OAuth 2.0 provider in the same application."""

from flask import Flask, redirect, render_template_string, request
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_sqlalchemy import SQLAlchemy
from flask_wtf.csrf import CSRFProtect
from werkzeug.security import check_password_hash

from grantwright.embedding import Account, HostLogin, current_provider, embed, safe_next

db, login_manager, csrf = SQLAlchemy(), LoginManager(), CSRFProtect()


class Customer(UserMixin, db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(80), unique=True, nullable=False)
    password_hash = db.Column(db.String(255), nullable=False)


class Customers:
    def find(self, user_id):
        customer = load_customer(user_id)
        return Account(user_id, customer.name) if customer else None

    def authenticate(self, username, password):
        return None  # for the password grant, which this shop doesn't offer


@login_manager.user_loader
def load_customer(user_id):
    return db.session.get(Customer, int(user_id))


def find_login():
    return HostLogin(current_user.get_id()) if current_user.is_authenticated else None


def create_app():
    app = Flask("Corner Shop")
    app.config.from_mapping(SECRET_KEY="replace this", SQLALCHEMY_DATABASE_URI="sqlite:///shop.sqlite")
    for extension in (db, login_manager, csrf):
        extension.init_app(app)
    embed(app, "/sso", users=Customers(), find_login=find_login, login_view="log_in", database=db)
    add_views(app)
    return app


# The shop's own login, unchanged


LOGIN_FORM = """
<form method="post">
  <input type="hidden" name="csrf_token" value="{{ csrf_token() }}">
  <label>Name <input name="name"></label> <label>Password <input name="password" type="password"></label>
  <button>Log in</button>
</form>
"""


def add_views(app):
    @app.get("/")
    def show_shop():
        return f"Hello, {current_user.name}" if current_user.is_authenticated else "Hello"

    @app.get("/login")
    def log_in():
        return render_template_string(LOGIN_FORM)

    @app.post("/login")
    def check_login():
        customer = db.session.scalar(db.select(Customer).filter_by(name=request.form["name"]))
        if customer is None or not check_password_hash(customer.password_hash, request.form["password"]):
            return render_template_string(LOGIN_FORM), 422
        login_user(customer)
        return redirect(safe_next(request.args.get("next")) or "/", 303)

    @app.post("/logout")
    def log_out():
        logout_user()
        current_provider.log_out()
        return redirect("/", 303)
