"""What an API loads with the protector: no part of the provider, and no web framework but its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.live_server import REPOSITORY

#: The provider's own libraries, and the frameworks that an API may have.
HEAVY = ("flask", "sqlalchemy", "argon2", "authlib", "alembic", "granian", "fastapi", "starlette", "mcp", "pydantic")
FRONT_ENDS = {"": [], "asgi": [], "flask": ["flask"], "fastapi": ["fastapi", "starlette", "pydantic"]}


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_importing_loads_only_what_is_used(front_end: str, tmp_path: Path) -> None:
    # Under the name it is shipped as.
    (tmp_path / "grantwright").symlink_to(REPOSITORY / "website")
    module = f"grantwright.resource_server.{front_end}".rstrip(".")
    program = f"""
import sys, {module}
print(*(name for name in {HEAVY!r} if name in sys.modules))
print(*(name for name in sys.modules if name.startswith("grantwright.") and ".resource_server" not in name))
"""
    ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout == f"{' '.join(name for name in HEAVY if name in FRONT_ENDS[front_end])}\n\n"
