"""The command-line options for an account's claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from ..standard_claims import CLAIMS, VERIFIED, ClaimsError


def claim_options(command: Any) -> Any:
    """Add an option for each claim to a command, and one for whether a claim is verified."""
    for name in reversed([*VERIFIED.values()]):
        flag = name.replace("_", "-")
        command = click.option(f"--{flag}/--no-{flag}", name, default=None, help="Whether it is verified.")(command)
    for name, claim in reversed([*CLAIMS.items()]):
        command = click.option(f"--{name.replace('_', '-')}", name, help=f"The person's {claim.label}.")(command)
    return command


def read_claims(values: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, bool]]:
    """Return the given claims, and which of them are verified."""
    claims = {name: values[name] for name in CLAIMS if values.get(name) is not None}
    verified = {name: values[name] for name in VERIFIED.values() if values.get(name) is not None}
    return claims, verified


def refuse_claims(error: ClaimsError) -> click.ClickException:
    """Return the exception for invalid claims: each problem with its option."""
    lines = [f"--{name.replace('_', '-')}: {problem}" for name, problem in error.problems.items()]
    return click.ClickException("\n".join(lines))
