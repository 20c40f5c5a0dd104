"""The page that shows new recovery codes, once."""

from __future__ import annotations

from flask import make_response, redirect, render_template
from werkzeug.wrappers import Response

from ..browser.next_page import leads_to_authorization
from ..browser.security_headers import let_forms_end_at_client


def show_codes_once(codes: list[str], go_on: str) -> Response:
    """Show the codes that were made with a factor; go on where it made none."""
    return show_new_codes(codes, go_on) if codes else redirect(go_on, 303)


def show_new_codes(codes: list[str], go_on: str) -> Response:
    """Show codes, and the way on to where the person came for. No cache keeps them."""
    if leads_to_authorization(go_on):
        let_forms_end_at_client()
    answer = make_response(render_template("recovery_codes.html", codes=codes, go_on=go_on))
    answer.headers["Cache-Control"] = "no-store"
    return answer
