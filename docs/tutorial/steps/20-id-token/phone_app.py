"""The photo album's app on Ada's phone: it logs in twice, and then makes two mistakes."""

import secrets
import sys

sys.path.append("attacks")

from browser import Browser, Client, s256  # noqa: E402

site, album, client_id = sys.argv[1:]
ada = Browser(site)
ada.log_in("ada")
phone, server = Client(site, client_id), Browser(album)


def get_tokens():
    verifier = secrets.token_urlsafe(32)
    challenge = {"code_challenge": s256(verifier), "code_challenge_method": "S256"}
    nonce = server.post("/nonce").text
    redirect = ada.allow(client_id, scope="openid profile", nonce=nonce, **challenge)
    return phone.ask_for_token("authorization_code", code=redirect.parameters["code"], code_verifier=verifier)


first = get_tokens()
print(f"log in: {server.post('/login', **first).text.strip()}")
second = get_tokens()
print(f"log in again: {server.post('/login', **second).text.strip()}")
server.post("/nonce")
print(f"an ID token from yesterday: {server.post('/login', **second).text.strip()}")
third = get_tokens() | {"access_token": first["access_token"]}
print(f"an access token from elsewhere: {server.post('/login', **third).text.strip()}")
