"""``flask access``: who may use which client, and asking which rule decides."""

from __future__ import annotations

from typing import Any

import click

from ..access import Rules
from ..access.group_names import GroupError
from ..access.rule_conditions import SUFFICIENT
from ..access.rule_decision import Decision
from ..access.rules import Rule
from ..clients import Client
from ..routes.current.authorization_server import authorization_server
from .clients import find_client
from .console import TAKES_HYPHENS, as_json, local_users, print_facts, print_json
from .groups import find_group
from .shown_errors import Group
from .user_group import find_user

NONE = "none"
client_argument = click.argument("client_id", metavar="CLIENT")
access = Group("access", help="Manage who may use which client.")


@access.command("set", context_settings=TAKES_HYPHENS)
@client_argument
@click.option("--everybody", is_flag=True, help="Everyone with an account may use it.")
@click.option("--group", "names", multiple=True, help="Only members of this group may use it; repeat it for several.")
@click.option(
    "--factor",
    type=click.Choice([NONE, *SUFFICIENT]),
    help="What a login needs: 2 for two factors, phr for a passkey, none for anything.",
)
def set_access(client_id: str, everybody: bool, names: tuple[str, ...], factor: str | None) -> None:
    """Say who may use a client, and how they have to log in. CLIENT is its client_id.

    The groups replace any set before. The tokens of people who may no longer use it are revoked at once.
    """
    if everybody == bool(names) and (everybody or factor is None):
        raise click.UsageError("Give either --everybody or at least one --group, or only --factor.")
    rules, client = _find_rules(), find_client(client_id)
    former = rules.find(client)
    group_ids = None if former.groups is None else [group.id for group in former.groups]
    if everybody or names:
        group_ids = None if everybody else [find_group(name).id for name in names]
    required_acr = former.required_acr if factor is None else {NONE: None}.get(factor, factor)
    try:
        ended = rules.replace(client.id, group_ids, required_acr)
    except GroupError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{client.client_name}: {_in_words(rules.find(find_client(client_id)))}")
    if ended is None:
        click.echo("More than 1000 grants were concerned, so all of its tokens were revoked: people log in again")
    elif ended:
        click.echo("1 grant was revoked" if ended == 1 else f"{ended} grants were revoked")


@access.command("show", context_settings=TAKES_HYPHENS)
@client_argument
@as_json
def show_access(client_id: str, is_json: bool) -> None:
    """Show who may use a client. CLIENT is its client_id."""
    rules, client = _find_rules(), find_client(client_id)
    facts = _facts(client, rules.find(client))
    if is_json:
        print_json(facts)
    else:
        print_facts(facts | {"groups": ", ".join(facts["groups"] or ())})


@access.command("check", context_settings=TAKES_HYPHENS)
@click.argument("username")
@client_argument
@as_json
def check_access(username: str, client_id: str, is_json: bool) -> None:
    """Say whether an account may use a client, and which rule decides. Exits with 1 if it may not."""
    rules, user, client = _find_rules(), find_user(username), find_client(client_id)
    decision, problem = rules.decide(str(user.id), client), ""
    if user.disabled_at is not None:
        problem = "The account is disabled."
    elif not client.is_enabled:
        problem = "The client is disabled."
    is_allowed = decision.is_allowed and not problem
    if is_json:
        print_json(_answer(is_allowed, problem, decision, client))
    else:
        verb = "may" if is_allowed else "may not"
        click.echo(f"{user.username} {verb} use {client.client_name}: {problem or decision.words}")
        if client.required_acr is not None:
            click.echo(f"A login for it {_FACTORS[client.required_acr]}.")
    if not is_allowed:
        raise click.exceptions.Exit(1)


_FACTORS = {"2": "needs two factors", "phr": "needs a passkey"}


def _find_rules() -> Rules:
    """Return the rules. Raises ``ClickException`` if the application has external users."""
    local_users()
    return authorization_server().access.rules


def _in_words(rule: Rule) -> str:
    if rule.groups is None:
        who = "everyone with an account may use it"
    elif rule.groups:
        who = f"members of {', '.join(group.name for group in rule.groups)} may use it"
    else:
        who = "nobody may use it"
    return who if rule.required_acr is None else f"{who}; a login {_FACTORS[rule.required_acr]}"


def _facts(client: Client, rule: Rule) -> dict[str, Any]:
    return {
        "client_id": client.client_id,
        "client_name": client.client_name,
        "who": "everybody" if rule.groups is None else "groups",
        "groups": None if rule.groups is None else [group.name for group in rule.groups],
        "required_acr": rule.required_acr,
    }


def _answer(is_allowed: bool, problem: str, decision: Decision, client: Client) -> dict[str, Any]:
    return {
        "is_allowed": is_allowed,
        "reason": problem or decision.words,
        "decided_by": "account or client" if problem else decision.reason.value,
        "group": decision.group or None,
        "required_acr": client.required_acr,
    }
