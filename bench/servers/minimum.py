"""What a request can't do without: a signature, a commit, a password check. Prints CPU microseconds of each as JSON.

python minimum.py FOLDER          in Grantwright's environment; the folder gets an SQLite file
"""

import json
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path

from argon2 import PasswordHasher
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

MESSAGE = b"x" * 400


def best(step: Callable[[], object], times: int) -> float:
    """The CPU time of one step, in microseconds: that of the best of five series."""
    series = []
    for _ in range(5):
        begun = time.process_time()
        for _ in range(times):
            step()
        series.append((time.process_time() - begun) / times * 1e6)
    return round(min(series), 1)


def commit(folder: Path, synchronous: str) -> Callable[[], object]:
    """An UPDATE of one row by its key, committed by itself."""
    connection = sqlite3.connect(folder / f"commit-{synchronous}.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.execute("CREATE TABLE grant_row (id TEXT PRIMARY KEY, generation INTEGER) WITHOUT ROWID")
    connection.executemany("INSERT INTO grant_row VALUES (?, 0)", [(f"{n:022}",) for n in range(10_000)])
    numbers = iter(range(10_000_000))
    statement = "UPDATE grant_row SET generation = generation + 1 WHERE id = ? RETURNING generation"
    return lambda: connection.execute(statement, (f"{next(numbers) * 7919 % 10_000:022}",)).fetchone()


def main() -> None:
    folder = Path(sys.argv[1])
    rsa_key, ec_key = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
    hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # as website/users/password_hashing.py
    hashed = hasher.hash("correct horse")
    minimum = {
        "one RS256 signature": best(lambda: rsa_key.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA256()), 400),
        "one ES256 signature": best(lambda: ec_key.sign(MESSAGE, ec.ECDSA(hashes.SHA256())), 2000),
        "one SQLite commit (synchronous=NORMAL)": best(commit(folder, "NORMAL"), 3000),
        "one SQLite commit (synchronous=FULL)": best(commit(folder, "FULL"), 300),
        "one password check (argon2id)": best(lambda: hasher.verify(hashed, "correct horse"), 4),
    }
    print(json.dumps(minimum))


if __name__ == "__main__":
    main()
