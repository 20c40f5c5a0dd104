"""Owns the people's door: registers every page, and what all pages share, on a Flask application."""

from __future__ import annotations

from flask import Flask

from . import account, api, authorize, clients, error_pages, home, login, logout, page_context, security_headers
from .csrf import csrf

BLUEPRINTS = (home.bp, login.bp, logout.bp, clients.bp, account.bp, authorize.bp, api.bp)


def register_routes(app: Flask) -> None:
    """Register the pages, CSRF protection, error pages, security headers and template filters."""
    app.config.setdefault("WTF_CSRF_SSL_STRICT", False)  # csrf.py judges Origin; a missing Referer is no offence
    csrf.init_app(app)
    csrf.exempt(api.bp)
    security_headers.register(app)
    error_pages.register(app)
    page_context.register(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
