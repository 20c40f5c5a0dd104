"""A thief intercepts a code on its way to an app without a secret, and redeems it first."""

import secrets
import sys

from browser import Browser, Client, s256

site = sys.argv[1]
ada = Browser(site)
ada.log_in("ada")
app = Client(site, *ada.create_client("none"))

verifier = secrets.token_urlsafe(32)
redirect = ada.allow(app.client_id, code_challenge=s256(verifier), code_challenge_method="S256")
code = redirect.parameters["code"]

# The thief knows the code and the client_id, which is public. The verifier never left the app.
thief = Client(site, app.client_id)
for guess in [{}, {"code_verifier": secrets.token_urlsafe(32)}]:
    loot = thief.ask_for_token("authorization_code", code=code, **guess)
    if "access_token" in loot:
        print(f"the thief reads: {thief.call_api(loot['access_token']).text.strip()}")
        break
    print(f"the thief is refused: {loot['error']}")

token = app.ask_for_token("authorization_code", code=code, code_verifier=verifier)
print(f"the app gets: {'a token' if 'access_token' in token else token['error']}")
