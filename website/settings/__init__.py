"""Every setting with its default, unit, meaning and effect on security; the other files group them by subject.

``configuration/`` loads and validates the values. A test checks ``docs/reference/settings.md`` against this folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from types import MappingProxyType
from typing import Any

from .emails import NO_TLS, STARTTLS, TLS, MailSettings
from .foundation import FoundationSettings
from .joining import BY_INVITATION, CLOSED, OPEN_TO_ALL, JoiningSettings
from .operation import INITIAL_ACCESS_TOKEN, RATE_LIMITS, TRUSTED_NETWORKS, OperationSettings
from .option import MEANING, NAME, SECURITY, UNIT, default_of
from .people import PeopleSettings
from .protocol import ANY_OF_OURS, DEFAULT_SCOPES, ISSUER_ALONE, ProtocolSettings
from .registration import ANY_HOST, BY_TOKEN, OFF, OPEN, OPERATORS, USERS, RegistrationSettings


class SettingsError(ValueError):
    """Settings are missing, unsafe or malformed; the message names each of them, but no secret. Stops start-up."""

    def __init__(self, *problems: str) -> None:
        self.problems = list(problems)
        heading = f"{len(problems)} problems in the configuration:"
        super().__init__("\n  ".join([heading, *problems] if len(problems) > 1 else problems))


@dataclass(frozen=True)
class Settings(
    OperationSettings,
    MailSettings,
    PeopleSettings,
    JoiningSettings,
    RegistrationSettings,
    ProtocolSettings,
    FoundationSettings,
):
    """The typed settings of an application, created once at start-up."""


def by_name() -> Mapping[str, Field[Any]]:
    """Return the field of each setting by its public name, grouped by file."""
    return MappingProxyType({item.metadata[NAME]: item for item in fields(Settings)})


__all__ = [
    "ANY_HOST",
    "ANY_OF_OURS",
    "BY_INVITATION",
    "BY_TOKEN",
    "CLOSED",
    "DEFAULT_SCOPES",
    "INITIAL_ACCESS_TOKEN",
    "ISSUER_ALONE",
    "MEANING",
    "NAME",
    "NO_TLS",
    "OFF",
    "OPEN",
    "OPEN_TO_ALL",
    "OPERATORS",
    "RATE_LIMITS",
    "SECURITY",
    "STARTTLS",
    "TLS",
    "TRUSTED_NETWORKS",
    "UNIT",
    "USERS",
    "Settings",
    "SettingsError",
    "by_name",
    "default_of",
]
