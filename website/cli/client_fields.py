"""The options of ``flask clients create`` and ``set`` for a client's fields, and how they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO

import click

from .. import scopes
from ..clients import Client
from ..clients.client import EITHER_WAY
from ..clients.metadata import MetadataProblems, Offered
from ..clients.operator_decisions import DECISIONS, NO, YES, OperatorDecision
from ..clients.presets import CLIENTS
from ..known_applications.catalogue import InvalidBaseError
from ..oauth2.server import AuthorizationServer
from ..response_types import after_change, grants_of
from ..routes.current.authorization_server import authorization_server
from ..strict_json import MalformedJSONError, read_object
from ..users import LocalUsers

LISTS = {
    "redirect_uris": ("--redirect-uri", "Where to send people back to. Repeatable."),
    "grant_types": (
        "--grant-type", "A grant type. Repeatable; by default those of --type.",
    ),
    "response_types": (
        "--response-type", "A response type, such as 'code id_token'. Repeatable; by default those of the grant types.",
    ),
}  # fmt: skip
TEXTS = {
    "scope": (
        "--scope", "The scopes that it may request, separated by spaces. By default openid profile email and those of"
        " OAUTH2_SCOPES, plus offline_access if it has the refresh_token grant.",
    ),
    "token_endpoint_auth_method": (
        "--auth-method", "client_secret (in the header or the body), client_secret_basic (header only),"
        " client_secret_post (body only), private_key_jwt, client_secret_jwt, or none for a client that can't keep a"
        " secret. By default that of --type.",
    ),
    "client_uri": ("--uri", "Its website."),
    "policy_uri": ("--policy-uri", "Its privacy policy."),
    "tos_uri": ("--tos-uri", "Its terms of service."),
}  # fmt: skip
#: The option for each metadata field and each column.
OPTIONS = {
    "client_name": "NAME",
    **{name: option for name, (option, _help) in {**LISTS, **TEXTS}.items()},
    **{decision.column: decision.option for decision in DECISIONS},
    "extra_origins": "--origin",
}


def field_options(command: Any) -> Any:
    """Add an option for each field of a client to a command; an omitted one is ``None`` or an empty tuple."""
    for decision in reversed(DECISIONS):
        command = _option_of(decision)(command)
    command = click.option(
        "--jwt-access-tokens", "has_jwt", is_flag=True, help="The same as --access-token-format jwt."
    )(command)
    command = click.option(
        "--origin", "extra_origins", multiple=True,
        help="An additional origin whose pages may call this server, such as ionic://localhost; the origins of redirect"
        " URIs are always allowed. Repeatable; an empty value removes all.",
    )(command)  # fmt: skip
    command = click.option(
        "--metadata", "more", type=click.File("rb"),
        help="A JSON file with more metadata fields, such as jwks, subject_type or backchannel_logout_uri. null removes"
        " a field.",
    )(command)  # fmt: skip
    for name, (option, words) in reversed([*TEXTS.items()]):
        command = click.option(option, name, help=words)(command)
    for name, (option, words) in reversed([*LISTS.items()]):
        command = click.option(option, name, multiple=True, help=words)(command)
    return command


def _option_of(decision: OperatorDecision) -> Any:
    if decision.is_switch:
        option = f"{decision.option}/--no-{decision.option[2:]}"
        label = next(value.label for value in decision.values if value.text == YES)
        return click.option(option, decision.column, default=None, help=f"{label}.")
    names = click.Choice([value.text for value in decision.values])
    return click.option(decision.option, decision.column, type=names, help=decision.help)


def read_new_client(
    server: AuthorizationServer, name: str, chosen: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the metadata and columns of a new client: the chosen values, and defaults for the rest."""
    preset, offered, own = CLIENTS[chosen["kind"]], server.metadata.offered, server.settings.scopes
    kinds, grant_types = _each_once(chosen["response_types"]), _each_once(chosen["grant_types"])
    if kinds and not grant_types:
        # Add the grant types that the response types require.
        needed = (grant for kind in kinds for grant in sorted(grants_of(kind)))
        grant_types = _each_once([*preset.usual_grant_types(offered), *needed])
    given = {
        **_read_file(chosen["more"], offered),
        "client_name": name.strip(" "),
        "client_uri": chosen["client_uri"] or "",
        "policy_uri": chosen["policy_uri"] or "",
        "tos_uri": chosen["tos_uri"] or "",
        "redirect_uris": _each_once(chosen["redirect_uris"]),
        "grant_types": grant_types,
        "response_types": kinds,
        "scope": None if chosen["scope"] is None else scopes.join(scopes.split(chosen["scope"])),
        "token_endpoint_auth_method": chosen["token_endpoint_auth_method"],
    }
    try:
        metadata = preset.complete(given, own, offered, chosen["base_url"] or "")
    except InvalidBaseError as error:
        raise click.ClickException(f"--base-url: {error}") from None
    method = chosen["token_endpoint_auth_method"] or preset.auth_method
    return metadata, {**preset.columns(), "secret_either_way": method == EITHER_WAY, **_read_columns(chosen)}


