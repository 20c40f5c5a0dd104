"""Setup of the comparison: checks the tools, and installs the other servers into .work/."""

import shutil
import subprocess
import sys
from pathlib import Path

from peer import BENCH, DJANGO_VENV, OIDC_FOLDER, STOCK_VENV, WORK

TOOLS = {"wrk": "wrk", "taskset": "util-linux", "node": "nodejs", "npm": "npm"}


def setup() -> None:
    lacking = sorted({package for tool, package in TOOLS.items() if shutil.which(tool) is None})
    if lacking:
        sys.exit(f"missing tools; on Debian: apt-get install {' '.join(lacking)}")
    WORK.mkdir(exist_ok=True)
    install_python(STOCK_VENV, "stock-requirements.txt")
    install_python(DJANGO_VENV, "django-requirements.txt")
    install_oidc_provider()


def install_python(environment: Path, requirements: str) -> None:
    if not (environment / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    file = BENCH / "servers" / requirements
    python = str(environment / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", str(file)], check=True)


def install_oidc_provider() -> None:
    OIDC_FOLDER.mkdir(exist_ok=True)
    shutil.copy(BENCH / "servers" / "package.json", OIDC_FOLDER)
    subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=OIDC_FOLDER, check=True)
