"""Chromium's virtual authenticator: a device with passkeys, without a person."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page


class VirtualAuthenticator:
    """A device's own authenticator, in the browser of a page. The person is there and agrees, unless told otherwise."""

    def __init__(self, page: Page, *, is_built_in: bool = True, verifies_user: bool = True) -> None:
        self._devtools = page.context.new_cdp_session(page)
        self._devtools.send("WebAuthn.enable", {"enableUI": False})
        options = {
            "protocol": "ctap2",
            "transport": "internal" if is_built_in else "usb",
            "hasResidentKey": True,
            "hasUserVerification": verifies_user,
            "isUserVerified": verifies_user,
            "automaticPresenceSimulation": True,
        }
        self._id = self._devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    @property
    def credentials(self) -> list[dict[str, Any]]:
        """Its passkeys, with their private keys."""
        found: list[dict[str, Any]] = self._send("WebAuthn.getCredentials")["credentials"]
        return found

    def take(self, credential: dict[str, Any]) -> None:
        """Have it hold a copy of another one's passkey."""
        self._send("WebAuthn.addCredential", credential=credential)

    def forget(self) -> None:
        """Delete its passkeys."""
        self._send("WebAuthn.clearCredentials")

    def verify_user(self, verifies: bool) -> None:
        """Recognize the person from now on, or not."""
        self._send("WebAuthn.setUserVerified", isUserVerified=verifies)

    def await_person(self, agrees_at_once: bool) -> None:
        """Have the person agree at once, or wait for them."""
        self._send("WebAuthn.setAutomaticPresenceSimulation", enabled=agrees_at_once)

    def _send(self, method: str, **parameters: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._devtools.send(method, {"authenticatorId": self._id, **parameters})
        return answer
