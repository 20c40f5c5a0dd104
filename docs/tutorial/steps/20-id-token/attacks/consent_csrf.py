"""The attacker's page gives consent on behalf of Ada, who is logged in at the provider and sees nothing."""

import sys

from browser import Browser

site, client_id = sys.argv[1:]
ada = Browser(site)
ada.fill_in("/", username="ada")
# A form on another site sends its fields and Ada's cookie, but not the csrf_token from our page.
fields = {"response_type": "code", "client_id": client_id, "confirm": "yes"}
answer = ada.post("/oauth/authorize", {"Origin": "https://evil.example"}, **fields)
print(f"the answer to the form: {answer.status}")
print("the client gets a code" if "code=" in answer.location else "the client gets nothing")
