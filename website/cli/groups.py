"""``flask groups``: creating groups, adding and removing members, listing and deleting them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from ..access import Groups
from ..access.group_changes import MAX_AT_ONCE
from ..access.group_names import GroupError
from ..models.group import Group as GroupRow
from ..routes.current.authorization_server import authorization_server
from ..routes.people.group_use import find_uses
from ..users.usernames import username_key
from .console import TAKES_HYPHENS, as_json, local_users, moment, print_facts, print_json, print_table
from .login_methods import tell_ended_access
from .reset_links import ended_links_told
from .shown_errors import Group

MAX_NAMES_SHOWN = 20
T = TypeVar("T")
groups = Group("groups", help="Manage groups of accounts.")
usernames_argument = click.argument("usernames", nargs=-1, metavar="[USERNAME]...")
file_option = click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Usernames from a file, one per line.",
)


@groups.command("create", context_settings=TAKES_HYPHENS)
@click.argument("name")
@click.option("--label", default="", help="Its name for people, by default the name itself.")
@as_json
def create_group(name: str, label: str, is_json: bool) -> None:
    """Create a group. Applications see its name."""
    with refusals_shown():
        group = find_groups().create(name, label)
    if is_json:
        print_json(_facts(group))
    else:
        click.echo(f"Group {group.name} created")


@groups.command("add", context_settings=TAKES_HYPHENS)
@click.argument("name")
@usernames_argument
@file_option
def add_members(name: str, usernames: tuple[str, ...], file: Path | None) -> None:
    """Add accounts to a group. Existing members stay."""
    group, user_ids = find_group(name), _ids_of(usernames, file)
    with ended_links_told():
        added = _change(find_groups().add_members, group, user_ids)
        click.echo(f"{_accounts(added)} added to {group.name}{_besides(len(user_ids) - added, 'already in it')}")
        tell_ended_access(authorization_server().access.roles.of_group(group.id) if added else [])


@groups.command("remove", context_settings=TAKES_HYPHENS)
@click.argument("name")
@usernames_argument
@file_option
def remove_members(name: str, usernames: tuple[str, ...], file: Path | None) -> None:
    """Remove accounts from a group."""
    group, user_ids = find_group(name), _ids_of(usernames, file)
    removed = _change(find_groups().remove_members, group, user_ids)
    click.echo(f"{_accounts(removed)} removed from {group.name}{_besides(len(user_ids) - removed, 'not in it')}")


@groups.command("list")
@click.option("--find", "part", default="", help="Only groups whose name or label contains this.")
@as_json
def list_groups(part: str, is_json: bool) -> None:
    """List the groups by name, with the number of their members."""
    rows, counts = find_groups().list_rows(part), find_groups().count_members()
    if is_json:
        print_json([_facts(row) | {"members": counts.get(row.id, 0)} for row in rows])
        return
    print_table(
        ("NAME", "LABEL", "MEMBERS", "SECOND FACTOR", "CREATED"),
        [
            (
                row.name,
                row.label,
                counts.get(row.id, 0),
                "required" if row.requires_factor else "",
                moment(row.created_at),
            )
            for row in rows
        ],
    )


@groups.command("show", context_settings=TAKES_HYPHENS)
@click.argument("name")
@click.option("--limit", default=1000, show_default=True, help="The maximum number of members to show.")
@as_json
def show_group(name: str, limit: int, is_json: bool) -> None:
    """Show a group and its members by name."""
    group = find_group(name)
    members = find_groups().list_members(group.id, limit=limit)
    total = find_groups().count_members().get(group.id, 0)
    if is_json:
        shown = [{"username": user.username, "added_at": moment(added_at)} for user, added_at in members]
        print_json(_facts(group) | {"members": total, "usernames": shown})
        return
    print_facts(_facts(group) | {"requires_factor": "yes" if group.requires_factor else "no", "members": total})
    if members:
        click.echo()
        print_table(
            ("USERNAME", "NAME", "ADDED"), [(user.username, user.name, moment(added_at)) for user, added_at in members]
        )
    if len(members) < total:
        click.echo(f"{len(members)} of {total}")


@groups.command("set", context_settings=TAKES_HYPHENS)
@click.argument("name")
@click.option("--label", help="Its name for people.")
@click.option("--name", "new_name", help="A new name. Applications see it from then on: change it there as well.")
@click.option(
    "--require-factor/--no-require-factor",
    "requires_factor",
    default=None,
    help="Whether its members need a second factor to log in. Their logins and apps' access without one end.",
)
def set_group(name: str, label: str | None, new_name: str | None, requires_factor: bool | None) -> None:
    """Change a group's label or name, or whether its members need a second factor. They stay in it."""
    if label is None and new_name is None and requires_factor is None:
        raise click.UsageError("Give --label, --name or --require-factor.")
    group = find_group(name)
    with refusals_shown():
        changed = find_groups().update(group.id, label=label, name=new_name, requires_factor=requires_factor)
    click.echo(f"Group {changed.name} changed")


