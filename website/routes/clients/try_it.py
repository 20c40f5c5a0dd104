"""Trying a client out: its code flow by this server's own callback, and commands for every grant."""

from __future__ import annotations

import json
from typing import Any

from authlib.oauth2.rfc6749 import AccessDeniedError
from flask import Blueprint, abort, redirect, render_template, request, url_for

from ...clients import Client
from ...clients.client import BY_SECRET
from ...identifiers import AUTHORIZATION_CODE_PREFIX
from ...oauth2.errors import Response
from ...strict_json import MalformedJSONError, read_object
from ..current.authorization_server import authorization_server
from ..current.login_session import current_account, find_login, login_page, login_required
from ..presentation.durations import write_duration
from .client_commands import commands_for, exchange_of
from .client_head import describe_head
from .client_rights import find_own_client, own_client
from .own_requests import token_request, userinfo_request
from .token_contents import show_tokens, show_userinfo
from .try_it_callback import ADDRESS, callback_uri, is_on
from .try_it_callback_adding import add_callback, may_add_callback
from .try_it_flow import TriedFlow, begin_flow, current_flow, end_flow, find_hindrance

#: Longer than any token response of ours.
MAX_RESPONSE_CHARACTERS = 64 * 1024
#: Longer than any code of ours: another site shouldn't be able to have a message shown in a code's place.
MAX_CODE_CHARACTERS = 64
#: What the client receives after Deny; an expired request is refused in other words.
DENIED = AccessDeniedError()
bp = Blueprint("try_it", __name__)


@bp.get("/clients/<row_id>/try")
@login_required
def show_flows(row_id: str) -> str:
    """Show what a client can do, to be tried out."""
    client = own_client(row_id)
    return _render(
        "client_try.html",
        client,
        commands=commands_for(client),
        hindrance=find_hindrance(client),
        callback_uri=callback_uri(),
        may_add_callback=may_add_callback(client),
    )


@bp.post("/clients/<row_id>/try")
@login_required
def begin(row_id: str) -> Any:
    """Begin a code flow in this browser, and send it to the authorization endpoint as the client would."""
    client = own_client(row_id)
    if "add_callback" in request.form and find_hindrance(client) == "callback":
        client = add_callback(client)
    if find_hindrance(client):
        abort(404)
    prompt = {"prompt": "consent"} if "ask_again" in request.form else {}
    parameters: dict[str, Any] = begin_flow(client).parameters(client) | prompt
    return redirect(url_for("authorize.show_authorization", **parameters), 303)


@bp.get(ADDRESS)
def receive_response() -> Any:
    """Show the authorization response to who began the flow in this browser; 404 in any other browser."""
    flow, demo = current_flow(), authorization_server().settings.demo
    if not is_on():
        abort(404)
    if flow is None or not flow.is_answered_by(request.args.get("state")):
        return _show_code_by_hand() if demo and find_login() is not None else abort(404)
    client = find_own_client(flow.row_id)
    if client is None:
        return _show_somebody_else(flow)
    if flow.is_over or not _is_from_here():
        return _render("flow_over.html", client, is_over=flow.is_over), 400
    if "code" not in request.args:
        error = {name: request.args.get(name, "") for name in ("error", "error_description")}
        is_denied = error["error_description"] == DENIED.description
        return _render("flow_over.html", client, error=error, is_denied=is_denied)
    return _show_code(client, flow, request.args["code"])


@bp.post("/clients/<row_id>/try/tokens")
@login_required
def exchange_code(row_id: str) -> Any:
    """Exchange the code of this browser's flow for tokens, and show what they contain."""
    client, flow = own_client(row_id), current_flow()
    if not is_on() or flow is None or flow.row_id != client.id or not flow.is_answered_by(request.form.get("state")):
        abort(404)
    if flow.is_over:
        return _render("flow_over.html", client, is_over=True), 400
    code = request.form.get("code", "")
    answer = token_request(client, _token_fields(flow, code), request.form.get("client_secret", "")).send()
    content = read_object(answer.body)
    if content.get("error") in ("invalid_client", "temporarily_unavailable"):  # the code isn't used up
        problem = str(content.get("error_description") or content["error"])
        return _show_code(client, flow, code, problem), 422
    end_flow(flow)
    if answer.status != 200:
        return _render("flow_over.html", client, error=content), 400
    return _show_tokens(client, content)


