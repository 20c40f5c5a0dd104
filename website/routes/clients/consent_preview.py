"""What the consent page will show of a client that is still being created."""

from __future__ import annotations

from dataclasses import dataclass

from ... import redirect_uris
from ...clients.policy import ClientPolicy
from ...clients.presets import Preset
from ...oauth2.server import AuthorizationServer
from .form_input import ClientForm
from .short_form import Tick, list_ticks


@dataclass(frozen=True, slots=True)
class Preview:
    """The parts of the consent page that the form decides."""

    name: str
    #: The permissions, those that aren't ticked too, which a script shows when they are.
    lines: list[Tick]
    redirect_host: str

    @property
    def has_lines(self) -> bool:
        return any(line.is_ticked for line in self.lines)


def preview_consent(
    form: ClientForm, preset: Preset, policy: ClientPolicy, server: AuthorizationServer
) -> Preview | None:
    """Return the consent page of a form as it stands; ``None`` if nobody logs in to what is being built."""
    if not preset.asks_people:
        return None
    uris = form.lists["redirect_uri"]
    return Preview(
        form.texts["client_name"],
        list_ticks(form, preset, policy, server),
        redirect_uris.host_of(uris[0]) if uris and not redirect_uris.find_problem(uris[0]) else "",
    )
