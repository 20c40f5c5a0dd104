"""A page of the attacker sends the login form by itself. Whoever opens that page works in the attacker's account."""

import sys

from browser import Browser

victim = Browser(sys.argv[1])
# What a form on another site sends: its fields, and no cookie of ours.
answer = victim.post("/", {"Origin": "https://evil.example"}, username="mallory")
print(f"the answer to the form: {answer.status}")
page = victim.get("/")
print("the victim is logged in as mallory" if "mallory" in page.text else "the victim is not logged in")
