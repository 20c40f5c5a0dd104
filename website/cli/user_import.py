"""``flask users import``: creating accounts from a CSV or JSON Lines file."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import click

from ..access.group_names import GroupError, group_key
from ..database.private_files import FILE_MODE
from ..routes.current.authorization_server import authorization_server
from ..standard_claims import ClaimsError
from ..strict_json import MalformedJSONError, read_object
from ..users.user_import import FIELDS, ImportPlan, plan_import, run_import
from ..users.usernames import UsernameError
from .console import local_users, moment
from .groups import refusals_shown
from .reset_links import link_of, require_passwords, valid_hours_option
from .user_group import users

MAX_PROBLEMS_SHOWN = 50
CSV, JSON_LINES = "csv", "jsonl"
#: CSV separators: spreadsheets write semicolons in locales with a decimal comma.
SEPARATORS = (",", ";", "\t")
SUFFIXES = {".csv": CSV, ".jsonl": JSON_LINES, ".ndjson": JSON_LINES}
#: Spreadsheets run a cell that begins with one of these, so a username could leak the link in the next cell.
FORMULA_SIGNS = ("=", "+", "-", "@")
A_FORMULA = "A spreadsheet would run this username as a formula. Import this account without --links."
Line = tuple[int, dict[str, Any]]


@users.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "kind", type=click.Choice((CSV, JSON_LINES)), help="By default from the file extension.")
@click.option("--dry-run", is_flag=True, help="Check the file without writing anything.")
@click.option(
    "--links",
    "links_file",
    type=click.Path(path_type=Path),
    help="Write a one-time link for each new account without a password to this new file, readable only by you.",
)
@valid_hours_option
@click.option(
    "--require-password-change",
    is_flag=True,
    help="Have the new accounts with a password in the file set another one at their first login.",
)
@click.option("--skip-existing", is_flag=True, help="Leave existing accounts as they are, whatever the file says.")
@click.option("--create-groups", is_flag=True, help="Create the groups in the file that don't exist.")
def import_users(
    file: Path,
    kind: str | None,
    dry_run: bool,
    links_file: Path | None,
    valid_hours: int,
    require_password_change: bool,
    skip_existing: bool,
    create_groups: bool,
) -> None:
    """Create accounts from a file: CSV with a header line, or one JSON object per line.

    Its fields are username, password or password_hash (argon2), groups (names separated by spaces), and the claims. If
    anything in the file is wrong, nothing is written. Existing accounts with the same claims and groups are skipped, so
    after an interruption you can run it again. --skip-existing skips those that have changed since, too.
    """
    if links_file is not None:
        require_passwords()
    kind = kind or SUFFIXES.get(file.suffix.lower())
    if kind is None:
        raise click.UsageError("The file extension is not .csv, .jsonl or .ndjson: use --format.")
    plan = _plan(file, kind, skips_existing=skip_existing)
    new_groups = _name_groups_once(plan)
    if not create_groups:
        plan.problems += [(lines[0], _describe_missing(name, lines)) for name, lines in new_groups.items()]
        plan.problems.sort()
    if links_file is not None:
        plan.problems += [
            (item.line, A_FORMULA) for item in plan.accounts if item.user.username.startswith(FORMULA_SIGNS)
        ]
    for account in plan.accounts if require_password_change else ():
        account.user.password_change_required = account.has_password
    if plan.problems:
        raise click.ClickException(_describe(plan.problems))
    if dry_run:
        if new_groups:
            click.echo(f"Groups to create: {', '.join(new_groups)}")
        click.echo(f"{_accounts(len(plan.accounts))} to create; {_existing(plan)}. Nothing was written.")
        return
    for name in new_groups:
        with refusals_shown():
            authorization_server().access.groups.create(name)
        click.echo(f"Group {name} created")
    _run(plan, links_file, valid_hours * 3600)
    click.echo(f"{_accounts(len(plan.accounts))} created; {_existing(plan)}.")


def _plan(file: Path, kind: str, *, skips_existing: bool) -> ImportPlan:
    unreadable: list[tuple[int, str]] = []
    read: Callable[..., Iterator[Line]] = _read_csv if kind == CSV else _read_json_lines
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            groups = authorization_server().access.imported_groups()
            plan = plan_import(local_users(), groups, read(opened, unreadable), skips_existing=skips_existing)
    except UnicodeDecodeError:
        raise click.ClickException(f'{file} is not UTF-8. Spreadsheets call it "CSV UTF-8".') from None
    plan.problems = sorted([*plan.problems, *unreadable])
    return plan


def _read_csv(opened: TextIO, unreadable: list[tuple[int, str]]) -> Iterator[Line]:
    # Column names contain no separators, so the header line shows which one the spreadsheet used.
    first_line = opened.readline()
    separator = next((mark for mark in SEPARATORS if mark in first_line), SEPARATORS[0])
    rows = csv.reader(chain([first_line], opened), strict=True, delimiter=separator)
    try:
        heading = [name.strip() for name in next(rows, [])]
        if "username" not in heading:
            unreadable.append(
                (1, "The first line has to name the columns, and one of them username, in small letters.")
            )
            return
        if len(set(heading)) < len(heading):
            unreadable.append((1, "The first line names a column twice."))
            return
        unknown = [name for name in heading if name not in FIELDS]
        if unknown:  # said once, and the lines are judged without them
            unreadable.append((1, f"Unknown columns: {', '.join(unknown)}. Known: {', '.join(FIELDS)}."))
        for cells in rows:
            if len(cells) == len(heading):
                cells_by_heading = zip(heading, cells, strict=True)
                yield rows.line_num, {name: cell for name, cell in cells_by_heading if cell and name not in unknown}
            elif cells:
                unreadable.append((rows.line_num, f"Has {len(cells)} cells, but the first line has {len(heading)}."))
    except csv.Error as error:
        unreadable.append((rows.line_num, f"Not valid CSV: {error}."))


def _read_json_lines(opened: TextIO, unreadable: list[tuple[int, str]]) -> Iterator[Line]:
    for number, text in enumerate(opened, 1):
        try:
            if text.strip():
                yield number, read_object(text)
        except MalformedJSONError as error:
            unreadable.append((number, str(error)))


def _run(plan: ImportPlan, links_file: Path | None, link_seconds: int) -> None:
    total = len(plan.accounts)
    server = authorization_server()
    with ExitStack() as cleanup:
        links = None if links_file is None else cleanup.enter_context(_open_new(links_file))
        writer = None if links is None else csv.writer(links, lineterminator="\n")
        if writer is not None:
            writer.writerow(("username", "link", "email", "expires_at"))
        maker = None if writer is None else server.accounts.password_links
        emails = {account.user.username: str(account.changes.get("email") or "") for account in plan.accounts}
        try:
            users, groups = local_users(), server.access.imported_groups()
            new_links = run_import(users, groups, maker, plan.accounts, lambda done: _show(done, total), link_seconds)
            for username, token in new_links:
                if writer is not None and maker is not None:
                    # A spreadsheet would run some addresses as formulas, which could send the link beside them away.
                    email = "" if emails[username].startswith(FORMULA_SIGNS) else emails[username]
                    writer.writerow((username, link_of(token), email, moment(maker.expires_at(token))))
        except (UsernameError, ClaimsError, GroupError) as error:
            raise click.ClickException(f"{error} Accounts created so far stay; run the import again.") from None


def _open_new(file: Path) -> TextIO:
    """Open a new file that only this user can read. Raises ``ClickException`` if it already exists."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    except OSError as error:
        raise click.ClickException(f"{file} can't be created: {error.strerror}.") from None
    return os.fdopen(descriptor, "w", encoding="utf-8", newline="")


