"""Codes of authenticator apps: six digits that change every 30 seconds (TOTP, :rfc:`6238`).

``totp_secrets.py`` accepts each code of an account once.
"""

from __future__ import annotations

import base64
import hmac

import pyotp

STEP_SECONDS = 30
DIGITS = 6
#: Codes of so many steps before and after now are accepted, as phones' clocks and people are late (section 5.2).
WINDOW_STEPS = 1
SECRET_BYTES = 20


def read_code(typed: str) -> str:
    """Return the digits of a typed code, which apps show in two groups; empty if it can't be one."""
    digits = "".join(typed.split()).replace("-", "")
    return digits if len(digits) == DIGITS and digits.isascii() and digits.isdigit() else ""


def find_step(secret: bytes, code: str, now: int) -> int | None:
    """Return the time step of a code from :func:`read_code`, if it is the app's code now or a step before or after."""
    codes = pyotp.TOTP(write_secret(secret), digits=DIGITS, interval=STEP_SECONDS)
    this_step, found = now // STEP_SECONDS, None
    for step in range(this_step - WINDOW_STEPS, this_step + WINDOW_STEPS + 1):
        # Every step is compared, so that the time taken doesn't tell which one it was.
        if hmac.compare_digest(codes.generate_otp(step).encode(), code.encode()):
            found = step
    return found


def write_secret(secret: bytes) -> str:
    """Return a secret as people type it into an app: base32 without padding."""
    return base64.b32encode(secret).decode().rstrip("=")


def otpauth_uri(secret: bytes, account: str, server: str) -> str:
    """Return what an app reads from a QR code: the secret, and the names it shows."""
    # A colon separates the two names.
    name, issuer_name = account.replace(":", " "), server.replace(":", " ")
    codes = pyotp.TOTP(write_secret(secret), digits=DIGITS, interval=STEP_SECONDS)
    return codes.provisioning_uri(name=name, issuer_name=issuer_name)
