"""Claims of one person that are stored, and what UserInfo tells of them."""

from __future__ import annotations

from typing import Any

from tests.support.token_requests import Answer, Provider

USERINFO = "/oauth/userinfo"
STORED = {
    "name": "Ada King",
    "given_name": "Ada",
    "family_name": "King",
    "middle_name": "Augusta",
    "nickname": "Lovelace",
    "preferred_username": "ada.king",
    "profile": "https://ada.example/about",
    "picture": "https://ada.example/ada.png",
    "website": "https://ada.example",
    "gender": "female",
    "birthdate": "1815-12-10",
    "zoneinfo": "Europe/London",
    "locale": "en-GB",
    "email": "ada@ada.example",
    "phone_number": "+44 20 7946 0000",
    "street_address": "12 St James's Square",
    "postal_code": "SW1Y 4JH",
    "locality": "London",
    "region": "Greater London",
    "country": "United Kingdom",
}


def ask(provider: Provider, token: str) -> Answer:
    return provider.get(USERINFO, Authorization=f"Bearer {token}")


def told(provider: Provider, token: str) -> dict[str, Any]:
    answer = ask(provider, token)
    assert answer.status == 200, answer.body
    return answer.json
