"""A specification such as an embedding application writes: an address that scripts may call, a key of metadata."""

from __future__ import annotations

from typing import Any

from website.oauth2 import REGISTERED, OAuth2Request, Response, json_response


def show_colour(_request: OAuth2Request) -> Response:
    return json_response(200, {"colour": "green"})


def register(server: Any, settings: Any) -> None:
    server.registry.add_address("/oauth/colour", "show_colour", {"GET": show_colour}, cors=REGISTERED)
    server.registry.add_scopes({"paint": "Paint your house", "profile": "See nothing of yours"})
    server.registry.add_metadata(favourite_colour="green")