@bp.post("/clients/<row_id>/try/userinfo")
@login_required
def call_userinfo(row_id: str) -> Any:
    """Send an access token to the UserInfo endpoint, and show the response beside the tokens."""
    client, text = own_client(row_id), request.form.get("tokens", "")
    if not is_on() or len(text) > MAX_RESPONSE_CHARACTERS:
        abort(404)
    try:
        tokens = read_object(text)
    except MalformedJSONError:
        abort(400)
    answer = userinfo_request(str(tokens.get("access_token", ""))).send()
    return _show_tokens(client, tokens, answer)


def _is_from_here() -> bool:
    """Tell whether a response has this server's issuer, which another's response would not (:rfc:`9207`)."""
    server = authorization_server()
    issuer = request.args.get("iss")
    is_always_there = server.registry.metadata.get("authorization_response_iss_parameter_supported", False)
    return issuer == server.current_issuer() or (issuer is None and not is_always_there)


def _token_fields(flow: TriedFlow, code: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": flow.redirect_uri,
        "code_verifier": flow.code_verifier,
    }


def _show_code(client: Client, flow: TriedFlow, code: str, problem: str = "") -> str:
    server = authorization_server()
    return _render(
        "flow_code.html",
        client,
        code=code,
        state=flow.state,
        issuer=request.args.get("iss"),
        session_state=request.args.get("session_state"),
        sent=token_request(client, _token_fields(flow, code), ""),
        token_endpoint=server.metadata.describe(server.current_issuer())["token_endpoint"],
        needs_secret=client.token_endpoint_auth_method in BY_SECRET,
        problems={"client_secret": problem} if problem else {},
    )


def _show_somebody_else(flow: TriedFlow) -> Any:
    """Say that another account than a manager's answered: people try their clients out with other accounts too."""
    client, account = authorization_server().clients.find_row(flow.row_id), current_account()
    if client is None:
        abort(404)
    again = login_page(url_for("try_it.show_flows", row_id=client.id), again=True)
    page = render_template("flow_of_another.html", client=client, username=account.username, login_address=again)
    return page, 403


def _show_code_by_hand() -> str:
    """Show the code of a request that was written by hand, in the demo: not a stranger's text."""
    code = request.args.get("code", "")
    is_ours = code.startswith(AUTHORIZATION_CODE_PREFIX) and len(code) <= MAX_CODE_CHARACTERS
    is_code = is_ours and code.isascii() and code.replace("-", "").replace("_", "").isalnum()
    if not is_code:
        return render_template("flow_by_hand.html", code="")
    return render_template("flow_by_hand.html", code=code, exchange=exchange_of(code))


def _show_tokens(client: Client, content: dict[str, Any], userinfo: Response | None = None) -> str:
    flow = current_flow()
    nonce = flow.nonce if flow is not None and flow.row_id == client.id else ""
    body = None if userinfo is None else userinfo.body.decode()
    tokens = show_tokens(client, content, nonce)
    return _render(
        "flow_tokens.html",
        client,
        tokens=tokens,
        expires_words=write_duration(tokens.expires_in),
        response=json.dumps(content, indent=2, ensure_ascii=False),
        userinfo=body,
        userinfo_status=None if userinfo is None else userinfo.status,
        userinfo_claims=() if body is None else show_userinfo(body),
        has_userinfo="userinfo_endpoint" in authorization_server().registry.named_addresses,
    )


def _render(template: str, client: Client, **values: Any) -> str:
    return render_template(template, **values, **describe_head(client))