@groups.command("delete", context_settings=TAKES_HYPHENS)
@click.argument("name")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
def delete_group(name: str, yes: bool) -> None:
    """Permanently delete a group. The accounts in it stay."""
    group = find_group(name)
    if not yes:
        for use in find_uses(group):
            what = (
                f"The claim {use.claim} of {use.client_name} has a value" if use.claim else f"{use.client_name} opens"
            )
            click.echo(f"{what} for its members.")
        click.confirm(f"Permanently delete the group {group.name}?", abort=True)
    find_groups().delete(group.id)
    click.echo(f"Group {group.name} deleted")


def find_groups() -> Groups:
    """Return the groups. Raises ``ClickException`` if the application has external users."""
    local_users()
    return authorization_server().access.groups


def find_group(name: str) -> GroupRow:
    """Return the group with a name. Raises ``ClickException`` if there is none."""
    group = find_groups().find(name)
    if group is None:
        raise click.ClickException(f"There is no group named {name!r}.")
    return group


@contextmanager
def refusals_shown() -> Iterator[None]:
    """Make a command print why a group can't be as asked for."""
    try:
        yield
    except GroupError as error:
        raise click.ClickException(str(error)) from None


def _ids_of(usernames: Collection[str], file: Path | None) -> list[int]:
    """Return the accounts with these names. Raises ``ClickException`` if one is missing, before anything is written."""
    wanted = [*usernames, *(() if file is None else _lines_of(file))]
    if not wanted:
        raise click.UsageError("Name at least one account, or give a --file.")
    ids: dict[str, int] = {}
    for names in _batches(wanted):
        ids |= local_users().ids_of_names(names)
    unknown = [name for name in wanted if username_key(name) not in ids]
    if unknown:
        shown = ", ".join(unknown[:MAX_NAMES_SHOWN]) + (", ..." if len(unknown) > MAX_NAMES_SHOWN else "")
        raise click.ClickException(f"Nothing was changed: there are no users named {shown}.")
    return sorted(set(ids.values()))


def _lines_of(file: Path) -> Iterator[str]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise click.ClickException(f"{file} is not UTF-8.") from None
    return (line for line in text.splitlines() if line.strip())


def _change(change: Callable[[str, Collection[int]], list[int]], group: GroupRow, user_ids: list[int]) -> int:
    """Add or remove accounts in transactions of limited size; return how many it concerned."""
    with refusals_shown():
        return sum(len(change(group.id, ids)) for ids in _batches(user_ids))


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[first : first + MAX_AT_ONCE] for first in range(0, len(items), MAX_AT_ONCE))


def _accounts(number: int) -> str:
    return "1 account" if number == 1 else f"{number} accounts"


def _besides(number: int, state: str) -> str:
    return f"; {number} {'was' if number == 1 else 'were'} {state}" if number else ""


def _facts(group: GroupRow) -> dict[str, Any]:
    return {
        "name": group.name,
        "label": group.label,
        "requires_factor": group.requires_factor,
        "created_at": moment(group.created_at),
    }
