"""What happens in a forked child: it must not share its parent's connections, locks and numbers used once."""

from __future__ import annotations

import os
import sys
import weakref
from typing import Protocol


class SharedAfterFork(Protocol):
    """Something that a child process may not use as its parent left it."""

    def leave_to_parent(self) -> None:
        """Forget what is the parent's, without closing it."""


_OBJECTS: weakref.WeakSet[SharedAfterFork] = weakref.WeakSet()


def renew_in_child(shared: SharedAfterFork) -> None:
    """Have an object leave its state to the parent in every child process that is forked while it exists."""
    _OBJECTS.add(shared)


def _leave_to_parent() -> None:
    for shared in list(_OBJECTS):
        shared.leave_to_parent()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_leave_to_parent)
