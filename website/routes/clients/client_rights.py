"""What the person who is logged in may do with clients: which they create, what they change one into, how often."""

from __future__ import annotations

from flask import abort, request
from werkzeug.exceptions import TooManyRequests

from ...clients import Client
from ...clients.policy import ClientPolicy, Creator, creator_of, policy_for_change
from ...oauth2.rate_limits import REGISTER
from ..current.authorization_server import authorization_server
from ..current.current_roles import is_developer
from ..current.host_application import current_host
from ..current.login_session import find_account, find_login


def current_creator() -> Creator | None:
    """Say by whose right the person who is logged in creates clients; ``None`` where they may not."""
    account, host = find_account(), current_host()
    if account is None:
        return None
    allowed = host.allows_clients(account) if host is not None else None
    return creator_of(
        authorization_server().settings,
        is_operator=account.is_operator,
        is_developer=is_developer,
        host_allows=allowed,
    )


def current_policy() -> ClientPolicy | None:
    """Return which clients the person who is logged in may create; ``None`` where they may not."""
    creator = current_creator()
    return None if creator is None else authorization_server().client_policy(creator)


def may_manage_resources() -> bool:
    """Tell whether the person who is logged in may register APIs: an operator, and in the demo who creates clients."""
    account = find_account()
    if account is None:
        return False
    return account.is_operator or (authorization_server().settings.demo and current_creator() is not None)


def policy_of_change(client: Client) -> ClientPolicy:
    """Return what the person who is logged in, the client's owner, may change it into."""
    return policy_for_change(current_policy(), authorization_server().client_policy(Creator.OPERATOR), client)


def limit_changes() -> None:
    """Charge each form about clients to the account that sends it, unless it is an operator's.

    As a registration is charged to its token: every change is an event, and has each node forget its clients.
    """
    login = find_login() if request.method == "POST" else None
    if login is None or current_creator() is Creator.OPERATOR:
        return
    wait = authorization_server().rate_limits.charge_holder(REGISTER, f"account {login.subject}")
    if wait:
        raise TooManyRequests(retry_after=wait)


def own_client(row_id: str) -> Client:
    """Return a client of the logged-in user, or any client to an operator; others get the same 404 as missing ones."""
    return find_own_client(row_id) or abort(404)


def find_own_client(row_id: str) -> Client | None:
    """Return a client that the logged-in user manages: their own, or any client to an operator."""
    account, login = find_account(), find_login()
    if account is None or login is None:
        return None
    if account.is_operator:
        return authorization_server().clients.find_row(row_id)
    return authorization_server().clients.find_owned(row_id, login.subject)
