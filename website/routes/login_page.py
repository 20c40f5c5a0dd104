"""Owns the login page as it is shown: first, and again with what was wrong."""

from __future__ import annotations

from flask import render_template

from .next_page import leads_to_authorization, requested_next
from .security_headers import let_forms_end_at_client


def render_login_page(username: str = "", problems: dict[str, str] | None = None) -> str:
    """Render the login page; ``problems`` says by field what was wrong with the last try."""
    next_page = requested_next()
    is_for_client = leads_to_authorization(next_page)
    if is_for_client:
        let_forms_end_at_client()
    return render_template(
        "login.html",
        username=username,
        problems=problems or {},
        next=next_page,
        is_for_client=is_for_client,
    )
