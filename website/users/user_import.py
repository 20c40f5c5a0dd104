"""Importing many accounts: the whole file is checked before anything is written, then written in batches."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ..database.portions import in_portions
from ..models.user import User
from ..standard_claims import CLAIMS, VERIFIED, ClaimsError
from .account_changes import ADDRESS_TAKEN
from .account_rows import claims_as_stored, new_user
from .local_users import LocalUsers
from .login_names import LoginNameTakenError, names_taken_by
from .new_passwords import NewPasswords
from .password_hashing import PasswordError, check_password_hash, hash_password
from .password_links import LINK_SECONDS, PasswordLinks
from .password_queue import RUNNING
from .usernames import UsernameError, username_key

BATCH = 100
PASSWORD, PASSWORD_HASH, GROUPS = "password", "password_hash", "groups"
#: The fields of a line.
FIELDS = ("username", PASSWORD, PASSWORD_HASH, GROUPS, *CLAIMS, *VERIFIED.values())
Fields = Mapping[str, Any]


@dataclass
class NewAccount:
    """The new account of a checked line."""

    line: int
    user: User
    password: str | None
    changes: dict[str, Any]
    #: The names of its groups.
    groups: tuple[str, ...] = ()

    @property
    def has_password(self) -> bool:
        return self.password is not None or self.user.password_hash is not None

    @property
    def email_key(self) -> str:
        return str(self.changes.get("email_key") or "")

    @property
    def login_keys(self) -> set[str]:
        """Its login names, and its preferred username, which must be as unique."""
        verified = {self.email_key} if self.changes.get("email_verified") else set()
        return {self.user.username_key, username_key(self.changes.get("preferred_username") or ""), *verified} - {""}

    def claimed(self) -> set[tuple[str, str]]:
        """Return the names and addresses that nobody else may have."""
        emails = {("email", self.email_key)} if self.email_key else set()
        return emails | {("login", key) for key in self.login_keys}


@dataclass
class ImportPlan:
    """The result of the checks: accounts to create, the number of existing ones, and problems by line."""

    accounts: list[NewAccount] = field(default_factory=list)
    existing: int = 0
    #: How many of the existing ones the file describes differently.
    different: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)
    #: The lines that name a group that doesn't exist, by its name.
    missing_groups: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))


class KnownGroups(Protocol):
    """The groups that lines can name. Groups belong to a package above this one."""

    def unknown_of(self, names: Collection[str]) -> list[str]:
        """Return those of the names that no group has."""
        ...

    def find_problem(self, names: Collection[str]) -> str | None:
        """Say what else is wrong with the names of one line."""
        ...

    def missing_of(self, user_id: int, names: Collection[str]) -> list[str]:
        """Return those of the groups that an account isn't in."""
        ...

    def add(self, session: Session, user_ids: Mapping[str, Collection[int]]) -> None:
        """Add accounts to groups, given by their names, in the caller's transaction."""
        ...


def plan_import(
    users: LocalUsers, groups: KnownGroups, lines: Iterable[tuple[int, Fields]], *, skips_existing: bool = False
) -> ImportPlan:
    """Check the lines, each a number and its fields, against each other and existing accounts.

    ``skips_existing`` leaves existing accounts as they are, even if a line describes one differently.
    """
    plan = ImportPlan()
    first_lines: dict[tuple[str, str], int] = {}
    for batch in in_portions(_judge(lines, users.new_passwords, plan.problems), BATCH):
        existing = users.find_rows_by_key(key for item in batch for _kind, key in item.claimed())
        for account in batch:
            twin = next((first_lines[key] for key in sorted(account.claimed()) if key in first_lines), None)
            if twin is not None:
                plan.problems.append(
                    (account.line, f"Line {twin} has the same username, preferred username or email address.")
                )
                continue
            first_lines |= dict.fromkeys(account.claimed(), account.line)
            for name in groups.unknown_of(account.groups):
                plan.missing_groups[name].append(account.line)
            group_problem = groups.find_problem(account.groups)
            if group_problem is not None:
                plan.problems.append((account.line, f"groups: {group_problem}"))
                continue
            _place(plan, account, existing, groups, skips_existing=skips_existing)
    plan.problems.sort()
    return plan


def run_import(
    users: LocalUsers,
    groups: KnownGroups,
    links: PasswordLinks | None,
    accounts: list[NewAccount],
    progress: Callable[[int], None],
    link_seconds: int = LINK_SECONDS,
) -> Iterator[tuple[str, str]]:
    """Write the accounts of a plan, ``BATCH`` per transaction; yield username and token of each link.

    If given, ``links`` creates one for every account without a password, valid for ``link_seconds``. ``progress`` is
    called with the number of accounts written so far. Raises ``ClaimsError`` and ``UsernameError`` if a name was taken
    meanwhile: the accounts written so far stay, and the next import continues from there.
    """
    written = 0
    with ThreadPoolExecutor(RUNNING) as threads:
        for batch in in_portions(accounts, BATCH):
            hashes = threads.map(_hash_of, batch)  # before the transaction, so that others can write meanwhile
            for account, password_hash in zip(batch, hashes, strict=True):
                account.user.password_hash = password_hash
            tokens = _write(users, groups, links, batch, link_seconds)
            yield from tokens
            written += len(batch)
            progress(written)


