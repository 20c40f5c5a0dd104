"""A ledger of what a server acknowledged before it was killed, and a check that it's all still true."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.support.live_server import LiveServer
from tests.support.person import REDIRECT_URI
from tests.support.token_requests import REVOKE, TOKEN, MachineClient, Provider
from tests.support.waiting import ANSWER_SECONDS

#: Those who write, one thread each, and what their client needs for it.
USERS = [f"user {number}" for number in range(6)]
GRANT_TYPES = ("authorization_code", "refresh_token", "password")
BROKEN = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


@dataclass
class Family:
    """The tokens of one grant, as far as they were acknowledged."""

    refresh_token: str
    access_tokens: list[str]
    #: A rotation was sent and not answered: it may have happened.
    is_rotating: bool = False


@dataclass
class Ledger:
    """What was acknowledged; one lock, many writers."""

    families: list[Family] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def find_false(self, provider: Provider, client: MachineClient) -> list[str]:
        """Return what was acknowledged and is not so any more."""
        false = [f"revoked, yet active: {token}" for token in self.revoked if provider.is_active(client, token)]
        for family in self.families:
            false += [
                f"given, yet dead: {token}" for token in family.access_tokens if not provider.is_active(client, token)
            ]
        for family in self.families:
            answer = provider.refresh(client, family.refresh_token)
            if answer.status != 200 and not family.is_rotating:
                false.append(f"refused, though nobody used it: {family.refresh_token}: {answer.body!r}")
        return false

    def __len__(self) -> int:
        return len(self.revoked) + sum(len(family.access_tokens) + 1 for family in self.families)


class Load:
    """Threads that write tokens of every kind until the server is gone, and note what it acknowledged."""

    def __init__(self, node: LiveServer, client: MachineClient, codes: list[tuple[str, str]], users: list[str]) -> None:
        self._node = node
        self._client = client
        self._codes: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        for code in codes:
            self._codes.put(code)
        self.ledger = Ledger()
        self.refusals: list[str] = []
        self._threads = [threading.Thread(target=self._write, args=(user,)) for user in users]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wait_for(self, acknowledged: int) -> None:
        """Return when so many answers were acknowledged."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while len(self.ledger) < acknowledged:
            assert time.monotonic() < deadline, self.refusals[:3]
            time.sleep(0.02)

    def wait(self) -> None:
        for thread in self._threads:
            thread.join()

    def _write(self, user: str) -> None:
        with requests.Session() as session:
            session.trust_env = False
            try:
                while True:
                    self._redeem(session)
                    family = self._log_in(session, user)
                    self._refresh(session, family)
                    self._revoke(session, family)
            except BROKEN:
                return  # the server was killed: what was on its way was not acknowledged

    def _post(self, session: requests.Session, path: str, fields: dict[str, str]) -> dict[str, Any] | None:
        own_fields, headers = self._client.credentials
        answer = session.post(self._node.url + path, {**fields, **own_fields}, headers=headers, timeout=ANSWER_SECONDS)
        if answer.status_code != 200:
            self.refusals.append(f"{path}: {answer.status_code} {answer.text[:200]}")
            return None
        return answer.json() if answer.content else {}

    def _redeem(self, session: requests.Session) -> None:
        try:
            code, verifier = self._codes.get_nowait()
        except queue.Empty:
            return
        fields = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        self._note(self._post(session, TOKEN, {**fields, "redirect_uri": REDIRECT_URI}))

    def _log_in(self, session: requests.Session, user: str) -> Family | None:
        fields = {"grant_type": "password", "username": user, "password": "valid", "scope": "profile"}
        return self._note(self._post(session, TOKEN, fields))

    def _note(self, given: dict[str, Any] | None) -> Family | None:
        if given is None:
            return None
        family = Family(given["refresh_token"], [given["access_token"]])
        with self.ledger.lock:
            self.ledger.families.append(family)
        return family

    def _refresh(self, session: requests.Session, family: Family | None) -> None:
        if family is None:
            return
        family.is_rotating = True
        given = self._post(session, TOKEN, {"grant_type": "refresh_token", "refresh_token": family.refresh_token})
        if given is not None:
            family.refresh_token = given["refresh_token"]
            family.access_tokens.append(given["access_token"])
            family.is_rotating = False

    def _revoke(self, session: requests.Session, family: Family | None) -> None:
        if family is None:
            return
        token = family.access_tokens.pop(0)  # from here on it may be dead, acknowledged or not
        if self._post(session, REVOKE, {"token": token}) is not None:
            with self.ledger.lock:
                self.ledger.revoked.append(token)