def _show(done: int, total: int) -> None:
    click.echo(f"{done} of {total}", err=True)


def _describe(problems: list[tuple[int, str]]) -> str:
    lines = [f"line {line}: {problem}" for line, problem in problems[:MAX_PROBLEMS_SHOWN]]
    more = len(problems) - len(lines)
    counted = f"{len(problems)} problems" if len(problems) > 1 else "1 problem"
    return "\n  ".join([f"{counted}; nothing was written:", *lines, *([f"and {more} more"] if more else [])])


def _name_groups_once(plan: ImportPlan) -> dict[str, list[int]]:
    """Return the lines of each missing group, by its name as it is written first."""
    names: dict[str, str] = {}
    lines: dict[str, list[int]] = {}
    for name, found in plan.missing_groups.items():
        lines.setdefault(names.setdefault(group_key(name), name), []).extend(found)
    return lines


def _describe_missing(name: str, lines: list[int]) -> str:
    others = len(lines) - 1
    more = f" ({others} more {'line names' if others == 1 else 'lines name'} it)" if others else ""
    return f"groups: There is no group named {name}{more}: add --create-groups, or run flask groups create."


def _existing(plan: ImportPlan) -> str:
    different = f", {plan.different} of them different, which stay as they are" if plan.different else ""
    return f"{plan.existing} already exist{different}"


def _accounts(number: int) -> str:
    return "1 account" if number == 1 else f"{number} accounts"