def _write(
    users: LocalUsers, groups: KnownGroups, links: PasswordLinks | None, batch: list[NewAccount], link_seconds: int
) -> list[tuple[str, str]]:
    tokens = []
    members: dict[str, list[int]] = defaultdict(list)
    try:
        with users.database.writing() as session:
            for account in batch:
                users.add_row(session, account.user, account.changes)
                for name in account.groups:
                    members[name].append(account.user.id)
            groups.add(session, members)
            for account in batch:  # after the groups: a role of one ends the links made before
                if links is not None and account.user.password_hash is None:
                    tokens.append((account.user.username, links.add(session, account.user.id, link_seconds)))
    except (IntegrityError, LoginNameTakenError):
        raise UsernameError(
            f"A name or address in lines {batch[0].line} to {batch[-1].line} has just been taken."
        ) from None
    return tokens


def _hash_of(account: NewAccount) -> str | None:
    return account.user.password_hash if account.password is None else hash_password(account.password)


def _judge(
    lines: Iterable[tuple[int, Fields]], new_passwords: NewPasswords, problems: list[tuple[int, str]]
) -> Iterator[NewAccount]:
    for line, fields in lines:
        try:
            yield _read(line, fields, new_passwords)
        except (UsernameError, PasswordError, ImportLineError) as error:
            problems.append((line, str(error)))
        except ClaimsError as error:
            problems += [(line, f"{name}: {problem}") for name, problem in error.problems.items()]


class ImportLineError(ValueError):
    """A line is invalid; the message says why."""


def _read(line: int, fields: Fields, new_passwords: NewPasswords) -> NewAccount:
    unknown = [name for name in fields if name not in FIELDS]
    if unknown:
        raise ImportLineError(f"Unknown: {', '.join(unknown)}. Known: {', '.join(FIELDS)}.")
    flags = {name: _read_flag(name, fields[name]) for name in VERIFIED.values() if fields.get(name) not in (None, "")}
    texts = {
        name: value
        for name, value in fields.items()
        if name not in (GROUPS, *VERIFIED.values()) and value not in (None, "")
    }
    odd = [name for name, value in texts.items() if not isinstance(value, str)]
    if odd:
        raise ImportLineError(f"{', '.join(odd)}: write a string.")
    password, password_hash = texts.pop(PASSWORD, None), texts.pop(PASSWORD_HASH, None)
    user = new_user(texts.pop("username", ""), password_hash)
    if password is not None and password_hash is not None:
        raise ImportLineError("Give a password or a password_hash, not both.")
    if password is not None:
        new_passwords.check(password, user, texts)
    if password_hash is not None:
        check_password_hash(password_hash)
    return NewAccount(line, user, password, claims_as_stored(texts, flags), _read_groups(fields.get(GROUPS)))


def _read_groups(value: Any) -> tuple[str, ...]:
    """Return the names of a line's groups: a list of JSON, or a text that separates them."""
    names = re.split(r"[\s,;]+", value) if isinstance(value, str) else (value or ())
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise ImportLineError(f"{GROUPS}: write the names of groups, separated by spaces.")
    return tuple(dict.fromkeys(name for name in names if name))


def _read_flag(name: str, value: Any) -> bool:
    truth_values = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    text = str(value).lower()
    if text not in truth_values:
        raise ImportLineError(f"{name}: write true or false.")
    return truth_values[text]


def _place(
    plan: ImportPlan, account: NewAccount, existing: Iterable[User], groups: KnownGroups, *, skips_existing: bool
) -> None:
    """Add an account to the plan: as new, as existing, or as a problem."""
    same = next((row for row in existing if row.username_key == account.user.username_key), None)
    others = [row for row in existing if row is not same]
    if same is not None:
        different = sorted(name for name, value in account.changes.items() if getattr(same, name) != value)
        shown_names = [name for name in different if name not in ("email_key", "preferred_username_assigned")]
        missing = groups.missing_of(same.id, account.groups) if account.groups and not different else []
        if skips_existing:
            plan.existing += 1
            plan.different += bool(different or missing)
        elif different:
            problem = f"{same.username} already exists with a different {', '.join(shown_names)}."
            plan.problems.append((account.line, problem))
        elif missing:
            plan.problems.append((account.line, f"{same.username} already exists, and isn't in {', '.join(missing)}."))
        else:
            plan.existing += 1
    elif any(_has_address(row, account) for row in others):
        plan.problems.append((account.line, f"email: {ADDRESS_TAKEN}"))
    elif any(not account.login_keys.isdisjoint(names_taken_by(row)) for row in others):
        plan.problems.append((account.line, "Another account has this username, preferred username or email address."))
    else:
        plan.accounts.append(account)


def _has_address(row: User, account: NewAccount) -> bool:
    """Tell whether another account has the address; an unverified address doesn't count against a verified one."""
    same = bool(account.email_key) and row.email_key == account.email_key
    return same and (row.email_verified or not account.changes.get("email_verified"))
