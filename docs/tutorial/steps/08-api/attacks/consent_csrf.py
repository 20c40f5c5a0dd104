"""A page of the attacker answers for Ada, who is logged in at the provider and is asked nothing."""

import sys

from browser import Browser

site, client_id = sys.argv[1:]
ada = Browser(site)
ada.fill_in("/", username="ada")
# What a form on another site sends: its fields, with Ada's cookie, and without the value that is on our page.
fields = {"response_type": "code", "client_id": client_id, "confirm": "yes"}
answer = ada.post("/oauth/authorize", {"Origin": "https://evil.example"}, **fields)
print(f"the answer to the form: {answer.status}")
print("the client gets a code" if "code=" in answer.location else "the client gets nothing")
