"""The flow of a device authorization for its person: entering the user code, and deciding (:rfc:`8628#section-3.3`).

Pages only render what it says. Looking at a device changes nothing: until its user code is entered by a form, nothing
binds it to a browser, and then it belongs to that login session.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..grants.device_approvals import Device
from ..grants.user_codes import read_user_code
from ..request_context import Environ, network_of
from ..sessions import CurrentLoginSession
from .authentication_request import AuthenticationRequest
from .consent_rules import detail_of, is_as_shown
from .granted_resources import still_granted
from .interaction_steps import Step, next_step
from .requests import NO_PARAMETERS, OAuth2Request
from .server import AuthorizationServer
from .staying_connected import offers_to_stay_connected

#: People decide on every device: no consent is remembered, and first-party clients are no exception.
EACH_TIME = AuthenticationRequest(prompts=frozenset(("consent",)))


@dataclass(frozen=True, slots=True)
class DeviceInteraction:
    """A device, and what its person has to do next."""

    step: Step
    device: Device
    #: The device's request as far as the person's part goes: client and scope.
    request: OAuth2Request

    @property
    def is_in_vain(self) -> bool:
        """Whether it waits for access to APIs of which none is left for its client: it wouldn't get a token."""
        return self.device.is_waiting and bool(self.device.resources) and not self.request.granted_resources

    @property
    def is_elsewhere(self) -> bool:
        """Whether the device's network isn't the person's."""
        return network_of(self.device.address) != network_of(self.request.environ.get("REMOTE_ADDR"))


def enter_user_code(server: AuthorizationServer, environ: Environ, login: CurrentLoginSession, typed: str) -> bool:
    """Find the device that shows a user code, for this login session alone; tell whether there is one.

    Raises ``TooManyGuessesError``, and then didn't look.
    """
    user_code = read_user_code(typed)
    if user_code is None:
        return False  # it can't be a code, so it's no guess either
    return server.device_approvals.enter(user_code, login, network_of(environ.get("REMOTE_ADDR")))


def show_device(
    server: AuthorizationServer, environ: Environ, login: CurrentLoginSession, typed: str
) -> DeviceInteraction | None:
    """Return the device whose user code was entered in this login session, and the next step. Changes nothing."""
    user_code = read_user_code(typed)
    device = None if user_code is None else server.device_approvals.find(user_code, login)
    client = None if device is None else server.clients.find_by_id(device.client)
    if device is None or client is None or not server.lets_owner(client):
        return None
    request = OAuth2Request(environ, server.issuer_of(environ), NO_PARAMETERS)
    request.client, request.scope, request.asked, request.is_for_device = client, device.scope, EACH_TIME, True
    request.granted_resources = still_granted(server.resources, client, device.resources)
    step = Step.RESPOND
    if device.is_waiting:
        step, _consent = next_step(server, login, request, None, knows_auth_time=True)
    return DeviceInteraction(step, device, request)


def decide_on_device(
    server: AuthorizationServer,
    environ: Environ,
    login: CurrentLoginSession,
    typed: str,
    *,
    is_allowed: bool,
    shown: str | None,
) -> bool:
    """Carry out the decision on a shown device, once; false if it has to be shown again, as it changed meanwhile.

    ``shown`` is the digest of the client details on the page.
    """
    interaction, user_code = show_device(server, environ, login, typed), read_user_code(typed)
    if interaction is None or user_code is None or interaction.step not in (Step.CONSENT, Step.TURN_BACK):
        return False
    if not is_allowed:
        return server.device_approvals.deny(user_code, login, detail=detail_of(interaction.request))
    if interaction.step is Step.TURN_BACK or interaction.is_in_vain or not is_as_shown(interaction.request, shown):
        return False
    return server.device_approvals.allow(
        user_code,
        login,
        stays_connected=offers_to_stay_connected(interaction.request),
        detail=detail_of(interaction.request),
    )
