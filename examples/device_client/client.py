"""A television without a keyboard: it shows a code and a QR code, and greets the viewer who enters it on a phone."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import requests
import segno

ISSUER = os.environ.get("ISSUER", "http://127.0.0.1:5000")
CLIENT_ID = os.environ.get("CLIENT_ID", "")
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
#: Where a server doesn't say how long to wait between polls (RFC 8628, section 3.2).
USUAL_INTERVAL = 5


def main() -> None:
    metadata = discover()
    codes = ask_for_codes(metadata)
    show(codes)
    tokens = wait_for_viewer(metadata, codes)
    # A real television keeps tokens["refresh_token"], so that its viewer has to do this only once.
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    answer = requests.get(f"{ISSUER}/api/me", headers=headers, timeout=10, allow_redirects=False)
    answer.raise_for_status()
    print(f"Good evening, {answer.json()['username']}.")


def discover() -> dict[str, Any]:
    answer = requests.get(f"{ISSUER}/.well-known/oauth-authorization-server", timeout=10, allow_redirects=False)
    answer.raise_for_status()
    # The document must be for the issuer we trust (RFC 8414, section 3.3).
    if answer.json().get("issuer") != ISSUER:
        sys.exit("The metadata is for another issuer.")
    return dict(answer.json())


def ask_for_codes(metadata: dict[str, Any]) -> dict[str, Any]:
    answer = send(metadata["device_authorization_endpoint"], scope="profile")
    if answer.status_code != 200:
        sys.exit(f"Grantwright issued no code: {answer.json().get('error_description')}")
    return dict(answer.json())


def show(codes: dict[str, Any]) -> None:
    """Show the code as text too: not every viewer can scan, and the page asks whether the two are the same."""
    segno.make(codes["verification_uri_complete"], error="l", micro=False).terminal(compact=True)
    print(f"Scan this with your phone, or go to\n\n    {codes['verification_uri']}\n\nand enter the code\n")
    print(f"    {codes['user_code']}\n", flush=True)


def wait_for_viewer(metadata: dict[str, Any], codes: dict[str, Any]) -> dict[str, Any]:
    """Poll until the viewer has decided (RFC 8628, section 3.5)."""
    interval = codes.get("interval", USUAL_INTERVAL)
    # A clock that only goes forward: people set a television's clock.
    give_up_at = time.monotonic() + codes["expires_in"]
    while time.monotonic() < give_up_at:
        time.sleep(interval)
        try:
            answer = send(metadata["token_endpoint"], grant_type=DEVICE_CODE, device_code=codes["device_code"])
        except (requests.ConnectionError, requests.Timeout):
            interval *= 2  # the network is gone, or the server has too much to do
            continue
        if answer.status_code == 200:
            return dict(answer.json())
        if answer.status_code in (429, 503):
            interval = max(interval, int(answer.headers.get("Retry-After", USUAL_INTERVAL)))
            continue
        error = answer.json()["error"]
        if error == "slow_down":
            interval += 5
        elif error == "access_denied":
            sys.exit("You denied the television access.")
        elif error == "expired_token":
            break
        elif error != "authorization_pending":
            sys.exit(f"Grantwright issued no token ({error}).")
    sys.exit("The code has expired. Start again.")


def send(address: str, **fields: str) -> requests.Response:
    return requests.post(address, {"client_id": CLIENT_ID, **fields}, timeout=10, allow_redirects=False)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
