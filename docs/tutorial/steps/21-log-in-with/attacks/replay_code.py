"""A leaked code, from a log or the browser's history, is redeemed a second time."""

import sys
from concurrent.futures import ThreadPoolExecutor

from browser import Browser, Client, s256

site = sys.argv[1]
ada = Browser(site)
ada.log_in("ada")
client = Client(site, *ada.create_client())
verifier = "a-verifier-that-a-real-client-draws-at-random"


def get_code():
    redirect = ada.allow(client.client_id, code_challenge=s256(verifier), code_challenge_method="S256")
    return redirect.parameters["code"]


def redeem(code):
    return client.ask_for_token("authorization_code", code=code, code_verifier=verifier)


code = get_code()
first = redeem(code)
print(f"the first use: {'a token' if 'access_token' in first else first['error']}")
second = redeem(code)
print(f"the second use: {'a token' if 'access_token' in second else second['error']}")
print(f"the API answers to the first token: {client.call_api(first['access_token']).status}")

code = get_code()
with ThreadPoolExecutor(20) as threads:
    answers = list(threads.map(redeem, [code] * 20))
print(f"twenty at the same moment: {sum('access_token' in answer for answer in answers)} got a token")
