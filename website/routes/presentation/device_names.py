"""The devices of login sessions, in words and by icon, from what their browsers say."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flask_babel import gettext as _

from ...deferred_import import DeferredModule
from ...models.login_session import LoginSession
from ...oauth2.server import AuthorizationServer
from ...sessions import CurrentLoginSession

ua_parser = DeferredModule("ua_parser")
#: The icon of a system that isn't listed is a laptop's.
ICONS = {"iOS": "phone", "Android": "phone", "iPadOS": "tablet", "tvOS": "tv", "Chromecast": "tv"}
#: What a browser's name has beside it for another kind of device: Mobile Safari, Chrome Mobile.
_VARIANT = re.compile(r"^(Headless|Mobile )| Mobile( WebView)?$")


@dataclass(frozen=True, slots=True)
class Device:
    """A login session, and the device that it's on."""

    session: LoginSession
    name: str
    icon: str
    is_this: bool


def devices_of(server: AuthorizationServer, login: CurrentLoginSession) -> list[Device]:
    """Return the devices where a person is logged in: this one first, the others as they were last used."""
    rows = server.sessions.list_of(login.subject)
    rows.sort(key=lambda row: row.id != login.session)
    return [Device(row, *describe_device(row.user_agent), row.id == login.session) for row in rows]


def describe_device(user_agent: str | None) -> tuple[str, str]:
    """Return in words what a browser says of itself, such as Firefox on Linux, and the icon of such a device."""
    if not user_agent:
        return _("Unknown device"), "laptop"
    parsed = ua_parser.parse(user_agent)
    browser = _VARIANT.sub("", parsed.user_agent.family) if parsed.user_agent else ""
    system = parsed.os.family if parsed.os else ""
    is_tablet = "iPad" in user_agent or (system == "Android" and "Mobile" not in user_agent)
    icon = "tablet" if is_tablet else ICONS.get(system, "laptop")
    if browser and system:
        return _("%(browser)s on %(system)s", browser=browser, system=system), icon
    return browser or (_("Browser on %(system)s", system=system) if system else _("Unknown device")), icon
