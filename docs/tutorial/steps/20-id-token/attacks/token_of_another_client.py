"""Mallory runs a horoscope. He logs in at the photo album with the tokens that Ada gave the horoscope."""

import sys

from browser import Browser, Client, s256

site, album, scope = sys.argv[1:]
ada = Browser(site)
ada.log_in("ada")
horoscope = Client(site, *ada.create_client(scope=scope))
verifier = "a-verifier-that-a-real-client-draws-at-random"

mallory = Browser(album)
nonce = mallory.post("/nonce")
parameters = {"code_challenge": s256(verifier), "code_challenge_method": "S256", "nonce": nonce.text}
redirect = ada.allow(horoscope.client_id, **parameters)
tokens = horoscope.ask_for_token("authorization_code", code=redirect.parameters["code"], code_verifier=verifier)

print(f"mallory at the album: {mallory.post('/login', **tokens).text.strip()}")
