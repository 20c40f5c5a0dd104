"""The authentication context class that a request needs: by its client's wishes, and whether a login has it.

A client asks by ``acr_values`` (:rfc:`9470#section-5`) or, as essential, by the ``claims`` parameter (OpenID Connect
Core 1.0, section 5.5.1.1). An operator may require a class for it, too.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..clients import Client
from ..sessions import CurrentLoginSession
from ..sessions.assurance import LEVELS, meets
from .errors import UnmetAuthenticationRequirementsError
from .requests import OAuth2Request
from .server import AuthorizationServer


def find_missing_class(server: AuthorizationServer, request: OAuth2Request, login: CurrentLoginSession) -> str | None:
    """Return the class that a login has to be stepped up to before the request goes on; ``None`` if it is enough.

    Raises :class:`UnmetAuthenticationRequirementsError` if no login here can be of that class. An embedding application
    can't be asked for more than its login is.
    """
    is_external = server.accounts.are_external
    missing = [classes for classes in _requirements(request) if not _has_one(login.acr, classes, is_external)]
    if not missing:
        return None
    offered = () if is_external else server.sessions.acr_values
    return max((_find_weakest(classes, offered) for classes in missing), key=LEVELS.index)


def _requirements(request: OAuth2Request) -> Iterator[tuple[str, ...]]:
    """Yield the classes of which a login has to have one."""
    client: Client = request.client
    if request.asked.wanted_classes:
        yield request.asked.wanted_classes
    if client.required_acr is not None:
        yield (client.required_acr,)


def _has_one(acr: str | None, classes: tuple[str, ...], is_external: bool) -> bool:
    """Tell whether a login has one of the classes. What an application's own classes are worth isn't known here."""
    return acr in classes or (not is_external and any(meets(acr, wanted) for wanted in classes))


def _find_weakest(classes: tuple[str, ...], offered: tuple[str, ...]) -> str:
    """Return the class that asks the least of the person, of those that a login here can have."""
    possible = [wanted for wanted in classes if any(meets(acr, wanted) for acr in offered)]
    if not possible:
        raise UnmetAuthenticationRequirementsError
    return min(possible, key=LEVELS.index)
