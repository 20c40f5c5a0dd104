"""Certificates for servers that tests start: self-signed, valid for a day."""

from __future__ import annotations

import subprocess
from pathlib import Path


def make_certificate(folder: Path, name: str = "IP:127.0.0.1") -> tuple[Path, Path]:
    """Return the files of a certificate and its key.

    ``name`` is as OpenSSL writes it: ``IP:...`` or ``DNS:...``, or several with commas.
    """
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
            "-subj", f"/CN={name.partition(':')[2].partition(',')[0]}", "-addext", f"subjectAltName={name}",
            "-keyout", key, "-out", certificate,
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return certificate, key
