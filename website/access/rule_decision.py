"""The answer to whether somebody may use a client, with the part of its rule that decided; ``rules.py`` gives it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..translatable import N_


class Reason(Enum):
    """What decided."""

    #: The client has no rule, or the application has its own users.
    EVERYBODY = "everybody"
    #: The account is in a group of the rule.
    GROUP = "group"
    #: It is in none of them.
    NO_GROUP = "no group"
    #: The rule has no group left.
    NO_GROUPS = "no groups"


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether an account may use a client, and why."""

    reason: Reason
    #: The name of the group that decided, the first one by name; "" without one.
    group: str = ""

    @property
    def is_allowed(self) -> bool:
        return self.reason in (Reason.EVERYBODY, Reason.GROUP)

    @property
    def words(self) -> str:
        """The reason in words, for operators."""
        if self.reason is Reason.GROUP:
            return N_("Members of %(group)s may use it.", group=self.group)
        return _WORDS[self.reason]


_WORDS = {
    Reason.EVERYBODY: N_("Everyone with an account may use it."),
    Reason.NO_GROUP: N_("Only members of its groups may use it, and this account is in none of them."),
    Reason.NO_GROUPS: N_("Nobody may use it: its rule has no group left."),
}
FOR_EVERYBODY = Decision(Reason.EVERYBODY)
