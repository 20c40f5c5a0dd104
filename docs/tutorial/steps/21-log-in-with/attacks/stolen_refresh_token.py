"""A refresh token is copied from an app's storage. The thief uses it first, the app a little later."""

import secrets
import sys

from browser import Browser, Client, s256

site = sys.argv[1]
ada = Browser(site)
ada.log_in("ada")
app = Client(site, *ada.create_client("none"))
verifier = secrets.token_urlsafe(32)
code = ada.allow(app.client_id, code_challenge=s256(verifier), code_challenge_method="S256").parameters["code"]
token = app.ask_for_token("authorization_code", code=code, code_verifier=verifier)

thief = Client(site, app.client_id)
loot = thief.ask_for_token("refresh_token", refresh_token=token["refresh_token"])
print(f"the thief: {'a token' if 'access_token' in loot else loot['error']}")
own = app.ask_for_token("refresh_token", refresh_token=token["refresh_token"])
print(f"the app: {'a token' if 'access_token' in own else own['error']}")

print(f"the API answers to the thief: {thief.call_api(loot['access_token']).status}")
again = thief.ask_for_token("refresh_token", refresh_token=loot.get("refresh_token", token["refresh_token"]))
print(f"the thief, later: {'a token' if 'access_token' in again else again['error']}")
