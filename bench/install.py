"""Setup of the comparison: checks the tools, and installs the two other servers into .work/."""

import shutil
import subprocess
import sys

from peers import BENCH, OIDC_FOLDER, STOCK_VENV, WORK

TOOLS = {"wrk": "wrk", "taskset": "util-linux", "node": "nodejs", "npm": "npm"}


def setup() -> None:
    lacking = sorted({package for tool, package in TOOLS.items() if shutil.which(tool) is None})
    if lacking:
        sys.exit(f"missing tools; on Debian: apt-get install {' '.join(lacking)}")
    WORK.mkdir(exist_ok=True)
    install_stock()
    install_oidc_provider()


def install_stock() -> None:
    if not (STOCK_VENV / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(STOCK_VENV)], check=True)
    requirements = BENCH / "servers" / "stock-requirements.txt"
    python = str(STOCK_VENV / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", str(requirements)], check=True)


def install_oidc_provider() -> None:
    OIDC_FOLDER.mkdir(exist_ok=True)
    shutil.copy(BENCH / "servers" / "package.json", OIDC_FOLDER)
    subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=OIDC_FOLDER, check=True)