def read_changes(
    server: AuthorizationServer, client: Client, name: str | None, chosen: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the changed metadata and columns; ``None`` removes a field."""
    changes, columns = _read_file(chosen["more"], server.metadata.offered), _read_columns(chosen)
    if name is not None:
        changes["client_name"] = name.strip(" ")
    for field in TEXTS:
        if chosen[field] is not None:
            changes[field] = chosen[field].strip(" ")
    if "scope" in changes:
        changes["scope"] = scopes.join(scopes.split(changes["scope"]))
    method = changes.get("token_endpoint_auth_method")
    if method is not None:
        columns["secret_either_way"] = method == EITHER_WAY
        changes["token_endpoint_auth_method"] = "client_secret_basic" if method == EITHER_WAY else method
    for field in LISTS:
        if chosen[field]:
            changes[field] = _each_once(chosen[field])
    if "grant_types" in changes and "response_types" not in changes:
        is_public = changes.get("token_endpoint_auth_method", client.token_endpoint_auth_method) == "none"
        changes["response_types"] = after_change(
            client.response_types, changes["grant_types"], server.metadata.offered.response_types, is_public
        )
    if columns.get("access_token_format") == "sealed":
        columns.setdefault("access_token_alg", None)  # an algorithm goes with JWTs alone
    return changes, columns


def _read_columns(chosen: Mapping[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for decision in DECISIONS:
        text = chosen[decision.column]
        if isinstance(text, bool):
            text = YES if text else NO
        value = None if text is None else decision.find(text)
        if value is not None:
            columns[decision.column] = value.stored
    if chosen["has_jwt"]:
        columns.setdefault("access_token_format", "jwt")
    if chosen["extra_origins"]:
        columns["extra_origins"] = _each_once(chosen["extra_origins"])
    return columns


def _each_once(values: Any) -> list[str]:
    return [value for value in dict.fromkeys(values) if value]


def _read_file(file: BinaryIO | None, offered: Offered) -> dict[str, Any]:
    """Return the fields of a file. Raises ``ClickException`` for an unknown field or one that has its own option."""
    if file is None:
        return {}
    try:
        fields = read_object(file.read())
    except MalformedJSONError as error:
        raise click.ClickException(f"--metadata: {error}") from None
    unknown = [name for name in fields if name not in offered.fields or name in OPTIONS]
    if unknown:
        field_names = ", ".join(sorted(set(offered.fields) - set(OPTIONS)))
        raise click.ClickException(f"--metadata: can't set {', '.join(unknown)}. It can set: {field_names}.")
    return fields


def refuse(problems: MetadataProblems) -> None:
    """Raise ``ClickException`` if there are problems, listing each with its option."""
    lines = [f"{OPTIONS.get(name, name)}: {problem}" for name, problem in problems.by_field.items()]
    if lines:
        raise click.ClickException("\n  ".join([f"{len(lines)} problems:", *lines] if len(lines) > 1 else lines))


def subject_of_owner(username: str) -> str:
    """Return the subject of an account that can own a client. Raises ``ClickException``.

    Our own accounts are named by their username; those of an embedding application by the id of its own.
    """
    server = authorization_server()
    if isinstance(server.users, LocalUsers):
        account, expected = server.users.find_by_name(username), "user named"
    else:
        account, expected = server.users.find(username), "user of this application with the id"
    if account is None:
        raise click.ClickException(f"There is no {expected} {username!r} who can log in.")
    return server.accounts.subjects.subject_for_user(account.id)[0]


def name_of_owner(client: Client) -> str | None:
    """Return the name of a client's owner, the subject of one who can't log in, or ``None`` if it has no owner."""
    if client.owner_subject is None:
        return None
    server = authorization_server()
    user_id = server.accounts.subjects.user_id_of(client.owner_subject)
    account = server.users.find(user_id) if user_id is not None else None
    return account.username if account is not None else client.owner_subject
